package controller_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// Of two zones of one name the one that holds ours is used, whichever ID is the
// lower, and nothing is touched in the other; so with --once.
func TestTwoZonesOfOneName(t *testing.T) {
	one, two := dns.Zone{ID: "Z1", Name: "example.com."}, dns.Zone{ID: "Z2", Name: "example.com."}
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(one, two)
		shown := &zoneList{cloud: cloud}
		shown.show(two)
		show := func(c *controller.Config) { c.Provider = shown }
		w, log := newWorld(t, cloud, show)
		web := service("web", "www.example.com", "192.0.2.1")
		w.begin(web)
		// A new zone takes nothing over.
		shown.show(one, two)
		wait(5 * time.Minute)
		w.apply(service("api", "api.example.com", "192.0.2.2"))
		settle()
		holds(t, cloud, one)
		holds(t, cloud, two, "www A 192.0.2.1", "api A 192.0.2.2")
		if n := strings.Count(log.took(), "there are 2 zones named example.com; Z2 is used"); n != 1 {
			t.Errorf("told %d times that there are two zones, want once", n)
		}
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}

		// Something of ours, from another time, in the zone that is not used.
		cloud.Put(one, dns.RecordSet{Key: key(one, "old"), TTL: 60, Data: []string{"192.0.2.9"}},
			dns.RecordSet{Key: dns.Key{Name: "a-old.example.com.", Type: dns.TXT}, TTL: 300,
				Data: []string{`"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/old"`}})
		again, log := newWorld(t, cloud, show)
		again.begin(web)
		wait(time.Hour)
		holds(t, cloud, one, "old A 192.0.2.9")
		holds(t, cloud, two, "www A 192.0.2.1")
		if lines := log.took(); strings.Count(lines, "level=WARN") != 1 || !strings.Contains(lines, "Z2 is used") {
			t.Errorf("want one warning:\n%s", lines)
		}
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
		last, _ := newWorld(t, cloud, show)
		if _, err := once(t.Context(), last, synced, service("web", "www.example.com", "192.0.2.3")); err != nil {
			t.Error(err)
		}
		holds(t, cloud, one, "old A 192.0.2.9")
		holds(t, cloud, two, "www A 192.0.2.3")
	})
}

// A profile whose zones cannot be listed holds up no new zone of another: its own
// zones go on as they were last known, and that is told once.
func TestNewZonesBesideAProfileThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		org, fresh := dns.Zone{ID: "Z9", Name: "example.org."}, dns.Zone{ID: "Z5", Name: "example.net."}
		sound, broken := newCloud(example, fresh), newCloud(org)
		shown := &zoneList{cloud: sound}
		shown.show(example)
		w, log := newWorld(t, sound, func(c *controller.Config) {
			c.Provider = provider.Join(provider.Account{Name: "broken", Provider: broken}, provider.Account{Name: "sound", Provider: shown})
		})
		w.begin(service("web", "www.example.org", "192.0.2.1"))
		broken.faults(func(c memory.Call) error {
			if c.Op == "Zones" {
				return &provider.Error{Kind: provider.ErrDenied, Op: "Zones"}
			}
			return nil
		}, nil)
		shown.show(example, fresh)
		wait(5 * time.Minute)
		w.apply(service("web", "www.example.org,www.example.net", "192.0.2.2"))
		settle()
		holds(t, broken, org, "www A 192.0.2.2")
		holds(t, sound, fresh, "www A 192.0.2.2")
		wait(time.Hour)
		if lines := log.took(); strings.Count(lines, "level=WARN") != 1 || strings.Contains(lines, "level=ERROR") || !strings.Contains(lines, "profile broken") {
			t.Errorf("want one warning:\n%s", lines)
		}
		broken.faults(nil, nil)
		wait(5 * time.Minute)
		if lines := log.took(); strings.Count(lines, "all zones are listed again") != 1 {
			t.Errorf("want it told that all is well again:\n%s", lines)
		}
	})
}

// A zone that does not answer holds up no other, nor does reading.
func TestZonesDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		org := dns.Zone{ID: "Z9", Name: "example.org."}
		cloud := newCloud(example, org)
		w, _ := newWorld(t, cloud, nil)
		w.begin()
		var hang atomic.Bool
		hang.Store(true)
		cloud.faults(func(c memory.Call) error {
			if hang.Load() && (c.Zone.ID == "Z9" || c.Op == "Page") {
				time.Sleep(20 * time.Second)
			}
			return nil
		}, nil)
		wait(62 * time.Second) // pages are under way
		for i := range 5 {
			w.apply(service(fmt.Sprint("s", i), fmt.Sprintf("s%d.example.com,s%d.example.org", i, i), "192.0.2.1"))
			settle()
			if n := len(listing(cloud, example)); n != i+1 {
				t.Errorf("after %d changes the zone holds %d", i+1, n)
			}
			wait(time.Second)
		}
		hang.Store(false)
		wait(time.Minute)
		if n := len(listing(cloud, org)); n != 5 {
			t.Errorf("the slow zone holds %d", n)
		}
	})
}

// Changes without a pause keep no page from being read.
func TestChangesWithoutPauseDoNotKeepAZoneUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		cloud.PageSize = 10
		for i := range 100 {
			put(cloud, example, fmt.Sprintf("h%03d", i), "198.51.100.1")
		}
		cloud.faults(func(c memory.Call) error {
			if c.Op == "Apply" {
				time.Sleep(500 * time.Millisecond)
			}
			return nil
		}, nil)
		w, _ := newWorld(t, cloud, nil)
		w.begin(service("busy", "0.example.com", "192.0.2.1"))
		for i := range 100 {
			w.apply(service("busy", "0.example.com", fmt.Sprintf("192.0.2.%d", i)))
			wait(100 * time.Millisecond)
		}
		for _, z := range w.c.Overview().Zones {
			if z.Read.IsZero() {
				t.Errorf("after ten seconds of changes the zone %s has not been read", z.Zone)
			}
		}
		wait(2 * time.Second)
		holds(t, cloud, example, append(strangers(100), "0 A 192.0.2.99")...)
	})
}

func strangers(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("h%03d A 198.51.100.1", i))
	}
	return lines
}

// While a large zone is read for the first time, names that the pages have passed
// are written, a new name is read out of turn, and nothing is deleted.
func TestStartInALargeZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		cloud.PageSize = 10
		first, _ := newWorld(t, cloud, nil)
		first.begin(service("gone", "gone.example.com", "192.0.2.1"))
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			put(cloud, example, fmt.Sprintf("h%03d", i), "198.51.100.1")
		}
		cloud.took()
		w, _ := newWorld(t, cloud, nil)
		w.begin(append(many(1, 30), service("early", "0.example.com", "192.0.2.1"), service("late", "z.example.com", "192.0.2.1"))...)
		wait(3 * time.Second)
		w.apply(service("new", "zz.example.com", "192.0.2.7"))
		wait(2 * time.Second)
		has := func(line string) bool {
			for _, l := range listing(cloud, example) {
				if l == line {
					return true
				}
			}
			return false
		}
		took := cloud.took()
		if !has("zz A 192.0.2.7") || strings.Count(took, "Page") > 40 {
			t.Errorf("a new name waits for the pages: %s", took)
		}
		if has("z A 192.0.2.1") != strings.Contains(took, "At At At At At At At At") && !has("gone A 192.0.2.1") {
			t.Errorf("the zone holds %q after %s", listing(cloud, example), took)
		}
		wait(time.Minute)
		if has("gone A 192.0.2.1") || !has("z A 192.0.2.1") || standing(cloud) != 1000+30+3 {
			t.Errorf("the zone holds %d sets", standing(cloud))
		}
		if pages := strings.Count(took+cloud.took(), "Page"); pages < 100 || pages > 115 {
			t.Errorf("%d pages were read, want a little more than 100", pages)
		}
	})
}

// However many zones there are, an idle controller makes 8 calls a minute.
func TestIdleCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var zones []dns.Zone
		for i := range 40 {
			zones = append(zones, dns.Zone{ID: fmt.Sprintf("Z%02d", i), Name: dns.Name(fmt.Sprintf("z%02d.example.", i))})
		}
		cloud := newCloud(zones...)
		cloud.PageSize = 10
		for i := range 100 {
			put(cloud, zones[7], fmt.Sprint("h", i), "198.51.100.1")
		}
		w, _ := newWorld(t, cloud, nil)
		w.begin(service("web", "www.z03.example", "192.0.2.1"))
		wait(time.Minute)
		cloud.took()
		wait(time.Hour)
		if n := len(strings.Fields(cloud.took())); n < 300 || n > 8*60 {
			t.Errorf("%d calls in an idle hour", n)
		}
		// It finds what others do all the same.
		put(cloud, zones[3], "www", "203.0.113.1")
		wait(15 * time.Minute)
		holds(t, cloud, zones[3], "www A 192.0.2.1")
	})
}

// That names move to a new zone is no deletion that has to be approved.
func TestManyNamesMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := dns.Zone{ID: "Z2", Name: "sub.example.com."}
		cloud := newCloud(example, sub)
		cloud.Put(example, dns.RecordSet{Key: dns.Key{Name: sub.Name, Type: dns.NS}, TTL: 60, Data: []string{"ns1.invalid."}})
		shown := &zoneList{cloud: cloud}
		shown.show(example)
		w, log := newWorld(t, cloud, func(c *controller.Config) {
			c.Provider, c.Grace = shown, 10*time.Second
		})
		var list []client.Object
		for i := range 30 {
			list = append(list, service(fmt.Sprint("s", i), fmt.Sprintf("s%d.sub.example.com", i), "192.0.2.1"))
		}
		w.begin(list...)
		log.took()
		shown.show(example, sub)
		wait(10 * time.Minute)
		if n := len(listing(cloud, sub)); n != 30 {
			t.Errorf("the new zone holds %d", n)
		}
		holds(t, cloud, example)
		if lines := log.took(); strings.Contains(lines, "held") || strings.Contains(lines, "WARN") {
			t.Errorf("told:\n%s", lines)
		}
	})
}

// However many zones there are whose audits wait for their turn, a new one is seen within 5 minutes.
func TestNewZoneAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var zones []dns.Zone
		for i := range 100 {
			zones = append(zones, dns.Zone{ID: fmt.Sprintf("Y%d", i), Name: dns.Name(fmt.Sprintf("z%d.example.", i))})
		}
		cloud := newCloud(append(zones, example)...)
		shown := &zoneList{cloud: cloud}
		shown.show(zones...)
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Provider = shown })
		w.begin(service("web", "www.example.com", "192.0.2.1"))
		wait(20 * time.Minute)
		holds(t, cloud, example)
		shown.show(append(zones, example)...)
		wait(5 * time.Minute)
		holds(t, cloud, example, "www A 192.0.2.1")
		if err := w.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// Of three zones of one name the one that is used goes: one of the others is used from then on.
func TestUsedZoneOfSeveralGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two, three := dns.Zone{ID: "Z1", Name: "example.com."}, dns.Zone{ID: "Z2", Name: "example.com."}, dns.Zone{ID: "Z3", Name: "example.com."}
		cloud := newCloud(one, two, three)
		shown := &zoneList{cloud: cloud}
		shown.show(one, two, three)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Provider = shown })
		w.begin(service("web", "www.example.com", "192.0.2.1"))
		holds(t, cloud, one, "www A 192.0.2.1")
		shown.show(two, three)
		wait(5 * time.Minute)
		holds(t, cloud, two, "www A 192.0.2.1")
		holds(t, cloud, three)
		if text := log.took(); !strings.Contains(text, "Z2 is used") {
			t.Errorf("the log lacks which is used:\n%s", text)
		}
		if err := w.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
