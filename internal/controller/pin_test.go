package controller_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
)

// pinned is a Service whose name goes to one zone alone.
func pinned(name, host, zone, address string) *corev1.Service {
	s := service(name, host, address)
	s.Annotations["external-dns.kubernetes.io/aws-hosted-zone-id"] = zone
	return s
}

// A name stands in every private zone around it, each of them audited and
// repaired by itself; one that is new is filled, and one that goes takes nothing
// along.
func TestEveryPrivateZone(t *testing.T) {
	bubble("zones", t, func(t *testing.T) {
		outer := dns.Zone{ID: "P1", Name: "example.com.", Private: true}
		inner, twin := dns.Zone{ID: "P2", Name: "sub.example.com.", Private: true}, dns.Zone{ID: "P3", Name: "sub.example.com.", Private: true}
		cloud := newCloud(example, outer, inner, twin)
		shown := &zoneList{cloud: cloud}
		shown.show(example, outer, inner)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Provider = shown })
		w.begin(service("web", "www.sub.example.com", "192.0.2.1"), service("top", "top.example.com", "192.0.2.2"))
		both, one := []string{"www.sub A 192.0.2.1", "top A 192.0.2.2"}, []string{"www A 192.0.2.1"}
		wait(time.Minute)
		holds(t, cloud, example, both...)
		holds(t, cloud, outer, both...)
		holds(t, cloud, inner, one...)

		shown.show(example, outer, inner, twin)
		cloud.Remove(inner, key(inner, "www"))
		wait(10 * time.Minute)
		holds(t, cloud, outer, both...)
		holds(t, cloud, inner, one...)
		holds(t, cloud, twin, one...)

		shown.show(example, outer, twin)
		w.remove(service("web", ""))
		wait(10 * time.Minute)
		holds(t, cloud, outer, "top A 192.0.2.2")
		holds(t, cloud, twin)
		if lines := log.took(); strings.Contains(lines, "zones named") {
			t.Errorf("private zones of one name are no tie:\n%s", lines)
		}
	})
}

// A name that is pinned stands in that zone alone, be it one that would not be
// used, and moves with the pin; a pin to a zone that cannot hold the name is told.
func TestPinned(t *testing.T) {
	bubble("zones", t, func(t *testing.T) {
		inside, unused := dns.Zone{ID: "P1", Name: "example.com.", Private: true}, dns.Zone{ID: "Z2", Name: "example.com."}
		other := dns.Zone{ID: "Z3", Name: "example.org."}
		cloud := newCloud(example, inside, unused, other)
		w, log := newWorld(t, cloud, nil)
		w.begin(service("all", "all.example.com", "192.0.2.1"), pinned("in", "in.example.com", "P1", "192.0.2.2"),
			pinned("un", "un.example.com", "Z2", "192.0.2.3"), pinned("far", "far.example.com", "Z3", "192.0.2.4"),
			pinned("no", "no.example.com", "Z9", "192.0.2.5"))
		wait(time.Minute)
		holds(t, cloud, example, "all A 192.0.2.1")
		holds(t, cloud, inside, "all A 192.0.2.1", "in A 192.0.2.2")
		holds(t, cloud, unused, "un A 192.0.2.3")
		holds(t, cloud, other)
		if e := w.c.Explain("no.example.com."); !strings.Contains(e.Verdict, "it is pinned to the zone Z9") {
			t.Errorf("explain says %q", e.Verdict)
		}
		lines := log.took()
		for _, want := range []string{"it is pinned to the zone Z3, which is not used here or cannot hold far.example.com", "it is pinned to the zone Z9"} {
			if strings.Count(lines, want) != 1 {
				t.Errorf("want %q once in\n%s", want, lines)
			}
		}

		w.apply(pinned("in", "in.example.com", "Z1", "192.0.2.2"), pinned("no", "no.example.com", "Z1", "192.0.2.5"), service("un", "un.example.com", "192.0.2.3"))
		wait(time.Minute)
		holds(t, cloud, example, "all A 192.0.2.1", "in A 192.0.2.2", "no A 192.0.2.5", "un A 192.0.2.3")
		holds(t, cloud, inside, "all A 192.0.2.1", "un A 192.0.2.3")
		holds(t, cloud, unused, "un A 192.0.2.3") // nothing is deleted in the zone that is not used
		if lines := log.took(); !strings.Contains(lines, `msg="no longer refused" record="no.example.com A" reason=NoZone`) {
			t.Errorf("it is not told that the pin is good now:\n%s", lines)
		}
	})
}

// A pin to a zone that there is not takes a name away from none.
func TestPinnedToNowhere(t *testing.T) {
	bubble("zones", t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log := newWorld(t, cloud, nil)
		w.begin(service("a", "a.example.com", "192.0.2.1"))
		w.apply(pinned("a", "a.example.com", "Z9", "192.0.2.2"))
		wait(time.Hour)
		holds(t, cloud, example, "a A 192.0.2.1")
		if lines := log.took(); strings.Count(lines, "level=WARN") != 1 || !strings.Contains(lines, "it is pinned to the zone Z9") {
			t.Errorf("want one warning:\n%s", lines)
		}
		if e := w.c.Explain("a.example.com."); !strings.Contains(e.Verdict, "it is pinned to the zone Z9") {
			t.Errorf("explain says %q", e.Verdict)
		}
		w.apply(pinned("a", "a.example.com", "Z1", "192.0.2.2"))
		wait(time.Minute)
		holds(t, cloud, example, "a A 192.0.2.2")
	})
}

// A pinned name that nobody wants any more goes, also from a zone that would not
// hold it.
func TestUnpinned(t *testing.T) {
	bubble("zones", t, func(t *testing.T) {
		inner, inside := dns.Zone{ID: "Z2", Name: "sub.example.com."}, dns.Zone{ID: "P1", Name: "example.com.", Private: true}
		cloud := newCloud(example, inner, inside)
		w, _ := newWorld(t, cloud, nil)
		w.begin(pinned("a", "a.sub.example.com", "Z1", "192.0.2.1"), pinned("b", "b.sub.example.com", "Z1", "192.0.2.2"))
		wait(time.Minute)
		holds(t, cloud, example, "a.sub A 192.0.2.1", "b.sub A 192.0.2.2")
		e := w.c.Explain("a.sub.example.com.")
		if len(e.Zones) != 1 || e.Verdict != "nothing, because the zone holds what is asked for" {
			t.Errorf("explain shows %d zones and says %q", len(e.Zones), e.Verdict)
		}
		w.apply(service("a", "a.sub.example.com", "192.0.2.1"))
		w.remove(service("b", ""))
		wait(time.Minute)
		holds(t, cloud, inner, "a A 192.0.2.1")
		holds(t, cloud, example, "a.sub A 192.0.2.1") // not delegated yet
		cloud.Put(example, dns.RecordSet{Key: dns.Key{Name: inner.Name, Type: dns.NS}, TTL: 60, Data: []string{"ns.example.net."}})
		wait(10 * time.Minute)
		holds(t, cloud, example)

		// From one pin to another.
		w.apply(pinned("a", "a.sub.example.com", "Z1", "192.0.2.1"))
		wait(time.Minute)
		holds(t, cloud, example, "a.sub A 192.0.2.1")
		w.apply(pinned("a", "a.sub.example.com", "P1", "192.0.2.1"))
		wait(time.Minute)
		holds(t, cloud, inside, "a.sub A 192.0.2.1")
		holds(t, cloud, example)
		holds(t, cloud, inner)
	})
}

// warning is a provider that knows of trouble to come.
type warning struct {
	*zoneList
	words []string
}

func (w *warning) Warnings() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.words
}

func (w *warning) say(words ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.words = words
}

// What a provider warns of is told when it comes, and again only if it was gone
// between.
func TestWarningsAreToldOnce(t *testing.T) {
	bubble("full", t, func(t *testing.T) {
		cloud := newCloud(example)
		p := &warning{zoneList: &zoneList{cloud: cloud}}
		p.show(example)
		p.say("the zone example.com is nearly full")
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Provider = p })
		told := func(want int) {
			t.Helper()
			if n := strings.Count(log.took(), `level=WARN msg="the zone example.com is nearly full"`); n != want {
				t.Errorf("told %d times, want %d", n, want)
			}
		}
		w.begin()
		wait(time.Hour)
		told(1)
		p.say()
		wait(time.Hour)
		p.say("the zone example.com is nearly full")
		wait(time.Hour)
		told(1)
	})
}
