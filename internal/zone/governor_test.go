package zone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/provider"
)

var (
	errThrottled = &provider.Error{Kind: provider.ErrThrottled, Op: "any"}
	errBusy      = &provider.Error{Kind: provider.ErrBusy, Op: "any"}
	errConflict  = &provider.Error{Kind: provider.ErrConflict, Op: "any"}
	errCut       = errors.New("connection reset")
)

// govern is a governor in a bubble, and when its calls began.
type govern struct {
	*Governor
	t     *testing.T
	start time.Time
	wg    sync.WaitGroup
	mu    sync.Mutex
	made  []made
}

type made struct {
	Priority Priority
	Zone     string
	Number   uint64
	At       time.Duration // since start
}

func governed(t *testing.T, c GovernorConfig, test func(g *govern)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &govern{Governor: NewGovernor(c), t: t, start: time.Now()}
		test(g)
		g.wg.Wait()
		for p, n := range g.Stats().Waiting {
			if n != 0 {
				t.Errorf("%d calls of priority %v still wait", n, Priority(p))
			}
		}
	})
}

// call makes a call that takes no time and ends so.
func (g *govern) call(p Priority, zone string, err error) { g.long(p, zone, 0, err) }

// long makes a call that takes some time.
func (g *govern) long(p Priority, zone string, takes time.Duration, end error) {
	turn, err := g.Wait(g.t.Context(), p, zone)
	if err != nil {
		g.t.Errorf("%v in %q: %v", p, zone, err)
		return
	}
	g.mu.Lock()
	g.made = append(g.made, made{p, zone, turn.number, time.Since(g.start)})
	g.mu.Unlock()
	time.Sleep(takes)
	turn.Done(end)
}

// queue makes n calls at once, in the background, and returns when they wait.
func (g *govern) queue(n int, p Priority, zone string) {
	for range n {
		g.wg.Go(func() { g.call(p, zone, nil) })
		synctest.Wait()
	}
}

// drain takes all tokens.
func (g *govern) drain() {
	g.t.Helper()
	for range g.Stats().Burst {
		g.call(Write, "drain", nil)
	}
	g.made, g.start = nil, time.Now()
}

// took waits for the calls in the background and returns all since the last
// time, in the order of their turns.
func (g *govern) took() []made {
	g.wg.Wait()
	out := g.made
	g.made = nil
	slices.SortFunc(out, func(a, b made) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

func times(all []made) []time.Duration {
	var out []time.Duration
	for _, m := range all {
		out = append(out, m.At)
	}
	return out
}

// every returns n times, the first ones at 0, the others one interval apart.
func every(n, first int, interval time.Duration) []time.Duration {
	var out []time.Duration
	for i := range n {
		out = append(out, time.Duration(max(0, i-first+1))*interval)
	}
	return out
}

func (g *govern) same(what string, want, have any) {
	g.t.Helper()
	if d := gocmp.Diff(want, have); d != "" {
		g.t.Errorf("%s (-want +have):\n%s", what, d)
	}
}

func TestPriorities(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.drain()
		g.queue(3, Load, "Z1")
		g.queue(3, PointRead, "Z1")
		g.queue(3, Write, "Z1")
		g.same("order", []Priority{Write, Write, Write, PointRead, PointRead, PointRead, Load, Load, Load}, order(g.took()))
	})
}

func order(all []made) []Priority {
	var out []Priority
	for _, m := range all {
		out = append(out, m.Priority)
	}
	return out
}

// While others wait an audit call is one in 25, and a point read one in 10.
func TestNothingStarves(t *testing.T) {
	tests := []struct {
		queued [priorities]int
		turns  map[Priority][]int // at which turns these went
	}{
		{[priorities]int{Write: 100, Load: 3}, map[Priority][]int{Load: {24, 49, 74}}},
		{[priorities]int{PointRead: 60, Load: 3}, map[Priority][]int{Load: {24, 49, 62}}},
		{[priorities]int{Write: 30, PointRead: 3}, map[Priority][]int{PointRead: {9, 19, 29}}},
		{[priorities]int{Write: 60, PointRead: 6, Load: 2}, map[Priority][]int{
			PointRead: {9, 19, 30, 40, 51, 61}, Load: {24, 49}}},
	}
	for _, test := range tests {
		governed(t, GovernorConfig{}, func(g *govern) {
			g.drain()
			for p, n := range test.queued {
				g.queue(n, Priority(p), "Z1")
			}
			all := g.took()
			last := len(all) - 1 // alone, an audit may wait for a second token
			g.same("times", every(last+1, 1, 200*time.Millisecond)[1:], times(all[:last]))
			have := map[Priority][]int{}
			for i, p := range order(all) {
				if p != Write && test.turns[p] != nil {
					have[p] = append(have[p], i)
				}
			}
			g.same(fmt.Sprint(test.queued), test.turns, have)
		})
	}
}

// What one audit was passed over does not count for the next.
func TestPassedOverEnds(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.drain()
		ctx, cancel := context.WithCancel(g.t.Context())
		g.wg.Go(func() {
			if _, err := g.Wait(ctx, Load, "Z1"); !errors.Is(err, context.Canceled) {
				t.Errorf("want context.Canceled, got %v", err)
			}
		})
		synctest.Wait()
		g.queue(60, Write, "Z1")
		time.Sleep(4100 * time.Millisecond) // 20 turns
		cancel()
		synctest.Wait()
		g.queue(1, Load, "Z1")
		if i := slices.Index(order(g.took()), Load); i != 44 {
			t.Errorf("the second audit took turn %d, want 44", i)
		}
	})
}

// Alone an audit has the full rate, and leaves a token for a write.
func TestLoadAlone(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.queue(20, Load, "Z1")
		time.Sleep(2100 * time.Millisecond)
		if s := g.Stats(); s.Calls[Load] != 14 || s.Waiting[Load] != 6 {
			t.Errorf("after 2.1 s: %+v, want 4 at once and 10 more", s)
		}
		before := time.Now()
		g.call(Write, "Z1", nil)
		if waited := time.Since(before); waited != 0 {
			t.Errorf("a write waited %v for audit calls", waited)
		}
		g.took()
	})
}

func TestBusyZone(t *testing.T) {
	ms := time.Millisecond
	governed(t, GovernorConfig{}, func(g *govern) {
		g.call(Write, "busy", errBusy)
		s := g.Stats()
		if s.Rate != 5 || s.Tokens != 4 || s.Busy != 1 || s.Throttled != 0 {
			t.Errorf("a busy zone slows others down: %+v", s)
		}
		g.same("busy zones", []string{"busy"}, s.BusyZones)
		g.queue(1, Write, "busy") // waits ahead of the others
		g.queue(2, Write, "free")
		g.queue(2, Load, "free") // one leaves a token, which takes 200 ms, for a write
		g.same("calls", []made{
			{Write, "busy", 1, 0}, {Write, "free", 2, 0}, {Write, "free", 3, 0}, {Load, "free", 4, 0},
			{Load, "free", 5, 200 * ms}, {Write, "busy", 6, 250 * ms},
		}, g.took())
		g.same("busy zones", []string(nil), g.Stats().BusyZones)
	})
}

func TestBusyZoneWaitsLonger(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		for range 8 {
			g.call(Write, "busy", errBusy)
		}
		s := time.Second
		g.same("calls", []time.Duration{0, s / 4, s * 3 / 4, s * 7 / 4, s * 15 / 4, s * 31 / 4, s * 63 / 4, s * 103 / 4}, times(g.took()))
		g.call(Write, "busy", errCut) // tells nothing
		g.call(Write, "busy", errBusy)
		g.start = time.Now()
		g.call(Write, "busy", errConflict) // the zone was ready
		g.call(Write, "busy", errBusy)
		g.call(Write, "busy", nil)
		g.same("calls", []time.Duration{10 * s, 10 * s, 10*s + s/4}, times(g.took()[2:]))
	})
}

// What was under way when the zone became busy neither lengthens nor ends the
// pause.
func TestBusyTogether(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		ms := time.Millisecond
		for i, end := range []error{errBusy, errBusy, nil} {
			g.wg.Go(func() { g.long(Write, "busy", time.Duration(10*i+10)*ms, end) })
		}
		g.took()
		g.call(Write, "busy", nil)
		g.same("calls", []time.Duration{260 * ms}, times(g.took()))
	})
}

func TestCancel(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.drain()
		ctx, cancel := context.WithTimeout(g.t.Context(), 100*time.Millisecond)
		defer cancel()
		g.wg.Go(func() {
			if _, err := g.Wait(ctx, Write, "Z1"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("want context.DeadlineExceeded, got %v", err)
			}
		})
		synctest.Wait()
		g.queue(2, Load, "Z1")
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if _, err := g.Wait(ctx, Write, "Z1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context that has ended: want context.DeadlineExceeded, got %v", err)
		}
		g.same("calls", []time.Duration{400 * time.Millisecond, 600 * time.Millisecond}, times(g.took()))
		if s := g.Stats(); s.Calls != [priorities]uint64{Write: 5, Load: 2} {
			t.Errorf("calls are counted that were not made: %+v", s)
		}
	})
}

// A turn that comes to a waiter who is leaving is the next one's.
func TestCancelAtTheTurn(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.drain()
		ctx, cancel := context.WithCancel(g.t.Context())
		g.wg.Go(func() {
			if _, err := g.Wait(ctx, Write, "Z1"); !errors.Is(err, context.Canceled) {
				t.Errorf("want context.Canceled, got %v", err)
			}
		})
		synctest.Wait()
		g.queue(2, Load, "Z2")
		g.Governor.mu.Lock() // so that he cannot say that he leaves
		cancel()
		g.bucket.tokens = 1
		g.dispatch(time.Now())
		g.Governor.mu.Unlock()
		g.same("calls", []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}, times(g.took()))
		if s := g.Stats(); s.Calls != [priorities]uint64{Write: 5, Load: 2} {
			t.Errorf("calls are counted that were not made: %+v", s)
		}
	})
}

// Zones that always want to write share the rate evenly, in order.
func TestFair(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.drain()
		for i := range 10 {
			g.wg.Go(func() {
				for range 20 {
					g.call(Write, fmt.Sprint(i), nil)
				}
			})
			synctest.Wait()
		}
		for i, m := range g.took() {
			if want := fmt.Sprint(i % 10); m.Zone != want {
				t.Fatalf("turn %d is zone %s's, want %s", i, m.Zone, want)
			}
		}
	})
}

func TestStats(t *testing.T) {
	var mu sync.Mutex
	told := map[Priority][]time.Duration{}
	c := GovernorConfig{Burst: 2, Waited: func(p Priority, d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		told[p] = append(told[p], d)
	}}
	governed(t, c, func(g *govern) {
		for range 2 {
			g.call(Write, "Z1", nil)
		}
		g.queue(2, PointRead, "Z1")
		s := g.Stats()
		g.same("with two that wait", GovernorStats{Limit: 5, Rate: 5, Burst: 2, Calls: [priorities]uint64{2}, Waiting: [priorities]int{PointRead: 2}}, s)
		g.took()
		ms := time.Millisecond
		s = g.Stats()
		s.Tokens = math.Round(s.Tokens*1e6) / 1e6
		g.same("after them", GovernorStats{Limit: 5, Rate: 5, Burst: 2, Calls: [priorities]uint64{2, 2}, Waits: [priorities]uint64{PointRead: 2},
			Waited: [priorities]time.Duration{PointRead: 600 * ms}}, s)
		g.same("waits", map[Priority][]time.Duration{Write: {0, 0}, PointRead: {200 * ms, 400 * ms}}, told)
	})
	if have := fmt.Sprint(Write, PointRead, Load, Audit); have != "write point-read load audit" {
		t.Errorf("priorities are called %q", have)
	}
}

// Audits are 8 a minute, however many zones ask, and fewer while the account is
// throttled; other calls do not wait for them.
func TestAuditPace(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.queue(20, Audit, "Z1")
		g.queue(20, Audit, "Z2")
		time.Sleep(time.Minute - time.Millisecond)
		if n := g.Stats().Calls[Audit]; n != 8 {
			g.t.Errorf("%d audits in a minute, want 8", n)
		}
		begun := time.Now()
		g.call(Write, "Z1", nil)
		if waited := time.Since(begun); waited > 0 {
			g.t.Errorf("a write waited %v among audits", waited)
		}
		if all := g.took(); len(all) != 41 || all[40].At != 39*auditEvery {
			g.t.Errorf("%d calls, the last at %v", len(all), all[len(all)-1].At)
		}
	})
}
