package plan

import (
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// lookAround collects the claims of the family, and all that those may speak
// of.
func (d *decision) lookAround() {
	var missing []missing
	seen := map[dns.Name]bool{}
	look := func(name dns.Name) {
		if seen[name] {
			return
		}
		seen[name] = true
		sets := d.sets(name)
		d.around = append(d.around, sets...)
		missing = append(missing, d.missing(name, sets)...)
	}
	for _, name := range d.names {
		look(name)
		for _, txt := range d.claimNames(name) {
			look(txt)
			for _, c := range d.place(txt).claims {
				if _, known := d.claims[c.Set.Key]; known {
					continue
				}
				c.Former = c.Claim.Heritage != "" || d.Claims.Former(txt, d.Zone.Name)
				d.claims[c.Set.Key] = c
				for _, reading := range d.Claims.Reads(txt, d.Zone.Name) {
					look(reading.Name)
				}
			}
		}
	}
	d.await(missing)
	slices.SortFunc(d.around, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
}

// missing is a set that an object wants and that the zone does not hold.
type missing struct {
	set dns.RecordSet
	by  Object
}

// missing returns those of a name that holds these sets, and notes whether any
// set is wanted there.
func (d *decision) missing(name dns.Name, sets []dns.RecordSet) (out []missing) {
	for _, w := range d.wants(name) {
		wanted, _ := d.resolve(w)
		d.taken[name] = d.taken[name] || len(wanted) > 0
		for _, set := range wanted {
			if !slices.ContainsFunc(sets, func(s dns.RecordSet) bool { return s.Key == set.Key }) {
				out = append(out, missing{set, w.By})
			}
		}
	}
	return out
}

// await notes which of the missing sets a claim waits for: somebody deleted the
// set by hand, and its claim names the object that wants it. Such a claim speaks
// of no set at another name meanwhile, unless the object wants that too. Other
// claims do not wait: for them what exists goes before what is missing.
func (d *decision) await(all []missing) {
	for _, at := range sortedKeys(d.claims) {
		c := d.claims[at]
		if c.Claim.Resource == "" || !d.mayBecomeOurs(c.Claim.Owner) {
			continue
		}
		for _, m := range all {
			if c.Claim.Names(m.by.Resource()) && d.canSpeakOf(c, m.set) && !d.speaksOfWhatStands(c, m) {
				d.awaited[at] = append(d.awaited[at], m.set)
			}
		}
	}
}

// mayBecomeOurs reports whether claims of an owner are, or may become, ours.
func (d *decision) mayBecomeOurs(owner string) bool {
	return owner == d.Owner || d.Migrate != "" && owner == d.Migrate
}

// canSpeakOf reports whether a claim's name can be read as that of a set's claim.
func (d *decision) canSpeakOf(c claim.Found, set dns.RecordSet) bool {
	return len(d.Claims.For([]dns.RecordSet{c.Set}, set, d.Zone.Name)) > 0
}

// speaksOfWhatStands reports whether a claim can speak of a standing set which
// the missing one is to take the place of, as a CNAME does that of an alias whose
// claim was called cname-, or which the object that it names wants too.
func (d *decision) speaksOfWhatStands(c claim.Found, m missing) bool {
	return slices.ContainsFunc(d.around, func(s dns.RecordSet) bool {
		return !isClaim(s) && d.canSpeakOf(c, s) && (s.Name == m.set.Name && excludes(s, m.set) ||
			slices.ContainsFunc(d.wants(s.Name), func(w Want) bool { return c.Claim.Names(w.By.Resource()) }))
	})
}

// claimsOf returns the claims of a set among these sets of the zone, the one in
// force first.
func (d *decision) claimsOf(set dns.RecordSet, sets []dns.RecordSet) []claim.Found {
	return d.Claims.ForAwaiting(sets, set, d.Zone.Name, d.awaited)
}

// takes reports whether claims of the owner that we migrate from, and claims by
// former affixes, are ours as far as they speak of a name: objects want it.
func (d *decision) takes(name dns.Name) bool {
	return d.taken[name] && d.Policy != CreateOnly && d.Filter.Match(name)
}

// mine reports whether a claim makes a set at this name ours.
func (d *decision) mine(c claim.Found, name dns.Name) bool {
	if c.Claim.Owner == d.Owner && !c.Former {
		return true
	}
	return d.mayTake(c) && d.takes(name)
}

// mayTake reports whether a claim that is not ours yet may become so: it speaks
// of no set at a name that nobody here wants.
func (d *decision) mayTake(c claim.Found) bool {
	if !d.mayBecomeOurs(c.Claim.Owner) || c.Claim.Heritage != "" && !d.ExternalIPs {
		return false
	}
	for key, s := range d.standing {
		if s.claimedBy(c.Set.Key) && !d.takes(key.Name) {
			return false
		}
	}
	return true
}

// owned reports whether a claim is ours, or becomes so, whatever it speaks of.
func (d *decision) owned(c claim.Found) bool {
	if c.Claim.Owner == d.Owner && !c.Former {
		return true
	}
	return d.mayTake(c) && slices.ContainsFunc(d.Claims.Reads(c.Set.Name, d.Zone.Name), func(r claim.Reading) bool { return d.takes(r.Name) })
}

// owns reports whether a set would be ours, were these the sets of the zone.
func (d *decision) owns(sets []dns.RecordSet, set dns.RecordSet) bool {
	found := d.claimsOf(set, sets)
	return len(found) > 0 && d.mine(found[0], set.Name)
}

// awaits returns what a claim of ours waits for that no standing set uses: the
// sets of which it can speak and for which the object that it names asks.
func (d *decision) awaits(c claim.Found) []dns.Key {
	if !d.owned(c) || d.used(c.Set.Key) {
		return nil
	}
	var keys []dns.Key
	for _, r := range d.Claims.Reads(c.Set.Name, d.Zone.Name) {
		key := dns.Key{Name: r.Name, Type: r.Type, SetID: c.Set.SetID}
		if slices.ContainsFunc(d.asked[key], func(o Object) bool { return c.Claim.Names(o.Resource()) }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// awaitedBy reports whether the zone does not hold a set, and the claim that
// would be in force for it names an object.
func (d *decision) awaitedBy(set dns.RecordSet, by Object) bool {
	if d.Claims == nil || d.standing[set.Key] != nil {
		return false
	}
	found := d.claimsOf(set, d.around)
	return len(found) > 0 && d.mine(found[0], set.Name) && !d.used(found[0].Set.Key) && found[0].Claim.Names(by.Resource())
}

// used reports whether a claim speaks of a standing set.
func (d *decision) used(at dns.Key) bool {
	for _, s := range d.standing {
		if s.claimedBy(at) {
			return true
		}
	}
	return false
}

// shares reports whether the claim in force could be that of a set of another
// name as well, as with --txt-wildcard-replacement.
func (d *decision) shares(s *standing) bool {
	if len(s.claims) == 0 {
		return false
	}
	readings := d.Claims.Reads(s.claims[0].Set.Name, d.Zone.Name)
	return slices.ContainsFunc(readings, func(r claim.Reading) bool {
		return r.Name != s.set.Name && slices.Contains(readings, claim.Reading{Name: s.set.Name, Type: r.Type})
	})
}
