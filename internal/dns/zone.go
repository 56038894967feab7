package dns

import (
	"cmp"
	"fmt"
	"regexp"
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
// the longest apex, and all private ones, sorted by apex, longest first, and ID.
// Which private zone answers depends on the network that asks, and a network
// may be bound to any of them. Two public zones of one apex leave a choice; it
// falls on the lowest ID, so that it is stable.
func ZonesFor(name Name, zones []Zone) []Zone {
	var public, private []Zone
	for _, z := range zones {
		switch {
		case !name.Within(z.Name):
		case z.Private:
			private = append(private, z)
		case len(public) == 0 || closer(z, public[0]) < 0:
			public = []Zone{z}
		}
	}
	slices.SortFunc(private, closer)
	return append(public, private...)
}

func closer(a, b Zone) int {
	return cmp.Or(cmp.Compare(len(b.Name), len(a.Name)), cmp.Compare(a.ID, b.ID))
}

// Filter chooses names by domain, as ExternalDNS's --domain-filter and
// --exclude-domains do. The zero value admits every name.
type Filter struct {
	include, exclude []suffix

	in, out *regexp.Regexp // where one is there the lists mean nothing
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

// NewRegexFilter reads what stands in the lists' place: expressions (RE2) that
// names have to match, and must not. They see the name without its final dot
// and in whatever case; an empty one is none.
func NewRegexFilter(include, exclude string) (Filter, error) {
	in, err := expression(include)
	if err != nil {
		return Filter{}, err
	}
	out, err := expression(exclude)
	return Filter{in: in, out: out}, err
}

func expression(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	return regexp.Compile("(?i)" + text)
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
	if f.in != nil || f.out != nil {
		host := name.Host()
		return (f.out == nil || !f.out.MatchString(host)) && (f.in == nil || f.in.MatchString(host))
	}
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

// MatchParent reports whether a zone of this apex holds one of the domains that
// the filter names, all below it.
func (f Filter) MatchParent(apex Name) bool {
	return slices.ContainsFunc(f.include, func(s suffix) bool { return s.name.Within(apex) }) &&
		!slices.ContainsFunc(f.exclude, func(s suffix) bool { return apex.Within(s.name) && !(s.strict && apex == s.name) })
}
