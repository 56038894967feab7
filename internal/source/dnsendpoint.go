package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/plan"
)

// entry is one endpoint of a DNSEndpoint.
type entry struct {
	*draft
	*dnsendpoint.Endpoint
	at   string // its place in the object
	name dns.Name
	typ  dns.Type
}

// dnsEndpoint publishes record sets as they are written down. What is wrong with
// one costs that one only: a name that cannot be read is left out, and at a name
// that can, with values that cannot, all stays as it is.
func (d *Deriver) dnsEndpoint(r *draft, e *dnsendpoint.DNSEndpoint) {
	for i, endpoint := range e.Spec.Endpoints {
		if endpoint == nil {
			continue
		}
		r.asked = true
		x := entry{draft: r, Endpoint: endpoint, at: fmt.Sprintf("spec.endpoints[%d]", i)}
		name, err := entryName(endpoint.DNSName)
		if err != nil {
			r.problem(plan.BadHostname, "%s.dnsName: %s is left out: %v", x.at, quote(endpoint.DNSName), err)
			continue
		}
		if len(r.permit([]dns.Name{name})) == 0 {
			continue
		}
		x.name = name
		before := r.unknown
		r.unknown, r.notes = "", x.properties()
		wants := x.asks()
		if r.unknown != "" {
			r.freeze(name, r.unknown)
			wants = nil
		}
		r.unknown, r.notes = before, annotations{}
		r.enlist(x.at, wants)
	}
}

var (
	errEscape    = errors.New("it contains a backslash or control character")
	errFamily    = errors.New("it is no address of this type")
	errNoHost    = errors.New("a CNAME leads to a host name")
	errAliasOnly = errors.New("it is no address; with the property alias: \"true\" a host name makes an alias")
	errAliasType = errors.New("the property alias asks for an alias of the other type")
)

// entryName reads an owner name. It takes more than a host name: RFC 2317 has
// names with a slash.
func entryName(s string) (dns.Name, error) {
	name, err := dns.ParseName(s)
	switch {
	case err != nil && errors.Unwrap(err) != nil:
		return "", errors.Unwrap(err) // the caller quotes the value
	case err != nil:
		return "", err
	case name == dns.Root:
		return "", errRoot
	case strings.Contains(s, `\`) || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return "", errEscape
	}
	return name, nil
}

// properties returns an endpoint's identifier and properties as the annotations
// that mean the same.
func (x entry) properties() annotations {
	a := annotations{byKey: map[string]note{}}
	if x.SetIdentifier != "" {
		a.byKey[setIdentifierKey] = note{x.at + ".setIdentifier", x.SetIdentifier, true}
	}
	for _, p := range x.ProviderSpecific {
		key := strings.Replace(p.Name, "aws/", "aws-", 1)
		_, known := a.byKey[key]
		switch {
		case known || key == setIdentifierKey:
		case p.Name != key && shapesSets(key), p.Name == aliasKey, p.Name == recordTypeKey:
			a.byKey[key] = note{x.at + ".providerSpecific " + p.Name, p.Value, true}
		case shapesSets(key[strings.LastIndexByte(key, '/')+1:]):
			x.problem(plan.BadEndpoint, "%s.providerSpecific %s is not used: a property is called like aws/weight, not like an annotation", x.at, quote(p.Name))
		}
	}
	return a
}

// asks returns what an endpoint asks for.
func (x entry) asks() []plan.Want {
	typ, err := dns.ParseType(x.RecordType)
	if err != nil {
		x.giveUp(plan.BadEndpoint, "%s.recordType: %v; what stands at %s stays as it is", x.at, err, x.name.Host())
		return nil
	}
	if !typ.Registered() {
		x.giveUp(plan.BadEndpoint, "%s.recordType: %s is no type of record set; write one such as A, CNAME or MX; what stands at %s stays as it is",
			x.at, quote(x.RecordType), x.name.Host())
		return nil
	}
	x.typ = typ
	like := plan.Want{By: x.by, Set: dns.RecordSet{TTL: x.recordTTL()}}
	x.route(&like)
	like.Adopt = x.adopts()
	var wants []plan.Want
	if typ.Address() || typ == dns.CNAME {
		wants = x.pointed(like)
	} else {
		wants = x.written(like)
	}
	return append(wants, x.reverse(wants)...)
}

func (x entry) recordTTL() uint32 {
	switch {
	case x.RecordTTL <= 0:
		return x.d.ttl
	case x.RecordTTL > dns.MaxTTL:
		x.problem(plan.BadTTL, "%s.recordTTL: a TTL is at most %d seconds; %d is used", x.at, dns.MaxTTL, x.d.ttl)
		return x.d.ttl
	}
	return uint32(x.RecordTTL)
}

// pointed returns the wants of an endpoint that leads somewhere: the flags about
// targets are about it too. An alias is wanted as a CNAME.
func (x entry) pointed(like plan.Want) []plan.Want {
	var t targets
	x.each(x.at+".targets", plan.BadTarget, x.Targets, func(v string) error {
		var one targets
		err := one.parse(v)
		if err == nil {
			err = x.fits(one, &like)
		}
		if err == nil {
			t.add(one)
		}
		return err
	})
	switch {
	case len(x.Targets) == 0:
		t = x.d.defaults
	case t.empty():
		x.unknown = x.at + ".targets: no target in it can be read"
		return nil
	}
	if t, ok := x.shaped([]dns.Name{x.name}, t, x.at+" has no targets, and there are no --default-targets"); ok {
		return x.wants(like, x.name, t)
	}
	return nil
}

// fits reports why a target is none for the endpoint's type, and makes an A or
// AAAA with a host name ask for an alias.
func (x entry) fits(one targets, like *plan.Want) error {
	own := map[dns.Type]plan.AliasMode{dns.A: plan.AliasA, dns.AAAA: plan.AliasAAAA}[x.typ]
	switch {
	case x.typ == dns.CNAME && len(one.addresses) > 0:
		return errNoHost
	case x.typ == dns.CNAME:
		return nil
	case len(one.addresses) > 0 && one.addresses[0].Is4() != (x.typ == dns.A):
		return errFamily
	case len(one.addresses) > 0:
		return nil
	case like.Alias == plan.AliasAlways:
		like.Alias = own
	case like.Alias == plan.AliasAuto || like.Alias == plan.AliasNever:
		return errAliasOnly
	}
	if like.Alias != own {
		return errAliasType
	}
	return nil
}

// written returns the want of an endpoint whose values are RDATA.
func (x entry) written(like plan.Want) []plan.Want {
	var data []string
	x.each(x.at+".targets", plan.BadTarget, x.Targets, func(v string) error {
		value, err := entryValue(x.typ, v)
		if err == nil {
			data = append(data, value)
		}
		return err
	})
	switch {
	case len(x.Targets) == 0:
		x.problem(plan.NoTarget, "%s has nothing to hold: %s has no targets", x.name.Host(), x.at)
		return nil
	case len(data) == 0:
		x.unknown = x.at + ".targets: no target in it can be read"
		return nil
	case len(x.d.inside) > 0:
		x.problem(plan.NoTarget, "%s has nothing to point to: --target-net-filter lets addresses through only", x.name.Host())
		return nil
	}
	slices.Sort(data)
	if data = slices.Compact(data); x.typ == dns.DNAME && len(data) > 1 {
		x.problem(plan.TargetConflict, "%s can be a DNAME to one target only: %s is used", x.name.Host(), data[0])
		data = data[:1]
	}
	key := dns.Key{Name: x.name, Type: x.typ, SetID: like.Set.SetID}
	set, err := dns.NewRecordSet(key, like.Set.TTL, data...)
	if err != nil {
		x.giveUp(plan.BadTarget, "%v", err)
		return nil
	}
	if plan.IsClaim(set) {
		x.problem(plan.BadTarget, "%s.targets: %s is left out: the text says who owns a record set, which nobody may ask for", x.at, quote(data[0]))
		return nil
	}
	set.Routing, set.HealthCheckID = like.Set.Routing, like.Set.HealthCheckID
	like.Set = set
	return []plan.Want{like}
}

// entryValue reads one value. A TXT without quotes is one text, in pieces of 255
// octets if it must be: people write SPF and DKIM that way.
func entryValue(t dns.Type, v string) (string, error) {
	v = strings.TrimSpace(v)
	if t == dns.TXT && v != "" && !strings.HasPrefix(v, `"`) {
		var pieces []string
		for chunk := range slices.Chunk([]byte(v), 255) {
			pieces = append(pieces, string(chunk))
		}
		return dns.FormatStrings(pieces...), nil
	}
	return dns.Canonical(t, v)
}

// freeze leaves a name as it is, since what the object wants there cannot be
// told.
func (r *draft) freeze(name dns.Name, why string) {
	if r.unclear == nil {
		r.unclear = map[dns.Name]string{}
	}
	if r.unclear[name] == "" {
		r.unclear[name] = why
	}
}

// enlist adds wants to those that the object has listed.
func (r *draft) enlist(at string, wants []plan.Want) {
	for _, w := range wants {
		i := slices.IndexFunc(r.listed, func(l plan.Want) bool { return l.Set.Key == w.Set.Key })
		if i < 0 {
			r.listed = append(r.listed, w)
			continue
		}
		both, ok := joined(r.listed[i], w)
		if !ok {
			r.problem(plan.TargetConflict, "%s: %s is asked for above in another way, which is used; let one of them remain", at, w.Set.Key)
			continue
		}
		r.listed[i] = both
	}
}

// joined returns what two wants of one key make together. They unite if they
// differ in their values only, and an A and an AAAA alias are both.
func joined(a, b plan.Want) (plan.Want, bool) {
	like := b
	like.Set.Data, like.Alias = a.Set.Data, a.Alias
	half := []plan.AliasMode{plan.AliasA, plan.AliasAAAA}
	single := b.Set.Type == dns.CNAME || b.Set.Type == dns.DNAME
	switch same := slices.Equal(a.Set.Data, b.Set.Data); {
	case !like.Equal(a), single && !same:
		return a, false
	case a.Alias == b.Alias:
		data := slices.Concat(a.Set.Data, b.Set.Data)
		slices.Sort(data)
		a.Set.Data = slices.Compact(data)
		return a, true
	case slices.Contains(half, a.Alias) && slices.Contains(half, b.Alias):
		a.Alias = plan.AliasAlways
		return a, true
	}
	return a, false
}
