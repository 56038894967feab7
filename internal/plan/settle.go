package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
)

// desired is a record set on which objects agree.
type desired struct {
	set     dns.RecordSet
	askers  []Object // the one whose claim it is first
	refused Reason   // why it is not possible, and what stands stays; "" if it is
	unmoved bool     // its claim stays where it lies, though it should move
}

// offer is what one object wants at one name.
type offer struct {
	by    Object
	sets  []dns.RecordSet
	holds map[dns.Key]bool // what is his there
	rank  rank             // by the best that he holds
}

type rank int

const (
	nothing rank = iota
	awaited      // what is gone, and its claim still names him
	present      // what stands
)

// settle brings the offers for one name to one set a key. Objects that want the
// same agree, and sets unite as ExternalDNS unites them: those of Services
// always, those of one other kind if their TTL is the same, and PTR sets of all
// kinds, with the lowest TTL: many hosts have one address.
//
// Of objects that contradict each other at any type the present holder wins,
// then the oldest, then the first by namespace and name. The loser keeps what
// he holds himself and gets nothing new at this name, so that no name comes to
// point half here and half there by a contest. Two that share a name by agreement
// keep their halves when one of them comes to want the other's.
func settle(name dns.Name, offers []offer) (map[dns.Key]*desired, []Refusal) {
	slices.SortFunc(offers, func(a, b offer) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), a.by.older(b.by))
	})
	accepted := map[dns.Key]*desired{}
	for i := range offers {
		o := &offers[i]
		o.sets = slices.DeleteFunc(o.sets, func(set dns.RecordSet) bool {
			if !o.holds[set.Key] {
				return false
			}
			_, _, clash := contradiction(accepted, o.by, []dns.RecordSet{set})
			if !clash {
				accept(accepted, o.by, set)
			}
			return !clash
		})
	}
	var refusals []Refusal
	for _, o := range offers {
		if key, winner, clash := contradiction(accepted, o.by, o.sets); clash {
			message := fmt.Sprintf("%s holds %s with something else; ask for another name, or make both agree", winner.Resource(), name.Host())
			if d := accepted[key]; d != nil && key.SetID != "" {
				message = fmt.Sprintf("%s holds the set identifier %q at %s; give each object one of its own", winner.Resource(), key.SetID, name.Host())
			}
			refusals = append(refusals, Refusal{Key: key, Objects: []Object{o.by, winner}, Reason: Conflict, Message: message})
			continue
		}
		for _, set := range o.sets {
			accept(accepted, o.by, set)
		}
	}
	return accepted, refusals
}

func accept(accepted map[dns.Key]*desired, by Object, set dns.RecordSet) {
	d := accepted[set.Key]
	if d == nil {
		accepted[set.Key] = &desired{set: set, askers: []Object{by}}
		return
	}
	if !slices.Contains(d.askers, by) {
		d.askers = append(d.askers, by)
	}
	d.set.Data = union(d.set.Data, set.Data)
	if set.Type == dns.PTR {
		d.set.TTL = min(d.set.TTL, set.TTL)
	}
}

// contradiction returns the first of an object's sets that does not fit what is
// accepted, and who asked for that.
func contradiction(accepted map[dns.Key]*desired, by Object, sets []dns.RecordSet) (dns.Key, Object, bool) {
	keys := sortedKeys(accepted)
	for _, set := range sets {
		for _, key := range keys {
			d := accepted[key]
			if key == set.Key && !agree(d, by, set) || excludes(d.set, set) {
				return set.Key, d.askers[0], true
			}
		}
	}
	return dns.Key{}, Object{}, false
}

// excludes reports whether two sets of one name and different keys cannot stand
// beside each other: a CNAME beside anything (RFC 1034 section 3.6.2), a simple
// set beside routed ones, sets of two routing policies, and under one policy
// two sets for the same case.
func excludes(a, b dns.RecordSet) bool {
	switch {
	case a.Key == b.Key:
		return false
	case a.Type != b.Type:
		return a.Type == dns.CNAME || b.Type == dns.CNAME
	case a.Routing == nil || b.Routing == nil || a.Routing.Policy() != b.Routing.Policy():
		return true
	}
	return dns.SamePlace(a.Routing, b.Routing)
}

// agree reports whether an object's set is the accepted one or can unite with it.
func agree(d *desired, by Object, set dns.RecordSet) bool {
	same := set
	same.TTL = d.set.TTL
	if same.Equal(d.set) {
		return true
	}
	if !unites(set.Type) || set.Alias != nil || d.set.Alias != nil ||
		set.Routing != d.set.Routing || set.HealthCheckID != d.set.HealthCheckID {
		return false
	}
	kind := d.askers[0].Kind
	return set.Type == dns.PTR || by.Kind == kind && (kind == "service" || set.TTL == d.set.TTL)
}

// unites reports whether a set of the type may hold records of several objects.
func unites(t dns.Type) bool { return t != dns.CNAME && t != dns.DNAME }

// partOf reports whether a set is another, or holds some of its records.
func partOf(set, whole dns.RecordSet) bool {
	if unites(set.Type) && set.Alias == nil && !slices.ContainsFunc(set.Data, func(d string) bool { return !slices.Contains(whole.Data, d) }) {
		set.Data = whole.Data
	}
	return set.Equal(whole)
}

func union(a, b []string) []string {
	if slices.Equal(a, b) {
		return a
	}
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// offers resolves wants into what each object offers. Where an object
// contradicts itself the first want by key counts, so that addresses go before
// a CNAME.
func (p *planner) offers(wants []Want) ([]offer, []Refusal) {
	wants = slices.Clone(wants)
	slices.SortFunc(wants, func(a, b Want) int {
		return cmp.Or(a.By.older(b.By), a.Set.Key.Compare(b.Set.Key), cmp.Compare(a.Set.String(), b.Set.String()))
	})
	var offers []offer
	var refusals []Refusal
	var own map[dns.Key]*desired // what the object of the last offer wants so far
	for _, w := range wants {
		sets, refusal := p.resolve(w)
		if refusal != nil {
			refusals = append(refusals, *refusal)
			continue
		}
		if len(offers) == 0 || offers[len(offers)-1].by.Resource() != w.By.Resource() {
			own = map[dns.Key]*desired{}
			offers = append(offers, offer{by: w.By, holds: map[dns.Key]bool{}})
		}
		o := &offers[len(offers)-1]
		if _, _, clash := contradiction(own, w.By, sets); clash {
			refusals = append(refusals, Refusal{Key: w.Set.Key, Objects: []Object{w.By}, Reason: Conflict,
				Message: "the object asks for something else at the same name too; make it ask for one thing"})
			continue
		}
		for _, set := range sets {
			accept(own, w.By, set)
		}
		o.sets = o.sets[:0]
		for _, key := range sortedKeys(own) {
			o.sets = append(o.sets, own[key].set)
		}
	}
	return offers, refusals
}
