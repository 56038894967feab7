package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// object is a Service or an Ingress as the world knows it, and what it asks for.
type object struct {
	ingress         bool
	via             string // where a Service's addresses come from; "": its load balancer
	namespace, name string
	hosts           []string
	wish            wish
	ttl             int  // 0: none given
	unknown         bool // nobody can tell what it asks for
}

// wish is what an object points its names at. Without addresses and target it has nothing to point them at yet.
type wish struct {
	v4, v6 []string
	target string // a host name; one of a load balancer becomes an alias
}

func (w wish) empty() bool { return len(w.v4)+len(w.v6) == 0 && w.target == "" }

func (w wish) alias() bool { return strings.HasSuffix(w.target, loadBalancers) }

// What AWS says of its load balancers in eu-west-1 (General Reference, Elastic Load Balancing endpoints).
const (
	loadBalancers    = ".eu-west-1.elb.amazonaws.com"
	loadBalancerZone = "Z32O12XQLNTSW2"
)

func (o *object) resource() string {
	if o.ingress {
		return "ingress/" + o.namespace + "/" + o.name
	}
	return "service/" + o.namespace + "/" + o.name
}

func (o *object) kind() string {
	if o.ingress {
		return "ingresses"
	}
	return "services"
}

const prefix = "external-dns.kubernetes.io/"

// manifest is the object as the API server has it.
func (o *object) manifest() client.Object {
	meta := metav1.ObjectMeta{Namespace: o.namespace, Name: o.name, Annotations: map[string]string{}}
	if o.ttl > 0 {
		meta.Annotations[prefix+"ttl"] = strconv.Itoa(o.ttl)
	}
	if !o.ingress {
		meta.Annotations[prefix+"hostname"] = strings.Join(o.hosts, ",")
		s := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}}
		switch o.via {
		case viaNodes:
			s.Spec.Type = corev1.ServiceTypeNodePort
			return s
		case viaEndpoints:
			s.Spec.Type, s.Spec.ClusterIP = corev1.ServiceTypeClusterIP, corev1.ClusterIPNone
			return s
		}
		for _, ip := range slices.Concat(o.wish.v4, o.wish.v6) {
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: ip})
		}
		if o.wish.target != "" {
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{Hostname: o.wish.target})
		}
		return s
	}
	if o.unknown {
		meta.Annotations[prefix+"ingress-hostname-source"] = "who-knows"
	}
	i := &networkingv1.Ingress{ObjectMeta: meta}
	for _, h := range o.hosts {
		i.Spec.Rules = append(i.Spec.Rules, networkingv1.IngressRule{Host: h})
	}
	for _, ip := range slices.Concat(o.wish.v4, o.wish.v6) {
		i.Status.LoadBalancer.Ingress = append(i.Status.LoadBalancer.Ingress, networkingv1.IngressLoadBalancerIngress{IP: ip})
	}
	if o.wish.target != "" {
		i.Status.LoadBalancer.Ingress = append(i.Status.LoadBalancer.Ingress, networkingv1.IngressLoadBalancerIngress{Hostname: o.wish.target})
	}
	return i
}

// randomObject draws an object that does not exist.
func (w *world) randomObject() *object {
	o := &object{ingress: w.chance(0.5), namespace: pick(w, namespaces)}
	for {
		o.name = fmt.Sprintf("app-%d", w.rng.IntN(2*w.size))
		if w.objects[o.resource()] == nil {
			break
		}
	}
	for range 1 + w.rng.IntN(3) {
		if h := pick(w, w.hosts); !slices.Contains(o.hosts, h) {
			o.hosts = append(o.hosts, h)
		}
	}
	o.wish = w.randomWish()
	if n := w.rng.IntN(10); !o.ingress && n < 2 {
		o.via = viaNodes
	} else if !o.ingress && n < 4 {
		o.via, o.wish = viaEndpoints, w.randomEndpoints()
	}
	if w.chance(0.3) {
		o.ttl = pick(w, []int{60, 120})
	}
	return o
}

func (w *world) randomWish() wish {
	v4 := fmt.Sprintf("192.0.2.%d", 1+w.rng.IntN(250))
	switch n := w.rng.IntN(20); {
	case n < 10:
		return wish{v4: []string{v4}}
	case n < 12:
		return wish{v4: []string{v4, fmt.Sprintf("198.51.100.%d", 1+w.rng.IntN(250))}}
	case n < 15:
		return wish{v4: []string{v4}, v6: []string{fmt.Sprintf("2001:db8::%x", 1+w.rng.IntN(250))}}
	case n < 17:
		return wish{target: fmt.Sprintf("host-%d.example.net", w.rng.IntN(20))}
	case n < 19:
		return wish{target: fmt.Sprintf("lb-%d", w.rng.IntN(20)) + loadBalancers}
	}
	return wish{}
}

// someObject draws one that exists, nil if there is none.
func (w *world) someObject() *object {
	if len(w.objects) == 0 {
		return nil
	}
	return w.objects[pick(w, slices.Sorted(maps.Keys(w.objects)))]
}

// apply writes an object to the API server, whatever it was there before; delete takes it away.
func (w *world) apply(o *object) {
	existed := w.objects[o.resource()] != nil
	o = w.placed(o)
	w.objects[o.resource()] = o
	write := w.api.Create
	if existed {
		write = w.api.Update
	}
	if o.via == viaEndpoints {
		w.must(write(o.endpoints()))
	}
	w.must(write(o.manifest()))
	if existed {
		w.did("objects changed", "change %s: %v -> %+v ttl %d unknown %t", o.resource(), o.hosts, o.wish, o.ttl, o.unknown)
	} else {
		w.did("objects created", "create %s: %v -> %+v ttl %d", o.resource(), o.hosts, o.wish, o.ttl)
	}
	w.reckon()
}

func (w *world) remove(o *object) {
	w.must(w.api.Delete(o.manifest()))
	if o.via == viaEndpoints {
		w.must(w.api.Delete(o.endpoints()))
	}
	delete(w.objects, o.resource())
	w.did("objects deleted", "delete %s", o.resource())
	w.reckon()
}

// changeObject changes one in a random way.
func (w *world) changeObject() {
	if o := w.someObject(); o != nil {
		w.change(o)
	}
}

func (w *world) change(old *object) {
	o := *old
	switch w.rng.IntN(6) {
	case 0, 1:
		switch o.via {
		case viaNodes:
			w.changeNodes()
			return
		case viaEndpoints:
			o.wish = w.randomEndpoints()
			w.did("endpoints changed", "")
		default:
			o.wish = w.randomWish()
		}
	case 2:
		o.hosts = []string{pick(w, w.hosts)}
	case 3:
		if h := pick(w, w.hosts); !slices.Contains(o.hosts, h) {
			o.hosts = append(slices.Clone(o.hosts), h)
		}
	case 4:
		o.ttl = pick(w, []int{0, 60, 120})
	case 5: // the load balancer, or what is behind the Service, goes and comes back
		o.wish = wish{}
		back := old.wish
		w.later(w.between(1, 60), func() {
			if now := w.objects[o.resource()]; now != nil && now.wish.empty() {
				again := *now
				again.wish = back
				w.apply(&again)
			}
		})
	}
	w.apply(&o)
}

// muddle makes what an Ingress asks for unknown for a while.
func (w *world) muddle() {
	old := w.someObject()
	if old == nil || !old.ingress || old.unknown {
		return
	}
	o := *old
	o.unknown = true
	w.apply(&o)
	w.did("unknown objects", "")
	w.later(w.between(30, 900), func() {
		if now := w.objects[o.resource()]; now != nil && now.unknown {
			clear := *now
			clear.unknown = false
			w.apply(&clear)
		}
	})
}

// recreate deletes an object and brings it back within the grace time or after it.
func (w *world) recreate() {
	o := w.someObject()
	if o == nil {
		return
	}
	w.remove(o)
	w.did("objects made again", "")
	w.later(w.between(1, 20), func() {
		if w.objects[o.resource()] == nil {
			w.apply(o)
		}
	})
}

// wipe deletes many objects at once: a namespace, or all of a kind.
func (w *world) wipe() {
	var gone []*object
	namespace, ingress, byKind := pick(w, namespaces), w.chance(0.5), w.chance(0.5)
	for _, resource := range slices.Sorted(maps.Keys(w.objects)) {
		if o := w.objects[resource]; !byKind && o.namespace == namespace || byKind && o.ingress == ingress {
			gone = append(gone, o)
		}
	}
	if len(gone) == 0 {
		return
	}
	w.did("objects deleted in masses", "delete %d objects at once", len(gone))
	for _, o := range gone {
		w.remove(o)
	}
	if w.chance(0.5) { // a person sees it, and brings them back
		w.later(w.between(5, 1200), func() {
			for _, o := range gone {
				if w.objects[o.resource()] == nil {
					w.apply(o)
				}
			}
		})
	}
}
