package emulator

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// TestOrdered holds the chunked list against a map that is sorted afresh.
func TestOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o ordered
		model := map[key]*record{}
		// Enough names for several chunks, in bursts so that chunks split and empty.
		gen := rapid.Custom(func(t *rapid.T) key {
			n, err := parseName(rapid.StringMatching(`[a-c*_-]{1,2}(\.[a-c]{1,2}){0,2}\.z`).Draw(t, "name"))
			if err != nil {
				t.Fatal(err)
			}
			return key{n, rapid.SampledFrom([]string{"A", "TXT"}).Draw(t, "type"), rapid.SampledFrom([]string{"", "s"}).Draw(t, "id")}
		})
		for range rapid.IntRange(1, 4).Draw(t, "bursts") {
			put := rapid.Bool().Draw(t, "put")
			for _, k := range rapid.SliceOfN(gen, 0, 900).Draw(t, "keys") {
				r := &record{key: k}
				var old *record
				if put {
					old = o.put(r)
				} else {
					old = o.remove(k)
				}
				if old != model[k] {
					t.Fatalf("%v: got old %v, want %v", k, old, model[k])
				}
				if put {
					model[k] = r
				} else {
					delete(model, k)
				}
			}
		}
		want := slices.SortedFunc(maps.Keys(model), compareKeys)
		var got []key
		for r := range o.from(key{}) {
			got = append(got, r.key)
		}
		if !slices.Equal(got, want) || o.len() != len(want) {
			t.Fatalf("%d keys in order %v, want %v", o.len(), got, want)
		}
		from := gen.Draw(t, "from")
		i, _ := slices.BinarySearchFunc(want, from, compareKeys)
		for r := range o.from(from) {
			if r.key != want[i] {
				t.Fatalf("from %v: got %v, want %v", from, r.key, want[i])
			}
			i++
		}
		if i != len(want) {
			t.Fatalf("from %v: ended at %d of %d", from, i, len(want))
		}
	})
}

// TestNames: a listed name reads back as itself, and survives the DNS's own notation.
func TestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var spelled strings.Builder
		for range rapid.IntRange(1, 4).Draw(t, "labels") {
			for _, c := range rapid.SliceOfN(rapid.Byte(), 1, 10).Draw(t, "label") {
				escapeOctal(&spelled, c)
			}
			spelled.WriteByte('.')
		}
		n, err := parseName(spelled.String())
		if err != nil {
			t.Fatalf("%s: %v", spelled.String(), err)
		}
		again, err := parseName(n.listed)
		if err != nil || again != n {
			t.Fatalf("%v reads back as %v, %v", n, again, err)
		}
		if q, err := questionName(n.presentation()); err != nil || q != n {
			t.Fatalf("%v in a question is %v, %v", n, q, err)
		}
		if _, ok := dns.IsDomainName(n.presentation()); !ok {
			t.Fatalf("%s is no name", n.presentation())
		}
		if up := n.parent(); up.listed != "" {
			if want, err := parseName(up.listed); err != nil || up != want || !n.within(up) {
				t.Fatalf("the parent of %v is %v, want %v, %v", n, up, want, err)
			}
		}
	})
}
