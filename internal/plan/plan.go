// Package plan decides what to change so that a zone holds what objects want.
//
// It is pure: no I/O, clock, logger or metrics; the same input in any order
// gives the same plan. The unit is the owner name with all its types,
// identifiers and claims; a zone's plan is the plans of its names put together,
// so that one function serves a single changed name and a whole zone. It may
// import dns and claim.
//
// What holds for every plan:
//
//   - a record set is changed or deleted only if its claim is ours, and never
//     without that claim in the same group;
//   - no record set is created without a claim in the same group;
//   - what is unknown is left as it is;
//   - what is not done, and would have been wanted, is a [Refusal].
//
// One example, a zone with nothing of ours and one Service that asks for www:
//
//	p := plan.Compute(rules, plan.Input{Zone: zone, Wants: wants, Sets: sets, Names: names})
//	// p.Groups: [[CREATE a-www TXT "heritage=...", CREATE www A 192.0.2.1]]
package plan

import (
	"cmp"
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

// Policy says which changes a plan may hold.
type Policy string

const (
	// Sync creates, updates and deletes.
	Sync Policy = "sync"
	// UpsertOnly creates and updates. A set that stands in the way of its own
	// successor (a CNAME that gives way to an A) is part of that update.
	UpsertOnly Policy = "upsert-only"
	// CreateOnly only creates.
	CreateOnly Policy = "create-only"
)

// Rules is what stays the same from plan to plan.
type Rules struct {
	Owner  string
	Claims *claim.Naming // nil: no ownership is kept (--registry=noop), and nothing is deleted
	Policy Policy
	Types  []dns.Type // managed; sets of other types are neither wanted nor touched
	Filter dns.Filter // names outside are neither wanted nor touched
	Traits dns.Traits

	PreferCNAME    bool // leave a CNAME to a cloud's host name as it is
	EvaluateHealth bool // the default for aliases
}

// Input is what is known of one zone.
type Input struct {
	Zone  dns.Zone
	Names []dns.Name // the owner names to plan; see [Names] for all of a zone
	Wants func(dns.Name) []Want
	Sets  func(dns.Name) []dns.RecordSet // all sets that the zone holds at a name

	// Hold returns why nothing may be concluded from the absence of an object,
	// by its resource label ("" for claims without one): its source is not
	// synced, or its intent is unknown. "" means that absence is certain. Nil
	// means that it always is.
	Hold func(resource string) string
	// Frozen returns why a name must stay as it is, "" if it need not. May be nil.
	Frozen func(dns.Name) string
}

// Plan is what to change in a zone: groups in the order of their first owner
// name, and what was asked for and is not done.
type Plan struct {
	Zone     dns.Zone
	Groups   []dns.Group
	Refusals []Refusal
}

// Refusal says why something that was asked for does not happen.
type Refusal struct {
	Key     dns.Key
	Objects []Object // who asked, the refused one first; empty for what no object wants any more
	Reason  Reason
	Message string
}

// Compute plans the input's names, and those that share a claim with them.
func Compute(r Rules, in Input) Plan {
	p := Plan{Zone: in.Zone}
	done := map[dns.Name]bool{}
	names := slices.Clone(in.Names)
	slices.SortFunc(names, dns.Name.Compare)
	for _, name := range names {
		if done[name] || !name.Within(in.Zone.Name) {
			continue
		}
		family := r.family(in, name)
		for _, n := range family {
			done[n] = true
		}
		group, refusals := r.decide(in, family)
		if len(group) > 0 {
			p.Groups = append(p.Groups, group)
		}
		p.Refusals = append(p.Refusals, refusals...)
	}
	slices.SortStableFunc(p.Refusals, compareRefusals)
	return p
}

func compareRefusals(a, b Refusal) int {
	return cmp.Or(a.Key.Compare(b.Key), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
}

// Names returns every owner name of a zone that a plan may have something to
// say about: those that are wanted, and those that claims of ours speak of.
func Names(r Rules, zone dns.Zone, wanted []dns.Name, sets []dns.RecordSet) []dns.Name {
	names := slices.Clone(wanted)
	if r.Claims != nil {
		for _, set := range sets {
			if r.ours(set) {
				for _, reading := range r.Claims.Reads(set.Name, zone.Name) {
					names = append(names, reading.Name)
				}
			}
		}
	}
	slices.SortFunc(names, dns.Name.Compare)
	return slices.Compact(names)
}

// ours reports whether a set is a claim with our owner id.
func (r Rules) ours(set dns.RecordSet) bool {
	c, ok := readClaim(set)
	return ok && c.Owner == r.Owner
}

// readClaim reads a set as a claim; ExternalDNS looks at the first value only.
func readClaim(set dns.RecordSet) (claim.Claim, bool) {
	if set.Type != dns.TXT || len(set.Data) == 0 {
		return claim.Claim{}, false
	}
	return claim.Parse(set.Data[0])
}

// managed reports whether sets of type t are ours to plan.
func (r Rules) managed(t dns.Type) bool { return slices.Contains(r.Types, t) }

// family returns name and every name that shares a claim's name with it, such
// as "*" and "any" under --txt-wildcard-replacement=any, sorted.
func (r Rules) family(in Input, name dns.Name) []dns.Name {
	family := []dns.Name{name}
	if r.Claims == nil {
		return family
	}
	for i := 0; i < len(family); i++ {
		for _, txt := range r.Claims.Candidates(family[i], in.Zone.Name, r.claimTypes()) {
			for _, reading := range r.Claims.Reads(txt, in.Zone.Name) {
				if n := reading.Name; !slices.Contains(family, n) && r.speaksOf(in, n) {
					family = append(family, n)
				}
			}
		}
	}
	slices.SortFunc(family, dns.Name.Compare)
	return family
}

// speaksOf reports whether anything but claims is wanted or held at a name.
func (r Rules) speaksOf(in Input, n dns.Name) bool {
	if len(in.Wants(n)) > 0 {
		return true
	}
	return slices.ContainsFunc(in.Sets(n), func(s dns.RecordSet) bool {
		_, isClaim := readClaim(s)
		return r.managed(s.Type) && !isClaim
	})
}

// claimTypes returns the types under which a claim may be named: the managed
// ones, and those that sets change into and out of.
func (r Rules) claimTypes() []dns.Type {
	types := append([]dns.Type{dns.A, dns.AAAA, dns.CNAME}, r.Types...)
	slices.Sort(types)
	return slices.Compact(types)
}
