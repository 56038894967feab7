package plan

import (
	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// place is what is known of one name. While a family is planned each name is
// asked for once, however often it is looked at.
type place struct {
	sets   []dns.RecordSet
	wants  []Want
	claims []claim.Found // those of the sets that are claims
	others int           // how many sets of managed types are none

	claimNames []dns.Name // see [planner.claimNames]; nil before it is asked
}

// place returns what is known of a name.
func (p *planner) place(name dns.Name) *place {
	if at, ok := p.places[name]; ok {
		return at
	}
	at := &place{sets: p.Sets(name), wants: p.Wants(name)}
	for _, set := range at.sets {
		if c, ok := readClaim(set); ok {
			at.claims = append(at.claims, claim.Found{Claim: c, Set: set})
		} else if p.managed(set.Type) {
			at.others++
		}
	}
	p.places[name] = at
	return at
}

func (p *planner) sets(name dns.Name) []dns.RecordSet { return p.place(name).sets }

func (p *planner) wants(name dns.Name) []Want { return p.place(name).wants }

// claimedAt reports whether a claim lies at a name.
func (p *planner) claimedAt(name dns.Name) bool { return len(p.place(name).claims) > 0 }

// speaksOf reports whether a set that is ours to plan is wanted or held at a
// name.
func (p *planner) speaksOf(name dns.Name) bool {
	at := p.place(name)
	return len(at.wants) > 0 || at.others > 0
}

// forget makes room for the next family.
func (p *planner) forget() {
	const usual = 1000
	if len(p.places) > usual {
		p.places = nil
	}
	if p.places == nil {
		p.places = map[dns.Name]*place{}
		return
	}
	clear(p.places)
}
