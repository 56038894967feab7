package dns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCanonical(t *testing.T) {
	for _, tt := range []struct {
		typ      Type
		in, want string // want "": an error
	}{
		{A, "192.0.2.1", "192.0.2.1"},
		{A, " 192.0.2.1 ", "192.0.2.1"},
		{A, "192.0.2.01", ""},
		{A, "2001:db8::1", ""},
		{A, "www.example.com", ""},
		{AAAA, "2001:DB8:0:0::1", "2001:db8::1"},
		{AAAA, "2001:db8::0001", "2001:db8::1"},
		{AAAA, "::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{AAAA, "fe80::1%eth0", ""},
		{AAAA, "192.0.2.1", ""},
		{CNAME, "LB.Example.net", "lb.example.net."},
		{CNAME, "lb.example.net.", "lb.example.net."},
		{CNAME, "192.0.2.1", ""},
		{NS, "ns1.Example.net", "ns1.example.net."},
		{TXT, `"one" "two"`, `"one" "two"`},
		{TXT, `"one"    "two"`, `"one" "two"`},
		{TXT, "bare", `"bare"`},
		{TXT, `"a\"b\\c"`, `"a\"b\\c"`},
		{TXT, `"\097\228"`, `"a\228"`},
		{TXT, `"ä"`, `"\195\164"`},
		{TXT, `""`, `""`},
		{TXT, `"open`, ""},
		{TXT, "", ""},
		{TXT, `"` + strings.Repeat("x", 256) + `"`, ""},
		{MX, " 010 Mail.example.com ", "10 mail.example.com."},
		{MX, " ", ""},
		{MX, "10", ""},
		{MX, "65536 mail.example.com", ""},
		{SRV, "0  50 30080 NP.example.com", "0 50 30080 np.example.com."},
		{SRV, "0 50 np.example.com.", ""},
		{SRV, "0 -1 80 np.example.com.", ""},
		{SRV, "0 1 80 192.0.2.1", ""},
		{PTR, "WWW.example.com", "www.example.com."},
		{DNAME, "example.net", "example.net."},
		{NAPTR, `100 010 u "E2U+sip" "!^.*$!sip:info@Example.com!" .`, `100 10 "u" "E2U+sip" "!^.*$!sip:info@Example.com!" .`},
		{NAPTR, `1 2 "" "" "!^(.*)$!sip:\\1@example.com!" Next.Example.com`, `1 2 "" "" "!^(.*)$!sip:\\1@example.com!" next.example.com.`},
		{NAPTR, `1 2 "" "" ""`, ""},
		{NAPTR, `1 65536 "" "" "" .`, ""},
		{NAPTR, `1 2 "" "" "open .`, ""},
		{NAPTR, `1 2 "" "" "" a. b.`, ""},
		{CAA, `0 Issue letsencrypt.org`, `0 issue "letsencrypt.org"`},
		{CAA, `128 iodef "mailto:a@example.com"`, `128 iodef "mailto:a@example.com"`},
		{CAA, `0 issue ";"`, `0 issue ";"`},
		{CAA, `256 issue "a"`, ""},
		{CAA, `0 is-sue "a"`, ""},
		{CAA, `0 issue`, ""},
		{CAA, `0 issue a b`, ""},
		{CAA, `0 issue "` + strings.Repeat("x", 256) + `"`, ""},
		{"HTTPS", " 1 . ", "1 ."},
		{"HTTPS", " ", ""},
	} {
		got, err := Canonical(tt.typ, tt.in)
		if tt.want == "" {
			if err == nil {
				t.Errorf("Canonical(%s, %q) = %q, want an error", tt.typ, tt.in, got)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("Canonical(%s, %q) = %q, %v; want %q", tt.typ, tt.in, got, err, tt.want)
		}
		if again, err := Canonical(tt.typ, got); err != nil || again != got {
			t.Errorf("Canonical(%s, %q) = %q, %v; want it unchanged", tt.typ, got, again, err)
		}
	}
}

func TestStringsSurviveEitherNotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 255), func(b []byte) string { return string(b) })
		strs := rapid.SliceOfN(octets, 1, 3).Draw(t, "strings")
		if got, err := ParseStrings(FormatStrings(strs...)); err != nil || !slices.Equal(got, strs) {
			t.Errorf("decimal: %q, %v", got, err)
		}
		if got, err := ParseOctalStrings(FormatOctalStrings(strs...)); err != nil || !slices.Equal(got, strs) {
			t.Errorf("octal: %q, %v", got, err)
		}
	})
}

func TestOctal(t *testing.T) {
	for _, tt := range []struct {
		typ             Type
		octal, data, by string // by is how data is written, "" like octal
	}{
		{TXT, `"a\344"`, `"a\228"`, ""},
		{CNAME, `\052.Example.com`, `*.example.com.`, `\052.example.com.`},
		{PTR, `a\100b.example.com.`, `a\@b.example.com.`, `a\100b.example.com.`},
		{NAPTR, `1 2 u "" "\344\\1" \052.example.com`, `1 2 "u" "" "\228\\1" *.example.com.`, `1 2 "u" "" "\344\\1" \052.example.com.`},
		{CAA, `0 issue "\344"`, `0 issue "\228"`, ""},
		{MX, `10 mail.example.com`, `10 mail.example.com.`, `10 mail.example.com.`},
	} {
		data, err := CanonicalOctal(tt.typ, tt.octal)
		if data != tt.data || err != nil {
			t.Errorf("CanonicalOctal(%s, %q) = %q, %v; want %q", tt.typ, tt.octal, data, err, tt.data)
		}
		if got, want := FormatOctal(tt.typ, tt.data), tt.by; got != want && (want != "" || got != tt.octal) {
			t.Errorf("FormatOctal(%s, %q) = %q, want %q", tt.typ, tt.data, got, want)
		}
	}
	for typ, broken := range map[Type]string{TXT: `"open`, NAPTR: "1 2", CAA: "x"} {
		if data, err := CanonicalOctal(typ, broken); err == nil {
			t.Errorf("CanonicalOctal(%s, %q) = %q, want an error", typ, broken, data)
		}
		if got := FormatOctal(typ, broken); got != broken {
			t.Errorf("FormatOctal(%s, %q) = %q, want it unchanged", typ, broken, got)
		}
	}
}

func TestNewRecordSet(t *testing.T) {
	key := Key{Name: "www.example.com.", Type: AAAA}
	set, err := NewRecordSet(key, 300, "2001:DB8::2", "2001:db8::1", "2001:db8:0::2")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"2001:db8::1", "2001:db8::2"}, set.Data); d != "" {
		t.Errorf("data (-want +got):\n%s", d)
	}
	if _, err := NewRecordSet(key, 300); err == nil {
		t.Error("a set without values: no error")
	}
	if _, err := NewRecordSet(key, MaxTTL+1, "2001:db8::1"); err == nil {
		t.Error("a TTL above the limit: no error")
	}
	if _, err := NewRecordSet(key, 300, "2001:db8::1", "nonsense"); err == nil {
		t.Error("a bad value: no error")
	}
}

func TestEqualIgnoresSpelling(t *testing.T) {
	base := RecordSet{Key: Key{Name: "www.example.com.", Type: A, SetID: "blue"}, TTL: 60, Data: []string{"192.0.2.1"}, Routing: Weighted{10}}
	if !base.Equal(base.WithListed(Listed{Name: "WWW.example.com"})) {
		t.Error("a listed spelling makes sets differ")
	}
	alias := NewAlias(base.Key, Alias{Zone: "Z1", Target: "lb.example.net."})
	for what, other := range map[string]RecordSet{
		"TTL":          func() RecordSet { r := base; r.TTL = 61; return r }(),
		"data":         func() RecordSet { r := base; r.Data = []string{"192.0.2.2"}; return r }(),
		"routing":      func() RecordSet { r := base; r.Routing = Weighted{11}; return r }(),
		"no routing":   func() RecordSet { r := base; r.Routing = nil; return r }(),
		"identifier":   func() RecordSet { r := base; r.SetID = "green"; return r }(),
		"health check": func() RecordSet { r := base; r.HealthCheckID = "x"; return r }(),
		"opaque":       base.WithOpaque(map[string]string{"TrafficPolicyInstanceId": "1"}),
		"alias":        alias,
	} {
		if base.Equal(other) || other.Equal(base) {
			t.Errorf("sets that differ in %s are equal", what)
		}
	}
	if !alias.Equal(NewAlias(base.Key, Alias{Zone: "Z1", Target: "lb.example.net."})) {
		t.Error("equal aliases differ")
	}
}

// One value that is only spelled otherwise hides no other that differs.
func TestEqualComparesAllValues(t *testing.T) {
	key := Key{Name: "www.example.com.", Type: AAAA}
	set := func(values ...string) RecordSet {
		s, err := NewRecordSet(key, 300, values...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	have := set("2001:0DB8:0:0::1", "2001:db8::2")
	if !have.Equal(set("2001:db8::1", "2001:db8:0::2")) || !have.Equal(set("2001:db8::2", "2001:db8::1")) {
		t.Error("spelling or order makes sets differ")
	}
	if have.Equal(set("2001:db8::1", "2001:db8::3")) || have.Equal(set("2001:db8::1")) {
		t.Error("sets of different addresses are equal")
	}
}

func TestChange(t *testing.T) {
	a, err := NewRecordSet(Key{Name: "www.example.com.", Type: A}, 300, "192.0.2.1", "192.0.2.2")
	if err != nil {
		t.Fatal(err)
	}
	b := a
	b.TTL = 60
	for want, c := range map[Action]Change{Create: {New: &a}, Delete: {Old: &a}, Update: {Old: &a, New: &b}, Assert: {Old: &a, New: &a}} {
		if got := c.Action(); got != want || c.Key() != a.Key {
			t.Errorf("got %s of %s, want %s of %s", got, c.Key(), want, a.Key)
		}
	}
	if values, chars := (Group{{Old: &a, New: &b}}).Size(); values != 4 || chars != 36 {
		t.Errorf("an update of two values of nine characters: size %d, %d; want 4, 36", values, chars)
	}
}

func TestGroupNames(t *testing.T) {
	set := func(name Name) *RecordSet {
		return &RecordSet{Key: Key{Name: name, Type: A}, Data: []string{"192.0.2.1"}}
	}
	g := Group{{New: set("b.test.")}, {Old: set("a.test.")}, {Old: set("b.test."), New: set("b.test.")}}
	if d := cmp.Diff([]Name{"a.test.", "b.test."}, g.Names()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	alias := NewAlias(Key{Name: "x.test.", Type: A}, Alias{Target: "lb.test."})
	if values, chars := alias.Size(); values != 1 || chars != len("lb.test.") {
		t.Errorf("an alias counts %d values and %d characters", values, chars)
	}
}

func TestOpaque(t *testing.T) {
	fields := map[string]string{"TrafficPolicyInstanceId": "1", "CidrRoutingConfig": "x"}
	r := RecordSet{}.WithOpaque(fields)
	fields["later"] = "y"
	if d := cmp.Diff([]string{"CidrRoutingConfig", "TrafficPolicyInstanceId"}, r.Opaque()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := r.WithListed(Listed{}).Listed(); got.Name != "" || got.Values != nil || got.AliasTarget != "" {
		t.Errorf("nothing listed: %+v", got)
	}
}

func TestParseType(t *testing.T) {
	for in, want := range map[string]Type{"a": A, " cname ": CNAME, "NSEC3": "NSEC3", "": "", "A B": "", "ä": ""} {
		if got, err := ParseType(in); got != want || (err == nil) != (want != "") {
			t.Errorf("ParseType(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func FuzzParseStrings(f *testing.F) {
	for _, s := range []string{`"one" "two"`, `bare "q"`, `"\"\\"`, `"\065"`, `"\101"`, `"`, `""`, `a"b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, notation := range []struct {
			parse  func(string) ([]string, error)
			format func(...string) string
		}{{ParseStrings, FormatStrings}, {ParseOctalStrings, FormatOctalStrings}} {
			strs, err := notation.parse(s)
			if err != nil {
				continue
			}
			if again, err := notation.parse(notation.format(strs...)); err != nil || !slices.Equal(again, strs) {
				t.Errorf("%q reads as %q, which is printed as %s and reads as %q, %v", s, strs, notation.format(strs...), again, err)
			}
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, t := range []Type{A, AAAA, CNAME, TXT} {
		for _, v := range []string{"192.0.2.1", "::1", "a.b", `"x" y`, `"\"`, ""} {
			f.Add(string(t), v)
		}
	}
	f.Fuzz(func(t *testing.T, typ, value string) {
		got, err := Canonical(Type(typ), value)
		if err != nil {
			return
		}
		if again, err := Canonical(Type(typ), got); err != nil || again != got {
			t.Errorf("Canonical(%s, %q) = %q, then %q, %v", typ, value, got, again, err)
		}
	})
}

func TestReverse(t *testing.T) {
	for in, want := range map[string]Name{
		"192.0.2.17":  "17.2.0.192.in-addr.arpa.",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
	} {
		if got := Reverse(netip.MustParseAddr(in)); got != want {
			t.Errorf("Reverse(%s) = %s, want %s", in, got, want)
		}
	}
}
