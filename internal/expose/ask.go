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
	finalizer           = prefix + "node-address"
)

// TTL is the time to live of names that say none, in seconds, as external-ips had it.
const TTL = 300

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
	TTL             time.Duration
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

// Read returns what a Service asks for; nil if it asks for nothing, or is being deleted.
func Read(s *corev1.Service) *Ask {
	a := &Ask{Namespace: s.Namespace, Name: s.Name, Created: s.CreationTimestamp.Time, TTL: TTL * time.Second, Selector: labels.Everything(),
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
	a.annotations(s.Annotations, key)
	a.ports(s)
	a.sources(s)
	return a
}

// lets returns what a Service lets in, whether it still asks for nodes or not.
func lets(s *corev1.Service) *Ask {
	a := &Ask{Namespace: s.Namespace, Name: s.Name}
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
	if text, ok := notes[prefix+"ttl"]; ok {
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
		if err != nil || n == 0 {
			a.problem(plan.BadTTL, "annotation %sttl: %q is no number of seconds; %d is used", prefix, text, TTL)
		} else {
			a.TTL = time.Duration(n) * time.Second
		}
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
			a.problem(plan.BadAnnotation, "spec.loadBalancerSourceRanges: %q is no address range, such as 192.0.2.0/24; what stands stays", text)
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
