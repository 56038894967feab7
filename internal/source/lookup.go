package source

import (
	"errors"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Object is any Kubernetes object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Lookup is how a derivation reads anything but the object that it derives. It
// notes every question before it answers, also one whose answer is nothing, so
// that whatever would change an answer has the object derived again.
//
// An error means that the answer cannot be told at present; nothing may be
// concluded from it, and the object that needs it is Unknown. It says why in
// words; with [ErrDenied] Get returns what it knows all the same. Answers are
// shared and read-only.
type Lookup interface {
	// Get returns the object of that kind and name, nil if there is none. The
	// namespace of cluster-scoped objects is "".
	Get(kind schema.GroupVersionKind, namespace, name string) (Object, error)

	// List returns the objects of a kind that the selector matches, sorted by
	// namespace and name: those of one namespace, with "" those of all.
	List(kind schema.GroupVersionKind, namespace string, selector labels.Selector) ([]Object, error)

	// Addresses returns what a host name resolves to, sorted.
	Addresses(host dns.Name) ([]netip.Addr, error)
}

// ErrDenied is that of a [Lookup] in a kind that nobody has let Signpost read so
// far, or of which manifests with mistakes may hide objects.
var ErrDenied = errors.New("reading is denied")

// Always returns the kinds that nearly every derivation asks about, so that they
// can be read before the first does.
func (d *Deriver) Always() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{namespaceKind()}
}

// Spares reports whether objects go on being published where a kind may not be
// read: it would only have limited them.
func (d *Deriver) Spares(kind schema.GroupVersionKind) bool {
	return kind == namespaceKind() && !d.requireDomains
}

func nodeKind() schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind("Node") }
func podKind() schema.GroupVersionKind  { return corev1.SchemeGroupVersion.WithKind("Pod") }
func sliceKind() schema.GroupVersionKind {
	return discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice")
}
func namespaceKind() schema.GroupVersionKind {
	return corev1.SchemeGroupVersion.WithKind("Namespace")
}

// get returns an object of a Go type, and whether it exists.
func get[T Object](look Lookup, kind schema.GroupVersionKind, namespace, name string) (T, bool, error) {
	o, err := look.Get(kind, namespace, name)
	t, ok := o.(T)
	return t, ok && err == nil, err
}

// list returns objects of a Go type.
func list[T Object](look Lookup, kind schema.GroupVersionKind, namespace string, selector labels.Selector) ([]T, error) {
	objects, err := look.List(kind, namespace, selector)
	var out []T
	for _, o := range objects {
		if t, ok := o.(T); ok {
			out = append(out, t)
		}
	}
	return out, err
}
