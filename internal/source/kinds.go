package source

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dnsendpoint"
)

// Kind is a kind of object that a source reads.
type Kind struct {
	// Source is the name under which --source chooses it.
	Source string
	// Label is the kind's word in a claim's resource label: "service" in
	// "service/default/nginx".
	Label string
	// GVK is the version that is read; Resource is its plural, as RBAC rules
	// name it.
	GVK      schema.GroupVersionKind
	Resource string
}

func kinds() []Kind {
	return []Kind{
		{Source: "service", Label: "service", Resource: "services", GVK: corev1.SchemeGroupVersion.WithKind("Service")},
		{Source: "ingress", Label: "ingress", Resource: "ingresses", GVK: networkingv1.SchemeGroupVersion.WithKind("Ingress")},
		{Source: "node", Label: "node", Resource: "nodes", GVK: nodeKind()},
		{Source: "pod", Label: "pod", Resource: "pods", GVK: podKind()},
		{Source: "crd", Label: "crd", Resource: dnsendpoint.Resource, GVK: dnsendpoint.GVK()},
		routeKind("HTTPRoute", "httproutes"),
		routeKind("GRPCRoute", "grpcroutes"),
		routeKind("TLSRoute", "tlsroutes"),
		routeKind("TCPRoute", "tcproutes"),
		routeKind("UDPRoute", "udproutes"),
	}
}

// gvkOf returns the kind of a typed object, which an API server's client leaves
// out of it.
func gvkOf(o Object) schema.GroupVersionKind {
	name := reflect.TypeOf(o).Elem().Name()
	for _, k := range kinds() {
		if k.GVK.Kind == name {
			return k.GVK
		}
	}
	return o.GetObjectKind().GroupVersionKind()
}

// Kinds returns the kinds of object that the named sources read, each once.
// Names that are not [Sources] give none.
func Kinds(sources ...string) []Kind {
	return slices.DeleteFunc(kinds(), func(k Kind) bool { return !slices.Contains(sources, k.Source) })
}

// Sources returns the names that --source takes, sorted.
func Sources() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.Source)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
