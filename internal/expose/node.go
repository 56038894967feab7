package expose

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Labels of nodes: the first takes a node that is cordoned all the same, the second is Kubernetes' own.
const (
	exposeLabel  = prefix + "expose"
	excludeLabel = corev1.LabelNodeExcludeBalancers
)

// node is a node as it can be chosen.
type node struct {
	Name     string
	Created  time.Time
	Labels   labels.Set
	Internal []netip.Addr // to which packets are sent when they come to it
	Public   []netip.Addr // where the world reaches it
	Instance string       // id of the EC2 instance, "" if it is none
	Unfit    string       // why it cannot be chosen, "" if it can
}

// readNode returns a node. On EC2, which translates public addresses to internal ones, it must be an instance with a
// public address. Elsewhere nobody knows what is translated: packets are taken at all its addresses, and a node without
// an external one is reached at its internal ones.
func readNode(n *corev1.Node, onEC2 bool) node {
	out := node{Name: n.Name, Created: n.CreationTimestamp.Time, Labels: n.Labels, Instance: instanceID(n.Spec.ProviderID)}
	for _, a := range n.Status.Addresses {
		addr, err := netip.ParseAddr(a.Address)
		switch {
		case err != nil:
		case a.Type == corev1.NodeInternalIP:
			out.Internal = append(out.Internal, addr)
		case a.Type == corev1.NodeExternalIP:
			out.Public = append(out.Public, addr)
		}
	}
	switch {
	case !onEC2 && len(out.Public) == 0:
		out.Public = out.Internal
	case !onEC2:
		out.Internal = slices.Concat(out.Internal, out.Public)
	}
	out.Unfit = unfit(n, out, onEC2)
	return out
}

func unfit(n *corev1.Node, read node, onEC2 bool) string {
	ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	_, excluded := n.Labels[excludeLabel]
	switch {
	case n.DeletionTimestamp != nil:
		return "it is being deleted"
	case !ready:
		return "it is not ready"
	case excluded:
		return "the label " + excludeLabel + " excludes it"
	case n.Spec.Unschedulable && n.Labels[exposeLabel] != "true":
		return "it is cordoned (the label " + exposeLabel + "=true would take it all the same)"
	case onEC2 && n.Spec.ProviderID == "":
		return "it has no providerID, so that its EC2 instance is unknown"
	case onEC2 && read.Instance == "":
		return "its providerID " + n.Spec.ProviderID + " is that of another cloud than AWS"
	case len(read.Internal) == 0:
		return "it has no internal address"
	case len(read.Public) == 0:
		return "it has no external address; give its instance a public one"
	}
	return ""
}

// instanceID reads "aws:///eu-west-1a/i-0123456789abcdef0".
func instanceID(providerID string) string {
	rest, ok := strings.CutPrefix(providerID, "aws://")
	id := rest[strings.LastIndexByte(rest, '/')+1:]
	if !ok || !strings.HasPrefix(id, "i-") {
		return ""
	}
	return id
}

// older orders nodes as external-ips did, by age, and equals by name.
func older(a, b node) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name)) }
