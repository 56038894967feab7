package simulation

import (
	"maps"
	"slices"
	"time"
)

// reckon keeps since when each name and type has been wanted in the API server, and by whom. It is called after each change of an object.
func (w *world) reckon() {
	now := time.Now()
	wanted, asked := map[wantedKey]bool{}, w.asked()
	for p, by := range asked {
		for _, o := range by {
			for typ := range o.sets(w.zone(p.zone), p.name) {
				wanted[wantedKey{p, typ, o.kind()}] = true
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := range wanted {
		if w.wantedSince[k].IsZero() {
			w.wantedSince[k] = now
		}
	}
	maps.DeleteFunc(w.wantedSince, func(k wantedKey, _ time.Time) bool { return !wanted[k] })
	w.ask(asked)
	for resource, o := range w.objects {
		if o.unknown && w.unknownSince[resource].IsZero() {
			w.unknownSince[resource] = now
		}
	}
	for resource := range w.unknownSince {
		if o := w.objects[resource]; o == nil || !o.unknown {
			delete(w.unknownSince, resource)
		}
	}
}

// wantedKey is a type at a name, wanted by objects of a kind.
type wantedKey struct {
	place
	typ, kind string
}

// asker is an object that asks for a name, as it is or was until some time.
type asker struct {
	*object
	until time.Time // zero: it asks still
}

// remembered is how long askers are remembered: longer than a process lives by what it saw long ago.
const remembered = 2 * time.Hour

// ask notes who asks for which name from now on.
func (w *world) ask(asked map[place][]*object) {
	for p, all := range w.askers {
		w.askers[p] = slices.DeleteFunc(all, func(a *asker) bool {
			if a.until.IsZero() && !slices.Contains(asked[p], a.object) {
				a.until = time.Now()
			}
			return !a.until.IsZero() && time.Since(a.until) > remembered
		})
	}
	for p, by := range asked {
		for _, o := range by {
			if !slices.ContainsFunc(w.askers[p], func(a *asker) bool { return a.object == o }) {
				w.askers[p] = append(w.askers[p], &asker{object: o})
			}
		}
	}
}

// yields reports whether a set went for the sake of those who hold the name: of objects that contradict each other some get all that
// they ask for, and the others nothing. Those who asked for the set had not got what they asked for, and somebody who asks for
// something else, by what has been there to see since some time, has.
func (w *world) yields(z *zone, before contents, k key, seen time.Time) bool {
	had, _ := z.stands(before, k.name)
	has, _ := z.stands(z.now(), k.name)
	holders := false
	for _, a := range w.askers[place{z.id, k.name}] {
		_, asks := a.sets(z, k.name)[k.typ]
		switch {
		case asks && a.until.IsZero() && a.satisfied(z, k.name, had):
			return false
		case !asks && (a.until.IsZero() || a.until.After(seen)):
			holders = holders || a.satisfied(z, k.name, has)
		}
	}
	return holders
}

// lostClaim reports whether a set without any claim was ours all the same: an object asks, or asked by what has been there to see, for
// just this set, and a claim of ours at another set of the name names the object. Such a set is claimed again.
func (w *world) lostClaim(p *process, z *zone, before contents, k key, late bool) bool {
	_, named := z.stands(before, k.name)
	for _, a := range w.askers[place{z.id, k.name}] {
		seen, _ := w.sight(p, a.kind(), late)
		want, asks := a.sets(z, k.name)[k.typ]
		if !asks || !want.equal(contentOf(before[k])) || !a.until.IsZero() && a.until.Before(seen) {
			continue
		}
		for _, resource := range named {
			if resource == a.resource() {
				return true
			}
		}
	}
	return false
}

// oldClaim reports whether a claim of ours stands at the very name of a set, as ExternalDNS before 0.12 wrote them, and is not used by
// the set whose claim it is by its name otherwise.
func (z *zone) oldClaim(in contents, k key) bool {
	at := key{k.name, "TXT", k.id}
	of, _, ok := claim(in[at])
	if !ok || of != owner {
		return false
	}
	for other := range in {
		if z.claimAt(other) == at && !isClaim(in[other]) {
			return false
		}
	}
	return true
}
