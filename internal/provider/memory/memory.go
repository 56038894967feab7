// Package memory is a DNS service without a network: zones in memory, as strict
// about what a zone may hold as a real service is. Tests of the engine run on
// it, and so can a dry exercise.
//
// It hides nothing but a map. Its invariant is that no zone ever holds what DNS
// or its [dns.Traits] forbid, except what [Provider.Put] put there, and that a
// batch happens as a whole or not at all. It may import dns and provider.
//
//	zone := dns.Zone{ID: "Z1", Name: "example.com."}
//	p := memory.New(dns.Traits{Routing: true, Atomic: true}, zone)
//	err := p.Apply(ctx, zone, dns.Batch{{{New: &www}}})
//	fmt.Print(dns.Format(zone.Name, p.Sets(zone)))
package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// PageSize is how many record sets a page holds unless [Provider.PageSize] says
// otherwise; Route 53 gives as many.
const PageSize = 300

// Provider is a DNS service in memory. Set its fields before the first call.
type Provider struct {
	// Before, where set, is asked before each call; its error is the answer and
	// nothing happens.
	Before func(context.Context, Call) error
	// After, where set, is asked when the call has been served; its error takes
	// the answer's place, as when a connection is cut after a write.
	After func(context.Context, Call) error
	// PageSize is how many record sets a page holds; 0 means the default.
	PageSize int
	// MaxSets is how many record sets a zone may hold; 0 is no limit.
	MaxSets int

	traits dns.Traits
	mu     sync.Mutex
	zones  map[string]*zone
}

// Call is one call of the interface.
type Call struct {
	Op    string // the method: "Zones", "Page", "At", "Apply", "Upsert"
	Zone  dns.Zone
	From  provider.Cursor // of Page
	Names []dns.Name      // of At
	Batch dns.Batch       // of Apply and Upsert
}

// zone holds the record sets of each owner name.
type zone struct {
	dns.Zone
	names map[dns.Name][]dns.RecordSet
}

// New returns a service that holds these zones, each with the SOA and NS of its
// apex, and that takes what the traits say.
func New(traits dns.Traits, zones ...dns.Zone) *Provider {
	p := &Provider{traits: traits, zones: map[string]*zone{}}
	for _, z := range zones {
		p.zones[z.ID] = &zone{Zone: z, names: map[dns.Name][]dns.RecordSet{}}
		p.Put(z,
			dns.RecordSet{Key: dns.Key{Name: z.Name, Type: dns.SOA}, TTL: 900,
				Data: []string{"ns1.invalid. hostmaster.invalid. 1 7200 900 1209600 86400"}},
			dns.RecordSet{Key: dns.Key{Name: z.Name, Type: dns.NS}, TTL: 172800, Data: []string{"ns1.invalid."}})
	}
	return p
}

// Put makes the zone hold these sets, listed spelling included, in place of
// those with the same keys, as another writer's change would. It checks nothing.
func (p *Provider) Put(z dns.Zone, sets ...dns.RecordSet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, set := range sets {
		names := p.zones[z.ID].names
		names[set.Name] = append(without(names[set.Name], set.Key), set)
	}
}

// Remove takes the sets with these keys away, as another writer would.
func (p *Provider) Remove(z dns.Zone, keys ...dns.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range keys {
		names := p.zones[z.ID].names
		names[key.Name] = without(names[key.Name], key)
	}
}

// Sets returns all that the zone holds, sorted by key.
func (p *Provider) Sets(z dns.Zone) []dns.RecordSet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.zones[z.ID].sets()
}

func (z *zone) sets() []dns.RecordSet {
	var all []dns.RecordSet
	for _, sets := range z.names {
		all = append(all, sets...)
	}
	slices.SortFunc(all, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
	return all
}

// Traits implements [provider.Provider].
func (p *Provider) Traits() dns.Traits { return p.traits }

// Zones implements [provider.Provider]; it returns all zones.
func (p *Provider) Zones(ctx context.Context) ([]dns.Zone, error) {
	var out []dns.Zone
	err := p.serve(ctx, Call{Op: "Zones"}, func(*zone) error {
		for _, z := range p.zones {
			out = append(out, z.Zone)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b dns.Zone) int { return cmp.Or(a.Name.Compare(b.Name), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

// Page implements [provider.Provider]. Its cursors are the key of the page's
// first set.
func (p *Provider) Page(ctx context.Context, z dns.Zone, from provider.Cursor) ([]dns.RecordSet, provider.Cursor, error) {
	var sets []dns.RecordSet
	var next provider.Cursor
	err := p.serve(ctx, Call{Op: "Page", Zone: z, From: from}, func(z *zone) error {
		all := z.sets()
		if from != "" {
			first, err := parseCursor(from)
			if err != nil {
				return &provider.Error{Kind: provider.ErrRejected, Op: "Page", Zone: z.ID, Cause: err}
			}
			start, _ := slices.BinarySearchFunc(all, first, func(s dns.RecordSet, k dns.Key) int { return s.Key.Compare(k) })
			all = all[start:]
		}
		end := min(cmp.Or(p.PageSize, PageSize), len(all))
		sets = all[:end]
		if end < len(all) {
			next = cursor(all[end].Key)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return sets, next, nil
}

// cursor is the key in one text. The identifier stands last, since only it may
// hold a blank.
func cursor(k dns.Key) provider.Cursor {
	return provider.Cursor(string(k.Name) + " " + string(k.Type) + " " + k.SetID)
}

func parseCursor(c provider.Cursor) (dns.Key, error) {
	parts := strings.SplitN(string(c), " ", 3)
	if len(parts) != 3 {
		return dns.Key{}, fmt.Errorf("cursor %q: want NAME TYPE IDENTIFIER", c)
	}
	return dns.Key{Name: dns.Name(parts[0]), Type: dns.Type(parts[1]), SetID: parts[2]}, nil
}

// Passed implements [provider.Provider].
func (p *Provider) Passed(c provider.Cursor, name dns.Name) bool {
	next, err := parseCursor(c)
	return err == nil && name.Compare(next.Name) < 0
}

// At implements [provider.Provider].
func (p *Provider) At(ctx context.Context, z dns.Zone, names []dns.Name) ([]dns.RecordSet, error) {
	var out []dns.RecordSet
	err := p.serve(ctx, Call{Op: "At", Zone: z, Names: names}, func(z *zone) error {
		wanted := slices.Clone(names)
		slices.Sort(wanted)
		for _, name := range slices.Compact(wanted) {
			out = append(out, z.names[name]...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
	return out, nil
}

// Apply implements [provider.Provider]. A batch happens as a whole or not at
// all, whatever the traits say.
func (p *Provider) Apply(ctx context.Context, z dns.Zone, batch dns.Batch) error {
	return p.serve(ctx, Call{Op: "Apply", Zone: z, Batch: batch}, func(z *zone) error {
		return z.apply(p.traits, p.MaxSets, batch)
	})
}

// Upsert implements [provider.Provider].
func (p *Provider) Upsert(ctx context.Context, z dns.Zone, batch dns.Batch) error {
	var bad []provider.GroupError
	for i, group := range batch {
		for _, c := range group {
			if c.Action() == dns.Delete {
				bad = append(bad, provider.GroupError{Group: i, Kind: provider.ErrRejected, Message: c.Key().String() + ": is to be deleted"})
			}
		}
	}
	if len(bad) > 0 {
		return &provider.Error{Kind: provider.ErrRejected, Op: "Upsert", Zone: z.ID, Groups: bad, Cause: errDeletion}
	}
	return p.serve(ctx, Call{Op: "Upsert", Zone: z, Batch: batch}, func(z *zone) error {
		if writes := z.upserts(batch); len(writes) > 0 {
			return z.apply(p.traits, p.MaxSets, writes)
		}
		return nil
	})
}

var errDeletion = errors.New("an upsert deletes nothing")

var errNoSuchZone = errors.New("there is no such zone")

// serve runs one call between its hooks. The hooks run without the lock, so
// that they may look at the provider, or wait.
func (p *Provider) serve(ctx context.Context, call Call, act func(*zone) error) error {
	ctx, done, err := provider.Begin(ctx, call.Zone.ID)
	if err != nil {
		return err
	}
	err = p.answer(ctx, call, act)
	done(err)
	return err
}

func (p *Provider) answer(ctx context.Context, call Call, act func(*zone) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.Before != nil {
		if err := p.Before(ctx, call); err != nil {
			return err
		}
	}
	err := p.locked(call, act)
	if p.After != nil {
		if after := p.After(ctx, call); after != nil {
			return after
		}
	}
	return err
}

func (p *Provider) locked(call Call, act func(*zone) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	z := p.zones[call.Zone.ID]
	if z == nil && call.Op != "Zones" {
		return &provider.Error{Kind: provider.ErrDenied, Op: call.Op, Zone: call.Zone.ID, Cause: errNoSuchZone}
	}
	return act(z)
}

func without(sets []dns.RecordSet, key dns.Key) []dns.RecordSet {
	return slices.DeleteFunc(slices.Clone(sets), func(s dns.RecordSet) bool { return s.Key == key })
}
