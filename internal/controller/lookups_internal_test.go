package controller

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/source"
)

// desk is lookups of which a test asks in the name of Services.
type desk struct {
	*lookups
	t *testing.T
}

func newDesk(t *testing.T) *desk {
	return &desk{newLookups(source.Kinds("service"), nil, func(schema.GroupVersionKind) error { return nil }, newHosts(nil, func() {})), t}
}

var (
	pods           = corev1.SchemeGroupVersion.WithKind("Pod")
	endpointSlices = discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice")
	nodes          = corev1.SchemeGroupVersion.WithKind("Node")
)

func (d *desk) service(name string) ref {
	return newRef(source.Kinds("service")[0].GVK, types.NamespacedName{Namespace: "ns", Name: name})
}

// asks has a Service ask, as one derivation, and returns the first answer's error.
func (d *desk) asks(name string, asked ...func(source.Lookup) error) (err error) {
	a := &asker{d.service(name), &questions{}}
	for _, q := range asked {
		if e := q(&reader{d.lookups, a}); err == nil {
			err = e
		}
	}
	d.keep(a, err == nil)
	return err
}

func find(kind schema.GroupVersionKind, namespace, name string) func(source.Lookup) error {
	return func(l source.Lookup) error {
		_, err := l.Get(kind, namespace, name)
		return err
	}
}

func search(kind schema.GroupVersionKind, namespace, selector string) func(source.Lookup) error {
	return func(l source.Lookup) error {
		s, err := labels.Parse(selector)
		if err == nil {
			_, err = l.List(kind, namespace, s)
		}
		return err
	}
}

func (d *desk) sync(kinds ...schema.GroupVersionKind) {
	status := map[schema.GroupVersionKind]objects.Status{}
	for _, k := range kinds {
		status[k] = objects.Status{Synced: true}
	}
	d.take(nil, status)
	d.lookups.fetch()
}

// event delivers a version of an object, nil for its going, and returns who is dirty.
func (d *desk) event(kind schema.GroupVersionKind, namespace, name string, labels map[string]string) string {
	r := newRef(kind, types.NamespacedName{Namespace: namespace, Name: name})
	e := objects.Event{Kind: kind, Key: r.key}
	if labels != nil {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}
		e.Object = map[string]client.Object{"Pod": &corev1.Pod{ObjectMeta: meta}, "Node": &corev1.Node{ObjectMeta: meta},
			"EndpointSlice": &discoveryv1.EndpointSlice{ObjectMeta: meta}}[kind.Kind]
	}
	d.take(map[ref]objects.Event{r: e}, nil)
	return d.fetched()
}

func (d *desk) fetched() string {
	var names []string
	for _, r := range d.lookups.fetch() {
		names = append(names, r.key.Name)
	}
	return strings.Join(names, " ")
}

func (d *desk) want(got, want string) {
	d.t.Helper()
	if got != want {
		d.t.Errorf("derived again: %q, want %q", got, want)
	}
}

// Whoever asks the same again costs nothing, however many others ask it, and one who asks something else is found by that alone.
func TestSameQuestionsAgain(t *testing.T) {
	d := newDesk(t)
	d.sync(pods, nodes)
	for _, q := range []func(source.Lookup) error{find(pods, "ns", "p"), search(pods, "ns", "app=a")} {
		if err := d.asks("a", q); err != nil {
			t.Fatal(err)
		}
		before := d.askers[d.service("a")]
		if err := d.asks("a", q); err != nil {
			t.Fatal(err)
		}
		if d.askers[d.service("a")] != before {
			t.Error("who asks the same again is forgotten first")
		}
	}
	d.want(d.event(pods, "ns", "p", map[string]string{}), "")
	d.want(d.event(pods, "ns", "q", map[string]string{"app": "a"}), "a")
	if err := d.asks("a", search(pods, "ns", "app=b")); err != nil {
		t.Fatal(err)
	}
	d.want(d.event(pods, "ns", "q", map[string]string{"app": "a"}), "")
	d.want(d.event(pods, "ns", "q", map[string]string{"app": "b"}), "a")
}

func TestLookupsMatch(t *testing.T) {
	d := newDesk(t)
	d.sync(pods, endpointSlices, nodes)
	for name, q := range map[string]func(source.Lookup) error{
		"by-name": find(pods, "ns", "p"), "by-label": search(pods, "ns", "app=a"), "by-labels": search(pods, "ns", "app in (a, b),tier!=x"),
		"everywhere": search(pods, "", "app=a"), "elsewhere": search(pods, "other", "app=a"), "node": search(nodes, "", ""),
		"slice": search(endpointSlices, "ns", discoveryv1.LabelServiceName+"=s"),
	} {
		if err := d.asks(name, q); err != nil {
			t.Fatal(err)
		}
	}
	d.want(d.event(pods, "ns", "p", map[string]string{}), "by-name")
	d.want(d.event(pods, "ns", "p", map[string]string{"app": "a"}), "by-label by-labels by-name everywhere")
	d.want(d.event(pods, "ns", "p", map[string]string{"app": "b"}), "by-label by-labels by-name everywhere")
	d.want(d.event(pods, "ns", "p", map[string]string{"app": "b", "tier": "x"}), "by-labels by-name")
	d.want(d.event(pods, "ns", "p", nil), "by-name")
	d.want(d.event(pods, "other", "q", map[string]string{"app": "a"}), "elsewhere everywhere")
	d.want(d.event(nodes, "", "n", map[string]string{}), "node")
	d.want(d.event(endpointSlices, "ns", "s1", map[string]string{discoveryv1.LabelServiceName: "s"}), "slice")
	d.want(d.event(endpointSlices, "ns", "s1", map[string]string{discoveryv1.LabelServiceName: "t"}), "slice")
	d.want(d.event(endpointSlices, "ns", "s1", nil), "")

	// What is asked anew replaces what was asked before.
	if err := d.asks("by-name", find(pods, "ns", "r")); err != nil {
		t.Fatal(err)
	}
	d.want(d.event(pods, "ns", "p", map[string]string{}), "")
	d.want(d.event(pods, "ns", "r", map[string]string{}), "by-name")
}

func TestLookupsAnswer(t *testing.T) {
	d := newDesk(t)
	d.sync(endpointSlices)
	d.event(endpointSlices, "ns", "b", map[string]string{discoveryv1.LabelServiceName: "s"})
	d.event(endpointSlices, "ns", "a", map[string]string{discoveryv1.LabelServiceName: "s"})
	d.event(endpointSlices, "ns", "c", map[string]string{discoveryv1.LabelServiceName: "t"})
	d.event(endpointSlices, "other", "d", map[string]string{discoveryv1.LabelServiceName: "s"})
	names := func(namespace, selector string) string {
		s, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		found, err := (&reader{d.lookups, &asker{questions: &questions{}}}).List(endpointSlices, namespace, s)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, o := range found {
			out = append(out, o.GetNamespace()+"/"+o.GetName())
		}
		return strings.Join(out, " ")
	}
	service := discoveryv1.LabelServiceName
	for range 2 { // the second answer is remembered
		d.want(names("ns", service+"=s"), "ns/a ns/b")
		d.want(names("ns", service+"!=s"), "ns/c")
		d.want(names("ns", service+"=none"), "")
		d.want(names("", service+"=s"), "ns/a ns/b other/d")
	}
	d.event(endpointSlices, "ns", "a", nil)
	d.want(names("ns", service+"=s"), "ns/b")
}

// A kind that cannot be told makes those wait who ask for it, and their source
// deletes nothing.
func TestLookupsWait(t *testing.T) {
	d := newDesk(t)
	d.sync(nodes)
	if err := d.asks("both", find(nodes, "", "n"), find(pods, "ns", "p")); err == nil || err.Error() != "Pod objects have not been read yet" {
		t.Errorf("error %v", err)
	}
	if err := d.asks("node", find(nodes, "", "n")); err != nil {
		t.Error(err)
	}
	d.want(d.event(pods, "ns", "p", map[string]string{}), "") // the status comes behind
	d.want(d.hold("service"), "Pod objects have not been read yet")
	d.want(d.hold("ingress"), "")

	denied := objects.Status{Reason: "may not list pods", Denied: true}
	d.take(nil, map[schema.GroupVersionKind]objects.Status{pods: denied})
	d.want(d.fetched(), "both")
	if err := d.asks("both", find(pods, "ns", "p")); !errors.Is(err, source.ErrDenied) || !strings.Contains(err.Error(), "may not list pods") {
		t.Errorf("error %v", err)
	}
	d.sync(pods)
	d.want(d.hold(""), "")
	if err := d.asks("both", find(pods, "ns", "p")); err != nil {
		t.Error(err)
	}
	d.take(nil, map[schema.GroupVersionKind]objects.Status{pods: denied})
	d.want(d.fetched(), "") // what was known stays
	d.want(d.event(pods, "ns", "p", nil), "")
	if d.want(d.hold("service"), "Pod objects cannot be read: may not list pods"); errors.Is(d.untold(pods), source.ErrDenied) {
		t.Error("it has been read before")
	}
	d.take(nil, map[schema.GroupVersionKind]objects.Status{pods: {Synced: true}})
	d.want(d.fetched(), "both")
}

// What nobody asks any more is forgotten: namespaces come and go for years.
func TestLookupsForget(t *testing.T) {
	d := newDesk(t)
	for _, synced := range []bool{false, true} {
		if synced {
			d.sync(nodes)
		}
		for _, name := range []string{"a", "b"} {
			if err := d.asks(name, find(nodes, "", "n")); (err == nil) != synced {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"a", "b"} {
		d.forget(d.service(name))
	}
	if n := len(d.alike) + len(d.byName) + len(d.byShelf) + len(d.askers); n > 0 {
		t.Errorf("%d entries are left: %v", n, d.alike)
	}
}
