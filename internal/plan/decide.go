package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// decision is the planning of one family of names: it gathers what stands and
// what is wanted, settles what objects disagree on, refuses what cannot be, and
// then writes what is left.
type decision struct {
	*planner
	names []dns.Name

	standing map[dns.Key]*standing    // managed sets at the names
	claims   map[dns.Key]claim.Found  // at the names of their claims
	around   []dns.RecordSet          // all that tells what a claim speaks of, besides
	awaited  claim.Awaited            // the missing sets for which claims wait
	taken    map[dns.Name]bool        // whether what others claimed becomes ours there; see [decision.takes]
	wanted   map[dns.Key]*desired     // at names where something may change
	asked    map[dns.Key][]Object     // who asks for what there, winners and losers
	closed   map[dns.Name]bool        // names at which nothing may change
	needs    map[dns.Key]*neededClaim // claims that must stand, by their key

	changes  []dns.Change
	refusals []Refusal
}

// standing is a set that the zone holds, and whose it is.
type standing struct {
	set    dns.RecordSet
	claims []claim.Found // in order of authority; empty: nobody's
	ours   bool
	// Nobody claims it, and why we do not either though it is asked for; "" if it
	// is not.
	unadopted string
}

func (s *standing) claimedBy(at dns.Key) bool {
	return slices.ContainsFunc(s.claims, func(f claim.Found) bool { return f.Set.Key == at })
}

// names reports whether a claim of ours names an object: the one in force, or
// one in another format, where ExternalDNS found the name of the former taken.
func (s *standing) names(o Object) bool {
	return s.ours && slices.ContainsFunc(s.claims, func(c claim.Found) bool {
		return c.Claim.Owner == s.claims[0].Claim.Owner && c.Claim.Names(o.Resource())
	})
}

// namedFirst reports whether the claim in force names an object.
func (s *standing) namedFirst(o Object) bool {
	return s.ours && len(s.claims) > 0 && s.claims[0].Claim.Names(o.Resource())
}

// opaque returns why a set, or the claim in force that would go with it, cannot
// be changed for its fields; "" if it can.
func (s *standing) opaque() string {
	if len(s.set.Opaque()) == 0 && len(s.claims) > 0 && len(s.claims[0].Set.Opaque()) > 0 {
		return opaque(s.claims[0].Set)
	}
	if len(s.set.Opaque()) > 0 {
		return opaque(s.set)
	}
	return ""
}

func opaque(set dns.RecordSet) string {
	return fmt.Sprintf("%s uses %s, which Signpost never changes", set.Key, strings.Join(set.Opaque(), ", "))
}

// newDecision returns the decision about a family of names, with what is known of
// them and nothing decided.
func newDecision(p *planner, names []dns.Name) *decision {
	d := &decision{
		planner: p, names: names,
		standing: map[dns.Key]*standing{}, claims: map[dns.Key]claim.Found{}, wanted: map[dns.Key]*desired{},
		asked: map[dns.Key][]Object{}, closed: map[dns.Name]bool{}, needs: map[dns.Key]*neededClaim{},
		awaited: claim.Awaited{}, taken: map[dns.Name]bool{},
	}
	d.gather()
	return d
}

// decide plans a family of names as one group.
func (p *planner) decide(names []dns.Name) (dns.Group, []Refusal) {
	d := newDecision(p, names)
	for _, name := range names {
		d.settle(name)
		d.tally(name)
	}
	d.admit()
	for _, key := range sortedKeys(d.wanted) {
		if want := d.wanted[key]; want.refused == "" {
			d.write(want)
		}
	}
	for _, key := range sortedKeys(d.standing) {
		if d.wanted[key] == nil {
			d.remove(d.standing[key])
		}
	}
	d.writeClaims()
	d.sweepClaims()
	d.follow()
	d.assertClaims()
	d.proveClaims()
	if d.Adopt {
		d.onlyAdopt()
	}
	return arrange(p.Zone, d.changes), d.refusals
}

func sortedKeys[V any](m map[dns.Key]V) []dns.Key {
	return slices.SortedFunc(maps.Keys(m), dns.Key.Compare)
}

// gather reads the sets and the claims of the family out of the input.
func (d *decision) gather() {
	if d.Claims != nil {
		d.lookAround()
	}
	for _, name := range d.names {
		for _, set := range d.sets(name) {
			if d.apexOwn(set.Key) || !d.managed(set.Type) || isClaim(set) {
				continue
			}
			s := &standing{set: set, ours: d.Claims == nil}
			if d.Claims != nil {
				s.claims = d.claimsOf(set, d.around)
			}
			d.standing[set.Key] = s
		}
	}
	if d.Claims == nil {
		return
	}
	for _, s := range d.standing {
		s.ours = len(s.claims) > 0 && d.mine(s.claims[0], s.set.Name)
	}
	for _, key := range sortedKeys(d.standing) {
		d.adopt(d.standing[key])
	}
}

// apexOwn reports whether a set belongs to the zone itself.
func (d *decision) apexOwn(key dns.Key) bool {
	return key.Name == d.Zone.Name && (key.Type == dns.NS || key.Type == dns.SOA)
}

// settle fills in what is wanted at one name. A name outside the filter, and a
// name that must stay as it is, wants nothing and loses nothing.
func (d *decision) settle(name dns.Name) {
	if !d.Filter.Match(name) {
		d.closed[name] = true
		return
	}
	wants := d.wants(name)
	offers, refusals := d.offers(wants)
	if why := d.frozen(name, wants); why != "" {
		d.closed[name] = true
		d.tellFrozen(name, offers, why)
		return
	}
	for _, o := range offers {
		for _, set := range o.sets {
			d.asked[set.Key] = append(d.asked[set.Key], o.by)
		}
	}
	d.markHolders(name, offers)
	settled, contested := settle(name, offers)
	maps.Copy(d.wanted, settled)
	d.refusals = append(append(d.refusals, refusals...), contested...)
	for _, r := range refusals {
		d.wantInVain(r)
	}
}

// wantInVain keeps what stands at a name where an object wants what cannot be
// made of it, an alias of an unknown zone say: it has not ceased to want the name.
// An object that contradicts itself gets one of the two things.
func (d *decision) wantInVain(r Refusal) {
	if d.wanted[r.Key] == nil && r.Reason != Conflict {
		d.wanted[r.Key] = &desired{set: dns.RecordSet{Key: r.Key}, askers: r.Objects, refused: r.Reason}
	}
}

// markHolders notes who holds what: whom the claim names or, where it names
// none of those who ask, who wants what stands or a part of it. Where two names
// share a claim its label may be meant for the other, and counts last. A claim
// whose set is gone still names who held it.
func (d *decision) markHolders(name dns.Name, offers []offer) {
	if len(offers) < 2 {
		return
	}
	for key, s := range d.standing {
		if key.Name != name || !s.ours {
			continue
		}
		first, label := func(o offer) bool { return s.namedFirst(o.by) }, func(o offer) bool { return s.names(o.by) }
		content := func(o offer) bool {
			return slices.ContainsFunc(o.sets, func(set dns.RecordSet) bool { return partOf(set, s.set) })
		}
		if d.shares(s) {
			mark(key, present, offers, content, first, label)
		} else {
			mark(key, present, offers, first, label, content)
		}
	}
	for i := range offers {
		for _, set := range offers[i].sets {
			if d.awaitedBy(set, offers[i].by) {
				offers[i].holds[set.Key], offers[i].rank = true, max(offers[i].rank, awaited)
			}
		}
	}
}

// mark makes those the holders of a key that the first test admits which admits
// any.
func mark(key dns.Key, rank rank, offers []offer, tests ...func(offer) bool) {
	for _, test := range tests {
		found := false
		for i := range offers {
			if o := &offers[i]; test(*o) {
				o.holds[key], o.rank, found = true, max(o.rank, rank), true
			}
		}
		if found {
			return
		}
	}
}

// frozen returns why a name must stay as it is: it is said to be, or an object
// that is named as its holder could not be read.
func (d *decision) frozen(name dns.Name, wants []Want) string {
	if d.Frozen != nil {
		if why := d.Frozen(name); why != "" {
			return why
		}
	}
	for _, key := range sortedKeys(d.standing) {
		s := d.standing[key]
		if key.Name != name || !s.ours || len(s.claims) == 0 || s.claims[0].Claim.Resource == "" ||
			slices.ContainsFunc(wants, func(w Want) bool { return s.namedFirst(w.By) }) {
			continue
		}
		if why := d.hold(s.claims[0].Claim); why != "" {
			return why
		}
	}
	return ""
}

// hold returns why nothing may be concluded from the absence of the object that
// a claim names.
func (d *decision) hold(c claim.Claim) string {
	if d.Hold == nil {
		return ""
	}
	return d.Hold(c.Resource)
}

// tellFrozen refuses what would change at a name that must stay as it is.
func (d *decision) tellFrozen(name dns.Name, offers []offer, why string) {
	wanted := map[dns.Key]bool{}
	for _, o := range offers {
		for _, set := range o.sets {
			wanted[set.Key] = true
			if s := d.standing[set.Key]; s == nil || !s.set.Equal(set) {
				d.refuse(set.Key, []Object{o.by}, Frozen, why)
			}
		}
	}
	for _, key := range sortedKeys(d.standing) {
		if s := d.standing[key]; key.Name == name && s.ours && !wanted[key] {
			d.refuse(key, nil, Frozen, why)
		}
	}
}

func (d *decision) refuse(key dns.Key, objects []Object, reason Reason, message string) {
	d.refusals = append(d.refusals, Refusal{Key: key, Objects: objects, Reason: reason, Message: message})
}

// write makes the zone hold a wanted set.
func (d *decision) write(want *desired) {
	old, next := d.standing[want.set.Key], want.set // a copy: who asks for it need not be kept with it
	switch {
	case old == nil:
		d.changes = append(d.changes, dns.Change{New: &next})
	case !old.set.Equal(next):
		d.changes = append(d.changes, dns.Change{Old: &old.set, New: &next})
	}
	d.need(want)
}

// remove deletes a set of ours that nobody wants any more, as far as policy and
// knowledge allow.
func (d *decision) remove(s *standing) {
	key := s.set.Key
	if !s.ours || d.closed[key.Name] {
		return
	}
	reason, why := d.bound(s, d.displaced(s.set))
	if reason == "" && d.leaves(s) {
		d.going = append(d.going, dns.Key{Name: key.Name, Type: key.Type})
		reason, why = d.kept(s)
	}
	if askers := d.askersAt(key); reason == PolicyForbids && len(askers) > 0 {
		d.refuse(key, askers, reason, fmt.Sprintf("%s does not ask for it, and asks for other record sets at the name: it goes on pointing "+
			"where it did, since --policy=%s deletes nothing; --policy=sync would", askers[0].Resource(), d.Policy))
		return
	}
	if reason != "" {
		d.refuse(key, nil, reason, why)
		return
	}
	d.changes = append(d.changes, dns.Change{Old: &s.set})
}

// askersAt returns who has the wanted sets at a key's name that have its
// identifier, each once.
func (d *decision) askersAt(at dns.Key) (askers []Object) {
	for _, key := range sortedKeys(d.wanted) {
		if want := d.wanted[key]; key.Name == at.Name && key.SetID == at.SetID && want.refused == "" {
			for _, o := range want.askers {
				if !slices.Contains(askers, o) {
					askers = append(askers, o)
				}
			}
		}
	}
	return askers
}

// tally notes what is ours at a name, for whoever counts deletions.
func (d *decision) tally(name dns.Name) {
	at := Tally{Name: name}
	if d.Filter.Match(name) {
		for key, s := range d.standing {
			if key.Name == name && s.ours && !slices.Contains(at.Types, key.Type) {
				at.Types = append(at.Types, key.Type)
			}
		}
	}
	slices.Sort(at.Types)
	d.ours = append(d.ours, at)
}
