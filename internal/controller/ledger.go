package controller

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// ledger knows what is not as asked, and tells each thing once: when it comes
// up, when it changes, and when it is over. Its methods may be called
// concurrently.
type ledger struct {
	log     *slog.Logger
	metrics *Metrics
	notes   notes

	mu       sync.Mutex
	byObject map[string]map[plan.Problem]bool  // by object
	byName   map[place]map[string]plan.Refusal // refusals, by zone and name, and text
	open     map[plan.Reason]int               // of both, by reason
	wished   []string                          // permissions that would help
	warned   []string                          // what the provider warned of the last time
	failures map[string]map[string]bool        // what was told of a zone, "" for the list of zones, since all was well with it
	history  history
}

func newLedger(log *slog.Logger, metrics *Metrics, notes notes) *ledger {
	return &ledger{log: log, metrics: metrics, notes: notes, byObject: map[string]map[plan.Problem]bool{},
		byName: map[place]map[string]plan.Refusal{}, open: map[plan.Reason]int{}, failures: map[string]map[string]bool{}, history: newHistory()}
}

// problems replaces what is known of an object. Its unknown intent is one too,
// unless a problem says the same.
func (l *ledger) problems(object string, problems []plan.Problem, unknown string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.byObject[object]
	now := map[plan.Problem]bool{}
	tell := func(level slog.Level, p plan.Problem) {
		if !old[p] && !now[p] {
			l.log.Log(context.Background(), level, p.Message, "object", object, "reason", string(p.Reason))
			l.notes.problem(object, p)
		}
		now[p] = true
	}
	for _, p := range problems {
		level := slog.LevelWarn
		if p.Reason == plan.NoTarget {
			level = slog.LevelInfo
		}
		tell(level, p)
	}
	same := func(p plan.Problem) bool { return p.Message == unknown }
	if unknown != "" && !slices.ContainsFunc(problems, same) {
		tell(slog.LevelWarn, plan.Problem{Reason: plan.Frozen, Message: "what the object holds stays as it is: " + unknown})
	}
	for p := range old {
		l.count(p.Reason, -1)
	}
	for p := range now {
		l.count(p.Reason, 1)
	}
	l.byObject[object] = now
	if len(now) == 0 {
		delete(l.byObject, object)
	}
}

// report returns the problems of all objects, sorted.
func (l *ledger) report() []ObjectProblem {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []ObjectProblem
	for object := range l.byObject {
		out = append(out, l.of(object)...)
	}
	slices.SortFunc(out, ObjectProblem.compare)
	return out
}

// reportOf returns the problems of one object, sorted.
func (l *ledger) reportOf(object string) []ObjectProblem {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.of(object)
	slices.SortFunc(out, ObjectProblem.compare)
	return out
}

func (l *ledger) of(object string) []ObjectProblem {
	var out []ObjectProblem
	for p := range l.byObject[object] {
		out = append(out, ObjectProblem{object, p})
	}
	return out
}

func (p ObjectProblem) compare(q ObjectProblem) int {
	return cmp.Or(cmp.Compare(p.Object, q.Object), cmp.Compare(p.Reason, q.Reason), cmp.Compare(p.Message, q.Message))
}

// retell tells the objects once more: whoever told them of their problems may
// have stood by.
func (l *ledger) retell() {
	for _, p := range l.report() {
		l.notes.problem(p.Object, p.Problem)
	}
}

// warnings tells of what the provider warns of now, and told not the last time.
func (l *ledger) warnings(all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, warning := range all {
		if !slices.Contains(l.warned, warning) {
			l.log.Warn(warning)
		}
	}
	l.warned = all
}

// wishes tells of permissions that would help and are not there.
func (l *ledger) wishes(all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, wish := range all {
		if !slices.Contains(l.wished, wish) {
			l.wished = append(l.wished, wish)
			l.log.Warn("a permission would help: " + wish)
		}
	}
}

// failed tells of an error with a zone, "" for the list of zones, that keeps
// names from being brought up to date; nil is that all is well again. The log
// has it already.
func (l *ledger) failed(zone string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		delete(l.failures, zone)
		return
	}
	told := l.failures[zone]
	if told == nil {
		told = map[string]bool{}
		l.failures[zone] = told
	}
	if text := hinted(err); !told[text] && len(told) < manyErrors {
		told[text] = true
		l.notes.failure(text)
	}
}

// changed notes what the service has accepted.
func (l *ledger) changed(z dns.Zone, changes []dns.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history.add(z.ID, changes)
}

// last returns the last change at a name of a zone, false if none is remembered.
func (l *ledger) last(zone string, n dns.Name) (LastChange, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.history.at(zone, n)
}

// names returns the names of a zone of which something is known.
func (l *ledger) names(zone string) []dns.Name {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []dns.Name
	for at := range l.byName {
		if at.zone == zone {
			names = append(names, at.name)
		}
	}
	return names
}

// at returns what is refused at a name of a zone, sorted; the zone is empty for
// names without one.
func (l *ledger) at(zone string, n dns.Name) []plan.Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	here := l.byName[place{zone, n}]
	out := make([]plan.Refusal, 0, len(here))
	for _, text := range slices.Sorted(maps.Keys(here)) {
		out = append(out, here[text])
	}
	return out
}

// refused counts what is asked for and not done at present, by reason.
func (l *ledger) refused() map[plan.Reason]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.open)
}

// keep forgets all of zones that are not kept.
func (l *ledger) keep(zone func(id string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, old := range l.byName {
		if !zone(at.zone) {
			for _, r := range old {
				l.count(r.Reason, -1)
			}
			delete(l.byName, at)
		}
	}
	maps.DeleteFunc(l.failures, func(id string, _ map[string]bool) bool { return !zone(id) })
}

// refusals replaces what is known of these names in a zone.
func (l *ledger) refusals(zone string, names []dns.Name, refusals []plan.Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := map[place]map[string]plan.Refusal{}
	for _, r := range refusals {
		at := place{zone, r.Key.Name}
		if now[at] == nil {
			now[at] = map[string]plan.Refusal{}
		}
		now[at][r.String()] = r
	}
	for _, n := range names {
		if at := (place{zone, n}); now[at] == nil {
			now[at] = nil
		}
	}
	for at, fresh := range now {
		for text, r := range l.byName[at] {
			l.count(r.Reason, -1)
			if _, still := fresh[text]; !still && len(fresh) == 0 && len(r.Objects) > 0 {
				l.log.Info("no longer refused", "record", r.Key.String(), "reason", string(r.Reason))
			}
		}
		for text, r := range fresh {
			l.count(r.Reason, 1)
			if _, told := l.byName[at][text]; !told {
				l.tell(r)
			}
		}
		if len(fresh) == 0 {
			delete(l.byName, at)
		} else {
			l.byName[at] = maps.Clone(fresh)
		}
	}
}

func (l *ledger) count(reason plan.Reason, by int) {
	l.open[reason] += by
	if l.open[reason] == 0 {
		delete(l.open, reason)
	}
	l.metrics.refused.WithLabelValues(string(reason)).Set(float64(l.open[reason]))
}

// tell logs a refusal, and tells the object that is refused. That something
// which no object wants any more stays, by the policy, since its source is
// frozen, or until its time has come, is as it shall be, and no warning; of what
// is held people are told as a whole.
func (l *ledger) tell(r plan.Refusal) {
	level := slog.LevelWarn
	calm := []plan.Reason{plan.PolicyForbids, plan.Frozen, plan.Held, plan.Grace, plan.Moving}
	if slices.Contains(calm, r.Reason) && len(r.Objects) == 0 {
		level = slog.LevelDebug
	}
	attrs := []any{"record", r.Key.String(), "reason", string(r.Reason)}
	if len(r.Objects) > 0 {
		attrs = append(attrs, "object", r.Objects[0].Resource())
		l.notes.refusal(r)
	}
	l.log.Log(context.Background(), level, r.Message, attrs...)
}
