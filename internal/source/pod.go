package source

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"

	"github.com/signpost-dns/signpost/internal/dns"
)

const (
	noPodIP    = "the Pod has no address yet"
	noPodNode  = "the Pod has no node yet, or that has no address for the world"
	podsDomain = "--pod-source-domain"
)

// pod publishes a Pod under the names of its annotations: hostname leads to its
// Node, internal-hostname to itself.
func (d *Deriver) pod(r *draft, p *corev1.Pod) {
	if d.hostNetworkOnly && !p.Spec.HostNetwork {
		return
	}
	t, overridden := r.override()
	public, internal := d.annotated(r)
	if overridden {
		r.point(public, t, "")
	} else {
		d.toNode(r, p, public)
	}
	if d.podDomain != "" {
		internal = append(internal, r.names(podsDomain, p.Name+"."+d.podDomain)...)
	}
	if !overridden {
		t = r.targets("status.podIP", appendSet(nil, p.Status.PodIP))
	}
	r.point(internal, t, noPodIP)
	if d.compatibility == kops {
		r.point(r.legacyNames(p, kopsInternal), r.targets("status.podIP", appendSet(nil, p.Status.PodIP)), noPodIP)
		d.toNode(r, p, r.legacyNames(p, kopsExternal))
	}
	var ips []string
	for _, ip := range p.Status.PodIPs {
		ips = appendSet(ips, ip.IP)
	}
	asked := r.asked
	r.point(d.templated(r, p, asked), r.targets("status.podIPs", ips), noPodIP)
	d.pairs(r, p, asked)
}

// toNode points names to the external addresses of a Pod's Node and, as
// ExternalDNS does here without being asked, to its internal ones of IPv6.
func (d *Deriver) toNode(r *draft, p *corev1.Pod, names []dns.Name) {
	if len(names) == 0 {
		return
	}
	var t targets
	n, ok, err := get[*corev1.Node](r.look, nodeKind(), "", p.Spec.NodeName)
	if err == nil && !ok && p.Spec.NodeName != "" {
		err = nodeUnseen(p.Spec.NodeName)
	}
	if err != nil {
		r.cannotTell(err)
		return
	}
	if ok {
		t = r.nodeAddresses(n, corev1.NodeExternalIP)
		t.add(r.nodeAddresses(n, corev1.NodeInternalIP).ipv6())
	}
	r.point(names, t, noPodNode)
}

// ipv6 returns the addresses of that family.
func (t targets) ipv6() targets {
	return targets{addresses: filter(t.addresses, netip.Addr.Is6)}
}

func filter[T any](all []T, keep func(T) bool) []T {
	var out []T
	for _, v := range all {
		if keep(v) {
			out = append(out, v)
		}
	}
	return out
}
