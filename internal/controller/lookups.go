package controller

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/source"
)

// lookups keeps the objects that the feed has delivered and answers what
// derivations ask about them. It knows who has asked what, also in vain: a new
// version of an object, and a kind that becomes readable, make exactly those
// objects dirty whose answers may have changed.
//
// A kind is read from the first question about it on, or from the start. What happens to a kind
// while it is not synced makes nobody dirty: its answers are withheld anyway.
type lookups struct {
	chosen map[schema.GroupVersionKind]source.Kind
	add    func(schema.GroupVersionKind) error // has the feed read a kind
	synced map[schema.GroupVersionKind]bool    // had been, at some time
	status map[schema.GroupVersionKind]objects.Status
	opened []schema.GroupVersionKind // that were asked for, in this order
	hosts  *hosts
	begun  bool // they have all been read once, or tried to the end

	objects map[shelf]map[types.NamespacedName]source.Object
	sorted  map[schema.GroupVersionKind]bool                       // kinds that have been asked for with a selector: only they have shelves by namespace and label
	lists   map[schema.GroupVersionKind]map[string][]source.Object // answers, until an object of the kind changes

	askers  map[ref]*asker
	byName  map[ref][]*asker
	byShelf map[shelf][]*asker
	byHost  map[dns.Name][]*asker
	alike   map[query]*questions                       // what many objects ask, each for one other object
	relied  map[string]map[schema.GroupVersionKind]int // how many objects of a label rely on a kind
	dirty   map[ref]bool
}

// asker is an object with what its derivation asked.
type asker struct {
	by ref
	*questions
}

// questions is what an asker asked, and the kinds that its answers rely on.
type questions struct {
	queries []query
	hosts   []dns.Name // whose addresses it asked for
	relies  []schema.GroupVersionKind
}

// query asks for one object by name, or for those that a selector matches.
type query struct {
	ref      ref             // its name is "" with a selector
	selector labels.Selector // nil without
	untold   bool            // there was no answer
}

func (q *questions) same(other *questions) bool {
	return slices.EqualFunc(q.queries, other.queries, query.same) && slices.Equal(q.hosts, other.hosts) && slices.Equal(q.relies, other.relies)
}

func (q query) same(other query) bool {
	if q.ref != other.ref || q.untold != other.untold || (q.selector == nil) != (other.selector == nil) {
		return false
	}
	return q.selector == nil || q.selector.String() == other.selector.String()
}

func newLookups(chosen []source.Kind, always []schema.GroupVersionKind, add func(schema.GroupVersionKind) error, h *hosts) *lookups {
	byKind := map[schema.GroupVersionKind]source.Kind{}
	for _, k := range chosen {
		byKind[k.GVK] = k
	}
	l := &lookups{
		chosen: byKind, add: add, hosts: h, synced: map[schema.GroupVersionKind]bool{}, status: map[schema.GroupVersionKind]objects.Status{},
		objects: map[shelf]map[types.NamespacedName]source.Object{}, sorted: map[schema.GroupVersionKind]bool{}, lists: map[schema.GroupVersionKind]map[string][]source.Object{},
		askers: map[ref]*asker{}, byName: map[ref][]*asker{}, byShelf: map[shelf][]*asker{}, byHost: map[dns.Name][]*asker{}, alike: map[query]*questions{},
		relied: map[string]map[schema.GroupVersionKind]int{}, dirty: map[ref]bool{},
	}
	for _, kind := range always {
		if l.open(kind) != nil {
			break // who asks for it will be told
		}
	}
	return l
}

// take notes what the feed has delivered.
func (l *lookups) take(events map[ref]objects.Event, status map[schema.GroupVersionKind]objects.Status) {
	for r, e := range events {
		old := l.objects[shelf{kind: r.kind()}][r.key]
		l.unshelve(r, old)
		if e.Object != nil {
			l.shelve(r, e.Object)
		}
		delete(l.lists, r.kind())
		if _, ok := l.chosen[r.kind()]; ok {
			l.dirty[r] = true
		}
		if l.status[r.kind()].Synced {
			l.match(r, old, e.Object)
		}
	}
	for kind, now := range status {
		old := l.status[kind]
		if old == now {
			continue
		}
		l.status[kind] = now
		l.synced[kind] = l.synced[kind] || now.Synced
		for _, a := range l.askers {
			if slices.ContainsFunc(a.queries, func(q query) bool { return q.ref.kind() == kind && (q.untold || now.Synced) }) {
				l.dirty[a.by] = true
			}
		}
	}
}

// fetch returns the objects that are to be derived, each once.
func (l *lookups) fetch() []ref {
	for _, n := range l.hosts.fetch() {
		for _, a := range l.byHost[n] {
			l.dirty[a.by] = true
		}
	}
	dirty := slices.Collect(maps.Keys(l.dirty))
	l.dirty = map[ref]bool{} // not cleared: it may have been large
	slices.SortFunc(dirty, compareRefs)
	return dirty
}

func compareRefs(a, b ref) int {
	return cmp.Or(cmp.Compare(a.kind().Kind, b.kind().Kind), cmp.Compare(a.kind().Group, b.kind().Group),
		cmp.Compare(a.key.Namespace, b.key.Namespace), cmp.Compare(a.key.Name, b.key.Name))
}

// derive derives an object, if it is there, and keeps what it asked in place of
// what it asked before.
func (l *lookups) derive(d *source.Deriver, r ref) (intent plan.Intent, ours bool) {
	a := &asker{r, &questions{}}
	if o := l.objects[shelf{kind: r.kind()}][r.key]; o != nil {
		intent, ours = d.Derive(objects.Unpack(o), &reader{l, a})
	}
	l.keep(a, intent.Unknown == "")
	return intent, ours
}

// keep keeps what an asker asked, whose intent is now known or not, in place of what it asked before. That it asked the
// same is the usual case, and to forget one asker among all of its Namespace takes a look at each.
func (l *lookups) keep(a *asker, known bool) {
	for _, q := range a.queries {
		if !slices.Contains(a.relies, q.ref.kind()) && (!q.untold || !known) {
			a.relies = append(a.relies, q.ref.kind())
		}
	}
	before := l.askers[a.by]
	if before != nil && before.same(a.questions) {
		return
	}
	l.forget(a.by)
	l.remember(a)
	if before != nil {
		for _, n := range before.hosts {
			if len(l.byHost[n]) == 0 {
				l.hosts.drop(n)
			}
		}
	}
}

func (l *lookups) remember(a *asker) {
	if len(a.queries)+len(a.hosts) == 0 {
		return
	}
	l.askers[a.by] = a
	for _, n := range a.hosts {
		l.byHost[n] = append(l.byHost[n], a)
	}
	for _, q := range a.queries {
		if q.selector == nil {
			l.byName[q.ref] = append(l.byName[q.ref], a)
		} else if s := q.shelf(); !slices.Contains(l.byShelf[s], a) {
			l.byShelf[s] = append(l.byShelf[s], a)
		}
	}
	l.share(a)
	label := l.chosen[a.by.kind()].Label
	for _, kind := range a.relies {
		if l.relied[label] == nil {
			l.relied[label] = map[schema.GroupVersionKind]int{}
		}
		l.relied[label][kind]++
	}
}

// share has an asker of one question, such as that for its Namespace, keep the
// same memory of it as others that have asked it.
func (l *lookups) share(a *asker) {
	if len(a.queries) != 1 || a.queries[0].selector != nil || len(a.hosts) > 0 {
		return
	}
	if same, ok := l.alike[a.queries[0]]; ok && len(same.relies) == len(a.relies) {
		a.questions = same
		return
	}
	l.alike[a.queries[0]] = a.questions
}

// waits reports whether an object has asked for a kind that is being read, or a
// host that is being looked up, for the first time.
func (l *lookups) waits(r ref) bool {
	a := l.askers[r]
	return a != nil && (slices.ContainsFunc(a.hosts, l.hosts.waits) || slices.ContainsFunc(a.queries, func(q query) bool {
		return q.untold && !l.status[q.ref.kind()].Frozen()
	}))
}

// forget forgets what an object asked.
func (l *lookups) forget(by ref) {
	a := l.askers[by]
	if a == nil {
		return
	}
	delete(l.askers, by)
	for _, n := range a.hosts {
		without(l.byHost, n, a)
	}
	for _, q := range a.queries {
		if q.selector == nil {
			if without(l.byName, q.ref, a); len(l.byName[q.ref]) == 0 {
				delete(l.alike, query{ref: q.ref})
				delete(l.alike, query{ref: q.ref, untold: true})
			}
		} else {
			without(l.byShelf, q.shelf(), a)
		}
	}
	for _, kind := range a.relies {
		l.relied[l.chosen[by.kind()].Label][kind]--
	}
}

func without[K comparable](m map[K][]*asker, k K, a *asker) {
	i := slices.Index(m[k], a)
	if i < 0 {
		return
	}
	last := len(m[k]) - 1
	m[k][i], m[k][last] = m[k][last], nil
	if m[k] = m[k][:last]; last == 0 {
		delete(m, k)
	}
}

// hold returns why the absence of an object that a source would have derived is
// uncertain: a kind that its derivations rely on is not synced. The label is
// the word of the source's kind, "" that of any.
func (l *lookups) hold(label string) string {
	for _, kind := range l.opened {
		for of, relied := range l.relied {
			if !l.status[kind].Synced && relied[kind] > 0 && (label == "" || label == of) {
				return l.untold(kind).Error()
			}
		}
	}
	return ""
}

// reliedOn reports whether what any object wants depends on a kind.
func (l *lookups) reliedOn(kind schema.GroupVersionKind) bool {
	for _, relied := range l.relied {
		if relied[kind] > 0 {
			return true
		}
	}
	return false
}

// settled reports whether every kind that was asked for has been read, and every
// host looked up, or tried to the end.
func (l *lookups) settled() bool {
	return l.hosts.settled() && !slices.ContainsFunc(l.opened, func(kind schema.GroupVersionKind) bool {
		s := l.status[kind]
		return !s.Synced && !s.Frozen()
	})
}

// frozen tells of the kinds that are read for others' sake and cannot be told.
func (l *lookups) frozen() []Check {
	var out []Check
	for _, kind := range l.opened {
		_, chosen := l.chosen[kind]
		if s := l.status[kind]; !chosen && s.Frozen() && l.reliedOn(kind) {
			out = append(out, Check{Name: "objects " + kind.Kind, OK: true, Warn: true, State: "frozen: " + s.Reason})
		}
	}
	return out
}

// untold returns why a kind's objects cannot be told, nil if they can.
func (l *lookups) untold(kind schema.GroupVersionKind) error {
	status := l.status[kind]
	switch {
	case status.Synced:
		return nil
	case status.Denied && !l.synced[kind], status.Hidden:
		return &untold{fmt.Sprintf("%s objects cannot be read: %s", kind.Kind, status.Reason), source.ErrDenied}
	case status.Reason != "":
		return &untold{fmt.Sprintf("%s objects cannot be read: %s", kind.Kind, status.Reason), nil}
	}
	return &untold{kind.Kind + " objects have not been read yet", nil}
}

// untold says why a question has no answer at present.
type untold struct {
	text  string
	cause error
}

func (u *untold) Error() string { return u.text }
func (u *untold) Unwrap() error { return u.cause }
