package plan

import (
	"fmt"
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// admit refuses the wanted sets that cannot be. A refusal may keep what another
// set needs gone, so that it goes on until no more are refused.
func (d *decision) admit() {
	if d.Policy == CreateOnly {
		d.wantWhatStands()
	}
	for again := true; again; {
		again = false
		for _, key := range sortedKeys(d.wanted) {
			want := d.wanted[key]
			if want.refused != "" {
				continue
			}
			if reason, message := d.obstacle(want); reason != "" {
				want.refused, again = reason, true
				d.refuse(key, want.askers, reason, message)
			} else if reason, message = d.stuck(want); reason != "" {
				want.unmoved, again = true, true
				d.refuse(key, want.askers, reason, message)
			}
		}
	}
}

// wantWhatStands refuses every change of a set that exists.
func (d *decision) wantWhatStands() {
	for _, key := range sortedKeys(d.wanted) {
		want, s := d.wanted[key], d.standing[key]
		if s != nil && s.ours && !s.set.Equal(want.set) {
			d.refuse(key, want.askers, PolicyForbids, "it differs from what is wanted, and --policy=create-only changes nothing that exists")
			want.set = s.set
		}
	}
}

// obstacle returns why a wanted set cannot be.
func (d *decision) obstacle(want *desired) (Reason, string) {
	key := want.set.Key
	s := d.standing[key]
	switch {
	case d.apexOwn(key):
		return ApexProtected, fmt.Sprintf("the %s set of the zone itself is never changed", key.Type)
	case key.Name == d.Zone.Name && key.Type == dns.CNAME:
		return ApexProtected, "a CNAME cannot stand at the apex of a zone; use addresses, or a target that can be an alias"
	case s != nil && !s.ours && len(s.claims) == 0:
		return NotOwned, "the record set exists and nobody claims it; " + s.unclaimed(want.set)
	case s != nil && !s.ours:
		return NotOwned, d.whose(s.claims[0])
	case s != nil && s.set.Equal(want.set) && !d.unclaimed(want):
		return "", ""
	case s != nil && s.opaque() != "":
		return NotSupported, s.opaque()
	}
	if have := d.inForce(want); have != nil && len(have.Set.Opaque()) > 0 {
		return NotSupported, opaque(have.Set)
	}
	if _, taken := d.claims[key]; taken {
		return NotOwned, "the TXT set there claims another record set; ask for another name"
	}
	if reason, message := d.unfit(want); reason != "" {
		return reason, message
	}
	if reason, message := d.crowded(want); reason != "" {
		return reason, message
	}
	if s == nil {
		if other := d.refusedWith(want); other != nil {
			return other.refused, fmt.Sprintf("it waits for %s, which is wanted with it and refused", other.set.Key)
		}
	}
	switch other, reason, why := d.room(want.set); reason {
	case "":
		if have := d.inForce(want); have != nil && d.moves(want, *have) {
			return "", "" // see stuck
		}
		return d.claimObstacle(want)
	case NotOwned:
		return reason, fmt.Sprintf("%s excludes it and stands at the same name: %s; delete it by hand, or ask for another name", other, why)
	default:
		return reason, fmt.Sprintf("%s excludes it and stands at the same name: %s", other, why)
	}
}

// whose says to whom a set belongs that is not ours.
func (d *decision) whose(c claim.Found) string {
	at := c.Set.Name.Host()
	switch {
	case !d.mayBecomeOurs(c.Claim.Owner):
		return fmt.Sprintf("the record set belongs to owner %q (claim %s), and we are %q", c.Claim.Owner, at, d.Owner)
	case c.Claim.Heritage != "" && !d.ExternalIPs:
		return fmt.Sprintf("the record set belongs to %s (claim %s), whose claims become ours with --expose only", c.Claim.Heritage, at)
	case d.Policy == CreateOnly:
		return fmt.Sprintf("the record set has its claim at %s, from where it would have to move, and --policy=create-only changes nothing that exists", at)
	}
	return fmt.Sprintf("the claim of the record set (%s) cannot become ours: it also speaks of a name that no object asks for", at)
}

// refusedWith returns a refused set that the same object wants at the same name
// with the same identifier: what an object asks for is not made by halves.
func (d *decision) refusedWith(want *desired) *desired {
	for _, key := range sortedKeys(d.wanted) {
		other := d.wanted[key]
		if other.refused != "" && key.Name == want.set.Name && key.SetID == want.set.SetID &&
			slices.ContainsFunc(other.askers, func(o Object) bool { return slices.Contains(want.askers, o) }) {
			return other
		}
	}
	return nil
}

// refusedAt returns a set that is wanted at a name and refused. While there is
// one nothing is deleted there to make room for what does not come.
func (d *decision) refusedAt(name dns.Name) *desired {
	for _, key := range sortedKeys(d.wanted) {
		if want := d.wanted[key]; want.refused != "" && key.Name == name {
			return want
		}
	}
	return nil
}

// room returns why a set cannot stand at its name: another that excludes it is
// wanted there, or stands there and stays.
func (d *decision) room(set dns.RecordSet) (other dns.Key, reason Reason, why string) {
	for _, key := range sortedKeys(d.wanted) {
		if want := d.wanted[key]; key.Name == set.Name && want.refused == "" && excludes(want.set, set) {
			return key, Conflict, fmt.Sprintf("%s asks for it", want.askers[0].Resource())
		}
	}
	standing := slices.Clone(d.sets(set.Name))
	slices.SortFunc(standing, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
	for _, other := range standing {
		if want := d.wanted[other.Key]; !excludes(other, set) || want != nil && want.refused == "" {
			continue
		}
		reason, why := NotOwned, "it is not ours"
		if s := d.standing[other.Key]; s != nil && s.ours {
			reason, why = d.stays(s, !isClaim(set) || d.displaced(s.set))
		} else if c, ok := d.claims[other.Key]; ok && d.owned(c) {
			if isClaim(set) && d.claimsWanted(other.Key) {
				continue // claimsClash has looked at it as it will be
			}
			reason, why = d.claimStays(c, true)
		}
		if reason != "" {
			return other.Key, reason, why
		}
	}
	return dns.Key{}, "", ""
}

// claimsWanted reports whether a claim is, and goes on as, that of a wanted set.
func (d *decision) claimsWanted(at dns.Key) bool {
	for _, want := range d.wanted {
		if key, stands, _ := d.claimKey(want); stands && key == at && want.refused == "" {
			return true
		}
	}
	return false
}

// stays returns why a set of ours that nobody wants stays. It makes way if one
// that is wanted takes its place.
func (d *decision) stays(s *standing, makesWay bool) (Reason, string) {
	reason, why := d.bound(s, makesWay)
	if reason == "" && d.leaves(s) {
		return d.kept(s)
	}
	return reason, why
}

// leaves reports whether a set that nobody wants would go with nothing of ours
// in its place: nothing that it makes way for, that is created or changed at its
// name, or that shares its type there.
func (d *decision) leaves(s *standing) bool {
	for key, want := range d.wanted {
		if key.Name != s.set.Name || want.refused != "" {
			continue
		}
		if old := d.standing[key]; old == nil || key.Type == s.set.Type || !old.set.Equal(want.set) {
			return false
		}
	}
	return true
}

// kept returns why a set that would leave must wait.
func (d *decision) kept(s *standing) (Reason, string) {
	if d.Keep == nil {
		return "", ""
	}
	return d.Keep(dns.Key{Name: s.set.Name, Type: s.set.Type})
}

// bound returns why a set of ours that nobody wants stays, but for what keeps
// deletions waiting.
func (d *decision) bound(s *standing, makesWay bool) (Reason, string) {
	name := s.set.Name
	switch {
	case d.closed[name]:
		return Frozen, "nothing changes at that name at present"
	case s.opaque() != "":
		return NotSupported, s.opaque()
	}
	if other := d.refusedAt(name); other != nil {
		return other.refused, fmt.Sprintf("it stays while %s, which is wanted at the same name, is refused", other.set.Key)
	}
	for _, c := range s.claims {
		if why := d.hold(c.Claim); why != "" && (c.Claim.Owner == d.Owner || d.mine(c, name)) {
			return Frozen, why
		}
	}
	if len(s.claims) == 0 || d.shares(s) { // it may be any object's
		if why := d.hold(claim.Claim{}); why != "" {
			return Frozen, why
		}
	}
	return d.policyKeeps(makesWay)
}

// policyKeeps returns why the policy forbids a deletion.
func (d *decision) policyKeeps(makesWay bool) (Reason, string) {
	switch {
	case d.Policy == Sync, d.Policy == UpsertOnly && makesWay:
		return "", ""
	case makesWay:
		return PolicyForbids, fmt.Sprintf("--policy=%s removes nothing", d.Policy)
	}
	return PolicyForbids, fmt.Sprintf("nothing asks for it any more, and --policy=%s deletes nothing; --policy=sync would", d.Policy)
}

// displaced reports whether a wanted set takes the place of one that stands.
func (d *decision) displaced(set dns.RecordSet) bool {
	for key, want := range d.wanted {
		if key.Name == set.Name && want.refused == "" && excludes(want.set, set) {
			return true
		}
	}
	return false
}

// claimObstacle returns why a wanted set cannot be claimed.
func (d *decision) claimObstacle(want *desired) (Reason, string) {
	if d.Claims == nil {
		return "", ""
	}
	at, stands, err := d.claimKey(want)
	if err != nil {
		return ClaimTaken, fmt.Sprintf("no claim can be written for it: %v", err)
	}
	if robbed := d.robs(want); robbed != nil {
		return ClaimTaken, fmt.Sprintf("the claim of %s (%s) would be taken for its own, since the name of that can be read in two ways; "+
			"ask for another name, or use another --txt-prefix", robbed.set.Key, robbed.claims[0].Set.Name.Host())
	}
	if stands && !d.reroutes(want) && d.claims[at].Claim.Owner == d.Owner {
		return "", ""
	}
	taken := func(by string) (Reason, string) {
		return ClaimTaken, fmt.Sprintf("its claim belongs at %s, and %s; use another --txt-prefix, or make room there", at.Name.Host(), by)
	}
	switch have, known := d.claims[at]; {
	case known && !d.owned(have):
		return NotOwned, fmt.Sprintf("owner %q claims it (%s), and we are %q", have.Claim.Owner, at.Name.Host(), d.Owner)
	case known && len(have.Set.Opaque()) > 0:
		return taken(opaque(have.Set))
	case known && !have.Sole() && (stands || have.Claim.Owner != d.Owner || !namesOne(have.Claim, want.askers)):
		return taken("the TXT there would have to change, and holds more than our claim")
	case !known && slices.ContainsFunc(d.sets(at.Name), func(s dns.RecordSet) bool { return s.Key == at }):
		return taken("another TXT stands there")
	}
	if other := d.wanted[at]; other != nil && other.refused == "" {
		return taken("another TXT is wanted there")
	}
	for _, key := range sortedKeys(d.wanted) {
		if other := d.wanted[key]; other != want && other.refused == "" && d.claimsClash(want, other) {
			return taken(fmt.Sprintf("so does that of %s, which is routed otherwise", key))
		}
	}
	if other, _, why := d.room(claim.Set(claim.Claim{}, at.Name, want.set)); why != "" {
		return taken(fmt.Sprintf("the %s there excludes it (%s)", other.Type, why))
	}
	return "", ""
}

// reroutes reports whether the routing of a standing set changes, which its
// claim follows.
func (d *decision) reroutes(want *desired) bool {
	s := d.standing[want.set.Key]
	return s != nil && (s.set.Routing != want.set.Routing || s.set.HealthCheckID != want.set.HealthCheckID)
}

// claimsClash reports whether the claims of two wanted sets cannot stand beside
// each other: sets of two names whose claims share one (see [planner.family])
// are routed differently.
func (d *decision) claimsClash(a, b *desired) bool {
	atA, _, errA := d.claimKey(a)
	atB, _, errB := d.claimKey(b)
	if errA != nil || errB != nil || atA.Name != atB.Name {
		return false
	}
	if atA == atB {
		return (a.set.Routing == nil) != (b.set.Routing == nil) || a.set.Routing != nil && a.set.Routing.Policy() != b.set.Routing.Policy()
	}
	return excludes(claim.Set(claim.Claim{}, atA.Name, a.set), claim.Set(claim.Claim{}, atB.Name, b.set))
}
