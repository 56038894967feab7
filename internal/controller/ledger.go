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
// up, when it changes, and when it is over.
type ledger struct {
	log     *slog.Logger
	metrics *Metrics

	mu       sync.Mutex
	byObject map[string]map[plan.Problem]bool  // by object
	byName   map[place]map[string]plan.Refusal // refusals, by zone and name, and text
	open     map[plan.Reason]int
	wished   []string // permissions that would help
}

func newLedger(log *slog.Logger, metrics *Metrics) *ledger {
	return &ledger{log: log, metrics: metrics, byObject: map[string]map[plan.Problem]bool{},
		byName: map[place]map[string]plan.Refusal{}, open: map[plan.Reason]int{}}
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
	for object, problems := range l.byObject {
		for p := range problems {
			out = append(out, ObjectProblem{object, p})
		}
	}
	slices.SortFunc(out, func(a, b ObjectProblem) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	return out
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
	l.metrics.refused.WithLabelValues(string(reason)).Set(float64(l.open[reason]))
}

// tell logs a refusal. That something which no object wants any more stays, by
// the policy, since its source is frozen, or until its time has come, is as it
// shall be, and no warning; of what is held people are told as a whole.
func (l *ledger) tell(r plan.Refusal) {
	level := slog.LevelWarn
	calm := []plan.Reason{plan.PolicyForbids, plan.Frozen, plan.Held, plan.Grace, plan.Moving}
	if slices.Contains(calm, r.Reason) && len(r.Objects) == 0 {
		level = slog.LevelDebug
	}
	attrs := []any{"record", r.Key.String(), "reason", string(r.Reason)}
	if len(r.Objects) > 0 {
		attrs = append(attrs, "object", r.Objects[0].Resource())
	}
	l.log.Log(context.Background(), level, r.Message, attrs...)
}
