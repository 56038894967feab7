package plan

import (
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// planner is one call of [Compute].
type planner struct {
	Rules
	Input
	claimTypes []dns.Type
	places     map[dns.Name]*place

	going []dns.Key // see [Plan.Going]
	ours  []Tally
}

// readClaim reads a set as a claim: its first value that is one.
func readClaim(set dns.RecordSet) (claim.Claim, bool) {
	if set.Type == dns.TXT {
		for _, value := range set.Data {
			if c, ok := claim.Parse(value); ok {
				return c, true
			}
		}
	}
	return claim.Claim{}, false
}

// family returns name and every name that must be planned with it, sorted:
// those that may share a claim with it, such as "*" and "any" under
// --txt-wildcard-replacement=any, and those that lie where its claims do. It is
// the same family from whichever of its names it is asked.
func (p *planner) family(name dns.Name) []dns.Name {
	family := []dns.Name{name}
	if p.Claims == nil {
		return family
	}
	add := func(n dns.Name) {
		if !slices.Contains(family, n) {
			family = append(family, n)
		}
	}
	for i := 0; i < len(family); i++ {
		own := p.speaksOf(family[i])
		for _, txt := range p.claimNames(family[i]) {
			claimed := p.claimedAt(txt)
			for _, n := range p.read(txt) {
				if claimed || own && p.speaksOf(n) {
					add(n)
				}
			}
			if (claimed || own) && p.speaksOf(txt) {
				add(txt)
			}
		}
		if !own {
			continue
		}
		claimed := p.claimedAt(family[i])
		for _, n := range p.read(family[i]) {
			if claimed || p.speaksOf(n) {
				add(n)
			}
		}
	}
	slices.SortFunc(family, dns.Name.Compare)
	return family
}

// claimNames returns the names at which claims of sets at a name may lie.
func (p *planner) claimNames(name dns.Name) []dns.Name {
	at := p.place(name)
	if at.claimNames == nil {
		at.claimNames = p.Claims.Candidates(name, p.Zone.Name, p.claimTypes)
	}
	return at.claimNames
}

// read returns the names whose claims may lie at txt: the inverse of claimNames.
func (p *planner) read(txt dns.Name) []dns.Name {
	var names []dns.Name
	for _, r := range p.Claims.Reads(txt, p.Zone.Name) {
		if r.Type == "" || slices.Contains(p.claimTypes, r.Type) {
			names = append(names, r.Name)
		}
	}
	return names
}

func isClaim(set dns.RecordSet) bool {
	_, ok := readClaim(set)
	return ok
}
