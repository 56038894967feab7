package expose_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"

	"github.com/signpost-dns/signpost/internal/expose"
)

const bothOpen = "signpost-k.example.com: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0"

// hide has lists of Services come back empty until the function that it returns is called.
func (f *farm) hide() (show func()) {
	hidden := true
	f.client.PrependReactor("list", "services", func(k8stesting.Action) (bool, runtime.Object, error) {
		return hidden, &corev1.ServiceList{}, nil
	})
	return func() { hidden = false }
}

// writes are the calls of EC2 that change something.
func (f *farm) writes() []string {
	var out []string
	for _, c := range f.srv.Calls() {
		if !strings.HasPrefix(c.Action, "Describe") {
			out = append(out, c.Action)
		}
	}
	return out
}

// stays makes passes for a time, and compares the firewall after each.
func (f *farm) stays(long time.Duration, want ...string) {
	f.Helper()
	for range int(long / time.Minute) {
		f.try(nil, f.Once(f.Context()))
		if got := f.firewall(); !slices.Equal(got, want) {
			f.Fatalf("open is %v, and not %v\n%s", got, want, f.log.String())
		}
		time.Sleep(time.Minute)
	}
}

// vanish takes a Service away though it has our finalizer, as the client of tests lets one, and an API server does not.
func (f *farm) vanish(name string) {
	f.Helper()
	f.try(nil, f.client.CoreV1().Services("default").Delete(f.Context(), name, metav1.DeleteOptions{}))
}

func TestEmptyListClosesNothing(t *testing.T) {
	bubble(t, 3, func(f *farm) {
		f.create(udp("udp", 6315))
		f.try(nil, f.passes())
		before := f.get("udp")
		f.srv.ResetCalls()
		for range 2 { // when it comes back the time begins anew
			f.log.Reset()
			show := f.hide()
			f.stays(14*time.Minute, bothOpen)
			if n := strings.Count(f.log.String(), "service/default/udp"); n != 1 || !strings.Contains(f.log.String(), "level=WARN") {
				t.Errorf("told %d times:\n%s", n, f.log.String())
			}
			show()
			f.stays(30*time.Minute, bothOpen)
		}
		if calls := f.writes(); len(calls) > 0 {
			t.Errorf("EC2 was written: %v", calls)
		}
		if after := f.get("udp"); !slices.Equal(after.Spec.ExternalIPs, before.Spec.ExternalIPs) || after.Annotations["signpost.dev/nodes"] != before.Annotations["signpost.dev/nodes"] {
			t.Errorf("the Service was written: %v", after)
		}
	})
}

func TestLongEmptyListClosesInTheEnd(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		f.create(udp("udp", 6315))
		f.try(nil, f.passes())
		show := f.hide()
		f.stays(15*time.Minute, bothOpen)
		f.stays(5 * time.Minute)
		show()
		f.try(nil, f.passes())
		f.stays(5*time.Minute, bothOpen)
	})
}

// A Service that was deleted without its finalizer stays open for 15 minutes, on nodes that are still there, while others come and go.
func TestDeletedWithoutFinalizer(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		f.create(udp("udp", 6315))
		f.try(nil, f.passes())
		f.vanish("udp")
		f.stays(5*time.Minute, bothOpen)
		f.srv.RemoveInstance("i-00000000000000001")
		f.try(nil, f.client.CoreV1().Nodes().Delete(f.Context(), "n1", metav1.DeleteOptions{}))
		f.create(udp("other", 53, "external-ips.alpha.openfresh.github.io/maxips", "1"))
		f.try(nil, f.passes())
		f.stays(10*time.Minute, "signpost-k.example.com: n2 | 53/udp 0.0.0.0/0, 53/udp ::/0, 6315/udp 0.0.0.0/0, 6315/udp ::/0")
		f.stays(5*time.Minute, "signpost-k.example.com: n2 | 53/udp 0.0.0.0/0, 53/udp ::/0")
	})
}

func TestProperEndClosesAtOnce(t *testing.T) {
	ends := map[string]func(*corev1.Service){
		"deleted":               func(s *corev1.Service) { now := metav1.Now(); s.DeletionTimestamp = &now },
		"another's":             func(s *corev1.Service) { s.Annotations["signpost.dev/exposed-by"] = "another" },
		"stripped of all notes": func(s *corev1.Service) { s.Annotations, s.Finalizers = nil, nil },
	}
	for what, end := range ends {
		t.Run(what, func(t *testing.T) {
			bubble(t, 2, func(f *farm) {
				f.Owner = "one"
				f.create(udp("udp", 6315))
				f.try(nil, f.passes())
				f.stays(time.Minute, bothOpen)
				f.service("udp", end)
				f.try(nil, f.Once(f.Context()))
				f.vanish("udp")
				f.stays(5 * time.Minute)
			})
		})
	}
}

// Nothing is known of what was served before a restart.
func TestRestartForgetsWhatVanished(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		f.create(udp("udp", 6315))
		f.try(nil, f.passes())
		f.vanish("udp")
		f.stays(5*time.Minute, bothOpen)
		f.Controller = &expose.Controller{Client: f.client, Firewall: f.Firewall, May: f.May, Log: f.Log}
		f.try(nil, f.Once(f.Context()))
		f.stays(5 * time.Minute)
	})
}
