package source

import (
	"fmt"
	"maps"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// draft gathers what one object asks for, in three steps: names, targets, and
// at last the intent. A draft that no name was asked of gives an empty intent
// without problems: annotations that would only shape record sets do not matter.
type draft struct {
	by       plan.Object
	look     Lookup
	notes    annotations
	problems []plan.Problem
	unknown  string // why it cannot be told what the object wants; the first reason stays
	stack    plan.Stack
	adopt    string // the value of its adopt annotation

	asked  bool       // a name was asked for, legible or not
	heard  []dns.Name // and these could be read
	points map[dns.Name]*targets
}

func (r *draft) problem(reason plan.Reason, format string, args ...any) {
	r.problems = append(r.problems, problem(reason, format, args...))
}

// giveUp makes the intent Unknown and tells the user why.
func (r *draft) giveUp(reason plan.Reason, format string, args ...any) {
	p := problem(reason, format, args...)
	r.problems = append(r.problems, p)
	if r.unknown == "" {
		r.unknown = p.Message
	}
}

// hostnames reads the names of an annotation.
func (r *draft) hostnames(key string) []dns.Name {
	n, ok := r.notes.get(key)
	if !ok {
		return nil
	}
	return r.names(n.where(), r.list(n, plan.BadHostname)...)
}

// names reads host names that stand at one place.
func (r *draft) names(where string, values ...string) []dns.Name {
	r.asked = true
	var names []dns.Name
	r.each(where, plan.BadHostname, values, func(v string) error {
		name, err := parseHost(v)
		if err == nil {
			names = append(names, name)
		}
		return err
	})
	r.heard = append(r.heard, names...)
	return names
}

// override returns the targets of the target annotation, and whether there is
// one.
func (r *draft) override() (targets, bool) {
	n, ok := r.notes.get(targetKey)
	if !ok {
		return targets{}, false
	}
	r.stack = plan.StackUnknown // it is another target's
	members := r.list(n, plan.BadTarget)
	if len(members) == 0 {
		r.unknown = n.where() + ": there is no target in it"
	}
	return r.targets(n.where(), members), true
}

// targets reads the targets that stand at one place. If there are some and none
// is legible, then it is unknown what the object wants.
func (r *draft) targets(where string, values []string) targets {
	var t targets
	r.each(where, plan.BadTarget, values, t.parse)
	if len(values) > 0 && t.empty() && r.unknown == "" {
		r.unknown = fmt.Sprintf("%s: no target in it can be read", where)
	}
	return t
}

// list splits an annotation's value.
func (r *draft) list(n note, reason plan.Reason) []string {
	members, joined, empty := splitList(n.value)
	if empty > 0 {
		r.problem(reason, "%s: %d empty in %s: check its commas", n.where(), empty, quote(n.value))
	}
	if len(joined) > 0 {
		r.problem(reason, "%s: %s is read without its spaces: separate entries by commas", n.where(), quote(joined[0]))
	}
	return members
}

// maxTold bounds the problems that one place may cause.
const maxTold = 5

// each hands every value to take and makes problems of the errors.
func (r *draft) each(where string, reason plan.Reason, values []string, take func(string) error) {
	bad := 0
	for _, v := range values {
		err := take(v)
		if err == nil {
			continue
		}
		if bad++; bad <= maxTold {
			r.problem(reason, "%s: %s is left out: %v", where, quote(v), err)
		}
	}
	if bad > maxTold {
		r.problem(reason, "%s: %d more are left out for such reasons", where, bad-maxTold)
	}
}

// point asks for record sets at the names. Without targets the object wants
// nothing there, and missing says why.
func (r *draft) point(names []dns.Name, t targets, missing string) {
	if len(names) == 0 {
		return
	}
	if t.empty() {
		if r.unknown == "" {
			r.problem(plan.NoTarget, "%s has nothing to point to: %s", hosts(names), missing)
		}
		return
	}
	if r.points == nil {
		r.points = map[dns.Name]*targets{}
	}
	for _, name := range names {
		if r.points[name] == nil {
			r.points[name] = &targets{}
		}
		r.points[name].add(t)
	}
}

func hosts(names []dns.Name) string {
	text := names[0].Host()
	if more := len(names) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// intent completes the draft.
func (r *draft) intent() plan.Intent {
	in := plan.Intent{By: r.by}
	if !r.asked {
		return in
	}
	if len(r.heard) == 0 && r.unknown == "" {
		r.unknown = "no host name that it asks for can be read"
	}
	like := plan.Want{By: r.by, Set: dns.RecordSet{TTL: r.ttl()}}
	r.route(&like)
	like.Adopt = r.adopts()
	for _, name := range slices.Sorted(maps.Keys(r.points)) {
		in.Wants = append(in.Wants, r.wants(like, name, *r.points[name])...)
	}
	slices.SortFunc(in.Wants, func(a, b plan.Want) int { return a.Set.Key.Compare(b.Set.Key) })
	if len(r.points) > 0 && len(in.Wants) == 0 && r.unknown == "" {
		r.unknown = "no name that it asks for can point to the given target"
	}
	if r.unknown != "" {
		in.Unknown, in.Wants = r.unknown, nil
		in.Names = slices.AppendSeq(r.heard, maps.Keys(r.points))
		slices.Sort(in.Names)
		in.Names = slices.Compact(in.Names)
	}
	in.Problems = append(slices.Clone(r.notes.differs), r.problems...)
	return in
}

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
		set, err := dns.NewRecordSet(dns.Key{Name: name, Type: typ, SetID: like.Set.SetID}, like.Set.TTL, data...)
		if err != nil {
			r.giveUp(plan.BadTarget, "%v", err)
			continue
		}
		set.Routing, set.HealthCheckID = like.Set.Routing, like.Set.HealthCheckID
		want := like
		want.Set = set
		wants = append(wants, want)
	}
	return wants
}

func (r *draft) ttl() uint32 {
	n, ok := r.notes.get(ttlKey)
	if !ok {
		return DefaultTTL
	}
	ttl, err := parseTTL(n.value)
	if err != nil {
		r.problem(plan.BadTTL, "%s: %s: %v; %d is used", n.where(), quote(n.value), err, DefaultTTL)
		return DefaultTTL
	}
	return ttl
}

// adopts reports whether the object takes over what stands as it wants it.
func (r *draft) adopts() bool {
	switch r.adopt {
	case "true":
		return true
	case "", "false":
		return false
	}
	r.problem(plan.BadAnnotation, "annotation %s: %s is not used: write \"true\" or \"false\"", adoptAnnotation, quote(r.adopt))
	return false
}
