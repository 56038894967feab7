package zone

import (
	"context"
	"slices"
	"sync"

	"github.com/signpost-dns/signpost/internal/provider"
)

// Governors keeps the calls to several accounts each within its own rate. It has
// a [Governor] for each account whose name requests carry (see
// [provider.AccountOf]), made when the first one comes.
type Governors struct {
	config GovernorConfig

	mu sync.Mutex
	by map[string]*Governor
}

// NewGovernors returns governors that are all made alike.
func NewGovernors(c GovernorConfig) *Governors {
	return &Governors{config: c, by: map[string]*Governor{}}
}

// Wait is [Governor.Wait] of the account to which the request goes.
func (g *Governors) Wait(ctx context.Context, p Priority, zoneID string) (Turn, error) {
	return g.of(provider.AccountOf(ctx)).Wait(ctx, p, zoneID)
}

func (g *Governors) of(account string) *Governor {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by[account] == nil {
		g.by[account] = NewGovernor(g.config)
	}
	return g.by[account]
}

// Stats returns the figures of all accounts together: sums, but for Burst, which
// they share.
func (g *Governors) Stats() GovernorStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sum GovernorStats
	for _, one := range g.by {
		s := one.Stats()
		sum.Burst = s.Burst
		sum.Limit, sum.Rate, sum.Tokens = sum.Limit+s.Limit, sum.Rate+s.Rate, sum.Tokens+s.Tokens
		sum.BusyZones = append(sum.BusyZones, s.BusyZones...)
		sum.Throttled, sum.Busy = sum.Throttled+s.Throttled, sum.Busy+s.Busy
		for p := range s.Calls {
			sum.Calls[p] += s.Calls[p]
			sum.Waits[p] += s.Waits[p]
			sum.Waited[p] += s.Waited[p]
			sum.Waiting[p] += s.Waiting[p]
		}
	}
	slices.Sort(sum.BusyZones)
	return sum
}
