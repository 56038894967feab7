package dns

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// equalSets compares by meaning.
var equalSets = cmp.Comparer(func(a, b RecordSet) bool { return a.Equal(b) })

func TestParse(t *testing.T) {
	got, err := Parse("example.com.", `; a master file
$TTL 60
@       IN NS ns1
www     A 192.0.2.2      ; the TTL from above
        A 192.0.2.1
	A	192.0.2.1
mail 300 TXT ( "v=spf1; -all"   ; not a comment inside
               "second" )
$ORIGIN sub.example.com.
x       3600 IN CNAME www.example.com.
y       CNAME www
shop.example.com. ALIAS A lb.us-east-1.elb.amazonaws.com. zone=Z35 health=true
w 60 IN A 192.0.2.3 ;! id="blue one" weight=10 health-check=abc
`)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name Name, typ Type, ttl uint32, values ...string) RecordSet {
		r, err := NewRecordSet(Key{Name: name, Type: typ}, ttl, values...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	weighted := set("w.sub.example.com.", A, 60, "192.0.2.3")
	weighted.SetID, weighted.Routing, weighted.HealthCheckID = "blue one", Weighted{10}, "abc"
	want := []RecordSet{
		set("example.com.", NS, 60, "ns1.example.com"),
		set("www.example.com.", A, 60, "192.0.2.1", "192.0.2.2"),
		set("mail.example.com.", TXT, 300, `"v=spf1; -all" "second"`),
		set("x.sub.example.com.", CNAME, 3600, "www.example.com"),
		set("y.sub.example.com.", CNAME, 60, "www.sub.example.com"),
		NewAlias(Key{Name: "shop.example.com.", Type: A}, Alias{Zone: "Z35", Target: "lb.us-east-1.elb.amazonaws.com.", EvaluateHealth: true}),
		weighted,
	}
	if d := cmp.Diff(want, got, equalSets); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestParseNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"www 300 IN A 192.0.2.1\nwww 60 IN A 192.0.2.2": "line 2: www.example.com A: the records of one set share TTL and attributes",
		"\nwww 300 IN A nonsense":                       "line 2: A record",
		"   300 IN A 192.0.2.1":                         "line 1: the first record has no owner name",
		"$INCLUDE other":                                "line 1: directive $INCLUDE is not known",
		"www 300 IN":                                    "line 1: want OWNER TTL IN TYPE RDATA",
		"www ALIAS A lb.example.net.":                   "line 1: want OWNER ALIAS TYPE TARGET zone=ID",
		"www 9999999999 IN A 192.0.2.1":                 `line 1: TTL "9999999999"`,
		"www 300 IN A 192.0.2.1 ;! weight=heavy":        `line 1: weight "heavy"`,
		"www 300 IN A 192.0.2.1 ;! id":                  `line 1: attribute "id"`,
		"www 300 IN A 192.0.2.1 ;! wieght=1":            `line 1: attribute "wieght": want one of`,
		"www 300 IN A 192.0.2.1 ;! id=\"a":              `line 1: attribute "id=\"a"`,
		"www 300 IN A 192.0.2.1 ;! bias=near":           `line 1: bias "near"`,
		"www 300 IN A! 192.0.2.1":                       `line 1: record type "A!"`,
		"www 300 IN CNAME a b":                          "line 1: domain name",
		"www ALIAS A x. zone=Z health=maybe":            "line 1: want health=true or health=false",
		"www ALIAS A x. zone=Z health=true more":        "line 1: want health=true or health=false",
		"www 1 IN A 192.0.2.1 ;! id=a weight=1\nwww 1 IN A 192.0.2.2 ;! id=a weight=2": "line 2: www.example.com A [a]: the records of one set",
		"a..b 300 IN A 192.0.2.1":                      "line 1: domain name",
		"www ALIAS A x. zone=Z\nwww ALIAS A y. zone=Z": "line 2: www.example.com A: the records of one set",
	} {
		if _, err := Parse("example.com.", text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Parse(%q): got error %v, want %q", text, err, want)
		}
	}
}

func TestFormat(t *testing.T) {
	sets, err := Parse("example.com.", "www 300 IN A 192.0.2.1\n@ 60 IN TXT \"x\"\nother.test. 1 IN CNAME www\na ALIAS AAAA lb.test. zone=Z1 health=false\n")
	if err != nil {
		t.Fatal(err)
	}
	want := `$ORIGIN example.com.
@           60 IN TXT "x"
a           ALIAS AAAA lb.test. zone=Z1 health=false
www         300 IN A 192.0.2.1
other.test. 1 IN CNAME www.example.com.
`
	if d := cmp.Diff(want, Format("example.com.", sets)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// sets draws a record set of any kind.
func sets() *rapid.Generator[RecordSet] {
	routing := rapid.SampledFrom([]Routing{nil, Weighted{0}, Weighted{255}, Latency{"eu-west-1"}, Failover{"PRIMARY"},
		Geolocation{Continent: "EU"}, Geolocation{Country: "*"}, Geolocation{Country: "US", Subdivision: "NY"},
		Geoproximity{Region: "us-east-1", Bias: -5}, Geoproximity{Latitude: "1.0", Longitude: "-2.5"}, MultiValue{}})
	return rapid.Custom(func(t *rapid.T) RecordSet {
		key := Key{Name: names().Draw(t, "name")}
		r := RecordSet{Routing: routing.Draw(t, "routing")}
		if r.Routing != nil {
			key.SetID = rapid.StringMatching(`[a-zä "\\;=()\r\t]{1,8}`).Draw(t, "id")
			r.HealthCheckID = rapid.SampledFrom([]string{"", "abc"}).Draw(t, "health check")
		}
		switch key.Type = rapid.SampledFrom([]Type{A, AAAA, CNAME, TXT}).Draw(t, "type"); key.Type {
		case A:
			r.Data = []string{"192.0.2.1", "192.0.2.2"}
		case AAAA:
			r.Alias = &Alias{Zone: "Z1", Target: names().Draw(t, "target"), EvaluateHealth: rapid.Bool().Draw(t, "health")}
		case CNAME:
			r.Data = []string{string(names().Draw(t, "target"))}
		case TXT:
			r.Data = []string{FormatStrings(rapid.StringN(0, 40, 255).Draw(t, "text"))}
		}
		if r.Alias == nil {
			r.TTL = rapid.Uint32Range(0, MaxTTL).Draw(t, "TTL")
		}
		r.Key = key
		return r
	})
}

func TestPrintedSetsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfNDistinct(sets(), 0, 5, func(r RecordSet) Key { return r.Key }).Draw(t, "sets")
		origin := rapid.SampledFrom([]Name{Root, "example.com."}).Draw(t, "origin")
		text := Format(origin, want)
		got, err := Parse(origin, text)
		if err != nil {
			t.Fatalf("Parse: %v\n%s", err, text)
		}
		byKey := map[Key]RecordSet{}
		for _, r := range got {
			byKey[r.Key] = r
		}
		for _, r := range want {
			if !r.Equal(byKey[r.Key]) {
				t.Errorf("printed\n%s\nread as\n%s\nwant\n%s", text, byKey[r.Key], r)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d sets printed, %d read:\n%s", len(want), len(got), text)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("$ORIGIN example.com.\nwww 300 IN A 192.0.2.1 ;! id=a weight=1\n@ TXT \"x\" (\n\"y\" )")
	f.Add("x ALIAS A lb. zone=Z health=true")
	f.Fuzz(func(t *testing.T, text string) {
		sets, err := Parse("example.com.", text)
		if err != nil {
			return
		}
		for _, r := range sets {
			if (r.Alias == nil) == (len(r.Data) == 0) {
				t.Errorf("a set with neither or both of data and alias: %+v", r)
			}
			if !slices.Contains([]Type{A, AAAA, CNAME, NS, TXT}, r.Type) {
				return // RDATA of other types is carried as it stands
			}
		}
		again, err := Parse("", Format("example.com.", sets))
		if err != nil || len(again) != len(sets) {
			t.Fatalf("%d sets are printed, %d read, %v:\n%s", len(sets), len(again), err, Format("example.com.", sets))
		}
		if first, second := Format("example.com.", sets), Format("example.com.", again); first != second {
			t.Errorf("printed\n%s\nread and printed\n%s", first, second)
		}
	})
}
