package controller

import (
	"iter"
	"maps"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// index holds the intent of every object, by object and by owner name. Objects
// are known by their resource label.
type index struct {
	objects map[string]entry
	wants   map[dns.Name]map[string][]plan.Want
	frozen  map[dns.Name]map[string]string // why, by the object that held the name
}

// entry is what the index keeps of one object.
type entry struct {
	by       plan.Object
	names    []dns.Name // sorted: those that it wants, or held when it became unknown
	problems []plan.Problem
	unknown  string
}

func newIndex() *index {
	return &index{
		objects: map[string]entry{},
		wants:   map[dns.Name]map[string][]plan.Want{},
		frozen:  map[dns.Name]map[string]string{},
	}
}

// set replaces an object's intent and returns the names that this touches. An
// object that becomes unknown keeps the names that it held, frozen.
func (x *index) set(in plan.Intent) []dns.Name {
	id := in.By.Resource()
	touched := x.remove(id)
	e := entry{by: in.By, problems: in.Problems, unknown: in.Unknown}
	if in.Unknown != "" {
		e.names = touched
		for _, n := range touched {
			put(x.frozen, n, id, in.Unknown)
		}
	} else {
		for _, w := range in.Wants {
			put(x.wants, w.Set.Name, id, append(x.wants[w.Set.Name][id], w))
			e.names = append(e.names, w.Set.Name)
		}
		slices.SortFunc(e.names, dns.Name.Compare)
		e.names = slices.Compact(e.names)
	}
	x.objects[id] = e
	return unite(touched, e.names)
}

// remove forgets an object and returns the names that this touches.
func (x *index) remove(id string) []dns.Name {
	e, ok := x.objects[id]
	if !ok {
		return nil
	}
	delete(x.objects, id)
	for _, n := range e.names {
		drop(x.wants, n, id)
		drop(x.frozen, n, id)
	}
	return e.names
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

// at returns what is wanted at a name, in the order of the objects' labels.
func (x *index) at(n dns.Name) []plan.Want {
	byObject := x.wants[n]
	if len(byObject) == 0 {
		return nil
	}
	var out []plan.Want
	for _, id := range slices.Sorted(maps.Keys(byObject)) {
		out = append(out, byObject[id]...)
	}
	return out
}

// frozenAt returns why a name must stay as it is, "" if it need not.
func (x *index) frozenAt(n dns.Name) string {
	for _, id := range slices.Sorted(maps.Keys(x.frozen[n])) {
		return id + ": " + x.frozen[n][id]
	}
	return ""
}

// unknown returns why an object's intent could not be told, "" if it could.
func (x *index) unknown(id string) string { return x.objects[id].unknown }

// names returns every name that is wanted.
func (x *index) names() iter.Seq[dns.Name] { return maps.Keys(x.wants) }
