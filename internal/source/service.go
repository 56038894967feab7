package source

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// Why a Service has no target, for people.
const (
	pendingBalancer = "status.loadBalancer is empty until a load balancer is there"
	noClusterIP     = "the Service has no cluster IP"
	insideOnly      = "a ClusterIP Service has no address outside the cluster; use the target or internal-hostname annotation, or --publish-internal-services"
	noExternalName  = "spec.externalName is empty"
	notOpen         = "no node is open for it yet; signpost run --expose says why"
)

// annotated reads the names of the hostname annotation (for the world) and of
// internal-hostname (for the inside of the cluster).
func (d *Deriver) annotated(r *draft) (public, internal []dns.Name) {
	if d.ignoreHostname {
		return nil, nil
	}
	return r.hostnames(hostnameKey), r.hostnames(internalHostnameKey)
}

// service publishes a Service under the names of its annotations, else those of
// another tool's, else those of templates.
func (d *Deriver) service(r *draft, s *corev1.Service) {
	public, internal := d.annotated(r)
	if d.onNodes(s) && !d.ignoreHostname {
		public = append(public, r.exposedNames(s.Annotations)...)
	}
	if !r.asked {
		d.legacy(r, s)
	}
	asked := r.asked
	public = append(public, d.templated(r, s, asked)...)
	if len(public)+len(internal) > 0 {
		d.publish(r, s, public, internal)
	}
	d.pairs(r, s, asked)
}

// publish points names to a Service as its type has it. A name among both the
// public and the internal ones gets the targets of both.
func (d *Deriver) publish(r *draft, s *corev1.Service, public, internal []dns.Name) {
	if t, ok := r.override(); ok {
		r.point(append(public, internal...), t, "")
		return
	}
	switch typ := serviceType(s); {
	case d.onNodes(s):
		r.point(public, d.published(r, s), notOpen)
		r.point(internal, r.clusterIP(s), noClusterIP)
	case typ == corev1.ServiceTypeLoadBalancer:
		r.point(public, d.balancer(r, s), pendingBalancer)
		r.point(internal, r.clusterIP(s), noClusterIP)
	case typ == corev1.ServiceTypeExternalName:
		r.point(append(public, internal...), r.externalName(s), noExternalName)
	case typ == corev1.ServiceTypeClusterIP && s.Spec.ClusterIP == corev1.ClusterIPNone:
		d.headless(r, s, append(public, internal...))
	case typ == corev1.ServiceTypeClusterIP:
		r.point(internal, r.clusterIP(s), noClusterIP)
		if d.publishInternal {
			r.point(public, r.clusterIP(s), noClusterIP)
		} else {
			r.point(public, targets{}, insideOnly)
		}
	case typ == corev1.ServiceTypeNodePort:
		d.nodePort(r, s, append(public, internal...))
	default:
		r.giveUp(plan.NotImplemented, "Services of type %s are not known here: what the Service holds stays as it is; with a target annotation it works", typ)
	}
}

// serviceType returns the type with the API's default, which manifests that no
// API server has seen may lack.
func serviceType(s *corev1.Service) corev1.ServiceType {
	if s.Spec.Type == "" {
		return corev1.ServiceTypeClusterIP
	}
	return s.Spec.Type
}

// balancer returns the external IPs, else all that the load balancer reported:
// of its host names the addresses, if that is asked for.
func (d *Deriver) balancer(r *draft, s *corev1.Service) targets {
	if len(s.Spec.ExternalIPs) > 0 {
		return r.targets("spec.externalIPs", s.Spec.ExternalIPs)
	}
	t := r.reported(s)
	if !d.resolveBalancers {
		return t
	}
	hosts := t.hosts
	t.hosts = nil
	for _, h := range hosts {
		found, err := r.look.Addresses(h)
		if err != nil {
			r.cannotTell(err)
		}
		t.addresses = append(t.addresses, found...)
	}
	return t
}

func (r *draft) externalName(s *corev1.Service) targets {
	if len(s.Spec.ExternalIPs) > 0 {
		return r.targets("spec.externalIPs", s.Spec.ExternalIPs)
	}
	return r.targets("spec.externalName", appendSet(nil, s.Spec.ExternalName))
}

// clusterIP returns the cluster IP of the first family.
func (r *draft) clusterIP(s *corev1.Service) targets {
	if s.Spec.ClusterIP == corev1.ClusterIPNone {
		return targets{}
	}
	return r.targets("spec.clusterIP", appendSet(nil, s.Spec.ClusterIP))
}

// appendSet appends the values that are not empty.
func appendSet(values []string, more ...string) []string {
	for _, v := range more {
		if v != "" {
			values = append(values, v)
		}
	}
	return values
}
