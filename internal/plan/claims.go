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
	reroute bool         // the routing of that set changes
	from    *claim.Found // which it replaces at another name; nil: none
}

// claimKey returns where the claim of a wanted set lies, or shall lie if none
// stands there that will go on claiming it.
func (d *decision) claimKey(want *desired) (at dns.Key, stands bool, err error) {
	key := want.set.Key
	name, err := d.Claims.At(want.set, d.Zone.Name)
	at = dns.Key{Name: name, Type: dns.TXT, SetID: key.SetID}
	if have := d.inForce(want); have != nil && (!d.moves(want, *have) || have.Set.Key == at) {
		return have.Set.Key, true, nil
	}
	return at, false, err
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
	if have := d.inForce(want); have != nil && have.Set.Key != at && n.from == nil {
		n.from = have
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
			next := d.Seal.Set(n.first(d.Owner), at.Name, n.like)
			d.changes = append(d.changes, dns.Change{New: &next})
			continue
		case d.Policy == CreateOnly || !mayChange(have):
			continue
		}
		c := have.Claim
		if !namesOne(c, n.askers) && !d.holdsAnother(at) && !d.namedElsewhere(n) {
			c.Resource = n.askers[0].Resource()
		} else if !n.reroute && c.Owner == d.Owner {
			continue
		}
		c.Owner = d.Owner
		if next := d.Seal.Set(c, at.Name, n.like); !next.Equal(have.Set) {
			d.changes = append(d.changes, dns.Change{Old: &have.Set, New: &next})
		}
	}
}

// first returns what a claim says that is not there yet: what the one says that
// it replaces, if there is one.
func (n *neededClaim) first(owner string) claim.Claim {
	c := claim.Claim{Owner: owner, Resource: n.askers[0].Resource()}
	if n.from != nil {
		c.Labels = n.from.Claim.Labels
		if namesOne(n.from.Claim, n.askers) && n.from.Claim.Heritage == "" {
			c.Resource = n.from.Claim.Resource
		}
	}
	return c
}

// namesOne reports whether a claim needs no other label where these ask.
func namesOne(c claim.Claim, askers []Object) bool {
	return c.Resource == "" || slices.ContainsFunc(askers, func(o Object) bool { return c.Names(o.Resource()) })
}

// namedElsewhere reports whether another claim of the set that stays names who
// asks for it. One that speaks of the set only as it is now, as that of an alias,
// goes, and so does one by former affixes.
func (d *decision) namedElsewhere(n *neededClaim) bool {
	s := d.standing[n.like.Key]
	if s == nil || !s.ours || d.Convert {
		return false
	}
	return slices.ContainsFunc(d.claimsOf(n.like, d.around), func(c claim.Found) bool {
		return c.Claim.Owner == s.claims[0].Claim.Owner && !d.drops(d.wanted[n.like.Key], c) &&
			slices.ContainsFunc(n.askers, func(o Object) bool { return c.Claim.Names(o.Resource()) })
	})
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
		if !d.owned(c) {
			continue
		}
		switch reason, why := d.claimStays(c, d.claimDisplaced(c)); {
		case reason == "":
			d.changes = append(d.changes, dns.Change{Old: &c.Set})
		case reason == PolicyForbids || reason == Orphan:
			d.refuse(at, nil, Orphan, "it claims a record set that is gone: "+why)
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
	if d.used(at) || d.redundant(c) {
		return "", ""
	}
	return d.orphanStays(c, makesWay)
}

// relies reports whether a set that a claim speaks of will stand, and still be
// what that claim speaks of.
func (d *decision) relies(s *standing, at dns.Key) bool {
	want := d.wanted[s.set.Key]
	if want != nil && want.refused == "" {
		now := d.claimsOf(want.set, d.around)
		return slices.ContainsFunc(now, func(f claim.Found) bool { return f.Set.Key == at && !d.drops(want, f) })
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
	if d.still(c) {
		return Frozen, "nothing changes at the name that it speaks of at present"
	}
	if keys := d.awaits(c); len(keys) > 0 && !makesWay {
		return Conflict, fmt.Sprintf("it waits for %s", keys[0])
	}
	for _, set := range d.around {
		if !d.managed(set.Type) && !isClaim(set) && slices.ContainsFunc(d.claimsOf(set, d.around),
			func(f claim.Found) bool { return f.Set.Key == c.Set.Key }) {
			return NotSupported, fmt.Sprintf("it claims %s, whose type is not managed", set.Key)
		}
	}
	if why := d.hold(c.Claim); why != "" {
		return Frozen, why
	}
	if reason, why := d.policyKeeps(makesWay); reason != "" || makesWay || !d.vague(c) {
		return reason, why
	}
	return Orphan, "it may be another deployment's of the same owner id, whose claims have an affix; delete it by hand if it is nobody's"
}

// still reports whether a claim may speak of a name that stays as it is.
func (d *decision) still(c claim.Found) bool {
	return slices.ContainsFunc(d.Claims.Reads(c.Set.Name, d.Zone.Name), func(r claim.Reading) bool {
		return d.closed[r.Name] || !d.Filter.Match(r.Name) || d.Frozen != nil && d.Frozen(r.Name) != ""
	})
}

// vague reports whether a claim is ours by the old format alone, which without
// affixes every name has, and no other claim that has lost its set says that it
// was one of a pair.
func (d *decision) vague(c claim.Found) bool {
	typed := func(f claim.Found) bool {
		return slices.ContainsFunc(d.Claims.Reads(f.Set.Name, d.Zone.Name), func(r claim.Reading) bool {
			return r.Type != "" && (f.Set.Name == c.Set.Name || r.Name == c.Set.Name)
		})
	}
	if typed(c) || !slices.Contains(d.Claims.Reads(c.Set.Name, d.Zone.Name), claim.Reading{Name: c.Set.Name}) {
		return false
	}
	for at, other := range d.claims {
		if other.Claim.Owner == c.Claim.Owner && other.Claim.Resource == c.Claim.Resource && at.SetID == c.Set.SetID &&
			typed(other) && !d.used(at) && d.needs[at] == nil {
			return false
		}
	}
	return true
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
	d.assertAdopted(in)
	for _, key := range sortedKeys(d.standing) {
		s := d.standing[key]
		if in[key] && len(s.claims) > 0 && !in[s.claims[0].Set.Key] {
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
		if isClaim(set) || d.apexOwn(set.Key) || !changed && !d.stands(set.Key) || d.owns(then, set) == (changed || d.owns(d.around, set)) ||
			!d.managed(set.Type) && !d.claimedByType(set) {
			continue
		}
		d.giveUp(fmt.Sprintf("with it %s would change its owner, since the names of claims at both can be read in two ways; "+
			"ask for another name, or use another --txt-prefix", set.Key))
		return
	}
}

// claimedByType reports whether a claim names a set's type: one in the old
// format speaks of the addresses at a name, and of other types only by chance.
func (d *decision) claimedByType(set dns.RecordSet) bool {
	return slices.ContainsFunc(d.claimsOf(set, d.around), func(f claim.Found) bool {
		return slices.Contains(d.Claims.Reads(f.Set.Name, d.Zone.Name), claim.Reading{Name: set.Name, Type: set.Type})
	})
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
