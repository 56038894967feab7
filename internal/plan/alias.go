package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// pinned returns the wants without those that are for another zone alone.
func (in Input) pinned() func(dns.Name) []Want {
	all, id := in.Wants, in.Zone.ID
	elsewhere := func(w Want) bool { return w.Zone != "" && w.Zone != id }
	return func(n dns.Name) []Want {
		wants := all(n)
		if !slices.ContainsFunc(wants, elsewhere) {
			return wants
		}
		return slices.DeleteFunc(slices.Clone(wants), elsewhere)
	}
}

// resolve turns a want into the record sets that the provider shall hold (see
// [Rules.resolve]). An alias inside the zone is made of those types only that
// its target has: the service refuses an alias to nothing.
func (p *planner) resolve(w Want) ([]dns.RecordSet, *Refusal) {
	sets, refusal := p.Rules.resolve(p.Zone, w)
	if len(sets) < 2 || !inside(p.Zone, &sets[0]) {
		return sets, refusal
	}
	there := slices.DeleteFunc(slices.Clone(sets), func(s dns.RecordSet) bool { return !p.comes(target(&s)) })
	if len(there) == 0 {
		return sets, refusal
	}
	return there, refusal
}

// comes reports whether a set of this name and type stands or is asked for.
func (p *planner) comes(key dns.Key) bool {
	same := func(s dns.RecordSet) bool { return s.Type == key.Type }
	return slices.ContainsFunc(p.Sets(key.Name), same) || slices.ContainsFunc(p.Wants(key.Name), func(w Want) bool {
		sets, _ := p.Rules.resolve(p.Zone, w)
		return slices.ContainsFunc(sets, same)
	})
}

// resolve turns a want into the record sets that the provider shall hold, of
// managed types only: a CNAME to a host name that the provider can alias
// becomes an A and an AAAA alias.
func (r Rules) resolve(zone dns.Zone, w Want) ([]dns.RecordSet, *Refusal) {
	refuse := func(format string, args ...any) ([]dns.RecordSet, *Refusal) {
		return nil, &Refusal{Key: w.Set.Key, Objects: []Object{w.By}, Reason: NotSupported, Message: fmt.Sprintf(format, args...)}
	}
	sets := []dns.RecordSet{w.Set}
	if w.Set.Type == dns.CNAME && w.Set.Alias == nil {
		if len(w.Set.Data) != 1 {
			return refuse("a CNAME has one target, and there are %d: %s", len(w.Set.Data), strings.Join(w.Set.Data, ", "))
		}
		if types := r.aliasTypes(zone, w); len(types) > 0 {
			to, ok := r.aliasZone(zone, w)
			if !ok {
				return refuse("an alias to %s wants the hosted zone in which that lies: it is no host name of a cloud that is known, and not in %s; "+
					"name it with the annotation aws-target-hosted-zone, or ask for no alias", dns.Name(w.Set.Data[0]).Host(), zone.Name.Host())
			}
			if why := barred(zone, w, to); why != "" {
				return refuse("%s; ask for a CNAME with the annotation alias: \"false\"", why)
			}
			if to.IPv4Only && w.Alias != AliasAAAA {
				types = []dns.Type{dns.A}
			}
			sets = r.aliases(w, to, types)
		}
	}
	sets = slices.DeleteFunc(sets, func(s dns.RecordSet) bool { return !r.managed(s.Type) })
	switch {
	case len(sets) == 0:
	case w.Set.Routing != nil && !r.Traits.Routing:
		return refuse("this DNS service has no %s routing", w.Set.Routing.Policy())
	case w.Set.Routing != nil && w.Set.SetID == "":
		return refuse("%s routing wants an identifier that tells the sets of the name apart: add the annotation set-identifier", w.Set.Routing.Policy())
	case w.Set.Routing == nil && w.Set.SetID != "":
		return refuse("a set identifier goes with a routing policy only: add one, such as the annotation aws-weight, or leave the identifier out")
	}
	return sets, nil
}

// aliasTypes returns the types of alias that a CNAME shall become, none if it
// shall stay one.
func (r Rules) aliasTypes(zone dns.Zone, w Want) []dns.Type {
	switch {
	case r.Traits.Aliases == nil, w.Alias == AliasNever, w.Alias == AliasAuto && !r.unasked(zone, w):
		return nil
	case w.Alias == AliasA:
		return []dns.Type{dns.A}
	case w.Alias == AliasAAAA:
		return []dns.Type{dns.AAAA}
	case r.AliasByStack && w.Stack == StackIPv4:
		return []dns.Type{dns.A}
	}
	return []dns.Type{dns.A, dns.AAAA}
}

// unasked reports whether a CNAME whose object does not say becomes an alias.
func (r Rules) unasked(zone dns.Zone, w Want) bool {
	to, ok := r.Traits.AliasZone(dns.Name(w.Set.Data[0]))
	if ok = ok && !to.OnDemand && !r.PreferCNAME; r.PreferAlias {
		to, ok = r.aliasZone(zone, w)
	}
	return ok && barred(zone, w, to) == ""
}

// barred returns why a zone has no alias to a target.
func barred(zone dns.Zone, w Want, to dns.AliasZone) string {
	at := dns.Name(w.Set.Data[0])
	switch {
	case to.PublicOnly && zone.Private:
		return "a private zone has no alias to " + at.Host()
	case to.Target != "" && at != to.Target && at != w.Set.Name+to.Target:
		return fmt.Sprintf("%s is found by the name that was asked for: only %s%s answers for it", at.Host(), w.Set.Name, to.Target.Host())
	}
	return ""
}

// aliasZone returns the hosted zone of an alias's target: the one that the
// object names, that of the cloud's own host names, or the zone itself.
func (r Rules) aliasZone(zone dns.Zone, w Want) (dns.AliasZone, bool) {
	at := dns.Name(w.Set.Data[0])
	known, ok := r.Traits.AliasZone(at)
	switch {
	case w.AliasZone != "":
		known.ID = w.AliasZone
		return known, true
	case ok:
		return known, true
	}
	return dns.AliasZone{ID: zone.ID}, zone.Name == "" || at.Within(zone.Name)
}

func (r Rules) aliases(w Want, to dns.AliasZone, types []dns.Type) []dns.RecordSet {
	health := r.EvaluateHealth
	if w.EvaluateHealth != nil {
		health = *w.EvaluateHealth
	}
	target := dns.Name(w.Set.Data[0])
	if to.Target != "" {
		target = to.Target
	}
	var sets []dns.RecordSet
	for _, t := range types {
		set := w.Set
		set.Type, set.TTL, set.Data = t, 0, nil
		set.Alias = &dns.Alias{Zone: to.ID, Target: target, EvaluateHealth: health && !to.NoHealth}
		sets = append(sets, set)
	}
	return sets
}
