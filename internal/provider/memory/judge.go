package memory

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// verdict is why a change cannot be: kind is one of the provider's kinds.
type verdict struct {
	kind    error
	message string
}

func conflict(format string, args ...any) *verdict {
	return &verdict{provider.ErrConflict, fmt.Sprintf(format, args...)}
}

func rejected(format string, args ...any) *verdict {
	return &verdict{provider.ErrRejected, fmt.Sprintf(format, args...)}
}

// trial is a zone with changes that have not happened yet. A group has its own
// trial on top of the batch's, so that a bad group leaves nothing behind for
// those that are judged after it.
type trial struct {
	zone   dns.Zone
	traits dns.Traits
	under  func(dns.Name) []dns.RecordSet
	names  map[dns.Name][]dns.RecordSet
}

func (t *trial) at(name dns.Name) []dns.RecordSet {
	if sets, ok := t.names[name]; ok {
		return sets
	}
	return t.under(name)
}

func (t *trial) find(key dns.Key) (dns.RecordSet, bool) {
	sets := t.at(key.Name)
	i := slices.IndexFunc(sets, func(s dns.RecordSet) bool { return s.Key == key })
	if i < 0 {
		return dns.RecordSet{}, false
	}
	return sets[i], true
}

func (z *zone) apply(traits dns.Traits, limit int, batch dns.Batch) error {
	if err := z.fits(traits, batch); err != nil {
		return err
	}
	whole := &trial{zone: z.Zone, traits: traits, names: map[dns.Name][]dns.RecordSet{},
		under: func(n dns.Name) []dns.RecordSet { return z.names[n] }}
	var bad []provider.GroupError
	seen := map[dns.Key]bool{}
	for i, group := range batch {
		part := &trial{zone: z.Zone, traits: traits, names: map[dns.Name][]dns.RecordSet{}, under: whole.at}
		if v := part.group(group, seen); v != nil {
			bad = append(bad, provider.GroupError{Group: i, Kind: v.kind, Message: v.message})
			continue
		}
		maps.Copy(whole.names, part.names)
	}
	if len(bad) == 0 {
		if err := z.overfull(whole, limit); err != nil {
			return err
		}
		maps.Copy(z.names, whole.names)
		return nil
	}
	kind := provider.ErrConflict
	var words []string
	for _, b := range bad {
		words = append(words, b.Message)
		if b.Kind == provider.ErrRejected {
			kind = b.Kind
		}
	}
	return &provider.Error{Kind: kind, Op: "Apply", Zone: z.ID, Groups: bad, Cause: errors.New(strings.Join(words, "; "))}
}

// upserts returns the batch with whatever stands in the place of each Old, and
// without assertions.
func (z *zone) upserts(batch dns.Batch) dns.Batch {
	var out dns.Batch
	for _, group := range batch {
		var writes dns.Group
		for _, c := range group {
			if c.Action() == dns.Assert {
				continue
			}
			write := dns.Change{New: c.New}
			if c.Old != nil {
				for _, set := range z.names[c.New.Name] {
					if set.Key == c.New.Key {
						write.Old = &set
					}
				}
			}
			writes = append(writes, write)
		}
		if len(writes) > 0 {
			out = append(out, writes)
		}
	}
	return out
}

// overfull refuses a trial after which the zone would hold more sets than it may,
// and more than now.
func (z *zone) overfull(t *trial, limit int) error {
	if limit == 0 {
		return nil
	}
	now, grown := len(z.sets()), 0
	for name, sets := range t.names {
		grown += len(sets) - len(z.names[name])
	}
	if grown <= 0 || now+grown <= limit {
		return nil
	}
	return &provider.Error{Kind: provider.ErrFull, Op: "Apply", Zone: z.ID,
		Cause: fmt.Errorf("%d record sets exceed the zone's limit of %d", now+grown, limit)}
}

// fits holds the batch against the limits of the service.
func (z *zone) fits(traits dns.Traits, batch dns.Batch) error {
	values, chars := 0, 0
	for _, group := range batch {
		v, c := group.Size()
		values, chars = values+v, chars+c
	}
	var cause error
	switch {
	case values == 0:
		cause = errors.New("the batch is empty")
	case traits.MaxValues > 0 && values > traits.MaxValues:
		cause = fmt.Errorf("%d values exceed the limit of %d", values, traits.MaxValues)
	case traits.MaxChars > 0 && chars > traits.MaxChars:
		cause = fmt.Errorf("%d characters exceed the limit of %d", chars, traits.MaxChars)
	default:
		return nil
	}
	return &provider.Error{Kind: provider.ErrRejected, Op: "Apply", Zone: z.ID, Cause: cause}
}

// group makes the changes: every Old goes before the first New comes. Seen is
// the keys that the batch has changed so far.
func (t *trial) group(group dns.Group, seen map[dns.Key]bool) *verdict {
	for _, c := range group {
		if seen[c.Key()] {
			return rejected("%s: changed twice in one batch", c.Key())
		}
		seen[c.Key()] = true
		if v := t.remove(c.Old); v != nil {
			return v
		}
	}
	for _, c := range group {
		if v := t.add(c); v != nil {
			return v
		}
	}
	return nil
}

func (t *trial) remove(old *dns.RecordSet) *verdict {
	if old == nil {
		return nil
	}
	have, ok := t.find(old.Key)
	switch {
	case len(old.Opaque()) > 0:
		return rejected("%s: has fields that are not ours to change", old.Key)
	case old.Name == t.zone.Name && (old.Type == dns.SOA || old.Type == dns.NS):
		return rejected("%s: the zone needs it", old.Key)
	case !ok:
		return conflict("%s: cannot delete it, since it was not found", old.Key)
	case !have.Equal(*old) || !reflect.DeepEqual(have.Listed(), old.Listed()):
		return conflict("%s: cannot delete it, since it differs", old.Key)
	}
	t.names[old.Name] = without(t.at(old.Name), old.Key)
	return nil
}

func (t *trial) add(c dns.Change) *verdict {
	if c.New == nil {
		return nil
	}
	set := c.New.WithListed(dns.Listed{})
	if c.Action() == dns.Assert {
		set = *c.Old
	}
	if v := t.formed(set); v != nil {
		return v
	}
	if v := t.compatible(set); v != nil {
		return v
	}
	t.names[set.Name] = append(slices.Clone(t.at(set.Name)), set)
	return nil
}

// formed judges what can be said of a set without looking at the others.
func (t *trial) formed(set dns.RecordSet) *verdict {
	switch {
	case !set.Name.Within(t.zone.Name):
		return rejected("%s: lies outside of zone %s", set.Key, t.zone.Name)
	case len(set.Opaque()) > 0:
		return rejected("%s: has fields that are not ours to make", set.Key)
	case set.Type == dns.CNAME && set.Name == t.zone.Name:
		return rejected("%s: a CNAME cannot stand at the apex", set.Key)
	case set.Type == dns.CNAME && len(set.Data) > 1:
		return rejected("%s: a CNAME has one value", set.Key)
	case (set.Alias == nil) == (len(set.Data) == 0):
		return rejected("%s: wants values or else an alias", set.Key)
	case set.Alias != nil && t.traits.Aliases == nil:
		return rejected("%s: this service has no aliases", set.Key)
	case (set.Routing == nil) != (set.SetID == ""):
		return rejected("%s: an identifier and a routing policy go together", set.Key)
	case set.Routing != nil && !t.traits.Routing:
		return rejected("%s: this service has no routing policies", set.Key)
	}
	return nil
}

// compatible judges a set against those that stand when its turn comes.
func (t *trial) compatible(set dns.RecordSet) *verdict {
	for _, other := range t.at(set.Name) {
		switch {
		case other.Key == set.Key:
			return conflict("%s: cannot create it, since it already exists", set.Key)
		case other.Type != set.Type && (other.Type == dns.CNAME || set.Type == dns.CNAME):
			return conflict("%s: a CNAME stands alone, and there is %s", set.Key, other.Key)
		case other.Type == set.Type && policy(other) != policy(set):
			return conflict("%s: the policy of %s is another", set.Key, other.Key)
		}
	}
	if a := set.Alias; a != nil && a.Zone == t.zone.ID {
		same := func(s dns.RecordSet) bool { return s.Type == set.Type }
		if !slices.ContainsFunc(t.at(a.Target), same) {
			return rejected("%s: the alias target %s %s was not found", set.Key, a.Target.Host(), set.Type)
		}
	}
	return nil
}

func policy(set dns.RecordSet) string {
	if set.Routing == nil {
		return ""
	}
	return set.Routing.Policy()
}
