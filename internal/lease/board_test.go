package lease

import (
	"context"
	"maps"
	"testing"

	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// oneLease is a client for which there is one Lease.
type oneLease struct {
	coordinationv1.LeaseInterface
	lease *coordination.Lease
	err   error
}

func (o *oneLease) Leases(string) coordinationv1.LeaseInterface { return o }

func (o *oneLease) Get(context.Context, string, metav1.GetOptions) (*coordination.Lease, error) {
	return o.lease.DeepCopy(), o.err
}

func (o *oneLease) Update(_ context.Context, l *coordination.Lease, _ metav1.UpdateOptions) (*coordination.Lease, error) {
	if o.err == nil {
		o.lease = l.DeepCopy()
	}
	return o.lease.DeepCopy(), o.err
}

// What is written on the board goes with the next update that succeeds, beside
// what others have written; what is wiped goes never.
func TestBoard(t *testing.T) {
	server := &oneLease{lease: &coordination.Lease{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"theirs": "1", "approve": "x"}}}}
	b := newBoard(server)
	update := func() {
		t.Helper()
		leases := b.Leases("any")
		l, err := leases.Get(t.Context(), "any", metav1.GetOptions{})
		if err != nil {
			return
		}
		sent := l.DeepCopy()
		_, _ = leases.Update(t.Context(), l, metav1.UpdateOptions{}) // an error is what is tested
		if !maps.Equal(sent.Annotations, l.Annotations) {
			t.Errorf("the Lease that was given to Update was changed to %v", l.Annotations)
		}
	}
	holds := func(when string, want map[string]string) {
		t.Helper()
		if !maps.Equal(server.lease.Annotations, want) {
			t.Errorf("%s: the Lease has %v, want %v", when, server.lease.Annotations, want)
		}
	}
	if b.read("approve") != "" {
		t.Error("something is known of a Lease that was not read")
	}
	update()
	if b.read("approve") != "x" || b.read("none") != "" {
		t.Errorf("read %q", b.read("approve"))
	}
	b.write("approve", "")
	b.write("guard", "{}")
	if b.read("approve") != "" || b.read("guard") != "{}" {
		t.Error("what was written is not read")
	}
	holds("before an update", map[string]string{"theirs": "1", "approve": "x"})
	server.lease.Annotations["theirs"] = "2"
	update()
	holds("after it", map[string]string{"theirs": "2", "guard": "{}"})

	server.lease.Annotations["approve"] = "y"
	update()
	if b.read("approve") != "y" {
		t.Error("what was removed cannot come back")
	}
	b.write("guard", "lost")
	b.wipe()
	update()
	holds("after a wipe", map[string]string{"theirs": "2", "guard": "{}", "approve": "y"})

	b.write("guard", "late")
	server.err = context.DeadlineExceeded
	_, _ = b.Leases("any").Update(t.Context(), server.lease, metav1.UpdateOptions{})
	server.err = nil
	update()
	holds("after an update that failed", map[string]string{"theirs": "2", "guard": "late", "approve": "y"})
}
