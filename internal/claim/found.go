package claim

import (
	"cmp"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Found is a claim, and the TXT set that says it.
type Found struct {
	Claim Claim
	Set   dns.RecordSet
	// Former says that by the present affixes it would not be the claim of what
	// was asked for, and by former ones it is (see [Naming.WithFormer]), or that it
	// has another heritage.
	Former bool
}

// Sole reports whether the set says nothing but this claim. Where it holds
// other values too, they are someone's: the set must not be changed or deleted.
func (f Found) Sole() bool { return len(f.Set.Data) == 1 }

// strength is how strongly a reading points at a record set.
type strength int

const (
	not     strength = iota
	byName           // the old format
	byAlias          // an alias A, whose claim was called cname- before v0.22
	byType           // name and type
)

// For returns those of the TXT sets that claim set, the one that counts first:
// the claim where it would be written, then by the strength of the reading: that
// of name and type, for an alias A the cname- one, the old format (never for
// AAAA). Those by former affixes come last. A claim has the identifier of its set.
//
// Sets holds what the zone has, claims and others, at set's name, at the
// [Naming.Candidates] of it, and at the names that [Naming.Reads] gives for
// those. It decides where a name reads in two ways: a TXT at
// a-team.example.com claims team.example.com A if that exists; else, if
// a-team.example.com has a set, that, in the old format. If neither exists it
// is left over, and claims whatever comes to either. So ask with the set that
// the zone holds, and with a wanted one only where the zone has none of its key.
// If both exist it claims a-team.example.com only where that has no claim with a
// type, and team.example.com another claim that names another object: then all
// of them are old.
func (n Naming) For(sets []dns.RecordSet, set dns.RecordSet, zone dns.Name) []Found {
	return n.ForAwaiting(sets, set, zone, nil)
}

// Awaited is the sets that the zone does not hold and for which claims wait, by
// the keys of the claims' TXT sets.
type Awaited map[dns.Key][]dns.RecordSet

// ForAwaiting is [Naming.For], but that a claim which waits for sets is read as
// if these stood; other claims are not.
func (n Naming) ForAwaiting(sets []dns.RecordSet, set dns.RecordSet, zone dns.Name, awaited Awaited) []Found {
	type ranked struct {
		Found
		by  strength
		own bool
	}
	at, _ := n.At(set, zone)
	var all []ranked
	for _, txt := range sets {
		c, ok := of(txt)
		if !ok || txt.SetID != set.SetID {
			continue
		}
		readings := n.Reads(txt.Name, zone)
		by := points(readings, set, zone)
		if by == not {
			continue
		}
		there := sets
		if waits := awaited[txt.Key]; len(waits) > 0 {
			there = append(slices.Clip(sets), waits...)
		}
		best := strongest(readings, there, txt.SetID, zone)
		if best > byName && n.literal(there, txt, c, readings, zone) {
			best = byName
		}
		if best != not && best != by {
			continue
		}
		former := c.Heritage != "" || len(n.former) > 0 && points(n.reads(txt.Name, zone), set, zone) == not
		all = append(all, ranked{Found{c, txt, former}, by, txt.Name == at && !former})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		if a.own != b.own {
			if a.own {
				return -1
			}
			return 1
		}
		if a.Former != b.Former {
			if b.Former {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.by, a.by), a.Set.Name.Compare(b.Set.Name))
	})
	var out []Found
	for _, r := range all {
		out = append(out, r.Found)
	}
	return out
}

// of returns the claim that a TXT set says: its first value that is one.
func of(txt dns.RecordSet) (Claim, bool) {
	if txt.Type != dns.TXT {
		return Claim{}, false
	}
	for _, value := range txt.Data {
		if c, ok := Parse(value); ok {
			return c, true
		}
	}
	return Claim{}, false
}

// strongest returns how strongly the readings point at any set that exists,
// claims aside.
func strongest(readings []Reading, sets []dns.RecordSet, setID string, zone dns.Name) strength {
	best := not
	for _, s := range sets {
		if s.SetID != setID {
			continue
		}
		if by := points(readings, s, zone); by > best {
			if _, ok := of(s); !ok {
				best = by
			}
		}
	}
	return best
}

// literal reports whether a claim that names a type is an old one all the same.
func (n Naming) literal(sets []dns.RecordSet, txt dns.RecordSet, c Claim, readings []Reading, zone dns.Name) bool {
	var typed, named []dns.RecordSet
	for _, s := range sets {
		switch by := points(readings, s, zone); {
		case by == not || s.SetID != txt.SetID || s.Type == dns.TXT:
		case by > byName:
			typed = append(typed, s)
		case s.Type == dns.A || s.Type == dns.CNAME:
			named = append(named, s)
		}
	}
	if len(typed) == 0 || len(named) == 0 || c.Resource == "" {
		return false
	}
	claimed := func(s dns.RecordSet, fits func(strength, Claim) bool) bool {
		return slices.ContainsFunc(sets, func(other dns.RecordSet) bool {
			if other.Type != dns.TXT || other.Key == txt.Key || other.SetID != txt.SetID {
				return false
			}
			by := points(n.Reads(other.Name, zone), s, zone)
			if by == not {
				return false
			}
			o, ok := of(other)
			return ok && fits(by, o)
		})
	}
	for _, s := range typed {
		if !claimed(s, func(_ strength, o Claim) bool {
			return o.Owner == c.Owner && o.Resource != "" && o.Resource != c.Resource
		}) {
			return false
		}
	}
	return !slices.ContainsFunc(named, func(s dns.RecordSet) bool {
		return claimed(s, func(by strength, _ Claim) bool { return by > byName })
	})
}

func points(readings []Reading, set dns.RecordSet, zone dns.Name) strength {
	best := not
	for _, r := range readings {
		if r.Name == set.Name {
			best = max(best, r.points(set, zone))
		}
	}
	return best
}

func (r Reading) points(set dns.RecordSet, zone dns.Name) strength {
	switch {
	case r.Type == set.Type:
		return byType
	case r.Type == dns.CNAME && set.Type == dns.A && set.Alias != nil:
		return byAlias
	case r.Type == "" && set.Type != dns.AAAA && set.Type != dns.SOA && !(set.Type == dns.NS && set.Name == zone):
		return byName
	default:
		return not
	}
}
