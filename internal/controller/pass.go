package controller

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/zone"
)

// pass reads the zones and brings every name up to date, once.
func (c *Controller) pass(ctx context.Context) (Report, error) {
	c.Metrics.lastReconcile.Set(seconds(time.Now()))
	names := unite(slices.Collect(c.index.names()), nil)
	report := Report{Problems: c.ledger.report(), Unmanaged: c.unmanaged(names)}
	zones, err := zone.List(ctx, c.Provider, c.account, zone.Load, c.Log)
	if err == nil && len(zones) == 0 {
		err = &provider.Error{Kind: provider.ErrNoZone, Op: "list hosted zones", Hint: noZoneHint}
	}
	c.state.note("", err)
	if w, ok := c.Provider.(wisher); ok {
		c.ledger.wishes(w.Wishes())
	}
	if err != nil {
		c.reckon(ctx, "", err, false)
		return report, err
	}
	keepers, _ := c.keep(zones)
	errs := c.readAll(ctx, keepers)
	outcomes := map[string]zone.Outcome{}
	// What moves from a zone to one below it is made there first.
	slices.SortStableFunc(keepers, func(a, b *keeper) int {
		return cmp.Compare(strings.Count(string(b.zone.Name), "."), strings.Count(string(a.zone.Name), "."))
	})
	for _, k := range keepers {
		if !k.worker.Whole() {
			continue
		}
		out, err := k.sync(ctx, unite(nil, k.all()), map[dns.Name]time.Time{})
		outcomes[k.zone.ID] = out
		errs = append(errs, err)
	}
	for _, z := range zones {
		if out, ok := outcomes[z.ID]; ok {
			report.Zones = append(report.Zones, out)
		}
	}
	report.Unplaced = c.unplaced(unite(names, c.ledger.names("")))
	report.Holds = c.holds.all()
	err = errors.Join(errs...)
	if err == nil {
		c.passed(report)
	}
	return report, err
}

// readAll reads every zone, and decides between those of one name.
func (c *Controller) readAll(ctx context.Context, keepers []*keeper) (errs []error) {
	for _, k := range keepers {
		k.began = time.Now()
		if err := k.worker.Read(ctx); err != nil {
			k.trouble(ctx, err)
			errs = append(errs, err)
			continue
		}
		k.takeStock()
		k.round.Store(k.began.UnixNano())
	}
	for _, k := range keepers {
		c.choose(k)
	}
	return errs
}

// passed says that a pass went well.
func (c *Controller) passed(report Report) {
	c.Metrics.lastSync.Set(seconds(time.Now()))
	switch {
	case report.Changes() > 0:
		return
	case len(report.Holds) > 0:
		c.Log.Info("All records are already up to date, but for deletions that are held")
	case len(report.Unplaced) > 0:
		c.Log.Info("All records are already up to date, there are no changes for the matching hosted zones")
	default:
		c.Log.Info("All records are already up to date")
	}
	c.Metrics.noOps.Inc()
}
