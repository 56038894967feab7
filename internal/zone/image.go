package zone

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Image is what a zone holds, by owner name, and in which rotation of the audit
// each name was last seen. It is made for zones of many sets, which it holds in
// some hundred bytes each: [Image.At] decodes them.
type Image struct {
	names    map[dns.Name]held
	odd      map[dns.Name][]dns.RecordSet // at names where a set is not encodable
	words    words
	size     int
	rotation uint32
}

// held is the sets at one name.
type held struct {
	code string // "": they are odd
	seen uint32
}

// NewImage returns an empty image.
func NewImage() *Image {
	return &Image{names: map[dns.Name]held{}, odd: map[dns.Name][]dns.RecordSet{}}
}

// At returns the sets at a name. The caller must not change them.
func (m *Image) At(name dns.Name) []dns.RecordSet {
	h, ok := m.names[name]
	switch {
	case !ok:
		return nil
	case h.code == "":
		return m.odd[name]
	}
	return m.words.decode(name, h.code)
}

// Len returns how many sets the image holds.
func (m *Image) Len() int { return m.size }

// Names returns every name at which there is a set, in no order.
func (m *Image) Names() iter.Seq[dns.Name] { return maps.Keys(m.names) }

// All returns every set, in no order.
func (m *Image) All() iter.Seq[dns.RecordSet] {
	return func(yield func(dns.RecordSet) bool) {
		for name := range m.names {
			for _, set := range m.At(name) {
				if !yield(set) {
					return
				}
			}
		}
	}
}

// Put adds a set, or replaces the one of its key, and marks its name as seen.
func (m *Image) Put(set dns.RecordSet) {
	sets := append(m.without(set.Key), set)
	m.hold(set.Name, sets, m.rotation)
}

// Drop removes the set of a key, if there is one.
func (m *Image) Drop(key dns.Key) {
	m.hold(key.Name, m.without(key), m.names[key.Name].seen)
}

// without returns the sets at a key's name but that of the key, in a slice of
// their own.
func (m *Image) without(key dns.Key) []dns.RecordSet {
	have := m.At(key.Name)
	sets := make([]dns.RecordSet, 0, len(have)+1)
	for _, set := range have {
		if set.Key != key {
			sets = append(sets, set)
		}
	}
	return sets
}

// hold makes the image hold exactly these sets at a name.
func (m *Image) hold(name dns.Name, sets []dns.RecordSet, seen uint32) {
	old, known := m.names[name]
	if known {
		m.size -= m.count(name, old)
		delete(m.odd, name)
	}
	m.size += len(sets)
	if len(sets) == 0 {
		delete(m.names, name)
		return
	}
	code := ""
	if slices.ContainsFunc(sets, func(s dns.RecordSet) bool { return !encodable(s) }) {
		m.odd[name] = sets
	} else {
		code = m.words.encode(sets)
	}
	if !known {
		name = dns.Name(strings.Clone(string(name))) // what was read with it may be large
	}
	m.names[name] = held{code, seen}
}

func (m *Image) count(name dns.Name, h held) int {
	if h.code == "" {
		return len(m.odd[name])
	}
	return count(h.code)
}

// Replace makes the image hold exactly these sets at these names.
func (m *Image) Replace(names []dns.Name, sets []dns.RecordSet) {
	for _, name := range names {
		m.hold(name, nil, 0)
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

// Begin begins a rotation: [Image.Put] marks names with it from now on.
func (m *Image) Begin(rotation uint32) { m.rotation = rotation }

// Seen marks a name, if the image holds anything there, as seen in a rotation.
func (m *Image) Seen(name dns.Name, rotation uint32) {
	if h, ok := m.names[name]; ok {
		h.seen = rotation
		m.names[name] = h
	}
}

// Unseen returns the names whose mark is not this rotation, in no order.
func (m *Image) Unseen(rotation uint32) []dns.Name {
	var names []dns.Name
	for name, h := range m.names {
		if h.seen != rotation {
			names = append(names, name)
		}
	}
	return names
}
