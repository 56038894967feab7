package objects

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/signpost-dns/signpost/test/apiserver"
)

func gatewayAPI(version, kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: version, Kind: kind}
}

// route is an object of an API server, in the version that this has.
func tcpRoute(version, namespace, name string, generation int64) *gatewayv1.TCPRoute {
	return &gatewayv1.TCPRoute{
		TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupName + "/" + version, Kind: "TCPRoute"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: generation},
		Spec: gatewayv1.TCPRouteSpec{CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{Name: "g"}}},
			Rules: make([]gatewayv1.TCPRouteRule, 1)},
	}
}

// readFrom runs a feed of these kinds on an API server in virtual time.
func readFrom(t *testing.T, o apiserver.Options, options Options, kinds []schema.GroupVersionKind, play func(s *apiserver.Server, r *recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := apiserver.New(o)
		c, err := OpenCluster(s.Config(), options, kinds)
		if err != nil {
			t.Fatal(err)
		}
		r := newRecorder()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx, r) }()
		play(s, r)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func taken(r *recorder) []string {
	synctest.Wait()
	return slices.Sorted(slices.Values(r.take()))
}

// A kind whose definition is missing is frozen alone, and is read when the
// definition comes, in whatever version.
func TestDefinitionAppears(t *testing.T) {
	for _, version := range []string{"v1", "v1alpha2"} {
		for _, streaming := range []bool{true, false} {
			t.Run(version, func(t *testing.T) {
				kinds := []schema.GroupVersionKind{serviceKind(), gatewayAPI("v1", "TCPRoute")}
				readFrom(t, apiserver.Options{NoStreamingLists: !streaming}, Options{}, kinds, func(s *apiserver.Server, r *recorder) {
					want(t, taken(r), "Service: synced", "TCPRoute: frozen")
					if why := r.status[kinds[1]].Reason; !strings.Contains(why, "has no tcproutes of gateway.networking.k8s.io/v1") {
						t.Errorf("frozen because %q", why)
					}
					s.Serve(apiserver.Resource{GroupVersionKind: gatewayAPI(version, "TCPRoute"), Plural: "tcproutes"})
					if err := s.Create(tcpRoute(version, "default", "one", 1)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(2 * time.Minute)
					want(t, taken(r), "TCPRoute default/one", "TCPRoute: synced")
					if err := s.Create(tcpRoute(version, "default", "two", 1)); err != nil {
						t.Fatal(err)
					}
					want(t, taken(r), "TCPRoute default/two")
					s.DropWatches("tcproutes")
					time.Sleep(time.Minute)
					if err := s.Delete(tcpRoute(version, "default", "one", 1)); err != nil {
						t.Fatal(err)
					}
					want(t, taken(r), "gone: TCPRoute default/one")
					for id, o := range r.objects {
						if route, ok := o.(*gatewayv1.TCPRoute); !ok || len(route.Spec.ParentRefs) != 1 || route.Spec.Rules != nil {
							t.Errorf("%s is kept as %#v", id.key, o)
						}
					}
				})
			})
		}
	}
}

// Gateways are read where they are, whatever limits the Routes.
func TestElsewhere(t *testing.T) {
	gateway := func(namespace string) *gatewayv1.Gateway {
		return &gatewayv1.Gateway{TypeMeta: metav1.TypeMeta{APIVersion: gatewayv1.GroupName + "/v1", Kind: "Gateway"},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "g"}}
	}
	for namespace, seen := range map[string][]string{"": {"Gateway apps/g", "Gateway infra/g"}, "infra": {"Gateway infra/g"}} {
		kinds := []schema.GroupVersionKind{gatewayAPI("v1", "TCPRoute"), gatewayAPI("v1", "Gateway")}
		o := Options{Namespace: "apps", Elsewhere: map[schema.GroupVersionKind]string{kinds[1]: namespace}}
		readFrom(t, apiserver.Options{}, o, kinds, func(s *apiserver.Server, r *recorder) {
			s.Serve(apiserver.Resource{GroupVersionKind: kinds[0], Plural: "tcproutes"}, apiserver.Resource{GroupVersionKind: kinds[1], Plural: "gateways"})
			for _, o := range []client.Object{tcpRoute("v1", "apps", "one", 1), tcpRoute("v1", "other", "one", 1), gateway("apps"), gateway("infra")} {
				if err := s.Create(o); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Minute)
			got := slices.DeleteFunc(taken(r), func(line string) bool { return strings.Contains(line, ": ") })
			want(t, got, append(seen, "TCPRoute apps/one")...)
		})
	}
}

func TestStripGateway(t *testing.T) {
	now := metav1.Now()
	full := []metav1.Condition{{Type: "ResolvedRefs", Status: "True"},
		{Type: "Accepted", Status: "True", ObservedGeneration: 3, LastTransitionTime: now, Reason: "Accepted", Message: "m"}}
	kept := []metav1.Condition{{Type: "Accepted", Status: "True", ObservedGeneration: 3}}
	hosts := []gatewayv1.Hostname{"www.example.com"}
	common := gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{Name: "g"}}}
	parents := func(conditions []metav1.Condition, by gatewayv1.GatewayController) gatewayv1.RouteStatus {
		return gatewayv1.RouteStatus{Parents: []gatewayv1.RouteParentStatus{{ParentRef: common.ParentRefs[0], ControllerName: by, Conditions: conditions}}}
	}
	attached := int32(2)
	meta := metav1.ObjectMeta{Name: "x", Generation: 3}
	listener := gatewayv1.ListenerEntry{Name: "a", Hostname: &hosts[0], Port: 443, Protocol: "HTTPS", AllowedRoutes: &gatewayv1.AllowedRoutes{}}
	secured := listener
	secured.TLS = &gatewayv1.ListenerTLSConfig{}
	for _, c := range []struct{ full, kept client.Object }{
		{&gatewayv1.HTTPRoute{ObjectMeta: meta, Spec: gatewayv1.HTTPRouteSpec{CommonRouteSpec: common, Hostnames: hosts, Rules: make([]gatewayv1.HTTPRouteRule, 2)},
			Status: gatewayv1.HTTPRouteStatus{RouteStatus: parents(full, "c")}},
			&gatewayv1.HTTPRoute{ObjectMeta: meta, Spec: gatewayv1.HTTPRouteSpec{CommonRouteSpec: common, Hostnames: hosts},
				Status: gatewayv1.HTTPRouteStatus{RouteStatus: parents(kept, "")}}},
		{&gatewayv1.GRPCRoute{ObjectMeta: meta, Spec: gatewayv1.GRPCRouteSpec{CommonRouteSpec: common, Hostnames: hosts, Rules: make([]gatewayv1.GRPCRouteRule, 2)},
			Status: gatewayv1.GRPCRouteStatus{RouteStatus: parents(full, "c")}},
			&gatewayv1.GRPCRoute{ObjectMeta: meta, Spec: gatewayv1.GRPCRouteSpec{CommonRouteSpec: common, Hostnames: hosts},
				Status: gatewayv1.GRPCRouteStatus{RouteStatus: parents(kept, "")}}},
		{&gatewayv1.TLSRoute{ObjectMeta: meta, Spec: gatewayv1.TLSRouteSpec{CommonRouteSpec: common, Hostnames: hosts, Rules: make([]gatewayv1.TLSRouteRule, 2)},
			Status: gatewayv1.TLSRouteStatus{RouteStatus: parents(full, "c")}},
			&gatewayv1.TLSRoute{ObjectMeta: meta, Spec: gatewayv1.TLSRouteSpec{CommonRouteSpec: common, Hostnames: hosts},
				Status: gatewayv1.TLSRouteStatus{RouteStatus: parents(kept, "")}}},
		{&gatewayv1.UDPRoute{ObjectMeta: meta, Spec: gatewayv1.UDPRouteSpec{CommonRouteSpec: common, Rules: make([]gatewayv1.UDPRouteRule, 2)},
			Status: gatewayv1.UDPRouteStatus{RouteStatus: parents(full, "c")}},
			&gatewayv1.UDPRoute{ObjectMeta: meta, Spec: gatewayv1.UDPRouteSpec{CommonRouteSpec: common},
				Status: gatewayv1.UDPRouteStatus{RouteStatus: parents(kept, "")}}},
		{&gatewayv1.Gateway{ObjectMeta: meta, Spec: gatewayv1.GatewaySpec{GatewayClassName: "c", Listeners: []gatewayv1.Listener{{Name: "a", TLS: &gatewayv1.ListenerTLSConfig{}}},
			AllowedListeners: &gatewayv1.AllowedListeners{}},
			Status: gatewayv1.GatewayStatus{Addresses: []gatewayv1.GatewayStatusAddress{{Value: "192.0.2.1"}}, Conditions: full,
				Listeners: []gatewayv1.ListenerStatus{{AttachedRoutes: 7}}, AttachedListenerSets: &attached}},
			&gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: gatewayv1.GatewaySpec{Listeners: []gatewayv1.Listener{{Name: "a"}},
				AllowedListeners: &gatewayv1.AllowedListeners{}},
				Status: gatewayv1.GatewayStatus{Addresses: []gatewayv1.GatewayStatusAddress{{Value: "192.0.2.1"}}}}},
		{&gatewayv1.ListenerSet{ObjectMeta: meta, Spec: gatewayv1.ListenerSetSpec{ParentRef: gatewayv1.ParentGatewayReference{Name: "g"}, Listeners: []gatewayv1.ListenerEntry{secured}},
			Status: gatewayv1.ListenerSetStatus{Conditions: full, Listeners: []gatewayv1.ListenerEntryStatus{{Name: "a", AttachedRoutes: 7, Conditions: full}}}},
			&gatewayv1.ListenerSet{ObjectMeta: meta, Spec: gatewayv1.ListenerSetSpec{ParentRef: gatewayv1.ParentGatewayReference{Name: "g"}, Listeners: []gatewayv1.ListenerEntry{listener}},
				Status: gatewayv1.ListenerSetStatus{Conditions: kept, Listeners: []gatewayv1.ListenerEntryStatus{{Name: "a", Conditions: kept}}}}},
	} {
		stripGateway(c.full)
		if diff := cmp.Diff(c.kept, c.full); diff != "" {
			t.Errorf("%T (-want +got):\n%s", c.full, diff)
		}
	}
}

// Manifests may be written for a release of the Gateway API that has the kind in
// an older version.
func TestOlderManifests(t *testing.T) {
	object := func(version, kind string) string {
		return "apiVersion: gateway.networking.k8s.io/" + version + "\nkind: " + kind + "\nmetadata: {name: a}\nspec: {parentRefs: [{name: g}]}\n"
	}
	for _, tt := range []struct{ version, kind, wrong string }{
		{version: "v1", kind: "HTTPRoute"}, {version: "v1beta1", kind: "HTTPRoute"}, {version: "v1alpha2", kind: "TCPRoute"},
		{version: "v1alpha3", kind: "TLSRoute"}, {version: "v1alpha2", kind: "TLSRoute"}, {version: "v1alpha2", kind: "UDPRoute"},
		{version: "v1alpha2", kind: "HTTPRoute", wrong: "HTTPRoute of gateway.networking.k8s.io/v1alpha2 is not read: use gateway.networking.k8s.io/v1"},
	} {
		p := parse("a.yaml", object(tt.version, tt.kind))
		if tt.wrong != "" {
			if got := strings.Join(p.complaints(), "\n"); !strings.Contains(got, tt.wrong) || len(p.found) > 0 {
				t.Errorf("%s of %s: found %q, complaints %q, want %q", tt.kind, tt.version, p.lines(), got, tt.wrong)
			}
			continue
		}
		if diff := cmp.Diff([]string{tt.kind + " default/a"}, p.lines()); diff != "" || len(p.complaints()) > 0 || p.found[0].kind.Version != "v1" {
			t.Errorf("%s of %s (-want +got):\n%s%q", tt.kind, tt.version, diff, p.complaints())
		}
	}
}
