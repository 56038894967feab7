package source

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// Values of --compatibility: the tools whose annotations are read for Services
// that have none of ExternalDNS's.
const (
	mate     = "mate"
	molecule = "molecule"
	kops     = "kops-dns-controller"
)

// Annotations and labels of those tools.
const (
	mateName      = "zalando.org/dnsname"
	moleculeName  = "domainName"
	moleculeLabel = "dns" // must be "route53"
	kopsExternal  = "dns.alpha.kubernetes.io/external"
	kopsInternal  = "dns.alpha.kubernetes.io/internal"
	kopsNodeRole  = "node-role.kubernetes.io/node"
)

// legacyNames reads the names in an annotation of another tool's.
func (r *draft) legacyNames(o Object, key string) []dns.Name {
	value := o.GetAnnotations()[key]
	if value == "" {
		return nil
	}
	n := note{key: key, value: value}
	return r.names(n.where(), r.list(n, plan.BadHostname)...)
}

// legacy publishes a Service as the tool of --compatibility would have.
func (d *Deriver) legacy(r *draft, s *corev1.Service) {
	switch d.compatibility {
	case mate:
		r.point(r.legacyNames(s, mateName), r.reported(s), pendingBalancer)
	case molecule:
		if s.Labels[moleculeLabel] == "route53" {
			r.point(r.moleculeNames(s), r.reported(s), pendingBalancer)
		}
	case kops:
		d.kops(r, s)
	}
}

// moleculeNames strips leading dots: to that tool ".example.org" was the apex.
func (r *draft) moleculeNames(s *corev1.Service) []dns.Name {
	value := s.Annotations[moleculeName]
	if value == "" {
		return nil
	}
	n := note{key: moleculeName, value: value}
	var hosts []string
	for _, host := range r.list(n, plan.BadHostname) {
		hosts = append(hosts, strings.TrimLeft(host, "."))
	}
	return r.names(n.where(), hosts...)
}

func (d *Deriver) kops(r *draft, s *corev1.Service) {
	external, internal := r.legacyNames(s, kopsExternal), r.legacyNames(s, kopsInternal)
	switch serviceType(s) {
	case corev1.ServiceTypeLoadBalancer:
		r.point(append(external, internal...), r.reported(s), pendingBalancer)
	case corev1.ServiceTypeNodePort:
		if len(external) > 0 && len(internal) > 0 {
			r.giveUp(plan.BadAnnotation, "annotations %s and %s exclude each other on a NodePort Service: keep one; until then what it holds stays as it is",
				kopsExternal, kopsInternal)
			return
		}
		d.kopsNodes(r, external, internal)
	default:
		if len(external)+len(internal) > 0 {
			r.point(append(external, internal...), targets{}, "--compatibility=kops-dns-controller publishes Services of type LoadBalancer and NodePort only")
		}
	}
}

// kopsNodes points names to the Nodes that carry the role label.
func (d *Deriver) kopsNodes(r *draft, external, internal []dns.Name) {
	if len(external)+len(internal) == 0 {
		return
	}
	nodes, err := list[*corev1.Node](r.look, nodeKind(), "", labels.Everything())
	if err != nil {
		r.cannotTell(err)
		return
	}
	var t targets
	for _, n := range nodes {
		if _, ok := n.Labels[kopsNodeRole]; !ok {
			continue
		}
		if len(external) > 0 {
			t.add(d.external(r, n))
		} else {
			t.add(r.nodeAddresses(n, corev1.NodeInternalIP))
		}
	}
	r.point(slices.Concat(external, internal), t, "no node with the label "+kopsNodeRole+" has such an address")
}

// reported returns what the load balancer reported, and no external IPs.
func (r *draft) reported(s *corev1.Service) targets {
	var values []string
	for _, i := range s.Status.LoadBalancer.Ingress {
		values = appendSet(values, i.IP, i.Hostname)
	}
	return r.targets("status.loadBalancer", values)
}
