package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// place is a name in a zone.
type place struct{ zone, name string }

// listed is a host name as Route 53 lists it.
func listed(host string) string { return strings.ReplaceAll(host, "*", `\052`) + "." }

// zonesOf returns the zones that hold a host: of the public ones the nearest above it, and so of the private ones.
func (w *world) zonesOf(host string) []*zone {
	best := map[bool]*zone{}
	for _, z := range w.zones {
		if host+"." != z.apex && !strings.HasSuffix(host+".", "."+z.apex) {
			continue
		}
		if b := best[z.private]; b == nil || len(z.apex) > len(b.apex) {
			best[z.private] = z
		}
	}
	return slices.Collect(maps.Values(best))
}

// asked returns who asks for what, as of now in the API server.
func (w *world) asked() map[place][]*object {
	all := map[place][]*object{}
	for _, resource := range slices.Sorted(maps.Keys(w.objects)) {
		o := w.objects[resource]
		for _, h := range o.hosts {
			for _, z := range w.zonesOf(h) {
				if p := (place{z.id, listed(h)}); len(o.sets(z, listed(h))) > 0 {
					all[p] = append(all[p], o)
				}
			}
		}
	}
	return all
}

// content is a record set without its name: a TTL and values, or the target of an alias.
type content struct {
	ttl    int64
	values []string
	alias  string
}

func (c content) String() string { return fmt.Sprintf("%d %v %s", c.ttl, c.values, c.alias) }

func (c content) equal(d content) bool {
	return c.ttl == d.ttl && c.alias == d.alias && slices.Equal(c.values, d.values)
}

// impossible reports whether an object asks for a CNAME at an apex, where none can stand (RFC 1034 section 3.6.2). It keeps
// others away from the name all the same, if it is older than they are.
func (o *object) impossible(z *zone, name string) bool {
	return name == z.apex && o.wish.target != "" && !o.wish.alias()
}

// sets returns what an object asks for at a name of a zone, by type.
func (o *object) sets(z *zone, name string) map[string]content {
	ttl := int64(300)
	if o.ttl > 0 {
		ttl = int64(o.ttl)
	}
	all := map[string]content{}
	switch {
	case o.wish.alias():
		all["A"] = content{alias: loadBalancerZone + " " + o.wish.target + ". true"}
		all["AAAA"] = all["A"]
	case o.wish.target != "":
		if name != z.apex {
			all["CNAME"] = content{ttl: ttl, values: []string{o.wish.target}}
		}
	default:
		if len(o.wish.v4) > 0 {
			all["A"] = content{ttl: ttl, values: slices.Sorted(slices.Values(o.wish.v4))}
		}
		if len(o.wish.v6) > 0 {
			all["AAAA"] = content{ttl: ttl, values: slices.Sorted(slices.Values(o.wish.v6))}
		}
	}
	return all
}

// stands returns what is ours at a name, by type, and who is named as having asked for it.
func (z *zone) stands(in contents, name string) (map[string]content, map[string]string) {
	sets, named := map[string]content{}, map[string]string{}
	for _, typ := range []string{"A", "AAAA", "CNAME"} {
		s, ok := in[key{name, typ, ""}]
		of, resource := z.ownerOf(in, key{name, typ, ""})
		if !ok || of != owner {
			continue
		}
		sets[typ], named[typ] = contentOf(s), resource
	}
	return sets, named
}

func contentOf(s emulator.RecordSet) content {
	if s.Alias != nil {
		return content{alias: fmt.Sprintf("%s %s %t", s.Alias.HostedZoneID, s.Alias.DNSName, s.Alias.EvaluateTargetHealth)}
	}
	c := content{ttl: s.TTL}
	for _, v := range s.Values {
		c.values = append(c.values, strings.TrimSuffix(v, "."))
	}
	slices.Sort(c.values)
	return c
}

// obstructed reports whether what stands at a name, or where the claims of its sets belong, may keep out what is asked for there:
// anything that is not ours, a TXT (a claim of another name perhaps) that excludes a CNAME, a CNAME that excludes a claim, a claim in the
// place that claims something else.
func (z *zone) obstructed(name string) bool {
	for _, typ := range []string{"A", "AAAA", "CNAME"} {
		at := z.claimAt(key{name, typ, ""})
		s, stands := z.now()[at]
		of, _, _ := claim(s)
		if _, cname := z.now()[key{at.name, "CNAME", ""}]; cname || stands && of != owner {
			return true
		}
		for k := range z.now() {
			if k.name == at.name && k != at && z.oldClaim(z.now(), k) {
				return true
			}
		}
	}
	for k := range z.now() {
		if of, _ := z.ownerOf(z.now(), k); k.name == name && of != owner && !z.own(k) {
			return true
		}
	}
	return false
}

// own reports whether a set is the zone's own.
func (z *zone) own(k key) bool { return k.name == z.apex && (k.typ == "NS" || k.typ == "SOA") }

// judgement compares a zone with what the objects ask for, as of now. It knows these rules and no history:
//
//   - at a name that nobody asks for nothing of ours stands;
//   - at a name that somebody asks for, and that nothing foreign obstructs, one of those who ask has all that he asks for, unless two
//     who agreed before hold a part each;
//   - every set there is what somebody asks for, or holds the addresses of several, who are of one kind;
//   - Services that ask for addresses all have theirs;
//   - the claim of a set names somebody who asks for it;
//   - no claim of ours stands without its set, unless it waits for one that is asked for.
func (w *world) judgement() []string {
	var wrong []string
	asked := w.asked()
	if w.farm != nil {
		w.farm.ask(asked)
	}
	for _, z := range w.zones {
		names := map[string]bool{}
		for k, s := range z.now() {
			if of, _, ok := claim(s); ok && of == owner {
				if !z.used(k, asked) {
					wrong = append(wrong, fmt.Sprintf("%s: %s is a claim without its set: %s", z, k, text(s)))
				}
			} else {
				names[k.name] = true
			}
		}
		for p := range asked {
			if p.zone == z.id {
				names[p.name] = true
			}
		}
		for name := range names {
			if why := w.judge(z, name, asked[place{z.id, name}]); why != "" {
				have, named := z.stands(z.now(), name)
				wrong = append(wrong, fmt.Sprintf("%s: %s: %s; have %v of %v", z, name, why, have, named))
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

// used reports whether a claim stands where the claim of a set does that stands, or is asked for. One that lies at the very name of a
// set is that set's: by the name of another that is gone it would be nobody's, but what stands settles how it is read.
func (z *zone) used(at key, asked map[place][]*object) bool {
	for _, typ := range []string{"A", "AAAA", "CNAME"} {
		mark := strings.ToLower(typ)
		name, ok := strings.CutPrefix(at.name, mark+"-")
		if at.name == "_signpost-"+mark+"."+z.apex {
			name, ok = z.apex, true
		}
		if _, stands := z.now()[key{name, typ, at.id}]; ok && (stands || len(asked[place{z.id, name}]) > 0) {
			return true
		}
		if _, stands := z.now()[key{at.name, typ, at.id}]; stands {
			return true
		}
	}
	return false
}

func (w *world) judge(z *zone, name string, by []*object) string {
	have, named := z.stands(z.now(), name)
	switch {
	case z.obstructed(name), w.spoilt(z, name):
		return "" // what stands there, and whether it is touched, is watched with every call
	case len(by) == 0 && len(have) > 0:
		return "nobody asks for it"
	case len(by) == 0:
		return ""
	}
	satisfied, allAddresses := false, true
	for _, o := range by {
		satisfied = satisfied || o.satisfied(z, name, have)
		allAddresses = allAddresses && !o.ingress && o.wish.target == ""
	}
	if !satisfied && !divided(z, name, named, by) {
		return "nobody who asks for it has what he asks for: " + words(by)
	}
	for typ, c := range have {
		if why := explain(z, name, typ, c, named[typ], by); why != "" {
			return why
		}
	}
	if allAddresses {
		for _, o := range by {
			if !o.satisfied(z, name, have) {
				return "it lacks addresses of " + o.resource() + ": " + words(by)
			}
		}
	}
	return ""
}

// divided reports whether what stands at a name was asked for by objects that contradict each other. Each keeps what it holds from the
// time when they agreed, and gets nothing new.
func divided(z *zone, name string, named map[string]string, by []*object) bool {
	holds := func(o *object) bool { return slices.Contains(slices.Collect(maps.Values(named)), o.resource()) }
	for _, a := range by {
		for _, b := range by {
			if a != b && holds(a) && holds(b) && a.contradicts(b, z, name) {
				return true
			}
		}
	}
	return false
}

// contradicts reports whether two objects ask for different things of a type, and the two do not unite.
func (o *object) contradicts(p *object, z *zone, name string) bool {
	others := p.sets(z, name)
	for typ, c := range o.sets(z, name) {
		d, both := others[typ]
		unites := c.alias+d.alias == "" && typ != "CNAME" && o.ingress == p.ingress && (!o.ingress || c.ttl == d.ttl)
		if both && !c.equal(d) && !unites {
			return true
		}
	}
	return false
}

// spoilt reports whether somebody asks for what cannot be at a name.
func (w *world) spoilt(z *zone, name string) bool {
	for _, o := range w.objects {
		if o.impossible(z, name) && slices.ContainsFunc(o.hosts, func(h string) bool { return listed(h) == name }) {
			return true
		}
	}
	return false
}

func words(by []*object) string {
	var all []string
	for _, o := range by {
		all = append(all, fmt.Sprintf("%s %+v ttl %d", o.resource(), o.wish, o.ttl))
	}
	return strings.Join(all, "; ")
}

// satisfied reports whether all that an object asks for at a name is there, with the addresses of others perhaps.
func (o *object) satisfied(z *zone, name string, have map[string]content) bool {
	for typ, want := range o.sets(z, name) {
		got, ok := have[typ]
		if !ok || got.alias != want.alias {
			return false
		}
		for _, v := range want.values {
			if !slices.Contains(got.values, v) {
				return false
			}
		}
	}
	return true
}

// explain returns why a set is not what those who ask for its name can have asked for.
func explain(z *zone, name, typ string, have content, named string, by []*object) string {
	asked, isNamed := false, false
	for _, ingress := range []bool{false, true} {
		var values []string
		ttl := false
		for _, o := range by {
			want, ok := o.sets(z, name)[typ]
			if !ok {
				continue
			}
			isNamed = isNamed || o.resource() == named
			asked = asked || want.equal(have)
			if o.ingress == ingress && want.alias == have.alias && subset(want.values, have.values) {
				values = append(values, want.values...)
				ttl = ttl || want.ttl == have.ttl
			}
		}
		slices.Sort(values)
		asked = asked || ttl && slices.Equal(slices.Compact(values), have.values)
	}
	switch {
	case !asked:
		return fmt.Sprintf("its %s is %v, which nobody asks for: %s", typ, have, words(by))
	case !isNamed:
		return fmt.Sprintf("the claim of its %s names %s, which does not ask for it: %s", typ, named, words(by))
	}
	return ""
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(v string) bool { return !slices.Contains(b, v) })
}
