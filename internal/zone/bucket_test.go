package zone

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// 37 batches are 10,000 record sets with their claims: 32 turns after a burst
// of 5 end after 6.4 s.
func TestBurstThenRate(t *testing.T) {
	want := every(37, 5, 200*time.Millisecond)
	governed(t, GovernorConfig{}, func(g *govern) {
		for range 37 {
			g.call(Write, "Z1", nil)
		}
		g.same("one after the other", want, times(g.took()))
		time.Sleep(time.Hour)
		g.start = time.Now()
		for i := range 37 {
			g.queue(1, Write, fmt.Sprint(i))
		}
		g.same("all at once, after a rest", want, times(g.took()))
	})
}

func TestConfiguredRate(t *testing.T) {
	governed(t, GovernorConfig{Rate: 2, Burst: 1}, func(g *govern) {
		for range 4 {
			g.call(Load, "Z1", nil)
		}
		g.same("calls", every(4, 1, 500*time.Millisecond), times(g.took()))
	})
}

// The first call of a burst arrives late, the others at once: the service,
// which counts from the first arrival, must not see too many.
func TestSlowFirstCall(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.wg.Go(func() { g.long(Write, "slow", 100*time.Millisecond, nil) })
		synctest.Wait()
		g.queue(6, Write, "Z1")
		ms := time.Millisecond
		g.same("calls", []time.Duration{0, 0, 0, 0, 0, 200 * ms, 400 * ms}, times(g.took()))
		time.Sleep(time.Minute)
		g.start = time.Now()
		g.wg.Go(func() { g.long(Write, "slow", 100*time.Millisecond, nil) })
		time.Sleep(100 * ms)
		g.queue(6, Write, "Z1")
		g.same("calls after the slow one", []time.Duration{0, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 300 * ms, 500 * ms}, times(g.took()))
	})
}

// Calls that hang do not hold the others up for long.
func TestHangingCalls(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		for i := range 5 {
			g.wg.Go(func() { g.long(Load, fmt.Sprint(i), 30*time.Second, errCut) })
		}
		time.Sleep(4 * time.Second)
		if have := g.Stats().Calls[Load]; have != 5 {
			t.Errorf("%d audits were begun within 4 s, want all 5", have)
		}
		synctest.Wait()
		g.start = time.Now()
		for range 10 {
			g.call(Write, "Z1", nil)
		}
		g.wg.Wait()
		g.same("calls while others hang", every(10, 5, 200*time.Millisecond), times(g.took()[5:]))
	})
}

func TestThrottlingHalves(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.call(Write, "Z1", errThrottled)
		if s := g.Stats(); s.Rate != 2.5 || s.Tokens != 0 || s.Throttled != 1 {
			t.Errorf("want the rate 2.5 and no tokens, got %+v", s)
		}
		g.took()
		for range 4 {
			g.call(Write, "Z2", nil)
		}
		ms := time.Millisecond
		g.same("calls to any zone", []time.Duration{400 * ms, 800 * ms, 1200 * ms, 1600 * ms}, times(g.took()))
		for range 10 {
			g.call(Write, "Z1", errThrottled)
		}
		if s := g.Stats(); s.Rate != 0.25 {
			t.Errorf("the rate fell to %v, want 0.25", s.Rate)
		}
	})
}

// Calls that were under way together tell one thing.
func TestThrottledTogether(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		for i := range 5 {
			g.wg.Go(func() { g.long(Write, fmt.Sprint(i), time.Duration(50+i)*time.Millisecond, errThrottled) })
		}
		g.wg.Wait()
		if s := g.Stats(); s.Rate != 2.5 || s.Throttled != 5 {
			t.Errorf("five calls under way: the rate is %v after %d throttled, want 2.5", s.Rate, s.Throttled)
		}
		g.call(Write, "Z1", errThrottled)
		if s := g.Stats(); s.Rate != 1.25 {
			t.Errorf("one after them: the rate is %v, want 1.25", s.Rate)
		}
	})
}

func TestRecovery(t *testing.T) {
	governed(t, GovernorConfig{}, func(g *govern) {
		g.call(Write, "Z1", errThrottled)
		for _, at := range []struct {
			after time.Duration
			rate  float64
		}{{9999 * time.Millisecond, 2.5}, {10 * time.Second, 2.75}, {50 * time.Second, 3.75}, {99 * time.Second, 4.75}, {100 * time.Second, 5}, {time.Hour, 5}} {
			time.Sleep(at.after - time.Since(g.start))
			if have := g.Stats().Rate; math.Abs(have-at.rate) > 1e-9 {
				t.Errorf("%v after throttling the rate is %v, want %v", at.after, have, at.rate)
			}
		}
		for range 6 {
			g.call(Write, "Z1", errThrottled)
		}
		time.Sleep(190*time.Second - time.Nanosecond)
		if have := g.Stats().Rate; math.Abs(have-4.75) > 1e-9 {
			t.Errorf("just under 190 s after the floor the rate is %v, want 4.75", have)
		}
		time.Sleep(time.Nanosecond)
		if have := g.Stats().Rate; have != 5 {
			t.Errorf("190 s after the floor the rate is %v, want 5", have)
		}
	})
}

// A wait that spans a rise ends as soon as the rising rate allows.
func TestRiseWhileWaiting(t *testing.T) {
	governed(t, GovernorConfig{Rate: 0.2, Burst: 1}, func(g *govern) {
		g.call(Write, "Z1", errThrottled) // 0.1 a second, 0.11 after 10 s
		g.call(Write, "Z1", errThrottled) // 0.055 a second, 0.065 after 10 s
		g.took()
		g.call(Write, "Z1", nil) // 0.55 of a token after 10 s
		at := 20*time.Second + time.Duration(math.Ceil(0.45e9/0.065))
		g.same("calls", []time.Duration{at}, times(g.took()))
	})
}
