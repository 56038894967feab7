package source

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// wants returns the wants for one name, in everything but the set like the
// given one. A CNAME stands alone (RFC 1034 section 3.6.2) and is one record:
// addresses win over it, and of several targets the first in order wins.
func (r *draft) wants(like plan.Want, name dns.Name, t targets) []plan.Want {
	values := map[dns.Type][]string{}
	for _, a := range t.addresses {
		if a.Is4() {
			values[dns.A] = append(values[dns.A], a.String())
		} else {
			values[dns.AAAA] = append(values[dns.AAAA], a.String())
		}
	}
	slices.Sort(t.hosts)
	t.hosts = slices.Compact(t.hosts)
	if i, self := slices.BinarySearch(t.hosts, name); self {
		r.problem(plan.BadTarget, "%s would point to itself: give it another target", name.Host())
		t.hosts = slices.Delete(t.hosts, i, i+1)
	}
	switch {
	case len(t.hosts) == 0:
	case len(values) > 0:
		r.problem(plan.TargetConflict, "%s cannot be a CNAME to %s beside addresses: the addresses are used; let one kind of target remain",
			name.Host(), t.hosts[0].Host())
	default:
		if len(t.hosts) > 1 {
			r.problem(plan.TargetConflict, "%s can be a CNAME to one target only: %s is used, not %s; choose with the target annotation",
				name.Host(), t.hosts[0].Host(), hosts(t.hosts[1:]))
		}
		values[dns.CNAME] = []string{string(t.hosts[0])}
	}
	var wants []plan.Want
	for typ, data := range values {
		wants = append(wants, r.with(like, name, typ, data)...)
	}
	return wants
}

// services returns the wants for SRV record sets.
func (r *draft) services(like plan.Want) []plan.Want {
	var wants []plan.Want
	for name, data := range r.srv {
		wants = append(wants, r.with(like, name, dns.SRV, data)...)
	}
	return wants
}

// with returns a want for this data, in everything else like the given one; none if the data is none of its type.
func (r *draft) with(like plan.Want, name dns.Name, typ dns.Type, data []string) []plan.Want {
	set, err := dns.NewRecordSet(dns.Key{Name: name, Type: typ, SetID: like.Set.SetID}, like.Set.TTL, data...)
	if err != nil {
		r.giveUp(plan.BadTarget, "%v", err)
		return nil
	}
	set.Routing, set.HealthCheckID = like.Set.Routing, like.Set.HealthCheckID
	like.Set = set
	return []plan.Want{like}
}

// reverse returns the wants for the PTR record sets of the addresses that are
// wanted, if the object or --create-ptr asks for them. Wildcards have none: an
// address has names, not patterns.
func (r *draft) reverse(wants []plan.Want) []plan.Want {
	create := r.d.createPTR
	if n, set := r.notes.byKey[recordTypeKey]; set {
		create = strings.EqualFold(n.value, "ptr")
		if !create && n.value != "" {
			r.problem(plan.BadAnnotation, "%s: %s is not used: write \"ptr\", or nothing to have none", n.where(), quote(n.value))
		}
	}
	if !create {
		return nil
	}
	hosts := map[dns.Name][]string{}
	ttl := uint32(0)
	for _, w := range wants {
		for _, data := range w.Set.Data {
			if addr, err := netip.ParseAddr(data); err == nil && w.Set.Type.Address() && !w.Set.Name.Wildcard() {
				hosts[dns.Reverse(addr)] = append(hosts[dns.Reverse(addr)], string(w.Set.Name))
				ttl = w.Set.TTL
			}
		}
	}
	var out []plan.Want
	allowed, _ := r.d.allowed(r, slices.Sorted(maps.Keys(hosts)))
	for _, name := range allowed {
		data := hosts[name]
		set, err := dns.NewRecordSet(dns.Key{Name: name, Type: dns.PTR}, ttl, data...)
		if err != nil {
			r.giveUp(plan.BadTarget, "%v", err)
			continue
		}
		out = append(out, plan.Want{By: r.by, Set: set})
	}
	return out
}

// shape makes of an object's targets those that the flags about targets leave:
// the default ones if they are forced, IPv4 addresses for what NAT64 maps, and
// of all only what the networks let through.
func (d *Deriver) shape(t targets) targets {
	if d.forceDefaults {
		t = d.defaults
	}
	out := targets{hosts: slices.Clone(t.hosts)} // the defaults are shared
	for _, a := range t.addresses {
		out.addresses = append(out.addresses, a)
		if slices.ContainsFunc(d.nat64, func(p netip.Prefix) bool { return p.Contains(a) }) {
			b := a.As16()
			out.addresses = append(out.addresses, netip.AddrFrom4([4]byte(b[12:])))
		}
	}
	in := func(a netip.Addr) func(netip.Prefix) bool {
		return func(p netip.Prefix) bool { return p.Contains(a) }
	}
	out.addresses = filter(out.addresses, func(a netip.Addr) bool {
		return (len(d.inside) == 0 || slices.ContainsFunc(d.inside, in(a))) && !slices.ContainsFunc(d.outside, in(a))
	})
	if len(d.inside) > 0 {
		out.hosts = nil // a name lies in no network
	}
	return out
}

// networks reads the values of a flag.
func networks(flag string, values []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, v := range values {
		p, err := netip.ParsePrefix(strings.TrimSpace(v))
		if err != nil {
			return nil, wrong("write networks such as 192.0.2.0/24 or 2001:db8::/32, one a flag", "--%s=%s is no network", flag, v)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
