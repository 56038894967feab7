package plan

import (
	"maps"
	"slices"
	"time"
)

// GuardState is what a guard leaves to the next one of its zone. It is small,
// however large the zone is. Its JSON form is kept outside the process.
type GuardState struct {
	ID   string `json:"id,omitempty"`   // of what is held
	Held int    `json:"held,omitempty"` // how many keys are held
	Of   int    `json:"of,omitempty"`   // of how many names and types of ours, when the first became pending
	Max  string `json:"max,omitempty"`  // the [Limit] that was exceeded
	Went []Went `json:"went,omitempty"` // within the last [Window], unasked
}

// Went is how many deletions happened up to a time.
type Went struct {
	At    int64 `json:"at"` // seconds since 1970
	Count int   `json:"n"`
}

// pastStep is how exactly the times of deletions are kept.
const pastStep = 10 * time.Second

// past is what a guard knows of the time before it.
type past struct {
	whole bool // the next plan is of the whole zone
	done  bool // the whole zone has been seen
	known bool // what was before was told
	state GuardState
}

// seen notes that a plan was seen, and reports whether it was the first of the
// whole zone, by a guard that knows nothing of what was before.
func (p *past) seen() bool {
	first := p.whole && !p.done
	p.done = p.done || p.whole
	return first && !p.known
}

// gone is how many deletions happened within the last [Window].
func (p *past) gone() int {
	n := 0
	for _, w := range p.state.Went {
		n += w.Count
	}
	return n
}

func (p *past) expire(now time.Time) {
	for len(p.state.Went) > 0 && now.Sub(time.Unix(p.state.Went[0].At, 0)) >= Window {
		p.state.Went = p.state.Went[1:]
	}
}

// Resume tells a guard for which nothing has happened yet what the one before it
// left: the zero state if that held nothing and nothing had gone.
func (g *Guard) Resume(s GuardState) {
	g.past.known, g.past.state = true, s
}

// State returns what the guard leaves to the next one.
func (g *Guard) State() GuardState {
	s := GuardState{ID: g.hold.ID, Held: len(g.hold.Keys)}
	if g.past.known && g.past.state.Held > 0 {
		s.ID, s.Held, s.Of, s.Max = g.past.state.ID, g.past.state.Held, g.past.state.Of, g.past.state.Max
	} else if s.Held > 0 {
		s.Of, s.Max = min(g.base, g.total), g.limit.String()
	}
	counts := map[int64]int{}
	for _, at := range g.recent {
		counts[at.Truncate(pastStep).Add(pastStep).Unix()]++
	}
	for _, w := range g.past.state.Went {
		counts[w.At] += w.Count
	}
	for _, at := range slices.Sorted(maps.Keys(counts)) {
		s.Went = append(s.Went, Went{at, counts[at]})
	}
	return s
}

// takeOver holds what the guard before this one held, as soon as the whole zone
// has been seen: with all that is pending by then, as that one would have. If
// less is pending than was held, objects came back meanwhile; if the limit is
// another, a person has changed it. Then it judges anew.
func (g *Guard) takeOver(approved func(id string) bool) {
	was := g.past.state
	if was.Held == 0 || !g.past.done {
		return
	}
	g.holdAgain(was)
	if was.ID != "" && !g.Knows(was.ID) && approved(was.ID) {
		g.stale = append(g.stale, was.ID)
	}
}

func (g *Guard) holdAgain(was GuardState) {
	g.past.state.ID, g.past.state.Held, g.past.state.Of, g.past.state.Max = "", 0, 0, ""
	pending := 0
	for _, d := range g.all() {
		if !d.approved {
			d.joined = 1
			pending++
		}
	}
	if pending == 0 {
		return
	}
	g.base = min(g.base, max(was.Of, pending))
	g.joined, g.returned = 1, pending < was.Held || was.Max != g.limit.String()
	g.issue()
}

// Equal reports whether two states are the same.
func (s GuardState) Equal(t GuardState) bool {
	return s.ID == t.ID && s.Held == t.Held && s.Of == t.Of && s.Max == t.Max && slices.Equal(s.Went, t.Went)
}

// Over reports whether the state says nothing any more.
func (s GuardState) Over(now time.Time) bool {
	return s.Held == 0 && (len(s.Went) == 0 || now.Sub(time.Unix(s.Went[len(s.Went)-1].At, 0)) >= Window)
}
