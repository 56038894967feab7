package controller

import (
	"maps"
	"slices"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
)

// owed is the names of a zone that could not be brought up to date, with the time
// at which each is tried again: soon, then after pauses that grow. Names that wait
// for something else, which comes at a known time, are owed too.
type owed struct{ tries map[dns.Name]try }

type try struct {
	failed int
	due    time.Time
}

func newOwed() *owed { return &owed{tries: map[dns.Name]try{}} }

const (
	// firstPause is how long what was tried in vain waits at first.
	firstPause = 5 * time.Second
	// longestPause is how long the service's refusal of single changes keeps them
	// from being tried again, at most.
	longestPause = 10 * time.Minute
	// longestBlind is the same where a zone cannot be read or written at all.
	longestBlind = time.Minute
)

// backOff returns how long to wait after a number of failures in a row, and one
// more.
func backOff(failed int, limit time.Duration) time.Duration {
	return min(limit, firstPause<<min(failed, 10))
}

// tried notes which names were tried, and which of them, or beside them, in vain.
// What failed as often falls due together, so that many names do not become as
// many calls.
func (o *owed) tried(now time.Time, names, failed []dns.Name, limit time.Duration) {
	before := map[dns.Name]int{}
	for _, n := range failed {
		before[n] = o.tries[n].failed
	}
	o.forget(names...)
	for n, failed := range before {
		pause := backOff(failed, limit)
		due := now.Add(pause).Truncate(pause)
		if due.Sub(now) < pause/2 {
			due = due.Add(pause)
		}
		o.tries[n] = try{failed + 1, due}
	}
}

// hurry makes all that was tried in vain due now.
func (o *owed) hurry(now time.Time) {
	for n, t := range o.tries {
		if t.failed > 0 {
			o.tries[n] = try{t.failed, now}
		}
	}
}

// wait notes that a name is to be planned at a certain time, or before.
func (o *owed) wait(due time.Time, n dns.Name) {
	if t, known := o.tries[n]; !known || due.Before(t.due) {
		o.tries[n] = try{t.failed, due}
	}
}

// has reports whether a name is owed.
func (o *owed) has(n dns.Name) bool {
	_, known := o.tries[n]
	return known
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
func (o *owed) forget(names ...dns.Name) {
	for _, n := range names {
		delete(o.tries, n)
	}
}

// names returns all owed names.
func (o *owed) names() []dns.Name { return slices.Collect(maps.Keys(o.tries)) }

// due returns the names whose time has come.
func (o *owed) due(now time.Time) []dns.Name {
	var out []dns.Name
	for n, t := range o.tries {
		if !now.Before(t.due) {
			out = append(out, n)
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
