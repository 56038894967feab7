package objects

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// gatewayKinds are those of the Gateway API. Its releases before 1.6 serve some
// kinds in older versions only, whose fields are the same.
func gatewayKinds() []kind {
	row := func(name, resource string, object client.Object, list client.ObjectList, older ...string) kind {
		return kind{gvk: schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: gatewayv1.GroupVersion.Version, Kind: name},
			resource: resource, object: object, list: list, older: older, register: gatewayv1.Install, strip: stripGateway}
	}
	gateways := row("Gateway", "gateways", &gatewayv1.Gateway{}, &gatewayv1.GatewayList{}, "v1beta1")
	gateways.labels = true
	return []kind{
		gateways,
		row("ListenerSet", "listenersets", &gatewayv1.ListenerSet{}, &gatewayv1.ListenerSetList{}),
		row("HTTPRoute", "httproutes", &gatewayv1.HTTPRoute{}, &gatewayv1.HTTPRouteList{}, "v1beta1"),
		row("GRPCRoute", "grpcroutes", &gatewayv1.GRPCRoute{}, &gatewayv1.GRPCRouteList{}, "v1alpha2"),
		row("TLSRoute", "tlsroutes", &gatewayv1.TLSRoute{}, &gatewayv1.TLSRouteList{}, "v1alpha3", "v1alpha2"),
		row("TCPRoute", "tcproutes", &gatewayv1.TCPRoute{}, &gatewayv1.TCPRouteList{}, "v1alpha2"),
		row("UDPRoute", "udproutes", &gatewayv1.UDPRoute{}, &gatewayv1.UDPRouteList{}, "v1alpha2"),
	}
}

// stripGateway keeps listeners and addresses of Gateways, hosts and parents of
// Routes, and who has accepted what: rules are most of a Route, and counters
// change with every other object.
func stripGateway(o client.Object) {
	switch o := o.(type) {
	case *gatewayv1.Gateway:
		o.Generation = 0
		spec := gatewayv1.GatewaySpec{AllowedListeners: o.Spec.AllowedListeners}
		for _, l := range o.Spec.Listeners {
			l.TLS = nil
			spec.Listeners = append(spec.Listeners, l)
		}
		o.Spec, o.Status = spec, gatewayv1.GatewayStatus{Addresses: o.Status.Addresses}
	case *gatewayv1.ListenerSet:
		for i := range o.Spec.Listeners {
			o.Spec.Listeners[i].TLS = nil
		}
		status := gatewayv1.ListenerSetStatus{Conditions: verdict(o.Status.Conditions)}
		for _, l := range o.Status.Listeners {
			status.Listeners = append(status.Listeners, gatewayv1.ListenerEntryStatus{Name: l.Name, Conditions: verdict(l.Conditions)})
		}
		o.Status = status
	case *gatewayv1.HTTPRoute:
		o.Spec = gatewayv1.HTTPRouteSpec{CommonRouteSpec: o.Spec.CommonRouteSpec, Hostnames: o.Spec.Hostnames}
		o.Status.Parents = parents(o.Status.Parents)
	case *gatewayv1.GRPCRoute:
		o.Spec = gatewayv1.GRPCRouteSpec{CommonRouteSpec: o.Spec.CommonRouteSpec, Hostnames: o.Spec.Hostnames}
		o.Status.Parents = parents(o.Status.Parents)
	case *gatewayv1.TLSRoute:
		o.Spec = gatewayv1.TLSRouteSpec{CommonRouteSpec: o.Spec.CommonRouteSpec, Hostnames: o.Spec.Hostnames}
		o.Status.Parents = parents(o.Status.Parents)
	case *gatewayv1.TCPRoute:
		o.Spec = gatewayv1.TCPRouteSpec{CommonRouteSpec: o.Spec.CommonRouteSpec}
		o.Status.Parents = parents(o.Status.Parents)
	case *gatewayv1.UDPRoute:
		o.Spec = gatewayv1.UDPRouteSpec{CommonRouteSpec: o.Spec.CommonRouteSpec}
		o.Status.Parents = parents(o.Status.Parents)
	}
}

func parents(all []gatewayv1.RouteParentStatus) []gatewayv1.RouteParentStatus {
	var out []gatewayv1.RouteParentStatus
	for _, p := range all {
		out = append(out, gatewayv1.RouteParentStatus{ParentRef: p.ParentRef, Conditions: verdict(p.Conditions)})
	}
	return slices.Clip(out)
}

// verdict keeps whether something is accepted, and of which generation that is
// said.
func verdict(all []metav1.Condition) []metav1.Condition {
	for _, c := range all {
		if c.Type == string(gatewayv1.RouteConditionAccepted) {
			return []metav1.Condition{{Type: c.Type, Status: c.Status, ObservedGeneration: c.ObservedGeneration}}
		}
	}
	return nil
}
