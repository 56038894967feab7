package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/zone"
)

// manyErrors is how many refused changes of a zone an error names.
const manyErrors = 10

// sync brings names of the zone up to date and says what came of it. The error
// is all that was not done for another reason than the plan's.
func (k *keeper) sync(ctx context.Context, names []dns.Name, since map[dns.Name]time.Time) (zone.Outcome, error) {
	c := k.c
	out, names := k.write(ctx, names, since)
	c.Metrics.planned.Add(float64(len(names)))

	c.mu.RLock()
	out.Plan.Refusals = c.attributed(out.Plan.Refusals)
	refusals := append(c.rejections(out.Failed), out.Plan.Refusals...)
	c.mu.RUnlock()
	if out.Err == nil {
		c.ledger.refusals(k.zone.ID, names, refusals)
	} else {
		c.ledger.refusals(k.zone.ID, nil, refusals) // what was not tried may still be refused
	}
	k.owe(names, out)
	k.follow(ctx, out.Plan.Refusals)
	k.follows(out.Plan.Refusals, names)
	k.want(time.Time{}, k.worker.Concerned(out.News)...)
	c.standings.planned(names)
	if out.Err != nil {
		c.state.note(k.zone.ID, out.Err)
		c.ledger.failed(k.zone.ID, out.Err)
		c.Metrics.registryErrors.Inc()
	}
	err := undone(out)
	if err != nil {
		c.reckon(ctx, k.zone.ID, err, false)
	} else {
		k.calm(ctx)
	}
	return out, err
}

// write has the names planned and the plan written, or only told in a dry run. It
// returns the names together with those that became urgent meanwhile.
func (k *keeper) write(ctx context.Context, names []dns.Name, since map[dns.Name]time.Time) (zone.Outcome, []dns.Name) {
	wanted := k.wanted()
	wanted.Guard = &judge{Guard: k.guard, k: k, ctx: ctx, wanted: wanted.At}
	wanted.More = func() []dns.Name {
		more, at := k.urgent()
		names = append(names, more...)
		maps.Copy(since, at)
		return more
	}
	wanted.Accepted = func(changes []dns.Change) { k.accepted(changes, since) }
	if !k.c.DryRun {
		out := k.worker.Sync(ctx, names, wanted)
		return out, names
	}
	planned, batches := k.worker.Plan(names, wanted)
	for _, b := range batches {
		k.worker.Announce(b)
	}
	return zone.Outcome{Plan: planned}, names
}

// owe notes which names are to be tried again.
func (k *keeper) owe(names []dns.Name, out zone.Outcome) {
	var failed []dns.Name
	for _, f := range out.Failed {
		failed = append(failed, f.Names...)
	}
	longest := longestPause
	if out.Err != nil {
		failed, longest = append(failed, names...), longestBlind
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.owed.tried(time.Now(), names, failed, longest)
	if out.Err == nil && len(out.Applied) > 0 && k.down {
		k.owed.hurry(time.Now())
	}
	k.down = out.Err != nil
}

// undone is the error that tells what was not done.
func undone(out zone.Outcome) error {
	errs := []error{out.Err}
	for i, f := range out.Failed {
		if i == manyErrors {
			errs = append(errs, fmt.Errorf("%d more changes were refused", len(out.Failed)-i))
			break
		}
		errs = append(errs, fmt.Errorf("change %s: %w", f.Group[0].Key(), f.Err))
	}
	return errors.Join(errs...)
}

// urgent takes the dirty names that events have touched and that are known.
func (k *keeper) urgent() ([]dns.Name, map[dns.Name]time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []dns.Name
	since := map[dns.Name]time.Time{}
	for n, at := range k.dirty {
		if !at.IsZero() && k.worker.Known(n) {
			names, since[n] = append(names, n), at
			delete(k.dirty, n)
		}
	}
	slices.SortFunc(names, dns.Name.Compare)
	return names, since
}

// accepted counts and tells what was accepted with a batch, and has the zones
// above look again: what stands here now need not stand there any more.
func (k *keeper) accepted(changes []dns.Change, since map[dns.Name]time.Time) {
	if len(changes) == 0 {
		return
	}
	k.c.Metrics.batch(len(changes))
	k.busy, k.idle = true, false
	k.c.version.Add(1)
	now := time.Now()
	timed := map[dns.Name]bool{}
	k.c.mu.RLock()
	defer k.c.mu.RUnlock()
	k.c.tell(k.zone, changes)
	for _, change := range changes {
		n := change.Key().Name
		if at := since[n]; !at.IsZero() && !timed[n] {
			timed[n] = true
			k.c.Metrics.accepted(now.Sub(at))
		}
		if change.Action() != dns.Create {
			continue
		}
		for _, z := range k.c.places.above(n) {
			if above := k.c.keepers[z.ID]; above != nil && above != k {
				above.want(time.Time{}, n)
			}
		}
	}
}

// wanted is what objects want of the zone.
func (k *keeper) wanted() zone.Wanted {
	c := k.c
	return zone.Wanted{
		At: func(n dns.Name) []plan.Want {
			if !c.holdsIn(k.zone, n) {
				return nil
			}
			return c.index.at(n)
		},
		Hold: func(resource string) string {
			switch {
			case !k.worker.Whole():
				return "the zone has not been read whole yet"
			case !c.places.used(k.zone):
				return "another zone of this name is used"
			}
			return c.hold(resource)
		},
		Frozen: c.frozenAt,
		Lock:   c.mu.RLocker(),
	}
}

// stays returns why a set that nobody wants here stays for another zone's sake: it
// is wanted there, and does not stand there yet, or nobody would find it there.
// The caller holds the controller's lock.
func (k *keeper) stays(key dns.Key) string {
	if k.c.places.undecided(key.Name) {
		return "it is not decided yet which of several zones it belongs to"
	}
	for _, z := range k.c.zonesOf(key.Name) {
		there := k.c.keepers[z.ID]
		if !k.c.wantedIn(z, key.Name) || z.ID == k.zone.ID || z.Private != k.zone.Private || there == nil {
			continue
		}
		stands := false
		there.worker.Look(func(m *zone.Image) {
			stands = slices.ContainsFunc(m.At(key.Name), func(s dns.RecordSet) bool { return s.Type != dns.TXT && s.Type != dns.NS })
		})
		if !stands {
			return "it is wanted in the zone " + z.String() + ", and goes when it stands there"
		}
		isNS := func(s dns.RecordSet) bool { return s.Type == dns.NS }
		if !z.Private && !slices.ContainsFunc(k.worker.Image().At(z.Name), isNS) {
			return "the zone " + z.String() + " is not delegated from here (NS at " + z.Name.Host() + "), so that nobody would find it there"
		}
	}
	return ""
}

// follows notes which names stay for another zone's sake: a round looks at them
// again.
func (k *keeper) follows(refusals []plan.Refusal, names []dns.Name) {
	for _, n := range names {
		delete(k.moving, n)
	}
	for _, r := range refusals {
		if r.Reason == plan.Moving {
			k.moving[r.Key.Name] = true
		}
	}
}
