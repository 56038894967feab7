package plan_test

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

func (v variant) file(as version) string {
	return filepath.Join("testdata", "externaldns", versions[as]+","+v.slug+".zone")
}

// read returns a zone as it is above the provider, its listed bytes kept.
func (v variant) read(t *testing.T, as version, r plan.Rules) []dns.RecordSet {
	t.Helper()
	if *update {
		sets, err := dns.Parse(zone.Name, v.theirZone(as))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(v.file(as), []byte(dns.Format(zone.Name, sets)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(v.file(as))
	if err != nil {
		t.Fatal(err)
	}
	sets, err := dns.Parse(zone.Name, string(text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sets {
		for _, beside := range sets {
			if sets[i].Type == dns.CNAME && beside.Name == sets[i].Name && beside.Key != sets[i].Key {
				t.Fatalf("%s: %s stands beside a CNAME", v.file(as), beside.Key)
			}
		}
		sets[i] = r.Seal.Open(sets[i])
	}
	return sets
}

func (v variant) rules(t *testing.T) plan.Rules {
	t.Helper()
	naming, err := claim.NewNaming(v.prefix, v.suffix, v.wildcard)
	if err != nil {
		t.Fatal(err)
	}
	r := plan.Rules{Owner: "me", Claims: &naming, Policy: plan.Sync, Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME}, EvaluateHealth: true,
		Traits: dns.Traits{Aliases: aliases, Routing: true, Atomic: true, MaxValues: 1000, MaxChars: 32000}}
	if v.encrypted {
		if r.Seal, err = claim.NewSeal(sealKey, true); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// wants is what the objects ask for: of an alias, a CNAME.
func (v variant) wants(t *testing.T, as version) map[dns.Name][]plan.Want {
	t.Helper()
	wants := map[dns.Name][]plan.Want{}
	for _, r := range ofObjects() {
		text := r.text
		switch {
		case strings.Contains(text, "ALIAS AAAA"), !v.makes(as, r):
			continue
		case strings.Contains(text, "ALIAS"):
			text = strings.NewReplacer("ALIAS A", "300 IN CNAME", " zone=ZELB health=true", "").Replace(text)
		}
		sets, err := dns.Parse(zone.Name, text)
		if err != nil {
			t.Fatal(err)
		}
		wants[sets[0].Name] = append(wants[sets[0].Name], plan.Want{By: object(r.object), Set: sets[0]})
	}
	return wants
}

func zoneInput(r plan.Rules, z *strictZone, wants map[dns.Name][]plan.Want) plan.Input {
	var names []dns.Name
	for n := range wants {
		names = append(names, n)
	}
	return plan.Input{Zone: zone, Names: plan.Names(r, zone, names, z.all()), Sets: z.at,
		Wants: func(n dns.Name) []plan.Want { return wants[n] },
		All:   func() iter.Seq[dns.RecordSet] { return slices.Values(z.all()) },
	}
}

func apply(t *testing.T, z *strictZone, p plan.Plan) {
	t.Helper()
	if err := z.apply(p.Groups); err != nil {
		t.Fatalf("%v\n%s", err, printPlan(p))
	}
}

func TestZonesOfExternalDNS(t *testing.T) {
	for _, v := range variants() {
		for as := v.since; as <= v022; as++ {
			t.Run(versions[as]+","+v.slug, func(t *testing.T) {
				rules := v.rules(t)
				sets := v.read(t, as, rules)
				t.Run("unchanged objects change nothing", func(t *testing.T) { v.unchanged(t, as, rules, newStrictZone(zone, sets)) })
				t.Run("deleted objects leave the others", func(t *testing.T) { v.deleted(t, as, rules, newStrictZone(zone, sets)) })
				t.Run("another owner and prefix", func(t *testing.T) { v.migrated(t, as, rules, sets) })
				t.Run("there and back", func(t *testing.T) { v.converted(t, as, rules, newStrictZone(zone, sets)) })
			})
		}
	}
}

// unchanged: nothing but the AAAA half of an alias, which came with v0.16.
func (v variant) unchanged(t *testing.T, as version, rules plan.Rules, z *strictZone) {
	p := plan.Compute(rules, zoneInput(rules, z, v.wants(t, as)))
	var made, refused, want, wantRefused []string
	for _, g := range p.Groups {
		for _, c := range g {
			if c.Action() != dns.Assert {
				made = append(made, fmt.Sprintf("%s %s", c.Action(), c.Key()))
			}
		}
	}
	for _, r := range p.Refusals {
		refused = append(refused, fmt.Sprintf("%s: %s", r.Key, r.Reason))
	}
	if as < v017 {
		for _, host := range []string{"lb", "near"} {
			at := dns.Key{Name: dns.Name(host + "." + origin + "."), Type: dns.AAAA}
			txt := dns.Key{Name: dns.Name(v.theirName(host, "AAAA") + "."), Type: dns.TXT}
			if host == "near" {
				at.SetID, txt.SetID = "eu", "eu"
			}
			want = append(want, fmt.Sprintf("CREATE %s", at), fmt.Sprintf("CREATE %s", txt))
		}
	}
	if len(v.theirNames(as, apex)) == 0 {
		wantRefused = []string{origin + " A: NotOwned"}
	}
	slices.Sort(want)
	slices.Sort(made)
	if diff := cmp.Diff(want, made) + cmp.Diff(wantRefused, refused); diff != "" {
		t.Errorf("%s\n%s", diff, printPlan(p))
	}
}

// deleted: exactly what ExternalDNS made for us goes, by the bytes that were
// listed, which the strict zone holds it to.
func (v variant) deleted(t *testing.T, as version, rules plan.Rules, z *strictZone) {
	var left []dns.RecordSet
	for _, set := range z.all() {
		c, ok := isClaim(set)
		foreign := slices.ContainsFunc(theirs(), func(r record) bool {
			sets, err := dns.Parse(zone.Name, r.text)
			return err == nil && sets[0].Equal(set)
		})
		other, err := dns.Parse(zone.Name, others)
		if err != nil {
			t.Fatal(err)
		}
		ownerless := set.Name == zone.Name && len(v.theirNames(as, apex)) == 0
		if ok && c.Owner == "other" || foreign || ownerless || slices.ContainsFunc(other, set.Equal) {
			left = append(left, set)
		}
	}
	apply(t, z, plan.Compute(rules, zoneInput(rules, z, nil)))
	if diff := cmp.Diff(dns.Format(zone.Name, left), dns.Format(zone.Name, z.all())); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(dns.Format(zone.Name, left), "owner=other"); n != len(theirs()) && as == v022 {
		t.Errorf("%d claims of the other owner are left of %d", n, len(theirs()))
	}
}

// converted: what is asked for, the zone becomes as v0.22 or v0.21 leaves it.
func (v variant) converted(t *testing.T, as version, rules plan.Rules, z *strictZone) {
	if as == v011 {
		return // it has no AAAA, which the others have
	}
	rules.Convert = true
	for _, to := range []version{v022, v021} {
		naming := rules.Claims.WithVersion(map[version]claim.Version{v021: claim.V021, v022: claim.V022}[to])
		rules.Claims = &naming
		apply(t, z, plan.Compute(rules, zoneInput(rules, z, v.wants(t, to))))
		if diff := cmp.Diff(v.comparable(v.read(t, to, rules)), v.comparable(z.all())); diff != "" {
			t.Errorf("as %s: %s", versions[to], diff)
		}
		p := plan.Compute(rules, zoneInput(rules, z, v.wants(t, to)))
		if owned := len(v.theirNames(as, apex)) > 0; len(p.Groups) > 0 || owned && len(p.Refusals) > 0 {
			t.Errorf("as %s, the plan after the plan:\n%s", versions[to], printPlan(p))
		}
		for _, set := range z.all() {
			if _, ok := isClaim(set); ok && v.encrypted && (set.Listed().Values == nil || strings.Contains(set.Listed().Values[0], "heritage")) {
				t.Errorf("%s is in plain text", set.Key)
			}
		}
	}
}

// comparable prints sets without the claims that stay whatever we do: those of
// the other owner as his version made them, and that of the apex where later
// versions write none.
func (v variant) comparable(sets []dns.RecordSet) string {
	return dns.Format(zone.Name, slices.DeleteFunc(slices.Clone(sets), func(set dns.RecordSet) bool {
		c, ok := isClaim(set)
		return ok && (c.Owner == "other" || c.Resource == "service/default/apex" && len(v.theirNames(v022, apex)) == 0)
	}))
}

// migrated: what objects want gets another owner id and prefix, also if it is
// interrupted halfway, and what they do not want stays as it is.
func (v variant) migrated(t *testing.T, as version, old plan.Rules, sets []dns.RecordSet) {
	naming, err := claim.NewNaming("new.", "", v.wildcard)
	if err != nil {
		t.Fatal(err)
	}
	rules, moving := old, old
	rules.Owner, rules.Claims = "new", &naming
	both := naming.WithFormer(*old.Claims)
	moving.Owner, moving.Claims, moving.Migrate = "new", &both, "me"
	wants := v.wants(t, as)
	delete(wants, "shop.example.com.")

	whole, halves := newStrictZone(zone, sets), newStrictZone(zone, sets)
	apply(t, whole, plan.Compute(moving, zoneInput(moving, whole, wants)))
	for half := range 2 {
		p := plan.Compute(moving, zoneInput(moving, halves, wants))
		for i, g := range p.Groups {
			if i%2 == 0 || half == 1 {
				apply(t, halves, plan.Plan{Groups: []dns.Group{g}})
			}
		}
	}
	if diff := cmp.Diff(dns.Format(zone.Name, whole.all()), dns.Format(zone.Name, halves.all())); diff != "" {
		t.Errorf("interrupted it ends otherwise: %s", diff)
	}
	p := plan.Compute(rules, zoneInput(rules, whole, wants))
	if owned := len(v.theirNames(as, apex)) > 0; len(p.Groups) > 0 || owned && len(p.Refusals) > 0 {
		t.Errorf("the plan after it:\n%s", printPlan(p))
	}
	for _, set := range sets {
		c, claims := isClaim(set)
		after, stands := whole.sets[set.Key]
		switch moved := claims && c.Owner == "me" && c.Resource != "service/default/shop"; {
		case moved && stands:
			t.Errorf("%s stays where it was", set.Key)
		case !moved && !(stands && after.Equal(set)):
			t.Errorf("%s has changed or gone", set.Key)
		}
	}
}
