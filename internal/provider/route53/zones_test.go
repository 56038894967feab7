package route53

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// account lists these zones, two a page, or none if listing is denied; it
// answers with the first record sets of each.
func account(denied bool, zones ...dns.Zone) transport {
	return func(r *http.Request) (*http.Response, error) {
		if id, ok := strings.CutPrefix(r.URL.Path, "/2013-04-01/hostedzone/"); ok {
			id = strings.TrimSuffix(id, "/rrset")
			for _, z := range zones {
				if z.ID == id {
					return reply(r, 200, firstSets(z)), nil
				}
			}
			return reply(r, 404, errorResponse("NoSuchHostedZone", "No hosted zone found with ID: "+id)), nil
		}
		if denied {
			return reply(r, 403, errorResponse("AccessDenied", "User is not authorized to perform: route53:ListHostedZones")), nil
		}
		start := 0
		_, _ = fmt.Sscanf(r.URL.Query().Get("marker"), "M%d", &start)
		var list strings.Builder
		end := min(start+2, len(zones))
		for _, z := range zones[start:end] {
			fmt.Fprintf(&list, "<HostedZone><Id>/hostedzone/%s</Id><Name>%s</Name><Config><PrivateZone>%t</PrivateZone></Config></HostedZone>",
				z.ID, z.Name.Octal(), z.Private)
		}
		return reply(r, 200, fmt.Sprintf("<ListHostedZonesResponse %s><HostedZones>%s</HostedZones><IsTruncated>%t</IsTruncated><NextMarker>M%d</NextMarker>"+
			"</ListHostedZonesResponse>", xmlns, &list, end < len(zones), end)), nil
	}
}

func firstSets(z dns.Zone) string {
	set := "<ResourceRecordSet><Name>%s</Name><Type>%s</Type><TTL>300</TTL><ResourceRecords><ResourceRecord><Value>%s</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
	return fmt.Sprintf("<ListResourceRecordSetsResponse %s><ResourceRecordSets>"+set+set+"</ResourceRecordSets><IsTruncated>false</IsTruncated></ListResourceRecordSetsResponse>",
		xmlns, z.Name, "A", "192.0.2.1", z.Name, "SOA", "ns1.example.net. hostmaster.example.net. 1 7200 900 1209600 86400")
}

var (
	public  = dns.Zone{ID: "Z0AAA", Name: "example.com."}
	inside  = dns.Zone{ID: "Z1AAA", Name: "example.com.", Private: true}
	below   = dns.Zone{ID: "Z2BBB", Name: "sub.example.com."}
	another = dns.Zone{ID: "Z3BBB", Name: "example.org."}
)

func TestZones(t *testing.T) {
	filter := func(include, exclude string) dns.Filter {
		return must(dns.NewFilter(strings.Fields(include), strings.Fields(exclude)))
	}
	tests := []struct {
		says    string
		denied  bool
		options Options
		filter  dns.Filter
		want    []dns.Zone
		wishes  int
	}{
		{says: "all", want: []dns.Zone{public, inside, below, another}},
		{says: "public", options: Options{ZoneType: "public"}, want: []dns.Zone{public, below, another}},
		{says: "private", options: Options{ZoneType: "private"}, want: []dns.Zone{inside}},
		{says: "end of an ID", options: Options{ZoneIDFilter: []string{"AAA"}}, want: []dns.Zone{public, inside}},
		{says: "complete IDs", options: Options{ZoneIDFilter: []string{"/hostedzone/Z2BBB", " Z0AAA ", ""}}, want: []dns.Zone{public, below}},
		{says: "an empty ID filters nothing", options: Options{ZoneIDFilter: []string{""}}, want: []dns.Zone{public, inside, below, another}},
		{says: "domain", filter: filter("example.com", "sub.example.com"), want: []dns.Zone{public, inside}},
		{says: "domain below the apex", filter: filter(".example.org", ""), want: []dns.Zone{another}},
		{says: "no listing, one ID", denied: true, options: Options{ZoneIDFilter: []string{"Z0AAA"}}, want: []dns.Zone{public}, wishes: 1},
		{says: "no listing, several IDs", denied: true, options: Options{ZoneIDFilter: []string{"/hostedzone/Z3BBB", "Z0AAA"}}, want: []dns.Zone{public, another}, wishes: 1},
		{says: "no listing, private by the filter", denied: true, options: Options{ZoneIDFilter: []string{"Z1AAA"}, ZoneType: "private"}, want: []dns.Zone{inside}, wishes: 1},
		{says: "no listing, another domain", denied: true, options: Options{ZoneIDFilter: []string{"Z0AAA"}}, filter: filter("example.org", ""), wishes: 1},
	}
	for _, test := range tests {
		p, err := NewStatic("http://route53.test", account(test.denied, another, inside, below, public), test.options, test.filter)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			zones, err := p.Zones(t.Context())
			if test.want == nil && errors.Is(err, provider.ErrNoZone) && strings.Contains(err.Error(), "which has example.com") {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", test.says, err)
			}
			if diff := cmp.Diff(test.want, zones); diff != "" && len(test.want)+len(zones) > 0 {
				t.Errorf("%s:\n%s", test.says, diff)
			}
		}
		wishes := p.Wishes()
		if len(wishes) != test.wishes || len(wishes) > 0 && !strings.HasPrefix(wishes[0], "route53:ListHostedZones ") {
			t.Errorf("%s: wishes are %q, want %d", test.says, wishes, test.wishes)
		}
	}
}

func TestZonesDenied(t *testing.T) {
	for _, test := range []struct {
		says  string
		ids   []string
		rt    transport
		cause string
		hint  string
	}{
		{"no ID to fall back on", nil, account(true, public), "ListHostedZones: AccessDenied", "--zone-id-filter"},
		{"the end of an ID", []string{"AAA"}, account(true, public), "ListHostedZones: ", "no zone AAA"},
		{"reading is denied too", []string{"Z0AAA"}, canned(403, errorResponse("AccessDenied", "no")), "ListResourceRecordSets in zone Z0AAA",
			"allow route53:ListResourceRecordSets on arn:aws:route53:::hostedzone/Z0AAA"},
		{"bad credentials", []string{"Z0AAA"}, canned(403, errorResponse("InvalidClientTokenId", "no")), "ListHostedZones: InvalidClientTokenId", "access key"},
	} {
		_, err := static(t, test.rt, Options{ZoneIDFilter: test.ids}).Zones(t.Context())
		if !errors.Is(err, provider.ErrDenied) || !strings.Contains(err.Error(), test.cause) || !strings.Contains(provider.Hint(err), test.hint) {
			t.Errorf("%s: want ErrDenied, %q and hint %q; got %v and %q", test.says, test.cause, test.hint, err, provider.Hint(err))
		}
	}
	_, err := static(t, canned(500, ""), Options{ZoneIDFilter: []string{"Z0AAA"}}).Zones(t.Context())
	if err == nil || errors.Is(err, provider.ErrDenied) {
		t.Errorf("a server's fault: got %v", err)
	}
}

// A zone keeps its type when listing is not permitted any more.
func TestZoneKeepsItsType(t *testing.T) {
	listed, denied := account(false, inside, public), account(true, inside, public)
	now := listed
	p, err := NewStatic("http://route53.test", transport(func(r *http.Request) (*http.Response, error) { return now(r) }),
		Options{ZoneIDFilter: []string{public.ID, inside.ID}}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, now = range []transport{listed, denied, denied} {
		zones, err := p.Zones(t.Context())
		if diff := cmp.Diff([]dns.Zone{public, inside}, zones); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}
