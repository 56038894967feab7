package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// planned is a world, its plan, and the zone after it.
type planned struct {
	*world
	plan    plan.Plan
	batches []dns.Batch
	after   *strictZone
}

// run checks a property of many worlds. That each plan can be applied change by
// change, so that the zone is legal after every prefix, is part of each.
func run(t *testing.T, property func(t *rapid.T, p planned)) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		p := planned{world: w, plan: plan.Compute(w.rules, w.input(w.before)), after: w.before.clone()}
		p.batches, _ = plan.Pack(w.rules.Traits, zone, p.plan.Groups)
		for _, b := range p.batches {
			if err := p.after.apply(b); err != nil {
				t.Fatalf("%v\n%s\n%s", err, w, printPlan(p.plan))
			}
		}
		property(t, p)
	})
}

func (p planned) fatalf(t *rapid.T, format string, args ...any) {
	t.Helper()
	t.Fatalf("%s\n%s\n%s\nafter:\n%s", fmt.Sprintf(format, args...), p.world, printPlan(p.plan), dns.Format(zone.Name, p.after.all()))
}

func TestPlanAfterApplyIsEmpty(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		again := plan.Compute(p.rules, p.input(p.after))
		if slices.Contains(p.rules.Types, dns.TXT) || p.rules.Migrate != "" || p.ambiguous() || p.doubted() {
			// A TXT of ours that goes may have stood where a claim belongs, the twin of a
			// wildcard may have kept a claim from becoming ours, what a claim with two
			// readings speaks of depends on what stands, and a claim of ours that has lost
			// its set may have kept another from being adopted: these come next.
			if err := p.after.apply(again.Groups); err != nil {
				p.fatalf(t, "%v", err)
			}
			again = plan.Compute(p.rules, p.input(p.after))
		}
		if len(again.Groups) > 0 {
			p.fatalf(t, "the plan after the plan:\n%s", printPlan(again))
		}
	})
}

// doubted reports whether a set that was to be adopted has not been, since it
// may be somebody's by some claim: one of ours that has lost its set, which the
// plan deletes or gives the set again.
func (p planned) doubted() bool {
	return slices.ContainsFunc(p.plan.Refusals, func(r plan.Refusal) bool {
		set, stands := p.before.sets[r.Key]
		return r.Reason == plan.NotOwned && stands && p.adopts(set)
	})
}

// ambiguous reports whether a claim in the zone can be read as that of two names
// at which something stands or is wanted.
func (p planned) ambiguous() bool {
	busy := map[dns.Name]bool{}
	for key, set := range p.before.sets {
		if _, claims := isClaim(set); !claims {
			busy[key.Name] = true
		}
	}
	for name := range p.wants {
		busy[name] = true
	}
	for _, set := range p.before.sets {
		if _, claims := isClaim(set); !claims {
			continue
		}
		named := map[dns.Name]bool{}
		for _, r := range p.rules.Claims.Reads(set.Name, zone.Name) {
			if busy[r.Name] {
				named[r.Name] = true
			}
		}
		if len(named) > 1 {
			return true
		}
	}
	return false
}

func TestInputOrderDoesNotMatter(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		in := p.input(p.before)
		slices.Reverse(in.Names)
		wants, sets := in.Wants, in.Sets
		in.Wants = func(n dns.Name) []plan.Want {
			out := slices.Clone(wants(n))
			slices.Reverse(out)
			return out
		}
		in.Sets = func(n dns.Name) []dns.RecordSet {
			out := slices.Clone(sets(n))
			slices.Reverse(out)
			return out
		}
		if other := printPlan(plan.Compute(p.rules, in)); other != printPlan(p.plan) {
			p.fatalf(t, "in another order:\n%s", other)
		}
	})
}

// TestSettledPlansToNothing holds the short way for names at which nothing is to
// be done against the long one.
func TestSettledPlansToNothing(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		for _, z := range []*strictZone{p.before, p.after} {
			have, want := plan.Compute(p.rules, p.input(z)), plan.Decide(p.rules, p.input(z))
			if diff := cmp.Diff(want, have); diff != "" {
				p.fatalf(t, "want -, have +:\n%s", diff)
			}
		}
	})
}

// TestNamesAddUp plans name by name: what comes out is the plan of all.
func TestNamesAddUp(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		in := p.input(p.before)
		parts := map[string]bool{}
		for _, name := range in.Names {
			one := in
			one.Names = []dns.Name{name}
			for _, g := range plan.Compute(p.rules, one).Groups {
				parts[printPlan(plan.Plan{Groups: []dns.Group{g}})] = true
			}
		}
		for _, g := range p.plan.Groups {
			text := printPlan(plan.Plan{Groups: []dns.Group{g}})
			if !parts[text] {
				p.fatalf(t, "no name alone has the group\n%s", text)
			}
			delete(parts, text)
		}
		for text := range parts {
			p.fatalf(t, "a name alone has the group\n%s", text)
		}
	})
}

func TestForeignSetsAreNeverTouched(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		for key, set := range p.before.sets {
			c, claims := isClaim(set)
			mine := claims && p.myClaim(c, set) && len(set.Data) == 1 || !claims && (p.mine(p.before, set) || p.adopts(set))
			mine = mine && (claims || slices.Contains(p.rules.Types, set.Type)) && len(set.Opaque()) == 0
			if now, ok := p.after.sets[key]; !mine && (!ok || !now.Equal(set)) {
				p.fatalf(t, "%s changes", key)
			}
		}
	})
}

// TestClaimsGoWithTheirSets holds that every set that the plan makes or changes
// has a claim of ours then, that what had one keeps it, and that nobody else's
// set has come to have one, but by adoption.
func TestClaimsGoWithTheirSets(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		for key, set := range p.after.sets {
			old, stood := p.before.sets[key]
			changed := !stood || !old.Equal(set)
			if _, claims := isClaim(set); claims || key.Name == zone.Name && key.Type == dns.NS {
				continue
			}
			was, is := stood && p.mine(p.before, old), p.mine(p.after, set)
			managed := slices.Contains(p.rules.Types, key.Type) // an old claim speaks of other types by chance only
			if changed && !is || managed && (is && !was && stood && !p.adoptable(p.before, old) || was && !is && !p.awaited(old)) {
				p.fatalf(t, "%s was ours: %t, and is: %t", key, was, is)
			}
		}
	})
}

// awaited reports whether the claim of a set is rather that of another, which is
// missing and wanted by the object that the claim names.
func (p planned) awaited(set dns.RecordSet) bool {
	for _, found := range p.rules.Claims.For(p.before.all(), set, zone.Name) {
		for _, r := range p.rules.Claims.Reads(found.Set.Name, zone.Name) {
			if r.Name != set.Name && slices.ContainsFunc(p.wants[r.Name], func(w plan.Want) bool {
				return found.Claim.Resource != "" && found.Claim.Names(w.By.Resource())
			}) {
				return true
			}
		}
	}
	return false
}

// TestDeletingEverythingLeavesTheOthers holds that when nothing is wanted any
// more exactly what is not ours is left.
func TestDeletingEverythingLeavesTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.rules.Policy, w.rules.Filter, w.rules.Adopt = plan.Sync, dns.Filter{}, false
		w.wants, w.held, w.frozen, w.kept = nil, nil, nil, nil
		p := planned{world: w, after: w.before.clone()}
		for range 3 { // what goes may uncover more: a TXT that is ours, or what its claim speaks of then
			p.plan = plan.Compute(w.rules, w.input(p.after))
			if err := p.after.apply(p.plan.Groups); err != nil {
				t.Fatalf("%v\n%s\n%s", err, w, printPlan(p.plan))
			}
		}
		for key, set := range p.before.sets {
			_, stands := p.after.sets[key]
			_, claims := isClaim(set)
			fixed := len(set.Opaque()) > 0 || key == dns.Key{Name: zone.Name, Type: dns.NS} || !claims && !slices.Contains(w.rules.Types, key.Type)
			if found := w.rules.Claims.For(p.before.all(), set, zone.Name); len(found) > 0 && (len(found[0].Set.Opaque()) > 0 || len(found[0].Set.Data) > 1) {
				fixed = true
			}
			// A claim that stays, for somebody's value beside it, must not come to speak of another set.
			told := slices.ContainsFunc(p.plan.Refusals, func(r plan.Refusal) bool { return r.Key == key && r.Reason == plan.NotOwned })
			fixed = fixed || told && slices.ContainsFunc(p.before.all(), func(s dns.RecordSet) bool {
				_, claims := isClaim(s)
				return claims && (len(s.Data) > 1 || len(s.Opaque()) > 0)
			})
			switch mine := w.mine(p.before, set); {
			case claims:
			case mine && !fixed && stands:
				p.fatalf(t, "%s is ours, and stays", key)
			case !mine && !stands:
				p.fatalf(t, "%s is not ours, and goes", key)
			}
			if c, claims := isClaim(set); claims && c.Owner != "me" && !stands {
				p.fatalf(t, "%s is not ours, and goes", key)
			}
		}
	})
}

func TestUnknownDeletesNothing(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		for key, set := range p.before.sets {
			c, claims := isClaim(set)
			now, stands := p.after.sets[key]
			same := stands && now.Equal(set)
			if claims {
				readings := p.rules.Claims.Reads(key.Name, zone.Name)
				frozen := slices.ContainsFunc(readings, func(r claim.Reading) bool { return p.frozen[r.Name] })
				orphan := !slices.ContainsFunc(p.before.all(), func(s dns.RecordSet) bool {
					return slices.ContainsFunc(p.rules.Claims.For(p.before.all(), s, zone.Name), func(f claim.Found) bool { return f.Set.Key == key })
				})
				if orphan && !stands && (frozen || p.held[c.Resource]) {
					p.fatalf(t, "%s goes", key)
				}
				continue
			}
			found := p.rules.Claims.For(p.before.all(), set, zone.Name)
			if p.frozen[key.Name] && !same {
				p.fatalf(t, "%s changes at a frozen name", key)
			}
			if len(found) > 0 && found[0].Claim.Owner == "me" && p.held[found[0].Claim.Resource] && !same {
				p.fatalf(t, "%s changes while its holder is unknown", key)
			}
			for _, f := range found {
				if !stands && f.Claim.Owner == "me" && (p.held[f.Claim.Resource] || f.Claim.Resource == "" && len(p.held) > 0) {
					p.fatalf(t, "%s goes while one of its holders is unknown", key)
				}
			}
		}
	})
}

func TestPolicyIsKept(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		for _, g := range p.plan.Groups {
			for _, c := range g {
				switch c.Action() {
				case dns.Update:
					if p.rules.Policy == plan.CreateOnly {
						p.fatalf(t, "create-only updates %s", c.Key())
					}
				case dns.Delete:
					if p.rules.Policy == plan.Sync {
						continue
					}
					_, claims := isClaim(*c.Old)
					makesWay := slices.ContainsFunc(g, func(o dns.Change) bool {
						return o.New != nil && o.Key().Name == c.Key().Name && (o.Key().Type == dns.CNAME) != (c.Key().Type == dns.CNAME) ||
							o.New != nil && o.Key().Name == c.Key().Name && o.Key().Type == c.Key().Type && o.Key() != c.Key()
					})
					changes := slices.ContainsFunc(g, func(o dns.Change) bool {
						_, ofClaim := isClaim(*cmpOr(o.Old, o.New))
						return !ofClaim && o.Old != nil
					})
					makesWay = makesWay || claims && p.moves
					if p.rules.Policy == plan.CreateOnly || !claims && !makesWay || claims && !makesWay && !changes {
						p.fatalf(t, "%s deletes %s", p.rules.Policy, c.Key())
					}
				}
			}
		}
	})
}

func cmpOr[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

// TestHolderKeepsTheName holds that a set of ours whose holder goes on wanting
// it stays, and never becomes something that he does not want.
func TestHolderKeepsTheName(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		for key, set := range p.before.sets {
			found := p.rules.Claims.For(p.before.all(), set, zone.Name)
			if _, claims := isClaim(set); claims || len(found) == 0 || found[0].Claim.Owner != "me" || !p.mine(p.before, set) || p.awaited(set) {
				continue
			}
			if set.Alias != nil {
				p.keepsAlias(t, set, found[0].Claim)
				continue
			}
			for _, w := range p.wants[key.Name] {
				if w.Set.Key != key || !found[0].Claim.Names(w.By.Resource()) || w.Set.Routing != set.Routing {
					continue
				}
				if key.Type == dns.CNAME && !p.rules.PreferCNAME && w.Set.Data[0] != targets[0] {
					continue // it becomes an alias
				}
				now, stands := p.after.sets[key]
				if !stands {
					p.fatalf(t, "%s goes, and %s wants it", key, w.By.Resource())
				}
				if !now.Equal(set) && !slices.Contains(now.Data, w.Set.Data[0]) {
					p.fatalf(t, "%s is not what %s wants", key, w.By.Resource())
				}
			}
		}
	})
}

// keepsAlias is the same for half of an alias, which is wanted as a CNAME.
func (p planned) keepsAlias(t *rapid.T, set dns.RecordSet, c claim.Claim) {
	var wanted []plan.Want
	for _, w := range p.wants[set.Name] {
		if c.Names(w.By.Resource()) && w.Set.Routing == set.Routing && w.Set.SetID == set.SetID && slices.Contains(p.rules.Becomes(w), set.Key) {
			wanted = append(wanted, w)
		}
	}
	if len(wanted) == 0 {
		return
	}
	now, stands := p.after.sets[set.Key]
	switch {
	case !stands:
		p.fatalf(t, "%s goes, and %s wants it", set.Key, wanted[0].By.Resource())
	case now.Equal(set):
	case !slices.ContainsFunc(wanted, func(w plan.Want) bool {
		return now.Alias != nil && string(now.Alias.Target) == w.Set.Data[0] || slices.Contains(now.Data, w.Set.Data[0])
	}):
		p.fatalf(t, "%s is not what %s wants", set.Key, wanted[0].By.Resource())
	}
}

// TestNoop holds that without claims every set of a managed type under the
// filter is ours, but for the zone's own, and nothing else is.
func TestNoop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.rules.Claims, w.rules.Adopt = nil, false
		p := planned{world: w, plan: plan.Compute(w.rules, w.input(w.before)), after: w.before.clone()}
		p.batches, _ = plan.Pack(w.rules.Traits, zone, p.plan.Groups)
		for _, b := range p.batches {
			if err := p.after.apply(b); err != nil {
				t.Fatalf("%v\n%s\n%s", err, w, printPlan(p.plan))
			}
		}
		for key, set := range p.before.sets {
			_, claims := isClaim(set)
			ours := !claims && slices.Contains(w.rules.Types, key.Type) && w.rules.Filter.Match(key.Name) && key != dns.Key{Name: zone.Name, Type: dns.NS}
			now, stands := p.after.sets[key]
			if !ours && (!stands || !now.Equal(set)) {
				p.fatalf(t, "%s is not ours and changes", key)
			}
			free := w.rules.Policy == plan.Sync && len(w.held)+len(w.frozen)+len(w.kept) == 0 && len(w.wants[key.Name]) == 0 && len(set.Opaque()) == 0
			if ours && free && stands {
				p.fatalf(t, "%s stays", key)
			}
		}
		if again := plan.Compute(w.rules, w.input(p.after)); len(again.Groups) > 0 {
			p.fatalf(t, "the plan after the plan:\n%s", printPlan(again))
		}
	})
}
