package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/zone"
)

// Report is what came of a pass.
type Report struct {
	Zones []zone.Outcome // in the order of the zones
	// Unplaced are the wanted names that no zone holds.
	Unplaced []plan.Refusal
	// Problems are the mistakes on objects, sorted by object.
	Problems []ObjectProblem
	// Holds are what waits for a person, in the order of the zones.
	Holds []Hold
}

// ObjectProblem is a mistake on an object.
type ObjectProblem struct {
	Object string // its resource label
	plan.Problem
}

// String returns the object's label, the reason and the message.
func (p ObjectProblem) String() string {
	return fmt.Sprintf("%s: %s: %s", p.Object, p.Reason, p.Message)
}

// Changes counts the record sets that the plans change, claims included.
func (r Report) Changes() int {
	total := 0
	for _, o := range r.Zones {
		n := o.Plan.Count()
		total += n.Create + n.Update + n.Delete
	}
	return total
}

// pass reads the zones and brings every name up to date.
func (c *Controller) pass(ctx context.Context) (Report, error) {
	c.Metrics.lastReconcile.Set(seconds(time.Now()))
	report := Report{Problems: c.ledger.report()}
	unread := c.readZones(ctx)
	errs := []error{unread}
	if unread == nil {
		wanted := c.placed()
		for _, z := range c.places.zones {
			w := c.workers[z.ID]
			if err := w.Read(ctx); err != nil {
				c.note(z.ID, err)
				unread = err
				errs = append(errs, err)
				continue
			}
			// What is told of or owed too, so that nothing of it stays for ever.
			more := append(c.ledger.names(z.ID), c.owed.names(z.ID)...)
			c.holds.guards[z.ID].Recount()
			out, err := c.sync(ctx, w, unite(w.Names(wanted[z.ID]), more))
			report.Zones = append(report.Zones, out)
			errs = append(errs, err)
		}
		report.Unplaced = c.unplaced(unite(slices.Collect(c.index.names()), c.ledger.names("")))
	}
	report.Holds = c.held()
	if unread != nil {
		c.blind++
	} else {
		c.blind = 0
		c.Metrics.measure(c.Rules, c.index, c.places, c.workers)
	}
	err := errors.Join(errs...)
	c.state.setZones(c.places.zones, err, c.troubles())
	if err == nil {
		c.passed(report)
	}
	return report, err
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

// noZoneHint is what to do about a provider that shows no zone.
const noZoneHint = "check --domain-filter, --zone-id-filter and --aws-zone-type against the zones of this account, " +
	"and that the credentials are those of the account that has them"

// wisher is a provider that can name what would help it and was not granted.
type wisher interface{ Wishes() []string }

// readZones lists the zones and has a worker for each.
func (c *Controller) readZones(ctx context.Context) error {
	zones, err := zone.List(ctx, c.Provider, c.account, c.Log)
	if err == nil && len(zones) == 0 {
		err = &provider.Error{Kind: provider.ErrNoZone, Op: "list hosted zones", Hint: noZoneHint}
	}
	c.note("", err)
	if w, ok := c.Provider.(wisher); ok {
		c.ledger.wishes(w.Wishes())
	}
	if err != nil || slices.Equal(zones, c.places.zones) {
		return err
	}
	domains := make([]string, 0, 2*len(zones))
	workers := map[string]*zone.Worker{}
	for _, z := range zones {
		domains = append(domains, z.Name.Host()+".", "."+z.Name.Host()+".")
		if workers[z.ID] = c.workers[z.ID]; workers[z.ID] == nil {
			workers[z.ID] = zone.NewWorker(z, c.Provider, c.account, c.Rules, c.Log)
		}
	}
	c.Log.Info("Applying provider record filter for domains: [" + strings.Join(domains, " ") + "]")
	c.places, c.workers = newPlaces(zones), workers
	c.guardZones(zones)
	known := func(id string) bool { return id == "" || workers[id] != nil }
	c.owed.keep(known)
	c.ledger.keep(known)
	maps.DeleteFunc(c.trouble, func(id string, _ error) bool { return !known(id) })
	return nil
}

// live brings the names that events have touched up to date, and those owed
// names whose time has come. A zone that has not been read waits for the pass
// that reads it.
func (c *Controller) live(ctx context.Context, touched []dns.Name) error {
	work := c.owed.due(time.Now())
	for id, names := range c.approved(ctx) {
		work[id] = append(work[id], names...)
	}
	for _, n := range touched {
		for _, z := range c.places.of(n) {
			c.owed.forget(z.ID, []dns.Name{n})
			work[z.ID] = append(work[z.ID], n)
		}
	}
	var errs []error
	for _, z := range c.places.zones {
		if w := c.workers[z.ID]; len(work[z.ID]) > 0 && w.Image() != nil {
			_, err := c.sync(ctx, w, unite(nil, work[z.ID]))
			errs = append(errs, err)
		}
	}
	if len(touched) > 0 && len(c.places.zones) > 0 {
		c.unplaced(touched)
	}
	if len(work) > 0 {
		c.state.setTrouble(c.troubles())
	}
	return errors.Join(errs...)
}

// manyErrors is how many refused changes of a zone an error names.
const manyErrors = 10

// sync brings names of one zone up to date and says what came of it. The error
// is all that was not done for another reason than the plan's.
func (c *Controller) sync(ctx context.Context, w *zone.Worker, names []dns.Name) (zone.Outcome, error) {
	z := w.Zone()
	wanted := c.wanted(z)
	wanted.Guard = &judge{Guard: c.holds.guards[z.ID], c: c, ctx: ctx, wanted: wanted.At}
	var out zone.Outcome
	if c.DryRun {
		var batches []dns.Batch
		out.Plan, batches = w.Plan(names, wanted)
		for _, b := range batches {
			w.Announce(b)
		}
	} else {
		out = w.Sync(ctx, names, wanted)
	}
	for _, change := range out.Applied {
		c.Metrics.changes.WithLabelValues(string(change.Action())).Inc()
	}
	out.Plan.Refusals = c.attributed(out.Plan.Refusals)
	refusals := append(c.rejections(out.Failed), out.Plan.Refusals...)
	errs := []error{out.Err}
	var failed []dns.Name
	for i, f := range out.Failed {
		failed = append(failed, f.Names...)
		if i < manyErrors {
			errs = append(errs, fmt.Errorf("change %s: %w", f.Group[0].Key(), f.Err))
		}
	}
	if more := len(out.Failed) - manyErrors; more > 0 {
		errs = append(errs, fmt.Errorf("%d more changes were refused", more))
	}
	told := names
	if out.Err != nil {
		failed = append(failed, names...)
		told = nil // what was not tried may still be refused
	}
	c.ledger.refusals(z.ID, told, refusals)
	c.owed.tried(time.Now(), z.ID, names, failed)
	c.follow(ctx, z, out.Plan.Refusals)
	c.note(z.ID, out.Err)
	return out, errors.Join(errs...)
}

// note keeps why something failed, or forgets it.
func (c *Controller) note(zone string, err error) {
	if err == nil {
		delete(c.trouble, zone)
		return
	}
	c.trouble[zone] = err
	c.Metrics.registryErrors.Inc()
}

func (c *Controller) troubles() error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(c.trouble)) {
		errs = append(errs, c.trouble[id])
	}
	return errors.Join(errs...)
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
