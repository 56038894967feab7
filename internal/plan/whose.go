package plan

import (
	"github.com/signpost-dns/signpost/internal/dns"
)

// Standing is a record set that a zone holds, and whose it is.
type Standing struct {
	Set     dns.RecordSet
	Managed bool     // of a managed type; else it is neither read further nor touched
	Claims  []Claims // what claims it, the one that counts first
	Ours    bool

	Says  *Claims // what it says, if it is a claim itself
	About dns.Key // what it claims then, as far as its name tells: of several readings one that stands
}

// Claims is what a claim says.
type Claims struct {
	At       dns.Key
	Owner    string
	Resource string // the object's label, "" if the claim names none
}

// Standings returns what stands at a name as a plan of the input sees it, in the
// order of the input's sets. Claims stand for themselves only where they claim
// nothing.
func Standings(r Rules, in Input, name dns.Name) []Standing {
	p := planner{Rules: r, Input: in, claimTypes: r.claimTypes()}
	p.forget()
	d := newDecision(&p, p.family(name))
	var out []Standing
	for _, set := range in.Sets(name) {
		s := Standing{Set: set, Managed: r.managed(set.Type)}
		if found := d.standing[set.Key]; found != nil {
			s.Ours = found.ours
			for _, c := range found.claims {
				s.Claims = append(s.Claims, Claims{c.Set.Key, c.Claim.Owner, c.Claim.Resource})
			}
		}
		if said, ok := readClaim(set); ok {
			s.Says, s.About = &Claims{set.Key, said.Owner, said.Resource}, p.about(set)
		}
		out = append(out, s)
	}
	return out
}

// about returns what a claim is about: the zero key if its name is that of none.
func (p *planner) about(txt dns.RecordSet) dns.Key {
	if p.Rules.Claims == nil {
		return dns.Key{}
	}
	readings := p.Rules.Claims.Reads(txt.Name, p.Zone.Name)
	for _, r := range readings {
		for _, set := range p.Sets(r.Name) {
			if set.SetID == txt.SetID && !isClaim(set) && (set.Type == r.Type || r.Type == "" && p.managed(set.Type)) {
				return set.Key
			}
		}
	}
	if len(readings) == 0 {
		return dns.Key{}
	}
	return dns.Key{Name: readings[0].Name, Type: readings[0].Type, SetID: txt.SetID}
}

// Claimants returns for which objects sets stood or stand, by their labels, as
// far as claims among the changes tell. Where the name of a claim reads in two
// ways it counts for both.
func (r Rules) Claimants(zone dns.Zone, changes []dns.Change) map[dns.Key]string {
	out := map[dns.Key]string{}
	if r.Claims == nil {
		return out
	}
	for _, c := range changes {
		set := c.New
		if set == nil {
			set = c.Old
		}
		said, ok := readClaim(*set)
		if !ok || said.Owner != r.Owner || said.Resource == "" {
			continue
		}
		for _, reading := range r.Claims.Reads(set.Name, zone.Name) {
			types := []dns.Type{reading.Type}
			if reading.Type == "" {
				types = r.Types
			}
			for _, t := range types {
				out[dns.Key{Name: reading.Name, Type: t, SetID: set.SetID}] = said.Resource
			}
		}
	}
	return out
}

// IsClaim reports whether a set is a claim, whoever's.
func IsClaim(set dns.RecordSet) bool { return isClaim(set) }
