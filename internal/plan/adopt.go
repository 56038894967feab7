package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// adopt makes a set that nobody claims ours, if that is asked for and the set is
// as it is wanted, or if it has lost its claim: half of what an object wants at
// a name, as it wants it, while our claim of the other half names the object.
// Nothing is adopted where a TXT in the zone may be somebody's claim of it.
func (d *decision) adopt(s *standing) {
	if s.ours || len(s.claims) > 0 || len(s.set.Opaque()) > 0 || !d.Filter.Match(s.set.Name) {
		return
	}
	asked, fits := false, false
	for _, w := range d.wants(s.set.Name) {
		sets, _ := d.resolve(w)
		for _, set := range sets {
			if set.Key != s.set.Key {
				continue
			}
			mates := w.Mate && slices.ContainsFunc(d.sets(s.set.Name), isMate)
			asks := d.Adopt || w.Adopt || mates
			asked = asked || asks
			fits = fits || asks && alike(set, s.set) || mates && someOf(s.set, set) || set.Equal(s.set) && d.hasOther(s, w.By)
		}
	}
	switch {
	case fits:
		s.unadopted = d.doubt(s.set.Name)
		s.ours = s.unadopted == ""
	case asked:
		s.unadopted = "it would be claimed, but differs from what is wanted; make both agree, or delete it by hand, and it will be made anew"
	}
}

func isMate(set dns.RecordSet) bool {
	_, ok := claim.Mate(set)
	return ok
}

// someOf reports whether a set holds some values of another, whatever its TTL:
// of a load balancer's addresses Mate took the first.
func someOf(set, whole dns.RecordSet) bool {
	set.TTL = whole.TTL
	return partOf(set, whole)
}

// alike reports whether a set answers as another does, whatever its TTL and
// whether an alias evaluates health.
func alike(a, b dns.RecordSet) bool {
	a.TTL = b.TTL
	if a.Alias != nil && b.Alias != nil {
		alias := *a.Alias
		alias.EvaluateHealth = b.Alias.EvaluateHealth
		a.Alias = &alias
	}
	return a.Equal(b)
}

// hasOther reports whether another set at the same name is ours by a claim that
// names an object.
func (d *decision) hasOther(s *standing, by Object) bool {
	for key, other := range d.standing {
		if other != s && key.Name == s.set.Name && key.SetID == s.set.SetID && other.names(by) {
			return true
		}
	}
	return false
}

// doubt returns why a set without a claim may be somebody's all the same: the
// zone is not known as a whole, or a TXT set whose name contains the host is a
// claim of somebody else, or one that we cannot read. "" if nothing says so.
func (d *decision) doubt(name dns.Name) string {
	const unread = "it will be claimed when the zone has been read as a whole"
	if d.All == nil {
		return unread
	}
	sets := d.All()
	if sets == nil {
		return unread
	}
	var doubts []dns.Name
	for set := range sets {
		if set.Type == dns.TXT && contains(set.Name, name) && d.strange(set) {
			doubts = append(doubts, set.Name)
		}
	}
	if doubts == nil {
		return ""
	}
	slices.SortFunc(doubts, dns.Name.Compare)
	return fmt.Sprintf("it would be claimed, but the TXT at %s may be somebody's claim of it; see whose it is, and delete that TXT by hand if it is nobody's",
		doubts[0].Host())
}

// contains reports whether a name could be made of a host by affixes around its
// first label.
func contains(name, host dns.Name) bool {
	label, rest := host.Cut()
	if !name.Within(rest) {
		return false
	}
	return strings.Contains(strings.TrimSuffix(string(name), string(rest)), label)
}

// strange reports whether a TXT set holds a claim of somebody else, or one that
// we cannot read, or that speaks of nothing which the zone holds.
func (d *decision) strange(txt dns.RecordSet) bool {
	for _, value := range txt.Data {
		c, ok := claim.Parse(value)
		switch {
		case !ok && claim.Unreadable(value), ok && c.Owner != d.Owner:
			return true
		case ok && !slices.ContainsFunc(d.Claims.Reads(txt.Name, d.Zone.Name), func(r claim.Reading) bool {
			return slices.ContainsFunc(d.Sets(r.Name), func(s dns.RecordSet) bool {
				return !isClaim(s) && len(d.Claims.For([]dns.RecordSet{txt}, s, d.Zone.Name)) > 0
			})
		}):
			return true
		}
	}
	return false
}

// unclaimed says what to do about a set that stands in the way of a wanted one
// and that nobody claims.
func (s *standing) unclaimed(want dns.RecordSet) string {
	switch {
	case s.unadopted != "":
		return s.unadopted
	case alike(s.set, want):
		return `it is as wanted: claim it with "signpost adopt" or the annotation signpost.dev/adopt: "true", or delete it by hand, and it will be made anew`
	}
	return "delete it by hand, and it will be made anew"
}

// assertAdopted adds the sets that are adopted as they are, so that a zone which
// holds something else meanwhile refuses the batch.
func (d *decision) assertAdopted(in map[dns.Key]bool) {
	for _, key := range sortedKeys(d.standing) {
		s := d.standing[key]
		if want := d.wanted[key]; s.ours && len(s.claims) == 0 && !in[key] && want != nil && want.refused == "" {
			in[key] = true
			d.changes = append(d.changes, dns.Change{Old: &s.set, New: &s.set})
		}
	}
}

// onlyAdopt gives the group up if nothing is adopted by it, and what is refused
// for another reason than that a set is not ours.
func (d *decision) onlyAdopt() {
	d.refusals = slices.DeleteFunc(d.refusals, func(r Refusal) bool { return r.Reason != NotOwned || len(r.Objects) == 0 })
	if !slices.ContainsFunc(d.changes, func(c dns.Change) bool {
		s := d.standing[c.Key()]
		return s != nil && s.ours && len(s.claims) == 0 && c.New != nil
	}) {
		d.changes, d.going = nil, slices.DeleteFunc(d.going, func(k dns.Key) bool { return slices.Contains(d.names, k.Name) })
	}
}
