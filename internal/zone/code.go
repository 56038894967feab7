package zone

import (
	"encoding/binary"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// words encodes the sets at one name in a string of few bytes: without pointers
// to follow, and without room for fields that have no value. What many sets
// have in common is kept once and numbered: types, where aliases point, and all
// of a claim but the object that it names.
//
//	code:   count, then set after set
//	set:    text (type), TTL, 2 × number of values, text after text
//	alias:  text (type), TTL, 1 + 2 × evaluate health, text (zone), text (target)
//	text:   number of its common part or 0, length of the rest, the rest
//
// Numbers are uvarints ([binary.AppendUvarint]).
type words struct {
	common []string
	number map[string]uint64 // from 1
}

// maxWords bounds how many texts are numbered. Others are written out.
const maxWords = 1000

// encodable reports whether the code can hold a set: one without routing, listed
// in canonical spelling, and with no field that Signpost does not model.
func encodable(s dns.RecordSet) bool {
	listed := s.Listed()
	if listed.Name != "" || listed.Values != nil || listed.AliasTarget != "" || (len(s.Data) == 0) != (s.Alias != nil) {
		return false
	}
	return s.Equal(dns.RecordSet{Key: dns.Key{Name: s.Name, Type: s.Type}, TTL: s.TTL, Data: s.Data, Alias: s.Alias})
}

func (w *words) encode(sets []dns.RecordSet) string {
	code := binary.AppendUvarint(make([]byte, 0, 128), uint64(len(sets)))
	for _, s := range sets {
		code = w.append(code, string(s.Type), "")
		code = binary.AppendUvarint(code, uint64(s.TTL))
		if a := s.Alias; a != nil {
			kind := uint64(1)
			if a.EvaluateHealth {
				kind = 3
			}
			code = binary.AppendUvarint(code, kind)
			code = w.append(code, a.Zone, "")
			code = w.append(code, string(a.Target), "")
			continue
		}
		code = binary.AppendUvarint(code, 2*uint64(len(s.Data)))
		for _, value := range s.Data {
			i := 0
			if s.Type == dns.TXT {
				i = claimed(value)
			}
			code = w.append(code, value[:i], value[i:])
		}
	}
	return string(code)
}

// claimed returns where in a value of a TXT set the name of the object begins
// that it claims the set for; 0 if it is no claim.
func claimed(value string) int {
	const label = "external-dns/resource="
	if i := strings.LastIndex(value, label); i > 0 && strings.HasPrefix(value, `"heritage=`) {
		return i + len(label)
	}
	return 0
}

// append adds a text that begins with what it may have in common with others.
func (w *words) append(code []byte, common, rest string) []byte {
	n := w.number[common]
	if n == 0 && common != "" {
		if len(w.common) < maxWords {
			if w.number == nil {
				w.number = map[string]uint64{}
			}
			common = strings.Clone(common)
			w.common = append(w.common, common)
			n = uint64(len(w.common))
			w.number[common] = n
		} else {
			rest = common + rest
		}
	}
	code = binary.AppendUvarint(code, n)
	code = binary.AppendUvarint(code, uint64(len(rest)))
	return append(code, rest...)
}

// count returns how many sets a code holds.
func count(code string) int {
	r := reader{code, nil}
	return int(r.uint())
}

// decode is the inverse of encode. Its texts are parts of the code where they
// have nothing in common with others.
func (w *words) decode(name dns.Name, code string) []dns.RecordSet {
	r := reader{code, w.common}
	sets := make([]dns.RecordSet, r.uint())
	for i := range sets {
		s := &sets[i]
		s.Name, s.Type, s.TTL = name, dns.Type(r.text()), uint32(r.uint())
		n := r.uint()
		if n&1 == 1 {
			s.Alias = &dns.Alias{EvaluateHealth: n == 3, Zone: r.text(), Target: dns.Name(r.text())}
			continue
		}
		s.Data = make([]string, n/2)
		for j := range s.Data {
			s.Data[j] = r.text()
		}
	}
	return sets
}

// reader takes a code of our own apart.
type reader struct {
	code   string
	common []string
}

func (r *reader) uint() uint64 {
	n := uint64(0)
	for shift := 0; ; shift += 7 {
		b := r.code[0]
		r.code = r.code[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

func (r *reader) text() string {
	common := r.uint()
	size := r.uint()
	rest := r.code[:size]
	r.code = r.code[size:]
	switch {
	case common == 0:
		return rest
	case rest == "":
		return r.common[common-1]
	}
	return r.common[common-1] + rest
}
