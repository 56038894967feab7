package controller

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// index holds the intent of every object, by object and by owner name. Objects
// are known by their resource label.
type index struct {
	held     map[string][]dns.Name          // by object: the names that it wants, or held when it became unknown
	unknowns map[string]string              // why, by object
	wants    map[dns.Name][]plan.Want       // in the order of the objects' labels; a slice in it never changes
	frozen   map[dns.Name]map[string]string // why, by the object that held the name
}

func newIndex() *index {
	return &index{
		held:     map[string][]dns.Name{},
		unknowns: map[string]string{},
		wants:    map[dns.Name][]plan.Want{},
		frozen:   map[dns.Name]map[string]string{},
	}
}

// set replaces an object's intent and returns the names at which this changes
// anything. An object that becomes unknown keeps the names that it held, and
// those that it asks for, frozen.
func (x *index) set(in plan.Intent) []dns.Name {
	id := in.By.Resource()
	before := map[dns.Name]part{}
	for _, n := range x.held[id] {
		before[n] = x.part(n, id)
	}
	touched := slices.Clone(x.replace(id, in)) // of the index itself nothing may be deleted
	return slices.DeleteFunc(touched, func(n dns.Name) bool { return x.part(n, id).equal(before[n]) })
}

// part is what one object has to say about one name.
type part struct {
	wants  []plan.Want
	frozen string
}

func (x *index) part(n dns.Name, id string) part {
	p := part{frozen: x.frozen[n][id]}
	for _, w := range x.wants[n] {
		if w.By.Resource() == id {
			p.wants = append(p.wants, w)
		}
	}
	return p
}

func (p part) equal(o part) bool {
	return p.frozen == o.frozen && slices.EqualFunc(p.wants, o.wants, plan.Want.Equal)
}

// replace does as set, and returns all names that the object has to do with.
func (x *index) replace(id string, in plan.Intent) []dns.Name {
	touched := x.remove(id)
	if in.Unknown != "" {
		x.unknowns[id] = in.Unknown
		touched = unite(touched, in.Names)
		x.held[id] = touched
		for _, n := range touched {
			put(x.frozen, n, id, in.Unknown)
		}
		return touched
	}
	var names []dns.Name
	for _, w := range in.Wants {
		names = append(names, w.Set.Name)
	}
	for n, why := range in.Unclear {
		names = append(names, n)
		put(x.frozen, n, id, why)
	}
	if names = unite(nil, names); len(names) > 0 {
		x.held[id] = names
	}
	for _, n := range names {
		if in.Unclear[n] != "" {
			continue
		}
		x.wants[n] = x.joined(n, id, in.Wants)
	}
	return unite(touched, names)
}

// remove forgets an object and returns the names that this touches.
func (x *index) remove(id string) []dns.Name {
	names := x.held[id]
	delete(x.held, id)
	delete(x.unknowns, id)
	for _, n := range names {
		others := slices.DeleteFunc(slices.Clone(x.wants[n]), func(w plan.Want) bool { return w.By.Resource() == id })
		if len(others) == 0 {
			delete(x.wants, n)
		} else {
			x.wants[n] = slices.Clip(others)
		}
		drop(x.frozen, n, id)
	}
	return names
}

func put[V any](m map[dns.Name]map[string]V, n dns.Name, id string, v V) {
	if m[n] == nil {
		m[n] = map[string]V{}
	}
	m[n][id] = v
}

func drop[V any](m map[dns.Name]map[string]V, n dns.Name, id string) {
	delete(m[n], id)
	if len(m[n]) == 0 {
		delete(m, n)
	}
}

func unite(a, b []dns.Name) []dns.Name {
	all := append(slices.Clone(a), b...)
	slices.SortFunc(all, dns.Name.Compare)
	return slices.Compact(all)
}

// at returns what is wanted at a name, in the order of the objects' labels. The
// caller must not change it.
func (x *index) at(n dns.Name) []plan.Want { return x.wants[n] }

// joined returns what is wanted at a name when an object's wants join the others.
func (x *index) joined(n dns.Name, id string, wants []plan.Want) []plan.Want {
	old := x.wants[n]
	after, _ := slices.BinarySearchFunc(old, id, func(w plan.Want, id string) int { return cmp.Compare(w.By.Resource(), id) })
	out := make([]plan.Want, after, len(old)+1)
	copy(out, old)
	for _, w := range wants {
		if w.Set.Name == n {
			out = append(out, w)
		}
	}
	return append(out, old[after:]...)
}

// frozenAt returns why a name must stay as it is, "" if it need not.
func (x *index) frozenAt(n dns.Name) string {
	for _, id := range slices.Sorted(maps.Keys(x.frozen[n])) {
		return id + ": " + x.frozen[n][id]
	}
	return ""
}

// unknown returns why it is unknown what an object wants, "" if it is known. A
// label that was shortened to fit its claim may name any object that begins
// alike, and no label any object at all.
func (x *index) unknown(label string) string {
	if why := x.unknowns[label]; why != "" {
		return label + ": " + why
	}
	begin, _, short := strings.Cut(label, "~") // names of objects have no tilde
	if label != "" && !short {
		return ""
	}
	for _, id := range slices.Sorted(maps.Keys(x.unknowns)) {
		if strings.HasPrefix(id, begin) {
			return id + ": " + x.unknowns[id]
		}
	}
	return ""
}

// names returns every name that is wanted.
func (x *index) names() iter.Seq[dns.Name] { return maps.Keys(x.wants) }
