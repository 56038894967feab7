package zone

import (
	"context"
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Sealed returns a provider whose zones hold encrypted claims, and which are
// seen here in plain text: a claim's data is its text, and its listed spelling
// what the zone holds. A nil seal returns p itself.
func Sealed(p provider.Provider, seal *claim.Seal) provider.Provider {
	if seal == nil {
		return p
	}
	return &sealed{p, seal}
}

type sealed struct {
	provider.Provider
	seal *claim.Seal
}

// Page is part of [provider.Provider].
func (s *sealed) Page(ctx context.Context, z dns.Zone, from provider.Cursor) ([]dns.RecordSet, provider.Cursor, error) {
	sets, next, err := s.Provider.Page(ctx, z, from)
	return s.open(sets), next, err
}

// At is part of [provider.Provider].
func (s *sealed) At(ctx context.Context, z dns.Zone, names []dns.Name) ([]dns.RecordSet, error) {
	sets, err := s.Provider.At(ctx, z, names)
	return s.open(sets), err
}

func (s *sealed) open(sets []dns.RecordSet) []dns.RecordSet {
	sets = slices.Clone(sets)
	for i := range sets {
		sets[i] = s.seal.Open(sets[i])
	}
	return sets
}

// Apply is part of [provider.Provider].
func (s *sealed) Apply(ctx context.Context, z dns.Zone, batch dns.Batch) error {
	return s.Provider.Apply(ctx, z, s.close(batch))
}

// Upsert is part of [provider.Provider].
func (s *sealed) Upsert(ctx context.Context, z dns.Zone, batch dns.Batch) error {
	return s.Provider.Upsert(ctx, z, s.close(batch))
}

// close returns a batch as the service knows it: claims as they were listed, and
// new ones as they are written. Groups keep their places, by which errors name
// them.
func (s *sealed) close(batch dns.Batch) dns.Batch {
	out := make(dns.Batch, len(batch))
	for i, g := range batch {
		out[i] = make(dns.Group, len(g))
		for j, c := range g {
			asserts := c.Action() == dns.Assert
			if c.Old != nil {
				old := spelled(s.seal.Sealed(*c.Old))
				c.Old = &old
			}
			if asserts {
				c.New = c.Old
			} else if c.New != nil {
				written := spelled(s.seal.Sealed(*c.New))
				c.New = &written
			}
			out[i][j] = c
		}
	}
	return out
}

// spelled makes the listed spelling of a claim its data, where that is canonical:
// it is, but for values of others beside the claim.
func spelled(set dns.RecordSet) dns.RecordSet {
	listed := set.Listed()
	if set.Type != dns.TXT || listed.Values == nil {
		return set
	}
	for _, value := range listed.Values {
		if canonical, err := dns.Canonical(dns.TXT, value); err != nil || canonical != value {
			return set
		}
	}
	set.Data = slices.Sorted(slices.Values(listed.Values))
	listed.Values = nil
	return set.WithListed(listed)
}

// Wishes returns the permissions that would help, if the provider can name them.
func (s *sealed) Wishes() []string {
	if w, ok := s.Provider.(interface{ Wishes() []string }); ok {
		return w.Wishes()
	}
	return nil
}

// Warnings returns what the provider warns of, if it can.
func (s *sealed) Warnings() []string {
	if w, ok := s.Provider.(interface{ Warnings() []string }); ok {
		return w.Warnings()
	}
	return nil
}
