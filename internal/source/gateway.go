package source

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

func gatewayAPI(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: gatewayv1.GroupVersion.Version, Kind: kind}
}

func gatewayKind() schema.GroupVersionKind     { return gatewayAPI("Gateway") }
func listenerSetKind() schema.GroupVersionKind { return gatewayAPI("ListenerSet") }

func routeKind(name, resource string) Kind {
	label := strings.ToLower(name)
	return Kind{Source: "gateway-" + label, Label: label, Resource: resource, GVK: gatewayAPI(name)}
}

// route is what the five kinds of Route have in common.
type route struct {
	Object
	kind      gatewayv1.Kind
	protocols []gatewayv1.ProtocolType // of the listeners that it can be attached to
	hosts     []gatewayv1.Hostname
	parents   []gatewayv1.ParentReference
	judged    []gatewayv1.RouteParentStatus
}

// routeOf returns what an object is as a Route, false if it is none.
func routeOf(o runtime.Object) (route, bool) {
	web := []gatewayv1.ProtocolType{gatewayv1.HTTPProtocolType, gatewayv1.HTTPSProtocolType}
	switch o := o.(type) {
	case *gatewayv1.HTTPRoute:
		return route{o, "HTTPRoute", web, o.Spec.Hostnames, o.Spec.ParentRefs, o.Status.Parents}, true
	case *gatewayv1.GRPCRoute:
		return route{o, "GRPCRoute", web, o.Spec.Hostnames, o.Spec.ParentRefs, o.Status.Parents}, true
	case *gatewayv1.TLSRoute:
		return route{o, "TLSRoute", []gatewayv1.ProtocolType{gatewayv1.TLSProtocolType}, o.Spec.Hostnames, o.Spec.ParentRefs, o.Status.Parents}, true
	case *gatewayv1.TCPRoute:
		// A TLS listener that terminates TLS hands TCP on.
		return route{o, "TCPRoute", []gatewayv1.ProtocolType{gatewayv1.TCPProtocolType, gatewayv1.TLSProtocolType}, nil, o.Spec.ParentRefs, o.Status.Parents}, true
	case *gatewayv1.UDPRoute:
		return route{o, "UDPRoute", []gatewayv1.ProtocolType{gatewayv1.UDPProtocolType}, nil, o.Spec.ParentRefs, o.Status.Parents}, true
	}
	return route{}, false
}

func (rt route) label() string { return strings.ToLower(string(rt.kind)) }

// resolve fills in what a reference to a parent leaves out.
func (rt route) resolve(ref gatewayv1.ParentReference) gatewayv1.ParentReference {
	ref.Group, ref.Kind = or(ref.Group, gatewayv1.GroupName), or(ref.Kind, "Gateway")
	ref.Namespace = or(ref.Namespace, gatewayv1.Namespace(rt.GetNamespace()))
	return ref
}

func or[T any](p *T, usual T) *T {
	if p == nil {
		return &usual
	}
	return p
}

// refs returns the references in the spec that a status is about. A section or
// port that one of the two leaves out is the other's.
func (rt route) refs(judged gatewayv1.ParentReference) []gatewayv1.ParentReference {
	var out []gatewayv1.ParentReference
	for _, ref := range rt.parents {
		ref = rt.resolve(ref)
		if *ref.Group != *judged.Group || *ref.Kind != *judged.Kind || *ref.Namespace != *judged.Namespace || ref.Name != judged.Name {
			continue
		}
		ref.SectionName, ref.Port = or(ref.SectionName, value(judged.SectionName)), or(ref.Port, value(judged.Port))
		if value(judged.SectionName) != "" && *ref.SectionName != *judged.SectionName || judged.Port != nil && *ref.Port != *judged.Port {
			continue
		}
		out = append(out, ref)
	}
	return out
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// verdict is what a controller says of an object.
type verdict int

const (
	refused verdict = iota
	accepted
	outdated // it was about an earlier spec
)

// verdictOf reads the condition Accepted. One without an observed generation
// counts as current.
func verdictOf(conditions []metav1.Condition, generation int64) verdict {
	c := meta.FindStatusCondition(conditions, string(gatewayv1.RouteConditionAccepted))
	switch {
	case c != nil && c.ObservedGeneration != 0 && c.ObservedGeneration < generation:
		return outdated
	case c != nil && c.Status == metav1.ConditionTrue:
		return accepted
	}
	return refused
}

// attachment is what derivation knows of where a Route is attached.
type attachment struct {
	by      *draft
	route   route
	hosts   []dns.Name
	any     bool              // the names of listeners count
	matched map[dns.Name]bool // those of the hosts that a listener covers
	missing []string          // why parents give nothing
}

// gatewayRoute publishes a Route under its host names, as far as the listeners
// to which it is attached have them too, and points them to the addresses of
// the Gateways. Targets are the Gateway's matter: it decides where its traffic
// goes.
func (d *Deriver) gatewayRoute(r *draft, rt route) {
	r.source = "gateway-" + rt.label()
	a := &attachment{by: r, route: rt, matched: map[dns.Name]bool{}}
	if !d.routeHosts(a) {
		return
	}
	if n, ok := r.notes.get(targetKey); ok {
		r.problem(plan.BadAnnotation, "%s is not used: where a Route leads its Gateway says; annotate that", n.where())
	}
	d.attach(a)
	left := slices.DeleteFunc(slices.Clone(a.hosts), func(n dns.Name) bool { return a.matched[n] })
	if r.unknown == "" {
		r.point(r.permit(left), targets{}, a.why())
	}
}

// why tells why names are at no listener.
func (a *attachment) why() string {
	switch {
	case len(a.missing) > 0:
		slices.Sort(a.missing)
		return strings.Join(slices.Compact(a.missing), "; ")
	case len(a.matched) > 0:
		return "the listeners that take the Route have other host names"
	}
	return "no Gateway has accepted the Route"
}

// attach walks through the parents by which the Route is accepted.
func (d *Deriver) attach(a *attachment) {
	current, behind := false, gatewayv1.ParentReference{}
	for _, status := range a.route.judged {
		ref := a.route.resolve(status.ParentRef)
		refs := a.route.refs(ref)
		if ok, why := d.takesParent(ref); !ok {
			if why != "" && len(refs) > 0 {
				a.missing = append(a.missing, where(ref)+": "+why)
			}
			continue
		}
		says := verdictOf(status.Conditions, a.route.GetGeneration())
		if says == outdated {
			behind = ref
		}
		for _, ref := range refs {
			p, ok, err := d.parent(a, ref)
			switch {
			case err != nil:
				a.wait()
				a.by.cannotTell(err)
				return
			case !ok:
			case says == outdated:
				a.outdated(ref)
				return
			case says == refused:
				a.missing = append(a.missing, "the Route is not accepted by "+where(ref))
			default:
				d.connect(a, p, ref)
			}
		}
		current = current || says != outdated && len(refs) > 0
	}
	if !current && behind.Name != "" {
		a.outdated(behind)
	}
}

// outdated leaves all as it is until a Route has been judged as it stands now:
// to publish names that nobody has accepted is as wrong as to delete those of a
// Route that is about to be accepted again.
func (a *attachment) outdated(ref gatewayv1.ParentReference) {
	a.wait()
	a.by.giveUp(plan.NoTarget, "what the Route holds stays as it is until %s has judged its present spec: its status is about an earlier one", where(ref))
}

// wait keeps the names that the Route asks for.
func (a *attachment) wait() {
	a.by.asked = true
	a.by.heard = append(a.by.heard, a.hosts...)
}

func where(ref gatewayv1.ParentReference) string {
	return fmt.Sprintf("%s %s/%s", *ref.Kind, *ref.Namespace, ref.Name)
}

// Values of the gateway-hostname-source annotation.
const (
	annotationOnly   = "annotation-only"
	definedHostsOnly = "defined-hosts-only"
)

// routeHosts reads the names that a Route asks for, and reports whether there
// can be any.
func (d *Deriver) routeHosts(a *attachment) bool {
	r, spec := a.by, a.route.hosts
	from, ok := r.choice(gatewayHostnameSourceKey, annotationOnly, definedHostsOnly)
	if from != annotationOnly {
		var hosts []string
		for _, h := range spec {
			hosts = append(hosts, string(h))
		}
		a.hosts = r.routeNames("spec.hostnames", hosts)
		if d.fqdn != nil && (len(spec) == 0 || d.combine) {
			a.hosts = append(a.hosts, r.routeNames("--fqdn-template", r.expand("fqdn-template", d.fqdn, a.route.Object))...)
		}
		a.any = len(spec) == 0 && from == ""
	}
	if n, set := r.notes.get(hostnameKey); set && from != definedHostsOnly && !d.ignoreHostname {
		a.hosts = append(a.hosts, r.routeNames(n.where(), r.list(n, plan.BadHostname))...)
	}
	if !ok {
		a.wait()
	}
	return ok && (a.any || len(a.hosts) > 0)
}

// routeNames reads host names for listeners, which know the letters, digits and
// hyphens of RFC 1123 only.
func (r *draft) routeNames(where string, values []string) []dns.Name {
	var names []dns.Name
	r.asked = r.asked || len(values) > 0
	r.each(where, plan.BadHostname, values, func(v string) error {
		name, err := parseHost(v)
		if err == nil {
			err = ldh(name)
		}
		if err == nil {
			names = append(names, name)
		}
		return err
	})
	return names
}

// ldh reports a name that no host can have (RFC 1123 section 2.1), wildcards
// apart.
func ldh(n dns.Name) error {
	for label := range strings.SplitSeq(strings.TrimPrefix(n.Host(), "*."), ".") {
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return errHost
		}
	}
	return nil
}
