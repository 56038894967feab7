package claim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Each zone is written with "@owner" for a claim; asked for is the set of the
// line that begins with ">", which the zone holds, or does not hold with "?".
func TestFor(t *testing.T) {
	for name, test := range map[string]struct {
		replacement, prefix string
		zone                string
		want                []string // name of the TXT and owner, the one that counts first
	}{
		"new format": {zone: `
			> www 60 IN A 192.0.2.1
			a-www @me
			aaaa-www @other
			a-web @other`,
			want: []string{"a-www me"}},
		"new before old": {zone: `
			> www 60 IN A 192.0.2.1
			www @old
			a-www @new`,
			want: []string{"a-www new", "www old"}},
		"all three of an alias": {zone: `
			> www ALIAS A lb.example.net. zone=Z1
			www @old
			cname-www @older
			a-www @new`,
			want: []string{"a-www new", "cname-www older", "www old"}},
		"cname- is not for a plain A": {zone: `
			> www 60 IN A 192.0.2.1
			cname-www @me`},
		"cname- is not for an alias AAAA": {zone: `
			> www ALIAS AAAA lb.example.net. zone=Z1
			cname-www @me`},
		"the old format is not for AAAA": {zone: `
			> www 60 IN AAAA 2001:db8::1
			www @me`},
		"the old format at the apex is not for NS": {zone: `
			> example.com. 60 IN NS ns.example.net.
			@ 60 IN A 192.0.2.1
			@ @me`},
		"the old format at the apex is not for SOA": {zone: `
			> example.com. 900 IN SOA ns.example.net. admin.example.net. 1 7200 900 1209600 86400
			@ 60 IN A 192.0.2.1
			@ @me`},
		"the old format with no set but SOA": {zone: `
			> example.com. 900 IN SOA ns.example.net. admin.example.net. 1 7200 900 1209600 86400
			@ @me`},
		"the name that is written counts before others of its type": {prefix: "edns-%{record_type}.", zone: `
			> www 60 IN A 192.0.2.1
			edns-.a-www @old
			edns-a.www @new`,
			want: []string{"edns-a.www new", "edns-.a-www old"}},
		"the old format at the apex": {zone: `
			@ 60 IN NS ns.example.net.
			> example.com. 60 IN A 192.0.2.1
			@ @me`,
			want: []string{"@ me"}},
		"apex": {zone: `
			> example.com. 60 IN A 192.0.2.1
			_signpost-a @me
			_signpost-aaaa @other`,
			want: []string{"_signpost-a me"}},
		"with a prefix only prefixed": {prefix: "edns.", zone: `
			> www 60 IN A 192.0.2.1
			a-www @other
			edns.a-www @me`,
			want: []string{"edns.a-www me"}},
		"identifiers": {zone: `
			> www 60 IN A 192.0.2.1 ;! id=blue weight=1
			www 60 IN A 192.0.2.2 ;! id=green weight=1
			a-www @other ;! id=green weight=1
			a-www @me ;! id=blue weight=1`,
			want: []string{"a-www me"}},
		"identifiers do not fall back": {zone: `
			> www 60 IN A 192.0.2.1 ;! id=blue weight=1
			www @other`},

		"a-team as host, old format": {zone: `
			> a-team 60 IN A 192.0.2.1
			a-team @me`,
			want: []string{"a-team me"}},
		"a-team as host, and team exists": {zone: `
			> a-team 60 IN A 192.0.2.1
			team 60 IN A 192.0.2.2
			a-team @other`},
		"team exists, a-team too": {zone: `
			> team 60 IN A 192.0.2.1
			a-team 60 IN A 192.0.2.2
			a-team @me`,
			want: []string{"a-team me"}},
		"team exists with another type": {zone: `
			> a-team 60 IN A 192.0.2.1
			team 60 IN AAAA 2001:db8::1
			a-team @me`,
			want: []string{"a-team me"}},
		"team exists with another identifier": {zone: `
			> a-team 60 IN A 192.0.2.1
			team 60 IN A 192.0.2.1 ;! id=blue weight=1
			a-team @me`,
			want: []string{"a-team me"}},
		"team and a-team exist, each with an old claim": {zone: `
			> a-team 60 IN A 192.0.2.1
			team 60 IN A 192.0.2.2
			a-team @me/a-team
			team @me/team`,
			want: []string{"a-team me"}},
		"team and a-team exist, and team has both claims": {zone: `
			> a-team 60 IN A 192.0.2.1
			team 60 IN A 192.0.2.2
			a-team @me/team
			team @me/team`},
		"team and a-team exist, and a-team has both claims": {zone: `
			> team 60 IN A 192.0.2.2
			a-team 60 IN A 192.0.2.1
			a-team @me/a-team
			a-a-team @me/a-team
			team @me/team`,
			want: []string{"a-team me", "team me"}},
		"team is wanted, a-team is the host": {zone: `
			? team 60 IN A 192.0.2.1
			a-team 60 IN A 192.0.2.2
			a-team @other`},
		"left over": {zone: `
			? team 60 IN A 192.0.2.1
			a-team @me`,
			want: []string{"a-team me"}},
		"a CNAME's claim is not yet an alias's": {zone: `
			? www ALIAS A lb.example.net. zone=Z1
			www 60 IN CNAME lb.example.net.
			cname-www @me`},
		"twins share": {replacement: "any", zone: `
			> *.example.com. 60 IN A 192.0.2.1
			any 60 IN A 192.0.2.2
			a-any @me`,
			want: []string{"a-any me"}},
		"a claim is no set that another claims": {zone: `
			> www 60 IN A 192.0.2.1
			a-www @me
			a-a-www @other`,
			want: []string{"a-www me"}},
		"TXT sets are claimed too": {zone: `
			> www 60 IN TXT "hello"
			txt-www @me`,
			want: []string{"txt-www me"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := mustNaming(t, test.prefix, "", test.replacement)
			sets, set := readZone(t, test.zone)
			var got []string
			for _, f := range n.For(sets, set, zone) {
				if !f.Sole() {
					t.Errorf("%s is not sole", f.Set)
				}
				host := strings.TrimSuffix(strings.TrimSuffix(string(f.Set.Name), string(zone)), ".")
				if host == "" {
					host = "@"
				}
				got = append(got, host+" "+f.Claim.Owner)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestForSharedText(t *testing.T) {
	sets := mustSets(t, `
www 60 IN A 192.0.2.1
www 300 IN TXT "heritage=external-dns,external-dns/owner=me"
www 300 IN TXT "a value of someone else"`)
	n := mustNaming(t, "", "", "")
	found := n.For(sets, sets[0], zone)
	if len(found) != 1 || found[0].Claim.Owner != "me" || found[0].Sole() {
		t.Errorf("found %+v, want the claim of me in a set that is not its alone", found)
	}
}

func readZone(t *testing.T, text string) (sets []dns.RecordSet, asked dns.RecordSet) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		mark := line[0]
		line = strings.TrimLeft(line, ">? ")
		if at, claim, ok := strings.Cut(line, " @"); ok {
			owner, attributes, _ := strings.Cut(claim, " ")
			owner, resource, _ := strings.Cut(owner, "/")
			line = at + " 300 IN TXT " + Claim{Owner: owner, Resource: resource}.RDATA() + " " + attributes
		}
		read := mustSets(t, line)
		if mark == '>' || mark == '?' {
			asked = read[0]
		}
		if mark != '?' {
			sets = append(sets, read...)
		}
	}
	if asked.Name == "" {
		t.Fatal("no set is asked for")
	}
	return sets, asked
}
