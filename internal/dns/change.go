package dns

import "slices"

// Change replaces Old by New at one key. Old is exactly what the zone is
// believed to hold (nil: nothing), New what it shall hold (nil: nothing); they
// are never both nil. Applying a change is a compare-and-swap. A change whose
// New equals Old alters nothing and asserts that Old still stands.
type Change struct{ Old, New *RecordSet }

// Action is what a change does.
type Action string

// The actions, in the order in which a group lists them.
const (
	Delete Action = "DELETE"
	Update Action = "UPDATE"
	Create Action = "CREATE"
	Assert Action = "ASSERT"
)

// Action returns what c does.
func (c Change) Action() Action {
	switch {
	case c.New == nil:
		return Delete
	case c.Old == nil:
		return Create
	case c.Old.Equal(*c.New):
		return Assert
	default:
		return Update
	}
}

// Key returns the key that c is about.
func (c Change) Key() Key {
	if c.New != nil {
		return c.New.Key
	}
	return c.Old.Key
}

// Group is the changes that must happen together, in the order in which a
// service shall judge them: deletions before creations.
type Group []Change

// Names returns the owner names that the group changes, sorted.
func (g Group) Names() []Name {
	names := make([]Name, 0, len(g))
	for _, c := range g {
		names = append(names, c.Key().Name)
	}
	slices.SortFunc(names, Name.Compare)
	return slices.Compact(names)
}

// Size returns what the group adds to a batch: how many elements, and how many
// characters in all values. Old and New count each.
func (g Group) Size() (values, chars int) {
	for _, c := range g {
		for _, set := range []*RecordSet{c.Old, c.New} {
			if set != nil {
				v, n := set.Size()
				values, chars = values+v, chars+n
			}
		}
	}
	return values, chars
}

// Batch is groups that one call applies, in this order.
type Batch []Group
