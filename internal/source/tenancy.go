package source

import (
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// AllowedDomains is the annotation of a Namespace that limits which names its
// objects may ask for: domains separated by commas. example.com allows itself
// and what is below it, .example.com only what is below it.
const AllowedDomains = "signpost.dev/allowed-domains"

// allowed leaves out the names that the object's Namespace may not ask for. If
// that cannot be told, none is allowed, and all are kept as they are.
func (d *Deriver) allowed(r *draft, names []dns.Name) (allowed, kept []dns.Name) {
	if r.by.Namespace == "" || len(names) == 0 {
		return names, names
	}
	if r.tenancy == nil {
		r.tenancy = d.limits(r)
	}
	t := r.tenancy
	switch {
	case t.err != nil:
		r.cannotTell(t.err)
		return nil, names
	case !t.limited:
		return names, names
	}
	for _, n := range names {
		if slices.ContainsFunc(t.limits, func(l limit) bool { return l.allows(n) }) {
			allowed = append(allowed, n)
		} else {
			r.deny(n, t.limits)
		}
	}
	return allowed, allowed
}

// tenancy is what an object's Namespace allows.
type tenancy struct {
	limits  []limit
	limited bool  // nothing else is allowed
	err     error // why it cannot be told
}

// limit is one allowed domain.
type limit struct {
	domain dns.Name
	below  bool // not the domain itself
}

func (l limit) allows(n dns.Name) bool { return n.Within(l.domain) && !(l.below && n == l.domain) }

func (l limit) String() string {
	if l.below {
		return "." + l.domain.Host()
	}
	return l.domain.Host()
}

// limits returns what the Namespace allows. Where namespaces may not be read
// nobody has set limits, unless they are required.
func (d *Deriver) limits(r *draft) *tenancy {
	found, err := r.look.Get(namespaceKind(), "", r.by.Namespace)
	if err != nil && (d.requireDomains || !errors.Is(err, ErrDenied)) {
		return &tenancy{err: err}
	}
	value, set := "", false
	ns, ok := found.(*corev1.Namespace)
	if ok {
		value, set = ns.Annotations[AllowedDomains]
	}
	var limits []limit
	for domain := range strings.SplitSeq(value, ",") {
		domain = strings.TrimSpace(domain)
		if domain == "" {
			continue
		}
		bare, below := strings.CutPrefix(domain, ".")
		name, err := dns.ParseName(bare)
		if err != nil {
			r.problem(plan.BadAnnotation, "annotation %s of Namespace %s: %s allows nothing: %v", AllowedDomains, ns.Name, quote(domain), err)
			continue
		}
		limits = append(limits, limit{name, below})
	}
	return &tenancy{limits: limits, limited: set || d.requireDomains}
}

func (r *draft) deny(n dns.Name, limits []limit) {
	r.denied = true
	if len(limits) == 0 {
		r.problem(plan.Denied, "%s is left out: Namespace %s may ask for no names; its annotation %s names the domains that it may",
			n.Host(), r.by.Namespace, AllowedDomains)
		return
	}
	var domains []string
	for _, l := range limits {
		domains = append(domains, l.String())
	}
	r.problem(plan.Denied, "%s is left out: Namespace %s may ask for names in %s only (its annotation %s)",
		n.Host(), r.by.Namespace, strings.Join(domains, ", "), AllowedDomains)
}
