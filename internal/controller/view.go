package controller

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/zone"
)

// view is what the engine knows of a name in a zone.
type view struct {
	zone    dns.Zone
	look    func(func(*zone.Image)) // nil if the zone has not been read
	wants   func(dns.Name) []plan.Want
	hold    func(resource string) string
	stays   func(dns.Name) string
	read    time.Time
	frozen  string
	trouble string

	failed int
	due    time.Time
	held   Hold
}

// views returns what is known of a name in the zones that hold it, else why none
// does. Its caller holds the controller's lock.
func (c *Controller) views(n dns.Name) (views []view, unplaced string) {
	if !c.Rules.Filter.Match(n) {
		return nil, "the name is outside --domain-filter, or inside --exclude-domains"
	}
	for _, z := range c.zonesOf(n) {
		if len(c.index.at(n)) == 0 || c.wantedIn(z, n) || len(c.ledger.at(z.ID, n)) > 0 {
			views = append(views, c.view(z, n))
		}
	}
	for _, z := range c.places.above(n) {
		if len(views) > 0 && len(c.ledger.at(z.ID, n)) > 0 { // it is moving from there
			views = append(views, c.view(z, n))
		}
	}
	trouble := c.state.troubleOf("")
	switch {
	case len(views) > 0:
		return views, ""
	case c.places.undecided(n):
		return nil, "there are several zones of one name for it, and which is used is decided when all of them have been read"
	case len(c.places.zones) == 0 && trouble != "":
		return nil, "the zones are not known: " + trouble
	case len(c.places.zones) == 0:
		return nil, "the zones have not been read yet"
	}
	if w, ok := c.astray(n, c.index.at(n)); ok {
		return nil, astrayMessage(w)
	}
	return nil, "no hosted zone that Signpost may use holds it; it uses " + list(c.places.zones)
}

// view returns what is known of a name in a zone.
func (c *Controller) view(z dns.Zone, n dns.Name) view {
	v := view{
		zone: z, hold: c.hold, stays: c.frozenAt, frozen: c.frozenAt(n),
		wants: func(n dns.Name) []plan.Want {
			if !c.holdsIn(z, n) {
				return nil
			}
			return c.index.at(n)
		},
		look:    func(f func(*zone.Image)) { f(nil) },
		trouble: cmp.Or(c.state.troubleOf(z.ID), c.state.troubleOf("")),
	}
	for _, h := range c.holds.all() {
		if h.Zone.ID == z.ID {
			v.held = h
		}
	}
	k := c.keepers[z.ID]
	if k == nil {
		return v
	}
	v.read = k.read()
	v.look = func(f func(*zone.Image)) {
		k.worker.Look(func(m *zone.Image) {
			if k.worker.Whole() { // it becomes so under the lock of Look
				f(m)
			} else {
				f(nil)
			}
		})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if t, ok := k.owed.tries[n]; ok {
		v.failed, v.due = t.failed, t.due
	}
	return v
}

// troubleOf returns why a zone cannot be read or written, "" if it can.
func (s *state) troubleOf(zone string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.trouble[zone]; err != nil {
		return hinted(err)
	}
	return ""
}

// asked is what objects ask for at a name.
type asked struct {
	name    dns.Name
	wants   []plan.Want
	frozen  map[string]string   // why it is unknown what an object wants that held the name
	refused map[string][]string // why an object is not heard, in any zone
}

// asked returns what objects ask for at a name. Its caller holds the
// controller's lock.
func (c *Controller) asked(n dns.Name) asked {
	a := asked{name: n, wants: c.index.at(n), frozen: maps.Clone(c.index.frozen[n]), refused: map[string][]string{}}
	for _, z := range append(c.zonesOf(n), dns.Zone{}) {
		for _, r := range c.ledger.at(z.ID, n) {
			if len(r.Objects) == 0 {
				continue
			}
			loser := r.Objects[0].Resource()
			if text := string(r.Reason) + ": " + r.Message; !slices.Contains(a.refused[loser], text) {
				a.refused[loser] = append(a.refused[loser], text)
			}
		}
	}
	return a
}

// frozenSources returns the sources that cannot be read, with why. Its caller
// holds the controller's lock.
func (c *Controller) frozenSources() []string {
	var out []string
	for _, k := range c.Kinds {
		if s := c.kinds[k.GVK]; !s.Synced {
			why := s.Reason
			if why == "" {
				why = "not read yet"
			}
			out = append(out, "source "+k.Source+": "+why)
		}
	}
	return out
}
