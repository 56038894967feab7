package objects

import (
	"slices"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// packedPod is what stripPod leaves of a Pod. As a corev1.Pod each takes more than a kilobyte, however little is in it.
type packedPod struct {
	packedMeta
	node, hostIP    unique.Handle[string]
	phase, ready    unique.Handle[string] // ready is the status of that condition, "" without
	hostname, podIP string
	podIPs          []corev1.PodIP
	hostNetwork     bool
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
	return &packedPod{
		packedMeta: packMeta(p.ObjectMeta), node: unique.Make(p.Spec.NodeName),
		hostIP: unique.Make(p.Status.HostIP), phase: unique.Make(string(p.Status.Phase)), ready: unique.Make(ready),
		hostname: p.Spec.Hostname, podIP: p.Status.PodIP, podIPs: p.Status.PodIPs, hostNetwork: p.Spec.HostNetwork,
	}
}

// Unpack implements [Packed].
func (p *packedPod) Unpack() client.Object {
	out := &corev1.Pod{
		ObjectMeta: p.unpack(),
		Spec:       corev1.PodSpec{Hostname: p.hostname, NodeName: p.node.Value(), HostNetwork: p.hostNetwork},
		Status: corev1.PodStatus{Phase: corev1.PodPhase(p.phase.Value()), PodIP: p.podIP, PodIPs: p.podIPs,
			HostIP: p.hostIP.Value()},
	}
	if status := p.ready.Value(); status != "" {
		out.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionStatus(status)}}
	}
	return out
}

func (p *packedPod) alike(other client.Object) bool {
	o, ok := other.(*packedPod)
	return ok && p.packedMeta.alike(&o.packedMeta) && p.node == o.node && p.hostIP == o.hostIP && p.phase == o.phase &&
		p.ready == o.ready && p.hostname == o.hostname && p.podIP == o.podIP && slices.Equal(p.podIPs, o.podIPs) &&
		p.hostNetwork == o.hostNetwork
}

// GetObjectKind implements [runtime.Object].
func (p *packedPod) GetObjectKind() schema.ObjectKind {
	return &metav1.TypeMeta{Kind: "Pod", APIVersion: corev1.SchemeGroupVersion.String()}
}

// DeepCopyObject implements [runtime.Object].
func (p *packedPod) DeepCopyObject() runtime.Object {
	out := *p
	out.packedMeta = p.copy()
	out.podIPs = slices.Clone(p.podIPs)
	return &out
}
