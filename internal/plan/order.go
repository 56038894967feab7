package plan

import (
	"cmp"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
)

// arrange sorts the changes of a group: deletions, updates, creations and
// assertions, each by key, but that the target of an alias is made before the
// alias and removed after it.
func arrange(zone dns.Zone, changes []dns.Change) dns.Group {
	actions := []dns.Action{dns.Delete, dns.Update, dns.Create, dns.Assert}
	slices.SortFunc(changes, func(a, b dns.Change) int {
		return cmp.Or(cmp.Compare(slices.Index(actions, a.Action()), slices.Index(actions, b.Action())), a.Key().Compare(b.Key()))
	})
	singles := make([]dns.Group, len(changes))
	for i := range changes {
		singles[i] = changes[i : i+1]
	}
	var out dns.Group
	for _, single := range orderGroups(zone, singles) {
		out = append(out, single...)
	}
	return out
}

// orderGroups puts each group behind those that it depends on: what makes the
// target of an alias, and what removes the alias to a target that goes. They
// keep their order otherwise, and so do those that depend on each other in a
// circle.
func orderGroups(zone dns.Zone, groups []dns.Group) []dns.Group {
	before := dependencies(zone, groups)
	if before == nil {
		return groups
	}
	out := make([]dns.Group, 0, len(groups))
	seen := make([]bool, len(groups))
	var visit func(int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, j := range before[i] {
			visit(j)
		}
		out = append(out, groups[i])
	}
	for i := range groups {
		visit(i)
	}
	return out
}

// dependencies returns for each group which others must precede it; nil if none
// must.
func dependencies(zone dns.Zone, groups []dns.Group) map[int][]int {
	var aliases []int // groups with aliases inside the zone
	for i, g := range groups {
		if slices.ContainsFunc(g, func(c dns.Change) bool { return inside(zone, c.Old) || inside(zone, c.New) }) {
			aliases = append(aliases, i)
		}
	}
	if aliases == nil {
		return nil
	}
	makes, drops := map[dns.Key]int{}, map[dns.Key]int{} // without identifiers: an alias may point to routed sets
	for i, g := range groups {
		for _, c := range g {
			key := dns.Key{Name: c.Key().Name, Type: c.Key().Type}
			switch c.Action() {
			case dns.Create:
				makes[key] = i
			case dns.Delete:
				drops[key] = i
			}
		}
	}
	before := map[int][]int{}
	for _, i := range aliases {
		for _, c := range groups[i] {
			if inside(zone, c.New) {
				if j, ok := makes[target(c.New)]; ok && j != i {
					before[i] = append(before[i], j)
				}
			}
			if inside(zone, c.Old) {
				if j, ok := drops[target(c.Old)]; ok && j != i {
					before[j] = append(before[j], i)
				}
			}
		}
	}
	return before
}

// inside reports whether a set is an alias to a set of its own zone.
func inside(zone dns.Zone, set *dns.RecordSet) bool {
	return set != nil && set.Alias != nil && set.Alias.Zone == zone.ID
}

func target(alias *dns.RecordSet) dns.Key { return dns.Key{Name: alias.Alias.Target, Type: alias.Type} }
