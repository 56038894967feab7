package controller_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// consent is where people approve, for a test.
type consent struct {
	mu    sync.Mutex
	ids   []string
	stays bool // an approval cannot be taken back
	err   error
}

func (c *consent) Given(context.Context) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ids), c.err
}

func (c *consent) Spent(_ context.Context, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stays {
		return errors.New("read-only file system")
	}
	c.ids = slices.DeleteFunc(c.ids, func(s string) bool { return s == id })
	return nil
}

func (c *consent) Command(id string) string { return "say yes to " + id }

func (c *consent) give(ids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids = append(c.ids, ids...)
}

func (c *consent) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ids)
}

// many returns Services that publish one name each: 01.example.com and so on.
func many(from, to int) (list []client.Object) {
	for i := from; i <= to; i++ {
		host := fmt.Sprintf("%02d", i)
		list = append(list, service(host, host+".example.com", "192.0.2.1"))
	}
	return list
}

// standing returns how many names the zone of a cloud holds.
func standing(c *cloud) int { return len(listing(c, example)) }

// guardedWorld is a world with a guard, in which somebody may approve.
func guardedWorld(t *testing.T, c *cloud, grace time.Duration) (*world, *journal, *consent) {
	t.Helper()
	yes := &consent{}
	w, log := newWorld(t, c, func(config *controller.Config) { config.Grace, config.Approvals = grace, yes })
	return w, log, yes
}

// heldID returns the ID that the log names last.
func heldID(t *testing.T, lines string) string {
	t.Helper()
	all := regexp.MustCompile(`say yes to (\w{10})`).FindAllStringSubmatch(lines, -1)
	if len(all) == 0 {
		t.Fatalf("nothing is said to be held:\n%s", lines)
	}
	return all[len(all)-1][1]
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log, _ := guardedWorld(t, cloud, 10*time.Second)
		list := many(1, 3)
		w.begin(list...)
		cloud.took()

		// What comes back in time changes nothing.
		w.remove(list[0], list[1])
		wait(9 * time.Second)
		w.apply(list[0])
		settle()
		if n := w.metric("signpost_refusals{Grace}"); n != 1 {
			t.Errorf("%v names wait, want 1", n)
		}
		wait(900 * time.Millisecond)
		if took := cloud.took(); took != "" || standing(cloud) != 3 {
			t.Errorf("calls within the grace time: %s; the zone holds %q", took, listing(cloud, example))
		}
		// What does not come back goes when its time is over, not at the next pass.
		wait(100 * time.Millisecond)
		if took := cloud.took(); took != "Apply" {
			t.Errorf("calls after the grace time: %s, want one Apply", took)
		}
		holds(t, cloud, example, "01 A 192.0.2.1", "03 A 192.0.2.1")

		// It is measured from the last time that the name became unwanted.
		w.remove(list[0])
		wait(9 * time.Second)
		w.apply(list[0])
		settle()
		w.remove(list[0])
		wait(9 * time.Second)
		holds(t, cloud, example, "01 A 192.0.2.1", "03 A 192.0.2.1")
		wait(2 * time.Second)
		holds(t, cloud, example, "03 A 192.0.2.1")

		// A name that is given another set has nothing to wait for.
		w.apply(service("03", "03.example.com", "other.example.net"))
		settle()
		holds(t, cloud, example, "03 CNAME other.example.net.")
		if lines := log.took(); strings.Contains(lines, "level=WARN") || strings.Contains(lines, "grace") {
			t.Errorf("waiting is said:\n%s", lines)
		}
	})
}

// A restart begins the grace time anew, and --once has none.
func TestGraceAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _, _ := guardedWorld(t, cloud, 10*time.Second)
		w.begin(many(1, 3)...)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		again, _, _ := guardedWorld(t, cloud, 10*time.Second)
		again.begin(many(2, 3)...)
		wait(9 * time.Second)
		again.apply(many(1, 1)...) // it was slow to be read
		wait(time.Minute)
		if standing(cloud) != 3 {
			t.Errorf("the zone holds %q", listing(cloud, example))
		}
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
		now, _, _ := guardedWorld(t, cloud, 10*time.Second)
		if report, err := once(t.Context(), now, synced, many(2, 3)...); err != nil || len(report.Holds) > 0 || standing(cloud) != 2 {
			t.Errorf("once: %v, %v; the zone holds %q", err, report.Holds, listing(cloud, example))
		}
	})
}

// An empty list that is mended within the grace time changes nothing; nobody
// hears of it.
func TestEmptyListThatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log, _ := guardedWorld(t, cloud, 10*time.Second)
		w.begin(many(1, 30)...)
		cloud.took()
		log.took()
		w.remove(many(1, 30)...)
		wait(8 * time.Second)
		w.apply(many(1, 30)...)
		wait(30 * time.Second)
		if lines := log.took(); cloud.took() != "" || lines != "" || w.metric("signpost_held_deletions{example.com}{Z1}") != 0 {
			t.Errorf("told:\n%s", lines)
		}
	})
}

func TestTooMuchIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log, yes := guardedWorld(t, cloud, 10*time.Second)
		w.begin(many(1, 30)...)
		log.took()

		w.remove(many(1, 12)...)
		wait(11 * time.Second)
		lines := log.took()
		if n := strings.Count(lines, "level=WARN"); n != 1 || !strings.Contains(lines, "12 deletions are held in example.com") ||
			!strings.Contains(lines, "01.example.com A, 02.example.com A, 03.example.com A, and 9 more") {
			t.Errorf("want one line that tells what is held, got %d:\n%s", n, lines)
		}
		id := heldID(t, lines)
		if n := w.metric("signpost_held_deletions{example.com}{Z1}"); n != 12 {
			t.Errorf("the metric says %v", n)
		}
		if ok, text := w.ready(); !ok || !strings.Contains(text, "12 deletions are held in example.com ("+id+")") || !strings.Contains(text, "say yes to "+id) {
			t.Errorf("ready: %v\n%s", ok, text)
		}

		// Neither time nor a larger zone releases it; other changes go on.
		w.apply(append(many(31, 60), service("30", "30.example.com", "192.0.2.30"))...)
		wait(2 * time.Hour)
		if standing(cloud) != 60 || !slices.Contains(listing(cloud, example), "30 A 192.0.2.30") {
			t.Errorf("the zone holds %q", listing(cloud, example))
		}
		if lines := log.took(); strings.Contains(lines, "level=WARN") || strings.Contains(lines, "DELETE") {
			t.Errorf("told again, or deleted:\n%s", lines)
		}

		// What becomes unwanted now is held as well, under a new ID.
		w.remove(many(60, 60)...)
		wait(11 * time.Second)
		both := heldID(t, log.took())
		if n := w.metric("signpost_held_deletions{example.com}{Z1}"); n != 13 || both == id {
			t.Errorf("%v are held, as %s, want 13, not as %s", n, both, id)
		}

		// The first ID approves what it was made for; the rest is judged anew.
		yes.give(id)
		wait(2 * time.Second)
		if standing(cloud) != 47 || yes.left() != 0 {
			t.Errorf("the zone holds %d: %q; %d approvals are left", standing(cloud), listing(cloud, example), yes.left())
		}
		lines = log.took()
		if !strings.Contains(lines, "approved: ") || !strings.Contains(lines, "nothing is held any more in example.com") {
			t.Errorf("the log lacks the end of it:\n%s", lines)
		}
		if ok, text := w.ready(); !ok || strings.Contains(text, "held") || w.metric("signpost_held_deletions{example.com}{Z1}") != 0 {
			t.Errorf("something is held yet:\n%s", text)
		}
	})
}

// A restart does not release what is held, and neither does --once: an approval
// for it does.
func TestHoldOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log, _ := guardedWorld(t, cloud, 10*time.Second)
		w.begin(many(1, 20)...)
		w.remove(many(1, 12)...)
		wait(time.Minute)
		id := heldID(t, log.took())
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			again, log, _ := guardedWorld(t, cloud, 10*time.Second)
			again.begin(many(13, 20)...)
			wait(20 * time.Minute)
			if got := heldID(t, log.took()); got != id || standing(cloud) != 20 {
				t.Errorf("after a restart %s is held, not %s; the zone holds %d", got, id, standing(cloud))
			}
			if err := again.stop(); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			now, _, yes := guardedWorld(t, cloud, 0)
			yes.give("0123456789")
			report, err := once(t.Context(), now, synced, many(13, 20)...)
			if err != nil || len(report.Holds) != 1 || report.Holds[0].ID != id || report.Changes() != 0 || standing(cloud) != 20 {
				t.Errorf("once: %v, %v, %d changes; the zone holds %d", err, report.Holds, report.Changes(), standing(cloud))
			}
		}
		dry, _ := newWorld(t, cloud, func(c *controller.Config) {
			c.DryRun, c.Grace, c.Approvals = true, time.Minute, &consent{ids: []string{id}, err: nil}
		})
		if report, err := once(t.Context(), dry, synced, many(13, 20)...); err != nil || report.Changes() != 24 || len(report.Holds) > 0 {
			t.Errorf("a dry run with the approval: %v, %v, %d changes", err, report.Holds, report.Changes())
		}
		now, _, yes := guardedWorld(t, cloud, 0)
		yes.give(id)
		if report, err := once(t.Context(), now, synced, many(13, 20)...); err != nil || len(report.Holds) > 0 || standing(cloud) != 8 || yes.left() != 0 {
			t.Errorf("once, approved: %v, %v; the zone holds %d; %d approvals are left", err, report.Holds, standing(cloud), yes.left())
		}
	})
}

// A leader that is killed when an approved deletion has been accepted leaves the
// approval behind. The next takes it back, so that the same does not go again
// some day without being asked for.
func TestApprovalOfALeaderThatWasKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		kept := &left{}
		lead := func() (*world, *journal, *consent) {
			yes := &consent{}
			w, log := newWorld(t, cloud, func(c *controller.Config) { c.Approvals, c.Memory = yes, kept })
			return w, log, yes
		}
		w, log, yes := lead()
		w.begin(many(1, 12)...)
		w.remove(many(1, 12)...)
		settle()
		id, before := heldID(t, log.took()), kept.states
		yes.give(id)
		wait(2 * time.Second)
		if err := w.stop(); err != nil || standing(cloud) != 0 || yes.left() != 0 {
			t.Fatalf("%v; the zone holds %d; %d approvals are left", err, standing(cloud), yes.left())
		}

		// Neither the approval was taken back nor what was held forgotten.
		kept.states = before
		next, log, yes := lead()
		yes.give(id)
		next.begin()
		wait(time.Minute)
		if lines := log.took(); yes.left() != 0 || strings.Count(lines, "the approval "+id+" is taken back") != 1 {
			t.Errorf("%d approvals are left:\n%s", yes.left(), lines)
		}
		next.apply(many(1, 12)...)
		wait(20 * time.Minute)
		next.remove(many(1, 12)...)
		wait(20 * time.Minute)
		if standing(cloud) != 12 || heldID(t, log.took()) != id {
			t.Errorf("the zone holds %d, want 12: it was approved another time", standing(cloud))
		}
	})
}

// left is what a leader leaves, in a test.
type left struct{ states map[string]plan.GuardState }

func (l *left) Recall() (map[string]plan.GuardState, bool) { return l.states, true }
func (l *left) Remember(states map[string]plan.GuardState) { l.states = states }

// Names that are wanted again are no deletions. If the rest is not too much it
// waits once more, as others may be on their way back.
func TestWhatIsHeldIsWantedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log, _ := guardedWorld(t, cloud, 10*time.Second)
		w.begin(many(1, 20)...)
		w.remove(many(1, 20)...)
		wait(20 * time.Minute)
		first := heldID(t, log.took())
		cloud.took()
		for i := 1; i <= 17; i++ {
			w.apply(many(i, i)...)
			wait(8 * time.Second)
		}
		if took := cloud.took(); strings.Contains(took, "Apply") || standing(cloud) != 20 {
			t.Errorf("calls: %s; the zone holds %d", took, standing(cloud))
		}
		lines := log.took()
		if heldID(t, lines) == first || !strings.Contains(lines, "nothing is held any more") {
			t.Errorf("the log:\n%s", lines)
		}
		wait(10 * time.Second)
		if standing(cloud) != 17 {
			t.Errorf("the zone holds %q", listing(cloud, example))
		}
	})
}

// The rest of a hold waits its grace time anew, also where a write goes on for longer than that: none of it is forgotten.
func TestHoldEndsDuringASlowWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _, _ := guardedWorld(t, cloud, 10*time.Second)
		w.begin(many(1, 20)...)
		w.remove(many(1, 12)...)
		wait(time.Minute)
		began := time.Now()
		cloud.faults(func(c memory.Call) error {
			if c.Op == "Apply" && time.Since(began) < 30*time.Second {
				return &provider.Error{Kind: provider.ErrThrottled, Op: c.Op, Cause: errors.New("rate exceeded")}
			}
			return nil
		}, nil)
		w.apply(append(many(2, 3), service("01", "01.example.com", "192.0.2.9"))...)
		wait(2 * time.Minute)
		if standing(cloud) != 11 {
			t.Errorf("the zone holds %q", listing(cloud, example))
		}
	})
}

// Deletions count for ten minutes.
func TestManySmallDeletions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log, _ := guardedWorld(t, cloud, 0)
		w.begin(many(1, 30)...)
		w.remove(many(1, 9)...)
		wait(9 * time.Minute)
		w.remove(many(10, 11)...)
		wait(time.Second)
		if standing(cloud) != 19+2 || !strings.Contains(log.took(), "2 deletions are held") {
			t.Errorf("the zone holds %d", standing(cloud))
		}
		w.apply(many(10, 11)...)
		wait(10 * time.Minute)
		w.remove(many(10, 15)...)
		wait(time.Second)
		if standing(cloud) != 15 {
			t.Errorf("the zone holds %d, want 15: what went before counts no more", standing(cloud))
		}
	})
}

// An approval is good for once, also where it cannot be taken back; what fits
// nothing is told.
func TestApprovalIsGoodForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log, yes := guardedWorld(t, cloud, 0)
		yes.stays = true
		w.begin(many(1, 12)...)
		w.remove(many(1, 12)...)
		settle()
		id := heldID(t, log.took())
		yes.give("0123456789")
		wait(time.Minute)
		if lines := log.took(); strings.Count(lines, "the approval 0123456789 fits nothing that is held") != 1 || !strings.Contains(lines, "held="+id) {
			t.Errorf("the log:\n%s", lines)
		}
		var odd []string
		for i := range 40 {
			odd = append(odd, fmt.Sprintf("%010d", i))
		}
		yes.give(append(odd, id)...)
		wait(2 * time.Second)
		lines := log.took()
		for _, o := range odd {
			if !strings.Contains(lines, "the approval "+o+" fits nothing") {
				t.Errorf("%s, given with one that fits, is not told", o)
			}
		}
		if standing(cloud) != 0 || strings.Count(lines, "cannot be taken back") != 1 {
			t.Errorf("the zone holds %d:\n%s", standing(cloud), lines)
		}
		w.apply(many(1, 12)...)
		wait(20 * time.Minute)
		w.remove(many(1, 12)...)
		wait(20 * time.Minute)
		if lines := log.took(); standing(cloud) != 12 || heldID(t, lines) != id {
			t.Errorf("the zone holds %d, want 12: it was approved another time\n%s", standing(cloud), lines)
		}
		yes.mu.Lock()
		yes.err = errors.New("permission denied")
		yes.mu.Unlock()
		wait(20 * time.Minute)
		if lines := log.took(); strings.Count(lines, "approvals cannot be read") != 1 {
			t.Errorf("want one line that approvals cannot be read:\n%s", lines)
		}
	})
}

// Each zone has a guard of its own, and one that goes takes its hold along.
func TestHoldOfAZoneThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		org := dns.Zone{ID: "Z9", Name: "example.org."}
		cloud := newCloud(example, org)
		shown := &zoneList{cloud: cloud}
		shown.show(example, org)
		var told []string
		w, _ := newWorld(t, cloud, func(c *controller.Config) {
			c.Provider = shown
			c.OnHold = func(h controller.Hold) { told = append(told, fmt.Sprint(h.Zone.ID, " ", len(h.Keys))) }
		})
		there := service("there", "a.example.org,b.example.org", "192.0.2.1")
		w.begin(append(many(1, 4), there)...)
		w.remove(append(many(1, 4), there)...)
		wait(time.Minute)
		if standing(cloud) != 4 || len(listing(cloud, org)) != 0 {
			t.Errorf("the zones hold %q and %q", listing(cloud, example), listing(cloud, org))
		}
		shown.show(org)
		wait(5 * time.Minute)
		if n := w.metric("signpost_held_deletions{example.com}{Z1}"); n != 0 || !slices.Equal(told, []string{"Z1 4"}) {
			t.Errorf("%v are held; told: %q", n, told)
		}
		if _, text := w.ready(); strings.Contains(text, "held") {
			t.Errorf("something is held in a zone that is not there:\n%s", text)
		}
	})
}

// A deletion that the service does not take is tried again, and stays judged.
func TestReleasedDeletionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log, yes := guardedWorld(t, cloud, 10*time.Second)
		w.begin(many(1, 20)...)
		w.remove(many(1, 12)...)
		wait(time.Minute)
		cloud.faults(on("Apply", denied), nil)
		yes.give(heldID(t, log.took()))
		cloud.took()
		wait(10 * time.Minute)
		if n := strings.Count(cloud.took(), "Apply"); n == 0 || n > 40 || standing(cloud) != 20 {
			t.Errorf("%d tries in ten minutes; the zone holds %d", n, standing(cloud))
		}
		cloud.faults(nil, nil)
		wait(2 * time.Minute)
		if standing(cloud) != 8 {
			t.Errorf("the zone holds %d", standing(cloud))
		}
	})
}
