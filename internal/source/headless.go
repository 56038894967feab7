package source

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

const noEndpoint = "the Service has no ready endpoint; --always-publish-not-ready-addresses and spec.publishNotReadyAddresses publish those that are not"

// Values of the endpoints-type annotation.
const (
	hostIPs         = "HostIP"
	nodeExternalIPs = "NodeExternalIP"
)

// headless points names to the endpoints of a Service without a cluster IP, and
// for each endpoint that has a host name of its own a name below to it alone.
func (d *Deriver) headless(r *draft, s *corev1.Service, names []dns.Name) {
	kind, ok := r.choice(endpointsTypeKey, hostIPs, nodeExternalIPs)
	if !ok {
		return
	}
	if kind == "" && d.publishHostIP {
		kind = hostIPs
	}
	slices, err := list[*discoveryv1.EndpointSlice](r.look, sliceKind(), s.Namespace,
		labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: s.Name}))
	if err != nil {
		r.cannotTell(err)
		return
	}
	var all targets
	var unseen nodeUnseen
	for _, slice := range slices {
		for _, e := range slice.Endpoints {
			host, t, err := d.endpoint(r, s, slice, e, kind)
			if errors.As(err, &unseen) {
				continue
			}
			if err != nil {
				r.cannotTell(err)
				return
			}
			all.add(t)
			if host != "" && !t.empty() {
				r.point(r.below(host, names), t, "")
			}
		}
	}
	if all.empty() && unseen != "" {
		r.cannotTell(unseen)
		return
	}
	r.point(names, all, noEndpoint)
}

// nodeUnseen is the name of a Node on which something runs and that is not
// known: a Node may be seen after its Pods. One that is gone takes them along.
type nodeUnseen string

func (n nodeUnseen) Error() string {
	return fmt.Sprintf("Node %s is not known, on which it runs", string(n))
}

// below returns the names of one endpoint of several.
func (r *draft) below(host string, names []dns.Name) []dns.Name {
	var out []dns.Name
	for _, n := range names {
		if !n.Wildcard() {
			out = append(out, r.names("hostname of an endpoint", host+"."+string(n))...)
		}
	}
	return out
}

// endpoint returns an endpoint's own host name, "" if it has none, and where it
// can be reached, nowhere if it does not count.
func (d *Deriver) endpoint(r *draft, s *corev1.Service, slice *discoveryv1.EndpointSlice, e discoveryv1.Endpoint, kind string) (string, targets, error) {
	none := targets{}
	if ready := e.Conditions.Ready; ready != nil && !*ready && !s.Spec.PublishNotReadyAddresses && !d.publishNotReady {
		return "", none, nil
	}
	host, node, hostIP := "", "", ""
	if e.Hostname != nil {
		host = *e.Hostname
	}
	if e.NodeName != nil {
		node = *e.NodeName
	}
	if e.TargetRef != nil {
		pod, err := podOf(r.look, s, e.TargetRef)
		if pod == nil || err != nil {
			return "", none, err
		}
		host, node, hostIP = pod.Spec.Hostname, pod.Spec.NodeName, pod.Status.HostIP
		if n, ok := readAnnotations(pod.Annotations, d.prefixes).get(targetKey); ok {
			return host, r.elsewhere(fmt.Sprintf("annotation %s of Pod %s", n.key, pod.Name), r.list(n, plan.BadTarget)), nil
		}
	}
	switch kind {
	case nodeExternalIPs:
		n, ok, err := get[*corev1.Node](r.look, nodeKind(), "", node)
		if err == nil && !ok && node != "" {
			err = nodeUnseen(node)
		}
		if !ok {
			return "", none, err
		}
		return host, d.external(r, n), nil
	case hostIPs:
		return host, r.elsewhere("status.hostIP of an endpoint", appendSet(nil, hostIP)), nil
	}
	if slice.AddressType == discoveryv1.AddressTypeFQDN || len(e.Addresses) == 0 {
		return "", none, nil
	}
	return host, r.elsewhere("EndpointSlice "+slice.Name, e.Addresses[:1]), nil
}

// podOf returns the Pod of an endpoint, nil if it is none of the Service's.
func podOf(look Lookup, s *corev1.Service, ref *corev1.ObjectReference) (*corev1.Pod, error) {
	if ref.Kind != "Pod" || strings.Contains(ref.APIVersion, "/") || ref.Namespace != "" && ref.Namespace != s.Namespace {
		return nil, nil
	}
	pod, ok, err := get[*corev1.Pod](look, podKind(), s.Namespace, ref.Name)
	if !ok || !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(pod.Labels)) {
		return nil, err
	}
	return pod, nil
}
