package source

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

const pendingIngress = "status.loadBalancer is empty until an ingress controller has taken the Ingress; the target annotation can name a target"

// ingress reads the names of the rules, of TLS and of the hostname annotation,
// as ingress-hostname-source says.
func (d *Deriver) ingress(r *draft, i *networkingv1.Ingress) {
	var names []dns.Name
	source, set := r.notes.get(hostnameSourceKey)
	switch kind := strings.ToLower(source.value); {
	case !set:
		names = append(d.definedHosts(r, i), d.ingressHostnames(r)...)
	case kind == "annotation-only":
		names = d.ingressHostnames(r)
	case kind == "defined-hosts-only":
		names = d.definedHosts(r, i)
	default:
		names = append(d.definedHosts(r, i), d.ingressHostnames(r)...)
		r.giveUp(plan.BadAnnotation, `%s: %s is neither "annotation-only" nor "defined-hosts-only": until it is, what the Ingress holds stays as it is`,
			source.where(), quote(source.value))
	}
	names = append(names, d.templated(r, i, r.asked)...)
	if len(names) == 0 {
		return
	}
	t, ok := r.override()
	if !ok {
		var values []string
		for _, b := range i.Status.LoadBalancer.Ingress {
			values = appendSet(values, b.IP, b.Hostname)
		}
		t = r.targets("status.loadBalancer", values)
	}
	r.point(names, t, pendingIngress)
}

func (d *Deriver) ingressHostnames(r *draft) []dns.Name {
	if d.ignoreHostname {
		return nil
	}
	return r.hostnames(hostnameKey)
}

// definedHosts returns the names in the spec.
func (d *Deriver) definedHosts(r *draft, i *networkingv1.Ingress) []dns.Name {
	var names []dns.Name
	for n, rule := range i.Spec.Rules {
		if rule.Host != "" && !d.ignoreRules {
			names = append(names, r.names(fmt.Sprintf("spec.rules[%d].host", n), rule.Host)...)
		}
	}
	for n, tls := range i.Spec.TLS {
		if hosts := appendSet(nil, tls.Hosts...); len(hosts) > 0 && !d.ignoreTLS {
			names = append(names, r.names(fmt.Sprintf("spec.tls[%d].hosts", n), hosts...)...)
		}
	}
	return names
}
