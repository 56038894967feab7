package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/events"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// told collects notes for Events: "web NotOwned Publish: text".
type told struct {
	mu    sync.Mutex
	notes []string
}

// Tell implements [controller.Events].
func (t *told) Tell(n events.Note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := n.About.Kind.Kind + " " + n.About.Name
	if n.About == (events.Ref{}) {
		who = "itself"
	}
	sign := "!"
	if n.Good {
		sign = "+"
	}
	t.notes = append(t.notes, fmt.Sprintf("%s %s %s %s: %s", sign, who, n.Reason, n.Action, n.Text))
}

// took returns what was told since the last time, sorted.
func (t *told) took() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.notes
	t.notes = nil
	slices.Sort(out)
	return out
}

// expect compares what was told with how it begins.
func (t *told) expect(test *testing.T, when string, want ...string) {
	test.Helper()
	got := t.took()
	same := len(got) == len(want)
	for i := range got {
		same = same && i < len(want) && strings.HasPrefix(got[i], want[i])
	}
	if !same {
		test.Errorf("%s: told\n  %s\nwant\n  %s", when, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// Objects hear of what becomes of them, each thing once.
func TestObjectsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		put(cloud, example, "taken", "198.51.100.1")
		to := &told{}
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Events = to })
		w.begin(service("web", "www.example.com", "192.0.2.1"), service("taken", "taken.example.com", "192.0.2.2"),
			service("bad", "bad..example.com", "192.0.2.3"), ingress("none", "none.example.com"))
		to.expect(t, "at the start",
			"! Service bad BadHostname Derive: ", "! Service bad Frozen Derive: what the object holds stays as it is: ",
			"! Service taken NotOwned Publish: taken.example.com A: ",
			"+ Ingress none NoTarget Derive: none.example.com has nothing to point to",
			"+ Service web RecordReady Created: (external-dns) record:www.example.com,owner:me,type:A,ttl:300,targets:192.0.2.1")
		wait(time.Hour)
		to.expect(t, "an hour later")

		w.apply(service("web", "www2.example.com", "192.0.2.1"))
		settle()
		to.expect(t, "after another name",
			"+ Service web RecordDeleted Deleted: (external-dns) record:www.example.com,owner:me,type:A,ttl:300,targets:192.0.2.1",
			"+ Service web RecordReady Created: (external-dns) record:www2.example.com,owner:me")
		w.apply(service("web", "www2.example.com", "192.0.2.9"))
		settle()
		to.expect(t, "after another address", "+ Service web RecordReady Updated: (external-dns) record:www2.example.com,owner:me")

		cloud.faults(func(memory.Call) error { return denied }, nil)
		w.apply(service("web", "www2.example.com", "192.0.2.8"))
		wait(time.Hour)
		to.expect(t, "denied", "! itself Failed Publish: change ", "! itself Failed Publish: list hosted zones: ",
			"! itself Failed Publish: list record sets in ")
	})
}

func TestHoldIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, to := newCloud(example), &told{}
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Events = to })
		w.begin(service("web", "a.example.com,b.example.com,c.example.com,d.example.com", "192.0.2.1"))
		to.took()
		w.remove(service("web", ""))
		wait(time.Hour)
		to.expect(t, "held", "! itself Held Delete: 4 deletions are held in example.com (")
		e := w.c.Explain("a.example.com.")
		if z := e.Zones[0]; z.Hold == nil || z.Hold.Count != 4 || !strings.HasPrefix(e.Verdict, "nothing, because too much would be deleted at once: it waits with 4 deletions") {
			t.Errorf("explained:\n%s", e)
		}
	})
}

func TestExplain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		put(cloud, example, "taken", "198.51.100.1")
		put(cloud, example, "theirs", "198.51.100.2")
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Grace = time.Minute })
		explain := func(n dns.Name, verdict string, lines ...string) {
			t.Helper()
			text := w.c.Explain(n).String()
			if want := n.Host() + ": " + verdict; !strings.HasPrefix(text, want) {
				t.Errorf("explained\n%s\nwant %s", text, want)
			}
			for _, line := range lines {
				if !strings.Contains(text, line) {
					t.Errorf("explained\n%s\nwithout %q", text, line)
				}
			}
		}
		w.run()
		synctest.Wait()
		explain("www.example.com.", "nothing, because no object asks for it as far as is known (source service: not read yet; source ingress: not read yet)",
			"No zone\n  the zones have not been read yet\n")

		w.apply(service("web", "www.example.com", "192.0.2.1"), service("rival", "www.example.com", "other.example.net"),
			service("taken", "taken.example.com", "192.0.2.2"), ingress("none", "none.example.com"),
			service("org", "www.example.org", "192.0.2.1"), service("wrong", "wrong.example.com", "192.0.2.7"))
		w.status(serviceKind, synced)
		w.status(ingressKind, frozen)
		settle()
		wait(5 * time.Second)
		const unread = " as far as is known (source ingress: may not list ingresses)"
		explain("www.example.com.", "nothing, because service/default/",
			" is heard; service/default/", " asks for something else and is not\n", "refused: Conflict: ", "is heard: it wins: it holds the name already", "claimed at ", `ours, owner "me" for service/default/`,
			"last change: CREATE ", "known as of 2000-01-01T00:00:00Z (5s ago), and what was written since",
			"cannot be read: source ingress: may not list ingresses")
		explain("taken.example.com.", "nothing, because ", "holds: taken.example.com. 60 IN A 198.51.100.1\n    claimed by nobody\n", "refused: NotOwned: ")
		explain("theirs.example.com.", "nothing, because no object asks for it"+unread+", and what stands there is not ours")
		explain("nobody.example.com.", "nothing, because no object asks for it"+unread+", and nothing stands there", "holds nothing there")
		explain("none.example.com.", "nothing, because ingress/default/none has a problem: none.example.com has nothing to point to: ", "ingress/default/none\n    problem: NoTarget: ")
		explain("www.example.org.", "nothing, because no hosted zone that Signpost may use holds it; it uses example.com", "service/default/org\n", "refused: NoZone: ")

		w.remove(service("wrong", ""))
		settle()
		explain("wrong.example.com.", "it will be deleted when its grace time is over, unless an object asks for it again",
			"to change: - wrong.example.com. 300 IN A 192.0.2.7", "waits: its grace time is over at 2000-01-01T00:01:05Z")

		w.status(ingressKind, synced)
		cloud.faults(func(memory.Call) error { return denied }, nil)
		w.apply(service("late", "late.example.com", "192.0.2.4"))
		wait(5 * time.Second)
		explain("late.example.com.", "nothing until the next try, because the last one was in vain: ",
			"to change: + late.example.com. 300 IN A 192.0.2.4", "trouble: ", "waits: tried 2 times in vain, next at ")
	})
}

// Names that stand for others: claims and wildcards.
func TestExplainNamesBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		cloud.Put(example, dns.RecordSet{Key: dns.Key{Name: "a-x.example.com.", Type: dns.TXT}, TTL: 60,
			Data: []string{`"heritage=external-dns,external-dns/owner=them,external-dns/resource=service/a/b"`}})
		cloud.Put(example, dns.RecordSet{Key: dns.Key{Name: "stray.example.com.", Type: dns.TXT}, TTL: 60,
			Data: []string{`"heritage=external-dns,external-dns/owner=me"`}})
		w, _ := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "192.0.2.1"), service("apps", "*.apps.example.com", "192.0.2.2"),
			service("one", "one.two.apps.example.com", "192.0.2.3"))
		for name, want := range map[dns.Name][]string{
			"a-www.example.com.": {"a-www.example.com: nothing, because what stands there is our claim to www.example.com A\n",
				`    a claim to www.example.com A: ours, owner "me" for service/default/web`},
			"a-x.example.com.": {`nothing, because what stands there is the claim of owner "them" to x.example.com A`,
				`    a claim to x.example.com A: another's, owner "them" for service/a/b`},
			"stray.example.com.":      {"refused: Orphan: it claims a record set that is gone", `    a claim to stray.example.com: ours, owner "me"`},
			"new.apps.example.com.":   {"and nothing stands there, so that *.apps.example.com answers in its place\n", "holds nothing there; *.apps.example.com answers in its place\n"},
			"a.b.apps.example.com.":   {"so that *.apps.example.com answers in its place\n"},
			"two.apps.example.com.":   {"nothing stands there\n"}, // it exists, since a name below it does
			"x.two.apps.example.com.": {"nothing stands there\n"},
			"other.example.com.":      {"nothing stands there\n"},
			"apps.example.com.":       {"nothing stands there\n"},
		} {
			text := w.c.Explain(name).String()
			for _, line := range want {
				if !strings.Contains(text, line) {
					t.Errorf("explained\n%s\nwithout %q", text, line)
				}
			}
		}
	})
}

// A name that moves to a zone which nobody delegates to is explained in both.
func TestExplainMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := dns.Zone{ID: "Z2", Name: "sub.example.com."}
		cloud := newCloud(example, sub)
		shown := &zoneList{cloud: cloud}
		shown.show(example)
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Provider = shown })
		w.begin(service("web", "www.sub.example.com", "192.0.2.1"))
		shown.show(example, sub)
		wait(10 * time.Minute)
		e := w.c.Explain("www.sub.example.com.")
		want := "in Z2: nothing, because the zone holds what is asked for; " +
			"in Z1: nothing, because the zone sub.example.com. (Z2) is not delegated from here (NS at sub.example.com), so that nobody would find it there"
		if e.Verdict != want || len(e.Zones) != 2 || len(e.Zones[1].Changes) > 0 {
			t.Errorf("explained\n%s\nwant %s", e, want)
		}
		cloud.Put(example, dns.RecordSet{Key: dns.Key{Name: sub.Name, Type: dns.NS}, TTL: 60, Data: []string{"ns1.invalid."}})
		wait(10 * time.Minute)
		if e := w.c.Explain("www.sub.example.com."); e.Verdict != "nothing, because the zone holds what is asked for" {
			t.Errorf("explained\n%s", e)
		}
	})
}
