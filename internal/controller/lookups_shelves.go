package controller

import (
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/source"
)

// shelf is where objects stand that one query may match: those of a kind, or of
// one of its namespaces, or those with a certain label there.
type shelf struct {
	kind      schema.GroupVersionKind
	namespace string // "": all
	label     string // "key=value"; "": any
}

// filedBy is the label by which objects are found without a look at the others
// of their namespace.
const filedBy = discoveryv1.LabelServiceName

// shelves returns where an object is kept.
func (l *lookups) shelves(r ref, o source.Object) []shelf {
	out := []shelf{{kind: r.kind()}}
	if !l.sorted[r.kind()] {
		return out
	}
	out = append(out, shelf{kind: r.kind(), namespace: r.key.Namespace})
	if value := labelled(o).Get(filedBy); value != "" {
		out = append(out, shelf{r.kind(), r.key.Namespace, filedBy + "=" + value})
	}
	return out
}

func (l *lookups) shelve(r ref, o source.Object) {
	for _, s := range l.shelves(r, o) {
		if l.objects[s] == nil {
			l.objects[s] = map[types.NamespacedName]source.Object{}
		}
		l.objects[s][r.key] = o
	}
}

func (l *lookups) unshelve(r ref, o source.Object) {
	if o == nil {
		return
	}
	for _, s := range l.shelves(r, o) {
		if delete(l.objects[s], r.key); len(l.objects[s]) == 0 {
			delete(l.objects, s)
		}
	}
}

// empty reports whether there are no objects of the chosen kinds.
func (l *lookups) empty() bool {
	for kind := range l.chosen {
		if len(l.objects[shelf{kind: kind}]) > 0 {
			return false
		}
	}
	return true
}

// sort puts the objects of a kind, and those that will come, on shelves by
// namespace and label.
func (l *lookups) sort(kind schema.GroupVersionKind) {
	if l.sorted[kind] {
		return
	}
	l.sorted[kind] = true
	for key, o := range l.objects[shelf{kind: kind}] {
		l.shelve(newRef(kind, key), o)
	}
}

// match makes those dirty whose queries match an object's old or new version.
func (l *lookups) match(r ref, versions ...source.Object) {
	for _, a := range l.byName[r] {
		l.dirty[a.by] = true
	}
	for _, o := range versions {
		if o == nil {
			continue
		}
		set := labels.Set(o.GetLabels())
		for _, namespace := range []string{"", r.key.Namespace} {
			l.matchAt(shelf{kind: r.kind(), namespace: namespace}, set)
			for key, value := range set {
				l.matchAt(shelf{r.kind(), namespace, key + "=" + value}, set)
			}
			if r.key.Namespace == "" {
				break
			}
		}
	}
}

func (l *lookups) matchAt(s shelf, set labels.Set) {
	for _, a := range l.byShelf[s] {
		if !l.dirty[a.by] && slices.ContainsFunc(a.queries, func(q query) bool { return q.selector != nil && q.shelf() == s && q.selector.Matches(set) }) {
			l.dirty[a.by] = true
		}
	}
}

// shelf returns where whatever a query with a selector matches stands.
func (q query) shelf() shelf {
	s := shelf{kind: q.ref.kind(), namespace: q.ref.key.Namespace}
	requirements, _ := q.selector.Requirements()
	for _, r := range requirements {
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
			if values := r.ValuesUnsorted(); len(values) == 1 && s.label == "" {
				s.label = r.Key() + "=" + values[0]
			}
		}
	}
	return s
}
