package dns

// Traits says what a DNS service can hold and how it takes changes. It is data
// for planning.
type Traits struct {
	// Aliases gives, by the suffix at or below which a target lies, the zone that
	// an alias to it names. Nil where the service has no aliases.
	Aliases map[Name]AliasZone
	// Routing is true where sets may carry an identifier and a [Routing].
	Routing bool
	// Types is what the service can hold; nil is every type.
	Types []Type
	// Atomic is true where a batch happens as a whole or not at all.
	Atomic bool
	// MaxSetValues bounds the values of one set; 0 is no bound.
	MaxSetValues int
	// MaxRouted bounds the routed sets of one name and type by their policy; what
	// it lacks has no bound.
	MaxRouted map[string]int
	// MaxValues and MaxChars bound a batch (see [Group.Size]); 0 is no bound.
	MaxValues, MaxChars int
	// Batch is what a batch shall hold, where a person wants less of it than the
	// service takes. It bounds no group: one that is larger goes alone.
	Batch BatchSize
}

// BatchSize bounds a batch; 0 is no bound.
type BatchSize struct {
	Changes       int // but for those that only assert what is there
	Values, Chars int // see [Group.Size]
}

// AliasZone is the hosted zone of a cloud's own host names.
type AliasZone struct {
	ID string
	// NoHealth is true where a target's health cannot be evaluated.
	NoHealth bool
	// PublicOnly is true where a private zone may hold no such alias.
	PublicOnly bool
	// IPv4Only is true where the targets have no IPv6 addresses.
	IPv4Only bool
	// Target, if not empty, is what an alias names in place of a host below it: the
	// service tells its hosts apart by the name that was asked for, so that such a
	// host must be called as the record set is.
	Target Name
	// OnDemand is true where a CNAME becomes an alias only if its object asks.
	OnDemand bool
}

// AliasZone returns the zone for an alias to target, by the longest suffix.
func (t Traits) AliasZone(target Name) (AliasZone, bool) {
	for n := target; n != Root && n != ""; _, n = n.Cut() {
		if z, ok := t.Aliases[n]; ok {
			return z, true
		}
	}
	return AliasZone{}, false
}
