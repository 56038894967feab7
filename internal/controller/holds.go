package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// holds is the guards of all zones, and what people have been told of them.
type holds struct {
	guards map[string]*plan.Guard // by zone ID
	told   map[string]Hold        // what is held, by zone ID
	spent  map[string]bool        // IDs that were acted on and are given still
	odd    map[string]bool        // IDs that are given and fit nothing, told
	unread string                 // why approvals could not be read at last, told
	grace  time.Duration
}

func newHolds(grace time.Duration) *holds {
	return &holds{guards: map[string]*plan.Guard{}, told: map[string]Hold{}, spent: map[string]bool{}, odd: map[string]bool{}, grace: grace}
}

// guardZones has a guard for each of these zones, and forgets others.
func (c *Controller) guardZones(zones []dns.Zone) {
	guards := map[string]*plan.Guard{}
	for _, z := range zones {
		if guards[z.ID] = c.holds.guards[z.ID]; guards[z.ID] == nil {
			guards[z.ID] = plan.NewGuard(z, c.MaxDeletes, c.holds.grace)
		}
	}
	c.holds.guards = guards
	for id, h := range c.holds.told {
		if guards[id] == nil {
			delete(c.holds.told, id)
			c.Metrics.held.DeleteLabelValues(heldLabels(h.Zone)...)
		}
	}
	c.state.setHolds(c.held())
}

// judge is the guard of a zone during one synchronisation.
type judge struct {
	*plan.Guard
	c       *Controller
	ctx     context.Context
	wanted  func(dns.Name) []plan.Want
	applied int             // how many changes the guard has been told of
	given   map[string]bool // nil: not looked for yet
}

var _ zone.Guard = (*judge)(nil)

// Judge is part of [zone.Guard].
func (j *judge) Judge(p plan.Plan) {
	j.See(time.Now(), p, func(n dns.Name) bool { return len(j.wanted(n)) > 0 })
	j.Guard.Judge(time.Now(), func(id string) bool {
		if j.given == nil {
			j.given = j.c.given(j.ctx)
		}
		return j.given[id]
	})
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

// approved returns the names, by zone ID, at which something is held that a
// person has approved meanwhile.
func (c *Controller) approved(ctx context.Context) map[string][]dns.Name {
	work := map[string][]dns.Name{}
	if len(c.holds.told) == 0 {
		return work
	}
	for id := range c.given(ctx) {
		fits := false
		for z := range c.holds.told {
			if g := c.holds.guards[z]; g.Knows(id) {
				work[z], fits = append(work[z], slices.Collect(maps.Keys(g.Names()))...), true
			}
		}
		if !fits && !c.holds.odd[id] {
			c.holds.odd[id] = true
			c.Log.Warn("the approval "+id+" fits nothing that is held", "held", strings.Join(c.heldIDs(), " "))
		}
	}
	return work
}

func (c *Controller) heldIDs() []string {
	var ids []string
	for _, h := range c.held() {
		ids = append(ids, h.ID)
	}
	return ids
}

// held returns what is held, in the order of the zones.
func (c *Controller) held() []Hold {
	var out []Hold
	for _, z := range c.places.zones {
		if h, ok := c.holds.told[z.ID]; ok {
			out = append(out, h)
		}
	}
	return out
}

// follow does what a synchronisation of a zone leaves to do: names wait for
// their grace times, approvals are taken back, and people are told of what is
// held now.
func (c *Controller) follow(ctx context.Context, z dns.Zone, refusals []plan.Refusal) {
	g := c.holds.guards[z.ID]
	before, now := c.holds.told[z.ID], Hold{Zone: z, Hold: g.Hold()}
	// What is let go from a hold may wait anew, at names that were not looked at.
	loose := before.ID != "" && before.ID != now.ID
	for _, r := range refusals {
		loose = loose || r.Reason == plan.Grace
	}
	if loose {
		for n, due := range g.Names() {
			if due.After(time.Now()) {
				c.owed.wait(due, z.ID, n)
			}
		}
	}
	for _, id := range g.Spent() {
		c.spend(ctx, z, id)
	}
	if now.ID == before.ID {
		return
	}
	c.Metrics.held.WithLabelValues(heldLabels(z)...).Set(float64(len(now.Keys)))
	if now.ID == "" {
		delete(c.holds.told, z.ID)
	} else {
		now.Command = c.Approvals.Command(now.ID)
		c.holds.told[z.ID] = now
	}
	c.state.setHolds(c.held())
	if c.OnHold != nil {
		c.OnHold(now)
		return
	}
	switch {
	case now.ID == "":
		c.Log.Info("nothing is held any more in " + z.Name.Host())
	case len(now.Keys) < len(before.Keys):
		c.Log.Info(now.Error(), "approve", now.Command)
	default:
		c.Log.Warn(now.Error()+". "+now.Hint(), "zone", z.String())
	}
}

func (c *Controller) spend(ctx context.Context, z dns.Zone, id string) {
	c.Log.Info("approved: what was held in "+z.Name.Host()+" as "+id+" may go", "approval", id)
	c.holds.spent[id] = true
	if c.DryRun {
		return
	}
	if err := c.Approvals.Spent(ctx, id); err != nil {
		c.Log.Warn("an approval cannot be taken back; take it back by hand, or it approves the same another time", "approval", id, "error", err)
	}
}

func heldLabels(z dns.Zone) []string { return []string{z.Name.Host(), z.ID} }
