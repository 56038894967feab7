package claim

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
)

type affixes struct{ prefix, suffix, replacement string }

func drawAffixes(t *rapid.T) (affixes, Naming) {
	part := rapid.SampledFrom([]string{"", "edns", "-", "_", ".", "a", "a-", "any", "%{record_type}", "1", "cname"})
	affix := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(part, 0, 4).Draw(t, "parts"), "")
	})
	var a affixes
	if rapid.Bool().Draw(t, "suffixed") {
		a.suffix = affix.Draw(t, "suffix")
	} else {
		a.prefix = affix.Draw(t, "prefix")
	}
	a.replacement = rapid.SampledFrom([]string{"", "any", "a-any", "a"}).Draw(t, "replacement")
	n, err := NewNaming(a.prefix, a.suffix, a.replacement)
	if err != nil {
		t.Skip(err)
	}
	return a, n
}

// drawName draws a name in the zone; plain ones have no escapes.
func drawName(t *rapid.T, zone dns.Name, plain bool) dns.Name {
	labels := []string{"www", "a", "a-team", "aaaa-a-x", "cname-www", "any", "a-any", "edns", "-edns", "_signpost-a", "_signpost", "mx-1", "1"}
	if !plain {
		labels = append(labels, `a-\.edns`, `\001`, `x\\`, `\"`, strings.Repeat("x", 60), strings.Repeat("y", 63))
	}
	name := string(zone)
	for range rapid.IntRange(0, 4).Draw(t, "depth") {
		name = rapid.SampledFrom(labels).Draw(t, "label") + "." + strings.TrimPrefix(name, ".")
	}
	if rapid.IntRange(0, 4).Draw(t, "wildcard") == 0 {
		name = "*." + strings.TrimPrefix(name, ".")
	}
	return dns.Name(name)
}

var (
	drawZone = rapid.SampledFrom([]dns.Name{"example.com.", "a-b.example.com.", "com.", "a.a.", "."})
	drawType = rapid.SampledFrom(types[:])
)

func TestNamingProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, n := drawAffixes(t)
		zone := drawZone.Draw(t, "zone")
		key := dns.Key{Name: drawName(t, zone, false), Type: drawType.Draw(t, "type")}
		at, err := n.Name(key, zone)
		if err != nil {
			return // a label or the name is too long
		}
		if parsed, err := dns.ParseName(string(at)); err != nil || parsed != at || !at.Within(zone) {
			t.Fatalf("%+v: claim of %s in %s lies at %s", a, key, zone, at)
		}
		if reads := n.Reads(at, zone); !slices.Contains(reads, Reading{key.Name, key.Type}) {
			t.Fatalf("%+v: claim of %s in %s at %s reads as %v", a, key, zone, at, reads)
		}
		if names := n.Candidates(key.Name, zone, []dns.Type{key.Type}); !slices.Contains(names, at) {
			t.Fatalf("%+v: candidates of %s in %s: %v, without %s", a, key, zone, names, at)
		}
		set := dns.RecordSet{Key: key}
		txt := Set(Claim{Owner: "me"}, at, set)
		if found := n.For([]dns.RecordSet{set, txt}, set, zone); len(found) != 1 || found[0].Claim.Owner != "me" {
			t.Fatalf("%+v: %s with its claim at %s: found %+v", a, key, at, found)
		}
	})
}

// A name reads as a claim of a set exactly if it is among the set's candidates.
func TestReadsAndCandidatesAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, n := drawAffixes(t)
		zone := drawZone.Draw(t, "zone")
		name := drawName(t, zone, false)
		for _, r := range n.Reads(name, zone) {
			if !r.Name.Within(zone) {
				t.Fatalf("%+v: %s reads as %v, outside %s", a, name, r, zone)
			}
			if names := n.Candidates(r.Name, zone, []dns.Type{r.Type}); !slices.Contains(names, name) {
				t.Fatalf("%+v: %s reads as %v, whose candidates in %s are %v", a, name, r, zone, names)
			}
		}
		typ := drawType.Draw(t, "type")
		candidates := n.Candidates(name, zone, []dns.Type{typ})
		if !slices.IsSortedFunc(candidates, dns.Name.Compare) || len(slices.Compact(slices.Clone(candidates))) != len(candidates) {
			t.Fatalf("candidates are not sorted and unique: %v", candidates)
		}
		for _, at := range candidates {
			reads := n.Reads(at, zone)
			if !at.Within(zone) || !slices.ContainsFunc(reads, func(r Reading) bool {
				return r.Name == name && (r.Type == typ || r.Type == "" || r.Type == dns.CNAME && typ == dns.A)
			}) {
				t.Fatalf("%+v: candidate %s of %s %s in %s reads as %v", a, at, name, typ, zone, reads)
			}
		}
	})
}

// theirs is how ExternalDNS v0.22 reads the name of a TXT without escapes: the
// first type that fits, or one of the old format, and one answer only. The name
// keeps the replaced wildcard.
func (a affixes) theirs(txt dns.Name) (dns.Name, dns.Type) {
	text, rest := strings.TrimSuffix(string(txt), "."), ""
	if a.suffix != "" {
		parts := strings.SplitN(text, ".", strings.Count(a.suffix, ".")+2)
		if len(parts) <= strings.Count(a.suffix, ".") {
			return "", ""
		}
		if len(parts) == strings.Count(a.suffix, ".")+2 {
			rest = "." + parts[len(parts)-1]
			parts = parts[:len(parts)-1]
		}
		text = strings.Join(parts, ".")
	}
	strip := func(t dns.Type) (string, bool) {
		text, ok := strings.CutPrefix(text, expand(a.prefix, t))
		if !ok {
			return "", false
		}
		return strings.CutSuffix(text, expand(a.suffix, t))
	}
	if strings.Contains(a.prefix+a.suffix, template) {
		for _, t := range types {
			if name, ok := strip(t); ok {
				return dns.Name(name + rest + "."), t
			}
		}
	}
	name, ok := strip("")
	if !ok {
		return "", ""
	}
	mark, unmarked, marked := strings.Cut(name, "-")
	if t := dns.Type(strings.ToUpper(mark)); marked && slices.Contains(types[:], t) {
		return dns.Name(unmarked + rest + "."), t
	}
	return dns.Name(name + rest + "."), ""
}

// Whatever ExternalDNS takes for a claim of a set in the zone is one here.
func TestReadsWhatExternalDNSReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, n := drawAffixes(t)
		zone := drawZone.Filter(func(z dns.Name) bool { return z != dns.Root }).Draw(t, "zone")
		txt := drawName(t, zone, true)
		of, typ := a.theirs(txt)
		if parsed, err := dns.ParseName(string(of)); err != nil || parsed != of || !of.Within(zone) {
			return
		}
		if a.replacement != "" && of.Wildcard() {
			return // they look for the replacement only
		}
		if reads := n.Reads(txt, zone); !slices.Contains(reads, Reading{of, typ}) {
			t.Fatalf("%+v: in %s they read %s as %s %q, we as %v", a, zone, txt, of, typ, reads)
		}
	})
}

// What ExternalDNS would not write, it takes for a claim of a name with our
// label in it, never of the apex or a host.
func TestExternalDNSLeavesApexClaimsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, n := drawAffixes(t)
		key := dns.Key{Name: zone, Type: drawType.Draw(t, "type")}
		at, err := n.Name(key, zone)
		if err != nil {
			return // a label or the name is too long
		}
		of, typ := a.theirs(at)
		if strings.Contains(string(at), apexLabel) {
			if !strings.Contains(string(of), apexLabel) {
				t.Fatalf("%+v: they read %s as %s %q", a, at, of, typ)
			}
		} else if of != zone {
			t.Fatalf("%+v: they read their own %s as %s %q", a, at, of, typ)
		}
	})
}

func FuzzReads(f *testing.F) {
	f.Add("", "", "", "a-www.example.com")
	f.Add("edns.", "", "any", "edns.a-any.example.com")
	f.Add("", "-.%{record_type}", "", "www-.cname.example.com")
	f.Add("%{record_type}-", "", "*", `a-\042\.x.example.com`)
	f.Add("", "01", "", `a-w\001.example.com`)
	f.Fuzz(func(t *testing.T, prefix, suffix, replacement, text string) {
		n, err := NewNaming(prefix, suffix, replacement)
		if err != nil {
			return
		}
		txt, err := dns.ParseName(text)
		if err != nil {
			return
		}
		for _, zone := range []dns.Name{zone, dns.Root, txt} {
			for _, r := range n.Reads(txt, zone) {
				if back, err := dns.ParseName(string(r.Name)); err != nil || back != r.Name || !r.Name.Within(zone) {
					t.Errorf("%s reads as %v in %s", txt, r, zone)
				}
				if !slices.Contains(n.Candidates(r.Name, zone, []dns.Type{r.Type}), txt) {
					t.Errorf("%s reads as %v in %s, and is no candidate of it", txt, r, zone)
				}
			}
		}
	})
}
