package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// paced runs a test on a controller that keeps this pace, when it has begun and
// its first window has passed. Zero is the time when it began to write.
func paced(name string, t *testing.T, pacing controller.Pacing, test func(t *testing.T, w *world, cloud *cloud, log *journal)) {
	bubble(name, t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Pacing = pacing })
		w.begin(service("s0", "s0.example.com", "192.0.2.1"))
		if took := cloud.took(); !strings.HasSuffix(took, "Apply") {
			t.Fatalf("calls at the start: %s", took)
		}
		log.took()
		test(t, w, cloud, log)
		if err := w.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// change changes what one object wants, in a way that nobody has asked for yet.
func (w *world) change(n int) {
	w.apply(service("s0", "s0.example.com", fmt.Sprintf("192.0.2.%d", 10+n)))
}

// writes returns how many batches were sent since the last time.
func (c *cloud) writes() int { return strings.Count(c.took(), "Apply") }

func TestPace(t *testing.T) {
	paced("gathered", t, controller.Pacing{Gather: 10 * time.Minute}, func(t *testing.T, w *world, cloud *cloud, _ *journal) {
		for n := range 5 {
			w.change(n)
			wait(time.Minute)
		}
		if n := cloud.writes(); n != 0 {
			t.Errorf("%d batches before the moment", n)
		}
		wait(5 * time.Minute)
		if n := cloud.writes(); n != 1 {
			t.Errorf("%d batches at the moment, want 1", n)
		}
		holds(t, cloud, example, "s0 A 192.0.2.14")
		w.change(5)
		wait(9 * time.Minute)
		if n := cloud.writes(); n != 0 {
			t.Errorf("%d batches before the next moment", n)
		}
		wait(time.Minute)
		holds(t, cloud, example, "s0 A 192.0.2.15")
	})

	paced("apart", t, controller.Pacing{Apart: time.Minute}, func(t *testing.T, w *world, cloud *cloud, _ *journal) {
		wait(2 * time.Minute)
		w.change(0)
		wait(30 * time.Millisecond)
		if n := cloud.writes(); n != 1 {
			t.Errorf("a change that comes alone: %d batches, want 1", n)
		}
		for n := range 5 {
			w.change(n + 1)
			wait(10 * time.Second)
		}
		if n := cloud.writes(); n != 0 {
			t.Errorf("%d batches too soon", n)
		}
		wait(10 * time.Second)
		if n := cloud.writes(); n != 1 {
			t.Errorf("%d batches after a minute, want 1", n)
		}
		holds(t, cloud, example, "s0 A 192.0.2.15")
	})

	window := controller.Pacing{Window: controller.Window{Idle: time.Second, Cap: 3 * time.Second}}
	bubble("window", t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Pacing = window })
		w.begin()
		wait(2 * time.Second)
		cloud.took()
		w.change(0)
		wait(990 * time.Millisecond)
		if n := cloud.writes(); n != 0 {
			t.Errorf("%d batches within the window", n)
		}
		wait(20 * time.Millisecond)
		if n := cloud.writes(); n != 1 {
			t.Errorf("%d batches when nothing came for the window's time, want 1", n)
		}
		for n := range 5 {
			w.change(n + 1)
			wait(900 * time.Millisecond)
		}
		if n := cloud.writes(); n != 1 {
			t.Errorf("%d batches of an endless stream after the cap, want 1", n)
		}
	})

	for _, tt := range []struct {
		name   string
		pacing controller.Pacing
		call   string
		want   int // in ten minutes
	}{
		{"usual audits", controller.Pacing{}, "Page", 10},
		{"quick audits", controller.Pacing{Rotation: 10 * time.Second}, "Page", 60},
		{"audits are bounded", controller.Pacing{Rotation: time.Second}, "Page", 80 - 2}, // and the list of zones
		{"usual lists of zones", controller.Pacing{}, "Zones", 2},
		{"rare lists of zones", controller.Pacing{ZoneList: time.Hour}, "Zones", 0},
		{"lists of zones are not made for every change", controller.Pacing{ZoneList: 1}, "Zones", 10},
	} {
		paced(tt.name, t, tt.pacing, func(t *testing.T, _ *world, cloud *cloud, _ *journal) {
			wait(10 * time.Minute)
			if got := strings.Count(cloud.took(), tt.call); got < tt.want-1 || got > tt.want+1 {
				t.Errorf("%d calls of %s in ten minutes, want %d", got, tt.call, tt.want)
			}
		})
	}
}

func TestPauseBetweenBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, func(c *controller.Config) {
			c.Rules.Traits.Batch.Changes = 2 // a set and its claim
			c.Pacing.Pause = 10 * time.Second
		})
		var times []time.Duration
		begun := time.Now()
		cloud.faults(func(call memory.Call) error {
			if call.Op == "Apply" {
				times = append(times, time.Since(begun).Truncate(time.Second))
			}
			return nil
		}, nil)
		w.begin(service("a", "a.example.com", "192.0.2.1"), service("b", "b.example.com", "192.0.2.2"), service("c", "c.example.com", "192.0.2.3"))
		wait(time.Minute)
		if got := fmt.Sprint(times); got != "[0s 10s 20s]" {
			t.Errorf("batches at %s", got)
		}
		holds(t, cloud, example, "a A 192.0.2.1", "b A 192.0.2.2", "c A 192.0.2.3")
		if err := w.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// A throttled call that has been made as often as it may counts as an error, and
// its work is tried again later.
func TestTries(t *testing.T) {
	paced("tries", t, controller.Pacing{Tries: 2}, func(t *testing.T, w *world, cloud *cloud, log *journal) {
		throttled := &provider.Error{Kind: provider.ErrThrottled, Op: "Apply"}
		cloud.faults(func(call memory.Call) error {
			if call.Op == "Apply" {
				return throttled
			}
			return nil
		}, nil)
		w.change(0)
		wait(3 * time.Second)
		if n := cloud.writes(); n != 2 {
			t.Errorf("%d tries, want 2", n)
		}
		if text := log.took(); !strings.Contains(text, "Failed to do run once") {
			t.Errorf("it was not told:\n%s", text)
		}
		cloud.faults(nil, nil)
		wait(time.Minute)
		holds(t, cloud, example, "s0 A 192.0.2.10")
	})
}
