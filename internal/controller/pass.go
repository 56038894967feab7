package controller

import (
	"context"
	"errors"
	"fmt"
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

// errNoZone says that there is nothing to write to.
var errNoZone = errors.New("no hosted zone can be seen")

// NoZoneHint is what to do about a provider that shows no zone.
const noZoneHint = "check --domain-filter, --zone-id-filter and --aws-zone-type against the zones of this account, " +
	"and that the credentials are those of the account that has them"

// pass reads the zones and brings every name up to date.
func (c *Controller) pass(ctx context.Context) (Report, error) {
	c.Metrics.lastReconcile.Set(seconds(time.Now()))
	var report Report
	if err := c.readZones(ctx); err != nil {
		c.Metrics.registryErrors.Inc()
		c.state.setZones(nil, err)
		return report, err
	}
	var errs []error
	applied := 0
	for _, z := range c.zones {
		w := c.workers[z.ID]
		if err := w.Read(ctx); err != nil {
			c.Metrics.registryErrors.Inc()
			errs = append(errs, err)
			continue
		}
		wanted := c.wanted(z)
		out := c.sync(ctx, w, w.Names(wanted), wanted)
		report.Zones = append(report.Zones, out)
		applied += len(out.Applied)
		errs = append(errs, outcomeErrors(out)...)
	}
	report.Unplaced = c.unplaced(slices.Collect(c.index.names()))
	err := errors.Join(errs...)
	c.state.setZones(c.zones, err)
	c.Metrics.measure(c.index, c.workers)
	if err == nil {
		c.succeeded(report, applied)
	}
	return report, err
}

func (c *Controller) succeeded(report Report, applied int) {
	if c.soft > 0 {
		c.Log.Info(fmt.Sprintf("Reconciliation succeeded after %d consecutive soft errors", c.soft))
	}
	c.soft = 0
	c.Metrics.softErrors.Set(0)
	c.Metrics.lastSync.Set(seconds(time.Now()))
	if report.Changes() == 0 && applied == 0 {
		c.Metrics.noOps.Inc()
		c.Log.Info("All records are already up to date")
	}
}

// outcomeErrors turns what was not done in a zone into errors.
func outcomeErrors(out zone.Outcome) []error {
	var errs []error
	for _, f := range out.Failed {
		errs = append(errs, fmt.Errorf("change %s: %w", f.Group[0].Key(), f.Err))
	}
	if out.Err != nil {
		errs = append(errs, out.Err)
	}
	return errs
}

// readZones lists the zones and has a worker for each.
func (c *Controller) readZones(ctx context.Context) error {
	zones, err := c.Provider.Zones(ctx)
	if err != nil {
		return fmt.Errorf("list hosted zones: %w", err)
	}
	if len(zones) == 0 {
		return &provider.Error{Kind: provider.ErrDenied, Op: "list hosted zones", Cause: errNoZone, Hint: noZoneHint}
	}
	if !slices.Equal(zones, c.zones) {
		domains := make([]string, 0, 2*len(zones))
		for _, z := range zones {
			domains = append(domains, z.Name.Host()+".", "."+z.Name.Host()+".")
		}
		c.Log.Info("Applying provider record filter for domains: [" + strings.Join(domains, " ") + "]")
	}
	c.zones = zones
	keep := map[string]*zone.Worker{}
	for _, z := range zones {
		w, ok := c.workers[z.ID]
		if !ok {
			w = zone.NewWorker(z, c.Provider, c.Rules, c.Log)
		}
		keep[z.ID] = w
	}
	c.workers = keep
	return nil
}

// live brings the names that events have touched up to date. It returns false
// if something is left for the next pass.
func (c *Controller) live(ctx context.Context, names []dns.Name) bool {
	ok := true
	for _, z := range c.zones {
		w := c.workers[z.ID]
		var here []dns.Name
		for _, n := range names {
			if c.holds(z, n) {
				here = append(here, n)
			}
		}
		if len(here) == 0 {
			continue
		}
		if w.Image() == nil {
			ok = false
			continue
		}
		out := c.sync(ctx, w, here, c.wanted(z))
		if errs := outcomeErrors(out); len(errs) > 0 && ctx.Err() == nil {
			c.failed(errors.Join(errs...))
			ok = false
		}
	}
	c.unplaced(names)
	return ok
}

// sync brings names of one zone up to date and says what came of it.
func (c *Controller) sync(ctx context.Context, w *zone.Worker, names []dns.Name, wanted zone.Wanted) zone.Outcome {
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
	if out.Err != nil {
		c.Metrics.registryErrors.Inc()
	}
	c.ledger.refusals(w.Zone().ID, names, c.withFailures(out))
	return out
}

// withFailures returns all that was refused, by the plan or by the service,
// with the objects that asked.
func (c *Controller) withFailures(out zone.Outcome) []plan.Refusal {
	all := slices.Clone(out.Plan.Refusals)
	for _, f := range out.Failed {
		key := f.Group[0].Key()
		for _, change := range f.Group {
			if len(c.index.at(change.Key().Name)) > 0 {
				key = change.Key()
				break
			}
		}
		all = append(all, plan.Refusal{Key: key, Reason: plan.Rejected, Message: f.Err.Error()})
	}
	for i, r := range all {
		if len(r.Objects) > 0 {
			continue
		}
		for _, w := range c.index.at(r.Key.Name) {
			if !slices.Contains(all[i].Objects, w.By) {
				all[i].Objects = append(all[i].Objects, w.By)
			}
		}
	}
	return all
}

// wanted is what objects want of one zone.
func (c *Controller) wanted(z dns.Zone) zone.Wanted {
	return zone.Wanted{
		Names: func() []dns.Name {
			var names []dns.Name
			for n := range c.index.names() {
				if c.holds(z, n) {
					names = append(names, n)
				}
			}
			return names
		},
		At: func(n dns.Name) []plan.Want {
			if !c.holds(z, n) {
				return nil
			}
			return c.index.at(n)
		},
		Hold:   c.hold,
		Frozen: c.index.frozenAt,
	}
}

// holds reports whether a name belongs into this zone of all.
func (c *Controller) holds(z dns.Zone, n dns.Name) bool {
	return n.Within(z.Name) && slices.Contains(dns.ZonesFor(n, c.zones), z)
}

// unplaced tells of the wanted names that no zone holds.
func (c *Controller) unplaced(names []dns.Name) []plan.Refusal {
	var out []plan.Refusal
	for _, n := range names {
		wants := c.index.at(n)
		if len(wants) == 0 || !c.Rules.Filter.Match(n) || len(dns.ZonesFor(n, c.zones)) > 0 {
			continue
		}
		out = append(out, plan.Refusal{
			Key: wants[0].Set.Key, Objects: []plan.Object{wants[0].By}, Reason: plan.NoZone,
			Message: fmt.Sprintf("no hosted zone that Signpost may use holds %s; it uses %s", n.Host(), list(c.zones)),
		})
	}
	slices.SortFunc(out, func(a, b plan.Refusal) int { return a.Key.Compare(b.Key) })
	c.ledger.refusals("", names, out)
	return out
}

func list(zones []dns.Zone) string {
	if len(zones) > 5 {
		return fmt.Sprintf("%d zones", len(zones))
	}
	names := make([]string, len(zones))
	for i, z := range zones {
		names[i] = z.Name.Host()
	}
	return strings.Join(names, ", ")
}

// hold returns why nothing may be concluded from the absence of an object.
func (c *Controller) hold(resource string) string {
	if why := c.index.unknown(resource); why != "" {
		return resource + ": " + why
	}
	label, _, _ := strings.Cut(resource, "/")
	for _, k := range c.Kinds {
		s := c.kinds[k.GVK]
		if s.Synced || resource != "" && k.Label != label {
			continue
		}
		if s.Reason == "" {
			return "source " + k.Source + " has not been read yet"
		}
		return "source " + k.Source + " is frozen: " + s.Reason
	}
	return ""
}

// held returns every name that a plan of any zone looks at: a source that is
// read again may release them.
func (c *Controller) held() []dns.Name {
	var names []dns.Name
	for _, z := range c.zones {
		if w := c.workers[z.ID]; w.Image() != nil {
			names = append(names, w.Names(c.wanted(z))...)
		}
	}
	return names
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
