package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/zone"
)

// tenure is what is under way while this replica writes: a goroutine that lists
// the zones, and one keeper for each. A nil tenure has nothing under way.
type tenure struct {
	ctx    context.Context
	cancel context.CancelFunc
	lists  chan zoneList
	wg     sync.WaitGroup
}

// zoneList is an answer to the question which zones there are.
type zoneList struct {
	zones []dns.Zone
	err   error
}

// begin begins a tenure. Others may have written before, so that what was known
// of the zones counts no more.
func (c *Controller) begin(ctx context.Context) *tenure {
	c.mu.Lock()
	c.places, c.keepers = places{}, map[string]*keeper{}
	c.mu.Unlock()
	c.legacy.begin()
	t := &tenure{lists: make(chan zoneList)}
	t.ctx, t.cancel = context.WithCancel(ctx)
	t.wg.Go(func() { c.listZones(t.ctx, t.lists) })
	return t
}

// standDown forgets what is known of the zones: another writes from now on, so
// that it is not true any more.
func (c *Controller) standDown() {
	c.Metrics.leading.Set(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.keepers {
		c.holds.forget(k.zone)
		c.Metrics.held.DeleteLabelValues(heldLabels(k.zone)...)
	}
	c.places, c.keepers = places{}, map[string]*keeper{}
	c.ledger.keep(func(string) bool { return false })
	c.state.standDown()
	c.forgive()
}

// listed gives the lists of zones as they come.
func (t *tenure) listed() <-chan zoneList {
	if t == nil {
		return nil
	}
	return t.lists
}

// end returns when nothing is under way any more. A batch that is being sent is
// finished.
func (t *tenure) end() {
	if t != nil {
		t.cancel()
		t.wg.Wait()
	}
}

// listZones lists the zones again and again.
func (c *Controller) listZones(ctx context.Context, lists chan<- zoneList) {
	priority, failed := zone.Load, 0
	for {
		zones, err := zone.List(ctx, c.Provider, c.account, priority, c.Log)
		if err == nil && len(zones) == 0 {
			err = &provider.Error{Kind: provider.ErrNoZone, Op: "list hosted zones", Hint: noZoneHint}
		}
		select {
		case lists <- zoneList{zones, err}:
		case <-ctx.Done():
			return
		}
		pause := c.Pacing.ZoneList
		if err != nil {
			pause = backOff(failed, time.Minute)
			failed++
		} else {
			priority, failed = zone.Audit, 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// noZoneHint is what to do about a provider that shows no zone.
const noZoneHint = "check --domain-filter, --zone-id-filter and --aws-zone-type against the zones of this account, " +
	"and that the credentials are those of the account that has them"

// wisher is a provider that can name what would help it and was not granted.
type wisher interface{ Wishes() []string }

// warner is a provider that knows of trouble to come in a zone.
type warner interface{ Warnings() []string }

// adopt has a keeper for each zone of a list, and none for others.
func (c *Controller) adopt(t *tenure, list zoneList) {
	if list.err != nil {
		c.Metrics.registryErrors.Inc()
	}
	list.err = c.stale(list)
	c.state.note("", list.err)
	c.ledger.failed("", list.err)
	if w, ok := c.Provider.(wisher); ok {
		c.ledger.wishes(w.Wishes())
	}
	if w, ok := c.Provider.(warner); ok {
		c.ledger.warnings(w.Warnings())
	}
	c.reckon(t.ctx, "", list.err, true)
	if list.err != nil || slices.Equal(list.zones, c.places.zones) {
		return
	}
	begun, ended := c.keep(list.zones)
	for _, k := range ended {
		k.stop()
	}
	for _, k := range begun {
		ctx, cancel := context.WithCancel(t.ctx)
		k.cancel = cancel
		t.wg.Go(func() { k.run(ctx) })
	}
	c.place(t.ctx, ended)
	for _, k := range c.keepers {
		c.choose(k) // the one that was used may be gone, and the others read already
	}
}

// stale tells, once, that a part of a list is as it was last time, and returns why
// there is no list at all.
func (c *Controller) stale(list zoneList) error {
	if len(list.zones) == 0 {
		return list.err
	}
	old := c.state.setStale(list.err)
	switch {
	case list.err != nil && (old == nil || old.Error() != list.err.Error()):
		c.Log.Warn("some zones are known as they were when they were last listed, and new ones among them are not seen", "error", list.err,
			"hint", provider.Hint(list.err))
	case list.err == nil && old != nil:
		c.Log.Info("all zones are listed again")
	}
	return nil
}

// keep makes the zones of a list those that are kept.
func (c *Controller) keep(zones []dns.Zone) (begun, ended []*keeper) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keepers := map[string]*keeper{}
	domains := make([]string, 0, 2*len(zones))
	for _, z := range zones {
		domains = append(domains, z.Name.Host()+".", "."+z.Name.Host()+".")
		if keepers[z.ID] = c.keepers[z.ID]; keepers[z.ID] == nil {
			k := c.newKeeper(z)
			keepers[z.ID], begun = k, append(begun, k)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.keepers)) {
		if keepers[id] == nil {
			ended = append(ended, c.keepers[id])
		}
	}
	c.Log.Info("Applying provider record filter for domains: [" + strings.Join(domains, " ") + "]")
	c.places, c.keepers = newPlaces(zones, c.places), keepers
	c.tellShared()
	c.state.setZones(zones)
	return begun, ended
}

// place has every keeper plan what is placed in its zone now, and forgets what
// concerned zones that are gone.
func (c *Controller) place(ctx context.Context, ended []*keeper) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, k := range ended {
		c.holds.forget(k.zone)
		c.Metrics.held.DeleteLabelValues(heldLabels(k.zone)...)
		c.state.note(k.zone.ID, nil)
		c.absolve(ctx, k.zone.ID)
	}
	c.ledger.keep(func(id string) bool { return id == "" || c.keepers[id] != nil })
	c.state.setHolds(c.holds.all())
	for id, names := range c.placed() {
		if k := c.keepers[id]; k != nil {
			k.want(time.Time{}, names...)
		}
	}
	for _, k := range c.keepers {
		k.replan()
	}
	c.unplaced(unite(slices.Collect(c.index.names()), c.ledger.names("")))
}

// choose decides between zones of one name, when all of them have been read: the
// one is used that holds the most of what is wanted, else the most of ours.
func (c *Controller) choose(read *keeper) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tie := c.places.tie(read.zone)
	if len(tie) == 0 {
		return
	}
	chosen, best := tie[0], stock{-1, -1}
	for _, z := range tie {
		k := c.keepers[z.ID]
		if k == nil || k.stock.Load() == nil {
			return
		}
		if s := *k.stock.Load(); s.wanted > best.wanted || s.wanted == best.wanted && s.ours > best.ours {
			chosen, best = z, s
		}
	}
	c.places.decide(chosen)
	c.tellShared()
	k := c.keepers[chosen.ID]
	k.want(time.Time{}, c.placed()[chosen.ID]...)
	k.replan()
	c.unplaced(unite(slices.Collect(c.index.names()), c.ledger.names("")))
}

// tellShared tells of zones that have one name, and which of them is used, once.
func (c *Controller) tellShared() {
	for _, z := range c.places.zones {
		others := c.places.besides(z)
		if len(others) == 0 {
			continue
		}
		text := fmt.Sprintf("there are %d zones named %s; %s is used, and nothing is changed in %s",
			len(others)+1, z.Name.Host(), z.ID, strings.Join(others, ", "))
		if !slices.Contains(c.shared, text) {
			c.shared = append(c.shared, text)
			c.Log.Warn(text, "hint", "choose one with --zone-id-filter")
		}
	}
}
