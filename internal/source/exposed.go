package source

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// What `signpost run --expose` writes on a Service, the load balancer class of those that ask for it, and its finalizer.
const (
	publishedAnnotation  = ownPrefix + "published"
	nodeAddressClass     = ownPrefix + "node-address"
	nodeAddressFinalizer = ownPrefix + "node-address"
)

// Prefixes of annotations beside those of ExternalDNS: Signpost's own, and that of openfresh/external-ips.
const (
	ownPrefix         = "signpost.dev/"
	externalIPsPrefix = "external-ips.alpha.openfresh.github.io/"
	externalIPsTTL    = "300"
)

// onNodes reports whether a Service is reached on the addresses of nodes. What stands in its status and its externalIPs
// are then addresses inside the cluster's network, at which no name shall point.
func (d *Deriver) onNodes(s *corev1.Service) bool {
	if _, noted := s.Annotations[publishedAnnotation]; noted {
		return true
	}
	others := func(prefix string) bool {
		by := s.Annotations[prefix+controllerKey]
		return by != "" && by != ourController
	}
	if class := s.Spec.LoadBalancerClass; class != nil {
		return *class == nodeAddressClass && !others(ownPrefix)
	}
	_, compatible := s.Annotations[externalIPsPrefix+hostnameKey]
	return compatible && d.exposing && !others(externalIPsPrefix)
}

// published returns the addresses of the nodes that are open for a Service.
func (d *Deriver) published(r *draft, s *corev1.Service) targets {
	value, noted := s.Annotations[publishedAnnotation]
	if !noted && s.DeletionTimestamp == nil && d.exposing {
		r.giveUp(plan.NoTarget, "it cannot be told yet on which nodes the Service is reached: what it holds stays as it is")
	}
	if noted && s.DeletionTimestamp != nil && !d.exposing {
		r.problem(plan.NotClosed, "the Service is deleted and waits for its ports to be closed, which signpost run --expose does; "+
			"without that close them by hand, and take the finalizer "+nodeAddressFinalizer+" away")
	}
	return r.targets("annotation "+publishedAnnotation, appendSet(nil, strings.Split(value, ",")...))
}

// exposedNames reads the names of annotations that only such Services have, and the time to live that goes with them.
func (r *draft) exposedNames(annotations map[string]string) []dns.Name {
	var names []dns.Name
	for _, prefix := range []string{ownPrefix, externalIPsPrefix} {
		ttl := note{key: prefix + ttlKey, value: annotations[prefix+ttlKey]}
		n := note{key: prefix + hostnameKey, value: annotations[prefix+hostnameKey]}
		if n.value != "" {
			names = append(names, r.names(n.where(), r.list(n, plan.BadHostname)...)...)
			if prefix == externalIPsPrefix {
				ttl.value = cmp.Or(ttl.value, externalIPsTTL)
			}
		}
		if _, given := r.notes.get(ttlKey); !given && ttl.value != "" {
			r.notes.byKey[ttlKey] = ttl
		}
	}
	return names
}

// Prefixes returns those under which ExternalDNS's annotations are read, the winning one first.
func (d *Deriver) Prefixes() []string { return slices.Clone(d.prefixes) }

// Takes reports whether the options and the annotations of a Service leave it to this program.
func (d *Deriver) Takes(s *corev1.Service) bool {
	_, ok := d.begin("service", s, nil)
	return ok && d.takesType(s)
}
