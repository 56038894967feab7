package source

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Options are the flags that say which objects are read, and what of them. The
// names, types and meanings are ExternalDNS's. The zero value reads every
// object, under both annotation prefixes.
type Options struct {
	AnnotationFilter string `name:"annotation-filter" group:"sources" placeholder:"SELECTOR" help:"Read only objects whose annotations match this selector (the syntax of label selectors, full keys)."`
	AnnotationPrefix string `name:"annotation-prefix" group:"sources" placeholder:"PREFIX/" full:"leave it out for both external-dns.kubernetes.io/ and external-dns.alpha.kubernetes.io/" help:"Read annotations under this prefix only. Without it both external-dns.kubernetes.io/ and external-dns.alpha.kubernetes.io/ are read; where they differ the former wins."`
	LabelFilter      string `name:"label-filter" group:"sources" placeholder:"SELECTOR" help:"Read only objects whose labels match this selector."`

	RequireAllowedDomains bool          `name:"require-allowed-domains" group:"sources" negatable:"" help:"Objects may ask only for names that the annotation signpost.dev/allowed-domains of their Namespace allows; without the annotation for none."`
	MinTTL                time.Duration `name:"min-ttl" group:"targets" placeholder:"DURATION" help:"TTL of record sets whose objects ask for none, in whole seconds. Not given: 300s."`

	GatewayName         string `name:"gateway-name" group:"gateways" placeholder:"NAME" help:"Follow Routes to Gateways of this name only."`
	GatewayNamespace    string `name:"gateway-namespace" group:"gateways" placeholder:"NAMESPACE" help:"Read Gateways of this namespace only. Without it those of all namespaces are read, whatever --namespace says."`
	GatewayLabelFilter  string `name:"gateway-label-filter" group:"gateways" placeholder:"SELECTOR" help:"Follow Routes only to Gateways whose labels match this selector."`
	GatewayListenerSets bool   `name:"gateway-listener-sets" group:"gateways" negatable:"" help:"Follow Routes to ListenerSets too."`

	IngressClass           []string `name:"ingress-class" group:"ingresses" sep:"none" placeholder:"CLASS" help:"Read only Ingresses of this class: spec.ingressClassName, or where that is empty the annotation kubernetes.io/ingress.class. Repeatable."`
	IgnoreIngressTLSSpec   bool     `name:"ignore-ingress-tls-spec" group:"ingresses" negatable:"" help:"Take no names from spec.tls of Ingresses."`
	IgnoreIngressRulesSpec bool     `name:"ignore-ingress-rules-spec" group:"ingresses" negatable:"" help:"Take no names from spec.rules of Ingresses."`

	PublishInternal   bool     `name:"publish-internal-services" group:"services" negatable:"" help:"Point the hostname annotation of ClusterIP Services to their cluster IP."`
	PublishHostIP     bool     `name:"publish-host-ip" group:"services" negatable:"" help:"Point headless Services to the addresses of their Pods' nodes."`
	PublishNotReady   bool     `name:"always-publish-not-ready-addresses" group:"services" negatable:"" help:"Publish also those endpoints of headless Services that are not ready."`
	ResolveBalancers  bool     `name:"resolve-service-load-balancer-hostname" group:"services" negatable:"" help:"Point to the addresses of a load balancer where its Service reports a host name. They are looked up each minute."`
	ServiceTypeFilter []string `name:"service-type-filter" group:"services" sep:"none" placeholder:"TYPE" help:"Read only Services of this type: ClusterIP, NodePort, LoadBalancer or ExternalName. Repeatable; an empty value lifts the filter."`
	Compatibility     string   `name:"compatibility" group:"sources" enum:",mate,molecule,kops-dns-controller" default:"" placeholder:"TOOL" help:"Read the annotations of another tool where an object has none of ours: mate, molecule or kops-dns-controller."`

	ExcludeUnschedulable bool   `name:"exclude-unschedulable" group:"nodes" default:"true" negatable:"" help:"Point to no node that is cordoned."`
	ExcludeUnready       bool   `name:"exclude-unready-nodes" group:"nodes" negatable:"" help:"Point to no node that has not been Ready for half a minute, unless none is."`
	ExposeInternalIPv6   bool   `name:"expose-internal-ipv6" group:"nodes" negatable:"" help:"Count the internal IPv6 addresses of nodes among those for the world."`
	HostNetworkPods      bool   `name:"ignore-non-host-network-pods" group:"nodes" negatable:"" help:"Read only Pods that use the network of their node."`
	PodSourceDomain      string `name:"pod-source-domain" group:"nodes" placeholder:"DOMAIN" help:"Publish every Pod under its own name below this domain."`

	FQDNTemplate       []string `name:"fqdn-template" group:"templates" sep:"none" comma:"ok" placeholder:"TEMPLATE" help:"A Go template that gives the names of an object that asks for none, separated by commas, such as {{.Name}}.example.com. Repeatable."`
	TargetTemplate     []string `name:"target-template" group:"templates" sep:"none" comma:"ok" placeholder:"TEMPLATE" help:"A Go template that gives targets, for sources that know none of their own. Repeatable."`
	FQDNTargetTemplate []string `name:"fqdn-target-template" group:"templates" sep:"none" comma:"ok" placeholder:"TEMPLATE" help:"A Go template that gives pairs NAME:TARGET, separated by commas. Repeatable."`
	CombineFQDN        bool     `name:"combine-fqdn-annotation" group:"templates" negatable:"" help:"Add what templates give to what objects ask for."`
	IgnoreHostname     bool     `name:"ignore-hostname-annotation" group:"templates" negatable:"" help:"Read no hostname annotations; needs --fqdn-template."`

	DefaultTargets      []string `name:"default-targets" group:"targets" sep:"none" placeholder:"TARGET" help:"Targets of DNSEndpoints that name none: addresses or host names. Repeatable."`
	ForceDefaultTargets bool     `name:"force-default-targets" group:"targets" negatable:"" help:"Point everything that has targets to --default-targets instead."`
	TargetNetFilter     []string `name:"target-net-filter" group:"targets" sep:"none" placeholder:"NETWORK" help:"Point only to addresses in this network, and to no host names. Repeatable."`
	ExcludeTargetNets   []string `name:"exclude-target-net" group:"targets" sep:"none" placeholder:"NETWORK" help:"Point to no address in this network. Repeatable."`
	NAT64Networks       []string `name:"nat64-networks" group:"targets" sep:"none" placeholder:"NETWORK" help:"A /96 network of IPv6 that maps IPv4: its addresses are published as IPv4 too. Repeatable."`
	CreatePTR           bool     `name:"create-ptr" group:"targets" negatable:"" help:"Make PTR record sets for all addresses; needs PTR among --managed-record-types."`

	// Exposing says that this program itself keeps Services on the addresses of
	// nodes: until it has said where one is reached, that Service is unknown.
	Exposing bool `kong:"-"`
}

// optionError is a value that cannot be meant.
type optionError struct {
	cause  error
	remedy string
}

func (e *optionError) Error() string { return e.cause.Error() }
func (e *optionError) Unwrap() error { return e.cause }

// Hint returns what to write instead.
func (e *optionError) Hint() string { return e.remedy }

func wrong(remedy, format string, args ...any) error {
	return &optionError{fmt.Errorf(format, args...), remedy}
}

// New returns a Deriver for the options. The error joins one for each value
// that cannot be meant, each with its Hint() string.
func New(o Options) (*Deriver, error) {
	d := &Deriver{
		requireDomains:  o.RequireAllowedDomains,
		publishInternal: o.PublishInternal, publishHostIP: o.PublishHostIP, publishNotReady: o.PublishNotReady,
		resolveBalancers: o.ResolveBalancers,
		compatibility:    o.Compatibility,
		classes:          slices.Clone(o.IngressClass), ignoreTLS: o.IgnoreIngressTLSSpec, ignoreRules: o.IgnoreIngressRulesSpec,
		excludeUnschedulable: o.ExcludeUnschedulable, excludeUnready: o.ExcludeUnready, exposeInternalIPv6: o.ExposeInternalIPv6,
		gatewayName: o.GatewayName, gatewayNamespace: o.GatewayNamespace, listenerSets: o.GatewayListenerSets,
		hostNetworkOnly: o.HostNetworkPods, podDomain: strings.Trim(o.PodSourceDomain, "."),
		combine: o.CombineFQDN, ignoreHostname: o.IgnoreHostname,
		exposing: o.Exposing, forceDefaults: o.ForceDefaultTargets, createPTR: o.CreatePTR,
	}
	err := errors.Join(d.filters(o), d.templates(o), d.shapes(o))
	if err != nil {
		return nil, err
	}
	return d, nil
}

// filters reads which objects count.
func (d *Deriver) filters(o Options) error {
	var errs []error
	selector := func(flag, text string) labels.Selector {
		s, err := labels.Parse(text)
		if err != nil {
			errs = append(errs, wrong("write it like a kubectl label selector, for example team=web,env!=test", "--%s=%s: %w", flag, text, err))
			return labels.Nothing()
		}
		return s
	}
	d.gateways = selector("gateway-label-filter", o.GatewayLabelFilter)
	d.labels, d.annotations = selector("label-filter", o.LabelFilter), selector("annotation-filter", o.AnnotationFilter)
	var err error
	d.prefixes, err = prefixes(o.AnnotationPrefix)
	errs = append(errs, err)
	d.types, err = serviceTypes(o.ServiceTypeFilter)
	errs = append(errs, err)
	if len(d.classes) > 0 && selects(d.annotations, classAnnotation) {
		errs = append(errs, wrong("keep --ingress-class, it reads that annotation too",
			"--ingress-class and --annotation-filter on %s exclude each other", classAnnotation))
	}
	return errors.Join(errs...)
}

func (d *Deriver) templates(o Options) error {
	var errs [4]error
	d.fqdn, errs[0] = parseTemplates("fqdn-template", o.FQDNTemplate)
	d.target, errs[1] = parseTemplates("target-template", o.TargetTemplate)
	d.fqdnTarget, errs[2] = parseTemplates("fqdn-target-template", o.FQDNTargetTemplate)
	if o.IgnoreHostname && errs[0] == nil && d.fqdn == nil {
		errs[3] = wrong("give --fqdn-template too", "--ignore-hostname-annotation leaves no name to publish")
	}
	return errors.Join(errs[:]...)
}

// shapes reads what becomes of names, targets and TTLs.
func (d *Deriver) shapes(o Options) error {
	var errs []error
	var err error
	d.inside, err = networks("target-net-filter", o.TargetNetFilter)
	errs = append(errs, err)
	d.outside, err = networks("exclude-target-net", o.ExcludeTargetNets)
	errs = append(errs, err)
	d.nat64, err = networks("nat64-networks", o.NAT64Networks)
	errs = append(errs, err)
	if slices.ContainsFunc(d.nat64, func(p netip.Prefix) bool { return p.Bits() != 96 || !p.Addr().Is6() }) {
		errs = append(errs, wrong("write it like 64:ff9b::/96", "--nat64-networks: a NAT64 network is one of IPv6 with 96 bits"))
	}
	for _, t := range o.DefaultTargets {
		if err := d.defaults.parse(t); err != nil {
			errs = append(errs, wrong("write an address or a host name, one a flag", "--default-targets=%s: %w", t, err))
		}
	}
	if o.ForceDefaultTargets && d.defaults.empty() {
		errs = append(errs, wrong("give --default-targets too", "--force-default-targets has nothing to point to"))
	}
	if d.podDomain != "" {
		if _, err := parseHost(d.podDomain); err != nil {
			errs = append(errs, wrong("write a domain such as pods.example.com", "--pod-source-domain=%s: %w", o.PodSourceDomain, err))
		}
	}
	d.ttl = DefaultTTL
	if seconds := o.MinTTL / time.Second; o.MinTTL < 0 || seconds > dns.MaxTTL {
		errs = append(errs, wrong("write a time such as 5m", "--min-ttl=%s: a TTL is at most %d seconds, and not negative", o.MinTTL, dns.MaxTTL))
	} else if seconds > 0 {
		d.ttl = uint32(seconds)
	}
	return errors.Join(errs...)
}

// ReadsLabels reports whether the labels of objects are read, beyond those of
// the kinds that are found by labels.
func (d *Deriver) ReadsLabels() bool { return !d.labels.Empty() || d.compatibility == molecule }

// ReadsReadiness reports whether it counts if Nodes are Ready.
func (d *Deriver) ReadsReadiness() bool { return d.excludeUnready }

// ReadsAnnotation reports whether annotations of this full key are read.
func (d *Deriver) ReadsAnnotation(key string) bool {
	switch key {
	case classAnnotation, mateName, moleculeName, kopsExternal, kopsInternal:
		return true
	}
	return strings.HasPrefix(key, ownPrefix) || strings.HasPrefix(key, externalIPsPrefix) || selects(d.annotations, key) ||
		slices.ContainsFunc(d.prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// Elsewhere returns the kinds that --namespace does not limit, with the
// namespace in which they are read; "" is all.
func (d *Deriver) Elsewhere() map[schema.GroupVersionKind]string {
	return map[schema.GroupVersionKind]string{gatewayKind(): d.gatewayNamespace, listenerSetKind(): ""}
}

// ReadsWhole returns those of the kinds of which templates may read anything.
func (d *Deriver) ReadsWhole(kinds []Kind) []schema.GroupVersionKind {
	var out []schema.GroupVersionKind
	for _, k := range kinds {
		if d.fqdn != nil || d.target != nil || d.fqdnTarget != nil {
			out = append(out, k.GVK)
		}
	}
	return out
}

// prefixes returns the annotation prefixes to read, the winning one first.
func prefixes(given string) ([]string, error) {
	if given == "" {
		return []string{newPrefix, oldPrefix}, nil
	}
	if !strings.HasSuffix(given, "/") || given == "/" {
		return nil, wrong("write it like "+newPrefix, "--annotation-prefix=%s: a prefix is a domain with a slash at its end", given)
	}
	return []string{given}, nil
}

// serviceTypes returns the types to read, nil for all.
func serviceTypes(given []string) ([]corev1.ServiceType, error) {
	all := []corev1.ServiceType{corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort,
		corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName}
	var types []corev1.ServiceType
	for _, t := range given {
		if t != "" && !slices.Contains(all, corev1.ServiceType(t)) {
			return nil, wrong("choose from ClusterIP, NodePort, LoadBalancer and ExternalName, one a flag; case matters", "--service-type-filter=%s: no such Service type", t)
		}
		types = append(types, corev1.ServiceType(t))
	}
	if slices.Contains(types, "") {
		return nil, nil
	}
	return types, nil
}

func selects(s labels.Selector, key string) bool {
	requirements, _ := s.Requirements()
	return slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return r.Key() == key })
}
