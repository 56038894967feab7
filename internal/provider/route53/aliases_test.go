package route53

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
)

func TestParseAliasZones(t *testing.T) {
	got, err := parseAliasZones("# a comment\n\nUS-east-1.elb.amazonaws.com  Z35  elb # behind\ncloudfront.net Z2F\tcloudfront\n")
	want := map[dns.Name]dns.AliasZone{"us-east-1.elb.amazonaws.com.": {ID: "Z35"}, "cloudfront.net.": {ID: "Z2F", NoHealth: true, PublicOnly: true}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for what, text := range map[string]string{
		"line 1: want":  "elb.amazonaws.com Z35",
		"line 2":        "a.example Z1 elb\na..example Z1 elb",
		"line 2: a.exa": "a.example Z1 elb\na.example Z2 elb",
	} {
		if _, err := parseAliasZones(text); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%q: want an error with %q, got %v", text, what, err)
		}
	}
}

// The embedded table knows the host names that AWS's own pages show.
func TestAliasZones(t *testing.T) {
	aliases, err := aliasZones()
	if err != nil {
		t.Fatal(err)
	}
	traits := dns.Traits{Aliases: aliases}
	for host, want := range map[string]dns.AliasZone{
		"my-lb-1.us-east-1.elb.amazonaws.com":                {ID: "Z35SXDOTRQ7X7K"},
		"dualstack.my-lb-1.us-east-1.elb.amazonaws.com":      {ID: "Z35SXDOTRQ7X7K"},
		"My-NLB-1.ELB.us-east-1.amazonaws.com":               {ID: "Z26RNL4JYFTOTI"},
		"d111111abcdef8.cloudfront.net":                      {ID: "Z2FDTNDATAQYW2", NoHealth: true, PublicOnly: true},
		"app.eu-west-1.elasticbeanstalk.com":                 {ID: "Z2NYPWQ7DFZAZH", IPv4Only: true, OnDemand: true},
		"s3-website-us-east-1.amazonaws.com":                 {ID: "Z3AQBSTGFYJSTF", IPv4Only: true, OnDemand: true, Target: "s3-website-us-east-1.amazonaws.com."},
		"www.example.com.s3-website.us-east-2.amazonaws.com": {ID: "Z2O1EMRO9K5GLX", IPv4Only: true, OnDemand: true, Target: "s3-website.us-east-2.amazonaws.com."},
		"abc.us-east-1.awsapprunner.com":                     {ID: "Z01915732ZBZKC8D32TPT", OnDemand: true},
		"vpce-1.s3.eu-west-1.vpce.amazonaws.com":             {ID: "Z38GZ743OKFT7T"},
		"lb-1.cn-north-1.elb.amazonaws.com.cn":               {ID: "Z1GDH35T77C1KE"},
		"lb-1.elb.us-gov-west-1.amazonaws.com":               {ID: "ZMG1MZ2THAWF1"},
		"a1.awsglobalaccelerator.com":                        {ID: "Z2BJ6XQ5FK7U4H"},
	} {
		name := must(dns.ParseName(host))
		if got, ok := traits.AliasZone(name); !ok || got != want {
			t.Errorf("%s: want %+v, got %+v", host, want, got)
		}
	}
	if got, ok := traits.AliasZone("www.example.com."); ok {
		t.Errorf("www.example.com: got %+v", got)
	}
	if len(aliases) < 133 {
		t.Errorf("the table has %d rows, fewer than ExternalDNS's 133", len(aliases))
	}
}

// The service takes an alias to a host below every suffix of the table: the
// emulator has a table of its own, from other sources.
func TestAliasZonesAreTheService(t *testing.T) {
	server := emulator.New(emulator.Config{})
	zone, err := server.AddZone("example.com")
	if err != nil {
		t.Fatal(err)
	}
	aliases, err := aliasZones()
	if err != nil {
		t.Fatal(err)
	}
	for suffix, to := range aliases {
		target := "host." + suffix
		if to.Target != "" {
			target = to.Target
		}
		set := emulator.RecordSet{Name: "www.example.com", Type: "A", Alias: &emulator.Alias{
			HostedZoneID: to.ID, DNSName: target.Octal(), EvaluateTargetHealth: !to.NoHealth}}
		if err := server.Change(zone, emulator.Change{Action: "UPSERT", Set: set}); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}
