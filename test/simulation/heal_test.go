package simulation

import (
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// What holds of a world in which nothing fails any more.
const (
	// healsWithin is how long it may take until the zones are as the objects say: a group that was refused is tried again after 10
	// minutes at the latest.
	healsWithin = 15 * time.Minute
	// healCalls is how many calls that may take.
	healCalls = 300
	// idleCalls is how many calls a minute are made when nothing is to do.
	idleCalls = 10
	idles     = 10 * time.Minute
)

// heal ends all trouble.
func (w *world) heal() {
	w.journal("everything heals")
	w.agenda, w.looking = nil, true
	for _, sort := range []string{"API", "Route 53", "lease", "line"} {
		w.end(sort)
	}
	w.cloud.ClearFaults()
	w.api.ClearFaults()
	if w.farm != nil {
		w.farm.heal()
	}
	for _, p := range w.living() {
		p.doomed.Store(nowhere)
	}
	for _, name := range w.names {
		if p := w.replicas[name]; p != nil && p.crashed.Load() {
			<-p.done
			w.seat(name, nil)
		}
		if w.replicas[name] == nil {
			w.begin(name)
		}
	}
	for _, o := range w.objects {
		if o.unknown {
			clear := *o
			clear.unknown = false
			w.apply(&clear)
		}
	}
	if w.chance(0.5) { // people take away what stands in the way
		for _, z := range w.zones {
			for _, k := range z.now().sorted() {
				of, _ := z.ownerOf(z.now(), k)
				by, _, _ := claim(z.now()[k])
				if of != owner && by != owner && !z.own(k) {
					w.edit(z, "foreign sets deleted", "a person takes %s out of the way", []emulator.Change{change("DELETE", z.now()[k])}, k)
				}
			}
		}
	}
}

// settle waits until the zones are as the objects say, and then watches that nothing happens.
func (w *world) settle() {
	began, calls := time.Now(), w.called()
	for {
		w.pass(30 * time.Second)
		for _, h := range w.held() {
			w.approve(h)
		}
		wrong := w.judged()
		if len(wrong) == 0 || w.verdict() != "" {
			break
		}
		if time.Since(began) > healsWithin {
			w.fail("%v after everything healed the zones are not as the objects say:\n  %s", healsWithin, strings.Join(wrong, "\n  "))
			return
		}
	}
	w.most("minutes to heal", int(time.Since(began)/time.Minute))
	if n := w.called() - calls; n > healCalls {
		w.fail("to heal took %d calls", n)
	}
	w.pass(2 * time.Minute)
	calls, writes := w.called(), w.writes
	w.pass(idles)
	perMinute := (w.called() - calls) / int(idles/time.Minute)
	w.most("calls a minute when idle", perMinute)
	switch wrong := w.judged(); {
	case w.verdict() != "":
	case len(wrong) > 0:
		w.fail("the zones were as the objects say, and are no more:\n  %s", strings.Join(wrong, "\n  "))
	case w.writes != writes:
		w.fail("%d writes though nothing happened", w.writes-writes)
	case perMinute > idleCalls:
		w.fail("%d calls a minute though nothing happened", perMinute)
	}
}

func (w *world) judged() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	wrong := w.judgement()
	if w.farm != nil {
		wrong = append(wrong, w.farm.judgement()...)
	}
	return wrong
}
