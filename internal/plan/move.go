package plan

import (
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// inForce returns the claim of ours by which a wanted set is, and goes on being,
// ours; nil if there is none.
func (d *decision) inForce(want *desired) *claim.Found {
	s := d.standing[want.set.Key]
	if s == nil || d.Claims == nil {
		return nil
	}
	claims := s.claims
	if (s.set.Alias == nil) != (want.set.Alias == nil) { // aliases have claims that others lack
		claims = d.claimsOf(want.set, d.around)
	}
	if len(claims) == 0 || !d.mine(claims[0], s.set.Name) {
		return nil
	}
	return &claims[0]
}

// moves reports whether the claim in force for a wanted set goes to where it
// would be written now. One that ExternalDNS knows is not converted into one
// that it does not.
func (d *decision) moves(want *desired, have claim.Found) bool {
	if want.unmoved || d.Policy == CreateOnly || !d.Convert && !have.Former || !mayChange(have) {
		return false
	}
	if !have.Former && d.Claims.Outside(want.set.Key, d.Zone.Name) {
		return false
	}
	_, err := d.Claims.At(want.set, d.Zone.Name)
	return err == nil
}

// drops reports whether a claim of a wanted set goes because another is in its
// place: one by former affixes, or where claims are converted any.
func (d *decision) drops(want *desired, c claim.Found) bool {
	if want.unmoved || d.Policy == CreateOnly || !d.Convert && !c.Former {
		return false
	}
	if d.hold(c.Claim) != "" && !namesOne(c.Claim, want.askers) || d.still(c) || c.Former && d.mayNameOther(c) {
		return false
	}
	at, _, err := d.claimKey(want)
	return err == nil && at != c.Set.Key
}

// mayNameOther reports whether a claim by former affixes can be read as that of a
// standing set which nobody here wants, and which is not ours to decide about.
func (d *decision) mayNameOther(c claim.Found) bool {
	return slices.ContainsFunc(d.around, func(s dns.RecordSet) bool {
		return !isClaim(s) && !d.takes(s.Name) && d.canSpeakOf(c, s)
	})
}

// redundant reports whether a claim of no standing set would be dropped as soon
// as the sets stand that are wanted.
func (d *decision) redundant(c claim.Found) bool {
	for _, want := range d.wanted {
		if want.refused != "" {
			continue
		}
		for _, f := range d.Claims.For([]dns.RecordSet{c.Set}, want.set, d.Zone.Name) {
			if d.drops(want, f) {
				return true
			}
		}
	}
	return false
}

// unclaimed reports whether a set that stands as it is wanted has no claim with
// our owner id yet.
func (d *decision) unclaimed(want *desired) bool {
	if d.Claims == nil {
		return false
	}
	have := d.inForce(want)
	return have == nil || have.Claim.Owner != d.Owner && !d.moves(want, *have)
}

// stuck returns why a claim cannot move that should. The set is ours by it all
// the same, unless it is another owner's: that is an obstacle then.
func (d *decision) stuck(want *desired) (Reason, string) {
	if d.Claims == nil || want.unmoved {
		return "", ""
	}
	have := d.inForce(want)
	if have == nil || !d.moves(want, *have) {
		return "", ""
	}
	return d.claimObstacle(want)
}

// robs returns a set of ours that stays, and that a wanted one would take the
// claim from because the name of it can be read in two ways.
func (d *decision) robs(want *desired) *standing {
	if old := d.standing[want.set.Key]; len(d.names) == 1 || old != nil && (old.set.Alias == nil) == (want.set.Alias == nil) {
		return nil
	}
	then := append(slices.Clone(d.around), want.set)
	for _, key := range sortedKeys(d.standing) {
		s := d.standing[key]
		if key.Name == want.set.Name || !s.ours || len(s.claims) == 0 || d.owns(then, s.set) {
			continue
		}
		if other := d.wanted[key]; other != nil && other.refused == "" {
			if at, stands, err := d.claimKey(other); err == nil && !stands && at != s.claims[0].Set.Key {
				continue // its claim moves away
			}
			return s
		} else if reason, _ := d.stays(s, d.displaced(s.set)); other != nil || reason != "" {
			return s
		}
	}
	return nil
}

// follow brings the claims of other formats that wanted sets have, or come to
// have, beside the one in force to what that one says now: our owner id, and the
// object. Else another version of ExternalDNS would read another owner.
func (d *decision) follow() {
	if d.Claims == nil || d.Policy == CreateOnly {
		return
	}
	done, relabelled := map[dns.Key]bool{}, map[dns.Key]bool{}
	for _, c := range d.changes {
		done[c.Key()] = true
		relabelled[c.Key()] = d.needs[c.Key()] != nil && c.Action() == dns.Update
	}
	for _, key := range sortedKeys(d.wanted) {
		want := d.wanted[key]
		if want.refused != "" {
			continue
		}
		at, _, err := d.claimKey(want)
		for _, c := range d.claimsOf(want.set, d.around) {
			other := c.Claim.Owner != d.Owner
			stale := err == nil && relabelled[at] && !namesOne(c.Claim, want.askers) && d.hold(c.Claim) == ""
			if done[c.Set.Key] || d.needs[c.Set.Key] != nil || !other && !stale || !d.mine(c, key.Name) || !mayChange(c) || d.speaksElsewhere(c, key) {
				continue
			}
			done[c.Set.Key] = true
			next := c.Claim
			next.Owner = d.Owner
			if stale {
				next.Resource = want.askers[0].Resource()
			}
			set := d.Seal.Set(next, c.Set.Name, want.set)
			d.changes = append(d.changes, dns.Change{Old: &c.Set, New: &set})
		}
	}
}

// speaksElsewhere reports whether a claim is also that of a set of another key.
func (d *decision) speaksElsewhere(c claim.Found, key dns.Key) bool {
	for k, s := range d.standing {
		if k != key && c.Claim.Owner == d.Owner && s.claimedBy(c.Set.Key) {
			return true
		}
	}
	return false
}
