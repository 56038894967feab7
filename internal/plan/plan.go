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
//   - a claim belongs to one group only, whatever its name can be read as;
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
	"iter"
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
	Claims *claim.Naming // nil: no ownership is kept (--registry=noop), and every set of a managed type is ours
	Seal   *claim.Seal   // as which new claims are written; nil: in plain text
	Policy Policy
	Types  []dns.Type // managed; sets of other types are neither wanted nor touched
	Filter dns.Filter // names outside are neither wanted nor touched
	Traits dns.Traits

	PreferCNAME    bool // leave a CNAME to a cloud's host name as it is
	PreferAlias    bool // make an alias of every CNAME whose object does not say
	AliasByStack   bool // make no AAAA alias to a target that says it has IPv4 only
	RefusePrivate  bool // publish no private address in a public zone
	EvaluateHealth bool // the default for aliases

	// Migrate is an owner id whose claims become ours at names that objects want;
	// "" is none. Like the claims that lie where former affixes put them (see
	// [claim.Naming.WithFormer]) they say nothing of other names.
	Migrate string
	// ExternalIPs has the claims of openfresh/external-ips become ours likewise, if
	// they name our owner id or that of Migrate.
	ExternalIPs bool
	// Convert moves the claims of what is wanted to where Claims writes them now.
	Convert bool
	// Adopt claims the unowned sets that are as objects want them, as [Want.Adopt]
	// does, and plans nothing else than that.
	Adopt bool
}

// Input is what is known of one zone.
type Input struct {
	Zone  dns.Zone
	Names []dns.Name // the owner names to plan; see [Names] for all of a zone
	Wants func(dns.Name) []Want
	Sets  func(dns.Name) []dns.RecordSet // all sets that the zone holds at a name

	// All returns what the zone holds, nil while that has not been read whole. It
	// is asked before a set is adopted. May be nil: nothing is adopted.
	All func() iter.Seq[dns.RecordSet]
	// Hold returns why nothing may be concluded from the absence of the object
	// that a claim's resource label names (the label may be shortened, see
	// [claim.Claim.Names]): its source is not synced, or its intent is unknown.
	// "" means that absence is certain. A claim without a label may be any
	// object's: then absence is certain only if nothing at all is unknown. Nil
	// means that it always is.
	Hold func(resource string) string
	// Frozen returns why a name must stay as it is, "" if it need not. May be nil.
	Frozen func(dns.Name) string
	// Keep returns why a deletion must wait (see [Plan.Going]), "" if it need not.
	// May be nil. [Guard.Keep] is one.
	Keep func(dns.Key) (Reason, string)
}

// Plan is what to change in a zone: groups in the order of their first owner
// name, and what was asked for and is not done.
type Plan struct {
	Zone     dns.Zone
	Groups   []dns.Group
	Refusals []Refusal

	// Going is the deletions as a [Guard] counts them, sorted, those that
	// [Input.Keep] keeps among them: owner names and types of ours, without
	// identifiers, that nobody wants and that nothing keeps otherwise. What makes
	// way for another set of ours is none, nor is it one if something of ours is
	// created or changed at the same name; claims never count.
	Going []dns.Key
	// Ours is what was ours at each name that was looked at.
	Ours []Tally
}

// Tally is of which types there are sets of ours at a name.
type Tally struct {
	Name  dns.Name
	Types []dns.Type
}

// Refusal says why something that was asked for does not happen.
type Refusal struct {
	Key     dns.Key
	Objects []Object // who asked, the refused one first; empty for what no object wants any more
	Reason  Reason
	Message string
}

// Compute plans the input's names, and those that share a claim with them.
func Compute(r Rules, in Input) Plan { return compute(r, in, true) }

func compute(r Rules, in Input, short bool) Plan {
	in.Wants = in.pinned()
	p := planner{Rules: r, Input: in, claimTypes: r.claimTypes()}
	type part struct {
		first dns.Name
		group dns.Group
	}
	var parts []part
	var refusals []Refusal
	done := map[dns.Name]bool{}
	for _, name := range in.Names {
		if done[name] || !name.Within(in.Zone.Name) {
			continue
		}
		p.forget()
		family := p.family(name)
		for _, n := range family {
			done[n] = true
		}
		if short && p.settled(family) {
			p.tallySettled(family)
			continue
		}
		group, refused := p.decide(family)
		if len(group) > 0 {
			parts = append(parts, part{family[0], group})
		}
		refusals = append(refusals, refused...)
	}
	slices.SortFunc(parts, func(a, b part) int { return a.first.Compare(b.first) })
	slices.SortFunc(refusals, compareRefusals)
	slices.SortFunc(p.going, dns.Key.Compare)
	plan := Plan{Zone: in.Zone, Refusals: refusals, Going: slices.Compact(p.going), Ours: p.ours}
	for _, part := range parts {
		plan.Groups = append(plan.Groups, part.group)
	}
	return plan
}

func compareRefusals(a, b Refusal) int {
	return cmp.Or(a.Key.Compare(b.Key), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message),
		slices.CompareFunc(a.Objects, b.Objects, Object.older))
}

// Names returns every owner name of a zone that a plan may have something to
// say about: those that are wanted, and those that claims of ours speak of, or
// where no claims are kept all that hold sets of managed types.
func Names(r Rules, zone dns.Zone, wanted []dns.Name, sets []dns.RecordSet) []dns.Name {
	names := slices.Clone(wanted)
	for _, set := range sets {
		c, claims := readClaim(set)
		switch {
		case r.Claims == nil && !claims && r.managed(set.Type) && r.Filter.Match(set.Name):
			names = append(names, set.Name)
		case r.Claims != nil && claims && c.Owner == r.Owner && c.Heritage == "":
			for _, reading := range r.Claims.Reads(set.Name, zone.Name) {
				names = append(names, reading.Name)
			}
		}
	}
	slices.SortFunc(names, dns.Name.Compare)
	return slices.Compact(names)
}

// managed reports whether sets of type t are ours to plan.
func (r Rules) managed(t dns.Type) bool { return slices.Contains(r.Types, t) }

// claimTypes returns the types under which a claim may be named: the managed
// ones, and those that sets change into and out of.
func (r Rules) claimTypes() []dns.Type {
	types := append([]dns.Type{dns.A, dns.AAAA, dns.CNAME}, r.Types...)
	slices.Sort(types)
	return slices.Compact(types)
}
