package zone

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// request is a call that somebody wants to make.
type request struct {
	at       time.Duration // when it comes; no two come at once
	priority Priority
	zone     string
	patience time.Duration // how long it waits; 0 is for ever
	arrives  time.Duration // how long after its turn it arrives at the service
	ends     time.Duration // how long after that it ends
	end      error

	number  uint64        // of its turn; 0 if it went away
	turn    time.Duration // when it came, or when it went away
	stopped time.Duration
}

func (r *request) waitedAt(number uint64, at time.Duration) bool {
	return r.at < at && (r.number > number || r.number == 0 && r.turn > at)
}

func (r *request) String() string {
	return fmt.Sprintf("%v for %s, wanted at %v, number %d at %v", r.priority, r.zone, r.at, r.number, r.turn)
}

func drawRequests(t *rapid.T, ends []error) []*request {
	ms := time.Millisecond
	quiet := rapid.IntRange(1, 400).Draw(t, "longest gap in ms")
	impatient := rapid.Bool().Draw(t, "impatient")
	var out []*request
	var at time.Duration
	for range rapid.IntRange(1, 120).Draw(t, "requests") {
		at += time.Duration(rapid.IntRange(1, quiet).Draw(t, "gap")) * ms
		r := &request{
			at:       at,
			priority: Priority(rapid.IntRange(0, 2).Draw(t, "priority")),
			zone:     rapid.SampledFrom([]string{"", "Z1", "Z2", "Z3"}).Draw(t, "zone"),
			arrives:  time.Duration(rapid.IntRange(0, 250).Draw(t, "arrives")) * ms,
			ends:     time.Duration(rapid.IntRange(0, 250).Draw(t, "ends")) * ms,
			end:      rapid.SampledFrom(ends).Draw(t, "end"),
		}
		if impatient && rapid.Bool().Draw(t, "leaves") {
			// Half a millisecond, so that nothing else happens at that time.
			r.patience = time.Duration(rapid.IntRange(0, 5000).Draw(t, "patience"))*ms + ms/2
		}
		out = append(out, r)
	}
	return out
}

// play lets the requests happen, and returns the governor at the end.
func play(t *testing.T, c GovernorConfig, all []*request) *Governor {
	g := NewGovernor(c)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var wg sync.WaitGroup
		for _, r := range all {
			wg.Go(func() {
				time.Sleep(r.at)
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if r.patience > 0 {
					ctx, cancel = context.WithTimeout(ctx, r.patience)
				}
				defer cancel()
				turn, err := g.Wait(ctx, r.priority, r.zone)
				r.turn = time.Since(start)
				if err != nil {
					return
				}
				r.number = turn.number
				time.Sleep(r.arrives + r.ends)
				r.stopped = time.Since(start)
				turn.Done(r.end)
			})
		}
		wg.Wait()
		if s := g.Stats(); s.Waiting != [priorities]int{} || len(g.bucket.underway) != 0 {
			t.Errorf("in the end calls wait or are under way: %+v, %v", s, g.bucket.underway)
		}
	})
	return g
}

// served returns those who had their turns, in order, and fails the test if
// somebody went away without need.
func served(t *rapid.T, all []*request) []*request {
	var out []*request
	for _, r := range all {
		if r.number > 0 {
			out = append(out, r)
		} else if r.patience == 0 || r.turn != r.at+r.patience {
			t.Fatalf("%v went away with patience %v", r, r.patience)
		}
	}
	slices.SortFunc(out, func(a, b *request) int { return cmp.Compare(a.number, b.number) })
	return out
}

// withinRate checks every window between two of the times.
func withinRate(t *rapid.T, what string, rate float64, burst int, at []time.Duration) {
	slices.Sort(at)
	for i := range at {
		for j := i; j < len(at); j++ {
			if n, most := float64(j-i+1), float64(burst)+rate*(at[j]-at[i]).Seconds()+1e-6; n > most {
				t.Fatalf("%v calls %s between %v and %v, want at most %v", n, what, at[i], at[j], most)
			}
		}
	}
}

// Whatever comes, whatever the service answers, however long calls take: no
// window has more calls than it may, be it by our clock or by the service's,
// and whoever waits has his turn or goes away.
func TestPropertyRate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := GovernorConfig{Rate: float64(rapid.IntRange(1, 10).Draw(rt, "rate")), Burst: rapid.IntRange(1, 6).Draw(rt, "burst")}
		all := drawRequests(rt, []error{nil, nil, nil, errConflict, errCut, errBusy, errThrottled})
		settle := time.Duration(float64(c.Burst) / c.Rate / 2 * float64(time.Second))
		for _, r := range all {
			r.arrives = min(r.arrives, settle)
		}
		play(t, c, all)
		var turns, arrivals []time.Duration
		for _, r := range served(rt, all) {
			turns = append(turns, r.turn)
			arrivals = append(arrivals, r.turn+r.arrives)
		}
		withinRate(rt, "begun", c.Rate, c.Burst, turns)
		withinRate(rt, "arrived", c.Rate, c.Burst, arrivals)
	})
}

// Nobody goes before one of his own priority who came earlier. Who goes before
// a better one has been passed over as often as the law says, and an audit is
// no more than one call in five while others wait.
func TestPropertyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := drawRequests(rt, []error{nil, errConflict, errCut, errThrottled})
		play(t, GovernorConfig{}, all)
		in := served(rt, all)
		for i, r := range in {
			better := false
			for _, other := range all {
				if !other.waitedAt(r.number, r.turn) {
					continue
				}
				if other.priority == r.priority && other.at < r.at {
					rt.Fatalf("%v went before %v", r, other)
				}
				better = better || other.priority < r.priority
			}
			if !better {
				continue
			}
			passed := 0
			for i--; i >= 0 && in[i].priority != r.priority; i-- {
				if in[i].priority < r.priority {
					passed++
				}
			}
			// A turn given back counts as taken, so that a few may be missing.
			if passed < turns[r.priority]/2 || r.priority == Load && passed < 4 {
				rt.Fatalf("%v went before a better one, %d after the last of its priority", r, passed)
			}
		}
	})
}

// No call goes to a zone while it is to wait, and a busy zone costs no rate.
func TestPropertyBusy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := drawRequests(rt, []error{nil, errBusy, errBusy, errCut})
		g := play(t, GovernorConfig{}, all)
		if g.bucket.rate != DefaultRate || g.counts.throttled != 0 {
			rt.Fatalf("the rate is %v", g.bucket.rate)
		}
		in := served(rt, all)
		for _, busy := range in {
			// A pause that began while this call was under way tells the same.
			told := func(r *request) bool {
				return r != busy && r.zone == busy.zone && r.end == errBusy && busy.turn <= r.stopped && r.stopped <= busy.stopped
			}
			if busy.end != errBusy || slices.ContainsFunc(in, told) {
				continue
			}
			for _, r := range in {
				if r.zone == busy.zone && r.turn > busy.stopped && r.turn < busy.stopped+firstZonePause {
					rt.Fatalf("%v went to a zone that was busy at %v", r, busy.stopped)
				}
			}
		}
	})
}

// Many at once, in real time, for the race detector: all are served.
func TestConcurrently(t *testing.T) {
	const zones, each = 50, 40
	g := NewGovernor(GovernorConfig{Rate: 1e5, Burst: 10})
	var wg sync.WaitGroup
	for i := range zones {
		wg.Go(func() {
			ends := []error{nil, errConflict, errCut, nil}
			for n := range each {
				turn, err := g.Wait(t.Context(), Priority(n%3), fmt.Sprint(i))
				if err != nil {
					t.Error(err)
					return
				}
				g.Stats()
				turn.Done(ends[n%len(ends)])
			}
		})
	}
	wg.Wait()
	s := g.Stats()
	if s.Calls[Write]+s.Calls[PointRead]+s.Calls[Load] != zones*each || s.Waiting != [priorities]int{} {
		t.Errorf("want %d calls, got %+v", zones*each, s)
	}
}

// A call that need not wait costs no memory.
func TestUncontendedAllocatesNothing(t *testing.T) {
	g := NewGovernor(GovernorConfig{Rate: 1e9, Burst: 1e6})
	if n := testing.AllocsPerRun(1000, func() { uncontended(t, g, Write) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func uncontended(t testing.TB, g *Governor, p Priority) {
	turn, err := g.Wait(t.Context(), p, "Z1")
	if err != nil {
		t.Fatal(err)
	}
	turn.Done(nil)
}

func BenchmarkGovernor(b *testing.B) {
	g := NewGovernor(GovernorConfig{Rate: 1e9, Burst: 1e6})
	b.Run("uncontended", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			uncontended(b, g, Write)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				uncontended(b, g, Load)
			}
		})
	})
	b.Run("queued", func(b *testing.B) { // 100 zones wait, one leaves and comes again
		b.ReportAllocs()
		g := NewGovernor(GovernorConfig{Rate: 1e-6, Burst: 1})
		uncontended(b, g, Write)
		ctx, cancel := context.WithCancel(b.Context())
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if _, err := g.Wait(ctx, Write, fmt.Sprint(i)); err == nil {
					b.Error("a turn came")
				}
			})
		}
		for g.Stats().Waiting[Write] < 100 {
			runtime.Gosched()
		}
		for b.Loop() {
			g.mu.Lock()
			w := &waiter{priority: Load, zone: "Z1", since: time.Now(), turn: make(chan Turn, 1)}
			g.queues[Load] = append(g.queues[Load], w)
			g.dispatch(time.Now())
			g.mu.Unlock()
			g.leave(w)
		}
		cancel()
		wg.Wait()
	})
}
