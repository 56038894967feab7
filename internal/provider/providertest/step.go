package providertest

import (
	"reflect"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
)

// step is one thing that happens to the zone.
type step struct {
	says  string
	needs need
	// zone is the state that one batch brings about from the state before.
	zone string
	// groups, where given, is the batch instead. If fails is set too it is
	// refused with that kind, naming these groups, and the zone stays.
	groups []group
	fails  error
	named  []int
}

// group is a group by what it takes away and what it brings; where both hold
// one key, that is one change.
type group struct{ old, new string }

// need returns why a service cannot take a step, or "".
type need func(dns.Traits) string

func aliases(t dns.Traits) string {
	if t.Aliases == nil {
		return "the service has no aliases"
	}
	return ""
}

func routing(t dns.Traits) string {
	if !t.Routing {
		return "the service has no routing policies"
	}
	return ""
}

func atomic(t dns.Traits) string {
	if !t.Atomic {
		return "the service's batches are not atomic"
	}
	return ""
}

func (w *world) step(t *testing.T, s step) {
	if s.needs != nil {
		if reason := s.needs(w.p.Traits()); reason != "" {
			t.Skip(reason)
		}
	}
	if s.groups == nil {
		w.becomes(t, w.parse(t, s.zone))
		return
	}
	batch := w.batch(t, s.groups)
	if s.fails != nil {
		w.refused(t, batch, s.fails, s.named)
		return
	}
	w.apply(t, batch)
	w.is(t, w.parse(t, s.zone))
}

// batch reads the groups. What they take away is taken as it was listed, if the
// zone holds it.
func (w *world) batch(t *testing.T, groups []group) dns.Batch {
	have := w.readPages(t, w.zone)
	var batch dns.Batch
	for _, g := range groups {
		old, new := w.parse(t, g.old), w.parse(t, g.new)
		var changes dns.Group
		for _, set := range old {
			if held := find(have, set.Key); held != nil && held.Equal(set) {
				set = *held
			}
			changes = append(changes, dns.Change{Old: &set, New: find(new, set.Key)})
		}
		for _, set := range new {
			if find(old, set.Key) == nil {
				changes = append(changes, dns.Change{New: &set})
			}
		}
		batch = append(batch, changes)
	}
	return batch
}

// given asserts what the new zone holds, and deletes it as it was listed.
func (w *world) given(t *testing.T) {
	apex, err := w.p.At(t.Context(), w.zone, []dns.Name{w.zone.Name})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []dns.Type{dns.SOA, dns.NS} {
		if find(apex, dns.Key{Name: w.zone.Name, Type: kind}) == nil {
			t.Errorf("the apex lists no %s", kind)
		}
	}
	before := w.read(t)
	var asserts dns.Group
	for _, set := range before {
		asserts = append(asserts, dns.Change{Old: &set, New: &set})
	}
	if len(asserts) > 0 {
		w.apply(t, dns.Batch{asserts})
	}
	after := w.read(t)
	for i, set := range after {
		if !set.Equal(before[i]) || !reflect.DeepEqual(set.Listed(), before[i].Listed()) {
			t.Errorf("an assertion changed %s from %+v to %+v", set.Key, before[i], set)
		}
	}
	w.becomes(t, nil)
}
