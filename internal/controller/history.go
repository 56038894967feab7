package controller

import (
	"cmp"
	linked "container/list"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// LastChange is what was changed at an owner name at last.
type LastChange struct {
	At      time.Time
	Changes []string // "CREATE A", in the order of types; claims left out
	Batch   int      // how many changes were accepted together
}

// String returns what was changed: "CREATE A, DELETE CNAME".
func (c LastChange) String() string { return strings.Join(c.Changes, ", ") }

// history remembers the last change at each of the names that were changed
// most recently.
type history struct {
	last  map[place]*linked.Element // to an element of order
	order *linked.List              // of remembered; what changed at last is at the end
}

type remembered struct {
	at place
	LastChange
}

// manyChanges bounds how many names are remembered.
const manyChanges = 5000

func newHistory() history { return history{map[place]*linked.Element{}, linked.New()} }

// at returns the last change at a name of a zone, false if none is remembered.
func (h *history) at(zone string, n dns.Name) (LastChange, bool) {
	e, ok := h.last[place{zone, n}]
	if !ok {
		return LastChange{}, false
	}
	r, ok := e.Value.(remembered)
	return r.LastChange, ok
}

func (h *history) add(zone string, changes []dns.Change) {
	byName := map[dns.Name][]dns.Change{}
	for _, c := range changes {
		if set := cmp.Or(c.New, c.Old); plan.IsClaim(*set) {
			continue
		}
		byName[c.Key().Name] = append(byName[c.Key().Name], c)
	}
	for n, here := range byName {
		slices.SortFunc(here, func(a, b dns.Change) int {
			return cmp.Or(a.Key().Compare(b.Key()), cmp.Compare(a.Action(), b.Action()))
		})
		entry := LastChange{At: time.Now(), Batch: len(changes)}
		for _, c := range here {
			word := string(c.Action()) + " " + string(c.Key().Type)
			if c.Key().SetID != "" {
				word += " (" + c.Key().SetID + ")"
			}
			entry.Changes = append(entry.Changes, word)
		}
		h.put(place{zone, n}, entry)
	}
}

func (h *history) put(at place, c LastChange) {
	if e, known := h.last[at]; known {
		h.order.Remove(e)
	} else if len(h.last) == manyChanges {
		if oldest, ok := h.order.Remove(h.order.Front()).(remembered); ok {
			delete(h.last, oldest.at)
		}
	}
	h.last[at] = h.order.PushBack(remembered{at, c})
}
