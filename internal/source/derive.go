package source

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/plan"
)

// Deriver reads objects under fixed [Options]. It may be used by many
// goroutines at once and never changes an object.
type Deriver struct {
	prefixes            []string // the winning one first
	labels, annotations labels.Selector
	ttl                 uint32 // of objects that ask for none
	requireDomains      bool

	types            []corev1.ServiceType // nil: all
	publishInternal  bool
	publishHostIP    bool
	publishNotReady  bool
	resolveBalancers bool
	compatibility    string

	gateways                      labels.Selector
	gatewayName, gatewayNamespace string // "": any
	listenerSets                  bool

	classes     []string // empty: all
	ignoreTLS   bool
	ignoreRules bool

	excludeUnschedulable bool
	excludeUnready       bool
	exposeInternalIPv6   bool
	hostNetworkOnly      bool
	podDomain            string

	fqdn, target, fqdnTarget templates // nil: none
	combine                  bool
	ignoreHostname           bool
	exposing                 bool // see [Options]

	defaults        targets
	forceDefaults   bool
	inside, outside []netip.Prefix
	nat64           []netip.Prefix
	createPTR       bool
}

// Derive returns what obj wants, reading others through look. It takes
// *corev1.Service, *networkingv1.Ingress, *corev1.Node, *corev1.Pod, the Routes of the Gateway API and *dnsendpoint.DNSEndpoint;
// for other kinds, and for objects that the options or
// their controller annotation exclude, it returns false. Such an object, like
// one that is gone, wants nothing.
func (d *Deriver) Derive(obj runtime.Object, look Lookup) (plan.Intent, bool) {
	switch o := obj.(type) {
	case *corev1.Service:
		if r, ok := d.begin("service", o, look); ok && d.takesType(o) {
			d.service(r, o)
			return r.intent(), true
		}
	case *networkingv1.Ingress:
		if r, ok := d.begin("ingress", o, look); ok && d.takesClass(o) {
			d.ingress(r, o)
			return r.intent(), true
		}
	case *corev1.Node:
		if r, ok := d.begin("node", o, look); ok {
			d.node(r, o)
			return r.intent(), true
		}
	case *corev1.Pod:
		if r, ok := d.begin("pod", o, look); ok {
			d.pod(r, o)
			return r.intent(), true
		}
	case *dnsendpoint.DNSEndpoint:
		if r, ok := d.draft("crd", o, look); ok { // its annotations shape nothing
			d.dnsEndpoint(r, o)
			return r.intent(), true
		}
	default:
		rt, ok := routeOf(o)
		if !ok {
			break
		}
		if r, ok := d.begin(rt.label(), rt, look); ok {
			d.gatewayRoute(r, rt)
			return r.intent(), true
		}
	}
	return plan.Intent{}, false
}

// begin applies the filters common to all kinds. An object whose controller
// annotation names somebody else is theirs, also if it names nobody ("").
func (d *Deriver) begin(label string, o metav1.Object, look Lookup) (*draft, bool) {
	r, ok := d.draft(label, o, look)
	if !ok {
		return nil, false
	}
	r.notes, r.stack = readAnnotations(o.GetAnnotations(), d.prefixes), stackOf(o)
	n, set := r.notes.byKey[controllerKey]
	return r, !set || n.value == ourController
}

// draft applies the filters of the flags.
func (d *Deriver) draft(label string, o metav1.Object, look Lookup) (*draft, bool) {
	if !d.labels.Matches(labels.Set(o.GetLabels())) || !d.annotations.Matches(labels.Set(o.GetAnnotations())) {
		return nil, false
	}
	return &draft{
		d: d, source: label,
		by: plan.Object{Kind: label, Namespace: o.GetNamespace(), Name: o.GetName(),
			Created: o.GetCreationTimestamp().Time},
		look: look, adopt: o.GetAnnotations()[adoptAnnotation],
	}, true
}

func (d *Deriver) takesType(s *corev1.Service) bool {
	return d.types == nil || slices.Contains(d.types, serviceType(s))
}

func (d *Deriver) takesClass(i *networkingv1.Ingress) bool {
	if len(d.classes) == 0 {
		return true
	}
	class := ""
	if i.Spec.IngressClassName != nil {
		class = *i.Spec.IngressClassName
	}
	if class == "" {
		class = i.Annotations[classAnnotation]
	}
	return class != "" && slices.Contains(d.classes, class)
}
