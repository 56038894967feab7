package controller

import (
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// place is an owner name in a zone; the zone is empty for names without one.
type place struct {
	zone string // its ID
	name dns.Name
}

// places finds the zones that hold a name, as [dns.ZonesFor] does, at a cost that
// does not depend on how many zones there are: the public one with the longest
// apex, and every private one. Of several public zones with one apex one is used,
// once it has been decided which, and the others are left alone.
type places struct {
	zones   []dns.Zone
	public  map[dns.Name]*apex
	private map[dns.Name]*apex
}

// apex is the zones of one name and visibility.
type apex struct {
	zones  []dns.Zone
	chosen string // ID, of public zones; "": not decided yet
}

// newPlaces returns the places of these zones. What was decided before between
// zones that are there still stays so.
func newPlaces(zones []dns.Zone, before places) places {
	p := places{zones: zones, public: map[dns.Name]*apex{}, private: map[dns.Name]*apex{}}
	for _, z := range zones {
		byApex := p.side(z)
		if byApex[z.Name] == nil {
			byApex[z.Name] = &apex{}
		}
		a := byApex[z.Name]
		a.zones = append(a.zones, z)
		if old := before.side(z)[z.Name]; old != nil && old.chosen == z.ID {
			a.chosen = z.ID
		}
	}
	for _, a := range p.public {
		if len(a.zones) == 1 {
			a.chosen = a.zones[0].ID
		}
	}
	for _, a := range p.private {
		slices.SortFunc(a.zones, func(x, y dns.Zone) int { return strings.Compare(x.ID, y.ID) })
	}
	return p
}

func (p places) side(z dns.Zone) map[dns.Name]*apex {
	if z.Private {
		return p.private
	}
	return p.public
}

// of returns the zones that hold a name: no public one where it is not decided
// yet which of several does.
func (p places) of(n dns.Name) []dns.Zone {
	var out []dns.Zone
	if a := longest(p.public, n); a != nil {
		out = a.used(out)
	}
	if len(p.private) == 0 {
		return out
	}
	for at := n; ; _, at = at.Cut() {
		if a := p.private[at]; a != nil {
			out = append(out, a.zones...)
		}
		if at == dns.Root {
			return out
		}
	}
}

// used appends the zone that is chosen, if one is.
func (a *apex) used(to []dns.Zone) []dns.Zone {
	for _, z := range a.zones {
		if z.ID == a.chosen {
			to = append(to, z)
		}
	}
	return to
}

// pinned returns the zone of this ID, if a name can lie in it.
func (p places) pinned(n dns.Name, id string) (dns.Zone, bool) {
	for _, z := range p.zones {
		if z.ID == id {
			return z, n.Within(z.Name)
		}
	}
	return dns.Zone{}, false
}

// placed reports whether any zone is there for a name, be it decided which or not.
func (p places) placed(n dns.Name) bool {
	return longest(p.public, n) != nil || longest(p.private, n) != nil
}

// undecided reports whether it is not decided yet which zone holds a name.
func (p places) undecided(n dns.Name) bool {
	a := longest(p.public, n)
	return a != nil && a.chosen == ""
}

func longest(byApex map[dns.Name]*apex, n dns.Name) *apex {
	for {
		if a := byApex[n]; a != nil {
			return a
		}
		if n == dns.Root {
			return nil
		}
		_, n = n.Cut()
	}
}

// hold reports whether a zone is one of those that hold a name.
func (p places) hold(z dns.Zone, n dns.Name) bool {
	if !n.Within(z.Name) {
		return false
	}
	a := longest(p.side(z), n)
	return a != nil && (z.Private || a.chosen == z.ID)
}

// used reports whether a zone is the one of its name that is used.
func (p places) used(z dns.Zone) bool {
	a := p.side(z)[z.Name]
	return a != nil && (z.Private || a.chosen == z.ID)
}

// tie returns the zones of the name and visibility of z, if there are several and
// it is not decided which is used.
func (p places) tie(z dns.Zone) []dns.Zone {
	if a := p.side(z)[z.Name]; a != nil && !z.Private && a.chosen == "" {
		return a.zones
	}
	return nil
}

// besides returns the IDs of the zones that are left alone since z is used, which
// has their name.
func (p places) besides(z dns.Zone) []string {
	a := p.side(z)[z.Name]
	if a.chosen != z.ID {
		return nil
	}
	var ids []string
	for _, other := range a.zones {
		if other.ID != z.ID {
			ids = append(ids, other.ID)
		}
	}
	return ids
}

// decide makes z the zone of its name that is used.
func (p places) decide(z dns.Zone) { p.side(z)[z.Name].chosen = z.ID }

// above returns the zones that would hold a name if those that do were not
// there: the ones from which it may be on its way.
func (p places) above(n dns.Name) []dns.Zone {
	var out []dns.Zone
	for at := n; at != dns.Root; {
		_, at = at.Cut()
		if a := p.public[at]; a != nil && longest(p.public, n) != a {
			out = a.used(out)
		}
	}
	return out
}
