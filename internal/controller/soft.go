package controller

import (
	"context"
	"fmt"
	"sync"

	"github.com/signpost-dns/signpost/internal/provider"
)

// soft counts what failed since all was well, of all keepers together.
type soft struct {
	mu      sync.Mutex
	errors  int
	failing map[string]bool // by zone ID; "": the list of zones
}

// reckon says that something failed in a zone, or that all is well again: a zone
// is well when nothing is owed to it.
func (c *Controller) reckon(ctx context.Context, zone string, err error, well bool) {
	if ctx.Err() != nil {
		return
	}
	s := &c.soft
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing == nil {
		s.failing = map[string]bool{}
	}
	switch {
	case err != nil:
		s.errors++
		s.failing[zone] = true
		var attrs []any
		if hint := provider.Hint(err); hint != "" {
			attrs = append(attrs, "hint", hint)
		}
		c.Log.Error(fmt.Sprintf("Failed to do run once: %v (consecutive soft errors: %d)", err, s.errors), attrs...)
	case well:
		delete(s.failing, zone)
		if s.errors > 0 && len(s.failing) == 0 {
			c.Log.Info(fmt.Sprintf("Reconciliation succeeded after %d consecutive soft errors", s.errors))
			s.errors = 0
		}
	}
	c.Metrics.softErrors.Set(float64(s.errors))
}

// absolve forgets what failed in a zone that is gone.
func (c *Controller) absolve(ctx context.Context, zone string) { c.reckon(ctx, zone, nil, true) }

// forgive forgets all that failed.
func (c *Controller) forgive() {
	c.soft.mu.Lock()
	defer c.soft.mu.Unlock()
	c.soft.errors, c.soft.failing = 0, nil
	c.Metrics.softErrors.Set(0)
}
