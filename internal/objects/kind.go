package objects

import (
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/internal/dnsendpoint"
)

// kind is a kind of object that can be read.
type kind struct {
	gvk      schema.GroupVersionKind
	resource string // plural, as in URLs and RBAC rules
	object   client.Object
	register func(*runtime.Scheme) error

	cluster  bool     // cluster-scoped
	formerly []string // other API groups that held the kind once
	older    []string // other versions that have the same fields, the newest first; then list is set
	list     client.ObjectList
	labels   bool                              // objects are found by their labels
	strip    func(client.Object)               // drops what is read nowhere of spec and status; nil: nothing
	pack     func(client.Object) client.Object // makes what is left smaller, see [Packed]; may be nil
}

func table() []kind {
	return append([]kind{
		{gvk: corev1.SchemeGroupVersion.WithKind("Service"), resource: "services",
			object: &corev1.Service{}, register: corev1.AddToScheme},
		{gvk: networkingv1.SchemeGroupVersion.WithKind("Ingress"), resource: "ingresses",
			object: &networkingv1.Ingress{}, register: networkingv1.AddToScheme, formerly: []string{"extensions"}, strip: stripIngress, pack: packIngress},
		{gvk: corev1.SchemeGroupVersion.WithKind("Node"), resource: "nodes", cluster: true,
			object: &corev1.Node{}, register: corev1.AddToScheme, labels: true, strip: stripNode},
		{gvk: corev1.SchemeGroupVersion.WithKind("Pod"), resource: "pods",
			object: &corev1.Pod{}, register: corev1.AddToScheme, labels: true, strip: stripPod, pack: packPod},
		{gvk: corev1.SchemeGroupVersion.WithKind("Namespace"), resource: "namespaces", cluster: true,
			object: &corev1.Namespace{}, register: corev1.AddToScheme, labels: true, strip: stripNamespace},
		{gvk: discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"), resource: "endpointslices",
			object: &discoveryv1.EndpointSlice{}, register: discoveryv1.AddToScheme, labels: true, strip: stripSlice},
		{gvk: dnsendpoint.GVK(), resource: dnsendpoint.Resource,
			object: &dnsendpoint.DNSEndpoint{}, register: dnsendpoint.Install},
	}, gatewayKinds()...)
}

// choose returns the rows of the table for these kinds.
func choose(gvks []schema.GroupVersionKind) ([]kind, error) {
	var chosen []kind
	for _, gvk := range gvks {
		i := slices.IndexFunc(table(), func(k kind) bool { return k.gvk == gvk })
		if i < 0 {
			return nil, fmt.Errorf("objects of kind %s cannot be read", gvk)
		}
		chosen = append(chosen, table()[i])
	}
	return chosen, nil
}

// newScheme knows the kinds and no more.
func newScheme(kinds []kind) (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, k := range kinds {
		if err := k.register(scheme); err != nil {
			return nil, fmt.Errorf("register %s: %w", k.gvk, err)
		}
	}
	return scheme, nil
}

// newMapper finds resources from the table, so that no discovery call is made
// and no permission for one is needed.
func newMapper(kinds []kind) meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, k := range kinds {
		var scope meta.RESTScope = meta.RESTScopeNamespace
		if k.cluster {
			scope = meta.RESTScopeRoot
		}
		mapper.AddSpecific(k.gvk, k.gvk.GroupVersion().WithResource(k.resource),
			k.gvk.GroupVersion().WithResource(k.resource), scope)
	}
	return mapper
}

// chosen is the kinds that a feed reads. Kinds are added and never taken away.
type chosen struct {
	more chan struct{} // holds a token after an addition

	mu    sync.Mutex
	kinds []kind
}

func newChosen(kinds []kind) *chosen {
	return &chosen{more: make(chan struct{}, 1), kinds: kinds}
}

func (c *chosen) add(gvk schema.GroupVersionKind) error {
	row, err := choose([]schema.GroupVersionKind{gvk})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.ContainsFunc(c.kinds, func(k kind) bool { return k.gvk == gvk }) {
		return nil
	}
	c.kinds = append(c.kinds, row...)
	select {
	case c.more <- struct{}{}:
	default:
	}
	return nil
}

// all returns the kinds in the order in which they were chosen.
func (c *chosen) all() []kind {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.kinds)
}
