package claim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
)

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		rdata string
		want  Claim
		ok    bool
	}{
		"full": {`"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/nginx"`,
			Claim{Owner: "me", Resource: "service/default/nginx"}, true},
		"old, without resource": {`"heritage=external-dns,external-dns/owner=owner"`, Claim{Owner: "owner"}, true},
		"bare":                  {`heritage=external-dns,external-dns/owner=me`, Claim{Owner: "me"}, true},
		"any order":             {`"external-dns/owner=me,heritage=external-dns"`, Claim{Owner: "me"}, true},
		"escapes":               {`"heritage\061external-dns,external-dns/owner=m\e"`, Claim{Owner: "me"}, true},
		"no owner":              {`"heritage=external-dns"`, Claim{}, true},
		"other labels": {`"heritage=external-dns,external-dns/dualstack=true,external-dns/owner=me"`,
			Claim{Owner: "me", Labels: map[string]string{"dualstack": "true"}}, true},
		"key without slash": {`"heritage=external-dns,external-dnsx=1"`,
			Claim{Labels: map[string]string{"external-dnsx": "1"}}, true},
		"items of others":        {`"heritage=external-dns,,x,y=z,external-dns/owner=me"`, Claim{Owner: "me"}, true},
		"equals sign in a value": {`"heritage=external-dns,external-dns/owner=a=b"`, Claim{Owner: "a=b"}, true},
		"last of a key counts":   {`"heritage=external-dns,external-dns/owner=a,external-dns/owner=b"`, Claim{Owner: "b"}, true},
		"seam in the owner": {`"heritage=external-dns,external-dns/owner=m" "e"`,
			Claim{Owner: `m" "e`}, true},
		"seam in the resource": {`"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/d" "efault/nginx"`,
			Claim{Owner: "me", Resource: `service/d" "efault/nginx`}, true},

		"empty":        {``, Claim{}, false},
		"empty string": {`""`, Claim{}, false},
		"other text":   {`"v=spf1 -all"`, Claim{}, false},
		"external-ips": {`"heritage=external-ips,external-ips/owner=me,external-ips/resource=service/default/other"`,
			Claim{Owner: "me", Heritage: ExternalIPs}, true},
		"external-ips and ours": {`"heritage=external-ips,heritage=external-dns"`, Claim{}, false},
		"other heritage":        {`"heritage=mate,external-dns/owner=me"`, Claim{}, false},
		"two heritages":         {`"heritage=external-dns,heritage=mine"`, Claim{}, false},
		"no heritage":           {`"external-dns/owner=me"`, Claim{}, false},
		"quotes in the value":   {`"\"heritage=external-dns,external-dns/owner=me\""`, Claim{}, false},
		"letter case":           {`"Heritage=external-dns"`, Claim{}, false},
		"encrypted":             {`"YWJjZGVmZ2hpams="`, Claim{}, false},
		"torn":                  {`"heritage=external-dns`, Claim{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Parse(test.rdata)
			if ok != test.ok {
				t.Errorf("ok = %t, want %t", ok, test.ok)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRDATA(t *testing.T) {
	for name, test := range map[string]struct {
		c    Claim
		want string
	}{
		"full": {Claim{Owner: "me", Resource: "service/default/nginx"},
			`"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/nginx"`},
		"no resource": {Claim{Owner: "me"}, `"heritage=external-dns,external-dns/owner=me"`},
		"sorted": {Claim{Owner: "me", Resource: "node/n", Labels: map[string]string{"zone": "", "dualstack": "true", "p": "q"}},
			`"heritage=external-dns,external-dns/dualstack=true,external-dns/owner=me,external-dns/p=q,external-dns/resource=node/n,external-dns/zone="`},
		"the fields count": {Claim{Owner: "me", Labels: map[string]string{"owner": "you", "resource": "x"}},
			`"heritage=external-dns,external-dns/owner=me"`},
		"the largest that fits": {Claim{Owner: "me", Resource: strings.Repeat("r", 189)},
			`"heritage=external-dns,external-dns/owner=me,external-dns/resource=` + strings.Repeat("r", 189) + `"`},
		"cut": {Claim{Owner: "me", Resource: "service/default/" + strings.Repeat("r", 174)},
			`"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/` + strings.Repeat("r", 164) + `~88781a57"`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.c.RDATA()); diff != "" {
				t.Error(diff)
			}
			if canonical, err := dns.Canonical(dns.TXT, test.c.RDATA()); err != nil || canonical != test.c.RDATA() {
				t.Errorf("canonical form: %s, %v", canonical, err)
			}
		})
	}
}

func TestRDATADropsLabelsForTheResource(t *testing.T) {
	c := Claim{
		Owner:    strings.Repeat("o", MaxOwner),
		Resource: "service/default/nginx-with-a-name-of-some-length",
		Labels:   map[string]string{"other": "large enough to leave no room"},
	}
	want := Claim{Owner: c.Owner, Resource: c.Resource}
	if got := c.RDATA(); got != want.RDATA() {
		t.Errorf("got %s, want %s", got, want.RDATA())
	}
}

func drawOwner(t *rapid.T) string {
	return rapid.StringMatching(`[ !#-+\-./0-9:-\[\]-~]{1,128}`).Draw(t, "owner")
}

func drawClaim(t *rapid.T) Claim {
	c := Claim{
		Owner:    drawOwner(t),
		Resource: rapid.StringMatching(`([a-z]{1,20}/[a-z0-9-]{1,63}/[a-z0-9.-]{1,253})?`).Draw(t, "resource"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "labels") {
		if c.Labels == nil {
			c.Labels = map[string]string{}
		}
		c.Labels[rapid.StringMatching(`x[a-z/-]{0,20}`).Draw(t, "key")] = rapid.StringMatching(`[a-z="\\ ]{0,40}`).Draw(t, "value")
	}
	return c
}

func TestClaimProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawClaim(t)
		rdata := c.RDATA()
		got, ok := Parse(rdata)
		if !ok || got.Owner != c.Owner {
			t.Fatalf("%s reads as %v %+v", rdata, ok, got)
		}
		if strs, err := dns.ParseStrings(rdata); err != nil || len(strs) != 1 {
			t.Fatalf("%s: %q, %v: want one character-string that fits", rdata, strs, err)
		}
		if !got.Names(c.Resource) || got.Names(c.Resource+"x") {
			t.Fatalf("%s: Names(%q) is wrong", rdata, c.Resource)
		}
		if kind, _, _ := strings.Cut(c.Resource, "/"); !strings.HasPrefix(got.Resource, kind) {
			t.Fatalf("%s: the kind %s is lost", rdata, kind)
		}
		if got.RDATA() != rdata {
			t.Fatalf("%s is written back as %s", rdata, got.RDATA())
		}
		if len(c.text()) <= maxString && !cmp.Equal(got, c) {
			t.Fatal(cmp.Diff(c, got))
		}
	})
}

func TestValidateOwner(t *testing.T) {
	for _, owner := range []string{"default", "my-identifier", "kops-a.example.com", "a=b", "two words", strings.Repeat("o", MaxOwner)} {
		if err := ValidateOwner(owner); err != nil {
			t.Errorf("%q: %v", owner, err)
		}
		if c, _ := Parse(Claim{Owner: owner}.RDATA()); c.Owner != owner {
			t.Errorf("%q reads back as %q", owner, c.Owner)
		}
	}
	for owner, want := range map[string]string{
		"":                              "give every deployment",
		"a,b":                           "',' cannot stand",
		`a"b`:                           `'"' cannot stand`,
		`a\b`:                           `'\\' cannot stand`,
		"a\nb":                          `'\n' cannot stand`,
		"zoë":                           "'ë' cannot stand",
		"\xff":                          "cannot stand",
		strings.Repeat("o", MaxOwner+1): "longer than 128 octets",
	} {
		if err := ValidateOwner(owner); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", owner, err, want)
		}
	}
}

func TestSet(t *testing.T) {
	claimed := mustSets(t, `www 60 IN A 192.0.2.1 ;! id=blue weight=10 health-check=abc`)[0]
	got := Set(Claim{Owner: "me", Resource: "service/default/nginx"}, "a-www.example.com.", claimed)
	want := mustSets(t, `a-www 300 IN TXT "heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/nginx" ;! id=blue weight=10 health-check=abc`)[0]
	if !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/nginx"`,
		`"heritage=external-dns,external-dns/owner=m" "e"`, `heritage=external-dns,external-dns/=`, `"\"heritage=external-dns\""`,
		`"heritage=external-dns,external-dns/owner=\000\255\"\\"`, `"v=spf1 -all"`, `"`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rdata string) {
		c, ok := Parse(rdata)
		if !ok {
			if !cmp.Equal(c, Claim{}) {
				t.Errorf("no claim, but %+v", c)
			}
			return
		}
		if len(c.text()) > maxString { // of several character-strings
			return
		}
		again, ok := Parse(c.RDATA())
		if !ok || !cmp.Equal(c, again) {
			t.Errorf("%q: %+v is written as %s and read as %+v", rdata, c, c.RDATA(), again)
		}
	})
}

// mustSets reads zone-file notation with names below example.com.
func mustSets(t *testing.T, text string) []dns.RecordSet {
	t.Helper()
	sets, err := dns.Parse("example.com.", text)
	if err != nil {
		t.Fatal(err)
	}
	return sets
}
