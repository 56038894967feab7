// Package e2e tells whole stories on a real Kubernetes API server.
package e2e

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/test/e2e/cluster"
)

var shared cluster.Shared

func TestMain(m *testing.M) {
	defer shared.Stop()
	defer func() {
		if dir, err := programDir(); err == nil {
			_ = os.RemoveAll(dir) // what is left lies in the system's temporary directory
		}
	}()
	m.Run()
}

// publishedRole is a role that ExternalDNS's users have had for years: without endpoint slices, events and leases.
const publishedRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: external-dns
rules:
- apiGroups: [""]
  resources: ["services","endpoints","pods"]
  verbs: ["get","watch","list"]
- apiGroups: ["extensions","networking.k8s.io"]
  resources: ["ingresses"]
  verbs: ["get","watch","list"]
- apiGroups: [""]
  resources: ["nodes"]
  verbs: ["list","watch"]
`

func TestServerSaysItsVersion(t *testing.T) {
	ns := shared.Namespace(t)
	dc, err := discovery.NewDiscoveryClientForConfig(ns.Admin.Config)
	if err != nil {
		t.Fatal(err)
	}
	v, err := dc.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if v.GitVersion != "v1.36.3" || v.Major != "1" || v.Minor != "36" {
		t.Errorf("got version %s, major %s, minor %s; want v1.36.3, 1, 36", v.GitVersion, v.Major, v.Minor)
	}
}

const webObjects = `
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    external-dns.alpha.kubernetes.io/hostname: web.example.com
    example.com/kept: "1"
spec:
  type: LoadBalancer
  ports: [{port: 80}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  rules:
  - host: web.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: web, port: {number: 80}}}
status:
  loadBalancer:
    ingress: [{ip: 192.168.10.51}]
`

func TestObjectsAndTheirStatus(t *testing.T) {
	ns := shared.Namespace(t)
	ns.Apply(webObjects)
	ns.LoadBalancer("service/web", "web-1.eu-west-1.elb.amazonaws.com", "2001:db8::1")

	var svc corev1.Service
	ns.Get("service/web", &svc)
	vip := corev1.LoadBalancerIPModeVIP // the server's default
	want := []corev1.LoadBalancerIngress{{Hostname: "web-1.eu-west-1.elb.amazonaws.com"}, {IP: "2001:db8::1", IPMode: &vip}}
	if d := cmp.Diff(want, svc.Status.LoadBalancer.Ingress); d != "" {
		t.Errorf("the Service's load balancer (-want +got):\n%s", d)
	}
	var ing networkingv1.Ingress
	ns.Get("ingress/web", &ing)
	if d := cmp.Diff([]networkingv1.IngressLoadBalancerIngress{{IP: "192.168.10.51"}}, ing.Status.LoadBalancer.Ingress); d != "" {
		t.Errorf("the Ingress's status from the manifest (-want +got):\n%s", d)
	}
	if svc.Namespace != ns.Name || ing.Namespace != ns.Name {
		t.Errorf("got namespaces %s and %s, want %s", svc.Namespace, ing.Namespace, ns.Name)
	}

	ns.LoadBalancer("ingress/web")
	ns.Get("ingress/web", &ing)
	if n := len(ing.Status.LoadBalancer.Ingress); n != 0 {
		t.Errorf("the Ingress has %d addresses after it lost its load balancer", n)
	}
}

func TestAnnotationsComeAndGo(t *testing.T) {
	const hostname = "external-dns.alpha.kubernetes.io/hostname"
	ns := shared.Namespace(t)
	annotations := func() map[string]string {
		var svc corev1.Service
		ns.Get("services/web", &svc)
		return svc.Annotations
	}
	ns.Apply(webObjects)
	ns.Annotate("service/web", "example.com/kept", "2")
	ns.Annotate("service/web", hostname, "")
	if d := cmp.Diff(map[string]string{"example.com/kept": "2"}, annotations()); d != "" {
		t.Errorf("after removing one by name (-want +got):\n%s", d)
	}
	ns.Apply(webObjects)
	if d := cmp.Diff(map[string]string{"example.com/kept": "1", hostname: "web.example.com"}, annotations()); d != "" {
		t.Errorf("after applying all again (-want +got):\n%s", d)
	}
	ns.Apply(strings.Replace(webObjects, hostname+": web.example.com", "", 1))
	if d := cmp.Diff(map[string]string{"example.com/kept": "1"}, annotations()); d != "" {
		t.Errorf("after applying without one (-want +got):\n%s", d)
	}
	ns.Delete("service/web")
	var svc corev1.Service
	err := ns.Client.Get(t.Context(), client.ObjectKey{Namespace: ns.Name, Name: "web"}, &svc)
	if !apierrors.IsNotFound(err) {
		t.Errorf("reading the deleted Service: got %v, want not found", err)
	}
}

func TestNothingOfATestIsLeft(t *testing.T) {
	var first string
	t.Run("first", func(t *testing.T) {
		ns := shared.Namespace(t)
		first = ns.Name
		ns.Apply(webObjects + `
---
apiVersion: v1
kind: Node
metadata: {name: worker-1, finalizers: [example.com/hold]}
status:
  addresses: [{type: ExternalIP, address: 192.0.2.7}]
`)
		var node corev1.Node
		ns.Get("node/worker-1", &node)
		if d := cmp.Diff([]corev1.NodeAddress{{Type: "ExternalIP", Address: "192.0.2.7"}}, node.Status.Addresses); d != "" {
			t.Errorf("the node's addresses (-want +got):\n%s", d)
		}
	})
	ns := shared.Namespace(t)
	var services corev1.ServiceList
	var ingresses networkingv1.IngressList
	var nodes corev1.NodeList
	err := errors.Join(
		ns.Client.List(t.Context(), &services, client.InNamespace(first)),
		ns.Client.List(t.Context(), &ingresses, client.InNamespace(first)),
		ns.Client.List(t.Context(), &nodes),
	)
	if err != nil {
		t.Fatal(err)
	}
	if s, i, n := len(services.Items), len(ingresses.Items), len(nodes.Items); s+i+n > 0 {
		t.Errorf("left: %d Services, %d Ingresses, %d Nodes", s, i, n)
	}
}

func TestUserMayDoWhatTheRoleSays(t *testing.T) {
	ns := shared.Namespace(t)
	user := ns.User(publishedRole)

	// As a program of its own would read it.
	config, err := clientcmd.BuildConfigFromFlags("", user.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []client.ObjectList{&corev1.ServiceList{}, &corev1.PodList{}, &networkingv1.IngressList{}, &corev1.NodeList{}} {
		if err := c.List(t.Context(), list); err != nil {
			t.Errorf("list %T: %v", list, err)
		}
	}
	forbidden := map[string]error{
		"list endpoint slices": c.List(t.Context(), &discoveryv1.EndpointSliceList{}),
		"list secrets":         c.List(t.Context(), &corev1.SecretList{}),
		"get a node":           c.Get(t.Context(), client.ObjectKey{Name: "worker-1"}, &corev1.Node{}),
		"create a Service":     c.Create(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "mine"}}),
	}
	for act, err := range forbidden {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s: got %v, want it forbidden", act, err)
		} else if !strings.Contains(err.Error(), user.Name) {
			t.Errorf("%s: %v does not name %s", act, err, user.Name)
		}
	}
}

func TestUsersOfOneTestDiffer(t *testing.T) {
	ns := shared.Namespace(t)
	full, less := ns.User(publishedRole), ns.User(strings.Replace(publishedRole, `"services",`, "", 1))
	var got []bool
	for _, user := range []*cluster.User{full, less} {
		c, err := client.New(user.Config, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = c.List(t.Context(), &corev1.ServiceList{})
		if err != nil && !apierrors.IsForbidden(err) {
			t.Fatal(err)
		}
		got = append(got, err == nil)
	}
	if !slices.Equal(got, []bool{true, false}) {
		t.Errorf("may list Services: got %v, want the full role's user only", got)
	}
}
