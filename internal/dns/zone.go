package dns

import (
	"fmt"
	"slices"
	"strings"
)

// Zone is a hosted zone.
type Zone struct {
	ID      string // as the service names it, without "/hostedzone/"
	Name    Name   // the apex
	Private bool   // answers only inside the networks that it is bound to
}

// String returns the apex with its final dot and the ID.
func (z Zone) String() string { return string(z.Name) + " (" + z.ID + ")" }

// ZonesFor returns the zones that hold name: of the public ones the one with
// the longest apex, and of the private ones likewise, since a name may have
// one answer inside and one outside. Two public zones of one apex leave a
// choice; it falls on the lowest ID, so that it is stable.
func ZonesFor(name Name, zones []Zone) []Zone {
	var public, private *Zone
	for i := range zones {
		z := &zones[i]
		if !name.Within(z.Name) {
			continue
		}
		best := &public
		if z.Private {
			best = &private
		}
		if *best == nil || closer(z, *best) {
			*best = z
		}
	}
	var out []Zone
	for _, z := range []*Zone{public, private} {
		if z != nil {
			out = append(out, *z)
		}
	}
	return out
}

func closer(a, b *Zone) bool {
	if len(a.Name) != len(b.Name) {
		return len(a.Name) > len(b.Name)
	}
	return a.ID < b.ID
}

// Filter chooses names by domain, as ExternalDNS's --domain-filter and
// --exclude-domains do. The zero value admits every name.
type Filter struct {
	include, exclude []suffix
}

// suffix admits names below name, and name itself unless strict.
type suffix struct {
	name   Name
	strict bool
}

// NewFilter reads the two lists. "example.com" stands for itself and all below,
// ".example.com" only for what lies below. Blanks, a final dot and letter case
// do not matter; empty entries are dropped.
func NewFilter(include, exclude []string) (Filter, error) {
	in, err := suffixes(include)
	if err != nil {
		return Filter{}, err
	}
	ex, err := suffixes(exclude)
	if err != nil {
		return Filter{}, err
	}
	return Filter{include: in, exclude: ex}, nil
}

func suffixes(list []string) ([]suffix, error) {
	var out []suffix
	for _, entry := range list {
		entry = strings.TrimSpace(entry)
		if entry == "" || entry == "." {
			continue
		}
		bare, strict := strings.CutPrefix(entry, ".")
		name, err := ParseName(bare)
		if err != nil {
			return nil, err
		}
		if name.Wildcard() {
			_, rest := name.Cut()
			return nil, fmt.Errorf("%q: a filter takes no asterisk; .%s stands for all that lies below %[2]s", entry, rest.Host())
		}
		out = append(out, suffix{name, strict})
	}
	return out, nil
}

// Match reports whether the filter admits name.
func (f Filter) Match(name Name) bool {
	in := func(s suffix) bool { return name.Within(s.name) && !(s.strict && name == s.name) }
	if slices.ContainsFunc(f.exclude, in) {
		return false
	}
	return len(f.include) == 0 || slices.ContainsFunc(f.include, in)
}

// MatchZone reports whether a zone of this apex can hold names that the filter
// admits: the zone itself is admitted, or is the parent of an entry that only
// admits what lies below it.
func (f Filter) MatchZone(apex Name) bool {
	if f.Match(apex) {
		return true
	}
	return slices.ContainsFunc(f.include, func(s suffix) bool { return s.strict && s.name == apex }) &&
		!slices.ContainsFunc(f.exclude, func(s suffix) bool { return apex.Within(s.name) })
}
