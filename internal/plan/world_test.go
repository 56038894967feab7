package plan_test

import (
	"fmt"
	"iter"
	"slices"
	"strings"
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
	moves  bool // claims may change their places
	before *strictZone
	wants  map[dns.Name][]plan.Want
	held   map[string]bool // resource labels of which nothing is known
	frozen map[dns.Name]bool
	kept   map[dns.Key]bool // deletions that must wait
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
	w := &world{wants: map[dns.Name][]plan.Want{}, held: map[string]bool{}, frozen: map[dns.Name]bool{}, kept: map[dns.Key]bool{}}
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
	w.drawMoves(t, &naming)
	w.drawZone(t)
	w.drawWants(t)
	return w
}

// drawMoves draws how claims are to change.
func (w *world) drawMoves(t *rapid.T, naming *claim.Naming) {
	if sometimes(t, 4, "former affixes") {
		affix := pick(t, "which", [2]string{}, [2]string{"edns.", ""}, [2]string{"", "-x"})
		former, err := claim.NewNaming(affix[0], affix[1], "")
		if err != nil {
			t.Fatal(err)
		}
		*naming, w.moves = naming.WithFormer(former), true
	}
	if sometimes(t, 4, "v0.21") {
		*naming = naming.WithVersion(claim.V021)
	}
	if sometimes(t, 4, "migrate") {
		w.rules.Migrate = "old"
	}
	w.rules.Convert = sometimes(t, 6, "convert")
	w.moves = w.moves || w.rules.Convert
	w.rules.Adopt = sometimes(t, 6, "adopt")
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
		region := pick(t, "region", "eu-west-1", "us-east-1")
		set.Routing = pick[dns.Routing](t, "routing", dns.Weighted{Weight: 1}, dns.Weighted{Weight: 2},
			dns.Latency{Region: region}, dns.Failover{Role: dns.Primary}, dns.Failover{Role: dns.Secondary},
			dns.Geolocation{Country: "*"}, dns.Geoproximity{Region: region, Bias: rapid.Int32Range(0, 1).Draw(t, "bias")},
			dns.MultiValue{})
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
		c := claim.Claim{Owner: pick(t, "owner", "me", "me", "me", "me", "old", "other"), Resource: pick(t, "label", append(askers, "")...)}
		at, err := w.rules.Claims.Name(set.Key, zone.Name)
		if names := w.rules.Claims.Candidates(set.Name, zone.Name, []dns.Type{dns.A, dns.AAAA}); err != nil || sometimes(t, 3, "other name") && len(names) > 0 {
			at = pick(t, "claim name", names...)
		}
		txt := claim.Set(c, at, set)
		if sometimes(t, 10, "shared TXT") {
			txt.Data = append(txt.Data, `"zzz"`)
		}
		if sometimes(t, 20, "opaque claim") {
			txt = txt.WithOpaque(map[string]string{"CidrRoutingConfig": "x"})
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
			want := plan.Want{By: by, Set: drawSet(t, name, addresses[name]), Adopt: sometimes(t, 8, "wants to adopt")}
			if want.Set.Type == dns.CNAME && sometimes(t, 8, "wants an alias") {
				want.Alias = plan.AliasAlways // which some targets cannot be
			}
			if !slices.ContainsFunc(w.wants[name], func(o plan.Want) bool { return o.By == by && o.Set.Key == want.Set.Key }) {
				w.wants[name] = append(w.wants[name], want)
			}
		}
	}
	if sometimes(t, 5, "frozen") {
		w.frozen[drawName(t)] = true
	}
	if sometimes(t, 4, "kept") {
		for _, key := range plan.Compute(w.rules, w.input(w.before)).Going {
			w.kept[key] = rapid.Bool().Draw(t, "is kept")
		}
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
		All:   func() iter.Seq[dns.RecordSet] { return slices.Values(z.all()) },
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
		Keep: func(key dns.Key) (plan.Reason, string) {
			if w.kept[key] {
				return plan.Held, "kept"
			}
			return "", ""
		},
	}
}

// String prints the world for a failure.
func (w *world) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "policy %s types %v migrate %q convert %t adopt %t\n%s", w.rules.Policy, w.rules.Types, w.rules.Migrate,
		w.rules.Convert, w.rules.Adopt, dns.Format(zone.Name, w.before.all()))
	for _, wants := range w.wants {
		for _, want := range wants {
			fmt.Fprintf(&out, "; %s %d wants %s\n", want.By.Resource(), want.By.Created.Unix(), want.Set)
		}
	}
	fmt.Fprintf(&out, "; held %v frozen %v kept %v\n", w.held, w.frozen, w.kept)
	return out.String()
}

// mine reports whether a set of a zone is ours: by our claim, or by one that
// becomes ours because objects want the name.
func (w *world) mine(z *strictZone, set dns.RecordSet) bool {
	found := w.rules.Claims.For(z.all(), set, zone.Name)
	return len(found) > 0 && (found[0].Claim.Owner == "me" && !found[0].Former || w.takes(found[0].Claim, set.Name))
}

// myClaim reports whether a TXT set is a claim of ours, or may become so.
func (w *world) myClaim(c claim.Claim, txt dns.RecordSet) bool {
	return c.Owner == "me" && !w.rules.Claims.Former(txt.Name, zone.Name) ||
		slices.ContainsFunc(w.rules.Claims.Reads(txt.Name, zone.Name), func(r claim.Reading) bool { return w.takes(c, r.Name) })
}

func (w *world) takes(c claim.Claim, name dns.Name) bool {
	return (c.Owner == "me" || c.Owner == w.rules.Migrate) && len(w.wants[name]) > 0 && w.rules.Policy != plan.CreateOnly && w.rules.Filter.Match(name)
}

// adopts reports whether it is asked for that a set becomes ours.
func (w *world) adopts(set dns.RecordSet) bool {
	return w.adoptable(w.before, set) && (w.rules.Adopt || slices.ContainsFunc(w.wants[set.Name], func(want plan.Want) bool { return want.Adopt }))
}

// adoptable reports whether a set may become ours though nobody claims it.
func (w *world) adoptable(z *strictZone, set dns.RecordSet) bool {
	return len(w.rules.Claims.For(z.all(), set, zone.Name)) == 0 && slices.ContainsFunc(w.wants[set.Name], func(want plan.Want) bool {
		return slices.Contains(w.rules.Becomes(want), set.Key)
	})
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
