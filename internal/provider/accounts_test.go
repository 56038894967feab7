package provider_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
	"github.com/signpost-dns/signpost/internal/provider/providertest"
)

var (
	home = dns.Zone{ID: "Z1", Name: "example.com."}
	away = dns.Zone{ID: "Z2", Name: "example.org."}
	both = dns.Zone{ID: "Z3", Name: "example.net."}
)

func TestAccountsConform(t *testing.T) {
	providertest.Run(t, func(*testing.T) (provider.Provider, dns.Zone) {
		traits := dns.Traits{Routing: true, Atomic: true, MaxValues: 1000, MaxChars: 32000}
		joined := provider.Join(provider.Account{Name: "one", Provider: memory.New(traits, home)},
			provider.Account{Name: "two", Provider: memory.New(traits, away)})
		return joined, home
	})
}

// Each call goes to the account whose the zone is, and its pace is told which.
func TestAccountsKeepApart(t *testing.T) {
	one, two := memory.New(dns.Traits{Atomic: true}, home, both), memory.New(dns.Traits{Atomic: true}, away, both)
	joined := provider.Join(provider.Account{Name: "one", Provider: one}, provider.Account{Name: "two", Provider: two})
	var paced []string
	ctx := provider.WithPace(t.Context(), func(ctx context.Context, zone string) (context.Context, func(error), error) {
		paced = append(paced, provider.AccountOf(ctx)+" "+zone)
		return ctx, func(error) {}, nil
	})
	zones, err := joined.Zones(ctx)
	if err != nil || !slices.Equal(zones, []dns.Zone{home, both, away}) {
		t.Fatalf("got %v, %v", zones, err)
	}
	for _, z := range zones {
		set := dns.RecordSet{Key: dns.Key{Name: "www." + z.Name, Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
		later := set
		later.TTL = 6
		if err := joined.Apply(ctx, z, dns.Batch{{{New: &set}}}); err != nil {
			t.Errorf("%s: %v", z, err)
		}
		if err := joined.Upsert(ctx, z, dns.Batch{{{Old: &set, New: &later}}}); err != nil {
			t.Errorf("%s: %v", z, err)
		}
		at, err := joined.At(ctx, z, []dns.Name{set.Name})
		if err != nil || len(at) != 1 || !at[0].Equal(later) {
			t.Errorf("%s: got %v, %v", z, at, err)
		}
	}
	if n := len(two.Sets(both)); n != 2 {
		t.Errorf("the zone that both list was written to twice: %d sets", n)
	}
	want := []string{"one ", "two ", "one Z1", "one Z1", "one Z1", "one Z3", "one Z3", "one Z3", "two Z2", "two Z2", "two Z2"}
	if !slices.Equal(paced, want) {
		t.Errorf("paced %q, want %q", paced, want)
	}
}

// An account that cannot be listed hides no zone of another in silence.
func TestAccountsNameWhoFails(t *testing.T) {
	bad := memory.New(dns.Traits{Atomic: true}, away)
	cause := errors.New("out of order")
	bad.Before = func(context.Context, memory.Call) error { return cause }
	joined := provider.Join(provider.Account{Name: "one", Provider: memory.New(dns.Traits{Atomic: true}, home)}, provider.Account{Name: "two", Provider: bad})
	if zones, err := joined.Zones(t.Context()); !errors.Is(err, cause) || err.Error() != "profile two: out of order" {
		t.Errorf("got %v, %v", zones, err)
	}
}

// Once it has been listed, an account that cannot be keeps its zones, and hides
// no new one of another.
func TestAccountsKeepWhatWasListed(t *testing.T) {
	bad, cause := memory.New(dns.Traits{Atomic: true}, away), errors.New("out of order")
	shown := &shows{Provider: memory.New(dns.Traits{Atomic: true}, home, both), zones: []dns.Zone{home}}
	joined := provider.Join(provider.Account{Name: "two", Provider: bad}, provider.Account{Name: "one", Provider: shown})
	if zones, err := joined.Zones(t.Context()); err != nil || !slices.Equal(zones, []dns.Zone{home, away}) {
		t.Fatalf("got %v, %v", zones, err)
	}
	bad.Before = func(_ context.Context, c memory.Call) error {
		if c.Op == "Zones" {
			return cause
		}
		return nil
	}
	shown.zones = []dns.Zone{home, both}
	for range 2 {
		zones, err := joined.Zones(t.Context())
		if !slices.Equal(zones, []dns.Zone{home, both, away}) || !errors.Is(err, cause) || err.Error() != "profile two: out of order" {
			t.Errorf("got %v, %v", zones, err)
		}
	}
	set := dns.RecordSet{Key: dns.Key{Name: "www." + away.Name, Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
	if err := joined.Apply(t.Context(), away, dns.Batch{{{New: &set}}}); err != nil || !slices.ContainsFunc(bad.Sets(away), set.Equal) {
		t.Errorf("its zone is not written to any more: %v", err)
	}
	bad.Before, shown.zones = nil, []dns.Zone{both}
	if zones, err := joined.Zones(t.Context()); err != nil || !slices.Equal(zones, []dns.Zone{both, away}) {
		t.Errorf("got %v, %v", zones, err)
	}
}

// shows is a provider that shows some of its zones.
type shows struct {
	provider.Provider
	zones []dns.Zone
}

func (s *shows) Zones(context.Context) ([]dns.Zone, error) { return s.zones, nil }

// An account none of whose zones is chosen hides none of another's; that no
// account has one is told of each.
func TestAccountsWithoutAZone(t *testing.T) {
	none := memory.New(dns.Traits{Atomic: true})
	none.Before = func(context.Context, memory.Call) error {
		return &provider.Error{Kind: provider.ErrNoZone, Op: "Zones"}
	}
	joined := provider.Join(provider.Account{Name: "one", Provider: none}, provider.Account{Name: "two", Provider: memory.New(dns.Traits{Atomic: true}, home)})
	if zones, err := joined.Zones(t.Context()); err != nil || !slices.Equal(zones, []dns.Zone{home}) {
		t.Errorf("got %v, %v", zones, err)
	}
	joined = provider.Join(provider.Account{Name: "one", Provider: none}, provider.Account{Name: "two", Provider: none})
	if zones, err := joined.Zones(t.Context()); !errors.Is(err, provider.ErrNoZone) || !strings.Contains(err.Error(), "profile one") || !strings.Contains(err.Error(), "profile two") {
		t.Errorf("got %v, %v", zones, err)
	}
}
