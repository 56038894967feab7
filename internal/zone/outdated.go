package zone

import (
	"errors"
	"slices"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
)

// planned is what the batches of a synchronisation rest on. A batch may wait long
// for its turn, and objects that come back meanwhile must find what they want.
type planned struct {
	wanted   Wanted
	at       time.Time // when it was last seen to hold
	outdated bool      // a group was dropped, so that its names have to be planned anew
}

// soon is how long a plan may be acted on without another look.
const soon = time.Second

// errOutdated says that a batch would delete what is to go no more.
var errOutdated = errors.New("the plan is outdated")

// check looks again at the deletions of a batch that has waited.
func (w *Worker) check(b dns.Batch) error {
	if w.planned.wanted.At == nil || time.Since(w.planned.at) < soon || !slices.ContainsFunc(b, deletes) {
		return nil
	}
	if len(w.fresh(b)) < len(b) {
		return errOutdated
	}
	w.planned.at = time.Now()
	return nil
}

// fresh leaves out of a batch the groups whose deletions would not be planned now.
func (w *Worker) fresh(b dns.Batch) dns.Batch {
	var names []dns.Name
	for _, g := range b {
		if deletes(g) {
			names = append(names, w.concerns(g)...)
		}
	}
	slices.SortFunc(names, dns.Name.Compare)
	p, _ := w.Plan(slices.Compact(names), w.planned.wanted)
	goes := map[dns.Key]bool{}
	for _, g := range p.Groups {
		for _, c := range g {
			goes[c.Key()] = goes[c.Key()] || c.Action() == dns.Delete
		}
	}
	kept := slices.DeleteFunc(slices.Clone(b), func(g dns.Group) bool {
		return slices.ContainsFunc(g, func(c dns.Change) bool { return c.Action() == dns.Delete && !goes[c.Key()] })
	})
	w.planned.outdated = w.planned.outdated || len(kept) < len(b)
	return kept
}

func deletes(g dns.Group) bool {
	return slices.ContainsFunc(g, func(c dns.Change) bool { return c.Action() == dns.Delete })
}
