package deploy_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/route53"
)

const (
	zoneID    = "Z0123456789EXAMPLE" // as in the documents
	otherID   = "Z9876543210EXAMPLE"
	accessKey = "signpost" // what NewStatic signs with
)

var (
	example = dns.Zone{ID: zoneID, Name: "example.com."}
	other   = dns.Zone{ID: otherID, Name: "example.net."}
)

// withPolicy returns the provider under one of the documents, for an account
// with the documents' zone and another one.
func withPolicy(t *testing.T, document string, options route53.Options) *route53.Provider {
	t.Helper()
	policy, err := os.ReadFile(filepath.Join("iam", document))
	if err != nil {
		t.Fatal(err)
	}
	service := emulator.New(emulator.Config{})
	for id, domain := range map[string]string{zoneID: "example.com", otherID: "example.net"} {
		if _, err := service.AddZone(domain, emulator.WithID(id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := service.SetPolicy(accessKey, policy); err != nil {
		t.Fatal(err)
	}
	p, err := route53.NewStatic("https://route53.amazonaws.com", service.RoundTripper(), options, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every document allows all that Signpost does in the documents' zone, and in
// another one only what it says.
func TestPoliciesAllowTheWork(t *testing.T) {
	for _, document := range zonal() {
		t.Run(document, func(t *testing.T) {
			p := withPolicy(t, document, route53.Options{ZoneIDFilter: []string{zoneID}})
			zones, err := p.Zones(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]dns.Zone{example}, zones); diff != "" {
				t.Errorf("zones (-want +got):\n%s", diff)
			}
			if err := work(t, p, example); err != nil {
				t.Errorf("in its own zone: %v", err)
			}
			err = work(t, p, other)
			if everywhere := document == "all-zones.json"; everywhere && err != nil || !everywhere && !errors.Is(err, provider.ErrDenied) {
				t.Errorf("in another zone: %v", err)
			}
		})
	}
}

// work reads a zone whole and in part, and makes, changes and deletes an address
// with its claim.
func work(t *testing.T, p *route53.Provider, zone dns.Zone) error {
	t.Helper()
	www, err := dns.ParseName("www." + zone.Name.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Page(t.Context(), zone, ""); err != nil {
		return err
	}
	if _, err := p.At(t.Context(), zone, []dns.Name{www}); err != nil {
		return err
	}
	return change(t.Context(), p, zone,
		parse(t, zone, "www 300 IN A 192.0.2.1\na-www 300 IN TXT \"heritage=external-dns,external-dns/owner=me\"\n"),
		parse(t, zone, "www 300 IN A 192.0.2.2\na-www 300 IN TXT \"heritage=external-dns,external-dns/owner=me\"\n"))
}

// change makes the first sets, has the second take their place, and deletes
// those.
func change(ctx context.Context, p *route53.Provider, zone dns.Zone, first, second []dns.RecordSet) error {
	var create, update, remove dns.Group
	for i := range first {
		create = append(create, dns.Change{New: &first[i]})
		update = append(update, dns.Change{Old: &first[i], New: &second[i]})
		remove = append(remove, dns.Change{Old: &second[i]})
	}
	for _, group := range []dns.Group{create, update, remove} {
		if err := p.Apply(ctx, zone, dns.Batch{group}); err != nil {
			return err
		}
	}
	return nil
}

func parse(t *testing.T, zone dns.Zone, text string) []dns.RecordSet {
	t.Helper()
	sets, err := dns.Parse(zone.Name, text)
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

func TestListingZonesIsAskedForWhereItIsMissing(t *testing.T) {
	for _, document := range zonal() {
		p := withPolicy(t, document, route53.Options{ZoneIDFilter: []string{zoneID}})
		if _, err := p.Zones(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, granted := grants[document]["route53:ListHostedZones"]
		if asked := len(p.Wishes()) > 0; asked == granted {
			t.Errorf("%s: ListHostedZones is granted: %t, and asked for: %q", document, granted, p.Wishes())
		}
	}
}

func TestNarrowPolicyAllowsTheTypesOnly(t *testing.T) {
	p := withPolicy(t, "narrow.json", route53.Options{})
	values := map[string]string{
		"A": "192.0.2.1", "AAAA": "2001:db8::1", "CNAME": "www.example.org.", "TXT": `"text"`,
		"MX": "10 mail.example.org.", "NS": "ns.example.org.", "CAA": `0 issue "ca.example.org"`,
	}
	allowed := []string{"A", "AAAA", "CNAME", "TXT"}
	for kind, value := range values {
		sets := parse(t, example, "x 300 IN "+kind+" "+value+"\n")
		err := change(t.Context(), p, example, sets, sets)
		if want := slices.Contains(allowed, kind); want && err != nil || !want && !errors.Is(err, provider.ErrDenied) {
			t.Errorf("%s: %v; to be allowed: %t", kind, err, want)
		}
	}
}
