package memory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
	"github.com/signpost-dns/signpost/internal/provider/providertest"
)

var zone = dns.Zone{ID: "Z1", Name: "example.com."}

func TestConformance(t *testing.T) {
	everything := dns.Traits{Routing: true, Atomic: true, MaxValues: 1000, MaxChars: 32000,
		Aliases: map[dns.Name]dns.AliasZone{"elb.example.net.": {ID: "ZLB"}}}
	for name, traits := range map[string]dns.Traits{"everything": everything, "plain": {Atomic: true}} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(*testing.T) (provider.Provider, dns.Zone) {
				inside := dns.Zone{ID: "Z0", Name: "example.com.", Private: true}
				p := memory.New(traits, zone, inside)
				odd := dns.RecordSet{Key: dns.Key{Name: "odd.example.com.", Type: dns.AAAA}, TTL: 5, Data: []string{"2001:db8::1"}}
				p.Put(zone, odd.WithListed(dns.Listed{Values: []string{"2001:DB8:0::1"}}))
				return p, zone
			})
		})
	}
}

// What the service cannot hold is rejected; the conformance script only skips it.
func TestTraitsBind(t *testing.T) {
	p := memory.New(dns.Traits{Atomic: true}, zone)
	routed := dns.RecordSet{Key: dns.Key{Name: "w.example.com.", Type: dns.A, SetID: "a"}, Data: []string{"192.0.2.1"}, Routing: dns.MultiValue{}}
	alias := dns.NewAlias(dns.Key{Name: "a.example.com.", Type: dns.A}, dns.Alias{Zone: "Z9", Target: "x.example.net."})
	opaque := dns.RecordSet{Key: dns.Key{Name: "o.example.com.", Type: dns.A}, Data: []string{"192.0.2.1"}}.
		WithOpaque(map[string]string{"TrafficPolicyInstanceId": "1"})
	p.Put(zone, opaque)
	soa := p.Sets(zone)[0]
	for what, change := range map[string]dns.Change{
		"routed": {New: &routed},
		"alias":  {New: &alias},
		"opaque": {Old: &opaque},
		"apex":   {Old: &soa},
	} {
		if err := p.Apply(t.Context(), zone, dns.Batch{{change}}); !errors.Is(err, provider.ErrRejected) {
			t.Errorf("%s: want ErrRejected, got %v", what, err)
		}
	}
}

func TestDeletionRepeatsTheListedSpelling(t *testing.T) {
	p := memory.New(dns.Traits{Atomic: true}, zone)
	set := dns.RecordSet{Key: dns.Key{Name: "x.example.com.", Type: dns.CNAME}, TTL: 5, Data: []string{"y.example.net."}}
	p.Put(zone, set.WithListed(dns.Listed{Values: []string{"Y.example.net"}}))
	if err := p.Apply(t.Context(), zone, dns.Batch{{{Old: &set}}}); !errors.Is(err, provider.ErrConflict) {
		t.Errorf("canonical spelling: want ErrConflict, got %v", err)
	}
	held, err := p.At(t.Context(), zone, []dns.Name{set.Name})
	if err != nil || len(held) != 1 {
		t.Fatalf("At: %v, %v", held, err)
	}
	if err := p.Apply(t.Context(), zone, dns.Batch{{{Old: &held[0]}}}); err != nil {
		t.Errorf("listed spelling: %v", err)
	}
}

func TestHooks(t *testing.T) {
	cut := errors.New("connection cut")
	set := dns.RecordSet{Key: dns.Key{Name: "x.example.com.", Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
	p := memory.New(dns.Traits{Atomic: true}, zone)
	fail := func(_ context.Context, c memory.Call) error {
		if c.Op != "Apply" {
			return nil
		}
		return cut
	}
	p.Before = fail
	if err := p.Apply(t.Context(), zone, dns.Batch{{{New: &set}}}); err != cut || len(p.Sets(zone)) != 2 {
		t.Errorf("Before: got %v, and the zone is\n%s", err, dns.Format(zone.Name, p.Sets(zone)))
	}
	p.Before, p.After = nil, fail
	if err := p.Apply(t.Context(), zone, dns.Batch{{{New: &set}}}); err != cut || len(p.Sets(zone)) != 3 {
		t.Errorf("After: got %v, and the zone is\n%s", err, dns.Format(zone.Name, p.Sets(zone)))
	}
	p.Remove(zone, set.Key)
	if n := len(p.Sets(zone)); n != 2 {
		t.Errorf("Remove: %d record sets are left, want 2", n)
	}
}

// A full zone takes no creation, and every deletion and update.
func TestMaxSets(t *testing.T) {
	p := memory.New(dns.Traits{Atomic: true}, zone)
	p.MaxSets = 3
	a := dns.RecordSet{Key: dns.Key{Name: "a.example.com.", Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
	b, a2 := a, a
	b.Name, a2.TTL = "b.example.com.", 6
	for _, step := range []struct {
		change dns.Change
		want   error
	}{
		{dns.Change{New: &a}, nil},
		{dns.Change{New: &b}, provider.ErrFull},
		{dns.Change{Old: &a, New: &a2}, nil},
		{dns.Change{Old: &a2}, nil},
		{dns.Change{New: &b}, nil},
	} {
		if err := p.Apply(t.Context(), zone, dns.Batch{{step.change}}); !errors.Is(err, step.want) {
			t.Errorf("%s %s: want %v, got %v", step.change.Action(), step.change.Key(), step.want, err)
		}
	}
}
