package source

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/signpost-dns/signpost/internal/plan"
)

// Why a Service has no target, for people.
const (
	pendingBalancer = "status.loadBalancer is empty until a load balancer is there"
	noClusterIP     = "the Service has no cluster IP"
	insideOnly      = "a ClusterIP Service has no address outside the cluster; use the target or internal-hostname annotation, or --publish-internal-services"
	noExternalName  = "spec.externalName is empty"
)

// service reads the names of the hostname annotation (for the world) and of
// internal-hostname (for the inside of the cluster). A name in both gets the
// targets of both.
func (d *Deriver) service(r *draft, s *corev1.Service) {
	public, internal := r.hostnames(hostnameKey), r.hostnames(internalHostnameKey)
	if len(public)+len(internal) == 0 {
		return
	}
	if t, ok := r.override(); ok {
		r.point(append(public, internal...), t, "")
		return
	}
	switch typ := serviceType(s); {
	case typ == corev1.ServiceTypeLoadBalancer:
		r.point(public, r.balancer(s), pendingBalancer)
		r.point(internal, r.clusterIP(s), noClusterIP)
	case typ == corev1.ServiceTypeExternalName:
		r.point(append(public, internal...), r.external(s), noExternalName)
	case typ == corev1.ServiceTypeClusterIP && s.Spec.ClusterIP == corev1.ClusterIPNone:
		r.giveUp(plan.NotImplemented, "headless Services are not supported yet: what the Service holds stays as it is; with a target annotation it works now")
	case typ == corev1.ServiceTypeClusterIP:
		r.point(internal, r.clusterIP(s), noClusterIP)
		if d.publishInternal {
			r.point(public, r.clusterIP(s), noClusterIP)
		} else {
			r.point(public, targets{}, insideOnly)
		}
	default:
		r.giveUp(plan.NotImplemented, "Services of type %s are not supported yet: what the Service holds stays as it is; with a target annotation it works now", typ)
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

// balancer returns the external IPs, else all that the load balancer reported.
func (r *draft) balancer(s *corev1.Service) targets {
	if len(s.Spec.ExternalIPs) > 0 {
		return r.targets("spec.externalIPs", s.Spec.ExternalIPs)
	}
	var values []string
	for _, i := range s.Status.LoadBalancer.Ingress {
		values = appendSet(values, i.IP, i.Hostname)
	}
	return r.targets("status.loadBalancer", values)
}

func (r *draft) external(s *corev1.Service) targets {
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
