package source_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/source"
)

func dnsEndpoints() *rapid.Generator[source.Object] {
	values := rapid.OneOf(text(), rapid.SampledFrom([]string{"10 mail.example.com", "0 1 2 a.example.com", "192.0.2.1", "2001:db8::1", "lb.example.net",
		`0 issue "a"`, `1 2 "u" "" "" .`, `"a" "b"`, "heritage=external-dns,external-dns/owner=me"}))
	types := rapid.OneOf(text(), rapid.SampledFrom([]string{"A", "AAAA", "CNAME", "MX", "SRV", "TXT", "NS", "CAA", "NAPTR", "PTR", "DNAME", "HTTPS", "SOA"}))
	names := rapid.OneOf(text(), rapid.SampledFrom([]string{"a.example.com", "b.example.com", "*.example.com"}))
	properties := rapid.Custom(func(t *rapid.T) dnsendpoint.Property {
		return dnsendpoint.Property{Name: rapid.SampledFrom([]string{"alias", "aws/weight", "aws/region", "record-type", "x"}).Draw(t, "property"),
			Value: rapid.OneOf(text(), rapid.SampledFrom([]string{"true", "A", "ptr", "10", "eu-west-1"})).Draw(t, "value")}
	})
	return rapid.Custom(func(t *rapid.T) source.Object {
		e := &dnsendpoint.DNSEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "o"}}
		for range rapid.IntRange(0, 4).Draw(t, "endpoints") {
			e.Spec.Endpoints = append(e.Spec.Endpoints, &dnsendpoint.Endpoint{
				DNSName: names.Draw(t, "name"), RecordType: types.Draw(t, "type"), Targets: rapid.SliceOfN(values, 0, 3).Draw(t, "targets"),
				RecordTTL: rapid.Int64().Draw(t, "ttl"), SetIdentifier: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "identifier"),
				ProviderSpecific: rapid.SliceOfN(properties, 0, 2).Draw(t, "properties")})
		}
		if rapid.Bool().Draw(t, "nothing at the end") {
			e.Spec.Endpoints = append(e.Spec.Endpoints, nil)
		}
		return e
	})
}

// TestListedInvariants: whatever stands in a DNSEndpoint, each want is canonical
// and its own, no name is both wanted and left alone, and nothing is a claim.
func TestListedInvariants(t *testing.T) {
	d, err := source.New(source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		obj := dnsEndpoints().Draw(t, "object")
		before := obj.DeepCopyObject()
		in, _ := d.Derive(obj, store{})
		again, _ := d.Derive(obj, store{})
		if diff := cmp.Diff(in, again, cmp.AllowUnexported(dns.RecordSet{})); diff != "" {
			t.Fatalf("derived twice, two answers:\n%s", diff)
		}
		if diff := cmp.Diff(before, obj.DeepCopyObject()); diff != "" {
			t.Fatalf("the object changed:\n%s", diff)
		}
		if in.Unknown != "" && len(in.Wants)+len(in.Unclear) > 0 {
			t.Fatalf("unknown (%s), and yet it tells %v, %v", in.Unknown, in.Wants, in.Unclear)
		}
		seen := map[dns.Key]bool{}
		for _, w := range in.Wants {
			set := w.Set
			canonical, err := dns.NewRecordSet(set.Key, set.TTL, set.Data...)
			canonical.Routing, canonical.HealthCheckID = set.Routing, set.HealthCheckID
			if err != nil || !set.Equal(canonical) || set.TTL < 1 || w.By != in.By || seen[set.Key] || plan.IsClaim(set) {
				t.Fatalf("not canonical, asked for twice or a claim: %v (%v)", set, err)
			}
			if in.Unclear[set.Name] != "" {
				t.Fatalf("%s is wanted, and left as it is: %s", set, in.Unclear[set.Name])
			}
			seen[set.Key] = true
		}
		for _, p := range in.Problems {
			if p.Reason == "" || p.Message == "" {
				t.Fatalf("a problem nobody can read: %+v", p)
			}
		}
	})
}

// TestRouteInvariants: whatever stands in a Route and its Gateway, the invariants
// of all intents hold, and each name lies at a listener.
func TestRouteInvariants(t *testing.T) {
	d, err := source.New(source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hosts := rapid.OneOf(text(), rapid.SampledFrom([]string{"a.example.com", "*.example.com", "*.com", "b.a.example.com"}))
	rapid.Check(t, func(t *rapid.T) {
		g := &gatewayv1.Gateway{TypeMeta: metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: "Gateway"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "g"}}
		listener := gatewayv1.Hostname(rapid.SampledFrom([]string{"*.example.com", "a.example.com"}).Draw(t, "listener"))
		g.Spec.Listeners = []gatewayv1.Listener{{Name: "l", Hostname: &listener, Port: 80, Protocol: "HTTP"}}
		for _, a := range rapid.SliceOfN(text(), 0, 2).Draw(t, "addresses") {
			g.Status.Addresses = append(g.Status.Addresses, gatewayv1.GatewayStatusAddress{Value: a})
		}
		r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "r", Generation: 2, Annotations: map[string]string{
			"external-dns.kubernetes.io/hostname": hosts.Draw(t, "hostname"), "external-dns.kubernetes.io/ttl": text().Draw(t, "ttl")}}}
		for _, h := range rapid.SliceOfN(hosts, 0, 3).Draw(t, "hosts") {
			r.Spec.Hostnames = append(r.Spec.Hostnames, gatewayv1.Hostname(h))
		}
		parent := gatewayv1.ParentReference{Name: gatewayv1.ObjectName(rapid.SampledFrom([]string{"g", "gone"}).Draw(t, "parent"))}
		r.Spec.ParentRefs = []gatewayv1.ParentReference{parent}
		r.Status.Parents = []gatewayv1.RouteParentStatus{{ParentRef: parent, Conditions: []metav1.Condition{{Type: "Accepted",
			Status: metav1.ConditionStatus(rapid.SampledFrom([]string{"True", "False"}).Draw(t, "accepted")), ObservedGeneration: rapid.Int64Range(0, 2).Draw(t, "judged")}}}}

		in, _ := d.Derive(r, store{objects: []source.Object{g}})
		check(t, in)
		wildcard := listener == "*.example.com"
		for _, w := range in.Wants {
			if n := w.Set.Name; n != dns.Name(listener+".") && !(wildcard && n.Within("example.com.") && n != "example.com.") {
				t.Fatalf("%s lies at no listener: %s", n, listener)
			}
		}
	})
}

// The targets of --default-targets are every object's: one that would point to itself spoils them for no other.
func TestDefaultTargetsAreShared(t *testing.T) {
	d, err := source.New(source.Options{DefaultTargets: []string{"lb.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lb.example.com", "www.example.com"} {
		e := &dnsendpoint.DNSEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "e"}}
		e.Spec.Endpoints = []*dnsendpoint.Endpoint{{DNSName: name, RecordType: "CNAME"}}
		intent, _ := d.Derive(e, store{})
		var got []string
		for _, w := range intent.Wants {
			got = append(got, w.Set.Data...)
		}
		if want := []string{"lb.example.com."}; name == "www.example.com" && !slices.Equal(got, want) {
			t.Errorf("%s leads to %q, want %q", name, got, want)
		}
	}
}
