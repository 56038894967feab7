package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

func settingsOf(args string, vars map[string]string) (runCommand, Settings, []string, error) {
	var run runCommand
	p, err := parse(command{name: "run"}, &run, strings.Fields(args), environ(vars))
	if err != nil {
		return run, Settings{}, nil, err
	}
	s, err := run.Settings()
	return run, s, p.warnings, err
}

func filter(t *testing.T, include ...string) dns.Filter {
	t.Helper()
	f, err := dns.NewFilter(include, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The argument lists that people run ExternalDNS with mean here what they mean there.
func TestKnownArgumentLists(t *testing.T) {
	usual := func(change func(*Settings)) Settings {
		s := Settings{Sources: []string{"ingress", "service"}, Provider: "aws", Policy: "upsert-only",
			Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME}, Owned: true, Owner: "default", Interval: time.Minute,
			DeleteGrace: 10 * time.Second}
		change(&s)
		return s
	}
	tests := []struct {
		name, args string
		vars       map[string]string
		want       Settings
		level      string
	}{
		{
			name: "a cluster at home",
			args: `--source=service --source=ingress --domain-filter=example.com --provider=aws --policy=upsert-only
				--aws-zone-type=public --registry=txt --txt-owner-id=Z0123456789 --txt-prefix=prefix_ --log-level=debug`,
			want: usual(func(s *Settings) {
				s.Filter, s.Owner, s.Prefix = filter(t, "example.com"), "Z0123456789", "prefix_"
			}),
			level: "debug",
		},
		{
			name: "kube-aws",
			args: `--source=service --source=ingress --domain-filter=example.com --provider=aws --policy=upsert-only
				--registry=txt --txt-owner-id=my-identifier`,
			want:  usual(func(s *Settings) { s.Filter, s.Owner = filter(t, "example.com"), "my-identifier" }),
			level: "info",
		},
		{
			name: "ExternalDNS's Helm chart",
			args: `--log-level=info --log-format=text --interval=1m --source=service --source=ingress
				--policy=upsert-only --registry=txt --provider=aws`,
			want:  usual(func(*Settings) {}),
			level: "info",
		},
		{
			name: "the environment alone",
			vars: map[string]string{"EXTERNAL_DNS_SOURCE": "service\ningress", "EXTERNAL_DNS_PROVIDER": "aws",
				"EXTERNAL_DNS_POLICY": "sync", "EXTERNAL_DNS_DOMAIN_FILTER": "example.com\nexample.org\n"},
			want:  usual(func(s *Settings) { s.Policy, s.Filter = "sync", filter(t, "example.com", "example.org") }),
			level: "info",
		},
		{
			name: "everything at once",
			args: `--source=service --source=service --provider=aws --policy=create-only --registry=noop --txt-owner-id=
				--txt-suffix=-x --txt-wildcard-replacement=any --managed-record-types=TXT --managed-record-types=A
				--exclude-record-types=A --interval=0s --events --once --dry-run --metrics-address=:0 --log-level=warn
				--max-deletes=unlimited --delete-grace=0 --approve=0123456789`,
			want: Settings{Sources: []string{"service"}, Provider: "aws", Policy: "create-only", Types: []dns.Type{dns.TXT},
				Suffix: "-x", Wildcard: "any", Interval: time.Second, MaxDeletes: plan.Unlimited()},
			level: "warn",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run, got, warnings, err := settingsOf(tt.args, tt.vars)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("error %v (hint: %s), warnings %q", err, hintOf(err), warnings)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(sameFilter), cmpopts.EquateComparable(plan.Limit{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if run.Level != tt.level {
				t.Errorf("log level %q, want %q", run.Level, tt.level)
			}
			if err := run.check(); err != nil {
				t.Errorf("the command refuses them: %v", err)
			}
		})
	}
}

func sameFilter(a, b dns.Filter) bool { return cmp.Equal(a.Strings(), b.Strings()) }

// kOps depends on --compatibility: without it its records would be deleted.
func TestKOps(t *testing.T) {
	const args = `--provider=aws --events --source=ingress --source=service --compatibility=kops-dns-controller
		--registry=txt --txt-owner-id=kops-c.example.com --zone-id-filter=Z1`
	const hint = "without it Signpost would do something else than ExternalDNS did, so that it does not start; " +
		"leave it out if nothing depends on it"
	_, _, _, err := settingsOf(args, nil)
	wantError(t, err, "--compatibility is not in Signpost yet", hint)

	without := strings.Replace(args, "--compatibility=kops-dns-controller", "", 1)
	_, s, _, err := settingsOf(without, nil)
	if err != nil || s.Owner != "kops-c.example.com" {
		t.Errorf("without it: %+v, %v", s, err)
	}
	_, _, _, err = settingsOf(without, map[string]string{"EXTERNAL_DNS_COMPATIBILITY": "kops-dns-controller"})
	wantError(t, err, "--compatibility (from EXTERNAL_DNS_COMPATIBILITY) is not in Signpost yet", hint)

	_, _, _, err = settingsOf(without+" --source=pod", nil)
	wantError(t, err, "--source=pod is not in Signpost, which knows service, ingress",
		"leave it out only if its records may go: under --policy=sync they are deleted")
}

func TestForeignFlags(t *testing.T) {
	const usual = "--source=service --provider=aws "
	tests := []struct {
		args    string
		warning string
	}{
		{"--txt-new-format-only", "--txt-new-format-only has no effect: claims have the newer names anyway"},
		{"--no-txt-new-format-only", "--txt-new-format-only has no effect: claims have the newer names anyway"},
		{"--txt-new-format-only=false", "--txt-new-format-only has no effect: claims have the newer names anyway"},
		{"--txt-new-format-only --txt-new-format-only", "--txt-new-format-only has no effect: claims have the newer names anyway"},
		{"--cli-backend kingpin", "--cli-backend has no effect: there is only one"},
		{"--aws-batch-change-size=4000", "--aws-batch-change-size has no effect: batches follow Route 53's own limits"},
		{"--compatibility=", ""},
		{"--no-create-ptr", ""},
		{"--create-ptr=false", ""},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			_, _, warnings, err := settingsOf(usual+tt.args, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(warnings, "; "); got != tt.warning {
				t.Errorf("warnings %q, want %q", got, tt.warning)
			}
		})
	}
	_, _, _, err := settingsOf(usual+"--cli-backend", nil)
	wantError(t, err, "--cli-backend: the value is missing", "write --cli-backend=VALUE")
	_, _, _, err = settingsOf(usual+"--compatibilty=mate", nil)
	wantError(t, err, "unknown flag --compatibilty", "did you mean --compatibility?")
}

// The table is about what this build lacks, and every row can be used.
func TestForeignTable(t *testing.T) {
	m, err := newModel(&runCommand{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range foreignFlags() {
		if m.flags[f.name] != nil {
			t.Errorf("--%s is a flag of run", f.name)
		}
		if seen[f.name] {
			t.Errorf("--%s stands twice", f.name)
		}
		seen[f.name] = true
		if f.refused == (f.why != "") {
			t.Errorf("--%s: what is refused has no reason to be passed over, and the other way round", f.name)
		}
	}
}

func TestSettingsRefuse(t *testing.T) {
	const usual = "--source=service --provider=aws "
	const owner = "any other text will do that tells this deployment from others in the same zone, such as the cluster's name"
	const limits = "write a share such as 30%, a number such as 25 (0: none without being asked), or unlimited"
	tests := []struct {
		args, message, hint string
	}{
		{"--once", "missing: --source and --provider", "add --source=service --source=ingress --provider=aws"},
		{"--source=service", "missing: --provider", "add --provider=aws"},
		{"--provider=aws", "missing: --source", "add --source=service --source=ingress"},
		{usual + "--policy=upsert", `--policy: "upsert" is not one of sync, upsert-only, create-only`, "did you mean upsert-only?"},
		{usual + "--registry=dynamodb", "--registry=dynamodb is not in Signpost, which knows txt, noop",
			"ownership is kept in TXT records (--registry=txt), or nowhere (--registry=noop); " +
				"records that another registry marks are not taken for ours"},
		{"--source=service --provider=cloudflare", "--provider=cloudflare is not in Signpost, which knows aws",
			"ExternalDNS can stay for the zones of cloudflare, beside Signpost"},
		{"--source=servce --provider=aws", `--source: "servce" is not one of service, ingress`, "did you mean service?"},
		{usual + "--txt-owner-id=", "--txt-owner-id: " + claim.ValidateOwner("").Error(), owner},
		{usual + "--txt-owner-id=a,b", "--txt-owner-id: " + claim.ValidateOwner("a,b").Error(), owner},
		{usual + `--txt-owner-id=a"b`, "--txt-owner-id: " + claim.ValidateOwner(`a"b`).Error(), owner},
		{usual + "--txt-prefix=a --txt-suffix=b", "--txt-prefix and --txt-suffix exclude each other",
			"keep the one that the zone's TXT record sets were made with"},
		{usual + "--managed-record-types=A,CNAME", `--managed-record-types: "A,CNAME" holds a comma, and lists are not split at commas`,
			"give the flag once for each value: --managed-record-types=A --managed-record-types=CNAME"},
		{usual + "--managed-record-types=cname", `--managed-record-types: "cname" is no type of record set`,
			"write it in capitals: --managed-record-types=CNAME"},
		{usual + "--exclude-record-types=ALIAS", `--exclude-record-types: "ALIAS" is no type of record set`,
			"the types are A, AAAA, CNAME, MX, NAPTR, NS, PTR, SRV, TXT"},
		{usual + "--managed-record-types=A --exclude-record-types=A", "no type of record set is left to manage",
			"take some away from --exclude-record-types, or leave --managed-record-types out for A, AAAA and CNAME"},
		{usual + "--interval=-1m", "--interval: -1m0s is less than nothing", "write a time such as 1m"},
		{usual + "--max-deletes=many", `--max-deletes: "many" is neither a share nor a number`, limits},
		{usual + "--max-deletes=101%", `--max-deletes: "101%" is more than all`, limits},
		{usual + "--delete-grace=-1s", "--delete-grace: -1s is less than nothing", "write a time such as 10s, or 0"},
		{usual + "--approve=all", `--approve: "all" is no ID of held deletions`,
			`it is ten digits and letters from a to f; "signpost plan" shows it`},
		{usual + "--domain-filter=exa..mple", `--domain-filter or --exclude-domains: domain name "exa..mple": ` +
			"a label is empty (two dots in a row, or a dot at the start)", "write domains such as example.com"},
		{usual + "--interval=1m --interval=2m", "--interval is given twice",
			"keep one of them; ExternalDNS's Helm chart writes --interval itself: set its value interval, not extraArgs"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			_, _, _, err := settingsOf(tt.args, nil)
			wantError(t, err, tt.message, tt.hint)
		})
	}
	_, _, _, err := settingsOf(usual, map[string]string{"EXTERNAL_DNS_TXT_OWNER_ID": "me\n"})
	wantError(t, err, "--txt-owner-id: "+claim.ValidateOwner("me\n").Error(),
		"does it come from a file or Secret that ends in a line end?")
}
