package plan_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

func limit(t testing.TB, text string) plan.Limit {
	t.Helper()
	l, err := plan.ParseLimit(text)
	if err != nil {
		t.Fatal(err)
	}
	if l.String() != text {
		t.Errorf("%q is printed as %q", text, l)
	}
	return l
}

func TestLimit(t *testing.T) {
	tests := []struct {
		limit    string
		gone, of int
		exceeded bool
	}{
		{"30%", 0, 0, false},
		{"30%", 3, 3, false}, // a handful may go
		{"30%", 4, 4, true},  // but no more at once
		{"30%", 4, 5, false},
		{"30%", 10, 11, false}, // ten are never too much of a share
		{"30%", 11, 12, true},
		{"30%", 11, 37, false}, // 29.7 %
		{"30%", 11, 36, true},  // 30.6 %
		{"30%", 30, 100, false},
		{"30%", 31, 100, true},
		{"0%", 10, 100, false},
		{"0%", 11, 100000, true},
		{"100%", 99, 100, false},
		{"100%", 100, 100, true},
		{"0", 0, 100, false},
		{"0", 1, 100, true},
		{"25", 25, 26, false},
		{"25", 26, 1000, true},
		{"25", 5, 5, true},
		{"25", 3, 3, false},
		{"unlimited", 1000, 1000, false},
	}
	for _, tt := range tests {
		if got := limit(t, tt.limit).Exceeded(tt.gone, tt.of); got != tt.exceeded {
			t.Errorf("%s: %d of %d exceeds it: %v, want %v", tt.limit, tt.gone, tt.of, got, tt.exceeded)
		}
	}
	if limit(t, "30%") != (plan.Limit{}) {
		t.Error("the zero limit is not 30%")
	}
	for _, bad := range []string{"", "%", "x", "-1", "-1%", "101%", "1.5", "30 %", "none", "99999999999"} {
		if l, err := plan.ParseLimit(bad); err == nil {
			t.Errorf("%q is read as %v", bad, l)
		}
	}
}

// A hold's ID is the same in any process, for the same keys in any order.
func TestHoldID(t *testing.T) {
	keys := func(hosts ...string) (out []dns.Key) {
		for _, h := range hosts {
			out = append(out, dns.Key{Name: dns.Name(h + ".example.com."), Type: dns.A})
		}
		return out
	}
	h := plan.NewHold(zone, keys("b", "a", "c", "a"))
	if h.ID != "cd46503ae6" || len(h.Keys) != 3 || h.Keys[0].Name != "a.example.com." {
		t.Errorf("the hold is %v; its ID must not change from version to version", h)
	}
	if other := plan.NewHold(zone, keys("c", "b", "a")); other.ID != h.ID {
		t.Errorf("in another order it is %s, not %s", other.ID, h.ID)
	}
	aaaa := keys("a", "b", "c")
	aaaa[0].Type = dns.AAAA
	for what, other := range map[string]plan.Hold{
		"zone": plan.NewHold(dns.Zone{ID: "Z2", Name: zone.Name}, h.Keys), "fewer": plan.NewHold(zone, keys("a", "b")),
		"more": plan.NewHold(zone, keys("a", "b", "c", "d")), "type": plan.NewHold(zone, aaaa),
	} {
		if other.ID == h.ID {
			t.Errorf("another %s has the same ID", what)
		}
	}
}

// guarded is a zone, what is wanted there, and a guard: a model that knows
// nothing of how the guard thinks.
type guarded struct {
	*plan.Guard
	limit    plan.Limit
	grace    time.Duration
	now      time.Time
	stands   map[dns.Key]bool
	wanted   map[dns.Key]bool
	since    map[dns.Key]time.Time       // when a standing key became unwanted
	went     map[dns.Key]time.Time       // unasked, and does not stand again
	approved map[dns.Key]bool            // by a person, and unwanted since
	ids      map[string]map[dns.Key]bool // what was held under an ID, and is unwanted since
	given    map[string]bool
	still    map[dns.Key]bool // held, and nothing has happened that could release it
}

func newGuarded(limit plan.Limit, grace time.Duration) *guarded {
	return &guarded{
		Guard: plan.NewGuard(zone, limit, grace), limit: limit, grace: grace, now: time.Unix(0, 0),
		stands: map[dns.Key]bool{}, wanted: map[dns.Key]bool{}, since: map[dns.Key]time.Time{}, went: map[dns.Key]time.Time{},
		approved: map[dns.Key]bool{}, ids: map[string]map[dns.Key]bool{}, given: map[string]bool{}, still: map[dns.Key]bool{},
	}
}

// host is one of few keys: two a name.
func host(i int) dns.Key {
	return dns.Key{Name: dns.Name(fmt.Sprintf("h%02d.example.com.", i/2)), Type: []dns.Type{dns.A, dns.AAAA}[i%2]}
}

// want changes what is wanted.
func (g *guarded) want(yes bool, keys ...dns.Key) {
	for _, k := range keys {
		if g.wanted[k] = yes; !yes {
			continue
		}
		delete(g.since, k)
		delete(g.approved, k)
		for _, hashed := range g.ids {
			delete(hashed, k)
		}
		if g.still[k] {
			clear(g.still) // objects come back
		}
	}
}

// plan is the plan of some names.
func (g *guarded) plan(names []dns.Name) plan.Plan {
	p := plan.Plan{Zone: zone}
	for _, n := range names {
		at := plan.Tally{Name: n}
		made := false
		for _, t := range []dns.Type{dns.A, dns.AAAA} {
			k := dns.Key{Name: n, Type: t}
			made = made || g.wanted[k] && !g.stands[k]
			if g.stands[k] {
				at.Types = append(at.Types, t)
			}
		}
		p.Ours = append(p.Ours, at)
		for _, t := range at.Types {
			if k := (dns.Key{Name: n, Type: t}); !g.wanted[k] && !made {
				p.Going = append(p.Going, k)
			}
		}
	}
	return p
}

// sync plans names and does what the guard allows. It returns what is wrong
// with that.
func (g *guarded) sync(names []dns.Name) error {
	p := g.plan(names)
	g.See(g.now, p, func(n dns.Name) bool {
		return g.wanted[dns.Key{Name: n, Type: dns.A}] || g.wanted[dns.Key{Name: n, Type: dns.AAAA}]
	})
	for _, k := range p.Going {
		if _, known := g.since[k]; !known {
			g.since[k] = g.now
		}
	}
	g.Judge(g.now, func(id string) bool { return g.given[id] })
	for _, id := range g.Spent() {
		for k := range g.ids[id] {
			g.approved[k] = true
		}
		clear(g.still)
		delete(g.given, id)
	}
	var changes []dns.Change
	unasked := false
	for _, k := range p.Going {
		if reason, _ := g.Keep(k); reason != "" {
			continue
		}
		if err := g.mayGo(k); err != nil {
			return err
		}
		changes = append(changes, dns.Change{Old: &dns.RecordSet{Key: k}})
		delete(g.stands, k)
		delete(g.since, k)
		if !g.approved[k] {
			g.went[k], unasked = g.now, true
		}
		delete(g.approved, k)
	}
	for k := range g.wanted {
		if g.wanted[k] && !g.stands[k] && slices.Contains(names, k.Name) {
			for _, t := range p.Ours { // what makes way goes at once
				for _, of := range t.Types {
					if old := (dns.Key{Name: t.Name, Type: of}); t.Name == k.Name && !g.wanted[old] && g.stands[old] {
						changes = append(changes, dns.Change{Old: &dns.RecordSet{Key: old}})
						delete(g.stands, old)
						delete(g.since, old)
						delete(g.approved, old)
					}
				}
			}
			g.stands[k] = true
			delete(g.went, k)
			changes = append(changes, dns.Change{New: &dns.RecordSet{Key: k}})
		}
	}
	g.Applied(g.now, changes)
	return g.after(unasked)
}

// mayGo returns why a key may not be deleted.
func (g *guarded) mayGo(k dns.Key) error {
	switch {
	case g.still[k]:
		return fmt.Errorf("%s goes; it was held, and nobody has approved it", k)
	case !g.approved[k] && g.now.Sub(g.since[k]) < g.grace:
		return fmt.Errorf("%s goes after %v", k, g.now.Sub(g.since[k]))
	}
	return nil
}

// after checks what holds after a step, in which something went unasked or not.
func (g *guarded) after(unasked bool) error {
	maps.DeleteFunc(g.went, func(_ dns.Key, at time.Time) bool { return g.now.Sub(at) >= plan.Window })
	if n := len(g.went); unasked && g.limit.Exceeded(n, n+len(g.stands)) {
		return fmt.Errorf("%d went unasked within %v, and %d are left", n, plan.Window, len(g.stands))
	}
	h := g.Hold()
	if h.ID == "" {
		clear(g.still)
		return nil
	}
	if again := plan.NewHold(zone, h.Keys); again.ID != h.ID {
		return fmt.Errorf("%d keys are held as %s, and hash to %s", len(h.Keys), h.ID, again.ID)
	}
	g.ids[h.ID] = map[dns.Key]bool{}
	for _, k := range h.Keys {
		g.ids[h.ID][k], g.still[k] = true, true
	}
	return nil
}

// Whatever happens: within the window no more goes unasked than the limit
// allows, nothing before its grace time, and nothing that was held unless a
// person approved its hold or objects came back.
func TestGuard(t *testing.T) {
	limits := []plan.Limit{{}, {}, limit(t, "5"), limit(t, "0"), limit(t, "60%")}
	rapid.Check(t, func(t *rapid.T) {
		const keys = 40
		g := newGuarded(pick(t, "limit", limits...), pick(t, "grace", 0, 10*time.Second))
		some := func() []dns.Key {
			first := rapid.IntRange(0, keys-1).Draw(t, "first")
			n := rapid.IntRange(1, keys).Draw(t, "how many")
			var out []dns.Key
			for i := range n {
				out = append(out, host((first+i)%keys))
			}
			return out
		}
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		g.want(true, some()...)
		check(g.sync(names(keys)))
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch pick(t, "step", "go", "go", "go", "come", "wait", "wait", "wait long", "approve", "old approval", "pass", "vanish", "restart") {
			case "go":
				k := some()
				g.want(false, k...)
				check(g.sync(touched(k)))
			case "come":
				k := some()
				g.want(true, k...)
				check(g.sync(touched(k)))
			case "wait":
				g.now = g.now.Add(time.Duration(rapid.IntRange(1, 15).Draw(t, "seconds")) * time.Second)
				check(g.sync(names(keys)))
			case "wait long":
				g.now = g.now.Add(time.Duration(rapid.IntRange(1, 15).Draw(t, "minutes")) * time.Minute)
				check(g.sync(names(keys)))
			case "approve":
				g.given[g.Hold().ID] = true
				check(g.sync(names(keys)))
			case "old approval":
				for _, id := range slices.Sorted(maps.Keys(g.ids)) {
					if rapid.Bool().Draw(t, "this one") && g.Knows(id) {
						g.given[id] = true
					}
				}
				check(g.sync(names(keys)))
			case "pass":
				g.Recount()
				check(g.sync(names(keys)))
			case "restart": // another leader takes over
				left := g.State()
				g.Guard = plan.NewGuard(zone, g.limit, g.grace)
				g.Resume(left)
				clear(g.since)
				clear(g.approved)
				if rapid.Bool().Draw(t, "twice") { // before it has seen anything
					left = g.State()
					g.Guard = plan.NewGuard(zone, g.limit, g.grace)
					g.Resume(left)
				}
				g.Recount()
				check(g.sync(names(keys)))
			case "vanish": // by somebody else's hand
				k := some()[0]
				delete(g.stands, k)
				delete(g.since, k)
				delete(g.approved, k)
				delete(g.still, k)
				for _, hashed := range g.ids {
					delete(hashed, k)
				}
				check(g.sync([]dns.Name{k.Name}))
			}
		}
	})
}

func names(keys int) (out []dns.Name) {
	for i := range keys {
		out = append(out, host(i).Name)
	}
	return slices.Compact(out)
}

func touched(keys []dns.Key) (out []dns.Name) {
	for _, k := range keys {
		out = append(out, k.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A guard that knows nothing holds what one that has seen everything holds, and
// under the same ID, in whatever order it hears of it.
func TestGuardAfterRestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const keys = 40
		g := newGuarded(plan.Limit{}, 0)
		for i := range keys {
			g.want(true, host(i))
		}
		if err := g.sync(names(keys)); err != nil {
			t.Fatal(err)
		}
		gone := rapid.IntRange(13, keys).Draw(t, "gone")
		for i := range gone {
			g.want(false, host(i))
		}
		if err := g.sync(names(keys)); err != nil {
			t.Fatal(err)
		}
		fresh := plan.NewGuard(zone, plan.Limit{}, 0)
		p := g.plan(names(keys))
		seed := rapid.Uint64().Draw(t, "order")
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(p.Going), func(i, j int) { p.Going[i], p.Going[j] = p.Going[j], p.Going[i] })
		fresh.See(g.now, p, func(dns.Name) bool { return false })
		fresh.Judge(g.now, func(string) bool { return false })
		if h := fresh.Hold(); len(h.Keys) != gone || h.ID != g.Hold().ID || h.ID == "" {
			t.Fatalf("%d go; held are %d as %s and, after a restart, %d as %s", gone, len(g.Hold().Keys), g.Hold().ID, len(h.Keys), h.ID)
		}
	})
}
