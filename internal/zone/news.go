package zone

import (
	"maps"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
)

// news is the names at which reads out of turn have found something other than
// the image held, until they are planned. A page that comes later finds nothing
// new there.
type news map[dns.Name]bool

// compareRead notes what is new in what was read at some names. Before the zone is known
// all of it is, and all of it is planned when it is.
func (w *Worker) compareRead(names []dns.Name, sets []dns.RecordSet) {
	if !w.walk.whole {
		return
	}
	read := map[dns.Name][]dns.RecordSet{}
	for _, s := range sets {
		read[s.Name] = append(read[s.Name], s)
	}
	for _, n := range names {
		if !sameSets(w.image.At(n), read[n]) {
			w.news[n] = true
		}
	}
}

// compareWhole notes what is new in another image of the zone.
func (w *Worker) compareWhole(read *Image) {
	if !w.walk.whole {
		return
	}
	for n := range read.Names() {
		if !sameSets(w.image.At(n), read.At(n)) {
			w.news[n] = true
		}
	}
	for n := range w.image.Names() {
		if len(read.At(n)) == 0 {
			w.news[n] = true
		}
	}
}

// planned forgets what was new at names that are planned now.
func (n news) planned(names []dns.Name) {
	if len(n) > 0 {
		for _, name := range names {
			delete(n, name)
		}
	}
}

// take returns the names, in order, and forgets them.
func (n news) take() []dns.Name {
	names := slices.SortedFunc(maps.Keys(n), dns.Name.Compare)
	clear(n)
	return names
}
