package zone

import (
	"iter"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Image is what a zone holds, by owner name.
type Image struct {
	sets map[dns.Name][]dns.RecordSet
	size int
}

// NewImage returns an empty image.
func NewImage() *Image { return &Image{sets: map[dns.Name][]dns.RecordSet{}} }

// At returns the sets at a name. The caller must not change them.
func (m *Image) At(name dns.Name) []dns.RecordSet { return m.sets[name] }

// Len returns how many sets the image holds.
func (m *Image) Len() int { return m.size }

// All returns every set, in no order.
func (m *Image) All() iter.Seq[dns.RecordSet] {
	return func(yield func(dns.RecordSet) bool) {
		for _, sets := range m.sets {
			for _, set := range sets {
				if !yield(set) {
					return
				}
			}
		}
	}
}

// Put adds a set, or replaces the one of its key.
func (m *Image) Put(set dns.RecordSet) {
	m.Drop(set.Key)
	m.sets[set.Name] = append(m.sets[set.Name], set)
	m.size++
}

// Drop removes the set of a key, if there is one.
func (m *Image) Drop(key dns.Key) {
	old := m.sets[key.Name]
	for i := range old {
		if old[i].Key != key {
			continue
		}
		m.size--
		if len(old) == 1 {
			delete(m.sets, key.Name)
			return
		}
		// A new slice: what At returned stays as it was.
		left := make([]dns.RecordSet, 0, len(old)-1)
		m.sets[key.Name] = append(append(left, old[:i]...), old[i+1:]...)
		return
	}
}

// Replace makes the image hold exactly these sets at these names.
func (m *Image) Replace(names []dns.Name, sets []dns.RecordSet) {
	for _, name := range names {
		m.size -= len(m.sets[name])
		delete(m.sets, name)
	}
	for _, set := range sets {
		m.Put(set)
	}
}

// Apply writes a batch through. What is new is spelled canonically.
func (m *Image) Apply(batch dns.Batch) {
	for _, group := range batch {
		for _, c := range group {
			switch c.Action() {
			case dns.Delete:
				m.Drop(c.Old.Key)
			case dns.Create, dns.Update:
				m.Put(c.New.WithListed(dns.Listed{}))
			}
		}
	}
}
