package objects

import (
	"maps"
	"slices"
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Packed is an object in a form that takes less memory than its Go type. Its
// metadata can be read as they are; its labels best through the interface
// labels.Labels of apimachinery, which it has too, and which copies nothing.
type Packed interface {
	client.Object
	// Unpack returns the object as its Go type, a new one each time.
	Unpack() client.Object
}

// Unpack returns an object as its kind's Go type; nil for nil.
func Unpack(o client.Object) client.Object {
	if p, ok := o.(Packed); ok {
		return p.Unpack()
	}
	return o
}

// packedPod is what stripPod leaves of a Pod. There may be very many Pods, and
// as a corev1.Pod each takes more than a kilobyte, however little is in it. What
// Pods have in common they share.
type packedPod struct {
	metav1.ObjectMeta                       // without labels
	labels            unique.Handle[string] // "key=value" each, sorted, a comma behind each
	node, hostIP      unique.Handle[string]
	phase, ready      unique.Handle[string] // ready is the status of that condition, "" without
	hostname, podIP   string
	podIPs            []corev1.PodIP
	hostNetwork       bool
}

// packPod packs a Pod that has been stripped.
func packPod(o client.Object) client.Object {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return o
	}
	ready := ""
	for _, c := range p.Status.Conditions {
		ready = string(c.Status)
	}
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p.Labels)) {
		text.WriteString(key + "=" + p.Labels[key] + ",")
	}
	out := &packedPod{
		ObjectMeta: p.ObjectMeta, labels: unique.Make(text.String()), node: unique.Make(p.Spec.NodeName),
		hostIP: unique.Make(p.Status.HostIP), phase: unique.Make(string(p.Status.Phase)), ready: unique.Make(ready),
		hostname: p.Spec.Hostname, podIP: p.Status.PodIP, podIPs: p.Status.PodIPs, hostNetwork: p.Spec.HostNetwork,
	}
	out.ObjectMeta.Labels = nil
	return out
}

// Unpack implements [Packed].
func (p *packedPod) Unpack() client.Object {
	out := &corev1.Pod{
		ObjectMeta: p.ObjectMeta,
		Spec:       corev1.PodSpec{Hostname: p.hostname, NodeName: p.node.Value(), HostNetwork: p.hostNetwork},
		Status: corev1.PodStatus{Phase: corev1.PodPhase(p.phase.Value()), PodIP: p.podIP, PodIPs: p.podIPs,
			HostIP: p.hostIP.Value()},
	}
	out.Labels = p.GetLabels()
	if status := p.ready.Value(); status != "" {
		out.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionStatus(status)}}
	}
	return out
}

// alike reports whether two versions of a Pod differ in their version at most.
func (p *packedPod) alike(o *packedPod) bool {
	return p.UID == o.UID && p.labels == o.labels && maps.Equal(p.Annotations, o.Annotations) &&
		p.DeletionTimestamp.Equal(o.DeletionTimestamp) && p.node == o.node && p.hostIP == o.hostIP && p.phase == o.phase &&
		p.ready == o.ready && p.hostname == o.hostname && p.podIP == o.podIP && slices.Equal(p.podIPs, o.podIPs) &&
		p.hostNetwork == o.hostNetwork
}

// GetLabels implements [metav1.Object].
func (p *packedPod) GetLabels() map[string]string {
	out := map[string]string{}
	for key, value := range p.each {
		out[key] = value
	}
	return out
}

func (p *packedPod) each(yield func(key, value string) bool) {
	for label := range strings.SplitSeq(p.labels.Value(), ",") {
		if key, value, ok := strings.Cut(label, "="); ok && !yield(key, value) {
			return
		}
	}
}

// Lookup implements labels.Labels.
func (p *packedPod) Lookup(label string) (value string, ok bool) {
	for key, value := range p.each {
		if key == label {
			return value, true
		}
	}
	return "", false
}

// Has implements labels.Labels.
func (p *packedPod) Has(label string) bool {
	_, ok := p.Lookup(label)
	return ok
}

// Get implements labels.Labels.
func (p *packedPod) Get(label string) string {
	value, _ := p.Lookup(label)
	return value
}

// GetObjectKind implements [runtime.Object].
func (p *packedPod) GetObjectKind() schema.ObjectKind {
	return &metav1.TypeMeta{Kind: "Pod", APIVersion: corev1.SchemeGroupVersion.String()}
}

// DeepCopyObject implements [runtime.Object].
func (p *packedPod) DeepCopyObject() runtime.Object {
	out := *p
	out.ObjectMeta = *p.ObjectMeta.DeepCopy()
	out.podIPs = slices.Clone(p.podIPs)
	return &out
}
