package expose

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/signpost-dns/signpost/internal/plan"
)

// Class is the load balancer class of Services that ask for the addresses of nodes.
const Class = "signpost.dev/node-address"

// Prefixes of the annotations that say how. The second is that of openfresh/external-ips, whose annotations on a
// Service of any type ask for the same with spec.externalIPs.
const (
	prefix       = "signpost.dev/"
	compatPrefix = "external-ips.alpha.openfresh.github.io/"
)

// What expose notes on a Service.
const (
	// PublishedAnnotation holds the addresses that names of the Service point at, separated by commas.
	PublishedAnnotation = prefix + "published"
	membersAnnotation   = prefix + "nodes"
	ownerAnnotation     = prefix + "exposed-by" // whose the other notes are
	finalizer           = prefix + "node-address"
)

// controllerName is what the annotation controller may say, as ExternalDNS's does.
const controllerName = "dns-controller"

// usualTTL is the time to live of names whose Service says none, as external-ips had it.
const usualTTL = 300 * time.Second

// remembered returns how long the world may remember a name of a Service: its time to live, which is the longest of
// those that annotations give it, ours and those under the prefixes. Names that no annotation gives one have the usual
// one, or the least if that is longer.
func remembered(s *corev1.Service, least time.Duration, prefixes []string) time.Duration {
	var longest time.Duration
	for _, prefix := range slices.Concat([]string{prefix, compatPrefix}, prefixes) {
		text := strings.TrimSpace(s.Annotations[prefix+"ttl"])
		if text == "" {
			continue
		}
		if n, err := strconv.ParseUint(text, 10, 31); err == nil {
			longest = max(longest, time.Duration(n)*time.Second)
		} else if d, err := time.ParseDuration(text); err == nil {
			longest = max(longest, d)
		} else {
			longest = max(longest, usualTTL, least)
		}
	}
	if longest == 0 {
		return max(usualTTL, least)
	}
	return longest
}

// Mode is how a Service learns of its addresses.
type Mode string

// The modes.
const (
	ExternalIPs  Mode = "spec.externalIPs"
	LoadBalancer Mode = "status.loadBalancer"
)

// Port is a port that is let in.
type Port struct {
	Protocol string // tcp or udp
	Number   int32
}

func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.Protocol) }

// Ask is what a Service asks for.
type Ask struct {
	Namespace, Name string
	Created         time.Time
	Mode            Mode
	Selector        labels.Selector // of nodes
	Max             int             // nodes; 0: all that are fit
	Ports           []Port
	Sources         []netip.Prefix // who is let in
	Local           bool           // externalTrafficPolicy: Local
	Problems        []plan.Problem
	// Blocked is true if a problem leaves open what is asked for: what stands stays.
	Blocked bool
}

func (a *Ask) String() string { return "service/" + a.Namespace + "/" + a.Name }

func (a *Ask) problem(reason plan.Reason, format string, args ...any) {
	a.Problems = append(a.Problems, plan.Problem{Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// older orders asks by who comes first.
func (a *Ask) older(b *Ask) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// Read returns what a Service asks for; nil if it asks for nothing, is another controller's, or is being deleted.
func Read(s *corev1.Service) *Ask {
	a := &Ask{Namespace: s.Namespace, Name: s.Name, Created: s.CreationTimestamp.Time, Selector: labels.Everything(),
		Local: s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal}
	key := prefix
	switch _, compatible := s.Annotations[compatPrefix+"hostname"]; {
	case s.DeletionTimestamp != nil:
		return nil
	case s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.LoadBalancerClass != nil && *s.Spec.LoadBalancerClass == Class:
		a.Mode = LoadBalancer
	case compatible && s.Spec.LoadBalancerClass == nil:
		a.Mode, key = ExternalIPs, compatPrefix
	default:
		return nil
	}
	if by := s.Annotations[key+"controller"]; by != "" && by != controllerName {
		return nil
	}
	a.annotations(s.Annotations, key)
	a.ports(s)
	a.sources(s)
	return a
}

// equal reports whether two let in the same.
func (a *Ask) equal(b *Ask) bool {
	return slices.Equal(a.Ports, b.Ports) && slices.Equal(a.Sources, b.Sources)
}

// lets returns what a Service lets in, whether it still asks for nodes or not.
func lets(s *corev1.Service) *Ask {
	a := &Ask{Namespace: s.Namespace, Name: s.Name, Created: s.CreationTimestamp.Time}
	a.ports(s)
	a.sources(s)
	return a
}

func (a *Ask) annotations(notes map[string]string, prefix string) {
	if text, ok := notes[prefix+"selector"]; ok {
		selector, err := labels.Parse(text)
		if err != nil {
			a.Blocked = true
			a.problem(plan.BadAnnotation, "annotation %sselector: %q is no label selector: %v; what stands stays", prefix, text, err)
		} else {
			a.Selector = selector
		}
	}
	for _, key := range []string{"maxips", "maxip"} {
		text, ok := notes[prefix+key]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			a.Blocked = true
			a.problem(plan.BadAnnotation, "annotation %s%s: %q is not a number of nodes, such as 2; what stands stays", prefix, key, text)
		}
		a.Max = max(n, 0)
		break
	}
}

func (a *Ask) ports(s *corev1.Service) {
	for _, p := range s.Spec.Ports {
		protocol := strings.ToLower(string(cmp.Or(p.Protocol, corev1.ProtocolTCP)))
		if protocol != "tcp" && protocol != "udp" {
			a.problem(plan.NotSupported, "port %d: %s is not let in by node addresses, only TCP and UDP", p.Port, p.Protocol)
			continue
		}
		a.Ports = append(a.Ports, Port{protocol, p.Port})
	}
}

// sources reads loadBalancerSourceRanges; without it everybody is let in.
func (a *Ask) sources(s *corev1.Service) {
	for _, text := range s.Spec.LoadBalancerSourceRanges {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			a.Blocked = true
			a.problem(plan.BadAnnotation, "spec.loadBalancerSourceRanges: %q is no address range, such as 192.0.2.0/24: it lets nobody in, only the others do; the nodes stay as they are", text)
			continue
		}
		a.Sources = append(a.Sources, p.Masked())
	}
	if len(s.Spec.LoadBalancerSourceRanges) == 0 {
		a.Sources = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	}
	slices.SortFunc(a.Sources, func(p, q netip.Prefix) int { return cmp.Compare(p.String(), q.String()) })
	a.Sources = slices.Compact(a.Sources)
}
