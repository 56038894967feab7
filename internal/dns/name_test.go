package dns

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// errAny stands for any error.
var errAny = errors.New("")

func TestParseName(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	name253 := strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	for _, tt := range []struct {
		in, want, octal string
		err             error
	}{
		{in: "www.example.com", want: "www.example.com."},
		{in: "WWW.Example.COM.", want: "www.example.com."},
		{in: ".", want: "."},
		{in: "*.example.com", want: "*.example.com.", octal: `\052.example.com.`},
		{in: "a.*.example.com", want: "a.*.example.com.", octal: `a.\052.example.com.`},
		{in: "_sip._udp.example.com", want: "_sip._udp.example.com."},
		{in: `a\.b.example.com`, want: `a\.b.example.com.`, octal: `a\056b.example.com.`},
		{in: `a\046b.example.com`, want: `a\.b.example.com.`, octal: `a\056b.example.com.`},
		{in: `\119ww.example.com`, want: "www.example.com."},
		{in: `\087ww.example.com`, want: "www.example.com."}, // an escaped capital folds too
		{in: `a\032b.example.com`, want: `a\032b.example.com.`, octal: `a\040b.example.com.`},
		{in: `a\"b.example.com`, want: `a\"b.example.com.`, octal: `a\042b.example.com.`},
		{in: `\228.example.com`, want: `\228.example.com.`, octal: `\344.example.com.`},
		{in: "bücher.example", want: "xn--bcher-kva.example."},
		{in: "BÜCHER.example", want: "xn--bcher-kva.example."},
		{in: "xn--bcher-kva.example", want: "xn--bcher-kva.example."},
		{in: "_dmarc.bücher.example", want: "_dmarc.xn--bcher-kva.example."},
		{in: label63 + ".com", want: label63 + ".com."},
		{in: name253, want: name253 + "."},
		{in: "", err: errEmptyName},
		{in: "..", err: errEmptyLabel},
		{in: ".example.com", err: errEmptyLabel},
		{in: "a..b", err: errEmptyLabel},
		{in: "a b.example.com", err: errWhiteSpace},
		{in: "www.example.com\n", err: errWhiteSpace},
		{in: `a\300.example.com`, err: errBadEscape},
		{in: `a\25`, err: errBadEscape},
		{in: `a\`, err: errBadEscape},
		{in: label63 + "a.com", err: errLabelTooBig},
		{in: name253 + "b", err: errNameTooBig},
		{in: "192.0.2.1", err: errAddress},
		{in: "2001:db8::1", err: errAddress},
		{in: "192.0.2.1.", err: errAddress},
		{in: `192.0.2.\049`, err: errAddress},
		{in: "fe80::1%eth0", err: errAddress},
		{in: "1.2.0.192.in-addr.arpa", want: "1.2.0.192.in-addr.arpa."},
		{in: "a。b.example", err: errAny}, // an ideographic full stop is no dot here
		{in: "a\xff.example", err: errAny},
	} {
		got, err := ParseName(tt.in)
		if tt.err != nil {
			if err == nil || !strings.Contains(err.Error(), tt.err.Error()) {
				t.Errorf("ParseName(%q) = %q, %v; want error %q", tt.in, got, err, tt.err)
			}
			continue
		}
		if err != nil || string(got) != tt.want {
			t.Errorf("ParseName(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
			continue
		}
		want := tt.want
		if tt.octal != "" {
			want = tt.octal
		}
		if octal := got.Octal(); octal != want {
			t.Errorf("%q.Octal() = %q, want %q", got, octal, want)
		}
	}
}

// labels draws wire labels of any octets, often ordinary ones.
func labels() *rapid.Generator[[]byte] {
	ordinary := rapid.StringMatching(`[a-z0-9_*-]{1,8}`)
	return rapid.OneOf(rapid.Map(ordinary, func(s string) []byte { return []byte(s) }),
		rapid.SliceOfN(rapid.Byte(), 1, 12))
}

// names draws canonical names of up to six labels.
func names() *rapid.Generator[Name] {
	return rapid.Map(rapid.SliceOfN(labels(), 1, 6), func(all [][]byte) Name {
		var b strings.Builder
		for _, label := range all {
			for i, c := range label {
				label[i] = lower(c)
			}
			writeLabel(&b, label)
		}
		return Name(b.String())
	})
}

func TestNamesSurviveEitherNotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := names().Draw(t, "name")
		if got, err := canonicalName(n.String(), decimal); err != nil || got != n {
			t.Errorf("reading %q gives %q, %v", n, got, err)
		}
		if got, err := ParseOctalName(n.Octal()); err != nil || got != n {
			t.Errorf("reading the octal %q gives %q, %v; want %q", n.Octal(), got, err, n)
		}
	})
}

func TestNamesTakenApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := names().Draw(t, "name")
		label, rest := n.Cut()
		if rest == Root {
			rest = ""
		}
		if got := Name(label + "." + string(rest)); got != n {
			t.Errorf("%q.Cut() gives %q and %q", n, label, rest)
		}
		for zone := n; ; _, zone = zone.Cut() {
			if !n.Within(zone) {
				t.Errorf("%q is not within %q", n, zone)
			}
			if zone == Root {
				break
			}
		}
	})
}

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		name, zone Name
		want       bool
	}{
		{"example.com.", "example.com.", true},
		{"www.example.com.", "example.com.", true},
		{"a.b.example.com.", "example.com.", true},
		{"badexample.com.", "example.com.", false},
		{"example.com.", "www.example.com.", false},
		{`bad\.example.com.`, "example.com.", false},
		{`bad\\.example.com.`, "example.com.", true},
		{"example.org.", "example.com.", false},
		{"example.com.", Root, true},
	} {
		if got := tt.name.Within(tt.zone); got != tt.want {
			t.Errorf("%q.Within(%q) = %t, want %t", tt.name, tt.zone, got, tt.want)
		}
	}
}

func TestCompare(t *testing.T) {
	// The order of RFC 4034 section 6.1, in its own example's spirit.
	ordered := []Name{".", "com.", "example.com.", "*.example.com.", "a.example.com.", "z.a.example.com.", "b.example.com.", "org."}
	shuffled := []Name{"org.", "b.example.com.", ".", "z.a.example.com.", "*.example.com.", "com.", "a.example.com.", "example.com."}
	slices.SortFunc(shuffled, Name.Compare)
	if d := cmp.Diff(ordered, shuffled); d != "" {
		t.Errorf("sorted (-want +got):\n%s", d)
	}
}

// TestCompareIsByOctets holds the order against its definition: the labels
// reversed, as octets, the shorter first.
func TestCompareIsByOctets(t *testing.T) {
	wire := func(n Name) (out [][]byte) {
		for rest := string(n); rest != ""; {
			label, tail, err := cutLabel(rest, decimal)
			if err != nil {
				t.Fatal(err)
			}
			out, rest = append(out, label), tail
		}
		slices.Reverse(out)
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := names().Draw(t, "a"), names().Draw(t, "b")
		if rapid.Bool().Draw(t, "same parent") {
			_, parent := a.Cut()
			label, _ := b.Cut()
			if b = Name(label + "." + string(parent)); parent == Root {
				b = Name(label + ".")
			}
		}
		want := slices.CompareFunc(wire(a), wire(b), bytes.Compare)
		if got := a.Compare(b); (got < 0) != (want < 0) || (got > 0) != (want > 0) || b.Compare(a) > 0 != (want < 0) {
			t.Errorf("%q.Compare(%q) = %d, want %d", a, b, got, want)
		}
	})
}

func TestWildcard(t *testing.T) {
	for name, want := range map[Name]bool{"*.example.com.": true, "*.": true, "a.*.example.com.": false, "*a.example.com.": false, "example.com.": false} {
		if got := name.Wildcard(); got != want {
			t.Errorf("%q.Wildcard() = %t, want %t", name, got, want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"www.example.com", `a\.b.c`, `\052.x`, "bücher.example", "..", `\`, "a b", "*.x.", "1.2.3.4", "。.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			return
		}
		again, err := canonicalName(n.String(), decimal)
		if err != nil || again != n {
			t.Errorf("ParseName(%q) = %q, which reads as %q, %v", s, n, again, err)
		}
		if back, err := ParseOctalName(n.Octal()); err != nil || back != n {
			t.Errorf("ParseName(%q) = %q, whose octal form %q reads as %q, %v", s, n, n.Octal(), back, err)
		}
		if again, err := ParseName(n.String()); err != nil || again != n {
			t.Errorf("ParseName(%q) = %q, and that gives %q, %v", s, n, again, err)
		}
		if len(n) > 4*MaxName {
			t.Errorf("ParseName(%q) is %d characters long", s, len(n))
		}
	})
}
