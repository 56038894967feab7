package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/e2e/cluster"
)

const (
	eventsRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: signpost-events
rules:
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
`
	// approverRole is what a person needs to approve.
	approverRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: approver
rules:
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list, patch]
`
)

// severalHosts is an Ingress with these hosts.
func severalHosts(name string, hosts ...string) string {
	var rules []string
	for _, h := range hosts {
		rules = append(rules, fmt.Sprintf("{host: %s.example.com}", h))
	}
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s}
spec: {rules: [%s], defaultBackend: {service: {name: any, port: {number: 80}}}}
status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}
`, name, strings.Join(rules, ", "))
}

// What is held stays held when the leader is killed and the zone grows; a person
// approves it on the Lease; and objects hear of what is refused.
func TestHoldOutlivesItsLeader(t *testing.T) {
	w := newWorld(t)
	w.user = w.User(publishedRole + "---" + leaseRole + "---" + eventsRole)
	approver := w.User(approverRole)
	args := flags("--policy=sync", "--delete-grace=0s", "--lease-name=signpost", "--lease-namespace="+w.Name)
	w.edit(w.zone, "CREATE", emulator.RecordSet{Name: "theirs.example.com.", Type: "A", TTL: 60, Values: []string{"192.0.2.9"}})
	w.Apply(severalHosts("web", "a", "b", "c", "d", "e"))
	first := w.start(args...)
	first.await("10 record(s) were successfully updated")
	w.Delete("ingress/web")
	line := first.await("5 deletions are held in example.com")
	id := regexp.MustCompile(`\(([0-9a-f]{10})\)`).FindStringSubmatch(line)[1]
	if command := "kubectl -n " + w.Name + " annotate --overwrite lease signpost signpost.dev/approve=" + id; !strings.Contains(line, command) {
		t.Errorf("the log does not say how to approve by %q:\n%s", command, line)
	}
	w.awaitEvent("Warning", "Lease", "Held", id)
	w.awaitLease(func(l *coordinationv1.Lease) bool { return strings.Contains(l.Annotations["signpost.dev/guard"], id) })
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	// To one that knows nothing of the first leader the five would be few.
	others := []string{"f", "g", "h", "i", "j", "k"}
	w.Apply(severalHosts("new", append(others, "theirs")...))
	second := w.start(args...)
	second.await("CREATE f.example.com A")
	second.await("5 deletions are held in example.com", id)
	w.awaitEvent("Warning", "Ingress", "NotOwned", "theirs.example.com A")
	if strings.Contains(second.log(), "DELETE") {
		t.Fatalf("the second leader deletes what the first held:\n%s", second.log())
	}

	w.approve(approver, id)
	const theirs = "theirs.example.com. 60 A 192.0.2.9"
	want := []string{theirs}
	for _, h := range others {
		want = append(want, h+".example.com. 300 A 192.0.2.1", w.claim("a-"+h+".example.com.", "my-identifier", "ingress", "new"))
	}
	w.awaitZone(w.zone, want...)
	l := w.awaitLease(func(l *coordinationv1.Lease) bool { _, given := l.Annotations["signpost.dev/approve"]; return !given })
	var left map[string]struct{ ID string }
	if err := json.Unmarshal([]byte(l.Annotations["signpost.dev/guard"]), &left); err != nil {
		t.Errorf("what is left on the Lease: %v: %s", err, l.Annotations)
	}
	for zone, s := range left {
		if s.ID != "" {
			t.Errorf("%s is held still in %s: %s", s.ID, zone, l.Annotations)
		}
	}

	// It outlives one that is asked to end, too, and is approved as the log says.
	w.Delete("ingress/new")
	id = regexp.MustCompile(`\(([0-9a-f]{10})\)`).FindStringSubmatch(second.await("6 deletions are held in example.com"))[1]
	if code := second.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	third := w.start(args...)
	third.await("6 deletions are held in example.com", id)
	w.wantZone(w.zone, want...)
	w.Annotate("lease/signpost", "signpost.dev/approve", "0123456789 "+id)
	w.awaitZone(w.zone, theirs)
	third.await("the approval 0123456789 fits nothing that is held")
	w.awaitLease(func(l *coordinationv1.Lease) bool { return l.Annotations["signpost.dev/approve"] == "0123456789" })
}

// With --once, too, what is held stays held for the next start, and goes when it is
// approved on the Lease. While nothing is held there is none.
func TestHoldOutlivesOnce(t *testing.T) {
	w := newWorld(t)
	w.user = w.User(publishedRole + "---" + leaseRole)
	approver := w.User(approverRole)
	args := flags("--policy=sync", "--lease-name=signpost", "--lease-namespace="+w.Name)
	hosts := func(prefix string, n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint(prefix, i))
		}
		return all
	}
	w.Apply(severalHosts("goes", hosts("a", 12)...) + "---" + severalHosts("stays", hosts("b", 18)...))
	w.mustOnce(args...)
	var leases coordinationv1.LeaseList
	if err := w.Client.List(t.Context(), &leases, client.InNamespace(w.Name)); err != nil || len(leases.Items) > 0 {
		t.Errorf("there are Leases though nothing is held: %v, %v", leases.Items, err)
	}
	w.Delete("ingress/goes")
	code, log := w.once(args...)
	held := regexp.MustCompile(`12 deletions are held in example.com \(([0-9a-f]{10})\)`).FindStringSubmatch(log)
	if code != 3 || held == nil {
		t.Fatalf("exit code %d, want 3 for what is held:\n%s", code, log)
	}
	w.Apply(severalHosts("more", hosts("c", 20)...)) // 12 of 50 would be few
	if code, log := w.once(args...); code != 3 || strings.Contains(log, "DELETE") || !strings.Contains(log, held[1]) {
		t.Errorf("exit code %d, want 3 for what is held still:\n%s", code, log)
	}
	w.approve(approver, held[1])
	if log := w.mustOnce(args...); strings.Count(log, "Desired change: DELETE") != 24 {
		t.Errorf("what was approved does not go:\n%s", log)
	}
	w.awaitLease(func(l *coordinationv1.Lease) bool { _, given := l.Annotations["signpost.dev/approve"]; return !given })
	if code, log := w.once(args...); code != 0 {
		t.Errorf("exit code %d:\n%s", code, log)
	}
}

// approve runs "signpost approve".
func (w *world) approve(as *cluster.User, id string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	path, err := program()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, "approve", id, "--lease-namespace="+w.Name, "--kubeconfig="+as.Kubeconfig)
	cmd.Env = w.env
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Approved "+id+" on the Lease "+w.Name+"/signpost.") {
		w.t.Fatalf("signpost approve: %v\n%s", err, out)
	}
}

// awaitLease waits until the Lease is as wanted.
func (w *world) awaitLease(ok func(*coordinationv1.Lease) bool) *coordinationv1.Lease {
	w.t.Helper()
	var l coordinationv1.Lease
	w.poll("the Lease", func() (bool, string) {
		l = coordinationv1.Lease{}
		w.Get("lease/signpost", &l)
		return ok(&l), fmt.Sprint(l.Annotations)
	})
	return &l
}

// awaitEvent waits for an Event of a type on an object of a kind, with these words.
func (w *world) awaitEvent(sort, kind, reason, words string) {
	w.t.Helper()
	w.poll("Event "+reason, func() (bool, string) {
		var seen []string
		for _, e := range w.events() {
			if e.Regarding.Kind == kind && e.Reason == reason && strings.Contains(e.Note, words) && e.Regarding.UID != "" && e.Type == sort {
				return true, ""
			}
			seen = append(seen, fmt.Sprintf("%s %s %s %s: %s", e.Regarding.Kind, e.Regarding.Name, e.Regarding.UID, e.Reason, e.Note))
		}
		return false, strings.Join(seen, "\n")
	})
}

func (w *world) events() []eventsv1.Event {
	w.t.Helper()
	var list eventsv1.EventList
	if err := w.Client.List(w.t.Context(), &list, client.InNamespace(w.Name)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// poll waits until something is as it shall be.
func (w *world) poll(what string, ok func() (bool, string)) {
	w.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		done, seen := ok()
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("%s does not come; last seen:\n%s", what, seen)
		}
	}
}
