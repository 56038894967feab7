package controller

import (
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
)

// place is an owner name in a zone; the zone is empty for names without one.
type place struct {
	zone string // its ID
	name dns.Name
}

// places finds the zones that hold a name, as [dns.ZonesFor] does, at a cost
// that does not depend on how many zones there are.
type places struct {
	zones   []dns.Zone
	public  map[dns.Name]dns.Zone // by apex
	private map[dns.Name]dns.Zone
}

func newPlaces(zones []dns.Zone) places {
	p := places{zones: zones, public: map[dns.Name]dns.Zone{}, private: map[dns.Name]dns.Zone{}}
	for _, z := range zones {
		byApex := p.public
		if z.Private {
			byApex = p.private
		}
		if other, ok := byApex[z.Name]; !ok || z.ID < other.ID {
			byApex[z.Name] = z
		}
	}
	return p
}

// of returns the zones that hold a name.
func (p places) of(n dns.Name) []dns.Zone {
	var out []dns.Zone
	for _, byApex := range []map[dns.Name]dns.Zone{p.public, p.private} {
		for apex := n; ; _, apex = apex.Cut() {
			if z, ok := byApex[apex]; ok {
				out = append(out, z)
				break
			}
			if apex == dns.Root {
				break
			}
		}
	}
	return out
}

// hold reports whether a zone is one of those that hold a name.
func (p places) hold(z dns.Zone, n dns.Name) bool { return slices.Contains(p.of(n), z) }
