package objects

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func openCluster(t *testing.T, s *apiServer, o Options) *Cluster {
	t.Helper()
	kinds, err := choose([]schema.GroupVersionKind{serviceKind(), ingressKind()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCluster(&rest.Config{Host: "http://192.0.2.1:6443", Transport: s, QPS: -1}, o, kinds)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A kind that is added is read from then on; what a node's heartbeat changes is
// not kept, and tells nobody.
func TestClusterAddsKinds(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiServer) {
		s.put("nodes", node("n1", "192.0.2.1"))
		follow(t, s, Options{}, func(r *recorder, settle func() []string) {
			settle()
			if asked := strings.Join(s.asked(), " "); strings.Contains(asked, "nodes") {
				t.Errorf("nodes are read though nobody asked: %s", asked)
			}
			for range 2 {
				if err := r.feed.Add(nodeKind()); err != nil {
					t.Fatal(err)
				}
			}
			want(t, settle(), "Node /n1", "Node: synced")
			beat := node("n1", "192.0.2.1")
			beat.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, LastHeartbeatTime: metav1.Now()}}
			s.put("nodes", beat)
			want(t, settle(), "Node /n1") // a condition, at first
			beat.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, LastHeartbeatTime: metav1.NewTime(time.Now().Add(time.Minute))},
				{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue}}
			beat.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}"}
			s.put("nodes", beat)
			want(t, settle())
			s.put("nodes", node("n1", "192.0.2.2"))
			want(t, settle(), "Node /n1")
			if err := r.feed.Add(schema.GroupVersionKind{Kind: "Secret"}); err == nil {
				t.Error("Secrets can be read")
			}
		})
	})
}

func node(name, address string) *corev1.Node {
	return &corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: name, UID: "u"},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeExternalIP, Address: address}}}}
}

func TestStrip(t *testing.T) {
	yes, class := true, "nginx"
	ref := &corev1.ObjectReference{Kind: "Pod", Namespace: "ns", Name: "p", UID: "u"}
	for _, c := range []struct {
		kind       string
		full, kept client.Object
	}{
		{"Pod", &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{"app": "a"}, Annotations: map[string]string{"x": "y", "z": ""}},
			Spec:       corev1.PodSpec{Hostname: "h", NodeName: "n", HostNetwork: true, Containers: make([]corev1.Container, 3)},
			Status: corev1.PodStatus{PodIP: "10.0.0.1", HostIP: "10.1.0.1", StartTime: &metav1.Time{},
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: "True", Message: "m"}, {Type: "Other"}}}},
			&corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{"app": "a"}, Annotations: map[string]string{"x": "y"}},
				Spec:       corev1.PodSpec{Hostname: "h", NodeName: "n", HostNetwork: true},
				Status: corev1.PodStatus{PodIP: "10.0.0.1", HostIP: "10.1.0.1",
					Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: "True"}}}}},
		{"EndpointSlice", &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Name: "s", Labels: map[string]string{discoveryv1.LabelServiceName: "s", "a": "b"}},
			Ports:      make([]discoveryv1.EndpointPort, 2),
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, TargetRef: ref,
				Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes}, DeprecatedTopology: map[string]string{"z": "1"}}}},
			&discoveryv1.EndpointSlice{
				ObjectMeta: metav1.ObjectMeta{Name: "s", Labels: map[string]string{discoveryv1.LabelServiceName: "s"}},
				Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "ns", Name: "p"},
					Conditions: discoveryv1.EndpointConditions{Ready: &yes}}}}},
		{"Ingress", &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Name: "i", Labels: map[string]string{"a": "b"}},
			Spec: networkingv1.IngressSpec{IngressClassName: &class, DefaultBackend: &networkingv1.IngressBackend{Resource: &corev1.TypedLocalObjectReference{}},
				Rules: []networkingv1.IngressRule{{Host: "a.example.com", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{}}}},
				TLS:   []networkingv1.IngressTLS{{Hosts: []string{"b.example.com"}, SecretName: "s"}}},
			Status: networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: []networkingv1.IngressLoadBalancerIngress{
				{IP: "192.0.2.1", Ports: make([]networkingv1.IngressPortStatus, 2)}, {Hostname: "lb.example.net"}}}}},
			&networkingv1.Ingress{
				ObjectMeta: metav1.ObjectMeta{Name: "i"},
				Spec: networkingv1.IngressSpec{IngressClassName: &class, Rules: []networkingv1.IngressRule{{Host: "a.example.com"}},
					TLS: []networkingv1.IngressTLS{{Hosts: []string{"b.example.com"}}}},
				Status: networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: []networkingv1.IngressLoadBalancerIngress{
					{IP: "192.0.2.1"}, {Hostname: "lb.example.net"}}}}}},
	} {
		row := table()[slices.IndexFunc(table(), func(k kind) bool { return k.gvk.Kind == c.kind })]
		whole := c.full.DeepCopyObject()
		got := c.full.DeepCopyObject().(client.Object)
		keep := Keep{Annotation: func(key string) bool { return key == "x" }}
		keep.strip(got, row)
		if diff := cmp.Diff(c.kept, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.kind, diff)
		}
		keep.Whole = []schema.GroupVersionKind{row.gvk}
		keep.strip(c.full, row)
		if diff := cmp.Diff(whole, c.full); diff != "" {
			t.Errorf("%s kept whole (-want +got):\n%s", c.kind, diff)
		}
	}
}

// follow runs the cluster in a bubble of virtual time, and lets play change the
// world. After each change, settle returns what was delivered.
func follow(t *testing.T, s *apiServer, o Options, play func(r *recorder, settle func() []string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		// Channels of the server must be of the bubble.
		s.changed, s.cut = make(chan struct{}), make(chan struct{})
		c := openCluster(t, s, o)
		r := newRecorder()
		r.feed = c
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx, r) }()
		play(r, func() []string {
			synctest.Wait()
			return r.take()
		})
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

// bothWays runs a test with API servers that know streaming lists, and that do not.
func bothWays(t *testing.T, test func(t *testing.T, s *apiServer)) {
	for _, streaming := range []bool{true, false} {
		t.Run(fmt.Sprintf("streaming=%t", streaming), func(t *testing.T) { test(t, newAPIServer(streaming)) })
	}
}

func TestClusterFollows(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiServer) {
		s.put("services", service("a"), service("b"))
		s.put("ingresses", ingress("web"))
		follow(t, s, Options{}, func(r *recorder, settle func() []string) {
			first := settle() // a list has no order
			if first[1] != "Ingress: synced" || first[len(first)-1] != "Service: synced" {
				t.Errorf("synced before all was delivered: %q", first)
			}
			want(t, slices.Sorted(slices.Values(first)), "Ingress default/web", "Ingress: synced",
				"Service default/a", "Service default/b", "Service: synced")

			changed := service("a")
			changed.Spec.ExternalIPs = []string{"192.0.2.7"}
			s.put("services", changed)
			s.put("ingresses", ingress("api"))
			s.remove("services", "default/b")
			want(t, settle(), "Ingress default/api", "Service default/a", "gone: Service default/b")
			if got := r.get(serviceKind(), "a").(*corev1.Service).Spec.ExternalIPs; !slices.Equal(got, []string{"192.0.2.7"}) {
				t.Errorf("external IPs of the changed Service: %v", got)
			}

			time.Sleep(24 * time.Hour)
			want(t, settle()) // nothing is repeated
		})
		// The role that ExternalDNS is commonly given allows these and no others.
		allowed := []string{"list /api/v1/services", "watch /api/v1/services",
			"list /apis/networking.k8s.io/v1/ingresses", "watch /apis/networking.k8s.io/v1/ingresses"}
		for _, request := range s.asked() {
			if !slices.Contains(allowed, request) {
				t.Errorf("asked for %s, which needs a permission beyond get, list and watch of the kinds", request)
			}
		}
	})
}

func TestClusterDenied(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiServer) {
		s.put("services", service("a"))
		s.put("ingresses", ingress("web"))
		s.denied = map[string]bool{"list ingresses": true, "watch ingresses": true}
		follow(t, s, Options{}, func(r *recorder, settle func() []string) {
			want(t, settle(), "Ingress: frozen", "Service default/a", "Service: synced")
			if diff := cmp.Diff(Status{
				Reason: `may not list ingresses: ingresses is forbidden: User "signpost" cannot list resource "ingresses" at the cluster scope`,
				Hint:   `add this rule to the role: {apiGroups: ["networking.k8s.io"], resources: ["ingresses"], verbs: ["get", "list", "watch"]}`,
				Denied: true,
			}, r.of(ingressKind())); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			s.put("services", service("b"))
			want(t, settle(), "Service default/b")

			time.Sleep(time.Hour)
			want(t, settle()) // it is not told again and again

			s.deny()
			time.Sleep(2 * time.Minute)
			want(t, settle(), "Ingress default/web", "Ingress: synced")
		})
	})
}

func TestClusterDeniedOnTheWay(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiServer) {
		s.put("services", service("a"))
		s.put("ingresses", ingress("web"), ingress("api"))
		follow(t, s, Options{}, func(r *recorder, settle func() []string) {
			settle()
			s.deny("list ingresses", "watch ingresses")
			time.Sleep(time.Minute)
			want(t, settle(), "Ingress: frozen")

			s.remove("ingresses", "default/api")
			s.remove("services", "default/a")
			time.Sleep(time.Minute)
			want(t, settle(), "gone: Service default/a")

			s.deny()
			time.Sleep(2 * time.Minute)
			want(t, slices.Sorted(slices.Values(settle())), "Ingress: synced", "gone: Ingress default/api")
		})
	})
}

func TestClusterWatchDenied(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiServer) {
		s.put("services", service("a"))
		s.denied = map[string]bool{"watch services": true}
		follow(t, s, Options{}, func(r *recorder, settle func() []string) {
			settle()
			if got := r.of(serviceKind()); !got.Frozen() || !strings.HasPrefix(got.Reason, "may not watch services: ") {
				t.Errorf("status %+v", got)
			}
			if r.get(serviceKind(), "a") == nil {
				t.Error("what the list gave was not delivered")
			}
			time.Sleep(time.Hour)
			want(t, settle())

			s.deny()
			time.Sleep(2 * time.Minute)
			want(t, settle(), "Service: synced")
		})
	})
}

func TestClusterCompacted(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiServer) {
		s.put("services", service("a"), service("b"))
		follow(t, s, Options{}, func(r *recorder, settle func() []string) {
			settle()
			s.fall(true)
			s.remove("services", "default/b")
			s.put("services", service("c"))
			s.compact()
			s.fall(false)
			time.Sleep(2 * time.Minute)
			// What was there all along is not repeated.
			want(t, slices.DeleteFunc(settle(), func(line string) bool {
				return strings.Contains(line, ": synced") || strings.Contains(line, ": frozen")
			}),
				"gone: Service default/b", "Service default/c")
			if !r.of(serviceKind()).Synced || !r.of(ingressKind()).Synced {
				t.Errorf("status afterwards: %v", r.status)
			}
		})
	})
}

func TestClusterUnreachable(t *testing.T) {
	s := newAPIServer(true)
	s.put("services", service("a"))
	s.down = true
	c := openCluster(t, s, Options{})
	err := c.Check(t.Context())
	if err == nil || err.Error() != "the API server at http://192.0.2.1:6443 does not answer: dial tcp 192.0.2.1:6443: connect: connection refused" {
		t.Errorf("Check: %v", err)
	}
	if h, ok := err.(interface{ Hint() string }); !ok || h.Hint() == "" {
		t.Errorf("Check gives no hint: %v", err)
	}
	follow(t, s, Options{}, func(r *recorder, settle func() []string) {
		want(t, settle(), "Ingress: frozen", "Service: frozen")
		time.Sleep(time.Hour)
		want(t, settle())

		s.fall(false)
		time.Sleep(2 * time.Minute)
		want(t, settle(), "Ingress: synced", "Service default/a", "Service: synced")

		s.fall(true)
		time.Sleep(2 * time.Minute)
		want(t, settle(), "Ingress: frozen", "Service: frozen")
	})
}

func TestClusterCheck(t *testing.T) {
	s := newAPIServer(true)
	if err := openCluster(t, s, Options{}).Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	want(t, s.asked(), "list /version")
}

func TestClusterNamespace(t *testing.T) {
	s := newAPIServer(true)
	s.denied = map[string]bool{"list services": true, "watch services": true}
	follow(t, s, Options{Namespace: "team"}, func(r *recorder, settle func() []string) {
		want(t, settle(), "Ingress: synced", "Service: frozen")
		for _, request := range s.asked() {
			if !strings.Contains(request, "/namespaces/team/") {
				t.Errorf("asked beyond the namespace: %s", request)
			}
		}
	})
}

func TestClusterManyObjects(t *testing.T) {
	s := newAPIServer(true)
	for i := range 2*slice + 1 {
		s.put("services", service(fmt.Sprintf("s%d", i)))
	}
	follow(t, s, Options{}, func(r *recorder, settle func() []string) {
		settle()
		if diff := cmp.Diff([]int{slice, slice, 1}, r.sizes); diff != "" {
			t.Errorf("sizes of the slices (-want +got):\n%s", diff)
		}
		if !r.of(serviceKind()).Synced {
			t.Error("not synced")
		}
	})
}

func TestClusterStrips(t *testing.T) {
	created := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	full := service("a")
	full.CreationTimestamp = created
	full.Generation = 3
	full.Labels = map[string]string{"app": "web"}
	full.Annotations = map[string]string{"external-dns.alpha.kubernetes.io/hostname": "a.example.com",
		corev1.LastAppliedConfigAnnotation: "{}"}
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	full.Finalizers = []string{"service.kubernetes.io/load-balancer-cleanup"}
	full.OwnerReferences = []metav1.OwnerReference{{Name: "x"}}
	full.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}

	for _, keep := range []bool{false, true} {
		s := newAPIServer(true)
		s.put("services", full)
		follow(t, s, Options{Keep: Keep{Labels: keep}}, func(r *recorder, settle func() []string) {
			settle()
			stripped := service("a")
			stripped.TypeMeta = metav1.TypeMeta{}
			stripped.ResourceVersion = "11"
			stripped.CreationTimestamp = created
			stripped.Generation = 3
			if keep {
				stripped.Labels = full.Labels
			}
			stripped.Annotations = map[string]string{"external-dns.alpha.kubernetes.io/hostname": "a.example.com"}
			stripped.Status = full.Status
			got := r.get(serviceKind(), "a").DeepCopyObject().(*corev1.Service)
			got.TypeMeta = metav1.TypeMeta{}
			if diff := cmp.Diff(stripped, got); diff != "" {
				t.Errorf("Keep.Labels %t (-want +got):\n%s", keep, diff)
			}
		})
	}
}
