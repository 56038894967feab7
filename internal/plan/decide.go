package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// decision is the planning of one family of names: it gathers what stands and
// what is wanted, then decides key by key, then claim by claim.
type decision struct {
	rules Rules
	in    Input
	names []dns.Name

	standing map[dns.Key]standing // managed sets at the names
	claims   map[dns.Key]dns.RecordSet
	wanted   map[dns.Key]*desired

	closed  map[dns.Name]bool      // names at which nothing may change
	needs   map[dns.Key]*claimNeed // by the claim's key
	needed  map[dns.Key]bool       // claims that must stay, whatever else goes
	removed map[dns.Key]bool       // sets that this plan deletes

	changes  []dns.Change
	refusals []Refusal
}

// standing is a set that the zone holds, and whose it is.
type standing struct {
	set    dns.RecordSet
	claims []claim.Found // in order of authority; empty: nobody's
	ours   bool
}

// resource returns the label of the claim in force.
func (s standing) resource() string {
	if len(s.claims) == 0 {
		return ""
	}
	return s.claims[0].Claim.Resource
}

// decide plans a family of names as one group.
func (r Rules) decide(in Input, names []dns.Name) (dns.Group, []Refusal) {
	d := &decision{
		rules: r, in: in, names: names,
		standing: map[dns.Key]standing{}, claims: map[dns.Key]dns.RecordSet{}, wanted: map[dns.Key]*desired{},
		closed: map[dns.Name]bool{}, needs: map[dns.Key]*claimNeed{}, needed: map[dns.Key]bool{}, removed: map[dns.Key]bool{},
	}
	d.gather()
	for _, name := range names {
		d.settle(name)
	}
	for _, name := range names {
		d.admit(name)
	}
	for _, key := range sortedKeys(d.wanted) {
		if want := d.wanted[key]; !want.refused {
			d.write(key, want)
		}
	}
	for _, key := range sortedKeys(d.standing) {
		if d.wanted[key] == nil {
			d.remove(key, d.standing[key])
		}
	}
	d.writeClaims()
	d.sweepClaims()
	slices.SortFunc(d.changes, compareChanges)
	return d.changes, d.refusals
}

// compareChanges puts deletions before everything else, and assertions last.
func compareChanges(a, b dns.Change) int {
	order := []dns.Action{dns.Delete, dns.Update, dns.Create, dns.Assert}
	return cmp.Or(cmp.Compare(slices.Index(order, a.Action()), slices.Index(order, b.Action())), a.Key().Compare(b.Key()))
}

func sortedKeys[V any](m map[dns.Key]V) []dns.Key {
	return slices.SortedFunc(maps.Keys(m), dns.Key.Compare)
}

// gather reads the sets and the claims of the family out of the input.
func (d *decision) gather() {
	var texts []dns.RecordSet
	if d.rules.Claims != nil {
		seen := map[dns.Name]bool{}
		for _, name := range d.names {
			for _, txt := range d.rules.Claims.Candidates(name, d.in.Zone.Name, d.rules.claimTypes()) {
				if seen[txt] {
					continue
				}
				seen[txt] = true
				for _, set := range d.in.Sets(txt) {
					if _, ok := readClaim(set); ok {
						texts = append(texts, set)
						d.claims[set.Key] = set
					}
				}
			}
		}
	}
	for _, name := range d.names {
		for _, set := range d.in.Sets(name) {
			if _, isClaim := d.claims[set.Key]; isClaim || !d.rules.managed(set.Type) {
				continue
			}
			s := standing{set: set, ours: d.rules.Claims == nil}
			if d.rules.Claims != nil {
				s.claims = d.rules.Claims.For(texts, set, d.in.Zone.Name)
				s.ours = len(s.claims) > 0 && s.claims[0].Claim.Owner == d.rules.Owner
			}
			d.standing[set.Key] = s
		}
	}
}

// settle fills in what is wanted at one name. A name outside the filter, and a
// name that must stay as it is, wants nothing and loses nothing.
func (d *decision) settle(name dns.Name) {
	wants := d.in.Wants(name)
	if why := d.frozen(name, wants); why != "" || !d.rules.Filter.Match(name) {
		d.closed[name] = true
		for _, key := range sortedKeys(d.standing) {
			if key.Name == name {
				d.keep(key)
			}
		}
		if why != "" {
			for _, w := range wants {
				d.refuse(w.Set.Key, []Object{w.By}, Frozen, why)
			}
		}
		return
	}
	holds := func(o Object) bool {
		for key, s := range d.standing {
			if key.Name == name && s.ours && s.resource() == o.Resource() {
				return true
			}
		}
		return false
	}
	settled, refusals := d.rules.settle(name, wants, holds)
	maps.Copy(d.wanted, settled)
	d.refusals = append(d.refusals, refusals...)
}

// frozen returns why a name must stay as it is: it is said to be, or an object
// that is named as its holder could not be read.
func (d *decision) frozen(name dns.Name, wants []Want) string {
	if d.in.Frozen != nil {
		if why := d.in.Frozen(name); why != "" {
			return why
		}
	}
	if d.in.Hold == nil {
		return ""
	}
	for _, key := range sortedKeys(d.standing) {
		s := d.standing[key]
		holder := s.resource()
		if key.Name != name || !s.ours || holder == "" ||
			slices.ContainsFunc(wants, func(w Want) bool { return w.By.Resource() == holder }) {
			continue
		}
		if why := d.in.Hold(holder); why != "" {
			return why
		}
	}
	return ""
}

// keep leaves a set and its claims out of all that follows.
func (d *decision) keep(key dns.Key) {
	d.keepClaims(d.standing[key])
	delete(d.standing, key)
}

func (d *decision) refuse(key dns.Key, objects []Object, reason Reason, message string) {
	d.refusals = append(d.refusals, Refusal{Key: key, Objects: objects, Reason: reason, Message: message})
}

// admit refuses the wanted sets of one name that cannot be. If one of them is
// refused, the name keeps what stands there: neither are the others created
// beside it, nor is anything deleted to make room.
func (d *decision) admit(name dns.Name) {
	refused := map[string]bool{} // by set identifier
	for _, key := range sortedKeys(d.wanted) {
		if key.Name != name {
			continue
		}
		reason, message := d.obstacle(key)
		if reason == "" {
			continue
		}
		d.wanted[key].refused = true
		refused[key.SetID] = true
		d.refuse(key, d.wanted[key].askers, reason, message)
	}
	for _, key := range sortedKeys(d.wanted) {
		want := d.wanted[key]
		if key.Name != name || !refused[key.SetID] || want.refused {
			continue
		}
		if _, stands := d.standing[key]; !stands {
			want.refused = true
			d.refuse(key, want.askers, Conflict, fmt.Sprintf("waits for the other record sets that are wanted at %s", name.Host()))
		}
	}
	if len(refused) > 0 {
		d.closed[name] = true
		for _, key := range sortedKeys(d.standing) {
			if key.Name == name && d.wanted[key] == nil {
				d.keep(key)
			}
		}
	}
}

// obstacle returns why the set wanted at key cannot be.
func (d *decision) obstacle(key dns.Key) (Reason, string) {
	apex := key.Name == d.in.Zone.Name
	switch {
	case apex && (key.Type == dns.NS || key.Type == dns.SOA):
		return ApexProtected, fmt.Sprintf("the %s set of the zone itself is never changed", key.Type)
	case apex && key.Type == dns.CNAME:
		return ApexProtected, "a CNAME cannot stand at the apex of a zone; use addresses, or a target that can be an alias"
	}
	if s, ok := d.standing[key]; ok {
		return d.strange(s)
	}
	for _, set := range d.in.Sets(key.Name) {
		if !exclude(set.Key, key) || set.Key == key {
			continue
		}
		if s, ok := d.standing[set.Key]; ok && s.ours && len(set.Opaque()) == 0 {
			continue
		}
		return NotOwned, fmt.Sprintf("%s stands at the same name, excludes it, and is not ours; delete it, or ask for another name", set.Key)
	}
	return d.claimObstacle(key)
}

// strange returns why a standing set may not be changed.
func (d *decision) strange(s standing) (Reason, string) {
	switch {
	case len(s.set.Opaque()) > 0:
		return NotSupported, fmt.Sprintf("the record set uses %s, which Signpost never changes", strings.Join(s.set.Opaque(), ", "))
	case s.ours:
		return "", ""
	case len(s.claims) > 0:
		return NotOwned, fmt.Sprintf("the record set belongs to owner %q (claim %s), and we are %q",
			s.claims[0].Claim.Owner, s.claims[0].Set.Name.Host(), d.rules.Owner)
	default:
		return NotOwned, "the record set exists and nobody claims it; delete it by hand, and it will be made anew"
	}
}

// claimObstacle returns why a set that does not exist yet cannot be claimed.
func (d *decision) claimObstacle(key dns.Key) (Reason, string) {
	if d.rules.Claims == nil {
		return "", ""
	}
	at, err := d.rules.Claims.Name(key, d.in.Zone.Name)
	if err != nil {
		return ClaimTaken, fmt.Sprintf("no claim can be written for it: %v", err)
	}
	for _, set := range d.in.Sets(at) {
		c, isClaim := readClaim(set)
		switch {
		case set.Type == dns.CNAME:
			return ClaimTaken, fmt.Sprintf("its claim belongs at %s, where a CNAME stands; use another --txt-prefix, or remove the CNAME", at.Host())
		case set.Type != dns.TXT || set.SetID != key.SetID:
		case !isClaim:
			return ClaimTaken, fmt.Sprintf("its claim belongs at %s, where another TXT stands; use another --txt-prefix, or remove the TXT", at.Host())
		case c.Owner != d.rules.Owner:
			return NotOwned, fmt.Sprintf("owner %q claims it (%s), and we are %q", c.Owner, at.Host(), d.rules.Owner)
		}
	}
	for key, want := range d.wanted {
		if key.Name == at && key.Type == dns.CNAME && !want.refused {
			return ClaimTaken, fmt.Sprintf("its claim belongs at %s, where a CNAME is wanted; use another --txt-prefix", at.Host())
		}
	}
	return "", ""
}

// write makes the zone hold what is wanted at key.
func (d *decision) write(key dns.Key, want *desired) {
	old, stands := d.standing[key]
	switch {
	case stands && old.set.Equal(want.set):
		d.need(key, want, false)
	case stands && d.rules.Policy == CreateOnly:
		d.refuse(key, want.askers, PolicyForbids, "it differs from what is wanted, and --policy=create-only changes nothing that exists")
		d.keepClaims(old)
	case stands:
		d.changes = append(d.changes, dns.Change{Old: &old.set, New: &want.set})
		d.need(key, want, true)
	case d.rules.Policy == CreateOnly && d.displaces(key):
		d.refuse(key, want.askers, PolicyForbids, "a record set of ours stands in its way, and --policy=create-only removes nothing")
		want.refused = true
	default:
		d.changes = append(d.changes, dns.Change{New: &want.set})
		d.need(key, want, true)
	}
}

func (d *decision) keepClaims(s standing) {
	for _, f := range s.claims {
		d.needed[f.Set.Key] = true
	}
}

// displaces reports whether a standing set must go for key to stand.
func (d *decision) displaces(key dns.Key) bool {
	for k := range d.standing {
		if k.Name == key.Name && exclude(k, key) {
			return true
		}
	}
	return false
}

// remove deletes a set of ours that nobody wants any more, as far as policy and
// knowledge allow.
func (d *decision) remove(key dns.Key, s standing) {
	if !s.ours || d.rules.Claims == nil {
		d.keepClaims(s)
		return
	}
	why, reason := d.stay(key, s)
	if reason != "" {
		d.keepClaims(s)
		d.refuse(key, nil, reason, why)
		return
	}
	d.removed[key] = true
	d.changes = append(d.changes, dns.Change{Old: &s.set})
}

// stay returns why an unwanted set of ours stays.
func (d *decision) stay(key dns.Key, s standing) (string, Reason) {
	if len(s.set.Opaque()) > 0 {
		return fmt.Sprintf("it uses %s, which Signpost never changes", strings.Join(s.set.Opaque(), ", ")), NotSupported
	}
	if d.in.Hold != nil {
		if why := d.in.Hold(s.resource()); why != "" {
			return why, Frozen
		}
	}
	if d.rules.Policy != Sync && !d.givesWay(key) {
		return fmt.Sprintf("nothing asks for it any more, and --policy=%s deletes nothing; --policy=sync would", d.rules.Policy), PolicyForbids
	}
	return "", ""
}

// givesWay reports whether the set at key must go because a wanted set takes
// its place.
func (d *decision) givesWay(key dns.Key) bool {
	for k, want := range d.wanted {
		if k.Name == key.Name && !want.refused && exclude(k, key) {
			return true
		}
	}
	return false
}
