package route53

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
)

var wireOptions = cmpopts.IgnoreUnexported(types.ResourceRecordSet{}, types.ResourceRecord{}, types.AliasTarget{},
	types.GeoLocation{}, types.GeoProximityLocation{}, types.Coordinates{})

func records(values ...string) []types.ResourceRecord {
	var out []types.ResourceRecord
	for _, v := range values {
		out = append(out, types.ResourceRecord{Value: aws.String(v)})
	}
	return out
}

// Whatever the spelling of a listing, a deletion repeats it byte for byte, and
// the record set is canonical.
func TestListedBytesAreRepeated(t *testing.T) {
	tests := []struct {
		listed types.ResourceRecordSet
		want   string // canonical, in zone-file notation
		spelt  bool   // the listing is not what we would write
	}{
		{types.ResourceRecordSet{Name: aws.String(`\052.example.com.`), Type: "A", TTL: aws.Int64(60), ResourceRecords: records("192.0.2.1")},
			"*.example.com. 60 IN A 192.0.2.1", false},
		{types.ResourceRecordSet{Name: aws.String(`*.example.com.`), Type: "A", TTL: aws.Int64(60), ResourceRecords: records("192.0.2.1")},
			"*.example.com. 60 IN A 192.0.2.1", true},
		{types.ResourceRecordSet{Name: aws.String(`caf\303\251.example.com.`), Type: "AAAA", TTL: aws.Int64(60), ResourceRecords: records("2001:DB8:0::1")},
			`caf\195\169.example.com. 60 IN AAAA 2001:db8::1`, true},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "AAAA", TTL: aws.Int64(60), ResourceRecords: records("2001:db8::1", "2001:db8:0::1")},
			`x.example.com. 60 IN AAAA 2001:db8::1`, true},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "A", TTL: aws.Int64(60), ResourceRecords: records("192.0.2.2", "192.0.2.1")},
			"x.example.com. 60 IN A 192.0.2.1\nx.example.com. 60 IN A 192.0.2.2", false},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "CNAME", TTL: aws.Int64(60), ResourceRecords: records("Target.Example.NET")},
			"x.example.com. 60 IN CNAME target.example.net.", true},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "CNAME", TTL: aws.Int64(60), ResourceRecords: records("192.0.2.1")},
			"x.example.com. 60 IN CNAME 192.0.2.1.", true},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "CNAME", TTL: aws.Int64(60), ResourceRecords: records("not a name")},
			"x.example.com. 60 IN CNAME not a name", false},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "TXT", TTL: aws.Int64(60), ResourceRecords: records(`"caf\303\251" "two"`)},
			`x.example.com. 60 IN TXT "caf\195\169" "two"`, false},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "TXT", TTL: aws.Int64(60), ResourceRecords: records(`"\141"`, `bare`)},
			"x.example.com. 60 IN TXT \"a\"\nx.example.com. 60 IN TXT \"bare\"", true},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "TXT", TTL: aws.Int64(60), ResourceRecords: records(`"caf` + "\u00e9" + `"`)},
			`x.example.com. 60 IN TXT "caf\195\169"`, true},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "CAA", TTL: aws.Int64(60), ResourceRecords: records(` 0 issue "ca.example"`)},
			`x.example.com. 60 IN CAA 0 issue "ca.example"`, true},
		{types.ResourceRecordSet{Name: aws.String("x.example.com."), Type: "A", AliasTarget: &types.AliasTarget{
			DNSName: aws.String("Lb.Example.NET"), HostedZoneId: aws.String("Z9"), EvaluateTargetHealth: true}},
			"x.example.com. ALIAS A lb.example.net. zone=Z9 health=true", true},
	}
	for _, test := range tests {
		set := recordSet(must(dns.ParseOctalName(*test.listed.Name)), test.listed)
		if set.String() != test.want {
			t.Errorf("%s: want\n%s\ngot\n%s", *test.listed.Name, test.want, set)
		}
		if diff := cmp.Diff(&test.listed, sortedLike(toWire(set, set.Listed()), &test.listed), wireOptions); diff != "" {
			t.Errorf("%s: a deletion differs from the listing:\n%s", test.want, diff)
		}
		if spelt := cmp.Diff(dns.Listed{}, set.Listed()) != ""; spelt != test.spelt {
			t.Errorf("%s: keeps the listed spelling: %t, want %t", test.want, spelt, test.spelt)
		}
	}
}

// sortedLike puts values into the order of another set; the service does not
// look at it.
func sortedLike(set, other *types.ResourceRecordSet) *types.ResourceRecordSet {
	if len(set.ResourceRecords) == 2 && *set.ResourceRecords[1].Value == *other.ResourceRecords[0].Value {
		set.ResourceRecords[0], set.ResourceRecords[1] = set.ResourceRecords[1], set.ResourceRecords[0]
	}
	return set
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestFieldsThatAreNotModelled(t *testing.T) {
	for field, in := range map[string]types.ResourceRecordSet{
		"TrafficPolicyInstanceId": {TrafficPolicyInstanceId: aws.String("tpi")},
		"CidrRoutingConfig":       {SetIdentifier: aws.String("s"), CidrRoutingConfig: &types.CidrRoutingConfig{CollectionId: aws.String("c")}},
		"SetIdentifier":           {SetIdentifier: aws.String("s")},
	} {
		in.Name, in.Type, in.TTL, in.ResourceRecords = aws.String("x.example.com."), "A", aws.Int64(1), records("192.0.2.1")
		sets := fromWire([]types.ResourceRecordSet{in})
		if diff := cmp.Diff([]string{field}, sets[0].Opaque()); diff != "" {
			t.Errorf("%s:\n%s", field, diff)
		}
	}
	beyond := types.ResourceRecordSet{Name: aws.String(strings.Repeat("x", 64) + ".example.com."), Type: "A"}
	if sets := fromWire([]types.ResourceRecordSet{beyond}); len(sets) != 0 {
		t.Errorf("a name that DNS cannot hold gave %v", sets)
	}
}

// What we write and read back is what we wrote, and needs no listed spelling.
func TestWireRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := drawSet(t)
		back := recordSet(set.Name, *toWire(set, dns.Listed{}))
		if !back.Equal(set) || cmp.Diff(dns.Listed{}, back.Listed()) != "" || len(back.Opaque()) > 0 {
			t.Fatalf("wrote\n%+v\nread\n%+v\nlisted %+v", set, back, back.Listed())
		}
	})
}

func drawSet(t *rapid.T) dns.RecordSet {
	label := rapid.SliceOfN(rapid.Byte(), 1, 5)
	name := func() dns.Name {
		var out strings.Builder
		for _, c := range label.Draw(t, "label") {
			fmt.Fprintf(&out, `\%03d`, c)
		}
		return must(dns.ParseName(out.String() + ".example.com"))
	}
	key := dns.Key{Name: name(), Type: rapid.SampledFrom([]dns.Type{dns.A, dns.AAAA, dns.CNAME, dns.TXT, "MX"}).Draw(t, "type")}
	routing := rapid.SampledFrom([]dns.Routing{nil, dns.Weighted{}, dns.Weighted{Weight: 7}, dns.Latency{Region: "eu-west-1"},
		dns.Failover{Role: "PRIMARY"}, dns.Geolocation{Country: "US", Subdivision: "NY"}, dns.Geolocation{Continent: "EU"},
		dns.Geoproximity{Region: "us-east-1", Bias: -5}, dns.Geoproximity{Latitude: "1.5", Longitude: "-2"},
		dns.Geoproximity{LocalZoneGroup: "us-east-1-bue-1"}, dns.MultiValue{}}).Draw(t, "routing")
	if routing != nil {
		key.SetID = rapid.StringN(1, 10, -1).Draw(t, "id")
	}
	var set dns.RecordSet
	if rapid.Bool().Draw(t, "alias") {
		set = dns.NewAlias(key, dns.Alias{Zone: "Z9", Target: name(), EvaluateHealth: rapid.Bool().Draw(t, "health")})
	} else {
		var value string
		switch key.Type {
		case dns.A:
			value = "192.0.2.1"
		case dns.AAAA:
			value = "2001:db8::1"
		case dns.CNAME:
			value = string(name())
		case dns.TXT:
			value = dns.FormatStrings(string(rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "one")), rapid.StringN(0, 20, 255).Draw(t, "two"))
		default:
			value = "10 mx.example.net."
		}
		set = must(dns.NewRecordSet(key, rapid.Uint32Range(0, dns.MaxTTL).Draw(t, "ttl"), value))
	}
	set.Routing, set.HealthCheckID = routing, rapid.SampledFrom([]string{"", "hc-1"}).Draw(t, "health check")
	return set
}
