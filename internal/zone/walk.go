package zone

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// walk is where a worker is on its rounds through the zone, page by page. The
// first round makes the zone known, each further one is an audit.
type walk struct {
	cursor  provider.Cursor // of the next page; "": a round begins
	begun   bool            // a round is under way
	round   uint32
	reads   int               // whole reads besides, each of which makes a page under way obsolete
	carry   []dns.RecordSet   // of the last name of the last page, which goes on on the next
	written map[dns.Name]bool // names about which more is known than pages under way may tell
	point   map[dns.Name]bool // names read out of turn, until the zone is known
	whole   bool              // the zone has been read once
}

func newWalk() walk {
	return walk{written: map[dns.Name]bool{}, point: map[dns.Name]bool{}}
}

// Page is a page of record sets, as it was read at some time.
type Page struct {
	sets  []dns.RecordSet
	next  provider.Cursor
	reads int
}

// Turn begins to read the next page. What it returns reads it, and may run
// beside all other methods; its answer is for [Worker.Merge], or there is none.
// One turn at a time.
func (w *Worker) Turn() func(context.Context) (Page, error) {
	if !w.walk.begun {
		w.mu.Lock()
		w.walk.begun = true
		w.walk.round++
		w.image.Begin(w.walk.round)
		w.mu.Unlock()
	}
	w.forgetWritten()
	from, reads, priority := w.walk.cursor, w.walk.reads, Audit
	if !w.walk.whole {
		priority = Load
	}
	return func(ctx context.Context) (Page, error) {
		page := Page{reads: reads}
		err := w.calls.read(ctx, priority, func(call context.Context) (err error) {
			page.sets, page.next, err = w.provider.Page(call, w.zone, from)
			return err
		})
		if err != nil {
			return Page{}, fmt.Errorf("list record sets in %s: %w", w.zone, err)
		}
		return page, nil
	}
}

// Merge puts a page into the image. What was written, or read otherwise, since
// the page was asked for counts for more. It returns the names that turned out to
// hold something other than the image did, and whether a round is done.
func (w *Worker) Merge(p Page) (changed []dns.Name, done bool) {
	if p.reads != w.walk.reads {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	sets := append(w.walk.carry, p.sets...)
	w.walk.carry = nil
	if len(sets) > 0 && p.next != "" && !w.provider.Passed(p.next, sets[len(sets)-1].Name) {
		i := len(sets) - 1
		for i > 0 && sets[i-1].Name == sets[i].Name {
			i--
		}
		sets, w.walk.carry = sets[:i:i], slices.Clone(sets[i:])
	}
	for len(sets) > 0 {
		n := 1
		for n < len(sets) && sets[n].Name == sets[0].Name {
			n++
		}
		if w.compare(sets[0].Name, sets[:n:n]) {
			changed = append(changed, sets[0].Name)
		}
		sets = sets[n:]
	}
	if w.walk.cursor = p.next; p.next != "" {
		return changed, false
	}
	for _, name := range w.image.Unseen(w.walk.round) {
		w.image.Replace([]dns.Name{name}, nil)
		delete(w.doubts, name)
		changed = append(changed, name)
	}
	w.walk.begun, w.walk.whole, w.walk.point = false, true, map[dns.Name]bool{}
	return changed, true
}

// compare puts what a page tells of a name into the image, and reports whether
// that is something new.
func (w *Worker) compare(name dns.Name, sets []dns.RecordSet) bool {
	w.image.Seen(name, w.walk.round)
	if w.walk.written[name] {
		return false
	}
	delete(w.doubts, name)
	if sameSets(w.image.At(name), sets) {
		return false
	}
	w.image.Replace([]dns.Name{name}, sets)
	return true
}

// forgetWritten forgets what a page that is asked for now will know: all but the
// name of which the last page told half.
func (w *Worker) forgetWritten() {
	if len(w.walk.carry) > 0 && w.walk.written[w.walk.carry[0].Name] {
		w.walk.written = map[dns.Name]bool{w.walk.carry[0].Name: true}
		return
	}
	clear(w.walk.written)
}

// sameSets reports whether two lists hold the same sets, as they are listed.
func sameSets(a, b []dns.RecordSet) bool {
	if len(a) != len(b) {
		return false
	}
	for _, set := range a {
		same := func(other dns.RecordSet) bool {
			if !set.Equal(other) {
				return false
			}
			l, o := set.Listed(), other.Listed()
			return l.Name == o.Name && l.AliasTarget == o.AliasTarget && slices.Equal(l.Values, o.Values)
		}
		if !slices.ContainsFunc(b, same) {
			return false
		}
	}
	return true
}

// Whole reports whether the zone has been read once. Before, absence at a name
// tells nothing unless the name is [Worker.Known].
func (w *Worker) Whole() bool { return w.walk.whole }

// Begun reports whether a page of the zone has been read, of several.
func (w *Worker) Begun() bool { return w.walk.cursor != "" }

// Concerned returns the names that may have to be planned since what stands at
// these has changed: themselves, and those of which claims there may speak.
func (w *Worker) Concerned(changed []dns.Name) []dns.Name {
	names := slices.Clone(changed)
	if w.rules.Claims == nil {
		return names
	}
	for _, n := range changed {
		for _, r := range w.rules.Claims.Reads(n, w.zone.Name) {
			names = append(names, r.Name)
		}
	}
	slices.SortFunc(names, dns.Name.Compare)
	return slices.Compact(names)
}

// Round reports whether a round is under way.
func (w *Worker) Round() bool { return w.walk.begun }

// Known reports whether all has been read that a plan of a name looks at.
func (w *Worker) Known(name dns.Name) bool {
	if w.walk.whole {
		return true
	}
	for n := range w.around(name) {
		if w.unread(n) {
			return false
		}
	}
	return true
}

func (w *Worker) unread(name dns.Name) bool {
	passed := w.walk.cursor != "" && w.provider.Passed(w.walk.cursor, name)
	return !passed && !w.walk.point[name]
}

// around yields the names that a plan of a name looks at: itself, those of its
// claims, and those that share them; some of them more than once. The first are
// the cheapest to tell: of many names that are not known most fail there.
func (w *Worker) around(name dns.Name) iter.Seq[dns.Name] {
	return func(yield func(dns.Name) bool) {
		if !yield(name) {
			return
		}
		claims := w.candidates(name)
		for _, c := range claims {
			if !yield(c) {
				return
			}
		}
		shared := map[dns.Name]bool{name: true}
		for _, c := range claims {
			for _, r := range w.rules.Claims.Reads(c, w.zone.Name) {
				if shared[r.Name] {
					continue
				}
				shared[r.Name] = true
				if !yield(r.Name) {
					return
				}
				for _, n := range w.candidates(r.Name) {
					if !yield(n) {
						return
					}
				}
			}
		}
	}
}

// Learn reads what is not known around these names, out of turn.
func (w *Worker) Learn(ctx context.Context, names []dns.Name) error {
	var unread []dns.Name
	for _, name := range names {
		for n := range w.around(name) {
			if w.unread(n) {
				unread = append(unread, n)
			}
		}
	}
	slices.SortFunc(unread, dns.Name.Compare)
	return w.readAt(ctx, slices.Compact(unread))
}
