package source_test

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/source"
)

// store is a Lookup in some objects, whose kinds are set.
type store struct {
	objects []source.Object
	untold  map[string]error // by kind
	hosts   map[string]string
}

// Addresses implements [source.Lookup].
func (s store) Addresses(host dns.Name) (out []netip.Addr, err error) {
	text, ok := s.hosts[host.Host()]
	if !ok {
		return nil, errors.New("look up " + host.Host() + ": there is no such host")
	}
	for a := range strings.SplitSeq(text, "+") {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

// Get implements [source.Lookup].
func (s store) Get(kind schema.GroupVersionKind, namespace, name string) (source.Object, error) {
	all, err := s.List(kind, namespace, labels.Everything())
	for _, o := range all {
		if o.GetName() == name {
			return o, err
		}
	}
	return nil, err
}

// List implements [source.Lookup].
func (s store) List(kind schema.GroupVersionKind, namespace string, selector labels.Selector) ([]source.Object, error) {
	if err := s.untold[kind.Kind]; err != nil {
		return nil, err
	}
	var out []source.Object
	for _, o := range s.objects {
		if o.GetObjectKind().GroupVersionKind() == kind && (namespace == "" || o.GetNamespace() == namespace) &&
			selector.Matches(labels.Set(o.GetLabels())) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b source.Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out, nil
}

var errUnread = errors.New("it has not been read yet")
