package e2e

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/test/e2e/cluster"
)

// leaseRole is all that contending for a lease needs.
const leaseRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: signpost
rules:
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
`

// replica contends for a lease in this process.
type replica struct {
	lease.Lease
	t     *testing.T
	log   *journal
	end   context.CancelFunc
	terms chan struct{} // one for each time that it leads
	done  chan error
}

func contend(ns *cluster.Namespace, t *testing.T, user *cluster.User) *replica {
	t.Helper()
	r := &replica{t: t, log: &journal{}, terms: make(chan struct{}, 10), done: make(chan error, 1)}
	var err error
	r.Lease, err = lease.Open(lease.Options{Name: "signpost-test", Namespace: ns.Name}, user.Config, "", slog.New(slog.NewTextHandler(r.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r.end = cancel
	go func() {
		defer close(r.done)
		r.done <- r.Run(ctx, func(ctx context.Context) error {
			r.terms <- struct{}{}
			<-ctx.Done()
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		for range r.done { // waits for the end
		}
		if t.Failed() {
			t.Logf("a replica's log:\n%s", r.log)
		}
	})
	return r
}

func (r *replica) awaitTerm() {
	r.t.Helper()
	select {
	case <-r.terms:
	case <-time.After(patience):
		r.t.Fatalf("the replica does not lead:\n%s", r.log)
	}
}

func (r *replica) stop() {
	r.t.Helper()
	r.end()
	if err := <-r.done; err != nil {
		r.t.Error(err)
	}
}

// journal keeps what is logged.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// With the permissions of the manifests one of two replicas leads, keeps the
// lease by renewing it, and hands it over at its end.
func TestLeaseIsHandedOver(t *testing.T) {
	ns := shared.Namespace(t)
	user := ns.User(leaseRole)
	a := contend(ns, t, user)
	a.awaitTerm()
	b := contend(ns, t, user)

	renewal := func() *coordinationv1.Lease {
		var l coordinationv1.Lease
		ns.Get("lease/signpost-test", &l)
		return &l
	}
	first := renewal()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for renewal().Spec.RenewTime.Equal(first.Spec.RenewTime) {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("the lease is not renewed")
		}
	}
	if got := renewal(); *got.Spec.HolderIdentity != a.Status().Leader || got.Labels["app.kubernetes.io/name"] != "signpost" {
		t.Errorf("got the lease %+v", got)
	}
	if err := a.Check(time.Second); err != nil {
		t.Errorf("the leader may not write: %v", err)
	}
	if err := b.Check(0); !errors.Is(err, lease.ErrNotHeld) {
		t.Errorf("the standby's check: got %v, want %v", err, lease.ErrNotHeld)
	}

	a.stop()
	start := time.Now()
	b.awaitTerm()
	t.Logf("handed over in %v", time.Since(start))
	if err := a.Check(0); !errors.Is(err, lease.ErrNotHeld) {
		t.Errorf("the check of one that has ended: got %v, want %v", err, lease.ErrNotHeld)
	}
	if err := b.Check(time.Second); err != nil {
		t.Errorf("the new leader may not write: %v", err)
	}
	b.stop()
	if got := *renewal().Spec.HolderIdentity; got != "" {
		t.Errorf("the lease is held by %q after all have ended", got)
	}
	if !strings.Contains(b.log.String(), "standing by") {
		t.Errorf("the standby did not say so:\n%s", b.log)
	}
}

// A role from before there were leases: the process writes alone and says what is missing.
func TestRoleWithoutLeases(t *testing.T) {
	ns := shared.Namespace(t)
	r := contend(ns, t, ns.User(publishedRole))
	r.awaitTerm()
	if s := r.Status(); !s.Alone || !s.Leading {
		t.Errorf("got status %+v, want it to lead alone", s)
	}
	r.stop()
	want := regexp.MustCompile(`may not get leases in namespace ` + ns.Name + `: .*` +
		regexp.QuoteMeta(`{apiGroups: [\"coordination.k8s.io\"], resources: [\"leases\"], verbs: [\"get\", \"create\", \"update\"]}`))
	if log := r.log.String(); strings.Count(log, "level=WARN") != 1 || !want.MatchString(log) {
		t.Errorf("want one warning that names the rule, got:\n%s", log)
	}
}
