package route53_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/route53"
)

// tagged is an account of 25 zones, of which some have tags: more than one call
// asks about.
func tagged(t *testing.T) *emulator.Server {
	t.Helper()
	server := emulator.New(emulator.Config{})
	for i := range 25 {
		options := []emulator.ZoneOption{emulator.WithID(fmt.Sprintf("Z%02d", i))}
		if i%5 == 0 {
			options = append(options, emulator.WithTag("team", "web"))
		}
		if i%10 == 0 {
			options = append(options, emulator.WithTag("stage", "live"))
		}
		if i == 7 {
			options = append(options, emulator.WithTag("team", "shop"), emulator.WithTag("note", ""))
		}
		if _, err := server.AddZone(fmt.Sprintf("z%02d.example.com", i), options...); err != nil {
			t.Fatal(err)
		}
	}
	return server
}

func TestZoneTags(t *testing.T) {
	server := tagged(t)
	for _, test := range []struct {
		tags  []string
		want  string
		calls int
	}{
		{[]string{"team=web"}, "Z00 Z05 Z10 Z15 Z20", 3},
		{[]string{"team"}, "Z00 Z05 Z07 Z10 Z15 Z20", 3},
		{[]string{"team=web", "stage=live"}, "Z00 Z10 Z20", 3},
		{[]string{"stage", "team=shop"}, "", 3},
		{[]string{"note="}, "Z07", 3},
		{[]string{"Team"}, "", 3},
		{[]string{""}, "all", 0},
	} {
		server.ResetCalls()
		p, err := route53.NewStatic("http://route53.test", server.RoundTripper(), route53.Options{ZoneTags: test.tags}, dns.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		zones, err := p.Zones(t.Context())
		var ids []string
		for _, z := range zones {
			ids = append(ids, z.ID)
		}
		switch got := strings.Join(ids, " "); {
		case test.want == "":
			if !errors.Is(err, provider.ErrNoZone) || !strings.Contains(provider.Hint(err), "--aws-zone-tags") {
				t.Errorf("%q: want ErrNoZone, got %v, %v", test.tags, ids, err)
			}
		case err != nil, test.want == "all" && len(zones) != 25, test.want != "all" && got != test.want:
			t.Errorf("%q: want %s, got %s, %v", test.tags, test.want, got, err)
		}
		asked := 0
		for _, c := range server.Calls() {
			if c.Action == "ListTagsForResources" {
				asked++
			}
		}
		if asked != test.calls {
			t.Errorf("%q: %d calls ask for tags, want %d", test.tags, asked, test.calls)
		}
	}
}

func TestZoneTagsDenied(t *testing.T) {
	server := tagged(t)
	if err := server.SetPolicy("signpost", []byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "route53:ListHostedZones", "Resource": "*"}]}`)); err != nil {
		t.Fatal(err)
	}
	p, err := route53.NewStatic("http://route53.test", server.RoundTripper(), route53.Options{ZoneTags: []string{"team"}}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Zones(t.Context())
	if want := "allow route53:ListTagsForResources on arn:aws:route53:::hostedzone/*"; !errors.Is(err, provider.ErrDenied) || !strings.Contains(provider.Hint(err), want) {
		t.Errorf("want ErrDenied with the hint %q, got %v with %q", want, err, provider.Hint(err))
	}
}

func TestZoneMatchParent(t *testing.T) {
	server := emulator.New(emulator.Config{})
	for id, name := range map[string]string{"Z1": "example.com", "Z2": "sub.example.com", "Z3": "other.example.com", "Z4": "example.net"} {
		if _, err := server.AddZone(name, emulator.WithID(id)); err != nil {
			t.Fatal(err)
		}
	}
	filter, err := dns.NewFilter([]string{"team.sub.example.com"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, up := range []bool{false, true} {
		p, err := route53.NewStatic("http://route53.test", server.RoundTripper(), route53.Options{ZoneMatchParent: up}, filter)
		if err != nil {
			t.Fatal(err)
		}
		zones, err := p.Zones(t.Context())
		if !up {
			if !errors.Is(err, provider.ErrNoZone) {
				t.Errorf("without the flag: got %v, %v", zones, err)
			}
			continue
		}
		want := []dns.Zone{{ID: "Z1", Name: "example.com."}, {ID: "Z2", Name: "sub.example.com."}}
		if diff := cmp.Diff(want, zones); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

// A zone of many record sets is asked for its quota, once an hour, and one that is
// nearly full is told of; where that may not be asked it is wished for. Zones that
// are not used are nobody's concern.
func TestQuota(t *testing.T) {
	const sets = 8200
	for _, test := range []struct {
		limit    int
		policy   string
		warnings int
		wishes   int
		other    bool // another zone is used
		asked    int  // calls while the zones are listed twice
	}{
		{limit: 9000, warnings: 1, asked: 1},
		{limit: 10_000, asked: 1},
		{limit: 9000, other: true},
		{limit: 9000, wishes: 1, asked: 2, policy: `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "route53:List*", "Resource": "*"}]}`},
	} {
		server, zone := account(t, emulator.Config{MaxRecordSets: test.limit})
		for done := 0; done < sets; {
			var some []emulator.Change
			for range min(1000, sets-done) {
				done++
				some = append(some, emulator.Change{Action: "CREATE", Set: emulator.RecordSet{
					Name: fmt.Sprintf("n%d.example.com", done), Type: "A", TTL: 5, Values: []string{"192.0.2.1"}}})
			}
			if err := server.Change(zone.ID, some...); err != nil {
				t.Fatal(err)
			}
		}
		if test.policy != "" {
			if err := server.SetPolicy("signpost", []byte(test.policy)); err != nil {
				t.Fatal(err)
			}
		}
		options := route53.Options{}
		if test.other {
			options.ZoneType = "private"
		}
		p, err := route53.NewStatic("http://route53.test", server.RoundTripper(), options, dns.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := p.Zones(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		warnings, wishes := p.Warnings(), p.Wishes()
		if len(warnings) != test.warnings || len(wishes) != test.wishes {
			t.Errorf("limit %d: want %d warnings and %d wishes, got %q and %q", test.limit, test.warnings, test.wishes, warnings, wishes)
		}
		if len(warnings) > 0 && !strings.HasPrefix(warnings[0], "the zone example.com ("+zone.ID+") is nearly full: it holds more than 90 % of the 9000") {
			t.Errorf("the warning is %q", warnings[0])
		}
		asked := 0
		for _, c := range server.Calls() {
			if c.Action == "GetHostedZoneLimit" {
				asked++
			}
		}
		if asked != test.asked {
			t.Errorf("%d calls ask for quotas, want %d", asked, test.asked)
		}
	}
}
