package plan

import (
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
)

// settled reports whether it is plain that nothing is to be done for a family
// of names, as it nearly always is when a zone is looked through: at each name
// one object wants exactly what stands, each set has a claim of ours that names
// this object, and no other claims are there. Where it is not plain
// [planner.decide] tells.
func (p *planner) settled(family []dns.Name) bool {
	if p.Claims == nil {
		return false
	}
	var claims []dns.Key // which two names may share
	for _, name := range family {
		if !p.Filter.Match(name) || p.Frozen != nil && p.Frozen(name) != "" {
			return false
		}
		var ok bool
		if claims, ok = p.asWanted(claims, name); !ok {
			return false
		}
	}
	return len(claims) == p.claimsAround(family)
}

// asWanted reports whether one object wants what stands at a name, and adds the
// claims of that.
func (p *planner) asWanted(claims []dns.Key, name dns.Name) (all []dns.Key, ok bool) {
	at := p.place(name)
	if len(at.wants) == 0 {
		return claims, at.others == 0
	}
	if name == p.Zone.Name {
		return claims, false
	}
	n := 0
	var keys [4]dns.Key
	for _, w := range at.wants {
		if w.By != at.wants[0].By {
			return claims, false
		}
		sets, refusal := p.resolve(w)
		if refusal != nil || n+len(sets) > len(keys) {
			return claims, false
		}
		for _, set := range sets {
			c, ok := p.holds(set, w.By)
			if !ok || set.SetID != "" || slices.Contains(keys[:n], set.Key) {
				return claims, false
			}
			if !slices.Contains(claims, c) {
				claims = append(claims, c)
			}
			keys[n] = set.Key
			n++
		}
	}
	alone := n == 1 || !slices.ContainsFunc(keys[:n], func(k dns.Key) bool { return k.Type == dns.CNAME })
	return claims, n == at.others && alone
}

// holds reports whether the zone holds a set with a claim where we would write
// it, that is ours alone and names this object or none, and which that is.
func (p *planner) holds(set dns.RecordSet, by Object) (dns.Key, bool) {
	if !slices.ContainsFunc(p.sets(set.Name), set.Equal) {
		return dns.Key{}, false
	}
	txt, err := p.Claims.At(set, p.Zone.Name)
	if err != nil {
		return dns.Key{}, false
	}
	for _, c := range p.place(txt).claims {
		if c.Set.SetID == "" && c.Claim.Owner == p.Owner && mayChange(c) && (c.Claim.Resource == "" || c.Claim.Names(by.Resource())) {
			return c.Set.Key, true
		}
	}
	return dns.Key{}, false
}

// claimsAround returns how many claims lie where those of a family can.
func (p *planner) claimsAround(family []dns.Name) int {
	var seen []dns.Name
	n := 0
	for _, name := range family {
		for _, txt := range p.claimNames(name) {
			if p.claimedAt(txt) && !slices.Contains(seen, txt) {
				seen = append(seen, txt)
				n += len(p.place(txt).claims)
			}
		}
	}
	return n
}

// tallySettled notes what is ours at settled names.
func (p *planner) tallySettled(family []dns.Name) {
	for _, name := range family {
		at := Tally{Name: name}
		for _, set := range p.sets(name) {
			if p.managed(set.Type) && !isClaim(set) {
				at.Types = append(at.Types, set.Type)
			}
		}
		slices.Sort(at.Types)
		p.ours = append(p.ours, at)
	}
}
