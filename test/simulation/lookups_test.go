package simulation

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Where the addresses of a Service come from that has no load balancer: the plural of a kind.
const (
	viaNodes     = "nodes"          // it is of type NodePort
	viaEndpoints = "endpointslices" // it is headless
)

// randomKind draws what trouble is about: mostly a kind that asks for names.
func (w *world) randomKind() string {
	return pick(w, []string{"services", "services", "ingresses", "ingresses", viaNodes, viaEndpoints})
}

// endpoints are those of a headless Service.
func (o *object) endpoints() *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace,
		Name: o.name + "-x", Labels: map[string]string{discoveryv1.LabelServiceName: o.name}}}
	for _, ip := range o.wish.v4 {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{ip}})
	}
	return s
}

func (w *world) randomEndpoints() wish {
	var v4 []string
	for range w.rng.IntN(4) {
		v4 = append(v4, fmt.Sprintf("10.0.0.%d", 1+w.rng.IntN(250)))
	}
	slices.Sort(v4)
	return wish{v4: slices.Compact(v4)}
}

// addNodes makes the nodes that there are at the start.
func (w *world) addNodes() {
	w.nodes = map[string]string{}
	for range w.between(1, 3) {
		w.addNode()
	}
}

func (w *world) addNode() {
	name := fmt.Sprintf("node-%d", w.rng.IntN(1000))
	if w.nodes[name] == "" {
		w.nodes[name] = w.nodeAddress()
		w.must(w.api.Create(w.node(name)))
	}
}

// nodeAddress draws an address that no node has, and at which no name of an exposed Service may lead to another.
func (w *world) nodeAddress() string {
	for {
		a := fmt.Sprintf("198.51.100.%d", 1+w.rng.IntN(250))
		if !slices.Contains(slices.Collect(maps.Values(w.nodes)), a) && !(w.farm != nil && w.farm.published(a)) {
			return a
		}
	}
}

func (w *world) node(name string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeExternalIP, Address: w.nodes[name]}}}}
	if w.farm != nil {
		w.farm.furnish(n)
	}
	return n
}

// changeNodes changes, adds or removes a node; one always remains.
func (w *world) changeNodes() {
	name := pick(w, slices.Sorted(maps.Keys(w.nodes)))
	switch n := w.rng.IntN(3); {
	case n == 0 && len(w.nodes) < 5:
		w.addNode()
	case n == 1 && len(w.nodes) > 1:
		w.must(w.api.Delete(w.node(name)))
		delete(w.nodes, name)
		if w.farm != nil {
			w.cloud.RemoveInstance(instanceOf(name))
		}
	default:
		w.nodes[name] = w.nodeAddress()
		w.must(w.api.Update(w.node(name)))
	}
	w.did("nodes changed", "the nodes are %v", w.nodes)
	for resource, o := range w.objects {
		if o.via == viaNodes {
			w.objects[resource] = w.placed(o)
		}
	}
	w.reckon()
}

// placed is an object as the nodes have it.
func (w *world) placed(o *object) *object {
	if o.via != viaNodes {
		return o
	}
	now := *o
	now.wish = wish{v4: slices.Compact(slices.Sorted(maps.Values(w.nodes)))}
	return &now
}
