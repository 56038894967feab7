package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// departure is a name and type of ours that went.
type departure struct {
	at time.Time
	of key      // without identifier
	by *process // nil: not by a process, or with something of ours in its place
}

// departed names what may go because a person approved it.
type departed struct{ zone, name, typ string }

// window is how long a deletion counts towards the guard's limit, and few and handful are how much it never forbids: 30 % and
// more than few, or all of more than handful.
const (
	window  = 10 * time.Minute
	share   = 30
	few     = 10
	handful = 3
)

// lag is how long a process may act on what it saw before: a batch may wait for the account's rate, and be on its way.
const lag = 30 * time.Second

// unread is how long a process may know nothing of an edit: it reads its zones in turns, and Route 53 may be of no use.
const unread = time.Hour

// reconnects is how long after trouble a process may take to see the objects as they are.
const reconnects = 2 * time.Minute

// judgeCall holds what one call did in a zone to the invariants, and reports whether it did anything. w.mu is held.
func (w *world) judgeCall(p *process, z *zone, before contents, late bool) bool {
	after := z.now()
	changed := false
	for k, s := range before {
		now, stands := after[k]
		if stands && text(now) == text(s) {
			continue
		}
		changed = true
		w.judgeTouch(p, z, before, k, stands, late)
	}
	for k, s := range after {
		was, stood := before[k]
		if stood && text(was) == text(s) {
			continue
		}
		changed = true
		if !stood {
			w.count("sets created")
		}
		if of, _, ok := claim(s); ok && of != owner {
			w.fail("%s wrote a claim of %s: %s %s", p.name, of, k, text(s))
		} else if of, _ := z.ownerOf(after, k); !ok && of != owner && !z.oldClaim(after, k) {
			w.fail("%s wrote %s %s in %s without a claim of ours", p.name, k, text(s), z)
		}
		delete(w.exempt, departed{z.id, k.name, k.typ})
	}
	if !changed {
		return false
	}
	w.judgeDeletions(p, z, before, late)
	w.judgeWriters(p, late)
	if w.farm != nil {
		w.farm.judgeNames()
	}
	return true
}

// judgeTouch judges that a standing set was changed or deleted: it must have been ours, and if it stays its claim does.
func (w *world) judgeTouch(p *process, z *zone, before contents, k key, stays, late bool) {
	s := before[k]
	if of, _, ok := claim(s); ok {
		if of != owner {
			w.fail("%s touched the claim %s of %s in %s", p.name, k, of, z)
		}
		return
	}
	of, _ := z.ownerOf(before, k)
	switch {
	case of == "" && w.lostClaim(p, z, before, k, late):
		w.count("sets claimed again")
	case of == "" && z.oldClaim(before, k):
		w.count("sets claimed the old way")
	case of != owner:
		w.fail("%s touched %s in %s, which is not ours (owner %q): %s became %s", p.name, k, z, of, text(s), text(z.now()[k]))
	case stays:
		w.count("sets changed")
	default:
		w.count("sets deleted")
	}
}

// judgeDeletions judges what of ours went.
func (w *world) judgeDeletions(p *process, z *zone, before contents, late bool) {
	// A set that stays as it was may not lose its claim.
	for k, s := range before {
		now, stands := z.now()[k]
		was, _ := z.ownerOf(before, k)
		is, _ := z.ownerOf(z.now(), k)
		if stands && was == owner && is != owner && text(now) == text(s) && !isClaim(s) {
			w.fail("%s took the claim of %s in %s and left the set", p.name, k, z)
		}
	}
	had, has := z.ours(before), z.ours(z.now())
	z.gone = slices.DeleteFunc(z.gone, func(d departure) bool { return time.Since(d.at) >= window || has[d.of] })
	recent, known := w.remembered(p, z), len(z.gone)
	of := len(had) + len(z.gone) + len(w.vanished(z, had))
	for _, k := range slices.SortedFunc(maps.Keys(had), key.compare) {
		if has[k] {
			continue
		}
		if replaced(z, before, k.name) {
			z.lost = append(z.lost, departure{time.Now(), k, nil})
			continue
		}
		w.count("names deleted")
		w.judgeCause(p, z, before, k, late)
		if !w.exempt[departed{z.id, k.name, k.typ}] {
			z.gone = append(z.gone, departure{time.Now(), k, p})
		}
	}
	gone := recent + len(z.gone) - known
	if len(z.gone) == known {
		return
	}
	if gone > few && 100*gone > share*of || gone > handful && gone >= of {
		w.fail("%s deleted %d of %d names and types of ours in %s within %s, and nobody approved it", p.name, gone, of, z, window)
	}
}

// remembered counts the deletions that a process must know of: its own, and with a Lease, where each leader leaves to the next what
// went, also those of others who lived on for some time. Where there was trouble since then a leader may have left nothing, and even
// the same process may have begun anew as one. What is wanted again is about to be made again; a process that never heard what became
// of the deletion does not count it.
func (w *world) remembered(p *process, z *zone) int {
	n := 0
	for _, d := range z.gone {
		if slices.ContainsFunc(w.askers[place{z.id, d.of.name}], func(a *asker) bool { return a.until.IsZero() }) ||
			w.farm != nil && w.farm.wants(d.of.name) {
			continue
		}
		ended := d.by.ended.Load()
		troubled := slices.ContainsFunc(w.spells, func(s *spell) bool {
			return (s.process == "" || s.process == p.name || s.process == d.by.name) &&
				(s.kind == leases || s.kind == "" && !s.lies) && (s.until.IsZero() || s.until.After(d.at))
		})
		switch {
		case !w.contended && d.by == p,
			w.contended && !troubled && (d.by == p || ended > d.at.Add(renews).UnixNano()):
			n++
		}
	}
	return n
}

// renews is within how long a leader has written on the Lease what it leaves to the next.
const renews = 5 * time.Second

// vanished returns the names and types of ours that a process may still count in a zone, and that stand no more: what people took
// away and it has not read again since, and what gave way to something of ours after it had judged.
func (w *world) vanished(z *zone, have map[key]bool) map[key]bool {
	z.lost = slices.DeleteFunc(z.lost, func(d departure) bool { return time.Since(d.at) >= unread })
	all := map[key]bool{}
	for _, d := range z.lost {
		if !have[d.of] {
			all[d.of] = true
		}
	}
	return all
}

// replaced reports whether something of ours came, or was changed, at a name.
func replaced(z *zone, before contents, name string) bool {
	for k, s := range z.now() {
		if of, _ := z.ownerOf(z.now(), k); k.name != name || of != owner || isClaim(s) {
			continue
		}
		if was, stood := before[k]; !stood || text(was) != text(s) {
			return true
		}
	}
	return false
}

// judgeCause judges that a deletion had a cause: what went was unwanted in the API server at a time that the process can still
// have had before its eyes; the object that its claim named was not unknown; and its kind was not known to be unreadable.
//
// A process that could never read a kind since it began knows nothing of what its objects want. It may delete what the claim says to
// be another's who is gone, though an object of that kind wants it too.
func (w *world) judgeCause(p *process, z *zone, before contents, k key, late bool) {
	resource := ""
	for full := range before {
		if full.name == k.name && full.typ == k.typ {
			_, resource = z.ownerOf(before, full)
		}
	}
	for _, kind := range kinds {
		seen, unreadable := w.sight(p, kind, late)
		if seen.Before(p.began) {
			seen = time.Time{}
		}
		if since := w.wantedSince[wantedKey{place{z.id, k.name}, k.typ, kind}]; !since.IsZero() && since.Before(seen) && !w.lied(seen) &&
			!w.yields(z, before, k, seen) {
			w.fail("%s deleted %s in %s, which %s have wanted since %s and which it must have seen", p.name, k, z, kind, w.clock(since))
		}
		if kindOf(resource) != kind {
			continue
		}
		if since := w.unknownSince[resource]; !since.IsZero() && since.Before(seen) && !w.lied(seen) {
			w.fail("%s deleted %s in %s of %s, which has been unknown since %s", p.name, k, z, resource, w.clock(since))
		}
		if unreadable {
			w.fail("%s deleted %s in %s of %s, whose kind it cannot have been able to read", p.name, k, z, resource)
		}
	}
}

// kinds are those of the objects, as in paths.
var kinds = []string{"services", "ingresses"}

const leases = "leases"

// kindOf returns the kind that a claim's resource is of.
func kindOf(resource string) string {
	if strings.HasPrefix(resource, "ingress/") {
		return "ingresses"
	}
	return "services"
}

// sight returns since when a process must have seen what is in the API server of a kind, and whether it must know that it cannot read
// it.
func (w *world) sight(p *process, kind string, late bool) (seen time.Time, unreadable bool) {
	now := time.Now()
	slack := lag
	if late {
		slack += time.Minute
	}
	concerned := slices.DeleteFunc(slices.Clone(w.spells), func(s *spell) bool {
		return s.process != "" && s.process != p.name || !s.blurs(kind)
	})
	seen = now.Add(-slack)
	for again := true; again; {
		again = false
		for _, s := range concerned {
			if began := s.from.Add(-slack); began.Before(seen) && (s.until.IsZero() || s.until.Add(reconnects).After(seen)) {
				seen, again = began, true
			}
		}
	}
	for _, s := range concerned {
		lasts := s.errors && s.until.IsZero() && !late && (s.kind == "" || s.kind == kind)
		unreadable = unreadable || lasts && (now.Sub(s.from) > 3*time.Minute || s.from.Before(p.began))
	}
	return seen, unreadable
}

// lied reports whether lists came back empty though objects were there, at some time since then. What goes for that reason is
// the guard's to limit.
func (w *world) lied(since time.Time) bool {
	return slices.ContainsFunc(w.spells, func(s *spell) bool {
		return s.lies && (s.until.IsZero() || s.until.Add(reconnects).After(since))
	})
}

// judgeWriters judges that nobody else may write while a process does. What arrives late is left to compare-and-swap.
func (w *world) judgeWriters(p *process, late bool) {
	if !w.contended || late || time.Now().Before(w.severally()) {
		return
	}
	if w.writer != "" && w.writer != p.name {
		w.count("fail-overs")
	}
	w.writer = p.name
	for _, other := range w.replicas {
		if other != nil && other != p && other.leads() {
			w.fail("%s wrote while %s holds the lease", p.name, other.name)
		}
	}
}

// severally returns until when replicas may write side by side: leases were denied them, and they have not been able to learn that they
// are not denied any more.
func (w *world) severally() time.Time {
	until := w.alone
	for _, s := range w.spells { // in the order in which they began
		if s.kind != "" || s.lies || !s.from.Before(until) {
			continue
		}
		if s.until.IsZero() {
			return time.Now().Add(forever)
		}
		if end := s.until.Add(reconnects); end.After(until) {
			until = end
		}
	}
	return until
}

// spell is a time in which processes cannot see the objects as they are.
type spell struct {
	process string // "": all
	kind    string // of the objects, "": all, and leases too
	errors  bool   // they are told so
	lies    bool   // they are told that there are none
	hides   string // of which kind they are told so
	from    time.Time
	until   time.Time // zero: it lasts
}

// blurs reports whether what objects of a kind ask for cannot be seen as it is.
func (s *spell) blurs(kind string) bool {
	return s.kind == "" || s.kind == kind || kind == "services" && (s.kind == viaNodes || s.kind == viaEndpoints)
}

// trouble begins a spell; the function that it returns ends it.
func (w *world) trouble(s spell) (end func()) {
	s.from = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spells = slices.DeleteFunc(w.spells, func(s *spell) bool { return !s.until.IsZero() && time.Since(s.until) > 2*time.Hour })
	w.spells = append(w.spells, &s)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		s.until = time.Now()
	}
}

func (w *world) clock(at time.Time) string {
	return fmt.Sprint(at.Sub(w.began).Round(time.Millisecond))
}
