package controller_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

var errCut = errors.New("connection cut")

// on returns a fault of one operation.
func on(op string, err error) func(memory.Call) error {
	return func(c memory.Call) error {
		if c.Op == op {
			return err
		}
		return nil
	}
}

// Access comes back after some minutes; nothing but time passes.
func TestDeniedAtStart(t *testing.T) {
	for _, op := range []string{"Zones", "Page", "Apply"} {
		bubble(op, t, func(t *testing.T) {
			cloud := newCloud(example)
			cloud.faults(on(op, denied), nil)
			w, log := newWorld(t, cloud, nil)
			w.begin(service("web", "www.example.com", "192.0.2.1"))
			wait(10 * time.Minute)
			if ok, text := w.ready(); ok || !strings.Contains(text, "credentials: ") || !strings.Contains(text, "AccessDenied: not you (allow it)") {
				t.Errorf("ready: %v\n%s", ok, text)
			}
			lines := log.took()
			if !strings.Contains(lines, "Failed to do run once: ") || !strings.Contains(lines, `hint="allow it"`) ||
				!strings.Contains(lines, "(consecutive soft errors: 7)") {
				t.Errorf("the log lacks the failure:\n%s", lines)
			}
			if n := strings.Count(cloud.took(), op); n > 30 {
				t.Errorf("%d calls of %s in ten minutes: the pauses do not grow", n, op)
			}
			if n := w.metric("external_dns_controller_consecutive_soft_errors"); n < 7 {
				t.Errorf("soft errors: %v", n)
			}
			cloud.faults(nil, nil)
			wait(90 * time.Second)
			if ok, text := w.ready(); !ok {
				t.Errorf("not ready:\n%s", text)
			}
			holds(t, cloud, example, "www A 192.0.2.1")
			if lines := log.took(); !strings.Contains(lines, "Reconciliation succeeded after ") {
				t.Errorf("the log lacks the success:\n%s", lines)
			}
			if n := w.metric("external_dns_controller_consecutive_soft_errors"); n != 0 {
				t.Errorf("soft errors: %v", n)
			}
		})
	}
}

// A live change that fails is tried again within seconds, and no stream of
// other failures puts that off.
func TestLiveFailureIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Pacing.Rotation = time.Hour })
		w.begin()
		cloud.faults(on("Apply", denied), nil)
		w.apply(service("web", "www.example.com", "192.0.2.1"))
		for i := range 40 {
			w.apply(service(fmt.Sprint("s", i), fmt.Sprintf("s%d.example.com", i), "192.0.2.1"))
			wait(500 * time.Millisecond)
		}
		if ok, text := w.ready(); ok {
			t.Errorf("ready though writes are denied:\n%s", text)
		}
		cloud.faults(nil, nil)
		cloud.took()
		wait(25 * time.Second)
		if n := len(listing(cloud, example)); n != 41 {
			t.Errorf("the zone holds %d sets, want 41", n)
		}
		if took := cloud.took(); strings.Contains(took, "Page") || strings.Count(took, "Apply") > 5 {
			t.Errorf("calls: %s, want a few writes and no list", took)
		}
		if ok, text := w.ready(); !ok {
			t.Errorf("not ready:\n%s", text)
		}
	})
}

// One bad set waits by itself, longer each time, and is told once; its object's
// next version is tried at once.
func TestRejectedSetWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		cloud.faults(func(c memory.Call) error { return reject(c, "bad") }, nil)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Pacing.Rotation = time.Hour })
		w.begin(service("bad", "bad.example.com", "192.0.2.1"), service("web", "www.example.com", "192.0.2.2"))
		holds(t, cloud, example, "www A 192.0.2.2")
		if took := cloud.took(); took != "Zones Page Apply Apply" {
			t.Errorf("calls: %s", took)
		}
		if n := w.metric("signpost_refusals{Rejected}"); n != 1 {
			t.Errorf("refused: %v", n)
		}
		wait(59 * time.Minute)
		if n := strings.Count(cloud.took(), "Apply"); n < 8 || n > 12 {
			t.Errorf("%d tries within the hour, want about 10", n)
		}
		if n := strings.Count(log.took(), `level=WARN msg="Apply: bad value" record="bad.example.com A" reason=Rejected object=service/default/bad`); n != 1 {
			t.Errorf("told %d times, want once", n)
		}
		w.apply(service("web", "www.example.com", "192.0.2.3"))
		settle()
		if took := cloud.took(); took != "Apply" {
			t.Errorf("calls: %s: the others go on without it", took)
		}
		cloud.faults(nil, nil)
		w.apply(service("bad", "bad.example.com", "192.0.2.4"))
		settle()
		holds(t, cloud, example, "www A 192.0.2.3", "bad A 192.0.2.4")
		if n := w.metric("signpost_refusals{Rejected}"); n != 0 {
			t.Errorf("refused: %v", n)
		}
		if lines := log.took(); !strings.Contains(lines, "no longer refused") || !strings.Contains(lines, "Reconciliation succeeded") {
			t.Errorf("the log lacks the end of it:\n%s", lines)
		}
	})
}

// While a pass fails again and again, what events touch is planned on what was
// known of the zone.
func TestEventsWhileThePassFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, op := range []string{"Zones", "Page"} {
			cloud := newCloud(example)
			w, _ := newWorld(t, cloud, nil)
			w.begin(service("web", "www.example.com", "192.0.2.1"))
			cloud.faults(on(op, denied), nil)
			// Events that come just before a pass, and between.
			for i := range 50 {
				w.apply(service(fmt.Sprint("s", i), fmt.Sprintf("s%d.example.com", i), "192.0.2.1"))
				wait(7*time.Second + 777*time.Millisecond)
			}
			if n := len(listing(cloud, example)); n != 51 {
				t.Errorf("%s: the zone holds %d sets, want 51", op, n)
			}
			if err := w.stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// An event that arrives while a pass is under way is planned after it.
func TestEventDuringAPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "192.0.2.1"))
		var slow atomic.Bool
		slow.Store(true)
		cloud.faults(func(c memory.Call) error {
			if c.Op == "Page" && slow.Load() {
				time.Sleep(5 * time.Second)
			}
			return nil
		}, nil)
		wait(61 * time.Second)
		w.apply(service("new", "new.example.com", "192.0.2.2"))
		w.remove(service("web", ""))
		wait(5 * time.Second)
		slow.Store(false)
		holds(t, cloud, example, "new A 192.0.2.2")
	})
}

func TestThrottledAndCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		n := 0
		throttle := &provider.Error{Kind: provider.ErrThrottled, Op: "any", Cause: errors.New("rate exceeded")}
		cloud.faults(func(memory.Call) error {
			if n++; n%3 != 0 {
				return throttle
			}
			return nil
		}, nil)
		w, log := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "192.0.2.1"))
		wait(time.Minute) // each refusal halves the rate
		holds(t, cloud, example, "www A 192.0.2.1")
		cut := true
		cloud.faults(nil, func(c memory.Call) error {
			if c.Op == "Apply" && cut {
				cut = false
				return errCut
			}
			return nil
		})
		w.apply(service("web", "www.example.com", "192.0.2.2"))
		wait(time.Minute)
		holds(t, cloud, example, "www A 192.0.2.2")
		if lines := log.took(); strings.Contains(lines, "Failed to do run once") {
			t.Errorf("waiting is no failure:\n%s", lines)
		}
	})
}

func TestZonesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := dns.Zone{ID: "Z2", Name: "sub.example.com."}
		cloud := newCloud(example, sub)
		shown := &zoneList{cloud: cloud}
		shown.show(example)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Provider = shown })
		w.begin(service("web", "www.sub.example.com", "192.0.2.1"), service("org", "www.example.org", "192.0.2.2"))
		wait(time.Hour)
		holds(t, cloud, example, "www.sub A 192.0.2.1")
		lines := log.took()
		if n := strings.Count(lines, "no hosted zone that Signpost may use holds www.example.org; it uses example.com"); n != 1 {
			t.Errorf("told %d times that there is no zone, want once:\n%s", n, lines)
		}
		if n := strings.Count(lines, "Applying provider record filter for domains: [example.com. .example.com.]"); n != 1 {
			t.Errorf("told %d times of the zones, want once", n)
		}
		if !strings.Contains(lines, "All records are already up to date, there are no changes for the matching hosted zones") {
			t.Errorf("the log lacks the line:\n%s", lines)
		}

		// What moves is made in the new zone first, and stays in the old one until it
		// would be found in the new.
		shown.show(example, sub)
		cloud.faults(func(c memory.Call) error {
			if c.Op == "Apply" && c.Zone.ID == sub.ID {
				return denied
			}
			return nil
		}, nil)
		wait(5 * time.Minute)
		holds(t, cloud, example, "www.sub A 192.0.2.1")
		cloud.faults(nil, nil)
		wait(5 * time.Minute)
		holds(t, cloud, sub, "www A 192.0.2.1")
		holds(t, cloud, example, "www.sub A 192.0.2.1")
		cloud.Put(example, dns.RecordSet{Key: dns.Key{Name: sub.Name, Type: dns.NS}, TTL: 60, Data: []string{"ns1.invalid."}})
		wait(5 * time.Minute)
		holds(t, cloud, sub, "www A 192.0.2.1")
		holds(t, cloud, example)
		cloud.Remove(example, dns.Key{Name: sub.Name, Type: dns.NS})

		shown.show(example)
		wait(5 * time.Minute)
		holds(t, cloud, example, "www.sub A 192.0.2.1")
		if ok, text := w.ready(); !ok || !strings.Contains(text, "zones: example.com\n") {
			t.Errorf("ready: %v\n%s", ok, text)
		}
		shown.show()
		wait(5 * time.Minute)
		if ok, text := w.ready(); ok || !strings.Contains(text, "zones: list hosted zones: no hosted zone can be seen (check --domain-filter") ||
			!strings.Contains(text, "credentials: accepted") {
			t.Errorf("ready: %v\n%s", ok, text)
		}
		shown.show(example)
		wait(5 * time.Minute)
		if ok, text := w.ready(); !ok {
			t.Errorf("not ready:\n%s", text)
		}
	})
}

// Two zones, one of them denied: the other goes on.
func TestOneZoneDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		org := dns.Zone{ID: "Z9", Name: "example.org."}
		cloud := newCloud(example, org)
		cloud.faults(func(c memory.Call) error {
			if c.Zone.ID == "Z9" {
				return denied
			}
			return nil
		}, nil)
		w, log := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "192.0.2.1"), service("org", "www.example.org", "192.0.2.2"))
		w.apply(service("api", "api.example.com", "192.0.2.3"), service("api2", "api.example.org", "192.0.2.4"))
		wait(time.Hour)
		holds(t, cloud, example, "www A 192.0.2.1", "api A 192.0.2.3")
		if ok, text := w.ready(); ok || !strings.Contains(text, "zones: example.com, example.org") {
			t.Errorf("ready: %v\n%s", ok, text)
		}
		cloud.faults(nil, nil)
		wait(time.Minute)
		holds(t, cloud, org, "www A 192.0.2.2", "api A 192.0.2.4")
		if lines := log.took(); !strings.Contains(lines, "Reconciliation succeeded") {
			t.Errorf("the log lacks the success:\n%s", lines)
		}
	})
}

// What is owed to a zone, and told of it, goes with the zone.
func TestZoneGoesWithItsTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		org := dns.Zone{ID: "Z9", Name: "example.org."}
		cloud := newCloud(example, org)
		put(cloud, org, "taken", "198.51.100.1")
		shown := &zoneList{cloud: cloud}
		shown.show(example, org)
		cloud.faults(func(c memory.Call) error {
			if c.Op == "Apply" && c.Zone.ID == "Z9" {
				return denied
			}
			return nil
		}, nil)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Provider = shown })
		w.begin(service("web", "www.example.org", "192.0.2.1"), service("taken", "taken.example.org", "192.0.2.2"))
		if n := w.metric("signpost_refusals{NotOwned}"); n != 1 {
			t.Errorf("refused: %v", n)
		}
		shown.show(example)
		wait(5 * time.Minute)
		if n := w.metric("signpost_refusals{NotOwned}"); n != 0 {
			t.Errorf("refused in a zone that is gone: %v", n)
		}
		if ok, text := w.ready(); !ok || !strings.Contains(log.took(), "Reconciliation succeeded") {
			t.Errorf("ready: %v\n%s", ok, text)
		}
		cloud.took()
		wait(10 * time.Minute)
		if took := cloud.took(); strings.Contains(took, "Apply") {
			t.Errorf("calls: %s", took)
		}
	})
}

// A grace time that ends while a synchronisation is held up is not forgotten.
func TestGraceEndsDuringASlowWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Grace = 2 * time.Second })
		w.begin(service("web", "old.example.com", "192.0.2.1"))
		slow := true
		cloud.faults(func(c memory.Call) error {
			if c.Op == "Apply" && slow {
				slow = false
				time.Sleep(9 * time.Second)
			}
			return nil
		}, nil)
		w.apply(service("web", "www.example.com", "192.0.2.1"))
		wait(10 * time.Second)
		holds(t, cloud, example, "www A 192.0.2.1")
	})
}
