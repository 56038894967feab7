package route53

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
)

func TestCursors(t *testing.T) {
	for _, at := range []place{{}, {"www.example.com.", "A", ""}, {`\052.example.com.`, "TXT", "an identifier with blanks"}} {
		if got, err := parseCursor(at.cursor()); err != nil || got != at {
			t.Errorf("%+v became %+v, %v", at, got, err)
		}
	}
	if _, _, err := static(t, canned(200, ""), Options{}).Page(t.Context(), zone, "nonsense"); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("want an error that quotes the cursor, got %v", err)
	}
}

// The order is that of the API reference's page on ListResourceRecordSets:
// labels from the right, and the final dot counts.
func TestPositions(t *testing.T) {
	ordered := []dns.Name{"example.com.", "*.example.com.", "a-b.example.com.", "a.example.com.", "x-1.a.example.com.", "a1.example.com.",
		"cname-www.example.com.", "www.example.com.", "example.org."}
	shuffled := slices.Clone(ordered)
	slices.Reverse(shuffled)
	var got []dns.Name
	for _, p := range positions(append(shuffled, shuffled...)) {
		got = append(got, p.name)
	}
	if diff := cmp.Diff(ordered, got); diff != "" {
		t.Error(diff)
	}
	if star, dash := positionOf("*.example.com."), positionOf("-.example.com."); star.before(dash) || dash.before(star) {
		t.Error("an escape and a character between its two readings must not be told apart")
	}
}

func TestCovered(t *testing.T) {
	sets := func(names ...dns.Name) []dns.RecordSet {
		var out []dns.RecordSet
		for _, n := range names {
			out = append(out, dns.RecordSet{Key: dns.Key{Name: n, Type: dns.A}})
		}
		return out
	}
	for _, test := range []struct {
		says   string
		wanted []dns.Name
		sets   []dns.RecordSet
		whole  bool
		want   []dns.Name
	}{
		{"nothing further", []dns.Name{"b.x.", "c.x."}, nil, true, []dns.Name{"b.x.", "c.x."}},
		{"absent ones between", []dns.Name{"b.x.", "c.x.", "d.x.", "z.x."}, sets("c.x.", "e.x."), false, []dns.Name{"b.x.", "c.x.", "d.x."}},
		{"the last may go on", []dns.Name{"b.x.", "e.x."}, sets("b.x.", "e.x."), false, []dns.Name{"b.x."}},
		{"the last of the zone", []dns.Name{"b.x.", "e.x.", "f.x."}, sets("b.x.", "e.x."), true, []dns.Name{"b.x.", "e.x.", "f.x."}},
		{"an escape whose place is not sure", []dns.Name{"*.x.", "-.x.", "a.x."}, sets("*.x.", "b.x."), false, []dns.Name{"*.x.", "a.x."}},
	} {
		var got []dns.Name
		settled := covered(positions(test.wanted), test.sets, test.whole)
		for _, n := range test.wanted {
			if settled[n] {
				got = append(got, n)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", test.says, diff)
		}
	}
}
