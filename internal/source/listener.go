package source

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// parent is a Gateway or a ListenerSet, with the Gateway to whose addresses it
// leads.
type parent struct {
	name      string // for people
	namespace string
	listeners []gatewayv1.ListenerEntry
	gateway   *gatewayv1.Gateway
	set       *gatewayv1.ListenerSet // nil: the Gateway itself
}

// takesParent applies what is known of a parent without reading it, and says why
// one does not count. Routes of a mesh have Services as parents, which are no
// way in.
func (d *Deriver) takesParent(ref gatewayv1.ParentReference) (ok bool, why string) {
	switch {
	case *ref.Group != gatewayv1.GroupName:
	case *ref.Kind == "ListenerSet":
		return d.listenerSets, "ListenerSets are read with --gateway-listener-sets only"
	case *ref.Kind == "Gateway":
		return d.takesGateway(string(*ref.Namespace), string(ref.Name)), "--gateway-name and --gateway-namespace leave it out"
	}
	return false, ""
}

func (d *Deriver) takesGateway(namespace, name string) bool {
	return (d.gatewayName == "" || d.gatewayName == name) && (d.gatewayNamespace == "" || d.gatewayNamespace == namespace)
}

// parent reads a parent that takesParent; ok is false if it does not count.
func (d *Deriver) parent(a *attachment, ref gatewayv1.ParentReference) (p parent, ok bool, err error) {
	if *ref.Kind == "ListenerSet" {
		return d.listenerSet(a, ref)
	}
	g, ok, err := d.gateway(a, string(*ref.Namespace), string(ref.Name))
	if !ok {
		return p, false, err
	}
	p = parent{name: where(ref), namespace: g.Namespace, gateway: g}
	for _, l := range g.Spec.Listeners {
		p.listeners = append(p.listeners, gatewayv1.ListenerEntry{Name: l.Name, Hostname: l.Hostname, Port: l.Port,
			Protocol: l.Protocol, AllowedRoutes: l.AllowedRoutes})
	}
	return p, true, nil
}

// gateway reads a Gateway, if it counts.
func (d *Deriver) gateway(a *attachment, namespace, name string) (*gatewayv1.Gateway, bool, error) {
	if !d.takesGateway(namespace, name) {
		return nil, false, nil
	}
	g, ok, err := get[*gatewayv1.Gateway](a.by.look, gatewayKind(), namespace, name)
	switch {
	case err != nil:
		return nil, false, err
	case !ok:
		a.missing = append(a.missing, fmt.Sprintf("there is no Gateway %s/%s", namespace, name))
		return nil, false, nil
	case !d.gateways.Matches(labels.Set(g.Labels)):
		a.missing = append(a.missing, fmt.Sprintf("--gateway-label-filter leaves out Gateway %s/%s", namespace, name))
		return nil, false, nil
	}
	return g, d.ours(a, g, "Gateway"), nil
}

// ours reports whether a parent's controller annotation leaves it to us.
func (d *Deriver) ours(a *attachment, o metav1.Object, kind string) bool {
	n, set := readAnnotations(o.GetAnnotations(), d.prefixes).byKey[controllerKey]
	if set && n.value != ourController {
		a.missing = append(a.missing, fmt.Sprintf("%s %s/%s is another's (its %s)", kind, o.GetNamespace(), o.GetName(), n.where()))
		return false
	}
	return true
}

// listenerSet reads a ListenerSet, if it counts: if its Gateway does, admits it
// and has accepted it.
func (d *Deriver) listenerSet(a *attachment, ref gatewayv1.ParentReference) (p parent, ok bool, err error) {
	s, ok, err := get[*gatewayv1.ListenerSet](a.by.look, listenerSetKind(), string(*ref.Namespace), string(ref.Name))
	switch {
	case err != nil:
		return p, false, err
	case !ok:
		a.missing = append(a.missing, "there is no "+where(ref))
		return p, false, nil
	case !d.annotations.Matches(labels.Set(s.Annotations)):
		a.missing = append(a.missing, "--annotation-filter leaves out "+where(ref))
		return p, false, nil
	case !d.ours(a, s, "ListenerSet"):
		return p, false, nil
	}
	up := s.Spec.ParentRef
	if value(or(up.Group, gatewayv1.GroupName)) != gatewayv1.GroupName || value(or(up.Kind, "Gateway")) != "Gateway" {
		a.missing = append(a.missing, where(ref)+" belongs to no Gateway")
		return p, false, nil
	}
	g, ok, err := d.gateway(a, string(value(or(up.Namespace, gatewayv1.Namespace(s.Namespace)))), string(up.Name))
	if !ok {
		return p, false, err
	}
	var from *gatewayv1.FromNamespaces
	var selector *metav1.LabelSelector
	if allowed := g.Spec.AllowedListeners; allowed != nil && allowed.Namespaces != nil {
		from, selector = allowed.Namespaces.From, allowed.Namespaces.Selector
	}
	admitted, err := a.admits(g.Namespace, s.Namespace, value(or(from, gatewayv1.NamespacesFromNone)), selector)
	if !admitted {
		a.missing = append(a.missing, fmt.Sprintf("Gateway %s/%s does not admit %s", g.Namespace, g.Name, where(ref)))
		return p, false, err
	}
	p = parent{name: where(ref), namespace: s.Namespace, gateway: g, set: s}
	switch verdictOf(s.Status.Conditions, s.Generation) {
	case outdated:
		return p, false, fmt.Errorf("%s has not been judged as it stands now", p.name)
	case refused:
		a.missing = append(a.missing, p.name+" is not accepted")
		return p, false, nil
	}
	for _, l := range s.Spec.Listeners {
		if slices.ContainsFunc(s.Status.Listeners, func(status gatewayv1.ListenerEntryStatus) bool {
			return status.Name == l.Name && verdictOf(status.Conditions, s.Generation) == accepted
		}) {
			p.listeners = append(p.listeners, l)
		}
	}
	return p, true, nil
}

// admits reports whether what stands in the namespace home lets in what stands
// in the namespace guest.
func (a *attachment) admits(home, guest string, from gatewayv1.FromNamespaces, selector *metav1.LabelSelector) (bool, error) {
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true, nil
	case gatewayv1.NamespacesFromSame:
		return home == guest, nil
	case gatewayv1.NamespacesFromSelector:
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			return false, nil // the Gateway's controller admits nobody by it either
		}
		ns, ok, err := get[*corev1.Namespace](a.by.look, namespaceKind(), "", guest)
		return ok && s.Matches(labels.Set(ns.Labels)), err
	}
	return false, nil
}

// connect points names to a parent by which the Route is accepted, through each
// of its listeners that the reference means and that lets the Route in.
func (d *Deriver) connect(a *attachment, p parent, ref gatewayv1.ParentReference) {
	var names []dns.Name
	open := false
	for _, l := range p.listeners {
		ok, err := a.takes(p, l, ref)
		if err != nil {
			a.wait()
			a.by.cannotTell(err)
			return
		}
		if ok {
			open = true
			names = append(names, a.names(p, l)...)
		}
	}
	switch {
	case len(names) > 0:
		slices.Sort(names)
		a.by.point(a.by.permit(slices.Compact(names)), d.gatewayTargets(a.by, p), p.name+" has no address yet")
	case open:
		a.missing = append(a.missing, "no listener of "+p.name+" has a host name that covers it")
	default:
		a.missing = append(a.missing, fmt.Sprintf("no listener of %s takes this %s", p.name, a.route.kind))
	}
}

// takes reports whether a listener is meant by a reference and lets the Route in.
func (a *attachment) takes(p parent, l gatewayv1.ListenerEntry, ref gatewayv1.ParentReference) (bool, error) {
	section, port := value(ref.SectionName), value(ref.Port)
	if section != "" && section != l.Name || port != 0 && port != l.Port || !slices.Contains(a.route.protocols, l.Protocol) {
		return false, nil
	}
	from := gatewayv1.NamespacesFromSame
	var selector *metav1.LabelSelector
	if allowed := l.AllowedRoutes; allowed != nil {
		if len(allowed.Kinds) > 0 && !slices.ContainsFunc(allowed.Kinds, func(k gatewayv1.RouteGroupKind) bool {
			return k.Kind == a.route.kind && value(or(k.Group, gatewayv1.GroupName)) == gatewayv1.GroupName
		}) {
			return false, nil
		}
		if n := allowed.Namespaces; n != nil {
			from, selector = value(or(n.From, from)), n.Selector
		}
	}
	return a.admits(p.namespace, a.route.GetNamespace(), from, selector)
}

// names returns the names of the Route at a listener: of two that cover each
// other the narrower one, and the listener's own where the Route names none.
func (a *attachment) names(p parent, l gatewayv1.ListenerEntry) []dns.Name {
	host := dns.Name("")
	if text := string(value(l.Hostname)); text != "" {
		read := a.by.routeNames(fmt.Sprintf("listener %s of %s", l.Name, p.name), []string{text})
		if len(read) == 0 {
			return nil
		}
		host = read[0]
	}
	var names []dns.Name
	for _, n := range a.hosts {
		switch {
		case host == "" || n == host || covers(host, n):
			names = append(names, n)
		case covers(n, host):
			names = append(names, host)
		default:
			continue
		}
		a.matched[n] = true
	}
	if a.any && host != "" {
		names = append(names, host)
	}
	return names
}

// covers reports whether a wildcard stands for another name, at any depth, as it
// does in the Gateway API; in DNS it is the same (RFC 4592).
func covers(wildcard, n dns.Name) bool {
	return wildcard.Wildcard() && n != wildcard && strings.HasSuffix(string(n), string(wildcard[1:]))
}

// gatewayTargets returns where a parent leads: to the targets of its annotation,
// else of its Gateway's, else to the Gateway's addresses.
func (d *Deriver) gatewayTargets(r *draft, p parent) targets {
	annotated := []struct {
		what string
		o    metav1.Object
	}{{"Gateway", p.gateway}}
	if p.set != nil {
		annotated = slices.Insert(annotated, 0, struct {
			what string
			o    metav1.Object
		}{"ListenerSet", p.set})
	}
	for _, by := range annotated {
		if n, ok := readAnnotations(by.o.GetAnnotations(), d.prefixes).get(targetKey); ok {
			return r.targets(fmt.Sprintf("%s of %s %s", n.where(), by.what, by.o.GetName()), r.list(n, plan.BadTarget))
		}
	}
	var values []string
	for _, a := range p.gateway.Status.Addresses {
		values = appendSet(values, a.Value)
	}
	return r.targets("status.addresses of Gateway "+p.gateway.Name, values)
}
