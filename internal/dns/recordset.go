package dns

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxTTL is the largest time to live in seconds (RFC 2181 section 8).
const MaxTTL = 1<<31 - 1

// Key identifies a record set in a zone. SetID is the identifier that tells
// apart the routed sets of one name and type; it is empty for simple sets.
type Key struct {
	Name  Name
	Type  Type
	SetID string
}

// Compare orders keys by name (RFC 4034), type, and identifier.
func (k Key) Compare(o Key) int {
	if c := k.Name.Compare(o.Name); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(k.Type, o.Type), cmp.Compare(k.SetID, o.SetID))
}

// String returns the key as people read it: "www.example.com A", and the
// identifier in brackets if there is one.
func (k Key) String() string {
	s := k.Name.Host() + " " + string(k.Type)
	if k.SetID != "" {
		s += " [" + k.SetID + "]"
	}
	return s
}

// RecordSet is all records of one name, type and identifier (RFC 2181 section
// 5), or an alias in their place.
type RecordSet struct {
	Key
	TTL           uint32   // seconds; 0 for an alias, which has its target's
	Data          []string // canonical RDATA, sorted and unique; empty exactly if Alias is set
	Alias         *Alias
	Routing       Routing // nil for a simple set
	HealthCheckID string

	listed *Listed
	opaque map[string]string
}

// Alias is Route 53's record that answers with another name's records.
type Alias struct {
	Zone           string // hosted zone ID in which Target lies, without "/hostedzone/"
	Target         Name
	EvaluateHealth bool
}

// Listed is how a service spelled a record set when it was read. A deletion
// repeats these bytes. Fields are empty where the canonical form has the same
// bytes.
type Listed struct {
	Name        string
	Values      []string
	AliasTarget string

	Latitude, Longitude string // of [Geoproximity]
}

// NewRecordSet returns the set of the given values, canonical, sorted and
// unique. A value that is no RDATA of the key's type is an error, and so is a
// set without values.
func NewRecordSet(key Key, ttl uint32, values ...string) (RecordSet, error) {
	data, err := canonicalData(key.Type, values)
	if err != nil {
		return RecordSet{}, err
	}
	if len(data) == 0 {
		return RecordSet{}, fmt.Errorf("record set %s: no values", key)
	}
	if ttl > MaxTTL {
		return RecordSet{}, fmt.Errorf("record set %s: TTL %d is above %d", key, ttl, MaxTTL)
	}
	return RecordSet{Key: key, TTL: ttl, Data: data}, nil
}

// NewAlias returns an alias set.
func NewAlias(key Key, alias Alias) RecordSet { return RecordSet{Key: key, Alias: &alias} }

// WithListed returns r with the spelling in which it was listed.
func (r RecordSet) WithListed(l Listed) RecordSet {
	if l.Name == "" && l.Values == nil && l.AliasTarget == "" && l.Latitude == "" && l.Longitude == "" {
		r.listed = nil
		return r
	}
	r.listed = &l
	return r
}

// Listed returns the spelling in which the set was listed; its empty fields are
// spelled canonically.
func (r RecordSet) Listed() Listed {
	if r.listed == nil {
		return Listed{}
	}
	return *r.listed
}

// WithOpaque returns r with fields of the service that Signpost does not
// model, by their names. A set that has any is never changed.
func (r RecordSet) WithOpaque(fields map[string]string) RecordSet {
	r.opaque = maps.Clone(fields)
	return r
}

// Opaque returns the names of the fields that Signpost does not model, sorted.
func (r RecordSet) Opaque() []string { return slices.Sorted(maps.Keys(r.opaque)) }

// Equal reports whether r and o mean the same: the spelling in which they were
// listed does not count, everything else does.
func (r RecordSet) Equal(o RecordSet) bool {
	return r.Key == o.Key && r.TTL == o.TTL && r.HealthCheckID == o.HealthCheckID && r.Routing == o.Routing &&
		slices.Equal(r.Data, o.Data) && maps.Equal(r.opaque, o.opaque) &&
		(r.Alias == nil) == (o.Alias == nil) && (r.Alias == nil || *r.Alias == *o.Alias)
}

// Size returns what the set adds to a batch: values, and characters in them as
// they were listed.
// An alias counts as one value with its target's characters.
func (r RecordSet) Size() (values, chars int) {
	if r.Alias != nil {
		return 1, len(r.Alias.Target)
	}
	data := r.Data
	if r.listed != nil && r.listed.Values != nil {
		data = r.listed.Values
	}
	for _, d := range data {
		chars += len(d)
	}
	return len(data), chars
}

// String returns the set in zone-file notation, one line a record, without a
// final newline (see [Format]).
func (r RecordSet) String() string { return strings.Join(r.lines(Root), "\n") }
