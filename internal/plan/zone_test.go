package plan_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
)

// strictZone is a zone that judges every single change in its turn, as Route
// 53 does.
type strictZone struct {
	dns.Zone
	sets map[dns.Key]dns.RecordSet
}

func newStrictZone(z dns.Zone, sets []dns.RecordSet) *strictZone {
	s := &strictZone{z, map[dns.Key]dns.RecordSet{}}
	for _, set := range sets {
		s.sets[set.Key] = set
	}
	return s
}

// clone copies the zone.
func (z *strictZone) clone() *strictZone { return &strictZone{z.Zone, maps.Clone(z.sets)} }

func (z *strictZone) all() []dns.RecordSet {
	return slices.SortedFunc(maps.Values(z.sets), func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
}

func (z *strictZone) at(name dns.Name) []dns.RecordSet {
	return slices.DeleteFunc(z.all(), func(s dns.RecordSet) bool { return s.Name != name })
}

// apply makes the changes of a batch, in each group every Old before the first
// New, or returns the first reason why one cannot be made.
func (z *strictZone) apply(batch dns.Batch) error {
	taken, made := map[dns.Key]bool{}, map[dns.Key]bool{}
	for _, g := range batch {
		for _, c := range g {
			if c.Old == nil {
				continue
			}
			have, ok := z.sets[c.Old.Key]
			switch {
			case taken[c.Key()]:
				return fmt.Errorf("%s: taken away twice in one batch", c.Key())
			case !ok:
				return fmt.Errorf("%s: is not there", c.Key())
			case !have.Equal(*c.Old) || !reflect.DeepEqual(have.Listed(), c.Old.Listed()):
				return fmt.Errorf("%s: differs from\n%s", c.Key(), c.Old)
			case len(c.Old.Opaque()) > 0:
				return fmt.Errorf("%s: is opaque", c.Key())
			}
			taken[c.Key()] = true
			delete(z.sets, c.Old.Key)
		}
		for _, c := range g {
			if c.New == nil {
				continue
			}
			if made[c.Key()] {
				return fmt.Errorf("%s: made twice in one batch", c.Key())
			}
			made[c.Key()] = true
			if err := z.add(*c.New); err != nil {
				return err
			}
		}
	}
	for _, g := range batch {
		for _, c := range g {
			if c.New != nil {
				if err := z.oneTTL(*c.New); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// oneTTL holds that the weighted sets of a name and type have one TTL, aliases
// aside, which have none.
func (z *strictZone) oneTTL(set dns.RecordSet) error {
	for _, other := range z.sets {
		if policy(set) == "weighted" && set.Alias == nil && other.Alias == nil && other.Name == set.Name && other.Type == set.Type && other.TTL != set.TTL {
			return fmt.Errorf("%s: another TTL than that of %s", set.Key, other.Key)
		}
	}
	return nil
}

func (z *strictZone) add(set dns.RecordSet) error {
	if !set.Name.Within(z.Name) || set.Type == dns.CNAME && set.Name == z.Name {
		return fmt.Errorf("%s: cannot stand there", set.Key)
	}
	if (set.SetID == "") != (set.Routing == nil) || (set.Alias == nil) == (len(set.Data) == 0) || set.Type == dns.CNAME && len(set.Data) > 1 {
		return fmt.Errorf("%s: is malformed", set.Key)
	}
	for _, other := range z.sets {
		if other.Name != set.Name {
			continue
		}
		switch {
		case other.Key == set.Key:
			return fmt.Errorf("%s: stands already", set.Key)
		case other.Type != set.Type && (other.Type == dns.CNAME || set.Type == dns.CNAME):
			return fmt.Errorf("%s: a CNAME beside %s", set.Key, other.Key)
		case other.Type == set.Type && policy(other) != policy(set):
			return fmt.Errorf("%s: another policy than that of %s", set.Key, other.Key)
		case other.Type == set.Type && dns.SamePlace(set.Routing, other.Routing):
			return fmt.Errorf("%s: for the same case as %s", set.Key, other.Key)
		}
	}
	if set.Alias != nil && set.Alias.Zone == z.ID {
		if !slices.ContainsFunc(z.at(set.Alias.Target), func(s dns.RecordSet) bool { return s.Type == set.Type }) {
			return fmt.Errorf("%s: the alias target %s is not there", set.Key, set.Alias.Target)
		}
	}
	z.sets[set.Key] = set
	return nil
}

func policy(set dns.RecordSet) string {
	if set.Routing == nil {
		return ""
	}
	return set.Routing.Policy()
}
