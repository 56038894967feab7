package controller_test

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/source"
)

func gatewayAPI(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: "v1", Kind: kind}
}

func gateway(name string, addresses ...string) *gatewayv1.Gateway {
	everybody := gatewayv1.NamespacesFromAll
	g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: name},
		Spec: gatewayv1.GatewaySpec{Listeners: []gatewayv1.Listener{{Name: "http", Port: 80, Protocol: "HTTP",
			AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &everybody}}}}}}
	for _, a := range addresses {
		g.Status.Addresses = append(g.Status.Addresses, gatewayv1.GatewayStatusAddress{Value: a})
	}
	return g
}

// httpRoute is a Route that its Gateway accepted when it was of this generation.
func httpRoute(name, host, gateway string, generation, judged int64) *gatewayv1.HTTPRoute {
	infra := gatewayv1.Namespace("infra")
	parent := gatewayv1.ParentReference{Namespace: &infra, Name: gatewayv1.ObjectName(gateway)}
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Generation: generation}}
	r.Spec.Hostnames, r.Spec.ParentRefs = []gatewayv1.Hostname{gatewayv1.Hostname(host)}, []gatewayv1.ParentReference{parent}
	r.Status.Parents = []gatewayv1.RouteParentStatus{{ParentRef: parent,
		Conditions: []metav1.Condition{{Type: "Accepted", Status: "True", ObservedGeneration: judged}}}}
	return r
}

// TestGatewayRoutes: a change of a Gateway has exactly the Routes derived again
// that it accepted, and a Route that changed holds what it has until it is judged.
func TestGatewayRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Kinds = source.Kinds("gateway-httproute", "gateway-tcproute") })
		w.run()
		w.apply(gateway("a", "192.0.2.1"), gateway("b", "192.0.2.2"), httpRoute("one", "one.example.com", "a", 1, 1),
			httpRoute("two", "two.example.com", "a", 1, 1), httpRoute("three", "three.example.com", "b", 1, 1), httpRoute("four", "four.example.com", "c", 1, 1))
		w.status(gatewayAPI("HTTPRoute"), synced)
		w.status(gatewayAPI("TCPRoute"), objects.Status{Reason: "no such kind"})
		settle()
		holds(t, cloud, example, "one A 192.0.2.1", "two A 192.0.2.1", "three A 192.0.2.2")

		for _, step := range []struct {
			what        string
			do          func()
			derivations float64
			holds       []string
		}{
			{"another address", func() { w.apply(gateway("a", "192.0.2.3")) }, 2, []string{"one A 192.0.2.3", "two A 192.0.2.3", "three A 192.0.2.2"}},
			{"a Gateway that was missing", func() { w.apply(gateway("c", "192.0.2.4")) }, 1,
				[]string{"one A 192.0.2.3", "two A 192.0.2.3", "three A 192.0.2.2", "four A 192.0.2.4"}},
			{"nobody's Gateway", func() { w.apply(gateway("d", "192.0.2.5")) }, 0,
				[]string{"one A 192.0.2.3", "two A 192.0.2.3", "three A 192.0.2.2", "four A 192.0.2.4"}},
			{"another host", func() { w.apply(httpRoute("one", "uno.example.com", "a", 2, 1)) }, 1,
				[]string{"one A 192.0.2.3", "two A 192.0.2.3", "three A 192.0.2.2", "four A 192.0.2.4"}},
			{"it is accepted", func() { w.apply(httpRoute("one", "uno.example.com", "a", 2, 2)) }, 1,
				[]string{"uno A 192.0.2.3", "two A 192.0.2.3", "three A 192.0.2.2", "four A 192.0.2.4"}},
			{"a Gateway goes", func() { w.remove(gateway("b")) }, 1, []string{"uno A 192.0.2.3", "two A 192.0.2.3", "four A 192.0.2.4"}},
		} {
			before := w.metric("signpost_derivations_total")
			step.do()
			wait(time.Second)
			if n := w.metric("signpost_derivations_total") - before; n != step.derivations {
				t.Errorf("%s: %v objects derived, want %v", step.what, n, step.derivations)
			}
			holds(t, cloud, example, step.holds...)
		}

		w.status(gatewayAPI("Gateway"), objects.Status{Reason: "no such kind"})
		w.apply(httpRoute("two", "two.example.com", "c", 1, 1))
		wait(time.Second)
		holds(t, cloud, example, "uno A 192.0.2.3", "two A 192.0.2.3", "four A 192.0.2.4")
	})
}
