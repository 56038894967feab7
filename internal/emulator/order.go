package emulator

import (
	"cmp"
	"iter"
	"slices"
)

// key identifies a record set within its zone.
type key struct {
	name name
	typ  string
	id   string // set identifier; "" for a simple record set
}

// compareKeys is the order of a listing: reversed labels, then type, then identifier.
// The listed spelling breaks the tie between "a.b" of two labels and "a\056b" of one.
func compareKeys(a, b key) int {
	return cmp.Or(
		cmp.Compare(a.name.order, b.name.order),
		cmp.Compare(a.name.listed, b.name.listed),
		cmp.Compare(a.typ, b.typ),
		cmp.Compare(a.id, b.id),
	)
}

// record is a record set in a zone. It is never changed, only replaced, so that holders need no lock.
type record struct {
	key
	set RecordSet
}

// chunkMax bounds the work of one insertion, whatever the size of the zone.
const chunkMax = 512

// ordered holds the records of a zone in their order, in sorted runs none of which is empty.
type ordered struct {
	chunks [][]*record
	n      int
}

func (o *ordered) len() int { return o.n }

// find gives the place of the first record that is not before k.
func (o *ordered) find(k key) (chunk, at int, found bool) {
	chunk, _ = slices.BinarySearchFunc(o.chunks, k, func(c []*record, k key) int {
		return compareKeys(c[len(c)-1].key, k)
	})
	if chunk == len(o.chunks) {
		return chunk, 0, false
	}
	at, found = slices.BinarySearchFunc(o.chunks[chunk], k, func(r *record, k key) int {
		return compareKeys(r.key, k)
	})
	return chunk, at, found
}

// get answers nil if there is no such record.
func (o *ordered) get(k key) *record {
	c, i, found := o.find(k)
	if !found {
		return nil
	}
	return o.chunks[c][i]
}

// put sets a record and returns the one it replaced, or nil.
func (o *ordered) put(r *record) *record {
	c, i, found := o.find(r.key)
	if found {
		old := o.chunks[c][i]
		o.chunks[c][i] = r
		return old
	}
	o.n++
	if c == len(o.chunks) {
		if c == 0 {
			o.chunks = [][]*record{{r}}
			return nil
		}
		c--
		i = len(o.chunks[c])
	}
	o.chunks[c] = slices.Insert(o.chunks[c], i, r)
	if full := o.chunks[c]; len(full) > chunkMax {
		half := len(full) / 2
		o.chunks[c] = slices.Clone(full[:half])
		o.chunks = slices.Insert(o.chunks, c+1, slices.Clone(full[half:]))
	}
	return nil
}

// remove returns the record it removed, or nil.
func (o *ordered) remove(k key) *record {
	c, i, found := o.find(k)
	if !found {
		return nil
	}
	o.n--
	old := o.chunks[c][i]
	o.chunks[c] = slices.Delete(o.chunks[c], i, i+1)
	if len(o.chunks[c]) == 0 {
		o.chunks = slices.Delete(o.chunks, c, c+1)
	}
	return old
}

// from yields the records in order, starting with the first that is not before k.
func (o *ordered) from(k key) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		c, i, _ := o.find(k)
		for ; c < len(o.chunks); c, i = c+1, 0 {
			for _, r := range o.chunks[c][i:] {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// at lists the records of one owner name, in order.
func (o *ordered) at(n name) []*record {
	var all []*record
	for r := range o.from(key{name: n}) {
		if r.name != n {
			break
		}
		all = append(all, r)
	}
	return all
}
