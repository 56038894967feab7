package objects

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// kind is a kind of object that can be read.
type kind struct {
	gvk      schema.GroupVersionKind
	resource string // plural, as in URLs and RBAC rules
	object   client.Object
	register func(*runtime.Scheme) error

	cluster  bool     // cluster-scoped
	formerly []string // other API groups that held the kind once
}

func table() []kind {
	return []kind{
		{gvk: corev1.SchemeGroupVersion.WithKind("Service"), resource: "services",
			object: &corev1.Service{}, register: corev1.AddToScheme},
		{gvk: networkingv1.SchemeGroupVersion.WithKind("Ingress"), resource: "ingresses",
			object: &networkingv1.Ingress{}, register: networkingv1.AddToScheme, formerly: []string{"extensions"}},
	}
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

// strip drops the metadata that nothing reads: it is most of the memory that an
// object takes. Spec and status stay whole.
func strip(o client.Object, keepLabels bool) {
	o.SetManagedFields(nil)
	o.SetOwnerReferences(nil)
	o.SetFinalizers(nil)
	o.SetGenerateName("")
	o.SetSelfLink("")
	if !keepLabels {
		o.SetLabels(nil)
	}
	notes := o.GetAnnotations()
	if _, ok := notes[corev1.LastAppliedConfigAnnotation]; ok {
		delete(notes, corev1.LastAppliedConfigAnnotation)
		o.SetAnnotations(notes)
	}
}
