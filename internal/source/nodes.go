package source

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/signpost-dns/signpost/internal/dns"
)

const noNodeAddress = "the Node has neither an ExternalIP nor an InternalIP in status.addresses"

// node publishes a Node under its own name, unless templates name it.
func (d *Deriver) node(r *draft, n *corev1.Node) {
	counts, err := d.counts(r.look, n)
	if err != nil {
		r.cannotTell(err)
	}
	if !counts && err == nil {
		return
	}
	names := d.templated(r, n, false)
	if d.fqdn == nil || d.combine {
		names = append(names, r.names("metadata.name", n.Name)...)
	}
	t, ok := r.override()
	if !ok {
		t = d.nodeTargets(r, n)
	}
	r.point(names, t, noNodeAddress)
	d.pairs(r, n, false)
}

// schedulable reports whether a Node may be pointed to, whatever its health.
func (d *Deriver) schedulable(n *corev1.Node) bool {
	return !d.excludeUnschedulable || !n.Spec.Unschedulable
}

// counts reports whether a Node is one of those that are pointed to. If no Node
// is Ready all count: then it is the report that fails, more likely than all
// Nodes at once.
func (d *Deriver) counts(look Lookup, n *corev1.Node) (bool, error) {
	if !d.schedulable(n) {
		return false, nil
	}
	if !d.excludeUnready || nodeReady(n) {
		return true, nil
	}
	all, err := look.List(nodeKind(), "", labels.Everything())
	return !slices.ContainsFunc(all, func(o Object) bool {
		other, ok := o.(*corev1.Node)
		return ok && d.schedulable(other) && nodeReady(other)
	}), err
}

// nodes returns the Nodes that are pointed to.
func (d *Deriver) nodes(look Lookup) ([]*corev1.Node, error) {
	all, err := list[*corev1.Node](look, nodeKind(), "", labels.Everything())
	all = slices.DeleteFunc(all, func(n *corev1.Node) bool { return !d.schedulable(n) })
	if d.excludeUnready && slices.ContainsFunc(all, nodeReady) {
		all = slices.DeleteFunc(all, func(n *corev1.Node) bool { return !nodeReady(n) })
	}
	return all, err
}

func nodeReady(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// nodeTargets returns where a Node can be reached: at its external addresses,
// else at its internal ones.
func (d *Deriver) nodeTargets(r *draft, n *corev1.Node) targets {
	if r.nodeAddresses(n, corev1.NodeExternalIP).empty() && r.illegible == "" {
		return r.nodeAddresses(n, corev1.NodeInternalIP)
	}
	return d.external(r, n)
}

// external returns a Node's addresses for the world.
func (d *Deriver) external(r *draft, n *corev1.Node) targets {
	t := r.nodeAddresses(n, corev1.NodeExternalIP)
	if d.exposeInternalIPv6 {
		t.add(r.nodeAddresses(n, corev1.NodeInternalIP).ipv6())
	}
	return t
}

func (r *draft) nodeAddresses(n *corev1.Node, typ corev1.NodeAddressType) targets {
	var values []string
	for _, a := range n.Status.Addresses {
		if a.Type == typ {
			values = appendSet(values, a.Address)
		}
	}
	return r.elsewhere("status.addresses of Node "+n.Name, values)
}

// nodePort points names to the Nodes on whose ports a Service listens, and makes
// SRV record sets for its ports (RFC 2782).
func (d *Deriver) nodePort(r *draft, s *corev1.Service, names []dns.Name) {
	access, ok := r.choice(accessKey, "public", "private")
	if !ok {
		return
	}
	nodes, err := d.nodes(r.look)
	if err == nil && s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		nodes, err = local(r.look, s, nodes)
	}
	if err != nil {
		r.cannotTell(err)
		return
	}
	if !r.point(names, d.reachable(r, nodes, access), noNode(s, access)) {
		return
	}
	for _, name := range names {
		r.ports(s, name)
	}
}

// reachable returns the addresses of Nodes for who has that access: "public",
// "private", or "", for the world if there is any address for it.
func (d *Deriver) reachable(r *draft, nodes []*corev1.Node, access string) targets {
	if access != "private" {
		var strictly, all targets
		for _, n := range nodes {
			strictly.add(r.nodeAddresses(n, corev1.NodeExternalIP))
			all.add(d.external(r, n))
		}
		if access == "public" || !strictly.empty() || r.illegible != "" {
			return all
		}
	}
	var internal targets
	for _, n := range nodes {
		internal.add(r.nodeAddresses(n, corev1.NodeInternalIP))
	}
	return internal
}

func noNode(s *corev1.Service, access string) string {
	switch {
	case s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal && len(s.Spec.Selector) == 0:
		return "externalTrafficPolicy is Local and the Service has no selector, so that its nodes are unknown; use the target annotation"
	case s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal:
		return "externalTrafficPolicy is Local, and no node that counts runs a Pod of the Service"
	case access == "public":
		return "no node that counts has an ExternalIP"
	}
	return "no node that counts has an address"
}

// local returns the Nodes that hold traffic for a Service whose traffic stays on
// the Node that it comes to: those with its running Pods, of the best condition
// that there is.
func local(look Lookup, s *corev1.Service, nodes []*corev1.Node) ([]*corev1.Node, error) {
	if len(s.Spec.Selector) == 0 {
		return nil, nil
	}
	pods, err := list[*corev1.Pod](look, podKind(), s.Namespace, labels.SelectorFromSet(s.Spec.Selector))
	const classes = 3 // ready, ready and terminating, not ready
	var hosts [classes]map[string]bool
	for _, p := range pods {
		if p.Status.Phase != corev1.PodRunning {
			continue
		}
		class := 2
		switch {
		case podReady(p) && p.DeletionTimestamp == nil:
			class = 0
		case podReady(p):
			class = 1
		}
		if hosts[class] == nil {
			hosts[class] = map[string]bool{}
		}
		hosts[class][p.Spec.NodeName] = true
	}
	for _, host := range hosts {
		if len(host) > 0 {
			return slices.DeleteFunc(nodes, func(n *corev1.Node) bool { return !host[n.Name] }), err
		}
	}
	return nil, err
}

func podReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
