package objects

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Keep says what of objects is read, so that the rest takes no memory, and its
// changes wake nobody. Of pods, nodes, endpoint slices and namespaces spec and
// status are cut to what derivations read, unless the kind is kept whole.
type Keep struct {
	// Labels keeps the labels of every kind. Without it only the kinds that are
	// found by labels keep them.
	Labels bool
	// Annotation tells which annotations are read, by their full keys. Nil: all.
	Annotation func(key string) bool
	// Whole is the kinds of which templates may read anything.
	Whole []schema.GroupVersionKind
}

func (s Keep) whole(k kind) bool { return slices.Contains(s.Whole, k.gvk) }

// strip drops what nothing reads.
func (s Keep) strip(o client.Object, k kind) {
	o.SetManagedFields(nil)
	o.SetOwnerReferences(nil)
	o.SetFinalizers(nil)
	o.SetGenerateName("")
	o.SetSelfLink("")
	whole := s.whole(k)
	if !s.Labels && !k.labels && !whole {
		o.SetLabels(nil)
	}
	if notes := o.GetAnnotations(); len(notes) > 0 {
		kept := map[string]string{}
		for key, value := range notes {
			if key != corev1.LastAppliedConfigAnnotation && (whole || s.Annotation == nil || s.Annotation(key)) {
				kept[key] = value
			}
		}
		if len(kept) == 0 {
			kept = nil
		}
		o.SetAnnotations(kept)
	}
	if k.strip != nil && !whole {
		k.strip(o)
	}
}

func stripPod(o client.Object) {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return
	}
	p.Spec = corev1.PodSpec{Hostname: p.Spec.Hostname, NodeName: p.Spec.NodeName, HostNetwork: p.Spec.HostNetwork}
	status := corev1.PodStatus{Phase: p.Status.Phase, PodIP: p.Status.PodIP, PodIPs: slices.Clone(p.Status.PodIPs), HostIP: p.Status.HostIP}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: c.Status}}
		}
	}
	p.Status = status
}

func stripNode(o client.Object) {
	n, ok := o.(*corev1.Node)
	if !ok {
		return
	}
	n.Spec = corev1.NodeSpec{Unschedulable: n.Spec.Unschedulable, ProviderID: n.Spec.ProviderID}
	status := corev1.NodeStatus{Addresses: n.Status.Addresses}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: c.Status}}
		}
	}
	n.Status = status
}

// stripSlice keeps the label that names the Service, and of each endpoint what
// leads to its addresses.
func stripSlice(o client.Object) {
	s, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return
	}
	s.Labels = map[string]string{discoveryv1.LabelServiceName: s.Labels[discoveryv1.LabelServiceName]}
	s.Ports = nil
	for i, e := range s.Endpoints {
		kept := discoveryv1.Endpoint{Addresses: e.Addresses, Conditions: discoveryv1.EndpointConditions{Ready: e.Conditions.Ready},
			Hostname: e.Hostname, NodeName: e.NodeName}
		if ref := e.TargetRef; ref != nil {
			kept.TargetRef = &corev1.ObjectReference{APIVersion: ref.APIVersion, Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
		}
		s.Endpoints[i] = kept
	}
}

// stripIngress keeps names and addresses. Paths are most of an Ingress.
func stripIngress(o client.Object) {
	i, ok := o.(*networkingv1.Ingress)
	if !ok {
		return
	}
	i.Spec.DefaultBackend = nil
	for n, r := range i.Spec.Rules {
		i.Spec.Rules[n] = networkingv1.IngressRule{Host: r.Host}
	}
	for n := range i.Spec.TLS {
		i.Spec.TLS[n].SecretName = ""
	}
	for n := range i.Status.LoadBalancer.Ingress {
		i.Status.LoadBalancer.Ingress[n].Ports = nil
	}
	// Decoders leave room for more.
	i.Spec.Rules, i.Status.LoadBalancer.Ingress = slices.Clone(i.Spec.Rules), slices.Clone(i.Status.LoadBalancer.Ingress)
}

func stripNamespace(o client.Object) {
	if n, ok := o.(*corev1.Namespace); ok {
		n.Spec, n.Status = corev1.NamespaceSpec{}, corev1.NamespaceStatus{}
	}
}
