package claim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Naming maps record sets to the names of their claims and back, as
// --txt-prefix, --txt-suffix and --txt-wildcard-replacement say. Make one with
// [NewNaming]; the zero value knows no claims.
type Naming struct {
	written map[dns.Type]form // where v0.22 writes the claim of a set of this type
	apex    map[dns.Type]form // the same around the label of [Naming.Name]'s apex names
	forms   []form            // every way to read a claim's name, in order of authority

	version Version  // as which claims are written; "" is V022
	former  []Naming // see [Naming.WithFormer]
}

// Version is a version of ExternalDNS, as which claims are written. All are
// read.
type Version string

const (
	// V022 names the claim of every set after its type.
	V022 Version = "0.22"
	// V021 names that of an alias A cname-, as which versions before 0.22 look
	// for it.
	V021 Version = "0.21"
)

// WithVersion returns a naming that writes claims where this version would.
func (n Naming) WithVersion(v Version) Naming {
	n.version = v
	return n
}

// WithFormer returns a naming that also reads the claims which lie where these
// affixes put them. No claim is written there. See [Found.Former].
func (n Naming) WithFormer(former ...Naming) Naming {
	n.former = append(slices.Clone(n.former), former...)
	return n
}

// apexLabel is the first label of a claim that could not lie in the zone
// otherwise; "-" and the type follow.
const apexLabel = "_signpost"

// NewNaming reads the affixes, in which letter case does not matter. An error
// says what is wrong with them and what to do.
func NewNaming(prefix, suffix, wildcardReplacement string) (Naming, error) {
	prefix, suffix, wildcardReplacement = strings.ToLower(prefix), strings.ToLower(suffix), strings.ToLower(wildcardReplacement)
	if prefix != "" && suffix != "" {
		return Naming{}, errBothAffixes
	}
	if err := checkAffix(prefix, ""); err != nil {
		return Naming{}, fmt.Errorf("txt-prefix %q: %w", prefix, err)
	}
	if err := checkAffix("", suffix); err != nil {
		return Naming{}, fmt.Errorf("txt-suffix %q: %w", suffix, err)
	}
	if strings.ContainsFunc(wildcardReplacement, func(r rune) bool { return !plain(r) }) || len(wildcardReplacement) > dns.MaxLabel {
		return Naming{}, fmt.Errorf("txt-wildcard-replacement %q: it stands for the label *; use one label of letters, digits, hyphens and underscores", wildcardReplacement)
	}
	return newNaming(prefix, suffix, wildcardReplacement), nil
}

func newNaming(prefix, suffix, replacement string) Naming {
	n := Naming{written: map[dns.Type]form{}, apex: map[dns.Type]form{}}
	templated := strings.Contains(prefix+suffix, template)
	oldPrefix, oldSuffix := expand(prefix, ""), expand(suffix, "")
	for _, t := range types {
		mark := strings.ToLower(string(t)) + "-"
		f := form{typ: t, head: expand(prefix, t), tail: expand(suffix, t), replacement: replacement}
		n.apex[t] = f
		if !templated {
			f.head += mark
		}
		n.written[t] = f
		n.forms = append(n.forms, f)
	}
	if templated { // ExternalDNS also reads what the affix without its template yields
		for _, t := range types {
			mark := strings.ToLower(string(t)) + "-"
			n.forms = append(n.forms, form{typ: t, head: oldPrefix + mark, tail: oldSuffix, replacement: replacement})
		}
	}
	n.forms = append(n.forms, form{head: oldPrefix, tail: oldSuffix, replacement: replacement})
	return n
}

// Name returns where the claim of the set key lies in its zone: where
// ExternalDNS v0.22 writes it, or, if that would be outside the zone, at the
// label _signpost-<type>, with the affixes around it, below the apex. A name of
// a label or length that DNS does not take is an error, and so is a type that
// no claim's name can tell, or a key outside the zone.
func (n Naming) Name(key dns.Key, zone dns.Name) (dns.Name, error) {
	f, ok := n.written[key.Type]
	if !ok {
		return "", fmt.Errorf("claim of %s: ExternalDNS's format has no claims for sets of type %s", key, key.Type)
	}
	if !key.Name.Within(zone) {
		return "", fmt.Errorf("claim of %s: the name lies outside the zone %s", key, zone)
	}
	if key.Name == zone {
		return n.apexName(key.Type, zone)
	}
	at, err := f.name(key.Name)
	if err != nil {
		return "", fmt.Errorf("claim of %s: shorten the host name or the affix (--txt-prefix, --txt-suffix): %w", key, err)
	}
	return at, nil
}

// At returns where the claim of a set is written: its [Naming.Name], but that
// the claim of an alias A is called cname- in the format of [V021].
func (n Naming) At(set dns.RecordSet, zone dns.Name) (dns.Name, error) {
	key := set.Key
	if n.version == V021 && key.Type == dns.A && set.Alias != nil {
		key.Type = dns.CNAME
	}
	return n.Name(key, zone)
}

// Outside reports whether ExternalDNS's claim of a set would lie outside the
// zone, so that it never finds the one that [Naming.At] gives in its place.
func (n Naming) Outside(key dns.Key, zone dns.Name) bool {
	at, err := n.written[key.Type].name(key.Name)
	return key.Name == zone && (err != nil || !at.Within(zone))
}

// apexName returns where the claim of a set at the apex lies.
func (n Naming) apexName(t dns.Type, zone dns.Name) (dns.Name, error) {
	if at, err := n.written[t].name(zone); err == nil && at.Within(zone) {
		return at, nil
	}
	f := n.apex[t]
	at, err := join(f.head+apexLabel+"-"+strings.ToLower(string(t))+f.tail, zone)
	if err != nil {
		return "", fmt.Errorf("claim of the apex %s %s: shorten the affix (--txt-prefix, --txt-suffix): %w", zone.Host(), t, err)
	}
	return at, nil
}

// Candidates returns every name in the zone at which a claim of a set at name
// may lie, if the set is of one of these types: the new format, the old one,
// the apex's, for A what an alias's claim was called before v0.22 (cname-), and
// all that with former affixes. They are sorted and unique; none for a name
// outside the zone.
//
// To tell whose an old-format claim is, [Naming.For] needs more: the sets at
// the other names that [Naming.Reads] gives for it.
func (n Naming) Candidates(name, zone dns.Name, types []dns.Type) []dns.Name {
	if !name.Within(zone) {
		return nil
	}
	out := make([]dns.Name, 0, len(types)+1)
	for _, f := range n.former {
		out = append(out, f.Candidates(name, zone, types)...)
	}
	for _, f := range n.forms {
		if f.typ != "" && !slices.Contains(types, f.typ) && !(f.typ == dns.CNAME && slices.Contains(types, dns.A)) {
			continue
		}
		if at, err := f.name(name); err == nil && at.Within(zone) {
			out = append(out, at)
		}
		if name != zone || f.typ == "" {
			continue
		}
		if at, err := n.apexName(f.typ, zone); err == nil {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, dns.Name.Compare)
	return slices.Compact(out)
}

// Reading is one way to read the name of a claim: what it claims.
type Reading struct {
	Name dns.Name
	Type dns.Type // "" in the old format: any type but AAAA
}

// Reads returns the ways in which the name of a TXT set can be read as that of
// a claim, the most specific first: those with a type before the old format,
// and of those of one kind the shorter owner name first; a wildcard before the
// label that stands for it. Those by former affixes come last. None: no claim
// lies at such a name. What they name lies in the zone, and need not exist.
func (n Naming) Reads(txt, zone dns.Name) []Reading {
	out := n.reads(txt, zone)
	for _, r := range n.readsFormer(txt, zone) {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// Former reports whether only former affixes make a claim's name of this.
func (n Naming) Former(txt, zone dns.Name) bool {
	return len(n.former) > 0 && len(n.reads(txt, zone)) == 0 && len(n.readsFormer(txt, zone)) > 0
}

func (n Naming) readsFormer(txt, zone dns.Name) (out []Reading) {
	for _, f := range n.former {
		out = append(out, f.Reads(txt, zone)...)
	}
	return out
}

func (n Naming) reads(txt, zone dns.Name) []Reading {
	if !txt.Within(zone) {
		return nil
	}
	out := n.readApex(txt, zone)
	var buffer [2]dns.Name
	for _, f := range n.forms {
		for _, of := range f.read(buffer[:0], txt) {
			if r := (Reading{of, f.typ}); of.Within(zone) && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Reading) int {
		if (a.Type == "") != (b.Type == "") {
			return len(b.Type) - len(a.Type)
		}
		return len(a.Name) - len(b.Name)
	})
	return out
}

// readApex returns the types of the zone's apex whose claim lies at txt because
// it could not lie elsewhere in the zone.
func (n Naming) readApex(txt, zone dns.Name) []Reading {
	if !strings.Contains(string(txt), apexLabel) {
		return nil
	}
	var out []Reading
	for _, t := range types {
		if _, ok := n.apex[t]; !ok {
			break
		}
		if at, err := n.apexName(t, zone); err == nil && at == txt {
			out = append(out, Reading{zone, t})
		}
	}
	return out
}
