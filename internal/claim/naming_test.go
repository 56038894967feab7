package claim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
)

const zone dns.Name = "example.com."

func mustNaming(t testing.TB, prefix, suffix, replacement string) Naming {
	t.Helper()
	n, err := NewNaming(prefix, suffix, replacement)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The names that ExternalDNS v0.22 was seen to write, and ours where its lie
// outside the zone. Affixes are in mixed case here and there: it folds them.
func TestNaming(t *testing.T) {
	for _, test := range []struct {
		prefix, suffix, replacement string
		of                          dns.Name
		typ                         dns.Type
		at                          dns.Name
		also                        []Reading // beside {of, typ}, which stands first unless firstIsAlso
		firstIsAlso                 bool
	}{
		{of: "www.example.com.", typ: "A", at: "a-www.example.com.", also: []Reading{{"a-www.example.com.", ""}}},
		{of: "www.example.com.", typ: "AAAA", at: "aaaa-www.example.com.", also: []Reading{{"aaaa-www.example.com.", ""}}},
		{of: "www.example.com.", typ: "CNAME", at: "cname-www.example.com.", also: []Reading{{"cname-www.example.com.", ""}}},
		{of: "www.example.com.", typ: "TXT", at: "txt-www.example.com.", also: []Reading{{"txt-www.example.com.", ""}}},
		{of: "a.b.example.com.", typ: "A", at: "a-a.b.example.com.", also: []Reading{{"a-a.b.example.com.", ""}}},
		{of: "example.com.", typ: "A", at: "_signpost-a.example.com.", also: []Reading{{"_signpost-a.example.com.", ""}}},
		{of: "example.com.", typ: "CNAME", at: "_signpost-cname.example.com.", also: []Reading{{"_signpost-cname.example.com.", ""}}},
		{of: "*.example.com.", typ: "A", at: "a-*.example.com.", also: []Reading{{"a-*.example.com.", ""}}},
		{replacement: "Any", of: "*.example.com.", typ: "A", at: "a-any.example.com.",
			also: []Reading{{"any.example.com.", "A"}, {"a-any.example.com.", ""}}},
		{replacement: "any", of: "any.example.com.", typ: "A", at: "a-any.example.com.", firstIsAlso: true,
			also: []Reading{{"*.example.com.", "A"}, {"a-any.example.com.", ""}}},

		{prefix: "eDNS-", of: "www.example.com.", typ: "A", at: "edns-a-www.example.com.", also: []Reading{{"a-www.example.com.", ""}}},
		{prefix: "edns.", of: "www.example.com.", typ: "A", at: "edns.a-www.example.com.", also: []Reading{{"a-www.example.com.", ""}}},
		{prefix: "edns.", of: "example.com.", typ: "A", at: "edns._signpost-a.example.com.", also: []Reading{{"_signpost-a.example.com.", ""}}},
		{prefix: "edns-%{record_type}.", of: "www.example.com.", typ: "A", at: "edns-a.www.example.com."},
		{prefix: "edns-%{RECORD_TYPE}.", of: "example.com.", typ: "CNAME", at: "edns-cname.example.com."},
		{prefix: "%{record_type}-", of: "www.example.com.", typ: "A", at: "a-www.example.com."},
		{prefix: "%{record_type}-", of: "example.com.", typ: "A", at: "a-_signpost-a.example.com.", also: []Reading{{"_signpost-a.example.com.", "A"}}},
		{prefix: "%{record_type}-edns.", of: "*.example.com.", typ: "AAAA", at: "aaaa-edns.*.example.com."},
		{prefix: "%{record_type}-edns.", replacement: "any", of: "*.example.com.", typ: "AAAA", at: "aaaa-edns.any.example.com.",
			also: []Reading{{"any.example.com.", "AAAA"}}},

		{suffix: "-edns", of: "www.example.com.", typ: "A", at: "a-www-edns.example.com.", also: []Reading{{"a-www.example.com.", ""}}},
		{suffix: "-edns", of: "example.com.", typ: "A", at: "_signpost-a-edns.example.com.", also: []Reading{{"_signpost-a.example.com.", ""}}},
		{suffix: "-%{record_type}", of: "www.example.com.", typ: "CNAME", at: "www-cname.example.com."},
		{suffix: "-.%{record_type}", of: "www.example.com.", typ: "CNAME", at: "www-.cname.example.com."},
		{suffix: "-.%{record_type}", of: "example.com.", typ: "A", at: "_signpost-a-.a.example.com.", also: []Reading{{"_signpost-a.example.com.", "A"}}},
		{suffix: ".edns.x", of: "www.a.example.com.", typ: "A", at: "a-www.edns.x.a.example.com.", also: []Reading{{"a-www.a.example.com.", ""}}},
	} {
		t.Run(test.prefix+"|"+test.suffix+"|"+test.replacement+"|"+string(test.of)+string(test.typ), func(t *testing.T) {
			n := mustNaming(t, test.prefix, test.suffix, test.replacement)
			at, err := n.Name(dns.Key{Name: test.of, Type: test.typ}, zone)
			if err != nil || at != test.at {
				t.Errorf("name %s, %v; want %s", at, err, test.at)
			}
			want := append([]Reading{{test.of, test.typ}}, test.also...)
			if test.firstIsAlso {
				want[0], want[1] = want[1], want[0]
			}
			if diff := cmp.Diff(want, n.Reads(test.at, zone)); diff != "" {
				t.Errorf("readings of %s: %s", test.at, diff)
			}
			if got := n.Candidates(test.of, zone, []dns.Type{test.typ}); !slices.Contains(got, test.at) {
				t.Errorf("candidates of %s: %v, without %s", test.of, got, test.at)
			}
		})
	}
}

func TestReads(t *testing.T) {
	for _, test := range []struct {
		prefix, suffix, replacement string
		txt                         dns.Name
		want                        []Reading
	}{
		// a host name that looks like a claim's is one in the old format
		{txt: "a-team.example.com.", want: []Reading{{"team.example.com.", "A"}, {"a-team.example.com.", ""}}},
		{txt: "mx-1.example.com.", want: []Reading{{"1.example.com.", "MX"}, {"mx-1.example.com.", ""}}},
		{txt: "caa-www.example.com.", want: []Reading{{"www.example.com.", "CAA"}, {"caa-www.example.com.", ""}}},
		{txt: "tlsa-_443._tcp.www.example.com.", want: []Reading{{"_443._tcp.www.example.com.", "TLSA"}, {"tlsa-_443._tcp.www.example.com.", ""}}},
		{txt: "https-www.example.com.", want: []Reading{{"https-www.example.com.", ""}}},
		{txt: "www.example.com.", want: []Reading{{"www.example.com.", ""}}},
		{txt: "a-.example.com.", want: []Reading{{"a-.example.com.", ""}}},
		{txt: "example.com.", want: []Reading{{"example.com.", ""}}},
		{txt: "a-example.com.", want: nil}, // not in the zone
		{txt: "any.example.com.", replacement: "any", want: []Reading{{"*.example.com.", ""}, {"any.example.com.", ""}}},
		{txt: "a-*.example.com.", replacement: "any", want: []Reading{{"a-*.example.com.", ""}}},

		{prefix: "edns.", txt: "edns.www.example.com.", want: []Reading{{"www.example.com.", ""}}},
		{prefix: "edns.", txt: "edns.example.com.", want: []Reading{{"example.com.", ""}}},
		{prefix: "edns.", txt: "a-www.example.com.", want: nil},
		{prefix: "edns.", txt: "_signpost-a.example.com.", want: nil},
		{prefix: "example.", txt: "example.com.", want: nil}, // "com" is not in the zone
		{prefix: "edns-%{record_type}.", txt: "edns-.www.example.com.", want: []Reading{{"www.example.com.", ""}}},
		{prefix: "edns-%{record_type}.", txt: "edns-.a-www.example.com.", want: []Reading{{"www.example.com.", "A"}, {"a-www.example.com.", ""}}},
		// no separator: both sets have their claim there
		{prefix: "e%{record_type}", txt: "eaaaawww.example.com.",
			want: []Reading{{"www.example.com.", "AAAA"}, {"aaawww.example.com.", "A"}, {"aaaawww.example.com.", ""}}},

		// as many labels are looked at as the suffix has dots
		{suffix: ".edns", txt: "www.edns.example.com.", want: []Reading{{"www.example.com.", ""}}},
		{suffix: ".edns", txt: "a.b.edns.example.com.", want: nil},
		{suffix: "-edns", txt: "edns.example.com.", want: nil},
		{suffix: "-edns", txt: "-edns.example.com.", want: nil},
		{suffix: "-edns", txt: "aaaa-edns.example.com.", want: []Reading{{"aaaa.example.com.", ""}}},
		// an escaped dot ends no label, and escapes are not torn
		{suffix: ".edns", txt: `a-www\.edns.example.com.`, want: nil},
		{suffix: "01", txt: `a-www\001.example.com.`, want: nil},
		{txt: `a-w\.w.example.com.`, want: []Reading{{`w\.w.example.com.`, "A"}, {`a-w\.w.example.com.`, ""}}},
	} {
		t.Run(test.prefix+"|"+test.suffix+"|"+string(test.txt), func(t *testing.T) {
			n := mustNaming(t, test.prefix, test.suffix, test.replacement)
			if diff := cmp.Diff(test.want, n.Reads(test.txt, zone)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCandidates(t *testing.T) {
	for _, test := range []struct {
		prefix, suffix string
		of             dns.Name
		types          []dns.Type
		want           []dns.Name
	}{
		{of: "www.example.com.", types: []dns.Type{"A", "AAAA", "CNAME"},
			want: []dns.Name{"a-www.example.com.", "aaaa-www.example.com.", "cname-www.example.com.", "www.example.com."}},
		{of: "www.example.com.", types: []dns.Type{"A"}, want: []dns.Name{"a-www.example.com.", "cname-www.example.com.", "www.example.com."}},
		{of: "example.com.", types: []dns.Type{"AAAA"}, want: []dns.Name{"example.com.", "_signpost-aaaa.example.com."}},
		{of: "example.com.", types: []dns.Type{"AAAA"}, prefix: "edns.",
			want: []dns.Name{"edns._signpost-aaaa.example.com.", "edns.example.com."}},
		{of: "www.example.com.", types: []dns.Type{"AAAA"}, suffix: "-%{record_type}",
			want: []dns.Name{"aaaa-www-.example.com.", "www-.example.com.", "www-aaaa.example.com."}},
		{of: "www.example.com.", types: nil, want: []dns.Name{"www.example.com."}},
		{of: "www.example.org.", types: []dns.Type{"A"}, want: nil},
	} {
		n := mustNaming(t, test.prefix, test.suffix, "")
		if diff := cmp.Diff(test.want, n.Candidates(test.of, zone, test.types)); diff != "" {
			t.Errorf("%s %s of %s %v: %s", test.prefix, test.suffix, test.of, test.types, diff)
		}
	}
}

func TestNewNamingErrors(t *testing.T) {
	for _, test := range []struct{ prefix, suffix, replacement, want string }{
		{"a-", "-b", "", "mutual exclusive: keep the one"},
		{"a b", "", "", `txt-prefix "a b": use letters`},
		{"", "é", "", `txt-suffix "é": use letters`},
		{`a"`, "", "", "use letters"},
		{`a\.`, "", "", "use letters"},
		{"*.", "", "", "use letters"},
		{"%{recordtype}-", "", "", "only template is %{record_type}"},
		{"50%-", "", "", "only template is"},
		{".edns.", "", "", "must not begin with a dot"},
		{"edns..", "", "", "a label is empty"},
		{"", "-edns.", "", "nor a suffix end in one"},
		{strings.Repeat("x", 64), "", "", "longer than 63"},
		{"", "", "a.b", "one label"},
		{"", "", "*", "one label"},
		{"", "", strings.Repeat("x", 64), "one label"},
	} {
		_, err := NewNaming(test.prefix, test.suffix, test.replacement)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q %q %q: error %v, want %q", test.prefix, test.suffix, test.replacement, err, test.want)
		}
	}
}

func TestNameErrors(t *testing.T) {
	long := dns.Name(strings.Repeat("x", 62) + ".example.com.")
	deep := dns.Name(strings.Repeat("x.", 120) + string(zone))
	for _, test := range []struct {
		prefix string
		key    dns.Key
		want   string
	}{
		{"", dns.Key{Name: long, Type: dns.A}, "shorten the host name or the affix"},
		{"edns.", dns.Key{Name: deep, Type: dns.A}, "longer than 255"},
		{strings.Repeat("x", 57) + "-", dns.Key{Name: zone, Type: dns.A}, "claim of the apex example.com A: shorten the affix"},
		{"", dns.Key{Name: "www.example.com.", Type: "HTTPS"}, "no claims for sets of type HTTPS"},
		{"", dns.Key{Name: "www.example.org.", Type: dns.A}, "outside the zone example.com."},
	} {
		n := mustNaming(t, test.prefix, "", "")
		at, err := n.Name(test.key, zone)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q, error %v, want %q", test.key, at, err, test.want)
		}
	}
	if at, err := (Naming{}).Name(dns.Key{Name: "www.example.com.", Type: dns.A}, zone); err == nil {
		t.Errorf("the zero value names a claim: %s", at)
	}
	if got := (Naming{}).Reads("_signpost-a.example.com.", zone); got != nil {
		t.Errorf("the zero value reads a claim: %v", got)
	}
}

// Where the apex's claim of one deployment lies, another with other affixes
// reads none, even if both have one owner id.
func TestApexClaimsOfOtherAffixes(t *testing.T) {
	affixes := [][2]string{{}, {"edns.", ""}, {"edns-", ""}, {"%{record_type}-", ""}, {"", "-edns"}, {"", "-%{record_type}"}, {"", ".%{record_type}"}}
	for _, mine := range affixes {
		at, err := mustNaming(t, mine[0], mine[1], "").Name(dns.Key{Name: zone, Type: dns.A}, zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, others := range affixes {
			reads := mustNaming(t, others[0], others[1], "").Reads(at, zone)
			if slices.Contains(reads, Reading{zone, dns.A}) != (mine == others) {
				t.Errorf("with affixes %q the claim lies at %s; with %q it reads as %v", mine, at, others, reads)
			}
		}
	}
}

// TestWritten holds where claims are written in each format.
func TestWritten(t *testing.T) {
	alias := mustSets(t, "www ALIAS A lb.example.net. zone=Z1")[0]
	alias6 := mustSets(t, "www ALIAS AAAA lb.example.net. zone=Z1")[0]
	plain := mustSets(t, "www 60 IN A 192.0.2.1")[0]
	for _, test := range []struct {
		version Version
		set     dns.RecordSet
		want    dns.Name
	}{
		{V022, alias, "edns-a.www.example.com."}, {V021, alias, "edns-cname.www.example.com."},
		{V022, alias6, "edns-aaaa.www.example.com."}, {V021, alias6, "edns-aaaa.www.example.com."},
		{V022, plain, "edns-a.www.example.com."}, {V021, plain, "edns-a.www.example.com."}, {"", alias, "edns-a.www.example.com."},
	} {
		n := mustNaming(t, "edns-%{record_type}.", "", "").WithVersion(test.version)
		if at, err := n.At(test.set, zone); err != nil || at != test.want {
			t.Errorf("as %q the claim of %s lies at %s, %v; want %s", test.version, test.set.Key, at, err, test.want)
		}
	}
}

func TestFormerAffixes(t *testing.T) {
	n := mustNaming(t, "new.", "", "").WithFormer(mustNaming(t, "edns.", "", ""), mustNaming(t, "", "-x", ""))
	sets := mustSets(t, `
www 60 IN A 192.0.2.1
edns.a-www 300 IN TXT "heritage=external-dns,external-dns/owner=prefix"
a-www-x 300 IN TXT "heritage=external-dns,external-dns/owner=suffix"
new.www 300 IN TXT "heritage=external-dns,external-dns/owner=old"
new.a-www 300 IN TXT "heritage=external-dns,external-dns/owner=now"
other.a-www 300 IN TXT "heritage=external-dns,external-dns/owner=other"`)
	var got []string
	for _, f := range n.For(sets, sets[0], zone) {
		got = append(got, fmt.Sprint(f.Claim.Owner, " ", f.Former))
	}
	if diff := cmp.Diff([]string{"now false", "old false", "prefix true", "suffix true"}, got); diff != "" {
		t.Error(diff)
	}
	for at, want := range map[dns.Name]bool{
		"edns.a-www.example.com.": true, "a-www-x.example.com.": true, "new.a-www.example.com.": false, "other.a-www.example.com.": false,
	} {
		if n.Former(at, zone) != want {
			t.Errorf("%s: former %t, want %t", at, !want, want)
		}
	}
	if at, err := n.At(sets[0], zone); err != nil || at != "new.a-www.example.com." {
		t.Errorf("the claim is written at %s, %v", at, err)
	}
	candidates := n.Candidates("www.example.com.", zone, []dns.Type{dns.A})
	for _, at := range []dns.Name{"edns.a-www.example.com.", "edns.www.example.com.", "a-www-x.example.com.", "new.a-www.example.com."} {
		if !slices.Contains(candidates, at) {
			t.Errorf("candidates %v, without %s", candidates, at)
		}
	}
}
