package controller

import (
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
)

// owed is the names that could not be brought up to date, with the time at
// which each is tried again: soon, then after pauses that grow. Names that wait
// for something else, which comes at a known time, are owed too.
type owed struct {
	limit time.Duration // the longest pause
	tries map[place]try
}

type try struct {
	failed int
	due    time.Time
}

func newOwed(limit time.Duration) *owed { return &owed{limit: limit, tries: map[place]try{}} }

// backOff returns how long to wait after a number of failures in a row: seconds
// at first, then longer, up to the limit.
func backOff(failed int, limit time.Duration) time.Duration {
	return min(limit, time.Second<<min(failed, 10))
}

// tried notes which names of a zone were tried, and which of them, or beside
// them, in vain. What failed as often falls due together, so that many names do
// not become as many calls.
func (o *owed) tried(now time.Time, zone string, names, failed []dns.Name) {
	before := map[dns.Name]int{}
	for _, n := range failed {
		before[n] = o.tries[place{zone, n}].failed
	}
	o.forget(zone, names)
	for n, failed := range before {
		pause := backOff(failed+1, o.limit)
		due := now.Add(pause).Truncate(pause)
		if due.Sub(now) < pause/2 {
			due = due.Add(pause)
		}
		o.tries[place{zone, n}] = try{failed + 1, due}
	}
}

// wait notes that a name is to be planned at a certain time, or before.
func (o *owed) wait(due time.Time, zone string, n dns.Name) {
	at := place{zone, n}
	if t, known := o.tries[at]; !known || due.Before(t.due) {
		o.tries[at] = try{t.failed, due}
	}
}

// failing reports whether any name was tried in vain.
func (o *owed) failing() bool {
	for _, t := range o.tries {
		if t.failed > 0 {
			return true
		}
	}
	return false
}

// forget drops names that are up to date, or will be planned anew.
func (o *owed) forget(zone string, names []dns.Name) {
	for _, n := range names {
		delete(o.tries, place{zone, n})
	}
}

// names returns all owed names of a zone.
func (o *owed) names(zone string) []dns.Name {
	var names []dns.Name
	for at := range o.tries {
		if at.zone == zone {
			names = append(names, at.name)
		}
	}
	return names
}

// keep forgets all names of zones that are not kept.
func (o *owed) keep(zone func(id string) bool) {
	for at := range o.tries {
		if !zone(at.zone) {
			delete(o.tries, at)
		}
	}
}

// due returns the names whose time has come, by zone.
func (o *owed) due(now time.Time) map[string][]dns.Name {
	out := map[string][]dns.Name{}
	for at, t := range o.tries {
		if !now.Before(t.due) {
			out[at.zone] = append(out[at.zone], at.name)
		}
	}
	return out
}

// next returns when the first name falls due, false if none is owed.
func (o *owed) next() (time.Time, bool) {
	var first time.Time
	for _, t := range o.tries {
		if first.IsZero() || t.due.Before(first) {
			first = t.due
		}
	}
	return first, !first.IsZero()
}
