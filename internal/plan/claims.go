package plan

import (
	"fmt"
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// neededClaim is a claim that must stand when the plan is done. Two sets may
// share one (see [planner.family]).
type neededClaim struct {
	like    dns.RecordSet // the first set by key that it claims: it carries its identifier and routing
	askers  []Object
	reroute bool // the routing of that set changes
}

// claimKey returns where the claim of a wanted set lies, or shall lie if none
// stands there that will go on claiming it.
func (d *decision) claimKey(want *desired) (at dns.Key, stands bool, err error) {
	key := want.set.Key
	if s := d.standing[key]; s != nil {
		claims := s.claims
		if (s.set.Alias == nil) != (want.set.Alias == nil) { // aliases have claims that others lack
			claims = d.Claims.For(d.around, want.set, d.Zone.Name)
		}
		if len(claims) > 0 && claims[0].Claim.Owner == d.Owner {
			return claims[0].Set.Key, true, nil
		}
	}
	name, err := d.Claims.Name(key, d.Zone.Name)
	return dns.Key{Name: name, Type: dns.TXT, SetID: key.SetID}, false, err
}

// need notes that a wanted set must be claimed.
func (d *decision) need(want *desired) {
	if d.Claims == nil {
		return
	}
	at, _, err := d.claimKey(want)
	if err != nil {
		return // admit has refused what has no name for its claim
	}
	n := d.needs[at]
	if n == nil {
		n = &neededClaim{like: want.set}
		d.needs[at] = n
	}
	n.askers = append(n.askers, want.askers...)
	n.reroute = n.reroute || d.reroutes(want)
}

// writeClaims creates the claims that are missing, and corrects those that name
// an object which asks no more. A claim without a label stays without one, and
// the label of one that is also in force for a set that stays unwanted stays.
func (d *decision) writeClaims() {
	for _, at := range sortedKeys(d.needs) {
		n := d.needs[at]
		have, stands := d.claims[at]
		switch {
		case !stands:
			next := claim.Set(claim.Claim{Owner: d.Owner, Resource: n.askers[0].Resource()}, at.Name, n.like)
			d.changes = append(d.changes, dns.Change{New: &next})
			continue
		case d.Policy == CreateOnly || !mayChange(have):
			continue
		}
		c := have.Claim
		if !namesOne(c, n.askers) && !d.holdsAnother(at) {
			c.Resource = n.askers[0].Resource()
		} else if !n.reroute {
			continue
		}
		if next := claim.Set(c, at.Name, n.like); !next.Equal(have.Set) {
			d.changes = append(d.changes, dns.Change{Old: &have.Set, New: &next})
		}
	}
}

// namesOne reports whether a claim needs no other label where these ask.
func namesOne(c claim.Claim, askers []Object) bool {
	return c.Resource == "" || slices.ContainsFunc(askers, func(o Object) bool { return c.Names(o.Resource()) })
}

// holdsAnother reports whether a claim is in force for a set that nobody wants,
// or wants in vain, and that stays.
func (d *decision) holdsAnother(at dns.Key) bool {
	for key, s := range d.standing {
		want := d.wanted[key]
		if len(s.claims) > 0 && s.claims[0].Set.Key == at && (want == nil || want.refused != "") && d.relies(s, at) {
			return true
		}
	}
	return false
}

// mayChange reports whether a claim's set is ours alone.
func mayChange(c claim.Found) bool { return c.Sole() && len(c.Set.Opaque()) == 0 }

// sweepClaims deletes the claims of ours that no set stands for any more: those
// of the sets that this plan deletes, and as far as policy and knowledge allow
// those that have lost their set otherwise.
func (d *decision) sweepClaims() {
	for _, at := range sortedKeys(d.claims) {
		c := d.claims[at]
		if c.Claim.Owner != d.Owner {
			continue
		}
		if reason, _ := d.claimStays(c, d.claimDisplaced(c)); reason == "" {
			d.changes = append(d.changes, dns.Change{Old: &c.Set})
		}
	}
}

// claimDisplaced reports whether a wanted set or a needed claim takes the place
// of a claim.
func (d *decision) claimDisplaced(c claim.Found) bool {
	for at, n := range d.needs {
		if at.Name == c.Set.Name && excludes(claim.Set(claim.Claim{}, at.Name, n.like), c.Set) {
			return true
		}
	}
	return d.displaced(c.Set)
}

// claimStays returns why a claim of ours stays.
func (d *decision) claimStays(c claim.Found, makesWay bool) (Reason, string) {
	at := c.Set.Key
	if n := d.needs[at]; n != nil {
		return Conflict, fmt.Sprintf("it claims %s", n.like.Key)
	}
	if !mayChange(c) {
		return ClaimTaken, "it holds more than our claim; take out by hand what is not needed"
	}
	for _, key := range sortedKeys(d.standing) {
		if s := d.standing[key]; s.claimedBy(at) && d.relies(s, at) {
			return Conflict, fmt.Sprintf("it claims %s", key)
		}
	}
	if d.used(at) {
		return "", ""
	}
	return d.orphanStays(c, makesWay)
}

// relies reports whether a set that a claim speaks of will stand, and still be
// what that claim speaks of.
func (d *decision) relies(s *standing, at dns.Key) bool {
	want := d.wanted[s.set.Key]
	if want != nil && want.refused == "" {
		now := d.Claims.For(d.around, want.set, d.Zone.Name)
		return slices.ContainsFunc(now, func(f claim.Found) bool { return f.Set.Key == at })
	}
	if want != nil || !s.ours {
		return true
	}
	reason, _ := d.stays(s, d.displaced(s.set))
	return reason != ""
}

// orphanStays returns why a claim stays for which no set of a managed type
// stands.
func (d *decision) orphanStays(c claim.Found, makesWay bool) (Reason, string) {
	for _, reading := range d.Claims.Reads(c.Set.Name, d.Zone.Name) {
		if d.closed[reading.Name] || !d.Filter.Match(reading.Name) || d.Frozen != nil && d.Frozen(reading.Name) != "" {
			return Frozen, "nothing changes at the name that it speaks of at present"
		}
	}
	if keys := d.awaits(c); len(keys) > 0 && !makesWay {
		return Conflict, fmt.Sprintf("it waits for %s", keys[0])
	}
	for _, set := range d.around {
		if !d.managed(set.Type) && !isClaim(set) && slices.ContainsFunc(d.Claims.For(d.around, set, d.Zone.Name),
			func(f claim.Found) bool { return f.Set.Key == c.Set.Key }) {
			return NotSupported, fmt.Sprintf("it claims %s, whose type is not managed", set.Key)
		}
	}
	if why := d.hold(c.Claim); why != "" {
		return Frozen, why
	}
	return d.policyKeeps(makesWay)
}

// assertClaims adds the unchanged claim of every set that changes or goes, so
// that a zone whose owner changed meanwhile refuses the batch.
func (d *decision) assertClaims() {
	if d.Claims == nil {
		return
	}
	in := map[dns.Key]bool{}
	for _, c := range d.changes {
		in[c.Key()] = true
	}
	for _, key := range sortedKeys(d.standing) {
		s := d.standing[key]
		if in[key] && !in[s.claims[0].Set.Key] {
			d.assert(s.claims[0], in)
		}
	}
	for _, key := range sortedKeys(d.wanted) {
		if want := d.wanted[key]; in[key] && want.refused == "" {
			if at, _, _ := d.claimKey(want); !in[at] {
				d.assert(d.claims[at], in)
			}
		}
	}
}

func (d *decision) assert(c claim.Found, in map[dns.Key]bool) {
	in[c.Set.Key] = true
	d.changes = append(d.changes, dns.Change{Old: &c.Set, New: &c.Set})
}

// proveClaims gives the group up if it would leave a set that we made or had
// without a claim of ours, or give us somebody else's: names of claims can be
// read in several ways, and what a claim speaks of depends on what stands.
func (d *decision) proveClaims() {
	if d.Claims == nil || len(d.changes) == 0 {
		return
	}
	changes := map[dns.Key]dns.Change{}
	for _, c := range d.changes {
		changes[c.Key()] = c
	}
	then := slices.DeleteFunc(slices.Clone(d.around), func(s dns.RecordSet) bool {
		_, changed := changes[s.Key]
		return changed
	})
	for _, c := range d.changes {
		if c.New != nil {
			then = append(then, *c.New)
		}
	}
	for _, set := range then {
		_, changed := changes[set.Key]
		if isClaim(set) || d.apexOwn(set.Key) || !changed && !d.stands(set.Key) || d.owns(then, set) == (changed || d.owns(d.around, set)) {
			continue
		}
		d.giveUp(fmt.Sprintf("with it %s would change its owner, since the names of claims at both can be read in two ways; "+
			"ask for another name, or use another --txt-prefix", set.Key))
		return
	}
}

// giveUp refuses all changes of the group; those of claims go without saying.
func (d *decision) giveUp(message string) {
	for _, c := range d.changes {
		var askers []Object
		if want := d.wanted[c.Key()]; want != nil {
			askers = want.askers
		}
		if _, ofClaim := d.claims[c.Key()]; !ofClaim && d.needs[c.Key()] == nil {
			d.refuse(c.Key(), askers, NotOwned, message)
		}
	}
	d.changes = nil
}

// stands reports whether the zone holds a set, as opposed to its being wanted.
func (d *decision) stands(key dns.Key) bool {
	return slices.ContainsFunc(d.sets(key.Name), func(s dns.RecordSet) bool { return s.Key == key })
}

// owns reports whether the claim in force for a set would be ours, were these
// the sets of the zone.
func (d *decision) owns(sets []dns.RecordSet, set dns.RecordSet) bool {
	found := d.Claims.For(sets, set, d.Zone.Name)
	return len(found) > 0 && found[0].Claim.Owner == d.Owner
}
