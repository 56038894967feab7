package controller

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/source"
)

// Check is one thing that readiness depends on, or that is worth knowing.
type Check struct {
	Name  string // "source service", "zones"
	OK    bool   // false: not ready
	State string // in words
}

// state is what other goroutines may ask of the controller.
type state struct {
	mu      sync.Mutex
	sources []Check
	zones   []dns.Zone
	tried   bool
	err     error
}

func (s *state) setKinds(kinds []source.Kind, status map[schema.GroupVersionKind]objects.Status) {
	var checks []Check
	for _, k := range kinds {
		check := Check{Name: "source " + k.Source, OK: true, State: "synced"}
		switch st := status[k.GVK]; {
		case st.Frozen():
			check.State = "frozen: " + st.Reason // its record sets stay, and the others go on
		case !st.Synced:
			check.OK, check.State = false, "not read yet"
		}
		checks = append(checks, check)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = checks
}

func (s *state) setZones(zones []dns.Zone, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried, s.err = true, err
	if zones != nil {
		s.zones = zones
	}
}

// Checks says what is ready and what is not, each by name.
func (c *Controller) Checks() []Check {
	s := &c.state
	s.mu.Lock()
	defer s.mu.Unlock()
	checks := append([]Check(nil), s.sources...)
	if len(checks) == 0 {
		checks = append(checks, Check{Name: "sources", State: "not read yet"})
	}
	credentials := Check{Name: "credentials", OK: true, State: "accepted"}
	zones := Check{Name: "zones", OK: len(s.zones) > 0, State: list(s.zones)}
	switch {
	case !s.tried:
		credentials = Check{Name: "credentials", State: "not tried yet"}
		zones.State = "not read yet"
	case s.err != nil:
		if isDenied(s.err) {
			credentials.OK, credentials.State = false, s.err.Error()
			if hint := provider.Hint(s.err); hint != "" {
				credentials.State = fmt.Sprintf("%s (%s)", credentials.State, hint)
			}
		}
		if len(s.zones) == 0 {
			zones.State = "none read yet"
		}
		checks = append(checks, Check{Name: "last pass", OK: true, State: s.err.Error()})
	}
	return append(checks, credentials, zones)
}
