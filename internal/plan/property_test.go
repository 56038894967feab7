package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// world is what a property draws: few names, objects and owners, so that they
// collide.
type world struct {
	rules  plan.Rules
	before *strictZone
	wants  map[dns.Name][]plan.Want
	held   map[string]bool // resource labels of which nothing is known
	frozen map[dns.Name]bool
}

var (
	owners  = []string{"@", "www", "a-www", "cname-www", "any", "*", "a-any", "a", "a-a", "edns.a-www", "www-x"}
	askers  = []string{"service/ns/a", "service/ns/b", "ingress/ns/a", "ingress/ns/b"}
	targets = []string{"shop.example.net.", "lb-1.eu-west-1.elb.amazonaws.com.", "lb-2.eu-west-1.elb.amazonaws.com."}
)

func pick[T any](t *rapid.T, what string, from ...T) T { return rapid.SampledFrom(from).Draw(t, what) }

// sometimes is true once in n times.
func sometimes(t *rapid.T, n int, what string) bool {
	return rapid.IntRange(0, n-1).Draw(t, what) == n-1
}

func drawWorld(t *rapid.T) *world {
	w := &world{wants: map[dns.Name][]plan.Want{}, held: map[string]bool{}, frozen: map[dns.Name]bool{}}
	affix := pick(t, "affixes", [2]string{}, [2]string{}, [2]string{"edns.", ""}, [2]string{"", "-x"}, [2]string{"%{record_type}-", ""})
	naming, err := claim.NewNaming(affix[0], affix[1], pick(t, "wildcard replacement", "", "any"))
	if err != nil {
		t.Fatal(err)
	}
	w.rules = plan.Rules{
		Owner: "me", Claims: &naming,
		Policy:      pick(t, "policy", plan.Sync, plan.Sync, plan.UpsertOnly, plan.CreateOnly),
		Types:       []dns.Type{dns.A, dns.AAAA, dns.CNAME},
		PreferCNAME: sometimes(t, 4, "prefer CNAME"),
		Traits:      dns.Traits{Aliases: aliases, Routing: true, MaxValues: 1000, MaxChars: 32000},
	}
	switch rapid.IntRange(0, 9).Draw(t, "types") {
	case 0:
		w.rules.Types = []dns.Type{dns.A, dns.CNAME}
	case 1:
		w.rules.Types = append(w.rules.Types, dns.TXT, dns.NS)
	}
	if sometimes(t, 8, "filter") {
		w.rules.Filter, err = dns.NewFilter(nil, []string{"www.example.com", "any.example.com"})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.drawZone(t)
	w.drawWants(t)
	return w
}

func drawName(t *rapid.T) dns.Name {
	label := pick(t, "name", owners...)
	if label == "@" {
		return zone.Name
	}
	return dns.Name(label) + "." + zone.Name
}

// drawSet draws a set with few values; addresses only, or a CNAME only.
func drawSet(t *rapid.T, name dns.Name, addresses bool) dns.RecordSet {
	set := dns.RecordSet{Key: dns.Key{Name: name, Type: dns.CNAME}, TTL: pick[uint32](t, "ttl", 300, 300, 60), Data: []string{pick(t, "target", targets...)}}
	if addresses {
		set.Type = pick(t, "type", dns.A, dns.A, dns.AAAA)
		set.Data = []string{map[dns.Type]string{dns.A: "192.0.2.", dns.AAAA: "2001:db8::"}[set.Type] + pick(t, "host", "1", "2")}
	}
	if sometimes(t, 5, "routed") {
		set.SetID = pick(t, "identifier", "blue", "green")
		set.Routing = pick[dns.Routing](t, "routing", dns.Weighted{Weight: 1}, dns.Weighted{Weight: 2},
			dns.Latency{Region: set.SetID}, dns.Failover{Role: "PRIMARY"}, dns.Failover{Role: "SECONDARY"})
	}
	return set
}

// drawZone fills a zone as far as it takes what is drawn: sets with claims of
// ours and of others in every format, sets without, and claims without sets.
func (w *world) drawZone(t *rapid.T) {
	w.before = newStrictZone(zone, nil)
	for range rapid.IntRange(0, 8).Draw(t, "sets") {
		name := drawName(t)
		set := drawSet(t, name, rapid.Bool().Draw(t, "address"))
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			set = dns.RecordSet{Key: dns.Key{Name: name, Type: dns.TXT}, TTL: 300, Data: []string{`"free text"`}}
		case 1:
			set = dns.RecordSet{Key: dns.Key{Name: name, Type: pick[dns.Type](t, "other type", "MX", dns.NS)}, TTL: 300, Data: []string{"10 mail.example.net."}}
		case 2, 3:
			if set.Type == dns.CNAME {
				set.Type, set.TTL, set.Data = dns.A, 0, nil
				set.Alias = &dns.Alias{Zone: "ZELB", Target: dns.Name(targets[1])}
			}
		case 4:
			set = set.WithOpaque(map[string]string{"CidrRoutingConfig": "x"})
		}
		if !sometimes(t, 6, "orphan") && w.before.add(set) != nil {
			continue
		}
		w.drawClaims(t, set)
	}
}

func (w *world) drawClaims(t *rapid.T, set dns.RecordSet) {
	for range rapid.IntRange(0, 2).Draw(t, "claims") {
		c := claim.Claim{Owner: pick(t, "owner", "me", "me", "me", "other"), Resource: pick(t, "label", append(askers, "")...)}
		at, err := w.rules.Claims.Name(set.Key, zone.Name)
		if names := w.rules.Claims.Candidates(set.Name, zone.Name, []dns.Type{dns.A, dns.AAAA}); err != nil || sometimes(t, 3, "other name") && len(names) > 0 {
			at = pick(t, "claim name", names...)
		}
		txt := claim.Set(c, at, set)
		if sometimes(t, 10, "shared TXT") {
			txt.Data = append(txt.Data, `"zzz"`)
		}
		_ = w.before.add(txt) // where there is no room for a claim there is none
	}
}

func (w *world) drawWants(t *rapid.T) {
	for _, resource := range askers {
		by := object(resource)
		by.Created = time.Unix(int64(rapid.IntRange(0, 2).Draw(t, "created")), 0).UTC()
		if sometimes(t, 5, "unknown") {
			w.held[resource] = true
			continue
		}
		addresses := map[dns.Name]bool{}
		for range rapid.IntRange(0, 4).Draw(t, "wants") {
			name := drawName(t)
			if _, known := addresses[name]; !known {
				addresses[name] = rapid.Bool().Draw(t, "wants addresses")
			}
			want := plan.Want{By: by, Set: drawSet(t, name, addresses[name])}
			if !slices.ContainsFunc(w.wants[name], func(o plan.Want) bool { return o.By == by && o.Set.Key == want.Set.Key }) {
				w.wants[name] = append(w.wants[name], want)
			}
		}
	}
	if sometimes(t, 5, "frozen") {
		w.frozen[drawName(t)] = true
	}
}

// input plans the zone as z holds it.
func (w *world) input(z *strictZone) plan.Input {
	var wanted []dns.Name
	for name := range w.wants {
		wanted = append(wanted, name)
	}
	return plan.Input{
		Zone: zone, Names: plan.Names(w.rules, zone, wanted, z.all()), Sets: z.at,
		Wants: func(n dns.Name) []plan.Want { return w.wants[n] },
		Hold: func(resource string) string {
			if w.held[resource] || resource == "" && len(w.held) > 0 {
				return "unknown"
			}
			return ""
		},
		Frozen: func(n dns.Name) string {
			if w.frozen[n] {
				return "frozen"
			}
			return ""
		},
	}
}

// String prints the world for a failure.
func (w *world) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "policy %s types %v\n%s", w.rules.Policy, w.rules.Types, dns.Format(zone.Name, w.before.all()))
	for _, wants := range w.wants {
		for _, want := range wants {
			fmt.Fprintf(&out, "; %s %d wants %s\n", want.By.Resource(), want.By.Created.Unix(), want.Set)
		}
	}
	fmt.Fprintf(&out, "; held %v frozen %v\n", w.held, w.frozen)
	return out.String()
}

// owner returns whose a set of a zone is, "" if nobody's.
func (w *world) owner(z *strictZone, set dns.RecordSet) string {
	found := w.rules.Claims.For(z.all(), set, zone.Name)
	if len(found) == 0 {
		return ""
	}
	return found[0].Claim.Owner
}

func isClaim(set dns.RecordSet) (claim.Claim, bool) {
	if set.Type == dns.TXT {
		for _, value := range set.Data {
			if c, ok := claim.Parse(value); ok {
				return c, true
			}
		}
	}
	return claim.Claim{}, false
}

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
		if slices.Contains(p.rules.Types, dns.TXT) {
			// A TXT of ours that goes may have stood where a claim belongs: it comes next.
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
			mine := claims && c.Owner == "me" && len(set.Data) == 1 || !claims && p.owner(p.before, set) == "me"
			mine = mine && (claims || slices.Contains(p.rules.Types, set.Type)) && len(set.Opaque()) == 0
			if now, ok := p.after.sets[key]; !mine && (!ok || !now.Equal(set)) {
				p.fatalf(t, "%s changes", key)
			}
		}
	})
}

// TestClaimsGoWithTheirSets holds that every set that the plan makes or changes
// has a claim of ours then, that what had one keeps it, and that nobody else's
// set has come to have one.
func TestClaimsGoWithTheirSets(t *testing.T) {
	run(t, func(t *rapid.T, p planned) {
		for key, set := range p.after.sets {
			old, stood := p.before.sets[key]
			changed := !stood || !old.Equal(set)
			if _, claims := isClaim(set); claims || key.Name == zone.Name && key.Type == dns.NS {
				continue
			}
			found := p.rules.Claims.For(p.before.all(), old, zone.Name)
			was := stood && len(found) > 0 && found[0].Claim.Owner == "me"
			is := p.owner(p.after, set) == "me"
			// The name of a claim in the old format may be that of another set's, which comes back.
			at, err := p.rules.Claims.Name(key, zone.Name)
			lost := was && !changed && !is && err == nil && found[0].Set.Name == at
			if changed && !is || !changed && is && !was || lost {
				p.fatalf(t, "%s belongs to %q", key, p.owner(p.after, set))
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
			if _, claims := isClaim(set); claims || len(found) == 0 || found[0].Claim.Owner != "me" || set.Alias != nil {
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

// TestNoop holds that without claims nothing is ever deleted.
func TestNoop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.rules.Claims = nil
		p := planned{world: w, plan: plan.Compute(w.rules, w.input(w.before)), after: w.before.clone()}
		p.batches, _ = plan.Pack(w.rules.Traits, zone, p.plan.Groups)
		for _, b := range p.batches {
			if err := p.after.apply(b); err != nil {
				t.Fatalf("%v\n%s\n%s", err, w, printPlan(p.plan))
			}
		}
		for key := range p.before.sets {
			if _, stands := p.after.sets[key]; !stands {
				p.fatalf(t, "%s goes", key)
			}
		}
		if again := plan.Compute(w.rules, w.input(p.after)); len(again.Groups) > 0 {
			p.fatalf(t, "the plan after the plan:\n%s", printPlan(again))
		}
	})
}
