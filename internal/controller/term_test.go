package controller_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// seat is a lease that a test gives and takes.
type seat struct {
	mu     sync.Mutex
	held   bool
	lapses bool          // it is held, and not for long enough to write
	news   chan struct{} // closed when held changes
	gave   chan struct{} // closed when it is given up
}

func newSeat(held bool) *seat {
	return &seat{held: held, news: make(chan struct{}), gave: make(chan struct{})}
}

func (s *seat) set(held, lapses bool) {
	s.mu.Lock()
	s.held, s.lapses = held, lapses
	close(s.news)
	s.news = make(chan struct{})
	s.mu.Unlock()
	synctest.Wait()
}

func (s *seat) look() (held bool, news <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, s.news
}

// Run implements [lease.Lease].
func (s *seat) Run(ctx context.Context, lead func(context.Context) error) error {
	defer close(s.gave)
	for ctx.Err() == nil {
		held, news := s.look()
		if !held {
			select {
			case <-news:
			case <-ctx.Done():
			}
			continue
		}
		term, end := context.WithCancel(ctx)
		go func() {
			for held, news := s.look(); held; held, news = s.look() {
				select {
				case <-news:
				case <-term.Done():
					return
				}
			}
			end()
		}()
		if err := lead(term); err != nil {
			return err
		}
		end()
	}
	return nil
}

// Held implements [lease.Lease].
func (s *seat) Held() (time.Duration, bool) {
	held, _ := s.look()
	return time.Minute, held
}

// Check implements [lease.Lease].
func (s *seat) Check(time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held || s.lapses {
		return lease.ErrNotHeld
	}
	return nil
}

// Status implements [lease.Lease].
func (s *seat) Status() lease.Status {
	if held, _ := s.look(); held {
		return lease.Status{Leading: true, Leader: "me"}
	}
	return lease.Status{Leader: "the other"}
}

// A replica that stands by keeps up with the objects and makes no call. Once it
// leads it makes what they want by then.
func TestStandby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, to, s := newCloud(example), &told{}, newSeat(false)
		put(cloud, example, "taken", "198.51.100.1")
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Lease, c.Events = s, to })
		web := service("web", "www.example.com", "192.0.2.1")
		w.begin(web, service("taken", "taken.example.com", "192.0.2.2"), service("bad", "bad..example.com", "192.0.2.3"))
		wait(time.Hour)
		w.remove(web)
		w.apply(service("api", "api.example.com", "192.0.2.4"))
		wait(time.Hour)
		if took := cloud.took(); took != "" {
			t.Errorf("calls of a standby: %s", took)
		}
		to.expect(t, "standing by")
		if ok, text := w.ready(); !ok || !strings.Contains(text, "lease: standing by, the other leads\n") || strings.Contains(text, "zones") {
			t.Errorf("ready: %v\n%s", ok, text)
		}
		if e := w.c.Explain("api.example.com."); e.Verdict != "nothing here, because this replica stands by: ask the other, which leads" {
			t.Errorf("explained:\n%s", e)
		}
		w.wantMetrics("standing by", map[string]float64{"signpost_leading": 0, "external_dns_source_records{a}": 2, "signpost_refusals{BadHostname}": 1},
			"external_dns_controller_last_sync_timestamp_seconds", "external_dns_registry_endpoints_total")

		s.set(true, false)
		settle()
		holds(t, cloud, example, "taken A 198.51.100.1", "api A 192.0.2.4")
		if took := cloud.took(); took != "Zones Page Apply" {
			t.Errorf("calls of one that begins to lead: %s", took)
		}
		to.expect(t, "leading", "! Service bad BadHostname Derive: ", "! Service bad Frozen Derive: ",
			"! Service taken NotOwned Publish: ", "+ Service api RecordReady Created: ")
		w.wantMetrics("leading", map[string]float64{"signpost_leading": 1, "external_dns_registry_endpoints_total": 5})
	})
}

// One that has lost the lease makes no call, and says nothing of zones that it
// does not know any more. When it leads again it begins anew.
func TestLostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, s := newCloud(example), newSeat(true)
		put(cloud, example, "taken", "198.51.100.1")
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Lease = s })
		w.begin(service("web", "a.example.com,b.example.com,c.example.com,d.example.com", "192.0.2.1"),
			service("taken", "taken.example.com", "192.0.2.2"))
		w.remove(service("web", ""))
		wait(time.Hour)
		cloud.faults(on("Apply", denied), nil)
		w.apply(service("denied", "denied.example.com", "192.0.2.5"))
		wait(time.Minute)
		w.wantMetrics("leading", map[string]float64{"signpost_held_deletions{example.com}{Z1}": 4, "signpost_refusals{NotOwned}": 1,
			"signpost_quarantined_names": 1, "signpost_leading": 1})
		if w.metric("external_dns_controller_consecutive_soft_errors") == 0 {
			t.Error("no errors are counted though writes are denied")
		}

		s.set(false, false)
		cloud.took()
		log.took()
		w.apply(service("late", "late.example.com", "192.0.2.3"))
		wait(time.Hour)
		if took, lines := cloud.took(), log.took(); took != "" || lines != "" {
			t.Errorf("calls after the loss: %s\n%s", took, lines)
		}
		w.wantMetrics("after the loss", map[string]float64{"signpost_leading": 0, "signpost_quarantined_names": 0, "signpost_refusals{NotOwned}": 0,
			"external_dns_controller_consecutive_soft_errors": 0},
			"signpost_held_deletions{example.com}{Z1}", "signpost_audit_age_seconds{example.com}{Z1}", "external_dns_registry_endpoints_total")
		if ok, text := w.ready(); !ok || strings.Contains(text, "held in") {
			t.Errorf("ready: %v\n%s", ok, text)
		}

		cloud.faults(nil, nil)
		s.set(true, false)
		settle()
		if took := cloud.took(); !strings.HasPrefix(took, "Zones Page Apply") {
			t.Errorf("calls of one that leads again: %s", took)
		}
		wait(time.Minute)
		w.wantMetrics("leading again", map[string]float64{"signpost_held_deletions{example.com}{Z1}": 4, "signpost_refusals{NotOwned}": 1})
		holds(t, cloud, example, "a A 192.0.2.1", "b A 192.0.2.1", "c A 192.0.2.1", "d A 192.0.2.1", "denied A 192.0.2.5",
			"late A 192.0.2.3", "taken A 198.51.100.1")
	})
}

// A lease that may lapse before a write is over permits none.
func TestNoWriteWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, s := newCloud(example), newSeat(true)
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Lease = s })
		w.begin()
		s.set(true, true)
		cloud.took()
		w.apply(service("web", "www.example.com", "192.0.2.1"))
		wait(10 * time.Second)
		if took := cloud.took(); took != "" {
			t.Errorf("calls: %s", took)
		}
		holds(t, cloud, example)
		s.set(true, false)
		wait(time.Minute)
		holds(t, cloud, example, "www A 192.0.2.1")
	})
}

// At the end the batch under way is finished, no other is begun nor told of, and
// then the lease is given up.
func TestEndFinishesTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, s := newCloud(example), newSeat(true)
		w, log := newWorld(t, cloud, func(c *controller.Config) {
			c.Lease = s
			c.Rules.Traits.Batch.Changes = 4 // two names with their claims
		})
		w.begin()
		log.took()
		slow := make(chan struct{})
		cloud.faults(nil, func(c memory.Call) error {
			if c.Op == "Apply" {
				<-slow
			}
			return nil
		})
		for i := range 6 {
			w.apply(service(fmt.Sprint("s", i), fmt.Sprintf("s%d.example.com", i), "192.0.2.1"))
		}
		wait(time.Second)
		ended := make(chan error)
		go func() { ended <- w.stop() }()
		wait(time.Second)
		select {
		case <-s.gave:
			t.Error("the lease is given up while a batch is under way")
		case err := <-ended:
			t.Errorf("Run returns while a batch is under way: %v", err)
		default:
		}
		close(slow)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		<-s.gave
		holds(t, cloud, example, "s0 A 192.0.2.1", "s1 A 192.0.2.1")
		lines := log.took()
		if n := strings.Count(lines, "Desired change: "); n != 4 || !strings.Contains(lines, "4 record(s) were successfully updated") || strings.Contains(lines, "level=ERROR") {
			t.Errorf("told of %d changes, want those of the batch that was sent:\n%s", n, lines)
		}
	})
}

// wantMetrics checks the values of metrics, and that others are not there.
func (w *world) wantMetrics(when string, want map[string]float64, absent ...string) {
	w.t.Helper()
	for name, value := range want {
		if got := w.metric(name); got != value {
			w.t.Errorf("%s: %s is %v, want %v", when, name, got, value)
		}
	}
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "{" + l.GetValue() + "}"
			}
			for _, no := range absent {
				if name == no {
					w.t.Errorf("%s: there is %s", when, name)
				}
			}
		}
	}
}
