package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// desired is a record set on which objects agree.
type desired struct {
	set     dns.RecordSet
	askers  []Object // the one whose claim it is first
	refused bool     // asked for, and not possible: what stands stays
}

// offer is what one object wants at one name.
type offer struct {
	by     Object
	holder bool // a claim in the zone names this object
	sets   []dns.RecordSet
}

// settle brings the wants for one name to one set a key. Objects that want the
// same agree, and address sets unite as ExternalDNS unites them: those of
// Services always, those of one other kind if their TTL is the same. Of
// objects that contradict each other at any type the present holder wins, then
// the oldest, then the first by namespace and name; the loser gets nothing at
// this name, so that no name points half here and half there.
func (r Rules) settle(name dns.Name, wants []Want, holds func(Object) bool) (map[dns.Key]*desired, []Refusal) {
	offers, refusals := r.offers(wants, holds)
	accepted := map[dns.Key]*desired{}
	for _, o := range offers {
		if key, winner, ok := contradiction(accepted, o); ok {
			refusals = append(refusals, Refusal{
				Key: key, Objects: []Object{o.by, winner}, Reason: Conflict,
				Message: fmt.Sprintf("%s holds %s with something else; ask for another name, or make both agree",
					winner.Resource(), name.Host()),
			})
			continue
		}
		for _, set := range o.sets {
			d, ok := accepted[set.Key]
			if !ok {
				accepted[set.Key] = &desired{set: set, askers: []Object{o.by}}
				continue
			}
			d.askers = append(d.askers, o.by)
			d.set.Data = union(d.set.Data, set.Data)
		}
	}
	return accepted, refusals
}

// offers resolves the wants of each object into record sets, in the order in
// which objects have precedence.
func (r Rules) offers(wants []Want, holds func(Object) bool) ([]offer, []Refusal) {
	byObject := map[string]*offer{}
	var refusals []Refusal
	for _, w := range wants {
		sets, refusal := r.resolve(w)
		if refusal != nil {
			refusals = append(refusals, *refusal)
			continue
		}
		id := w.By.Resource()
		if byObject[id] == nil {
			byObject[id] = &offer{by: w.By, holder: holds(w.By)}
		}
		byObject[id].sets = append(byObject[id].sets, sets...)
	}
	offers := make([]offer, 0, len(byObject))
	for _, o := range byObject {
		slices.SortFunc(o.sets, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
		offers = append(offers, *o)
	}
	slices.SortFunc(offers, func(a, b offer) int {
		if a.holder != b.holder {
			return cmp.Compare(rank(a.holder), rank(b.holder))
		}
		return a.by.older(b.by)
	})
	return offers, refusals
}

func rank(holder bool) int {
	if holder {
		return 0
	}
	return 1
}

// resolve turns a want into the record sets that the provider shall hold, of
// managed types only: a CNAME to a host name that the provider can alias
// becomes an A and an AAAA alias.
func (r Rules) resolve(w Want) ([]dns.RecordSet, *Refusal) {
	sets := []dns.RecordSet{w.Set}
	if w.Set.Type == dns.CNAME && w.Set.Alias == nil && len(w.Set.Data) > 0 {
		target := dns.Name(w.Set.Data[0])
		zone, ok := r.Traits.AliasZone(target)
		switch {
		case ok && !r.PreferCNAME && w.Alias == AliasAuto:
			sets = r.alias(w, zone, target)
		case len(w.Set.Data) > 1:
			return nil, &Refusal{Key: w.Set.Key, Objects: []Object{w.By}, Reason: NotSupported,
				Message: fmt.Sprintf("a CNAME has one target, and there are %d: %s", len(w.Set.Data), strings.Join(w.Set.Data, ", "))}
		}
	}
	sets = slices.DeleteFunc(sets, func(s dns.RecordSet) bool { return !r.managed(s.Type) })
	if w.Set.Routing != nil && !r.Traits.Routing {
		return nil, &Refusal{Key: w.Set.Key, Objects: []Object{w.By}, Reason: NotSupported,
			Message: fmt.Sprintf("this DNS service has no %s routing", w.Set.Routing.Policy())}
	}
	return sets, nil
}

func (r Rules) alias(w Want, zone dns.AliasZone, target dns.Name) []dns.RecordSet {
	health := r.EvaluateHealth
	if w.EvaluateHealth != nil {
		health = *w.EvaluateHealth
	}
	var sets []dns.RecordSet
	for _, t := range []dns.Type{dns.A, dns.AAAA} {
		set := w.Set
		set.Type, set.TTL, set.Data = t, 0, nil
		set.Alias = &dns.Alias{Zone: zone.ID, Target: target, EvaluateHealth: health && !zone.NoHealth}
		sets = append(sets, set)
	}
	return sets
}

// contradiction finds a key at which an offer does not fit what is accepted,
// and who stands there.
func contradiction(accepted map[dns.Key]*desired, o offer) (dns.Key, Object, bool) {
	keys := make([]dns.Key, 0, len(accepted))
	for k := range accepted {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, dns.Key.Compare)
	for _, set := range o.sets {
		for _, k := range keys {
			d := accepted[k]
			if k == set.Key && !agree(*d, o.by, set) || k != set.Key && exclude(k, set.Key) {
				return set.Key, d.askers[0], true
			}
		}
	}
	return dns.Key{}, Object{}, false
}

// exclude reports whether sets of two different keys of one name cannot stand
// beside each other: a CNAME beside anything (RFC 1034 section 3.6.2), a simple
// set beside routed ones.
func exclude(a, b dns.Key) bool {
	if a.Type != b.Type {
		return a.Type == dns.CNAME || b.Type == dns.CNAME
	}
	return (a.SetID == "") != (b.SetID == "")
}

// agree reports whether an object's set is the accepted one or can unite with it.
func agree(d desired, by Object, set dns.RecordSet) bool {
	same := set
	same.TTL = d.set.TTL
	if same.Equal(d.set) {
		return true
	}
	if !set.Type.Address() || set.Alias != nil || d.set.Alias != nil ||
		set.Routing != d.set.Routing || set.HealthCheckID != d.set.HealthCheckID {
		return false
	}
	kind := d.askers[0].Kind
	return by.Kind == kind && (kind == "service" || set.TTL == d.set.TTL)
}

func union(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}
