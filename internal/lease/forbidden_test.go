package lease

import (
	"testing"
	"testing/synctest"
	"time"
)

const rule = `hint="add this rule to a Role in namespace dns: {apiGroups: [\"coordination.k8s.io\"], resources: [\"leases\"], verbs: [\"get\", \"create\", \"update\"]}"`

func aloneFor(verb string) string {
	return `level=WARN msg="no lease: this process writes alone, and a second replica would write beside it" ` +
		`reason="may not ` + verb + ` leases in namespace dns: leases.coordination.k8s.io is forbidden: ` +
		`User \"signpost\" cannot ` + verb + ` resource \"leases\"" ` + rule
}

func TestForbiddenLeases(t *testing.T) {
	for _, verb := range []string{"get", "create"} {
		t.Run(verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &apiServer{}
				server.set(0, verb)
				a := contend(t, server, "a", false)
				term, _ := a.awaitTerm(t)
				time.Sleep(time.Hour)
				if left, ok := a.Held(); term.Err() != nil || !ok || left != Forever {
					t.Errorf("a holds %v, %t and its work ends with %v; want it forever", left, ok, term.Err())
				}
				if s := a.Status(); !s.Leading || !s.Alone || s.Trouble == "" {
					t.Errorf("got status %+v", s)
				}
				if n := len(server.requests); n > 250 {
					t.Errorf("%d requests in an hour", n)
				}
				wantLog(t, a, aloneFor(verb))
				a.stop(t)
				wantLog(t, a, aloneFor(verb))
			})
		})
	}
}

// One that may only read leases waits for the holder that it finds; if that one
// never comes back, it writes alone in spite of him.
func TestForbiddenUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		dead := contend(t, server, "dead", false)
		dead.awaitTerm(t)
		dead.line.cut()
		dead.end()
		<-dead.done
		server.set(0, "create", "update")
		a := contend(t, server, "a", false)
		term, took := a.awaitTerm(t)
		if took < lasts {
			t.Errorf("a writes after %v", took)
		}
		time.Sleep(time.Hour)
		if term.Err() != nil {
			t.Error("a stopped")
		}
		a.stop(t)
		wantLog(t, a, `level=INFO msg="standing by" leader=dead`, aloneFor("update"))
	})
}

// Two that wrote alone are one leader and one standby when leases are allowed.
func TestAllowedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		server.set(0, "get", "create", "update")
		a, b := contend(t, server, "a", false), contend(t, server, "b", false)
		a.awaitTerm(t)
		b.awaitTerm(t)
		time.Sleep(time.Minute)
		server.set(0)
		time.Sleep(time.Minute)
		got := writers(a, b)
		if got != "a" && got != "b" {
			t.Errorf("who may write: got %q, want one", got)
		}
		if len(a.terms)+len(b.terms) > 0 {
			t.Error("the work of one was interrupted for nothing")
		}
		a.stop(t)
		b.stop(t)
	})
}

// A permission that is taken away for a moment makes nobody write beside the
// leader; if it stays away, all write alone.
func TestForbiddenForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		a.awaitTerm(t)
		b := contend(t, server, "b", false)
		time.Sleep(10 * time.Second)
		server.set(0, "get", "update")
		time.Sleep(5 * time.Second)
		if got := writers(a, b); got != "a" {
			t.Errorf("who may write: got %q, want a", got)
		}
		server.set(0)
		time.Sleep(time.Minute)
		if got := writers(a, b); got != "a" || len(b.terms) > 0 {
			t.Errorf("who may write: got %q, want a throughout", got)
		}
		server.set(0, "get", "update")
		time.Sleep(time.Minute)
		if got := writers(a, b); got != "a b" {
			t.Errorf("who may write: got %q, want both", got)
		}
		a.stop(t)
		b.stop(t)
	})
}
