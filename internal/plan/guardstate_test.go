package plan_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// An approval on which the guard before acted, without taking it back, is stale,
// and so is one of what is held otherwise now; one of what is held still is not.
func TestApprovalOfTheGuardBefore(t *testing.T) {
	const never = time.Duration(0)
	for what, tt := range map[string]struct {
		gone, back   int
		spent, stale bool
	}{
		"all has gone":       {gone: 12, stale: true},
		"some has gone":      {gone: 5, stale: true},
		"all is wanted":      {back: 12, stale: true},
		"some is wanted":     {back: 2, stale: true},
		"nothing is changed": {spent: true},
	} {
		l := limit(t, "30%")
		g := newGuarded(l, never)
		wish := func(yes bool, from, to int) {
			for i := from; i < to; i++ {
				g.want(yes, host(2*i))
			}
		}
		step := func() {
			t.Helper()
			if err := g.sync(names(40)); err != nil {
				t.Fatal(err)
			}
		}
		wish(true, 0, 20)
		step()
		wish(false, 0, 12)
		step()
		left := g.State()
		if left.Held != 12 {
			t.Fatalf("%s: %d are held", what, left.Held)
		}
		for i := range tt.gone {
			delete(g.stands, host(2*i))
		}
		wish(true, 0, tt.back)
		next := plan.NewGuard(zone, l, never)
		next.Resume(left)
		next.Recount()
		next.See(g.now, g.plan(names(40)), func(dns.Name) bool { return false })
		given := func(id string) bool { return id == left.ID }
		next.Judge(g.now, given)
		next.Judge(g.now, given)
		if spent, stale := next.Spent(), next.Stale(); slices.Contains(spent, left.ID) != tt.spent || slices.Contains(stale, left.ID) != tt.stale || len(spent)+len(stale) != 1 {
			t.Errorf("%s: spent %q, stale %q", what, spent, stale)
		}
		if again := next.Stale(); len(again) > 0 {
			t.Errorf("%s: %q is told again", what, again)
		}
	}
}

// What a new process makes of what it finds: with what the last leader left, and
// without ("signpost run --once", manifests, the first start).
func TestGuardAtStart(t *testing.T) {
	const never = time.Duration(0)
	tests := []struct {
		name  string
		limit string
		// In the first process so many names stand, and so many of them are wanted no
		// more, at once or after others that go unasked.
		names, first, then int
		// Then so many others are created, by it or by somebody else, and so many of
		// those that are held are wanted again.
		more, back int
		pause      time.Duration // before the next process begins
		other      string        // its limit, if it is another
		held       int           // in the first process
		resumed    int           // by one that knows what the first left
		fresh      int           // by one that does not
	}{
		{name: "all of a few", limit: "30%", names: 5, then: 5, held: 5, resumed: 5, fresh: 5},
		{name: "all of a few, and one is created", limit: "30%", names: 5, then: 5, more: 1, held: 5, resumed: 5, fresh: 5},
		{name: "all of a few, and as many are created", limit: "30%", names: 5, then: 5, more: 5, held: 5, resumed: 5, fresh: 5},
		{name: "all of a few, and the zone more than doubles", limit: "30%", names: 5, then: 5, more: 6, held: 5, resumed: 5, fresh: 0},
		{name: "a third of a hundred", limit: "30%", names: 100, then: 34, held: 34, resumed: 34, fresh: 34},
		{name: "a third of a hundred, which grows", limit: "30%", names: 100, then: 34, more: 20, held: 34, resumed: 34, fresh: 0},
		{name: "half of a hundred, which grows", limit: "30%", names: 100, then: 60, more: 60, held: 60, resumed: 60, fresh: 60},
		{name: "in two steps", limit: "30%", names: 40, first: 10, then: 8, held: 8, resumed: 8, fresh: 0},
		{name: "in two steps, long ago", limit: "30%", names: 40, first: 10, then: 8, pause: time.Hour, held: 8, resumed: 8, fresh: 0},
		{name: "some come back, and it is too much still", limit: "30%", names: 100, then: 60, back: 10, held: 60, resumed: 50, fresh: 50},
		{name: "some come back, so that the rest may go", limit: "30%", names: 100, then: 40, back: 15, held: 40, resumed: 0, fresh: 0},
		{name: "a number is outgrown by nothing", limit: "4", names: 5, then: 5, more: 500, held: 5, resumed: 5, fresh: 5},
		{name: "a large share means what it says", limit: "80%", names: 20, then: 12, more: 1, held: 0, resumed: 0, fresh: 0},
		{name: "a larger limit", limit: "30%", names: 100, then: 34, other: "40%", held: 34, resumed: 0, fresh: 0},
		{name: "a larger limit, not large enough", limit: "30%", names: 100, then: 50, more: 100, other: "40%", held: 50, resumed: 50, fresh: 0},
		{name: "no limit any more", limit: "0", names: 20, then: 15, other: "unlimited", held: 15, resumed: 0, fresh: 0},
		{name: "few of many", limit: "30%", names: 40, then: 5, held: 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := limit(t, tt.limit)
			g := newGuarded(l, never)
			sync := func(all bool) {
				t.Helper()
				if all {
					g.Recount()
				}
				if err := g.sync(names(2000)); err != nil {
					t.Fatal(err)
				}
			}
			// One type a name, so that nothing makes way for anything.
			wish := func(yes bool, from, to int) {
				for i := from; i < to; i++ {
					g.want(yes, host(2*i))
				}
			}
			g.Resume(plan.GuardState{})
			wish(true, 0, tt.names)
			sync(true)
			wish(false, 0, tt.first)
			sync(false)
			wish(false, tt.first, tt.first+tt.then)
			sync(false)
			if n := len(g.Hold().Keys); n != tt.held {
				t.Fatalf("%d are held in the first process, want %d", n, tt.held)
			}
			wish(true, tt.names, tt.names+tt.more)
			sync(false)
			if n := len(g.Hold().Keys); n != tt.held {
				t.Errorf("%d are held when others were created, want %d", n, tt.held)
			}
			left, err := json.Marshal(g.State())
			if err != nil || len(left) > 200 {
				t.Fatalf("left is %s, %v", left, err)
			}
			wish(true, tt.first, tt.first+tt.back)
			g.now = g.now.Add(tt.pause)
			now := l
			if tt.other != "" {
				now = limit(t, tt.other)
			}
			for what, want := range map[string]int{"resumes": tt.resumed, "knows nothing": tt.fresh} {
				next := plan.NewGuard(zone, now, never)
				if what == "resumes" {
					var s plan.GuardState
					if err := json.Unmarshal(left, &s); err != nil {
						t.Fatal(err)
					}
					next.Resume(s)
				}
				next.See(g.now, plan.Plan{Zone: zone}, func(dns.Name) bool { return false }) // names that are touched before the zone is read
				next.Judge(g.now, func(string) bool { return false })
				next.Recount()
				p := g.plan(names(2000))
				next.See(g.now, p, func(dns.Name) bool { return false })
				next.Judge(g.now, func(string) bool { return false })
				if n := len(next.Hold().Keys); n != want {
					t.Errorf("%d are held by one that %s, want %d (left: %s)", n, what, want, left)
				}
			}
		})
	}
}
