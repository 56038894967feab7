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
		explain("www.example.com.", "nothing, because no object asks for it as far as is known: source service: not read yet; source ingress: not read yet",
			"No zone\n  the zones have not been read yet\n")

		w.apply(service("web", "www.example.com", "192.0.2.1"), service("rival", "www.example.com", "other.example.net"),
			service("taken", "taken.example.com", "192.0.2.2"), ingress("none", "none.example.com"),
			service("org", "www.example.org", "192.0.2.1"), service("wrong", "wrong.example.com", "192.0.2.7"))
		w.status(serviceKind, synced)
		w.status(ingressKind, frozen)
		settle()
		wait(5 * time.Second)
		explain("www.example.com.", "nothing, because ",
			"refused: Conflict: ", "is heard: it wins: it holds the name already", "claimed at ", `ours, owner "me" for service/default/`,
			"last change: CREATE ", "known as of 2000-01-01T00:00:00Z (5s ago), and what was written since",
			"cannot be read: source ingress: may not list ingresses")
		explain("taken.example.com.", "nothing, because ", "holds: taken.example.com. 60 IN A 198.51.100.1\n    claimed by nobody\n", "refused: NotOwned: ")
		explain("theirs.example.com.", "nothing, because no object asks for it, and what stands there is not ours")
		explain("nobody.example.com.", "nothing, because no object asks for it, and nothing stands there", "holds nothing there")
		explain("none.example.com.", "nothing, because no object asks for it", "ingress/default/none\n    problem: NoTarget: ")
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
			"to change: + late.example.com. 300 IN A 192.0.2.4", "trouble: ", "waits: tried ")
	})
}
