package plan

import (
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// claimNeed is a claim that must stand when the plan is done. Two sets may
// share one (see [Rules.family]).
type claimNeed struct {
	key     dns.Key       // the set that it claims, the first by key
	like    dns.RecordSet // whose identifier and routing it carries
	askers  []Object
	changed bool // a set that it claims changes
	reroute bool // the routing of that set changes
}

// need notes that the set wanted at key must be claimed.
func (d *decision) need(key dns.Key, want *desired, changed bool) {
	if d.rules.Claims == nil {
		return
	}
	old, stands := d.standing[key]
	at := dns.Key{Type: dns.TXT, SetID: key.SetID}
	if stands {
		d.keepClaims(old)
		at = old.claims[0].Set.Key
	} else {
		// admit has refused what has no claim name
		at.Name, _ = d.rules.Claims.Name(key, d.in.Zone.Name)
	}
	n := d.needs[at]
	if n == nil {
		n = &claimNeed{key: key, like: want.set}
		d.needs[at] = n
	}
	n.askers = append(n.askers, want.askers...)
	n.changed = n.changed || changed
	n.reroute = n.reroute || stands && (old.set.Routing != want.set.Routing || old.set.HealthCheckID != want.set.HealthCheckID)
}

// writeClaims creates the claims that are missing, corrects those that name an
// object which asks no more, and asserts the others beside what changes, so
// that a zone whose owner changed meanwhile refuses the batch.
func (d *decision) writeClaims() {
	for _, at := range sortedKeys(d.needs) {
		n := d.needs[at]
		d.needed[at] = true
		standing, stands := d.claims[at]
		if !stands {
			c := claim.Claim{Owner: d.rules.Owner, Resource: n.askers[0].Resource()}
			set := claim.Set(c, at.Name, n.like)
			d.changes = append(d.changes, dns.Change{New: &set})
			continue
		}
		c, _ := readClaim(standing)
		next := standing
		if n.reroute || !n.names(c.Resource) {
			if !n.names(c.Resource) {
				c.Resource = n.askers[0].Resource()
			}
			next = claim.Set(c, at.Name, n.like)
		}
		if n.changed || !next.Equal(standing) {
			d.changes = append(d.changes, dns.Change{Old: &standing, New: &next})
		}
	}
}

// names reports whether a claim's label names one of the askers. A claim
// without a label stays without one.
func (n *claimNeed) names(resource string) bool {
	return resource == "" || slices.ContainsFunc(n.askers, func(o Object) bool { return o.Resource() == resource })
}

// sweepClaims deletes the claims of ours that no set stands for any more: those
// of the sets that this plan deletes, and under [Sync] those that have lost
// their set otherwise.
func (d *decision) sweepClaims() {
	for _, key := range sortedKeys(d.claims) {
		set := d.claims[key]
		c, _ := readClaim(set)
		if c.Owner != d.rules.Owner || d.needed[key] {
			continue
		}
		living, removed := d.claimed(key)
		orphan := d.rules.Policy == Sync && (d.in.Hold == nil || d.in.Hold(c.Resource) == "")
		if !living && (removed || orphan) {
			d.changes = append(d.changes, dns.Change{Old: &set})
		}
	}
}

// claimed looks for the sets that a claim may speak of, in each of its
// readings: whether one lives on, or may, and whether this plan removes one.
func (d *decision) claimed(at dns.Key) (living, removed bool) {
	for _, reading := range d.rules.Claims.Reads(at.Name, d.in.Zone.Name) {
		if d.closed[reading.Name] {
			return true, false
		}
		for _, set := range d.in.Sets(reading.Name) {
			if reading.Type != "" && set.Type != reading.Type && !(reading.Type == dns.CNAME && set.Alias != nil) ||
				set.SetID != at.SetID {
				continue
			}
			if _, isClaim := readClaim(set); isClaim {
				continue
			}
			if d.removed[set.Key] {
				removed = true
			} else {
				living = true
			}
		}
	}
	return living, removed
}
