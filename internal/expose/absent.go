package expose

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// patience is how long ports stay open for a Service that vanished without having been seen to be deleted. A proper deletion
// waits for our finalizer, so that this is a fault, such as an API server restored from an old backup, or somebody took the
// finalizer off. It is long enough for a fault to be noticed and mended, while the engine's guard holds the names, and short
// enough that a port for which nobody listens any more does not stay open for long.
//
// What was served is in memory only: after a restart, or when another replica has taken over, a Service that is not listed is
// unknown, and its ports are closed at once.
const patience = 15 * time.Minute

// served is a Service that asked for nodes when it was listed last, as it stood then.
type served struct {
	*corev1.Service
	members []Member
	until   time.Time // when its ports are closed; zero while it has not been missed
}

// missing returns what was served and is listed no more.
func (c *Controller) missing(listed []*corev1.Service) map[string]*served {
	out := maps.Clone(c.served)
	for _, s := range listed {
		delete(out, nameOf(s))
	}
	return out
}

// miss tells which Services have vanished, and gives up those for which the time is over. It returns when the next is due.
func (p *pass) miss(now time.Time) (next time.Time) {
	var missed []string
	for name, s := range p.absent {
		if s.until.IsZero() {
			s.until = now.Add(patience)
			missed = append(missed, name)
		}
		if !now.Before(s.until) {
			delete(p.absent, name)
			delete(p.served, name)
		} else if next.IsZero() || s.until.Before(next) {
			next = s.until
		}
	}
	if slices.Sort(missed); len(missed) > 0 {
		p.Log.Warn("Services are not listed any more, and were not seen to be deleted: their ports stay open for a while", "services", list(missed),
			"until", now.Add(patience), "hint", "if they were deleted without their finalizer there is nothing to do")
	}
	return next
}

// remember notes what is served after a pass. What was seen to ask for nothing is not missed.
func (p *pass) remember() {
	next := maps.Clone(p.absent)
	if next == nil {
		next = map[string]*served{}
	}
	for name, s := range p.services {
		members, done := p.after[name]
		if !done { // the pass did not come so far
			members = p.known[name].Members
		}
		if len(members) > 0 && p.known[name].Ask != nil && noted(s) {
			next[name] = &served{Service: s, members: members}
		}
	}
	p.served = next
}

// addTo has the firewall let in what it did, on nodes that may be gone since.
func (s *served) addTo(want *Want) {
	members := slices.Clone(s.members)
	for i := range members {
		members[i].State = Leaving
	}
	want.Add(lets(s.Service), members)
}
