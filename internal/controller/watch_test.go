package controller_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/source"
)

func node(name, address string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
		Addresses:  []corev1.NodeAddress{{Type: corev1.NodeExternalIP, Address: address}},
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
	}}
}

func unready(n *corev1.Node) *corev1.Node {
	n.Status.Conditions[0].Status = corev1.ConditionFalse
	return n
}

func endpoints(service string, addresses ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, ObjectMeta: metav1.ObjectMeta{Namespace: "default",
		Name: service + "-x", Labels: map[string]string{discoveryv1.LabelServiceName: service}}}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	return s
}

func headless(name, host string) *corev1.Service {
	s := service(name, host)
	s.Spec.Type, s.Spec.ClusterIP = corev1.ServiceTypeClusterIP, corev1.ClusterIPNone
	return s
}

func nodePort(name, host string) *corev1.Service {
	s := service(name, host)
	s.Spec.Type = corev1.ServiceTypeNodePort
	return s
}

// TestDerivedAgain counts what a change of another object costs: exactly the
// objects that read it are derived again, and names are planned only if what is
// wanted there changes.
func TestDerivedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		w.begin(node("n1", "192.0.2.1"), node("n2", "192.0.2.2"), endpoints("one", "10.0.0.1", "10.0.0.2"), endpoints("two", "10.0.0.3"),
			headless("one", "one.example.com"), headless("two", "two.example.com"),
			nodePort("port", "port.example.com"), service("lb", "lb.example.com", "192.0.2.9"), ingress("in", "in.example.com", "192.0.2.8"))
		settle()
		before := listing(cloud, example)
		if len(before) != 5 {
			t.Fatalf("at the start: %q", before)
		}
		relabelled := node("n1", "192.0.2.1")
		relabelled.Labels = map[string]string{"heart": "beat"}
		for _, step := range []struct {
			what                 string
			do                   func()
			derivations, planned float64
		}{
			{"a node's label", func() { w.apply(relabelled) }, 1, 0},
			{"endpoints in another order", func() { w.apply(endpoints("one", "10.0.0.2", "10.0.0.1")) }, 1, 0},
			{"a slice of nobody's", func() { w.apply(endpoints("three", "10.0.0.9")) }, 0, 0},
			{"another endpoint", func() { w.apply(endpoints("one", "10.0.0.2", "10.0.0.4")) }, 1, 1},
			{"another address of a node", func() { w.apply(node("n2", "192.0.2.3")) }, 1, 1},
			{"a node goes", func() { w.remove(node("n2", "")) }, 1, 1},
			{"the same Service", func() { w.apply(service("lb", "lb.example.com", "192.0.2.9")) }, 1, 0},
		} {
			derivations, planned := w.metric("signpost_derivations_total"), w.metric("signpost_planned_names_total")
			step.do()
			settle()
			if n := w.metric("signpost_derivations_total") - derivations; n != step.derivations {
				t.Errorf("%s: %v objects derived, want %v", step.what, n, step.derivations)
			}
			if n := w.metric("signpost_planned_names_total") - planned; n != step.planned {
				t.Errorf("%s: %v names planned, want %v", step.what, n, step.planned)
			}
		}
		holds(t, cloud, example, "one A 10.0.0.2,10.0.0.4", "two A 10.0.0.3", "port A 192.0.2.1", "lb A 192.0.2.9", "in A 192.0.2.8")
	})
}

// TestWatched: a kind is watched from the first question about it on, and not
// before.
func TestWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newWorld(t, newCloud(example), nil)
		watched := func(when, want string, list ...client.Object) {
			t.Helper()
			w.apply(list...)
			settle()
			if got := w.watched(); got != want {
				t.Errorf("%s: watched besides what is chosen: %s, want %s", when, got, want)
			}
		}
		w.begin()
		watched("a load balancer", "Namespace", service("lb", "lb.example.com", "192.0.2.9"))
		watched("a headless Service", "Namespace EndpointSlice", headless("one", "one.example.com"))
		byHand := endpoints("one", "10.0.0.1")
		watched("endpoints of no Pod", "Namespace EndpointSlice", byHand)
		ofPod := endpoints("one", "10.0.0.1")
		ofPod.Endpoints[0].TargetRef = &corev1.ObjectReference{Kind: "Pod", Name: "p"}
		watched("an endpoint of a Pod", "Namespace EndpointSlice Pod", ofPod)
		watched("a NodePort Service", "Namespace EndpointSlice Pod Node", nodePort("port", "port.example.com"))
	})
}

// TestUnreadyNodes: with --exclude-unready-nodes a Node goes when it has not been
// Ready for half a minute, comes when it has been, and flapping changes nothing.
func TestUnreadyNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, func(c *controller.Config) {
			d, err := source.New(source.Options{ExcludeUnready: true})
			if err != nil {
				t.Fatal(err)
			}
			c.Deriver = d
		})
		w.begin(unready(node("late", "192.0.2.3")), node("n1", "192.0.2.1"), node("n2", "192.0.2.2"), nodePort("port", "port.example.com"))
		settle()
		holds(t, cloud, example, "port A 192.0.2.1,192.0.2.2")

		w.apply(unready(node("n2", "192.0.2.2")))
		wait(29 * time.Second)
		holds(t, cloud, example, "port A 192.0.2.1,192.0.2.2")
		w.apply(unready(node("n2", "192.0.2.22"))) // what else changes counts at once
		settle()
		holds(t, cloud, example, "port A 192.0.2.1,192.0.2.22")
		wait(time.Second)
		holds(t, cloud, example, "port A 192.0.2.1")

		for range 20 {
			w.apply(node("n2", "192.0.2.22"))
			wait(10 * time.Second)
			w.apply(unready(node("n2", "192.0.2.22")))
			wait(10 * time.Second)
		}
		holds(t, cloud, example, "port A 192.0.2.1")

		w.apply(node("n2", "192.0.2.22"), node("late", "192.0.2.3"))
		wait(31 * time.Second)
		holds(t, cloud, example, "port A 192.0.2.1,192.0.2.22,192.0.2.3")

		w.apply(unready(node("n1", "192.0.2.1")), unready(node("n2", "192.0.2.22")), unready(node("late", "192.0.2.3")))
		w.remove(node("late", "192.0.2.3"))
		wait(31 * time.Second)
		holds(t, cloud, example, "port A 192.0.2.1,192.0.2.22") // none is Ready: all count
	})
}

// TestConflictIsTold to who is refused, and to whose the name is.
func TestConflictIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &told{}
		w, _ := newWorld(t, newCloud(example), func(c *controller.Config) { c.Events = to })
		w.begin(service("first", "www.example.com", "192.0.2.1"))
		to.took()
		w.apply(ingress("second", "www.example.com", "192.0.2.2"))
		settle()
		to.expect(t, "two askers",
			"! Ingress second Conflict Publish: www.example.com A: service/default/first holds www.example.com with something else",
			"+ Service first Conflict Publish: www.example.com A: ingress/default/second asks for something else there, and does not get it")
		explained := w.c.Explain("www.example.com.").String()
		for _, line := range []string{"service/default/first", "it wins: it holds the name already", "ingress/default/second", "refused: Conflict: "} {
			if !strings.Contains(explained, line) {
				t.Errorf("explained without %q:\n%s", line, explained)
			}
		}
	})
}

// TestDeniedDomain: what a Namespace may not ask for is refused with an Event, and
// an annotation that allows it later has exactly its objects derived again.
func TestDeniedDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, cloud := &told{}, newCloud(example)
		w, _ := newWorld(t, cloud, func(c *controller.Config) { c.Events = to })
		space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default",
			Annotations: map[string]string{source.AllowedDomains: "team.example.com"}}}
		w.begin(space, service("web", "www.example.com,www.team.example.com", "192.0.2.1"))
		to.expect(t, "denied", "! Service web Denied Derive: www.example.com is left out: Namespace default may ask for names in team.example.com only",
			"+ Service web RecordReady Created: ")
		holds(t, cloud, example, "www.team A 192.0.2.1")
		derivations := w.metric("signpost_derivations_total")
		free := space.DeepCopy()
		free.Annotations = nil
		w.apply(free)
		settle()
		holds(t, cloud, example, "www.team A 192.0.2.1", "www A 192.0.2.1")
		if n := w.metric("signpost_derivations_total") - derivations; n != 1 {
			t.Errorf("%v objects derived, want 1", n)
		}
	})
}
