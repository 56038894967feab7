package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// draft gathers what one object asks for, in three steps: names, targets, and
// at last the intent. A draft that no name was asked of gives an empty intent
// without problems: annotations that would only shape record sets do not matter.
type draft struct {
	d        *Deriver
	source   string // that chooses the object
	by       plan.Object
	look     Lookup
	notes    annotations
	problems []plan.Problem
	unknown  string // why it cannot be told what the object wants; the first reason stays
	stack    plan.Stack
	adopt    string // the value of its adopt annotation

	tenancy   *tenancy // once it is known
	illegible string   // a place whose targets cannot be read, "" if there is none

	asked  bool       // a name was asked for, legible or not
	denied bool       // and one that its Namespace may not ask for
	heard  []dns.Name // those that could be read
	points map[dns.Name]*targets
	srv    map[dns.Name][]string

	listed  []plan.Want         // that the object writes down itself
	unclear map[dns.Name]string // names that stay as they are, and why
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

// cannotTell makes the intent Unknown because a lookup has no answer.
func (r *draft) cannotTell(err error) {
	r.asked = true
	if r.unknown == "" {
		r.unknown = err.Error()
	}
}

// choice reads an annotation whose value is one of a list, in any case. A value
// that is none makes the intent Unknown, and ok is false.
func (r *draft) choice(key string, values ...string) (value string, ok bool) {
	n, set := r.notes.get(key)
	if !set {
		return "", true
	}
	for _, v := range values {
		if strings.EqualFold(v, n.value) {
			return v, true
		}
	}
	r.giveUp(plan.BadAnnotation, "%s: %s is none of %s: until it is, what the object holds stays as it is",
		n.where(), quote(n.value), strings.Join(values, ", "))
	return "", false
}

// hostnames reads the names of an annotation.
func (r *draft) hostnames(key string) []dns.Name {
	n, ok := r.notes.get(key)
	if !ok {
		return nil
	}
	return r.names(n.where(), r.list(n, plan.BadHostname)...)
}

// names reads host names that stand at one place, and leaves out those that the
// object may not ask for.
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
	return r.permit(names)
}

// permit leaves out names that the object may not ask for.
func (r *draft) permit(names []dns.Name) []dns.Name {
	names, frozen := r.d.allowed(r, names)
	r.heard = append(r.heard, frozen...)
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
	t := r.elsewhere(where, values)
	if len(values) > 0 && t.empty() && r.unknown == "" {
		r.unknown = r.illegible
	}
	return t
}

// elsewhere reads the targets that stand at a place of another object, one of
// several perhaps. If none is legible that costs these alone, unless the object
// has no other.
func (r *draft) elsewhere(where string, values []string) targets {
	var t targets
	r.each(where, plan.BadTarget, r.site(&t, values), t.parse)
	if len(values) > 0 && t.empty() {
		r.illegible = fmt.Sprintf("%s: no target in it can be read", where)
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

// point asks for record sets at the names, and reports whether there are any.
// Without targets the object wants nothing there, and missing says why.
func (r *draft) point(names []dns.Name, t targets, missing string) bool {
	if len(names) == 0 {
		return false
	}
	t, ok := r.shaped(names, t, missing)
	if !ok {
		return false
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
	return true
}

// shaped returns what the flags about targets leave of those for the names, and
// whether there are any.
func (r *draft) shaped(names []dns.Name, t targets, missing string) (targets, bool) {
	if t.empty() {
		if r.unknown == "" {
			r.unknown = r.illegible
		}
		if r.unknown == "" {
			r.problem(plan.NoTarget, "%s has nothing to point to: %s", hosts(names), missing)
		}
		return t, false
	}
	if t = r.d.shape(t); t.empty() {
		r.problem(plan.NoTarget, "%s has nothing to point to: --target-net-filter and --exclude-target-net leave none of its targets", hosts(names))
		return t, false
	}
	return t, true
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
	if len(r.heard) == 0 && !r.denied && r.unknown == "" {
		r.unknown = "no host name that it asks for can be read"
	}
	like := plan.Want{By: r.by, Set: dns.RecordSet{TTL: r.ttl()}}
	r.route(&like)
	like.Adopt, like.Mate = r.adopts(), r.d.compatibility == mate && (r.source == "service" || r.source == "ingress")
	for _, name := range slices.Sorted(maps.Keys(r.points)) {
		in.Wants = append(in.Wants, r.wants(like, name, *r.points[name])...)
	}
	in.Wants = append(in.Wants, r.services(like)...)
	in.Wants = append(in.Wants, r.reverse(in.Wants)...)
	for _, w := range r.listed {
		if _, frozen := r.unclear[w.Set.Name]; !frozen {
			in.Wants = append(in.Wants, w)
		}
	}
	in.Unclear = r.unclear
	slices.SortFunc(in.Wants, func(a, b plan.Want) int { return a.Set.Key.Compare(b.Set.Key) })
	if len(r.points) > 0 && len(in.Wants) == 0 && r.unknown == "" {
		r.unknown = "no name that it asks for can point to the given target"
	}
	if r.unknown != "" {
		in.Unknown, in.Wants, in.Unclear = r.unknown, nil, nil
		in.Names = slices.AppendSeq(r.heard, maps.Keys(r.points))
		slices.Sort(in.Names)
		in.Names = slices.Compact(in.Names)
	}
	in.Problems = slices.Clone(r.notes.differs)
	for _, p := range r.problems {
		if !slices.Contains(in.Problems, p) {
			in.Problems = append(in.Problems, p)
		}
	}
	return in
}

func (r *draft) ttl() uint32 {
	n, ok := r.notes.get(ttlKey)
	if !ok {
		return r.d.ttl
	}
	ttl, err := parseTTL(n.value)
	if err != nil {
		r.problem(plan.BadTTL, "%s: %s: %v; %d is used", n.where(), quote(n.value), err, r.d.ttl)
		return r.d.ttl
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
