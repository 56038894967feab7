package controller

import (
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/provider/memory"
	"github.com/signpost-dns/signpost/internal/source"
)

// nowhere is a feed that delivers nothing.
type nowhere struct{ objects.Feed }

func (nowhere) Add(schema.GroupVersionKind) error { return nil }

// TestReplanWhileAllIsTaken has the loop ask for all names to be planned, with the
// controller's lock held, while the keeper gathers them, which takes that lock: in
// one order or the other, neither may wait for the other for ever.
func TestReplanWhileAllIsTaken(t *testing.T) {
	z := dns.Zone{ID: "Z1", Name: "example.com."}
	deriver, err := source.New(source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := New(Config{Feed: nowhere{}, Deriver: deriver, Provider: memory.New(dns.Traits{Atomic: true}, z),
		Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)})
	k := c.newKeeper(z)
	if err := k.worker.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.replan()
	begin, ended := make(chan struct{}), make(chan struct{})
	go func() {
		for range begin {
			k.due(t.Context())
			ended <- struct{}{}
		}
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			c.mu.Lock()
			begin <- struct{}{}
			for range 100 {
				runtime.Gosched() // the keeper gets as far as it can
			}
			k.replan()
			c.mu.Unlock()
			<-ended // else the next turn may begin with the lock held that this one waits for
		}
		close(begin)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the loop and the keeper wait for each other")
	}
}
