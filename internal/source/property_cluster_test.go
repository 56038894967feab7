package source_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/source"
)

// someOptions draws flags of all sorts.
func someOptions(t *rapid.T) source.Options {
	some := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }
	o := source.Options{
		RequireAllowedDomains: some("require"), PublishInternal: some("internal"), PublishHostIP: some("host IP"), PublishNotReady: some("not ready"),
		ResolveBalancers: some("resolve"), ExcludeUnschedulable: some("schedulable"), ExcludeUnready: some("unready"), ExposeInternalIPv6: some("ipv6"),
		HostNetworkPods: some("host network"), CombineFQDN: some("combine"), CreatePTR: some("ptr"),
		Compatibility: rapid.SampledFrom([]string{"", "", "mate", "molecule", "kops-dns-controller"}).Draw(t, "compatibility"),
	}
	if some("pod domain") {
		o.PodSourceDomain = "pods.example.com"
	}
	if some("template") {
		o.FQDNTemplate = []string{rapid.SampledFrom([]string{"{{.Name}}.t.example.com", "all.example.com,{{.Labels.app}}.example.com",
			"{{.Spec.Nonsense}}", `{{index .Annotations "x"}}`}).Draw(t, "text")}
		o.IgnoreHostname = some("ignore")
	}
	if some("pairs") {
		o.FQDNTargetTemplate = []string{"{{.Name}}.p.example.com:192.0.2.77,nonsense"}
	}
	if some("nat64") {
		o.NAT64Networks = []string{"2001:db8::/96"}
	}
	if some("inside") {
		o.TargetNetFilter = []string{"10.0.0.0/8", "2001:db8::/32"}
	}
	if some("outside") {
		o.ExcludeTargetNets = []string{"10.0.0.0/9"}
	}
	if some("forced") {
		o.DefaultTargets, o.ForceDefaultTargets = []string{"203.0.113.1", "lb.example.net"}, true
	}
	return o
}

// cluster draws objects that refer to each other: every kind that the sources service, node and pod read.
func cluster(t *rapid.T) []source.Object {
	address := rapid.SampledFrom([]string{"192.0.2.1", "10.0.0.1", "10.200.0.1", "2001:db8::1", "", "nonsense"})
	name := rapid.SampledFrom([]string{"a", "b"})
	status := rapid.SampledFrom([]corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse})
	meta := func(kind string, namespaced bool, n string) metav1.ObjectMeta {
		m := metav1.ObjectMeta{Name: n, Annotations: map[string]string{}, Labels: map[string]string{}}
		if namespaced {
			m.Namespace = "ns"
		}
		for key, values := range map[string][]string{
			"external-dns.kubernetes.io/hostname":          {"h.example.com", "h.example.com,*.w.example.com", "bad..name"},
			"external-dns.kubernetes.io/internal-hostname": {"i.example.com", "h.example.com"},
			"external-dns.kubernetes.io/target":            {"192.0.2.9", "lb.example.net", ","},
			"external-dns.kubernetes.io/endpoints-type":    {"HostIP", "NodeExternalIP", "typo"},
			"external-dns.kubernetes.io/access":            {"public", "private", "typo"},
			"external-dns.kubernetes.io/record-type":       {"ptr", ""},
			"zalando.org/dnsname":                          {"m.example.com"},
			"domainName":                                   {".example.com,x.example.com"},
			"dns.alpha.kubernetes.io/external":             {"k.example.com"},
			"dns.alpha.kubernetes.io/internal":             {"ki.example.com"},
		} {
			if i := rapid.IntRange(0, 3*len(values)).Draw(t, kind+" "+n+" "+key); i < len(values) {
				m.Annotations[key] = values[i]
			}
		}
		if rapid.Bool().Draw(t, kind+" "+n+" label") {
			m.Labels = map[string]string{"app": "a", "dns": "route53", "node-role.kubernetes.io/node": ""}
		}
		return m
	}
	var out []source.Object
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}
	if rapid.Bool().Draw(t, "limited") {
		space.Annotations = map[string]string{source.AllowedDomains: rapid.SampledFrom([]string{"", "example.com", ".h.example.com, bad..name"}).Draw(t, "domains")}
	}
	out = append(out, space)
	for _, n := range []string{"a", "b"} {
		node := &corev1.Node{ObjectMeta: meta("node", false, n), Spec: corev1.NodeSpec{Unschedulable: rapid.Bool().Draw(t, "cordoned")}}
		for _, typ := range []corev1.NodeAddressType{corev1.NodeExternalIP, corev1.NodeInternalIP} {
			for _, a := range rapid.SliceOfN(address, 0, 2).Draw(t, "addresses") {
				node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: typ, Address: a})
			}
		}
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status.Draw(t, "node is ready")}}
		pod := &corev1.Pod{ObjectMeta: meta("pod", true, n), Spec: corev1.PodSpec{NodeName: rapid.SampledFrom([]string{"", "a", "b", "gone"}).Draw(t, "on"),
			Hostname: rapid.SampledFrom([]string{"", "p", "p-1", "_bad name_"}).Draw(t, "hostname"), HostNetwork: rapid.Bool().Draw(t, "network")}}
		pod.Status = corev1.PodStatus{PodIP: address.Draw(t, "pod IP"), HostIP: address.Draw(t, "host IP"), Phase: corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status.Draw(t, "pod is ready")}}}
		pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}, {IP: address.Draw(t, "second IP")}}
		service := &corev1.Service{ObjectMeta: meta("service", true, n)}
		service.Spec = corev1.ServiceSpec{
			Type:                     rapid.SampledFrom([]corev1.ServiceType{"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}).Draw(t, "type"),
			ClusterIP:                rapid.SampledFrom([]string{"None", "10.0.0.9"}).Draw(t, "cluster IP"),
			ExternalTrafficPolicy:    rapid.SampledFrom([]corev1.ServiceExternalTrafficPolicy{"", "Local"}).Draw(t, "policy"),
			PublishNotReadyAddresses: rapid.Bool().Draw(t, "not ready"), ExternalName: "name.example.net",
			Ports: []corev1.ServicePort{{Port: 80, NodePort: 30080}, {Port: 53, NodePort: 30053, Protocol: corev1.ProtocolUDP}},
		}
		if rapid.Bool().Draw(t, "selects") {
			service.Spec.Selector = map[string]string{"app": "a"}
		}
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address.Draw(t, "balancer"), Hostname: "lb.example.net"}}
		slice := &discoveryv1.EndpointSlice{AddressType: rapid.SampledFrom([]discoveryv1.AddressType{"IPv4", "IPv6", "FQDN"}).Draw(t, "family"),
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: n, Labels: map[string]string{discoveryv1.LabelServiceName: name.Draw(t, "of")}}}
		for range rapid.IntRange(0, 2).Draw(t, "endpoints") {
			ready := rapid.Bool().Draw(t, "endpoint is ready")
			e := discoveryv1.Endpoint{Addresses: rapid.SliceOfN(address, 0, 2).Draw(t, "endpoint"), Conditions: discoveryv1.EndpointConditions{Ready: &ready}}
			if to := rapid.SampledFrom([]string{"", "a", "b", "gone"}).Draw(t, "to"); to != "" {
				e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Name: to}
			}
			slice.Endpoints = append(slice.Endpoints, e)
		}
		out = append(out, node, pod, service, slice)
	}
	for _, o := range out {
		o.GetObjectKind().SetGroupVersionKind(kindOf(o))
	}
	return out
}

// TestClusterInvariants derives objects that read others. What holds: an intent is the same twice, and well formed; if a kind
// cannot be read, an object either does not need it and wants the same, or is unknown.
func TestClusterInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, err := source.New(someOptions(t))
		if err != nil {
			t.Skip(err)
		}
		all := cluster(t)
		hosts := map[string]string{}
		if rapid.Bool().Draw(t, "resolves") {
			hosts["lb.example.net"] = "198.51.100.1+2001:db8::7"
		}
		read := store{objects: all, hosts: hosts}
		missing := rapid.SampledFrom([]string{"Node", "Pod", "EndpointSlice", "Namespace"}).Draw(t, "missing")
		unread := store{objects: all, hosts: hosts, untold: map[string]error{missing: errUnread}}
		for _, o := range all {
			before := o.DeepCopyObject()
			intent, ours := d.Derive(o, read)
			if !ours {
				continue
			}
			check(t, intent)
			again, _ := d.Derive(o, read)
			if diff := cmp.Diff(intent, again, cmp.AllowUnexported(dns.RecordSet{})); diff != "" {
				t.Fatalf("derived twice, two answers:\n%s", diff)
			}
			if diff := cmp.Diff(before, o); diff != "" {
				t.Fatalf("the object changed:\n%s", diff)
			}
			blind, _ := d.Derive(o, unread)
			check(t, blind)
			if diff := cmp.Diff(intent.Wants, blind.Wants, cmp.AllowUnexported(dns.RecordSet{})); blind.Unknown == "" && diff != "" {
				t.Fatalf("without %s objects %s %s wants something else:\n%s", missing, o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), diff)
			}
		}
	})
}

func kindOf(o source.Object) schema.GroupVersionKind {
	switch o.(type) {
	case *discoveryv1.EndpointSlice:
		return discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice")
	case *corev1.Node:
		return corev1.SchemeGroupVersion.WithKind("Node")
	case *corev1.Pod:
		return corev1.SchemeGroupVersion.WithKind("Pod")
	case *corev1.Namespace:
		return corev1.SchemeGroupVersion.WithKind("Namespace")
	}
	return corev1.SchemeGroupVersion.WithKind("Service")
}
