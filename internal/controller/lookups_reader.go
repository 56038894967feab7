package controller

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/source"
)

// reader is the [source.Lookup] of one derivation.
type reader struct {
	*lookups
	asker *asker
}

// Get implements [source.Lookup].
func (r *reader) Get(kind schema.GroupVersionKind, namespace, name string) (source.Object, error) {
	at := newRef(kind, types.NamespacedName{Namespace: namespace, Name: name})
	err := r.ask(query{ref: at})
	if err != nil && !errors.Is(err, source.ErrDenied) {
		return nil, err
	}
	return objects.Unpack(r.objects[shelf{kind: kind}][at.key]), err
}

// labelled returns the labels of an object, without a copy if it can be.
func labelled(o source.Object) labels.Labels {
	if l, ok := o.(labels.Labels); ok {
		return l
	}
	return labels.Set(o.GetLabels())
}

// List implements [source.Lookup].
func (r *reader) List(kind schema.GroupVersionKind, namespace string, selector labels.Selector) ([]source.Object, error) {
	q := query{ref: newRef(kind, types.NamespacedName{Namespace: namespace}), selector: selector}
	if err := r.ask(q); err != nil {
		return nil, err
	}
	key := namespace + "/" + selector.String()
	if known, ok := r.lists[kind][key]; ok {
		return known, nil
	}
	r.sort(kind)
	from := q.shelf()
	if namespace == "" || !strings.HasPrefix(from.label, filedBy+"=") {
		from.label = ""
	}
	var out []source.Object
	for _, o := range r.objects[from] {
		if selector.Matches(labelled(o)) {
			out = append(out, objects.Unpack(o))
		}
	}
	slices.SortFunc(out, func(a, b source.Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	if r.lists[kind] == nil {
		r.lists[kind] = map[string][]source.Object{}
	}
	r.lists[kind][key] = out
	return out, nil
}

// Addresses implements [source.Lookup].
func (r *reader) Addresses(host dns.Name) ([]netip.Addr, error) {
	if !slices.Contains(r.asker.hosts, host) {
		r.asker.hosts = append(r.asker.hosts, host)
	}
	return r.hosts.at(host)
}

// ask notes a query and returns why it has no answer.
func (r *reader) ask(q query) error {
	if err := r.open(q.ref.kind()); err != nil {
		return err
	}
	err := r.untold(q.ref.kind())
	q.untold = err != nil
	r.asker.queries = append(r.asker.queries, q)
	return err
}

// open has the feed read a kind, if it does not yet.
func (l *lookups) open(kind schema.GroupVersionKind) error {
	if slices.Contains(l.opened, kind) {
		return nil
	}
	if err := l.add(kind); err != nil {
		return fmt.Errorf("read %s objects: %w", kind.Kind, err)
	}
	l.opened = append(l.opened, kind)
	return nil
}
