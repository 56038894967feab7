package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// Zones of AWS's own: load balancers in us-east-1, and CloudFront.
const (
	elb = "Z35SXDOTRQ7X7K"
	cdn = "Z2FDTNDATAQYW2"
)

// standing is what the zone of TestRefusals holds, besides SOA and NS.
func standing() []emulator.Change {
	return []emulator.Change{
		create(set("www.example.com", "A", "192.0.2.1", "192.0.2.2")),
		create(set("www.example.com", "TXT", `"hello"`)),
		create(set("c.example.com", "CNAME", "target.example.net")),
		create(weighted("w1", 10, set("w.example.com", "A", "192.0.2.10"))),
		create(weighted("w2", 20, set("w.example.com", "A", "192.0.2.20"))),
		create(latency("l1", "eu-west-1", set("l.example.com", "A", "192.0.2.11"))),
		create(failover("p", "PRIMARY", set("f.example.com", "A", "192.0.2.12"))),
		create(failover("s", "SECONDARY", set("f.example.com", "A", "192.0.2.13"))),
	}
}

func healthy(s emulator.RecordSet) emulator.RecordSet {
	s.Alias.EvaluateTargetHealth = true
	return s
}

func checked(id string, s emulator.RecordSet) emulator.RecordSet {
	s.HealthCheckID = id
	return s
}

func changes(c ...emulator.Change) []emulator.Change { return c }

type refusalCase struct {
	name    string
	changes []emulator.Change
	code    string   // InvalidChangeBatch if empty
	want    []string // messages; for other codes the message
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", 64)
	wide := strings.Repeat(strings.Repeat("x", 63)+".", 4)
	cases := []refusalCase{
		{"create exists", changes(create(set("www.example.com", "A", "192.0.2.9"))), "",
			[]string{"Tried to create resource record set [name='www.example.com.', type='A'] but it already exists"}},
		{"create exists, routed", changes(create(weighted("w1", 1, set("w.example.com", "A", "192.0.2.9")))), "",
			[]string{"Tried to create resource record set [name='w.example.com.', type='A', set identifier='w1'] but it already exists"}},
		{"delete missing", changes(remove(set("a-x.example.com", "TXT", `"x"`))), "",
			[]string{"Tried to delete resource record set [name='a-x.example.com.', type='TXT'] but it was not found"}},
		{"delete other values", changes(remove(set("www.example.com", "A", "192.0.2.1"))), "",
			[]string{"Tried to delete resource record set [name='www.example.com.', type='A'] but the values provided do not match the current values"}},
		{"delete other TTL", changes(remove(emulator.RecordSet{Name: "www.example.com", Type: "TXT", TTL: 301, Values: []string{`"hello"`}})), "",
			[]string{"Tried to delete resource record set [name='www.example.com.', type='TXT'] but the values provided do not match the current values"}},
		{"delete other weight", changes(remove(weighted("w1", 11, set("w.example.com", "A", "192.0.2.10")))), "",
			[]string{"Tried to delete resource record set [name='w.example.com.', type='A', set identifier='w1'] but the values provided do not match the current values"}},
		{"delete other identifier", changes(remove(weighted("w3", 10, set("w.example.com", "A", "192.0.2.10")))), "",
			[]string{"Tried to delete resource record set [name='w.example.com.', type='A', set identifier='w3'] but it was not found"}},
		{"other type beside CNAME", changes(create(set("c.example.com", "A", "192.0.2.1"))), "",
			[]string{"RRSet of type A with DNS name c.example.com. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.com."}},
		{"CNAME beside others", changes(upsert(set("www.example.com", "CNAME", "x.example.net"))), "",
			[]string{"RRSet of type CNAME with DNS name www.example.com. is not permitted as it conflicts with other records with the same DNS name in zone example.com."}},
		{"CNAME created before the A is deleted", changes(
			create(set("f2.example.com", "A", "192.0.2.1")), create(set("f2.example.com", "CNAME", "x.example.net"))), "",
			[]string{"RRSet of type CNAME with DNS name f2.example.com. is not permitted as it conflicts with other records with the same DNS name in zone example.com."}},
		{"CNAME at apex", changes(create(set("example.com", "CNAME", "x.example.net"))), "",
			[]string{"RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com."}},
		{"two creates", changes(create(set("n.example.com", "A", "192.0.2.1")), create(set("N.example.com.", "A", "192.0.2.2"))), "",
			[]string{"The request contains an invalid set of changes for a resource record set 'A n.example.com.'"}},
		{"two deletes", changes(remove(set("c.example.com", "CNAME", "target.example.net")), remove(set("c.example.com", "CNAME", "target.example.net"))), "",
			[]string{"The request contains an invalid set of changes for a resource record set 'CNAME c.example.com.'"}},
		{"delete and upsert", changes(remove(set("www.example.com", "TXT", `"hello"`)), upsert(set("www.example.com", "TXT", `"new"`))), "",
			[]string{"The request contains an invalid set of changes for a resource record set 'TXT www.example.com.'"}},
		{"routed beside simple", changes(create(weighted("s", 1, set("www.example.com", "A", "192.0.2.9")))), "",
			[]string{"RRSet with DNS name www.example.com., type A, SetIdentifier s cannot be created as a non-weighted set exists with the same name and type."}},
		{"simple beside routed", changes(upsert(set("w.example.com", "A", "192.0.2.9"))), "",
			[]string{"RRSet with DNS name w.example.com., type A cannot be created as other RRSets exist with the same name and type."}},
		{"two policies", changes(create(latency("l", "eu-west-1", set("w.example.com", "A", "192.0.2.9")))), "",
			[]string{"RRSet with DNS name w.example.com., type A, SetIdentifier l cannot be created as a non-latency set exists with the same name and type."}},
		{"region twice", changes(create(latency("l2", "eu-west-1", set("l.example.com", "A", "192.0.2.9")))), "",
			[]string{"RRSet with DNS name l.example.com., type A, SetIdentifier l2, and Region Name=eu-west-1 cannot be created because a latency RRSet with the same name, type and region already exists."}},
		{"place twice", changes(create(place("1", "US")), create(place("2", "US"))), "",
			[]string{"RRSet with DNS name geo.example.com., type A, SetIdentifier 2, and GeoLocation=US cannot be created because a geolocation RRSet with the same name, type and location already exists."}},
		{"CIDR location twice", changes(create(cidr("1", "home")), create(cidr("2", "home"))), "",
			[]string{"RRSet with DNS name cidr.example.com., type A, SetIdentifier 2, and LocationName=home cannot be created because a cidr RRSet with the same name, type and location already exists."}},
		{"failover roles move one by one", changes(upsert(failover("p", "SECONDARY", set("f.example.com", "A", "192.0.2.12")))), "",
			[]string{"RRSet with DNS name f.example.com., type A, SetIdentifier p, and Failover=SECONDARY cannot be created because a failover RRSet with the same name, type and failover value already exists."}},
		{"weighted TTLs differ", changes(upsert(weighted("w1", 10, emulator.RecordSet{Name: "w.example.com", Type: "A", TTL: 60, Values: []string{"192.0.2.10"}}))), "",
			[]string{"RRSet with DNS name w.example.com. and type A, SetIdentifier w1 cannot be created as weighted sets must contain the same TTL."}},
		{"alias target outside its zone", changes(create(alias("al.example.com", "A", "ZEXAMPLE", "lb.example.net"))), "", []string{
			"Tried to create an alias that targets lb.example.net., type A in zone ZEXAMPLE, but the alias target name does not lie within the target zone",
			"Tried to create an alias that targets lb.example.net., type A in zone ZEXAMPLE, but that target was not found"}},
		{"alias target missing", changes(create(alias("al.example.com", "A", "/hostedzone/ZEXAMPLE", "No.example.com"))), "",
			[]string{"Tried to create an alias that targets no.example.com., type A in zone ZEXAMPLE, but that target was not found"}},
		{"alias target of another type", changes(create(alias("al.example.com", "AAAA", "ZEXAMPLE", "www.example.com"))), "",
			[]string{"Tried to create an alias that targets www.example.com., type AAAA in zone ZEXAMPLE, but that target was not found"}},
		{"alias before its target", changes(create(alias("al.example.com", "A", "ZEXAMPLE", "late.example.com")), create(set("late.example.com", "A", "192.0.2.1"))), "",
			[]string{"Tried to create an alias that targets late.example.com., type A in zone ZEXAMPLE, but that target was not found"}},
		{"alias to itself", changes(upsert(alias("www.example.com", "A", "ZEXAMPLE", "www.example.com"))), "",
			[]string{"Tried to create an alias that targets www.example.com., type A in zone ZEXAMPLE, but that target was not found"}},
		{"alias for NS", changes(create(alias("sub.example.com", "NS", "ZEXAMPLE", "example.com"))), "",
			[]string{"Tried to create an alias that targets example.com., type NS in zone ZEXAMPLE, but that target was not found"}},
		{"alias of MX to a load balancer", changes(create(alias("al.example.com", "MX", elb, "lb.us-east-1.elb.amazonaws.com"))), "",
			[]string{"Tried to create an alias that targets lb.us-east-1.elb.amazonaws.com., type MX in zone Z35SXDOTRQ7X7K, but that target was not found"}},
		{"load balancer in no zone that there is", changes(create(alias("al.example.com", "A", "ZINVENTED", "lb.us-east-1.elb.amazonaws.com"))), "", []string{
			"Tried to create an alias that targets lb.us-east-1.elb.amazonaws.com., type A in zone ZINVENTED, but the alias target name does not lie within the target zone",
			"Tried to create an alias that targets lb.us-east-1.elb.amazonaws.com., type A in zone ZINVENTED, but that target was not found"}},
		{"load balancer in the zone of another region", changes(create(alias("al.example.com", "A", elb, "lb.us-east-2.elb.amazonaws.com"))), "", []string{
			"Tried to create an alias that targets lb.us-east-2.elb.amazonaws.com., type A in zone Z35SXDOTRQ7X7K, but the alias target name does not lie within the target zone",
			"Tried to create an alias that targets lb.us-east-2.elb.amazonaws.com., type A in zone Z35SXDOTRQ7X7K, but that target was not found"}},
		{"health of a distribution", changes(create(healthy(alias("al.example.com", "A", cdn, "d1.cloudfront.net")))), "",
			[]string{"RRSet with DNS name al.example.com., type A cannot be created as EvaluateTargetHealth must be false for an alias to a CloudFront distribution."}},
		{"health check that there is not", changes(create(set("ok.example.com", "A", "192.0.2.9")), create(checked("hc-2", weighted("w3", 10, set("w.example.com", "A", "192.0.2.9"))))), "NoSuchHealthCheck",
			[]string{"No health check exists with the specified ID: hc-2"}},
		{"outside zone", changes(create(set("x.example.net", "A", "192.0.2.1"))), "",
			[]string{"RRSet with DNS name x.example.net. is not permitted in zone example.com."}},
		{"outside zone by label", changes(create(set("notexample.com", "A", "192.0.2.1"))), "",
			[]string{"RRSet with DNS name notexample.com. is not permitted in zone example.com."}},
		{"empty label", changes(create(set(".sub.domain.com", "A", "192.0.2.1"))), "",
			[]string{"FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with '.sub.domain.com'"}},
		{"empty alias target", changes(create(alias("al.example.com", "A", elb, ""))), "",
			[]string{"FATAL problem: DomainNameEmpty (Domain name is empty) encountered with ''"}},
		{"long label", changes(create(set(long+".example.com", "A", "192.0.2.1"))), "",
			[]string{"FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '" + long + ".example.com'"}},
		{"long name", changes(create(set(wide+"example.com", "A", "192.0.2.1"))), "",
			[]string{"FATAL problem: DomainNameTooLong (Domain name is too long) encountered with '" + wide + "example.com'"}},
		{"unescaped octets", changes(create(set("ä.example.com", "A", "192.0.2.1"))), "",
			[]string{"FATAL problem: UnsupportedCharacter (Value contains unsupported characters) encountered with 'ä.example.com'"}},
		{"wildcard NS", changes(create(set("*.example.com", "NS", "ns.example.net"))), "",
			[]string{`RRSet of type NS with DNS name \052.example.com. is not permitted as wildcard in zone example.com.`}},
		{"SOA below apex", changes(create(set("s.example.com", "SOA", "ns. h. 1 2 3 4 5"))), "",
			[]string{"RRSet of type SOA with DNS name s.example.com. is not permitted in zone example.com."}},
		{"several mistakes", changes(create(set("www.example.com", "A", "192.0.2.9")), create(set("ok.example.com", "A", "192.0.2.9")), remove(set("gone.example.com", "A", "192.0.2.9"))), "",
			[]string{"Tried to create resource record set [name='www.example.com.', type='A'] but it already exists",
				"Tried to delete resource record set [name='gone.example.com.', type='A'] but it was not found"}},
	}
	run(t, append(append(cases, valueCases()...), structureCases()...))
}

func valueCases() []refusalCase {
	one := func(name, typ, value, why string) refusalCase {
		return refusalCase{name, changes(create(set("v.example.com", typ, value))), "",
			[]string{fmt.Sprintf("Invalid Resource Record: FATAL problem: %s encountered with '%s'", why, value)}}
	}
	return []refusalCase{
		one("A no address", "A", "lb.example.net", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
		one("A with IPv6", "A", "2001:db8::1", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
		one("A two in one", "A", "192.0.2.1, 192.0.2.2", "ARRDATANotSingleField (Value contains spaces)"),
		one("AAAA with IPv4", "AAAA", "192.0.2.1", "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"),
		one("CNAME empty", "CNAME", "", "DomainNameEmpty (Domain name is empty)"),
		one("CNAME with space", "CNAME", "a b.example.com", "UnsupportedCharacter (Value contains unsupported characters)"),
		one("TXT without quotes", "TXT", "hello", "InvalidCharacterString (Value should be enclosed in quotation marks)"),
		one("TXT open quote", "TXT", `"hello`, "InvalidCharacterString (Value should be enclosed in quotation marks)"),
		one("TXT escaped end", "TXT", `"hello\"`, "InvalidCharacterString (Value should be enclosed in quotation marks)"),
		one("TXT strings without space", "TXT", `"a""b"`, "InvalidCharacterString (Value should be enclosed in quotation marks)"),
		one("TXT empty value", "TXT", ``, "InvalidCharacterString (Value should be enclosed in quotation marks)"),
		one("TXT long string", "TXT", `"`+strings.Repeat("x", 256)+`"`, "CharacterStringTooLong (Value is too long)"),
		one("TXT raw octets", "TXT", `"ü"`, "UnsupportedCharacter (Value contains unsupported characters)"),
		one("MX without preference", "MX", "mail.example.com", "MXRRDATAInvalid (Value is not valid for the type)"),
		one("SRV of two lines", "SRV", "1 2 3 a.\nb. 1 IN A 192.0.2.1", "SRVRRDATAInvalid (Value is not valid for the type)"),
		{"duplicate value", changes(create(set("v.example.com", "A", "192.0.2.1", "192.0.2.1"))), "",
			[]string{"Duplicate Resource Record: '192.0.2.1'"}},
		{"two CNAMEs", changes(create(set("v.example.com", "CNAME", "a.example.net", "b.example.net"))), "",
			[]string{"Invalid Resource Record Set: type CNAME with DNS name v.example.com. takes exactly one value, found 2"}},
		{"too many values", changes(create(set("v.example.com", "A", addresses(401)...))), "",
			[]string{"Number of values limit of 400 exceeded for resource record set 'A v.example.com.'"}},
		{"one bad change undoes the good", changes(upsert(set("example.com", "NS", "ns.example.net")), remove(set("gone.example.com", "A", "192.0.2.1"))), "",
			[]string{"Tried to delete resource record set [name='gone.example.com.', type='A'] but it was not found"}},
	}
}

func structureCases() []refusalCase {
	where := "Change with [Action=CREATE, Name=s.example.com, Type=A, SetIdentifier=%s]"
	in := func(format string, id string) []string { return []string{fmt.Sprintf(format, fmt.Sprintf(where, id))} }
	const content = "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found "
	const routing = "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], but found "
	aliasWithValues := alias("s.example.com", "A", elb, "lb.us-east-1.elb.amazonaws.com")
	aliasWithValues.TrafficPolicyInstanceID = "t"
	noPolicy := set("s.example.com", "A", "192.0.2.1")
	noPolicy.SetIdentifier = "s"
	noID := weighted("", 1, set("s.example.com", "A", "192.0.2.1"))
	two := latency("s", "eu-west-1", weighted("s", 1, set("s.example.com", "A", "192.0.2.1")))
	multi := set("m.example.com", "CNAME", "x.example.net")
	multi.SetIdentifier, multi.MultiValueAnswer = "m", true
	negative := set("s.example.com", "A", "192.0.2.1")
	negative.TTL = -1
	large := set("s.example.com", "A", "192.0.2.1")
	large.TTL = 1 << 31
	types := "Member must satisfy enum value set: [SOA, A, TXT, NS, CNAME, MX, NAPTR, PTR, SRV, SPF, AAAA, CAA, DS, TLSA, SSHFP, SVCB, HTTPS]"
	return []refusalCase{
		{"no values", changes(create(set("s.example.com", "A"))), "InvalidInput", in(content+"none in %s", "null")},
		{"alias with more", changes(create(aliasWithValues)), "InvalidInput", in(content+"more than one in %s", "null")},
		{"identifier without policy", changes(create(noPolicy)), "InvalidInput", in(routing+"none in %s", "s")},
		{"policy without identifier", changes(create(noID)), "InvalidInput", in("Invalid request: Missing field 'SetIdentifier' in %s", "null")},
		{"two policies in one", changes(create(two)), "InvalidInput", in(routing+"more than one in %s", "s")},
		{"multivalue CNAME", changes(create(multi)), "InvalidInput", []string{"Invalid request: MultiValueAnswer is not allowed for CNAME and alias " +
			"record sets in Change with [Action=CREATE, Name=m.example.com, Type=CNAME, SetIdentifier=m]"}},
		{"routed NS", changes(create(weighted("n", 1, set("n.example.com", "NS", "ns.example.net")))), "InvalidInput",
			[]string{"Invalid request: routing policies are not allowed for type NS in Change with [Action=CREATE, Name=n.example.com, Type=NS, SetIdentifier=n]"}},
		{"weight", changes(create(weighted("n", 256, set("n.example.com", "A", "192.0.2.1")))), "InvalidInput",
			[]string{"1 validation error detected: Value '256' at 'weight' failed to satisfy constraint: Member must have value between 0 and 255"}},
		{"region", changes(create(latency("n", "eu-west-9", set("n.example.com", "A", "192.0.2.1")))), "InvalidInput",
			[]string{"1 validation error detected: Value 'eu-west-9' at 'region' failed to satisfy constraint: Member must satisfy enum value set: [" +
				"us-east-1, us-east-2, us-west-1, us-west-2, ca-central-1, eu-west-1, eu-west-2, eu-west-3, eu-central-1, eu-central-2, " +
				"ap-southeast-1, ap-southeast-2, ap-southeast-3, ap-northeast-1, ap-northeast-2, ap-northeast-3, eu-north-1, sa-east-1, cn-north-1, " +
				"cn-northwest-1, ap-east-1, me-south-1, me-central-1, ap-south-1, ap-south-2, af-south-1, eu-south-1, eu-south-2, ap-southeast-4, " +
				"il-central-1, ca-west-1, ap-southeast-5, mx-central-1, ap-southeast-7, us-gov-east-1, us-gov-west-1, ap-east-2, ap-southeast-6, " +
				"eusc-de-east-1]"}},
		{"failover role", changes(create(failover("n", "THIRD", set("n.example.com", "A", "192.0.2.1")))), "InvalidInput",
			[]string{"1 validation error detected: Value 'THIRD' at 'failover' failed to satisfy constraint: Member must satisfy enum value set: [PRIMARY, SECONDARY]"}},
		{"negative TTL", changes(create(negative)), "InvalidInput",
			[]string{"1 validation error detected: Value '-1' at 'ttl' failed to satisfy constraint: Member must have value between 0 and 2147483647"}},
		{"large TTL", changes(create(large)), "InvalidInput",
			[]string{"1 validation error detected: Value '2147483648' at 'ttl' failed to satisfy constraint: Member must have value between 0 and 2147483647"}},
		{"unknown type", changes(create(set("s.example.com", "LOC", "x"))), "InvalidInput",
			[]string{"1 validation error detected: Value 'LOC' at 'type' failed to satisfy constraint: " + types}},
		{"unknown action", changes(emulator.Change{Action: "REPLACE", Set: set("s.example.com", "A", "192.0.2.1")}), "InvalidInput",
			[]string{"1 validation error detected: Value 'REPLACE' at 'action' failed to satisfy constraint: Member must satisfy enum value set: [CREATE, DELETE, UPSERT]"}},
		{"no changes", nil, "InvalidInput", []string{"Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Changes' is not complete. " +
			"One of '{\"https://route53.amazonaws.com/doc/2013-04-01/\":Change}' is expected."}},
	}
}

// run expects each batch to be refused with exactly these messages, and to leave the zone as it was.
func run(t *testing.T, cases []refusalCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			srv, zone := newZone(t, emulator.Config{})
			must(t, srv, zone, standing()...)
			before := srv.RecordSets(zone)
			e := refusal(t, srv.Change(zone, c.changes...))
			wantCode, got := c.code, e.Messages
			if wantCode == "" {
				wantCode = "InvalidChangeBatch"
				if want := "[" + strings.Join(c.want, ", ") + "]"; e.Message != want {
					t.Errorf("message %q, want %q", e.Message, want)
				}
			} else {
				got = []string{e.Message}
			}
			wantStatus := 400
			if strings.HasPrefix(wantCode, "NoSuch") {
				wantStatus = 404
			}
			if e.Code != wantCode || e.Status != wantStatus {
				t.Errorf("%d %s, want %d %s", e.Status, e.Code, wantStatus, wantCode)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("messages (-want +got):\n%s", d)
			}
			if d := cmp.Diff(before, srv.RecordSets(zone)); d != "" {
				t.Errorf("a refused batch changed the zone:\n%s", d)
			}
		})
	}
}

func place(id, country string) emulator.RecordSet {
	s := set("geo.example.com", "A", "192.0.2.1")
	s.SetIdentifier, s.GeoLocation = id, &emulator.GeoLocation{CountryCode: country}
	return s
}

func cidr(id, location string) emulator.RecordSet {
	s := set("cidr.example.com", "A", "192.0.2.1")
	s.SetIdentifier, s.CIDR = id, &emulator.CIDR{CollectionID: "c8c02a84-aaaa-bbbb-e0d2-d833a2f80106", LocationName: location}
	return s
}

func addresses(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("192.0.%d.%d", i/250, i%250)
	}
	return all
}

// TestApexSets: what the apex must hold cannot go, but can be replaced within a batch.
func TestApexSets(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	ns, soa := srv.RecordSets(zone)[0], srv.RecordSets(zone)[1]
	if ns.TTL != 172800 || soa.TTL != 900 || len(ns.Values) != 4 || ns.Type != "NS" || soa.Type != "SOA" {
		t.Fatalf("a new zone holds %v and %v", ns, soa)
	}
	for _, c := range []struct {
		set  emulator.RecordSet
		want string
	}{
		{ns, "A HostedZone must contain at least one NS record for the zone itself."},
		{soa, "A HostedZone must contain exactly one SOA record."},
	} {
		if e := refusal(t, srv.Change(zone, remove(c.set))); e.Message != "["+c.want+"]" {
			t.Errorf("got %q, want %q", e.Message, c.want)
		}
		must(t, srv, zone, remove(c.set), create(c.set))
	}
}

// TestAllowed is what strictness must not forbid.
func TestAllowed(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{HealthChecks: []string{"hc-1"}})
	must(t, srv, zone, standing()...)
	www := set("WWW.example.com.", "A", "192.0.2.2", "192.0.2.1") // other order and spelling
	steps := []struct {
		name    string
		changes []emulator.Change
	}{
		{"compare and swap", changes(remove(www), create(set("www.example.com", "A", "192.0.2.3")))},
		{"CNAME gives way to A", changes(remove(set("c.example.com", "CNAME", "target.example.net")), create(set("c.example.com", "A", "192.0.2.4")))},
		{"A gives way to CNAME", changes(remove(set("c.example.com", "A", "192.0.2.4")), create(set("c.example.com", "CNAME", "x.example.net")))},
		{"weighted becomes latency", changes(
			remove(weighted("w1", 10, set("w.example.com", "A", "192.0.2.10"))), remove(weighted("w2", 20, set("w.example.com", "A", "192.0.2.20"))),
			create(latency("w1", "eu-west-1", set("w.example.com", "A", "192.0.2.10"))), create(latency("w2", "us-east-1", set("w.example.com", "A", "192.0.2.20"))))},
		{"failover roles swap", changes(
			remove(failover("p", "PRIMARY", set("f.example.com", "A", "192.0.2.12"))), remove(failover("s", "SECONDARY", set("f.example.com", "A", "192.0.2.13"))),
			create(failover("p", "SECONDARY", set("f.example.com", "A", "192.0.2.12"))), create(failover("s", "PRIMARY", set("f.example.com", "A", "192.0.2.13"))))},
		{"health check", changes(create(checked("hc-1", weighted("w1", 10, set("hc.example.com", "A", "192.0.2.30")))))},
		{"alias after its target", changes(create(set("t.example.com", "A", "192.0.2.5")), create(alias("t2.example.com", "A", zone, "t.example.com")))},
		{"alias of TXT in the zone", changes(create(alias("t3.example.com", "TXT", zone, "www.example.com")))},
		{"alias to a load balancer", changes(create(alias("lb.example.com", "AAAA", elb, "Dualstack.LB.us-east-1.elb.amazonaws.com")))},
		{"alias deleted in another spelling", changes(remove(alias("lb.example.com", "AAAA", elb, "dualstack.lb.us-east-1.elb.amazonaws.com.")))},
		{"alias to a distribution", changes(create(alias("cdn.example.com", "A", cdn, "d1.cloudfront.net")), create(alias("cdn.example.com", "HTTPS", cdn, "d1.cloudfront.net")))},
		{"alias to a website", changes(create(alias("site.example.com", "A", "Z3AQBSTGFYJSTF", "s3-website-us-east-1.amazonaws.com")))},
		{"alias to an accelerator", changes(create(alias("ga.example.com", "A", "Z2BJ6XQ5FK7U4H", "a1.awsglobalaccelerator.com")))},
		{"apex alias and MX", changes(create(alias("example.com", "A", elb, "lb.us-east-1.elb.amazonaws.com")), create(set("example.com", "MX", "10 mail.example.com")))},
		{"TTL 0 and largest", changes(create(emulator.RecordSet{Name: "z.example.com", Type: "A", Values: []string{"192.0.2.1"}}),
			create(emulator.RecordSet{Name: "y.example.com", Type: "A", TTL: 1<<31 - 1, Values: []string{"192.0.2.1"}}))},
		{"TXT forms", changes(create(set("txt.example.com", "TXT", `"a" "b"`, `"q\"uote \351 \\"`, `""`, `"`+strings.Repeat("x", 255)+`"`)))},
		{"other types", changes(
			create(set("o.example.com", "CAA", `0 issue "ca.example.net; policy=ev"`)), create(set("_x._tcp.example.com", "SRV", "1 2 443 www.example.com")),
			create(set("o.example.com", "NAPTR", `10 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .`)), create(set("h.example.com", "HTTPS", "1 . alpn=h2")),
			create(set("sub.example.com", "NS", "ns1.example.net", "ns2.example.net.")), create(set("sub.example.com", "DS", "12345 3 1 123456789abcdef67890123456789abcdef67890")))},
		{"names", changes(create(set(`*.example.com`, "A", "192.0.2.1")), create(set(`\344.Example.com`, "A", "192.0.2.1")), create(set("a*b._x.example.com", "A", "192.0.2.1")))},
	}
	for _, s := range steps {
		if err := srv.Change(zone, s.changes...); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	want := []string{`\052.example.com.`, `a\052b._x.example.com.`, `\344.example.com.`}
	var got []string
	for _, r := range srv.RecordSets(zone) {
		if strings.Contains(r.Name, `\`) {
			got = append(got, r.Name)
		}
	}
	if d := cmp.Diff([]string{want[0], want[1], want[2]}, got); d != "" {
		t.Errorf("listed names (-want +got):\n%s", d)
	}
}

// TestDistributionInPrivateZone: only public zones have aliases to CloudFront.
func TestDistributionInPrivateZone(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	zone, err := srv.AddZone("example.com", emulator.Private("us-east-1", "vpc-1"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "[RRSet with DNS name al.example.com., type A cannot be created as a private hosted zone has no alias to a CloudFront distribution.]"
	if e := refusal(t, srv.Change(zone, create(alias("al.example.com", "A", cdn, "d1.cloudfront.net")))); e.Message != want {
		t.Errorf("got %v", e)
	}
}

func TestLimits(t *testing.T) {
	many := func(n int, act func(emulator.RecordSet) emulator.Change, value string) []emulator.Change {
		var all []emulator.Change
		for i := range n {
			all = append(all, act(set(fmt.Sprintf("n%d.example.com", i), "TXT", value)))
		}
		return all
	}
	const short = `"x"`
	big := `"` + strings.Repeat("x", 158) + `"` // 160 characters: 200 of them fill a batch
	for _, c := range []struct {
		name    string
		changes []emulator.Change
		want    string // "" is allowed
	}{
		{"1000 creates", many(1000, create, short), ""},
		{"1001 creates", many(1001, create, short), "[Number of records limit of 1000 exceeded.]"},
		{"500 upserts", many(500, upsert, short), ""},
		{"501 upserts", many(501, upsert, short), "[Number of records limit of 1000 exceeded.]"},
		{"32000 characters", many(200, create, big), ""},
		{"32160 characters", many(201, create, big), "[Number of characters limit of 32000 exceeded.]"},
		{"32000 characters by upsert", many(100, upsert, big), ""},
		{"32320 characters by upsert", many(101, upsert, big), "[Number of characters limit of 32000 exceeded.]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv, zone := newZone(t, emulator.Config{})
			err := srv.Change(zone, c.changes...)
			if c.want == "" {
				if err != nil || len(srv.RecordSets(zone)) != 2+len(c.changes) {
					t.Errorf("%d sets after %v", len(srv.RecordSets(zone)), err)
				}
			} else if e := refusal(t, err); e.Message != c.want || len(srv.RecordSets(zone)) != 2 {
				t.Errorf("%d sets after %v", len(srv.RecordSets(zone)), err)
			}
		})
	}
	t.Run("sets in a zone", func(t *testing.T) {
		srv, zone := newZone(t, emulator.Config{MaxRecordSets: 12})
		must(t, srv, zone, many(10, create, short)...)
		if e := refusal(t, srv.Change(zone, create(set("more.example.com", "A", "192.0.2.1")))); e.Message != "[Number of records limit of 12 exceeded.]" {
			t.Errorf("got %v", e)
		}
		must(t, srv, zone, remove(set("n0.example.com", "TXT", short)), create(set("more.example.com", "A", "192.0.2.1")))
	})
}
