package controller

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/zone"
)

// Hold is what is held in a zone, if anything.
type Hold struct {
	Zone    dns.Zone
	Command string // how a person approves it
	plan.Hold
}

// Error says what is held, in words: a hold is an error to who wanted all done.
func (h Hold) Error() string {
	const shown = 3
	var names []string
	for _, k := range h.Keys[:min(shown, len(h.Keys))] {
		names = append(names, k.String())
	}
	if more := len(h.Keys) - shown; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	noun := "deletions are"
	if len(h.Keys) == 1 {
		noun = "deletion is"
	}
	return fmt.Sprintf("%d %s held in %s (%s): %s", len(h.Keys), noun, h.Zone.Name.Host(), h.ID, strings.Join(names, ", "))
}

// Hint says what a person can do about it.
func (h Hold) Hint() string {
	return "too much would go at once; if it shall, approve it: " + h.Command + "; else bring back what asked for it"
}

// Approvals is where people leave their approvals of what is held, each an ID.
type Approvals interface {
	// Given returns the IDs that are approved now.
	Given(context.Context) ([]string, error)
	// Spent takes back an approval that was acted on, so that it does not approve
	// the same again some day.
	Spent(ctx context.Context, id string) error
	// Command returns how a person approves an ID.
	Command(id string) string
}

// noApprovals is an [Approvals] by which nobody approves.
type noApprovals struct{}

func (noApprovals) Given(context.Context) ([]string, error) { return nil, nil }
func (noApprovals) Spent(context.Context, string) error     { return nil }
func (noApprovals) Command(string) string                   { return "no way to approve is set up" }

// lookEvery is how often approvals are looked for while something is held.
const lookEvery = time.Second

// holds is what is held in all zones, and what people have been told of it. Its
// methods may be called concurrently.
type holds struct {
	grace time.Duration

	mu     sync.Mutex
	told   map[string]Hold     // what is held, by zone ID
	ids    map[string][]string // all IDs by which that may be approved, by zone ID
	spent  map[string]bool     // IDs that were acted on and are given still
	odd    map[string]bool     // IDs that are given and fit nothing, told
	unread string              // why approvals could not be read at last, told
}

func newHolds(grace time.Duration) *holds {
	return &holds{told: map[string]Hold{}, ids: map[string][]string{}, spent: map[string]bool{}, odd: map[string]bool{}, grace: grace}
}

// has reports whether something is held in a zone.
func (h *holds) has(z dns.Zone) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.told[z.ID]
	return ok
}

// all returns what is held, in the order of the zones.
func (h *holds) all() []Hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Values(h.told), func(a, b Hold) int {
		return cmp.Or(a.Zone.Name.Compare(b.Zone.Name), cmp.Compare(a.Zone.ID, b.Zone.ID))
	})
}

// set notes what is held in a zone, and returns what was.
func (h *holds) set(now Hold, ids []string) (before Hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.told[now.Zone.ID]
	if now.ID == "" {
		delete(h.told, now.Zone.ID)
		delete(h.ids, now.Zone.ID)
	} else {
		h.told[now.Zone.ID], h.ids[now.Zone.ID] = now, ids
	}
	return before
}

// forget drops what is held in a zone that is kept no more.
func (h *holds) forget(z dns.Zone) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.told, z.ID)
	delete(h.ids, z.ID)
}

// judge is the guard of a zone during one synchronisation.
type judge struct {
	*plan.Guard
	k       *keeper
	ctx     context.Context
	wanted  func(dns.Name) []plan.Want
	applied int             // how many changes the guard has been told of
	given   map[string]bool // nil: not looked for yet
}

var _ zone.Guard = (*judge)(nil)

// Judge is part of [zone.Guard]. What moves to another zone is no deletion.
func (j *judge) Judge(p plan.Plan) {
	p.Going = slices.DeleteFunc(slices.Clone(p.Going), j.moves)
	j.See(time.Now(), p, func(n dns.Name) bool { return len(j.wanted(n)) > 0 })
	j.Guard.Judge(time.Now(), func(id string) bool {
		if j.given == nil {
			j.given = j.k.c.given(j.ctx)
		}
		return j.given[id]
	})
}

// Keep is part of [zone.Guard].
func (j *judge) Keep(key dns.Key) (plan.Reason, string) {
	if !j.moves(key) {
		return j.Guard.Keep(key)
	}
	if why := j.k.stays(key); why != "" {
		return plan.Moving, why
	}
	return "", ""
}

// moves reports whether what nobody wants in this zone is wanted in another.
func (j *judge) moves(key dns.Key) bool {
	c := j.k.c
	return len(c.index.at(key.Name)) > 0 && !c.holdsIn(j.k.zone, key.Name) && c.places.placed(key.Name)
}

// Applied is part of [zone.Guard].
func (j *judge) Applied(changes []dns.Change) {
	j.Guard.Applied(time.Now(), changes[j.applied:])
	j.applied = len(changes)
}

// given returns the approvals that have not been acted on.
func (c *Controller) given(ctx context.Context) map[string]bool {
	given := map[string]bool{}
	ids, err := c.Approvals.Given(ctx)
	c.holds.mu.Lock()
	defer c.holds.mu.Unlock()
	if err != nil {
		if text := err.Error(); text != c.holds.unread {
			c.holds.unread = text
			c.Log.Warn("approvals cannot be read", "error", err)
		}
		return given
	}
	c.holds.unread = ""
	for _, id := range ids {
		given[id] = true
	}
	maps.DeleteFunc(c.holds.spent, func(id string, _ bool) bool { return !given[id] })
	maps.DeleteFunc(c.holds.odd, func(id string, _ bool) bool { return !given[id] })
	maps.DeleteFunc(given, func(id string, _ bool) bool { return c.holds.spent[id] })
	return given
}

// approved returns the names at which something is held that a person has
// approved meanwhile.
func (k *keeper) approved(ctx context.Context) []dns.Name {
	if !k.c.holds.has(k.zone) {
		return nil
	}
	var names []dns.Name
	for id := range k.c.given(ctx) {
		if k.guard.Knows(id) {
			names = slices.Collect(maps.Keys(k.guard.Names()))
		} else {
			k.c.oddApproval(id)
		}
	}
	return names
}

// oddApproval tells of an approval that fits nothing, once.
func (c *Controller) oddApproval(id string) {
	h := c.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	var held []string
	for z, ids := range h.ids {
		if slices.Contains(ids, id) {
			return
		}
		held = append(held, h.told[z].ID)
	}
	if !h.odd[id] {
		h.odd[id] = true
		slices.Sort(held)
		c.Log.Warn("the approval "+id+" fits nothing that is held", "held", strings.Join(held, " "))
	}
}

// follow does what a synchronisation leaves to do: names wait for their grace
// times, approvals are taken back, and people are told of what is held now.
func (k *keeper) follow(ctx context.Context, refusals []plan.Refusal) {
	c, g := k.c, k.guard
	now := Hold{Zone: k.zone, Hold: g.Hold()}
	if now.ID != "" {
		now.Command = c.Approvals.Command(now.ID)
	}
	before := c.holds.set(now, g.IDs())
	// What is let go from a hold may wait anew, at names that were not looked at.
	loose := before.ID != "" && before.ID != now.ID ||
		slices.ContainsFunc(refusals, func(r plan.Refusal) bool { return r.Reason == plan.Grace })
	if loose {
		k.mu.Lock()
		for n, due := range g.Names() {
			// It may have been over before the synchronisation was. What was tried in vain waits already.
			if due.After(time.Now()) || !due.IsZero() && !k.owed.has(n) {
				k.owed.wait(due, n)
			}
		}
		k.mu.Unlock()
	}
	for _, id := range g.Spent() {
		c.Log.Info("approved: what was held in "+k.zone.Name.Host()+" as "+id+" may go", "approval", id)
		c.takeBack(ctx, id)
	}
	for _, id := range g.Stale() {
		c.Log.Info("the approval "+id+" is taken back: what was held in "+k.zone.Name.Host()+" as that has gone, or is wanted again", "approval", id)
		c.takeBack(ctx, id)
	}
	if !c.DryRun {
		c.legacy.keep(k.zone, g.State())
	}
	if now.ID == before.ID {
		return
	}
	c.Metrics.held.WithLabelValues(heldLabels(k.zone)...).Set(float64(len(now.Keys)))
	c.state.setHolds(c.holds.all())
	c.ledger.notes.hold(now)
	if c.OnHold != nil {
		c.OnHold(now)
		return
	}
	switch {
	case now.ID == "":
		c.Log.Info("nothing is held any more in " + k.zone.Name.Host())
	case len(now.Keys) < len(before.Keys):
		c.Log.Info(now.Error(), "approve", now.Command)
	default:
		c.Log.Warn(now.Error()+"; "+now.Hint(), "zone", k.zone.String())
	}
}

// takeBack takes an approval back, so that it is good for once.
func (c *Controller) takeBack(ctx context.Context, id string) {
	c.holds.mu.Lock()
	c.holds.spent[id] = true
	c.holds.mu.Unlock()
	if c.DryRun {
		return
	}
	if err := c.Approvals.Spent(ctx, id); err != nil {
		c.Log.Warn("an approval cannot be taken back; take it back by hand, or it approves the same another time", "approval", id, "error", err)
	}
}

func heldLabels(z dns.Zone) []string { return []string{z.Name.Host(), z.ID} }
