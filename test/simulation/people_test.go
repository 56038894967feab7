package simulation

import (
	"fmt"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/emulator"
)

// edit changes a zone as a person or another owner's controller does. An edit that Route 53 refuses changes nothing.
func (w *world) edit(z *zone, what, format string, changes []emulator.Change, args ...any) {
	w.mu.Lock()
	err := w.cloud.Change(z.id, changes...)
	had := z.ours(z.now())
	z.set(read(w.cloud.RecordSets(z.id)))
	for k := range z.ours(z.now()) {
		delete(had, k)
	}
	for k := range had {
		z.lost = append(z.lost, departure{time.Now(), k, nil})
	}
	w.mu.Unlock()
	if err == nil {
		w.did(what, z.String()+": "+format, args...)
	}
}

func change(action string, s emulator.RecordSet) emulator.Change {
	return emulator.Change{Action: action, Set: s}
}

// somewhere returns a zone and a name in it that an object may ask for.
func (w *world) somewhere() (*zone, string) {
	for range 20 {
		host := pick(w, w.hosts)
		if zones := w.zonesOf(host); len(zones) > 0 {
			return pick(w, zones), listed(host)
		}
	}
	return w.zones[0], "www." + w.zones[0].apex
}

// find returns a random set that passes the test.
func (w *world) find(z *zone, test func(key) bool) (key, bool) {
	var all []key
	for _, k := range z.now().sorted() {
		if !z.own(k) && test(k) {
			all = append(all, k)
		}
	}
	if len(all) == 0 {
		return key{}, false
	}
	return pick(w, all), true
}

// handEdit does what people do to zones.
func (w *world) handEdit() {
	z, name := w.somewhere()
	mine := func(k key) bool {
		of, _ := z.ownerOf(z.now(), k)
		return of == owner && !isClaim(z.now()[k])
	}
	foreign := func(k key) bool {
		of, _ := z.ownerOf(z.now(), k)
		return of == "" && !isClaim(z.now()[k])
	}
	address := fmt.Sprintf("203.0.113.%d", 1+w.rng.IntN(250))
	switch w.rng.IntN(10) {
	case 0, 1:
		s := emulator.RecordSet{Name: name, Type: pick(w, []string{"A", "TXT", "MX"}), TTL: 60}
		s.Values = map[string][]string{"A": {address}, "TXT": {`"hello"`}, "MX": {"10 mail.example.net"}}[s.Type]
		w.edit(z, "foreign sets created", "a person creates %s %s", []emulator.Change{change("CREATE", s)}, name, s.Type)
	case 2:
		if k, ok := w.find(z, foreign); ok {
			w.edit(z, "foreign sets deleted", "a person deletes %s", []emulator.Change{change("DELETE", z.now()[k])}, k)
		}
	case 3:
		if k, ok := w.find(z, foreign); ok && z.now()[k].Alias == nil {
			s := z.now()[k]
			s.TTL++
			w.edit(z, "foreign sets changed", "a person changes %s", []emulator.Change{change("UPSERT", s)}, k)
		}
	default:
		if k, ok := w.find(z, mine); ok {
			w.tamper(z, k, address)
			if w.chance(0.7) { // and soon the object that asks for it changes
				w.later(w.rng.IntN(20), func() { w.changeAsker(z, k.name) })
			}
		}
	}
}

// tamper does what people do to a set of ours.
func (w *world) tamper(z *zone, k key, address string) {
	s, said := z.now()[k], z.now()[z.claimAt(k)]
	switch w.rng.IntN(6) {
	case 0, 1:
		if s.Alias != nil {
			return
		}
		s.TTL += 7
		if k.typ == "A" {
			s.Values = []string{address}
		}
		w.edit(z, "sets of ours changed by hand", "a person changes ours, %s", []emulator.Change{change("UPSERT", s)}, k)
	case 2:
		w.edit(z, "sets of ours deleted by hand", "a person deletes ours, %s", []emulator.Change{change("DELETE", s)}, k)
	case 3:
		w.edit(z, "claims of ours removed", "a person removes the claim of %s", []emulator.Change{change("DELETE", said)}, k)
	case 4:
		w.edit(z, "sets of ours deleted by hand", "a person deletes ours with its claim, %s",
			[]emulator.Change{change("DELETE", s), change("DELETE", said)}, k)
	case 5:
		w.edit(z, "sets of ours given away", "a person gives %s to another owner",
			[]emulator.Change{change("UPSERT", claimFor(z.claimAt(k), stranger, "service/theirs/web"))}, k)
	}
}

// changeAsker changes an object that asks for a name.
func (w *world) changeAsker(z *zone, name string) {
	if by := w.asked()[place{z.id, name}]; len(by) > 0 {
		w.change(pick(w, by))
	}
}

// otherOwner does what the controller of another deployment does: it keeps to names that are free and to its own.
func (w *world) otherOwner() {
	z, name := w.somewhere()
	theirs := func(k key) bool {
		of, _ := z.ownerOf(z.now(), k)
		return of == stranger && !isClaim(z.now()[k])
	}
	k, ok := w.find(z, theirs)
	switch {
	case !ok || w.chance(0.4):
		k = key{name, "A", ""}
		s := emulator.RecordSet{Name: name, Type: "A", TTL: 300, Values: []string{"203.0.113.1"}}
		w.edit(z, "sets of another owner created", "another owner creates %s",
			[]emulator.Change{change("CREATE", claimFor(z.claimAt(k), stranger, "service/theirs/web")), change("CREATE", s)}, k)
	case w.chance(0.5) && z.now()[k].Alias == nil:
		s := z.now()[k]
		s.TTL = 300 + int64(w.rng.IntN(100))
		w.edit(z, "sets of another owner changed", "another owner changes %s", []emulator.Change{change("UPSERT", s)}, k)
	default:
		w.edit(z, "sets of another owner deleted", "another owner deletes %s",
			[]emulator.Change{change("DELETE", z.now()[k]), change("DELETE", z.now()[z.claimAt(k)])}, k)
	}
}

// held returns what the processes hold.
func (w *world) held() []controller.Hold {
	var all []controller.Hold
	for _, p := range w.living() {
		p.mu.Lock()
		for _, z := range w.zones {
			if h, ok := p.holds[z.id]; ok {
				all = append(all, h)
			}
		}
		p.mu.Unlock()
	}
	return all
}

// lookAtHolds has people approve what is held, or bring something back.
func (w *world) lookAtHolds() {
	for _, h := range w.held() {
		switch w.rng.IntN(3) {
		case 0:
			w.approve(h)
		case 1:
			for _, k := range h.Keys[:1+w.rng.IntN(len(h.Keys))] {
				if w.farm != nil && strings.HasPrefix(string(k.Name), "exp-") {
					continue
				}
				o := w.randomObject()
				o.hosts = []string{strings.TrimSuffix(strings.ReplaceAll(string(k.Name), `\052`, "*"), ".")}
				w.apply(o)
				w.did("held names wanted again", "")
			}
		}
	}
}

func (w *world) approve(h controller.Hold) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.approved[h.ID] = true
	for _, k := range h.Keys {
		w.exempt[departed{h.Zone.ID, listed(strings.TrimSuffix(string(k.Name), ".")), string(k.Type)}] = true
	}
	w.did("approvals", "a person approves %s", h.ID)
}
