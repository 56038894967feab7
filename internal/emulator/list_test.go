package emulator_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// TestOrder is the order that the API's reference page describes.
func TestOrder(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	must(t, srv, zone,
		create(set("www.example.com", "TXT", `"x"`)), create(set("www.example.com", "A", "192.0.2.1")),
		create(set("a.www.example.com", "A", "192.0.2.1")), create(set("www-a.example.com", "A", "192.0.2.1")),
		create(set("www0.example.com", "A", "192.0.2.1")), create(set("*.example.com", "A", "192.0.2.1")),
		create(set("_acme.example.com", "TXT", `"x"`)), create(set(`b\056c.example.com`, "A", "192.0.2.1")),
		create(weighted("2", 1, set("w.example.com", "A", "192.0.2.1"))), create(weighted("1", 1, set("w.example.com", "A", "192.0.2.1"))))
	var got []string
	for _, r := range srv.RecordSets(zone) {
		got = append(got, r.Name+" "+r.Type+r.SetIdentifier)
	}
	want := []string{
		"example.com. NS", "example.com. SOA", `\052.example.com. A`, "_acme.example.com. TXT", `b\056c.example.com. A`, "w.example.com. A1", "w.example.com. A2",
		"www-a.example.com. A", // "-" comes before the dot that ends "www."
		"www.example.com. A", "www.example.com. TXT", "a.www.example.com. A", "www0.example.com. A",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

// TestPaging: whatever the page size, the pages one after the other are the zone.
func TestPaging(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		srv := emulator.New(emulator.Config{})
		zone, err := srv.AddZone("example.com")
		if err != nil {
			rt.Fatal(err)
		}
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c*-]{1,2}(\.[a-c])?`), 0, 20, rapid.ID).Draw(rt, "names")
		for i, n := range names {
			if i%3 == 0 {
				err = srv.Change(zone, create(weighted("a", 1, set(n+".example.com", "A", "192.0.2.1"))), create(weighted("b", 1, set(n+".example.com", "A", "192.0.2.2"))))
			} else {
				err = srv.Change(zone, create(set(n+".example.com", "A", "192.0.2.1")), create(set(n+".example.com", "TXT", `"x"`)))
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		var want []string
		for _, r := range srv.RecordSets(zone) {
			want = append(want, r.Name+r.Type+r.SetIdentifier)
		}
		size := int32(rapid.IntRange(1, 10).Draw(rt, "size"))
		c := client(srv, accessKey)
		in := &route53.ListResourceRecordSetsInput{HostedZoneId: &zone, MaxItems: &size}
		var got []string
		for {
			page, err := c.ListResourceRecordSets(rt.Context(), in)
			if err != nil {
				rt.Fatal(err)
			}
			for _, r := range page.ResourceRecordSets {
				got = append(got, *r.Name+string(r.Type)+aws.ToString(r.SetIdentifier))
			}
			if !page.IsTruncated {
				break
			}
			if len(page.ResourceRecordSets) != int(size) {
				rt.Fatalf("a page of %d, want %d", len(page.ResourceRecordSets), size)
			}
			in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = page.NextRecordName, page.NextRecordType, page.NextRecordIdentifier
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("pages %v, want %v", got, want)
		}
	})
}

func TestListStart(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	var all []emulator.Change
	for i := range 400 {
		all = append(all, create(set(fmt.Sprintf("n%03d.example.com", i), "A", "192.0.2.1")))
	}
	must(t, srv, zone, all...)
	c := client(srv, accessKey)
	list := func(name, typ, id string, items int32) (*route53.ListResourceRecordSetsOutput, error) {
		in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("/hostedzone/" + zone), StartRecordType: types.RRType(typ)}
		if name != "" {
			in.StartRecordName = &name
		}
		if id != "" {
			in.StartRecordIdentifier = &id
		}
		if items != 0 {
			in.MaxItems = &items
		}
		return c.ListResourceRecordSets(t.Context(), in)
	}
	for _, tc := range []struct {
		name, typ string
		items     int32
		first     string
		count     int
	}{
		{"", "", 0, "example.com.", 300},
		{"", "", 1000, "example.com.", 300}, // more than the limit is the limit
		{"n200.example.com", "", 10, "n200.example.com.", 10},
		{"N200.example.com.", "A", 1, "n200.example.com.", 1},
		{"n200.example.com", "TXT", 1, "n201.example.com.", 1},
		{"a.n200.example.com", "", 1, "n201.example.com.", 1},
		{"aaa.org", "", 1, "", 0}, // after the zone's end
	} {
		out, err := list(tc.name, tc.typ, "", tc.items)
		if err != nil {
			t.Errorf("%+v: %v", tc, err)
			continue
		}
		first := ""
		if len(out.ResourceRecordSets) > 0 {
			first = *out.ResourceRecordSets[0].Name
		}
		if first != tc.first || len(out.ResourceRecordSets) != tc.count {
			t.Errorf("%+v: got %d from %q", tc, len(out.ResourceRecordSets), first)
		}
	}
	for _, tc := range []struct{ name, typ, id string }{
		{"", "A", ""}, {"", "", "x"}, {"n.example.com", "", "x"}, {"n..example.com", "", ""}, {"n.example.com", "LOC", ""},
	} {
		if _, err := list(tc.name, tc.typ, tc.id, 0); code(err) != "InvalidInput" {
			t.Errorf("%+v: got %v, want InvalidInput", tc, err)
		}
	}
	if _, err := c.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("ZNONE")}); code(err) != "NoSuchHostedZone" {
		t.Errorf("got %v, want NoSuchHostedZone", err)
	}
}

// TestFields: every field that a request can carry comes back as it was sent.
func TestFields(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{HealthChecks: []string{"abcdef11-2222-3333-4444-555555fedcba"}})
	c := client(srv, accessKey)
	sets := []types.ResourceRecordSet{
		{Name: aws.String("a.example.com."), Type: "A", TTL: aws.Int64(60), SetIdentifier: aws.String("one & <two>"), Weight: aws.Int64(0),
			HealthCheckId: aws.String("abcdef11-2222-3333-4444-555555fedcba"), ResourceRecords: []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}},
		{Name: aws.String("b.example.com."), Type: "A", TTL: aws.Int64(60), SetIdentifier: aws.String("r"), Region: "eu-west-1",
			ResourceRecords: []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}},
		{Name: aws.String("c.example.com."), Type: "A", TTL: aws.Int64(60), SetIdentifier: aws.String("f"), Failover: "PRIMARY",
			ResourceRecords: []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}},
		{Name: aws.String("d.example.com."), Type: "A", TTL: aws.Int64(60), SetIdentifier: aws.String("g"),
			GeoLocation:     &types.GeoLocation{CountryCode: aws.String("US"), SubdivisionCode: aws.String("TX")},
			ResourceRecords: []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}},
		{Name: aws.String("e.example.com."), Type: "A", TTL: aws.Int64(60), SetIdentifier: aws.String("m"), MultiValueAnswer: aws.Bool(true),
			ResourceRecords: []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}},
		{Name: aws.String("f.example.com."), Type: "A", TTL: aws.Int64(60), SetIdentifier: aws.String("p"),
			GeoProximityLocation: &types.GeoProximityLocation{Bias: aws.Int32(-10), Coordinates: &types.Coordinates{Latitude: aws.String("48.1"), Longitude: aws.String("11.5")}},
			ResourceRecords:      []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}},
		{Name: aws.String("g.example.com."), Type: "A", TTL: aws.Int64(60), SetIdentifier: aws.String("i"),
			CidrRoutingConfig: &types.CidrRoutingConfig{CollectionId: aws.String("c8c02a84-aaaa-bbbb-e0d2-d833a2f80106"), LocationName: aws.String("*")},
			ResourceRecords:   []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}},
		{Name: aws.String("h.example.com."), Type: "AAAA",
			AliasTarget: &types.AliasTarget{DNSName: aws.String("lb.us-east-1.elb.amazonaws.com."), HostedZoneId: aws.String(elb), EvaluateTargetHealth: true}},
		{Name: aws.String(`\052.i.example.com.`), Type: "TXT", TTL: aws.Int64(60),
			ResourceRecords: []types.ResourceRecord{{Value: aws.String(`"b & <c> \"d\" \351"`)}, {Value: aws.String(`"a" "z"`)}}},
	}
	var batch []types.Change
	for _, s := range sets {
		batch = append(batch, types.Change{Action: "CREATE", ResourceRecordSet: &s})
	}
	if _, err := c.ChangeResourceRecordSets(t.Context(), sdkBatch(zone, batch...)); err != nil {
		t.Fatal(err)
	}
	out, err := c.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sets, out.ResourceRecordSets[2:], ignoreSDK()); d != "" {
		t.Errorf("sent and listed (-want +got):\n%s", d)
	}
	// What was listed deletes what stands.
	for i := range out.ResourceRecordSets[2:] {
		batch[i] = types.Change{Action: "DELETE", ResourceRecordSet: &out.ResourceRecordSets[2+i]}
	}
	if _, err := c.ChangeResourceRecordSets(t.Context(), sdkBatch(zone, batch...)); err != nil {
		t.Error(err)
	}
	if n := len(srv.RecordSets(zone)); n != 2 {
		t.Errorf("%d sets are left, want 2", n)
	}
}

// ignoreSDK leaves out the SDK's markers of serializable documents.
func ignoreSDK() cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())
}
