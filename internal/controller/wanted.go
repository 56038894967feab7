package controller

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/zone"
)

// placed returns the wanted names by the ID of each zone that holds them.
func (c *Controller) placed() map[string][]dns.Name {
	out := map[string][]dns.Name{}
	for n := range c.index.names() {
		for _, z := range c.zonesOf(n) {
			out[z.ID] = append(out[z.ID], n)
		}
	}
	return out
}

// zonesOf returns the zones that hold a name, and those to which a want of it is
// pinned: the planner leaves out of each zone what is pinned to another. The
// caller holds the lock.
func (c *Controller) zonesOf(n dns.Name) []dns.Zone {
	zones := c.places.of(n)
	for _, w := range c.index.at(n) {
		if w.Zone == "" {
			continue
		}
		if z, ok := c.places.pinned(n, w.Zone); ok && !slices.Contains(zones, z) {
			zones = append(zones, z)
		}
	}
	return zones
}

// holdsIn reports whether a zone is one of those of [Controller.zonesOf].
func (c *Controller) holdsIn(z dns.Zone, n dns.Name) bool {
	return c.places.hold(z, n) ||
		n.Within(z.Name) && slices.ContainsFunc(c.index.at(n), func(w plan.Want) bool { return w.Zone == z.ID })
}

// wantedIn reports whether anybody wants a name in a zone.
func (c *Controller) wantedIn(z dns.Zone, n dns.Name) bool {
	return slices.ContainsFunc(c.index.at(n), func(w plan.Want) bool { return w.Zone == z.ID || w.Zone == "" && c.places.hold(z, n) })
}

// frozenAt returns why a name must stay as it is, "" if it need not. That it is
// pinned to a zone that nobody here knows takes it away from none.
func (c *Controller) frozenAt(n dns.Name) string {
	if why := c.index.frozenAt(n); why != "" {
		return why
	}
	if w, ok := c.astray(n, c.index.at(n)); ok {
		return w.By.Resource() + ": " + astrayMessage(w)
	}
	return ""
}

func astrayMessage(w plan.Want) string {
	return fmt.Sprintf("it is pinned to the zone %s, which is not used here or cannot hold %s; correct the annotation aws-hosted-zone-id", w.Zone, w.Set.Name.Host())
}

// astray returns the first want that is pinned to a zone which cannot hold it.
func (c *Controller) astray(n dns.Name, wants []plan.Want) (plan.Want, bool) {
	for _, w := range wants {
		if w.Zone == "" {
			continue
		}
		if _, ok := c.places.pinned(n, w.Zone); !ok {
			return w, true
		}
	}
	return plan.Want{}, false
}

// unplaced tells which of the names are wanted and held by no zone. The caller
// holds the lock.
func (c *Controller) unplaced(names []dns.Name) []plan.Refusal {
	var out []plan.Refusal
	for _, n := range names {
		wants := c.index.at(n)
		if len(wants) == 0 || !c.Rules.Filter.Match(n) {
			continue
		}
		if w, ok := c.astray(n, wants); ok {
			out = append(out, plan.Refusal{
				Key: w.Set.Key, Objects: []plan.Object{w.By}, Reason: plan.NoZone, Message: astrayMessage(w),
			})
			continue
		}
		if c.places.placed(n) {
			continue
		}
		out = append(out, plan.Refusal{
			Key: wants[0].Set.Key, Objects: askers(wants), Reason: plan.NoZone,
			Message: fmt.Sprintf("no hosted zone that Signpost may use holds %s; it uses %s", n.Host(), list(c.places.zones)),
		})
	}
	slices.SortFunc(out, func(a, b plan.Refusal) int { return a.Key.Compare(b.Key) })
	c.ledger.refusals("", names, out)
	c.standings.planned(names)
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
	return strings.Join(slices.Compact(names), ", ")
}

// askers returns the objects of the wants, each once.
func askers(wants []plan.Want) []plan.Object {
	var out []plan.Object
	for _, w := range wants {
		if !slices.Contains(out, w.By) {
			out = append(out, w.By)
		}
	}
	return out
}

// attributed adds to refusals of what is wanted, and too large, who asked.
func (c *Controller) attributed(refusals []plan.Refusal) []plan.Refusal {
	for i, r := range refusals {
		if r.Reason == plan.Oversize && len(r.Objects) == 0 {
			refusals[i].Objects = askers(c.index.at(r.Key.Name))
		}
	}
	return refusals
}

// rejections turns what the service refused into refusals of the set that was
// wanted, else of the first of the group.
func (c *Controller) rejections(failed []zone.Failure) []plan.Refusal {
	var out []plan.Refusal
	for _, f := range failed {
		r := plan.Refusal{Key: f.Group[0].Key(), Reason: plan.Rejected, Message: hinted(f.Err)}
		for _, change := range f.Group {
			if wants := c.index.at(change.Key().Name); len(wants) > 0 {
				r.Key, r.Objects = change.Key(), askers(wants)
				break
			}
		}
		out = append(out, r)
	}
	return out
}
