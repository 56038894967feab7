package cli

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// manifests writes a Service for each host and address.
func manifests(t *testing.T, hosts ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i, pair := range hosts {
		host, address, _ := strings.Cut(pair, "=")
		save(t, filepath.Join(dir, fmt.Sprintf("s%d.yaml", i)), fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: s%d, annotations: {external-dns.kubernetes.io/hostname: %s}}
spec: {type: LoadBalancer}
status: {loadBalancer: {ingress: [{ip: %s}]}}
`, i, host, address))
	}
	return dir
}

// TestZoneFlags plans the same objects under each flag that chooses zones or
// names.
func TestZoneFlags(t *testing.T) {
	server := emulator.New(emulator.Config{})
	web, live := emulator.WithTag("team", "web"), emulator.WithTag("stage", "live")
	for _, zone := range []struct {
		id, name string
		options  []emulator.ZoneOption
	}{
		{"ZPUB", "example.com", []emulator.ZoneOption{web, live}},
		{"ZPRV", "example.com", []emulator.ZoneOption{emulator.Private("eu-west-1", "vpc-1")}},
		{"ZSUB", "sub.example.com", []emulator.ZoneOption{web}},
		{"ZORG", "example.org", nil},
	} {
		if _, err := server.AddZone(zone.name, append(zone.options, emulator.WithID(zone.id))...); err != nil {
			t.Fatal(err)
		}
	}
	here(t, server)
	dir := manifests(t, "a.example.com=192.0.2.1", "b.sub.example.com=192.0.2.2", "c.example.org=192.0.2.3", "d.example.com=10.0.0.1")
	for _, test := range []struct{ flags, want string }{
		{"", "ZPRV a d b, ZPUB a d, ZSUB b, ZORG c"},
		{"--aws-zone-type=public", "ZPUB a d, ZSUB b, ZORG c"},
		{"--aws-zone-type=private", "ZPRV a d b"},
		{"--aws-zone-tags=team=web", "ZPUB a d, ZSUB b"},
		{"--aws-zone-tags=team --aws-zone-tags=stage=live", "ZPUB a d b"},
		{"--zone-id-filter=ORG", "ZORG c"},
		{"--domain-filter=sub.example.com", "ZSUB b"},
		{"--domain-filter=sub.example.com --aws-zone-match-parent", "ZPRV b, ZPUB, ZSUB b"},
		{`--regex-domain-filter=\.org$|^example\.org`, "ZORG c"},
		{`--regex-domain-filter=com$ --regex-domain-exclusion=^a\.|^sub`, "ZPRV d b, ZPUB d b"},
		{"--regex-domain-filter=EXAMPLE.ORG --domain-filter=example.com", "ZORG c"},
		{"--refuse-private-targets", "ZPRV a d b, ZPUB a, ZSUB b, ZORG c"},
	} {
		args := []string{"plan", "--source=service", "--provider=aws", "--txt-owner-id=me", "--objects=" + dir}
		_, out := ended(t, append(args, strings.Fields(test.flags)...)...)
		var zones []string
		for _, m := range regexp.MustCompile(`(?m)^\S+ \((Z\w+)\): |^\+ (\w)\.\S+ 300 IN A `).FindAllStringSubmatch(out, -1) {
			if m[1] != "" {
				zones = append(zones, m[1])
			} else {
				zones[len(zones)-1] += " " + m[2]
			}
		}
		if got := strings.Join(zones, ", "); got != test.want {
			t.Errorf("%s: got %q, want %q:\n%s", test.flags, got, test.want, out)
		}
	}
}

// TestProfiles publishes to two accounts, each with the credentials of its
// profile, one of which assumes a role.
func TestProfiles(t *testing.T) {
	config, credentials := "", ""
	for _, name := range []string{"one", "two"} {
		server := emulator.New(emulator.Config{})
		zone := map[string]string{"one": "example.com", "two": "example.org"}[name]
		if _, err := server.AddZone(zone, emulator.WithID("Z"+name)); err != nil {
			t.Fatal(err)
		}
		key := "AKID" + strings.ToUpper(name)
		if _, err := server.AddRole(emulator.Role{Name: "dns", Trusts: []string{key}, ExternalID: "42"}); err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(server)
		t.Cleanup(web.Close)
		config += fmt.Sprintf("[profile %s]\nendpoint_url = %s\n", name, web.URL)
		credentials += fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = s\n", name, key)
		defer func() {
			if sets := server.RecordSets("Z" + name); len(sets) != 4 {
				t.Errorf("%s holds %d record sets, want 4", zone, len(sets))
			}
			for _, c := range server.Calls() {
				if c.Action != "AssumeRole" && c.AccessKeyID == key {
					t.Errorf("%s was called without the role", c.Action)
				}
			}
		}()
	}
	home := t.TempDir()
	save(t, filepath.Join(home, "config"), config)
	save(t, filepath.Join(home, "credentials"), credentials)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	args := []string{"--source=service", "--provider=aws", "--txt-owner-id=me", "--aws-profile=one", "--aws-profile=two",
		"--aws-assume-role=arn:aws:iam::123456789012:role/dns", "--aws-assume-role-external-id=42",
		"--objects=" + manifests(t, "a.example.com=192.0.2.1", "c.example.org=192.0.2.3")}
	if code, out := ended(t, append([]string{"run", "--once"}, args...)...); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	code, out := ended(t, append([]string{"plan"}, args...)...)
	want := "example.com. (Zone): 0 to create, 0 to change, 0 to delete\nexample.org. (Ztwo): 0 to create, 0 to change, 0 to delete\n"
	if diff := cmp.Diff(want, out); code != 0 || diff != "" {
		t.Errorf("exit code %d\n%s", code, diff)
	}
	if code, out = ended(t, append([]string{"plan"}, append(args, "--aws-profile=three")...)...); code != 1 ||
		!strings.Contains(out, `error: profile three: read the AWS configuration: there is no profile "three"`) || !strings.Contains(out, "hint:  correct --aws-profile") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
