package controller

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/source"
)

// Check is one thing that readiness depends on, or that is worth knowing.
type Check struct {
	Name  string // "source service", "zones"
	OK    bool   // false: not ready
	Warn  bool   // worth a look, though ready
	State string // in words
}

// state is what other goroutines may ask of the controller.
type state struct {
	mu      sync.Mutex
	sources []Check
	sighted bool // a source has been read since the start
	zones   []dns.Zone
	tried   bool
	unread  map[string]bool  // IDs of the zones that have not been brought up to date once
	trouble map[string]error // why the last try failed, by zone ID; "": the list of zones
	stale   error            // why a part of the zones is as last listed
	holds   []Hold
}

func (s *state) setKinds(kinds []source.Kind, status map[schema.GroupVersionKind]objects.Status, frozen []Check) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range status {
		s.sighted = s.sighted || st.Synced
	}
	s.sources = nil
	for _, k := range kinds {
		check := Check{Name: "source " + k.Source, OK: true, State: "synced"}
		switch st := status[k.GVK]; {
		case st.Frozen():
			// Its record sets stay, and the others go on, unless there never was
			// anything to go on with.
			check.OK, check.Warn, check.State = s.sighted, true, "frozen: "+st.Reason
		case !st.Synced:
			check.OK, check.State = false, "not read yet"
		}
		s.sources = append(s.sources, check)
	}
	s.sources = append(s.sources, frozen...)
}

// setZones notes which zones there are. Those of the first list are unread.
func (s *state) setZones(zones []dns.Zone) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unread == nil {
		s.unread = map[string]bool{}
		for _, z := range zones {
			s.unread[z.ID] = true
		}
	}
	maps.DeleteFunc(s.unread, func(id string, _ bool) bool {
		return !slices.ContainsFunc(zones, func(z dns.Zone) bool { return z.ID == id })
	})
	s.zones, s.tried = zones, true
}

// caughtUp notes that a zone has been brought up to date, or that it cannot be.
func (s *state) caughtUp(zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unread, zone)
}

// setStale notes why a part of the zones is as last listed, nil if none is, and
// returns what was noted before.
func (s *state) setStale(err error) (before error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.stale = s.stale, err
	return before
}

// note keeps why something failed, or forgets it.
func (s *state) note(zone string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble == nil {
		s.trouble = map[string]error{}
	}
	s.tried = true
	if err == nil {
		delete(s.trouble, zone)
	} else {
		s.trouble[zone] = err
	}
}

// standDown forgets what is known of the zones.
func (s *state) standDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zones, s.tried, s.unread, s.trouble, s.stale, s.holds = nil, false, nil, nil, nil, nil
}

// troubles is all that is wrong with the service now.
func (s *state) troubles() error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(s.trouble)) {
		errs = append(errs, s.trouble[id])
	}
	return errors.Join(errs...)
}

func (s *state) setHolds(holds []Hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = holds
}

// Checks says what is ready and what is not, each by name.
func (c *Controller) Checks() []Check {
	s := &c.state
	s.mu.Lock()
	defer s.mu.Unlock()
	checks := slices.Clone(s.sources)
	if len(checks) == 0 {
		checks = append(checks, Check{Name: "sources", State: "not read yet"})
	}
	for _, h := range s.holds {
		checks = append(checks, Check{Name: "deletions", OK: true, Warn: true, State: hinted(h)})
	}
	status := c.Lease.Status()
	if !status.Alone {
		checks = append(checks, held(status))
	}
	if !status.Leading {
		return checks // a replica that stands by makes no call, and is ready to lead
	}
	return append(checks, s.credentials(), s.visible())
}

// Overview is what a status page shows.
type Overview struct {
	Leadership string // in a sentence
	Checks     []Check
	Zones      []ZoneOverview
	Refusals   []RefusalCount // by reason
	Holds      []Hold
}

// ZoneOverview is a zone with when the oldest part of what is known of it was
// read; the zero time if it was not yet.
type ZoneOverview struct {
	Zone dns.Zone
	Read time.Time
}

// RefusalCount is how many things are refused at present for a reason.
type RefusalCount struct {
	Reason plan.Reason
	Count  int
}

// Overview says how things stand. It does not wait for what is under way.
func (c *Controller) Overview() Overview {
	o := Overview{Leadership: "This process writes, and no other is contended with.", Checks: c.Checks()}
	if s := c.Lease.Status(); !s.Alone || !s.Leading {
		o.Leadership = strings.ToUpper(held(s).State[:1]) + held(s).State[1:] + "."
	}
	c.mu.RLock()
	var reads []ZoneOverview
	for _, z := range c.places.zones {
		at := time.Time{}
		if k := c.keepers[z.ID]; k != nil {
			at = k.read()
		}
		reads = append(reads, ZoneOverview{z, at})
	}
	c.mu.RUnlock()
	open := c.ledger.refused()
	for _, reason := range slices.Sorted(maps.Keys(open)) {
		o.Refusals = append(o.Refusals, RefusalCount{reason, open[reason]})
	}
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	o.Zones, o.Holds = reads, slices.Clone(c.state.holds)
	return o
}

// held says who writes.
func held(s lease.Status) Check {
	check := Check{Name: "lease", OK: true, State: "held by nobody that is known"}
	switch {
	case s.Leading:
		check.State = "this replica leads"
	case s.Leader != "":
		check.State = "standing by, " + s.Leader + " leads"
	}
	if s.Trouble != "" {
		check.State += "; " + s.Trouble
	}
	return check
}

// credentials says whether the service takes them, as far as is known.
func (s *state) credentials() Check {
	check, trouble := Check{Name: "credentials"}, s.troubles()
	switch {
	case !s.tried:
		check.State = "not tried yet"
	case errors.Is(trouble, provider.ErrDenied):
		check.State = hinted(trouble)
	case trouble != nil && len(s.zones) == 0 && !errors.Is(trouble, provider.ErrNoZone):
		check.State = "not accepted yet"
	default:
		check.OK, check.State = true, "accepted"
	}
	return check
}

// visible says which zones there are.
func (s *state) visible() Check {
	trouble := s.troubles()
	switch {
	case !s.tried:
		return Check{Name: "zones", State: "not read yet"}
	case errors.Is(trouble, provider.ErrNoZone):
		return Check{Name: "zones", State: hinted(trouble)}
	case len(s.zones) == 0:
		return Check{Name: "zones", State: "none read yet"}
	case len(s.unread) > 0:
		return Check{Name: "zones", State: fmt.Sprintf("%d of %d are read for the first time", len(s.unread), len(s.zones))}
	}
	if s.stale != nil {
		return Check{Name: "zones", OK: true, Warn: true, State: list(s.zones) + "; " + hinted(s.stale)}
	}
	return Check{Name: "zones", OK: true, State: list(s.zones)}
}

// hinted returns an error with what a person can do about it.
func hinted(err error) string {
	if hint := provider.Hint(err); hint != "" {
		return fmt.Sprintf("%v (%s)", err, hint)
	}
	return err.Error()
}
