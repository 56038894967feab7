package controller

import (
	"maps"
	"sync"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// Memory is what one leader leaves to the next, and one start to the next: the
// state of its guards, by zone ID. Its methods may be called concurrently.
type Memory interface {
	// Recall returns what the leader before left. All is false if of zones that are
	// not among these nothing is known, and else the zero state is.
	Recall() (states map[string]plan.GuardState, all bool)
	// Remember leaves this to the next. It does not wait until it is written.
	Remember(map[string]plan.GuardState)
}

// legacy is what the guards of this tenure know and leave.
type legacy struct {
	memory Memory // nil: nothing is left

	mu     sync.Mutex
	all    bool                       // of zones without a state the zero state is known
	kept   bool                       // something was left by this tenure
	states map[string]plan.GuardState // none that says nothing
}

// begin recalls what the leader before left.
func (l *legacy) begin() {
	if l.memory == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var states map[string]plan.GuardState
	l.kept = false
	states, l.all = l.memory.Recall()
	l.states = maps.Clone(states)
	if l.states == nil {
		l.states = map[string]plan.GuardState{}
	}
}

// resume tells a new guard of what was before it, if that is known.
func (l *legacy) resume(z dns.Zone, g *plan.Guard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, left := l.states[z.ID]; left || l.all {
		g.Resume(s)
	}
}

// keep leaves the state of a guard to the next leader.
func (l *legacy) keep(z dns.Zone, s plan.GuardState) {
	if l.memory == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old, left := l.states[z.ID]
	if same := left && s.Equal(old) || !left && s.Equal(plan.GuardState{}); same && (l.all || l.kept) {
		return
	}
	l.kept = true
	if s.Equal(plan.GuardState{}) {
		delete(l.states, z.ID)
	} else {
		l.states[z.ID] = s
	}
	// What went long ago in zones that are not kept any more says nothing either.
	maps.DeleteFunc(l.states, func(_ string, s plan.GuardState) bool { return s.Over(time.Now()) })
	l.memory.Remember(maps.Clone(l.states))
}
