package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/provider/route53"
)

// annotated is a Service with annotations, and the record sets at its name.
type annotated struct {
	host   string // below example.com
	notes  string // keys behind the prefix with their values, "alias=true ttl=60"
	target string // an address, or a host name
	want   string // lines of a zone file without name; of all Services of the host it stands with the last
}

const balancer = "lb-1.us-east-1.elb.amazonaws.com"

// awsAnnotations is every annotation that ExternalDNS has for Route 53, with the
// values that it takes.
func awsAnnotations() []annotated {
	elb := func(types ...string) string { return aliases("Z35SXDOTRQ7X7K", balancer, true, types...) }
	return []annotated{
		{"alias-true", "alias=true", balancer, elb("A", "AAAA")},
		{"alias-false", "alias=false", balancer, "300 IN CNAME " + balancer + "."},
		{"alias-a", "alias=A", balancer, elb("A")},
		{"alias-aaaa", "alias=AAAA", balancer, elb("AAAA")},
		{"alias-ttl", "ttl=60", balancer, elb("A", "AAAA")},
		{"target", "", "192.0.2.1", "300 IN A 192.0.2.1"},
		{"alias-inside", "alias=true", "target.example.com", aliases("ZPUBLIC", "target.example.com", true, "A")},
		{"alias-of-address", "alias=true aws-evaluate-target-health=true", "192.0.2.1", "300 IN A 192.0.2.1"},
		{"health-true", "aws-evaluate-target-health=true", balancer, elb("A", "AAAA")},
		{"health-false", "aws-evaluate-target-health=false", balancer, aliases("Z35SXDOTRQ7X7K", balancer, false, "A", "AAAA")},
		{"health-cname", "aws-evaluate-target-health=true", "lb.example.net", "300 IN CNAME lb.example.net."},
		{"target-zone", "alias=true aws-target-hosted-zone=ZOTHER", "www.example.org", aliases("ZOTHER", "www.example.org", true, "A", "AAAA")},
		{"target-zone-path", "alias=A aws-target-hosted-zone=/hostedzone/ZOTHER", "www.example.org", aliases("ZOTHER", "www.example.org", true, "A")},
		{"pinned", "aws-hosted-zone-id=ZPUBLIC", "192.0.2.1", "300 IN A 192.0.2.1"},
		{"elsewhere", "aws-hosted-zone-id=ZSECOND", "192.0.2.1", ""},

		{"cloudfront", "aws-evaluate-target-health=true", "d1.cloudfront.net", aliases("Z2FDTNDATAQYW2", "d1.cloudfront.net", false, "A", "AAAA")},
		{"website", "alias=true", "website.example.com.s3-website.us-east-2.amazonaws.com", aliases("Z2O1EMRO9K5GLX", "s3-website.us-east-2.amazonaws.com", true, "A")},
		{"beanstalk", "alias=true", "app.eu-west-1.elasticbeanstalk.com", aliases("Z2NYPWQ7DFZAZH", "app.eu-west-1.elasticbeanstalk.com", true, "A")},
		{"apprunner", "alias=true", "abc.us-east-1.awsapprunner.com", aliases("Z01915732ZBZKC8D32TPT", "abc.us-east-1.awsapprunner.com", true, "A", "AAAA")},
		{"vpce", "", "vpce-1.s3.eu-west-1.vpce.amazonaws.com", aliases("Z38GZ743OKFT7T", "vpce-1.s3.eu-west-1.vpce.amazonaws.com", true, "A", "AAAA")},
		{"accelerator", "", "a1.awsglobalaccelerator.com", aliases("Z2BJ6XQ5FK7U4H", "a1.awsglobalaccelerator.com", true, "A", "AAAA")},
		{"china", "", "lb-1.cn-north-1.elb.amazonaws.com.cn", aliases("Z1GDH35T77C1KE", "lb-1.cn-north-1.elb.amazonaws.com.cn", true, "A", "AAAA")},
		{"gov", "", "lb-1.elb.us-gov-west-1.amazonaws.com", aliases("ZMG1MZ2THAWF1", "lb-1.elb.us-gov-west-1.amazonaws.com", true, "A", "AAAA")},
		// No zone ID of these partitions is published: a CNAME, or the zone by annotation.
		{"eusc", "", "lb-1.eusc-de-east-1.elb.amazonaws.eu", "300 IN CNAME lb-1.eusc-de-east-1.elb.amazonaws.eu."},
		{"iso", "", "lb-1.us-iso-east-1.elb.c2s.ic.gov", "300 IN CNAME lb-1.us-iso-east-1.elb.c2s.ic.gov."},

		{"weight", "set-identifier=one aws-weight=10", "192.0.2.1", ""},
		{"weight", "set-identifier=two aws-weight=0 aws-health-check-id=hc-1", "192.0.2.2",
			"300 IN A 192.0.2.1 ;! id=one weight=10\n300 IN A 192.0.2.2 ;! id=two weight=0 health-check=hc-1"},
		{"weight-alias", "set-identifier=one aws-weight=255", balancer,
			strings.ReplaceAll(elb("A", "AAAA"), "health=true", "health=true ;! id=one weight=255")},
		{"region", "set-identifier=eu aws-region=eu-west-1", "192.0.2.1", ""},
		{"region", "set-identifier=us aws-region=us-east-1", "192.0.2.2",
			"300 IN A 192.0.2.1 ;! id=eu region=eu-west-1\n300 IN A 192.0.2.2 ;! id=us region=us-east-1"},
		{"failover", "set-identifier=one aws-failover=PRIMARY aws-health-check-id=hc-1", "192.0.2.1", ""},
		{"failover", "set-identifier=two aws-failover=SECONDARY", "192.0.2.2",
			"300 IN A 192.0.2.1 ;! id=one failover=PRIMARY health-check=hc-1\n300 IN A 192.0.2.2 ;! id=two failover=SECONDARY"},
		{"multivalue", "set-identifier=one aws-multi-value-answer=true", "192.0.2.1", ""},
		{"multivalue", "set-identifier=two aws-multi-value-answer=", "192.0.2.2",
			"300 IN A 192.0.2.1 ;! id=one multivalue=true\n300 IN A 192.0.2.2 ;! id=two multivalue=true"},
		{"geo", "set-identifier=eu aws-geolocation-continent-code=EU", "192.0.2.1", ""},
		{"geo", "set-identifier=us aws-geolocation-country-code=US", "192.0.2.2", ""},
		{"geo", "set-identifier=ny aws-geolocation-country-code=US aws-geolocation-subdivision-code=NY", "192.0.2.3", ""},
		{"geo", "set-identifier=rest aws-geolocation-country-code=*", "192.0.2.4", "300 IN A 192.0.2.1 ;! id=eu continent=EU\n" +
			"300 IN A 192.0.2.3 ;! id=ny country=US subdivision=NY\n300 IN A 192.0.2.4 ;! id=rest country=*\n300 IN A 192.0.2.2 ;! id=us country=US"},
		{"near", "set-identifier=a aws-geoproximity-region=us-east-1 aws-geoproximity-bias=-20", "192.0.2.1", ""},
		{"near", "set-identifier=b aws-geoproximity-local-zone-group=us-west-2-lax-1", "192.0.2.2", ""},
		{"near", "set-identifier=c aws-geoproximity-coordinates=49.20,-74.01 aws-geoproximity-bias=0", "192.0.2.3",
			"300 IN A 192.0.2.1 ;! id=a near-region=us-east-1 bias=-20\n300 IN A 192.0.2.2 ;! id=b near-zone-group=us-west-2-lax-1 bias=0\n" +
				"300 IN A 192.0.2.3 ;! id=c latitude=49.2 longitude=-74.01 bias=0"},
		{"unknown", "aws-load-balancer-colour=blue", "192.0.2.1", "300 IN A 192.0.2.1"},
	}
}

// aliases is the lines of aliases of these types to a target.
func aliases(zone, target string, health bool, types ...string) string {
	var lines []string
	for _, typ := range types {
		lines = append(lines, fmt.Sprintf("ALIAS %s %s. zone=%s health=%t", typ, target, zone, health))
	}
	return strings.Join(lines, "\n")
}

// manifest is the Service of a row under either of ExternalDNS's prefixes.
func (a annotated) manifest(number int) string {
	prefix := []string{"external-dns.kubernetes.io/", "external-dns.alpha.kubernetes.io/"}[number%2]
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Service\nmetadata:\n  name: s%02d\n  creationTimestamp: %q\n  annotations:\n    %shostname: %s.example.com\n",
		number, fmt.Sprintf("2026-01-01T00:00:%02dZ", number), prefix, a.host)
	for _, note := range strings.Fields(a.notes) {
		key, value, _ := strings.Cut(note, "=")
		fmt.Fprintf(&b, "    %s%s: %q\n", prefix, key, value)
	}
	kind := "hostname"
	if strings.HasPrefix(a.target, "192.") {
		kind = "ip"
	}
	fmt.Fprintf(&b, "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {ingress: [{%s: %s}]}}\n", kind, a.target)
	return b.String()
}

// TestAWSAnnotations has every annotation for Route 53 take effect in one run, and
// leave a second plan nothing to do.
func TestAWSAnnotations(t *testing.T) {
	server := emulator.New(emulator.Config{HealthChecks: []string{"hc-1"}})
	for _, zone := range []struct{ id, name string }{{"ZPUBLIC", "example.com"}, {"ZSECOND", "example.com"}, {"ZOTHER", "example.org"}} {
		if _, err := server.AddZone(zone.name, emulator.WithID(zone.id)); err != nil {
			t.Fatal(err)
		}
	}
	for _, set := range []emulator.RecordSet{
		{Name: "www.example.org", Type: "A", TTL: 60, Values: []string{"192.0.2.9"}},
		{Name: "www.example.org", Type: "AAAA", TTL: 60, Values: []string{"2001:db8::9"}},
	} {
		if err := server.Change("ZOTHER", emulator.Change{Action: "CREATE", Set: set}); err != nil {
			t.Fatal(err)
		}
	}
	here(t, server)
	dir := t.TempDir()
	want := map[dns.Name]string{}
	for i, row := range awsAnnotations() {
		save(t, filepath.Join(dir, fmt.Sprintf("s%02d.yaml", i)), row.manifest(i))
		want[dns.Name(row.host+".example.com.")] = row.want
	}
	args := []string{"--source=service", "--provider=aws", "--policy=sync", "--txt-owner-id=me", "--domain-filter=example.com", "--objects=" + dir}
	if code, out := ended(t, append([]string{"run", "--once"}, args...)...); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	if diff := cmp.Diff(want, shown(t, "ZPUBLIC", slices.Collect(maps.Keys(want)))); diff != "" {
		t.Errorf("the zone (-want +got):\n%s", diff)
	}
	pinned := map[dns.Name]string{"elsewhere.example.com.": "300 IN A 192.0.2.1"}
	if diff := cmp.Diff(pinned, shown(t, "ZSECOND", []dns.Name{"elsewhere.example.com."})); diff != "" {
		t.Errorf("the other zone (-want +got):\n%s", diff)
	}
	code, out := ended(t, append([]string{"plan"}, args...)...)
	if lines := strings.Count(out, ": 0 to create, 0 to change, 0 to delete\n"); code != 0 || lines != 2 || strings.Contains(out, "\n!") {
		t.Errorf("a second plan is not empty, exit code %d:\n%s", code, out)
	}
}

// TestAliasFlags makes one load balancer's name under each flag on aliases.
func TestAliasFlags(t *testing.T) {
	row := annotated{host: "www", target: balancer}
	ipv4 := strings.Replace(row.manifest(0), "spec: {", "spec: {ipFamilies: [IPv4], ", 1)
	dual := strings.Replace(row.manifest(0), "spec: {", "spec: {ipFamilies: [IPv4, IPv6], ", 1)
	website := annotated{host: "www", target: "s3-website-us-east-1.amazonaws.com"}
	both := aliases("Z35SXDOTRQ7X7K", balancer, true, "A", "AAAA")
	for _, test := range []struct{ flags, manifest, want string }{
		{"", ipv4, both},
		{"--aws-prefer-cname", ipv4, "300 IN CNAME " + balancer + "."},
		{"--no-aws-prefer-cname", ipv4, both},
		{"--no-aws-evaluate-target-health", ipv4, aliases("Z35SXDOTRQ7X7K", balancer, false, "A", "AAAA")},
		{"--aws-alias-by-ip-address-type", ipv4, aliases("Z35SXDOTRQ7X7K", balancer, true, "A")},
		{"--aws-alias-by-ip-address-type", dual, both},
		{"--aws-alias-by-ip-address-type", row.manifest(0), both},
		{"", website.manifest(0), "300 IN CNAME " + website.target + "."},
		{"--prefer-alias", website.manifest(0), aliases("Z3AQBSTGFYJSTF", website.target, true, "A")},
	} {
		server := emulator.New(emulator.Config{})
		if _, err := server.AddZone("example.com", emulator.WithID("Z1")); err != nil {
			t.Fatal(err)
		}
		here(t, server)
		dir := t.TempDir()
		save(t, filepath.Join(dir, "www.yaml"), test.manifest)
		args := append([]string{"--source=service", "--provider=aws", "--txt-owner-id=me", "--objects=" + dir}, strings.Fields(test.flags)...)
		if code, out := ended(t, append([]string{"run", "--once"}, args...)...); code != 0 {
			t.Fatalf("%s: exit code %d:\n%s", test.flags, code, out)
		}
		if diff := cmp.Diff(test.want, shown(t, "Z1", []dns.Name{"www.example.com."})["www.example.com."]); diff != "" {
			t.Errorf("%q of\n%s(-want +got):\n%s", test.flags, test.manifest, diff)
		}
		if code, out := ended(t, append([]string{"plan"}, args...)...); code != 0 {
			t.Errorf("%s: a second plan is not empty:\n%s", test.flags, out)
		}
	}
}

// TestAWSAnnotationsAreAll holds the rows of [awsAnnotations] against the
// annotations that ExternalDNS documents.
func TestAWSAnnotationsAreAll(t *testing.T) {
	var got []string
	for _, row := range awsAnnotations() {
		for _, note := range strings.Fields(row.notes) {
			key, _, _ := strings.Cut(note, "=")
			got = append(got, key)
		}
	}
	slices.Sort(got)
	want := strings.Fields("alias aws-evaluate-target-health aws-failover aws-geolocation-continent-code aws-geolocation-country-code " +
		"aws-geolocation-subdivision-code aws-geoproximity-bias aws-geoproximity-coordinates aws-geoproximity-local-zone-group " +
		"aws-geoproximity-region aws-health-check-id aws-hosted-zone-id aws-load-balancer-colour aws-multi-value-answer aws-region " +
		"aws-target-hosted-zone aws-weight set-identifier ttl")
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("annotations with a row (-want +got):\n%s", diff)
	}
}

// here has command lines use an emulator.
func here(t *testing.T, server *emulator.Server) {
	t.Helper()
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	t.Setenv("AWS_ENDPOINT_URL", web.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
}

// ended runs a command line to its end, and returns all that it prints.
func ended(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var text bytes.Buffer
	code = Main(t.Context(), args, System{Stdout: &text, Stderr: &text, LookupEnv: environ(nil)})
	return code, text.String()
}

// shown is what a zone holds at names, as lines of a zone file without the name.
func shown(t *testing.T, id string, names []dns.Name) map[dns.Name]string {
	t.Helper()
	p, err := route53.New(t.Context(), route53.Options{}, dns.Filter{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	sets, err := p.At(context.Background(), dns.Zone{ID: id, Name: "example.com."}, names)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(sets, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
	out := map[dns.Name]string{}
	for _, n := range names {
		var lines []string
		for _, set := range sets {
			if set.Name == n {
				lines = append(lines, strings.TrimSpace(strings.TrimPrefix(set.String(), string(n))))
			}
		}
		out[n] = strings.Join(lines, "\n")
	}
	return out
}
