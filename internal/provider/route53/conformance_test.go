package route53_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/providertest"
	"github.com/signpost-dns/signpost/internal/provider/route53"
)

// account is an emulated account with a public zone, and a private one of the
// same apex.
func account(t *testing.T, config emulator.Config) (*emulator.Server, dns.Zone) {
	t.Helper()
	server := emulator.New(config)
	id, err := server.AddZone("example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.AddZone("example.com", emulator.Private("eu-west-1", "vpc-1")); err != nil {
		t.Fatal(err)
	}
	return server, dns.Zone{ID: id, Name: "example.com."}
}

func client(t *testing.T, url string, rt http.RoundTripper) *route53.Provider {
	t.Helper()
	p, err := route53.NewStatic(url, rt, route53.Options{}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// foreign is what others left in a zone, in spellings that are not ours.
func foreign() []emulator.Change {
	create := func(set emulator.RecordSet) emulator.Change { return emulator.Change{Action: "CREATE", Set: set} }
	weight := int64(3)
	return []emulator.Change{
		create(emulator.RecordSet{Name: "UPPER.example.com", Type: "CNAME", TTL: 300, Values: []string{"Target.Example.NET"}}),
		create(emulator.RecordSet{Name: "*.example.com", Type: "AAAA", TTL: 300, Values: []string{"2001:DB8:0:0::1", "::2"}}),
		create(emulator.RecordSet{Name: `caf\303\251.example.com.`, Type: "TXT", TTL: 300, Values: []string{`"\141b"  "c"`, `"plain"`}}),
		create(emulator.RecordSet{Name: "alias.example.com.", Type: "A", Alias: &emulator.Alias{
			HostedZoneID: "Z35SXDOTRQ7X7K", DNSName: "DualStack.LB-1.us-east-1.elb.amazonaws.com"}}),
		create(emulator.RecordSet{Name: "mail.example.com.", Type: "MX", TTL: 300, Values: []string{"10  mx1.example.net", "20 MX2.example.net."}}),
		create(emulator.RecordSet{Name: "routed.example.com.", Type: "A", TTL: 5, SetIdentifier: "Some ID", Weight: &weight,
			Values: []string{"192.0.2.2", "192.0.2.1"}}),
	}
}

func TestConformance(t *testing.T) {
	for _, list := range []bool{false, true} {
		t.Run(fmt.Sprintf("messages as a list=%t", list), func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) (provider.Provider, dns.Zone) {
				server, zone := account(t, emulator.Config{MessageList: list})
				if err := server.Change(zone.ID, foreign()...); err != nil {
					t.Fatal(err)
				}
				if list {
					return client(t, "http://route53.test", server.RoundTripper()), zone
				}
				web := httptest.NewServer(server)
				t.Cleanup(web.Close)
				return client(t, web.URL, nil), zone
			})
		})
	}
}

// Point reads of names that lie close share calls, and never take more than one
// a name.
func TestCallsOfPointReads(t *testing.T) {
	server, zone := account(t, emulator.Config{})
	p := client(t, "http://route53.test", server.RoundTripper())
	for part := range 2 {
		var batch dns.Batch
		for i := range 1000 {
			set := dns.RecordSet{Key: dns.Key{Name: dns.Name(fmt.Sprintf("n%04d.example.com.", part*1000+i)), Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
			batch = append(batch, dns.Group{{New: &set}})
		}
		if err := p.Apply(t.Context(), zone, batch); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		names []dns.Name
		calls int
		sets  int
	}{
		{nil, 0, 0},
		{[]dns.Name{"n0007.example.com."}, 1, 1},
		{[]dns.Name{"none.example.com.", "none.example.com."}, 1, 0},
		{[]dns.Name{"n0007.example.com.", "n0007a.example.com.", "n0100.example.com.", "n0250.example.com."}, 1, 3},
		{[]dns.Name{"n0001.example.com.", "a-n0001.example.com.", "n1999.example.com."}, 2, 2},
		{[]dns.Name{"n1990.example.com.", "n1999.example.com.", "zz.example.com.", "*.zz.example.com."}, 1, 2},
	} {
		server.ResetCalls()
		sets, err := p.At(t.Context(), zone, test.names)
		if err != nil || len(sets) != test.sets {
			t.Errorf("%v: got %d record sets, %v, want %d", test.names, len(sets), err, test.sets)
		}
		if n := len(server.Calls()); n != test.calls {
			t.Errorf("%v: took %d calls, want %d", test.names, n, test.calls)
		}
	}
}

// The IAM policy that ExternalDNS's first tutorials show: no listing of zones.
func TestPolicyWithoutListing(t *testing.T) {
	server, zone := account(t, emulator.Config{})
	err := server.SetPolicy("signpost", []byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Action": ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"], "Resource": "arn:aws:route53:::hostedzone/*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := route53.NewStatic("http://route53.test", server.RoundTripper(), route53.Options{ZoneIDFilter: []string{zone.ID}}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	zones, err := p.Zones(t.Context())
	if err != nil || len(zones) != 1 || zones[0] != zone {
		t.Fatalf("got %v, %v, want %v", zones, err, zone)
	}
	set := dns.RecordSet{Key: dns.Key{Name: "x.example.com.", Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
	if err := p.Apply(t.Context(), zones[0], dns.Batch{{{New: &set}}}); err != nil {
		t.Error(err)
	}
}

// Trouble that the service makes, each by its kind.
func TestTrouble(t *testing.T) {
	server, zone := account(t, emulator.Config{})
	p := client(t, "http://route53.test", server.RoundTripper())
	set := dns.RecordSet{Key: dns.Key{Name: "x.example.com.", Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
	for _, test := range []struct {
		says    string
		fault   emulator.Fault
		kind    error // nil: unknown
		written bool
	}{
		{"throttled", emulator.Fault{Code: "Throttling"}, provider.ErrThrottled, false},
		{"busy", emulator.Fault{Code: "PriorRequestNotComplete"}, provider.ErrBusy, false},
		{"denied", emulator.Fault{Code: "AccessDenied"}, provider.ErrDenied, false},
		{"failing", emulator.Fault{Code: "InternalFailure"}, nil, false},
		{"cut before", emulator.Fault{Cut: true}, nil, false},
		{"cut after", emulator.Fault{Cut: true, After: true}, nil, true},
	} {
		server.Inject(test.fault)
		err := p.Apply(t.Context(), zone, dns.Batch{{{New: &set}}})
		var e *provider.Error
		if err == nil || errors.As(err, &e) != (test.kind != nil) || test.kind != nil && e.Kind != test.kind {
			t.Errorf("%s: want %v, got %v", test.says, test.kind, err)
		}
		held, err := p.At(t.Context(), zone, []dns.Name{set.Name})
		if err != nil || (len(held) == 1) != test.written {
			t.Errorf("%s: written is to be %t, and the zone holds %v, %v", test.says, test.written, held, err)
		}
	}
}

// A zone that is full says so; what makes room, or needs none, goes on.
func TestFullZone(t *testing.T) {
	for _, list := range []bool{false, true} {
		server, zone := account(t, emulator.Config{MaxRecordSets: 3, MessageList: list})
		p := client(t, "http://route53.test", server.RoundTripper())
		a := dns.RecordSet{Key: dns.Key{Name: "a.example.com.", Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
		b, later := a, a
		b.Name, later.TTL = "b.example.com.", 6
		for _, step := range []struct {
			change dns.Change
			want   error
		}{
			{dns.Change{New: &a}, nil},
			{dns.Change{New: &b}, provider.ErrFull},
			{dns.Change{Old: &a, New: &later}, nil},
			{dns.Change{Old: &later}, nil},
			{dns.Change{New: &b}, nil},
		} {
			err := p.Apply(t.Context(), zone, dns.Batch{{step.change}})
			if !errors.Is(err, step.want) || step.want != nil && provider.Hint(err) == "" {
				t.Errorf("%s %s: want %v, got %v", step.change.Action(), step.change.Key(), step.want, err)
			}
		}
	}
}

// Where IAM forbids the action DELETE, a change is denied and an upsert is not.
func TestUpsertWithoutDELETE(t *testing.T) {
	server, zone := account(t, emulator.Config{})
	p := client(t, "http://route53.test", server.RoundTripper())
	a := dns.RecordSet{Key: dns.Key{Name: "a.example.com.", Type: dns.A}, TTL: 5, Data: []string{"192.0.2.1"}}
	later := a
	later.TTL = 6
	if err := p.Apply(t.Context(), zone, dns.Batch{{{New: &a}}}); err != nil {
		t.Fatal(err)
	}
	if err := server.SetPolicy("signpost", []byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "route53:*", "Resource": "*"},
		{"Effect": "Deny", "Action": "route53:ChangeResourceRecordSets", "Resource": "*",
		 "Condition": {"ForAnyValue:StringEquals": {"route53:ChangeResourceRecordSetsActions": "DELETE"}}}]}`)); err != nil {
		t.Fatal(err)
	}
	batch := dns.Batch{{{Old: &a, New: &later}}}
	if err := p.Apply(t.Context(), zone, batch); !errors.Is(err, provider.ErrDenied) {
		t.Errorf("Apply: want ErrDenied, got %v", err)
	}
	if err := p.Upsert(t.Context(), zone, batch); err != nil {
		t.Errorf("Upsert: %v", err)
	}
	held, err := p.At(t.Context(), zone, []dns.Name{a.Name})
	if err != nil || len(held) != 1 || !held[0].Equal(later) {
		t.Errorf("want %v, got %v, %v", later, held, err)
	}
}
