package plan_test

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
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

// The zones of testdata/externaldns are what versions of ExternalDNS leave for
// the same objects, with various flags: VERSION,VARIANT.zone. With -update they
// are written by the model of them below, which shares nothing with the code
// under test.

// variant is a way to configure where ExternalDNS puts claims.
type variant struct {
	slug, prefix, suffix, wildcard string
	encrypted                      bool
	since                          version // templates and encryption are younger than claims
}

type version int

const (
	v011 version = iota
	v014
	v017
	v021
	v022
)

var versions = []string{"v0.11", "v0.14", "v0.17", "v0.21", "v0.22"}

func variants() []variant {
	return []variant{
		{slug: "plain"},
		{slug: "prefix-dash", prefix: "edns-"},
		{slug: "prefix-dot", prefix: "edns."},
		{slug: "prefix-type", prefix: "edns-%{record_type}.", since: v014},
		{slug: "prefix-type-first", prefix: "%{record_type}-", since: v014},
		{slug: "suffix", suffix: "-edns"},
		{slug: "suffix-type", suffix: "-%{record_type}", since: v014},
		{slug: "wildcard", wildcard: "any"},
		{slug: "prefix-wildcard", prefix: "%{record_type}-edns.", wildcard: "any", since: v014},
		{slug: "encrypted", encrypted: true, since: v014},
		{slug: "encrypted-prefix", prefix: "edns.", encrypted: true, since: v014},
	}
}

const sealKey = "zMAVxGmRjZ7gxHQNGxX_LW5e-RpE8h4Ck0Qg4LFqRb0=" // the alphabet of URLs

// record is what an object got.
type record struct{ object, text string }

func ofObjects() []record {
	return []record{
		{"service/default/web", "www 300 IN A 192.0.2.1"},
		{"service/default/dual", "dual 300 IN A 192.0.2.2"},
		{"service/default/dual", "dual 300 IN AAAA 2001:db8::2"},
		{"service/default/shop", "shop 60 IN CNAME shop.example.net."},
		{"ingress/default/lb", "lb ALIAS A lb-1.eu-west-1.elb.amazonaws.com. zone=ZELB health=true"},
		{"ingress/default/lb", "lb ALIAS AAAA lb-1.eu-west-1.elb.amazonaws.com. zone=ZELB health=true"},
		{"ingress/default/apps", "*.apps 300 IN A 192.0.2.3"},
		{"service/default/a-team", "a-team 300 IN A 192.0.2.4"},
		{"service/default/team", "team 300 IN A 192.0.2.5"},
		{"service/default/deep", "cname-x.a.b 300 IN A 192.0.2.6"},
	}
}

// others is what the zones hold besides.
const others = `
@ 172800 IN NS ns-1.example.net.
@ 300 IN MX 10 mail.example.net.
www 300 IN MX 10 mail.example.net.
mail 300 IN A 192.0.2.9
mail 300 IN TXT "v=spf1 -all"
theirs 300 IN A 192.0.2.8
`

// theirName is where ExternalDNS puts a claim; without a type, the old format.
func (v variant) theirName(host, typ string) string {
	label, rest, dotted := strings.Cut(host, ".")
	if label == "*" && v.wildcard != "" {
		label = v.wildcard
	}
	low := strings.ToLower(typ)
	if !strings.Contains(v.prefix+v.suffix, "%{record_type}") && typ != "" {
		label = low + "-" + label
	}
	name := strings.ReplaceAll(v.prefix, "%{record_type}", low) + label + strings.ReplaceAll(v.suffix, "%{record_type}", low)
	if dotted {
		name += "." + rest
	}
	return name
}

// theirNames are all the claims of a record.
func (v variant) theirNames(as version, text string) (names []string) {
	fields := strings.Fields(text)
	host, typ, alias := fields[0], fields[2], fields[1] == "ALIAS"
	if !alias {
		typ = fields[3]
	}
	if as <= v017 && typ != "AAAA" && !v.encrypted && !strings.Contains(v.prefix+v.suffix, "%{record_type}") {
		names = append(names, v.theirName(host, ""))
	}
	if as == v011 {
		return names
	}
	if alias && typ == "A" && as < v022 {
		typ = "CNAME"
	}
	return append(names, v.theirName(host, typ))
}

func (v variant) theirText(name, owner, object string) string {
	text := "heritage=external-dns,external-dns/owner=" + owner + ",external-dns/resource=" + object
	if v.encrypted {
		text = encrypt(name, text)
	}
	return `"` + text + `"`
}

func encrypt(name, text string) string {
	key, _ := base64.URLEncoding.DecodeString(sealKey)
	block, _ := aes.NewCipher(key)
	gcm, _ := cipher.NewGCM(block)
	nonce := sha256.Sum256([]byte(name + text)) // any will do
	var zipped bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	fmt.Fprint(zip, text)
	_ = zip.Close()
	return base64.StdEncoding.EncodeToString(gcm.Seal(nonce[:12:12], nonce[:12], zipped.Bytes(), nil))
}

// theirZone is the zone as a version leaves it.
func (v variant) theirZone(as version) string {
	text := others
	written := map[string]bool{} // a TXT that is there already is not made again, whatever it says
	for _, name := range v.theirNames(as, "theirs 300 IN A 192.0.2.8") {
		text += name + " 300 IN TXT " + v.theirText(name, "other", "service/default/theirs") + "\n"
	}
	for _, r := range ofObjects() {
		if strings.Contains(r.text, "AAAA") && (as == v011 || as < v017 && strings.Contains(r.text, "ALIAS")) {
			continue
		}
		text += r.text + "\n"
		for _, name := range v.theirNames(as, r.text) {
			if written[name] {
				continue
			}
			written[name] = true
			text += name + " 300 IN TXT " + v.theirText(name, "me", r.object) + "\n"
		}
	}
	return text
}

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
		case strings.Contains(text, "ALIAS AAAA"), strings.Contains(text, "AAAA") && as == v011:
			continue
		case strings.Contains(text, "ALIAS"):
			text = "lb 300 IN CNAME lb-1.eu-west-1.elb.amazonaws.com."
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
				t.Run("deleted objects leave the others", func(t *testing.T) { v.deleted(t, rules, newStrictZone(zone, sets)) })
				t.Run("there and back", func(t *testing.T) { v.converted(t, as, rules, newStrictZone(zone, sets)) })
			})
		}
	}
}

// unchanged: nothing but the AAAA half of an alias, which came with v0.16.
func (v variant) unchanged(t *testing.T, as version, rules plan.Rules, z *strictZone) {
	p := plan.Compute(rules, zoneInput(rules, z, v.wants(t, as)))
	var made []string
	for _, g := range p.Groups {
		for _, c := range g {
			if c.Action() != dns.Assert {
				made = append(made, fmt.Sprintf("%s %s", c.Action(), c.Key()))
			}
		}
	}
	slices.Sort(made)
	var want []string
	if as < v017 {
		half := v.theirName("lb", "AAAA") + ".example.com TXT"
		want = []string{"CREATE " + half, "CREATE lb.example.com AAAA"}
		slices.Sort(want)
	}
	if diff := cmp.Diff(want, made); diff != "" || len(p.Refusals) > 0 {
		t.Errorf("%s\n%s", diff, printPlan(p))
	}
}

// deleted: exactly what ExternalDNS made for us goes, by the bytes that were
// listed, which the strict zone holds it to.
func (v variant) deleted(t *testing.T, rules plan.Rules, z *strictZone) {
	apply(t, z, plan.Compute(rules, zoneInput(rules, z, nil)))
	text := others
	for _, set := range z.all() {
		if c, ok := isClaim(set); ok && c.Owner == "other" {
			text += strings.TrimSuffix(string(set.Name), "."+string(zone.Name)) + " 300 IN TXT " + set.Data[0] + "\n"
		}
	}
	left, err := dns.Parse(zone.Name, text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dns.Format(zone.Name, left), dns.Format(zone.Name, z.all())); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(text, "owner=other"); n == 0 {
		t.Error("the claim of the other owner is gone")
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
		apply(t, z, plan.Compute(rules, zoneInput(rules, z, v.wants(t, as))))
		want := newStrictZone(zone, v.read(t, to, rules))
		// The other owner's claims stay as his version made them.
		for _, of := range []*strictZone{want, z} {
			for key, set := range of.sets {
				if c, ok := isClaim(set); ok && c.Owner == "other" {
					delete(of.sets, key)
				}
			}
		}
		if diff := cmp.Diff(dns.Format(zone.Name, want.all()), dns.Format(zone.Name, z.all())); diff != "" {
			t.Errorf("as %s: %s", versions[to], diff)
		}
		if p := plan.Compute(rules, zoneInput(rules, z, v.wants(t, as))); len(p.Groups) > 0 {
			t.Errorf("as %s, the plan after the plan:\n%s", versions[to], printPlan(p))
		}
		for _, set := range z.all() {
			if _, ok := isClaim(set); ok && v.encrypted && (set.Listed().Values == nil || strings.Contains(set.Listed().Values[0], "heritage")) {
				t.Errorf("%s is in plain text", set.Key)
			}
		}
	}
}
