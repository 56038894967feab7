package lease

import (
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
)

// visit is a process that makes one pass.
func visit(t *testing.T, server *apiServer) *Visit {
	t.Helper()
	way := &line{server: server}
	way.connect()
	v, err := OpenVisit(Options{Name: "signpost-test", Namespace: "dns"}, &rest.Config{Host: "https://192.0.2.1:6443", Transport: way,
		ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, "derived")
	if err != nil || v == nil {
		t.Fatal(v, err)
	}
	return v
}

func leave(t *testing.T, v *Visit) {
	t.Helper()
	if err := v.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

// What one visit leaves the next reads, and so does who contends; what a leader
// keeps on its Lease no visit changes.
func TestVisit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		v := visit(t, server)
		if got := v.Read("guard"); got != "" || v.Err() != nil {
			t.Errorf("read %q, %v though there is no Lease", got, v.Err())
		}
		leave(t, v)
		if server.current() != nil {
			t.Error("a Lease was made for nothing")
		}
		v.Write("guard", "1")
		leave(t, v)
		if l := server.current(); l.Labels["app.kubernetes.io/name"] != "signpost" || l.Annotations["guard"] != "1" || l.Spec.HolderIdentity != nil {
			t.Errorf("made the Lease %+v", l)
		}
		v = visit(t, server)
		if got := v.Read("guard"); got != "1" {
			t.Errorf("the next reads %q", got)
		}
		v.Write("guard", "2")
		server.edit(func(l *coordinationv1.Lease) { l.Annotations["approve"] = "x" }) // meanwhile
		leave(t, v)
		if l := server.current(); l.Annotations["guard"] != "2" || l.Annotations["approve"] != "x" {
			t.Errorf("left %v", l.Annotations)
		}

		a := contend(t, server, "a", false)
		a.awaitTerm(t)
		if got := a.Read("guard"); got != "2" {
			t.Errorf("the leader reads %q", got)
		}
		v = visit(t, server)
		if got := v.Read("guard"); got != "2" {
			t.Errorf("a visit to a leader reads %q", got)
		}
		v.Write("guard", "3")
		leave(t, v)
		if l := server.current(); l.Annotations["guard"] != "2" {
			t.Errorf("left %v though somebody leads", l.Annotations)
		}
		a.stop(t)
		v = visit(t, server)
		v.Write("guard", "")
		if got := v.Read("guard"); got != "" {
			t.Errorf("read %q after it was removed", got)
		}
		leave(t, v)
		if _, there := server.current().Annotations["guard"]; there {
			t.Error("it was not removed")
		}
	})
}

// Who may not read Leases does without, and hears of it only if he has something
// to leave.
func TestVisitForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		server.set(0, "get")
		v := visit(t, server)
		if got := v.Read("guard"); got != "" || v.Err() == nil {
			t.Errorf("read %q, %v", got, v.Err())
		}
		leave(t, v)
		v.Write("guard", "1")
		if err := v.Leave(t.Context()); err == nil {
			t.Error("no error though nothing could be left")
		}
		server.set(0, "create")
		v = visit(t, server)
		v.Write("guard", "1")
		start := time.Now()
		if err := v.Leave(t.Context()); err == nil || time.Since(start) > patience {
			t.Errorf("left: %v after %v", err, time.Since(start))
		}
	})
}

func TestOpenVisit(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	for what, config := range map[string]*rest.Config{"no cluster": nil, "outside": {Host: "https://192.0.2.1"}} {
		if v, err := OpenVisit(Options{}, config, "derived"); v != nil || err != nil {
			t.Errorf("%s: got %v, %v", what, v, err)
		}
	}
	if v, err := OpenVisit(Options{Name: "mine"}, &rest.Config{Host: "https://192.0.2.1"}, "derived"); v != nil || err != nil {
		t.Errorf("without a namespace: got %v, %v", v, err)
	}
}
