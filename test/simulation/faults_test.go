package simulation

import (
	"net/http"
	"time"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/apiserver"
)

// episode begins trouble that lasts for a time, one of each sort at a time.
func (w *world) episode(sort string, seconds int, begin func() (end func())) {
	if w.ends[sort] != nil {
		return
	}
	end := begin()
	w.ends[sort] = end
	w.later(seconds, func() { w.end(sort) })
}

// end ends an episode if it lasts.
func (w *world) end(sort string) {
	if end := w.ends[sort]; end != nil {
		delete(w.ends, sort)
		end()
		w.journal("end of %s trouble", sort)
	}
}

const writeAction = "ChangeResourceRecordSets"

// cloudTrouble lets Route 53 fail.
func (w *world) cloudTrouble() {
	inject := func(what string, f emulator.Fault) {
		w.cloud.Inject(f)
		w.did("Route 53 faults: "+what, "")
	}
	action := pick(w, []string{"", writeAction, writeAction})
	times := 1 + w.rng.IntN(6)
	switch w.rng.IntN(12) {
	case 0, 1:
		inject("throttling", emulator.Fault{Action: action, Code: "Throttling", Times: 4 * times})
	case 2:
		inject("5xx", emulator.Fault{Action: action, Code: pick(w, []string{"InternalFailure", "ServiceUnavailable"}), Times: times})
	case 3:
		inject("5xx after the change", emulator.Fault{Action: writeAction, Code: "InternalFailure", Times: times, After: true})
	case 4:
		inject("cut", emulator.Fault{Action: action, Cut: true, Times: times})
	case 5:
		inject("cut after the change", emulator.Fault{Action: writeAction, Cut: true, After: true, Times: times})
	case 6:
		inject("prior request", emulator.Fault{Action: writeAction, Code: "PriorRequestNotComplete", Times: times})
	case 7, 8:
		z, name := w.somewhere()
		inject("invalid batch", emulator.Fault{Action: writeAction, Zone: z.id, Times: 1 + w.rng.IntN(3), Messages: []string{pick(w, []string{
			"Tried to create resource record set [name='" + name + "', type='A'] but it already exists",
			"Tried to delete resource record set [name='" + name + "', type='A'] but it was not found",
			"Tried to delete resource record set [name='" + name + "', type='A'] but the values provided do not match the current values",
			"Invalid Resource Record: 'FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '" + name + "''",
			"something that nobody has seen before",
		})}})
	case 9:
		denied := pick(w, []string{"ListHostedZones", "ListResourceRecordSets", writeAction, ""})
		w.episode("Route 53", w.between(30, 1200), func() func() {
			inject("access denied", emulator.Fault{Action: denied, Code: "AccessDenied", Times: -1,
				Message: "User: arn:aws:iam::123456789012:user/signpost is not authorized to perform: route53:" + denied})
			return w.cloud.ClearFaults
		})
	case 10:
		w.episode("Route 53", w.between(30, 600), func() func() {
			w.slow.Store(int64(w.between(1, 12)))
			w.did("Route 53 faults: slow", "")
			return func() { w.slow.Store(0) }
		})
	case 11:
		w.episode("Route 53", w.between(60, 900), func() func() {
			w.did("Route 53 faults: everything fails", "")
			w.cloud.Inject(emulator.Fault{Code: "ServiceUnavailable", Times: -1})
			return w.cloud.ClearFaults
		})
	}
}

// apiTrouble lets the API server fail.
func (w *world) apiTrouble() {
	kind := w.randomKind()
	state := func(what string, s apiserver.State) func() func() {
		return func() func() {
			w.did("API server: "+what, "the API server is %s", what)
			heal := w.trouble(spell{errors: s != apiserver.Silent})
			w.api.SetState(s)
			return func() { w.api.SetState(apiserver.Up); heal() }
		}
	}
	switch w.rng.IntN(11) {
	case 0:
		w.episode("API", w.between(1, 900), state("refusing", apiserver.Refusing))
	case 1:
		w.episode("API", w.between(1, 900), state("unavailable", apiserver.Unavailable))
	case 2:
		w.episode("API", w.between(1, 300), state("silent", apiserver.Silent))
	case 3:
		w.trouble(spell{})()
		w.api.DropWatches(kind)
		w.did("API server: watches dropped", "watches of %s are dropped", kind)
	case 4:
		w.trouble(spell{})()
		w.api.Expire("")
		w.did("API server: history gone", "the API server forgets its history")
	case 5, 6:
		w.episode("API", w.between(1, 900), func() func() {
			w.did("API server: empty relists", "lists of %s come back empty", kind)
			heal := w.trouble(spell{lies: true, hides: kind})
			w.api.Hide(kind)
			return func() { w.api.Show(kind); heal() }
		})
	case 7:
		w.episode("API", w.between(30, 1800), func() func() {
			verb := pick(w, []string{"list", "watch", "", ""})
			w.did("API server: denied", "%q on %s is denied", verb, kind)
			heal := w.trouble(spell{kind: kind, errors: verb == ""})
			w.api.Deny(verb, kind)
			w.api.DropWatches(kind)
			if w.chance(0.5) { // somebody begins anew who has never read the kind
				w.later(w.between(1, 30), w.crashSomebody)
			}
			return func() { w.api.Allow(verb, kind); heal() }
		})
	case 8:
		w.episode("API", w.between(30, 300), func() func() {
			w.did("API server: slow", "the API server is slow")
			heal := w.trouble(spell{})
			w.api.SetLatency(time.Duration(w.between(500, 6000)) * time.Millisecond)
			return func() { w.api.SetLatency(0); heal() }
		})
	case 9:
		w.trouble(spell{})()
		code := pick(w, []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusGatewayTimeout, 0})
		w.api.Inject(apiserver.Fault{Resource: kind, Code: code, Cut: code == 0, Times: 1 + w.rng.IntN(6)})
		w.api.DropWatches(kind)
		w.did("API server: failing requests", "requests for %s fail with %d", kind, code)
	case 10:
		w.leaseTrouble()
	}
}

// leaseTrouble keeps the leader from renewing.
func (w *world) leaseTrouble() {
	if !w.contended {
		return
	}
	w.episode("lease", w.between(1, 120), func() func() {
		heal := w.trouble(spell{kind: leases})
		if w.chance(0.1) {
			w.did("leases denied", "leases are denied")
			w.mayBeAlone(forever)
			w.api.Deny("", leases)
			return func() {
				w.api.Allow("", leases)
				w.mayBeAlone(reconnects)
				heal()
			}
		}
		w.did("leases not renewable", "leases cannot be renewed")
		w.api.Inject(apiserver.Fault{Resource: leases, Code: http.StatusInternalServerError, Times: -1})
		return func() {
			w.api.ClearFaults()
			heal()
		}
	})
}

// mayBeAlone lets replicas write side by side for a time.
func (w *world) mayBeAlone(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alone = time.Now().Add(d)
}

func (w *world) crashSomebody() {
	if living := w.living(); len(living) > 0 {
		pick(w, living).crash("at any time")
	}
}

// replicaTrouble ends a process, or cuts one off.
func (w *world) replicaTrouble() {
	living := w.living()
	if len(living) == 0 {
		return
	}
	p := pick(w, living)
	line, what := p.api, "API server"
	if w.chance(0.4) {
		line, what = p.cloud, "Route 53"
	}
	switch w.rng.IntN(8) {
	case 0:
		p.crash("at any time")
	case 1:
		p.doomed.Store(beforeWrite)
	case 2:
		p.doomed.Store(afterWrite)
	case 3:
		w.did("restarts", "")
		p.stop()
		w.seat(p.replica(), nil)
		w.restart(p.replica())
	default:
		w.episode("line", w.between(1, 300), func() func() {
			how := pick(w, []condition{cut, stuck})
			w.did("partitions", "%s is cut off from the %s (%d)", p.name, what, how)
			heal := func() {}
			if line == p.api {
				heal = w.trouble(spell{process: p.name, errors: how == cut})
			}
			line.set(how)
			return func() { line.set(open); heal() }
		})
	}
}
