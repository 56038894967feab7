package cli

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

func settingsOf(args string, vars map[string]string) (runCommand, Settings, []string, error) {
	var run runCommand
	p, err := parse(command{name: "run"}, &run, strings.Fields(args), System{LookupEnv: environ(vars)})
	if err != nil {
		return run, Settings{}, nil, err
	}
	s, err := run.Settings()
	return run, s, p.warnings, err
}

// filter makes a filter of domains; those that begin with - are excluded.
func filter(t *testing.T, domains ...string) dns.Filter {
	t.Helper()
	var include, exclude []string
	for _, d := range domains {
		if bare, ok := strings.CutPrefix(d, "-"); ok {
			exclude = append(exclude, bare)
		} else {
			include = append(include, d)
		}
	}
	f, err := dns.NewFilter(include, exclude)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The argument lists that people run ExternalDNS with mean here what they mean there.
func TestKnownArgumentLists(t *testing.T) {
	window := controller.Window{Idle: 20 * time.Millisecond, Cap: 200 * time.Millisecond}
	usual := func(change func(*Settings)) Settings {
		s := Settings{Sources: []string{"ingress", "service"}, Provider: "aws", Policy: "upsert-only",
			Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME}, Owned: true, Owner: "default",
			DeleteGrace: 10 * time.Second, Pacing: controller.Pacing{Window: window}}
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
			want:  usual(func(s *Settings) { s.Pacing.Rotation = time.Minute }),
			level: "info",
		},
		{
			name: "ExternalDNS's Helm chart with most of its values",
			args: `--log-level=info --log-format=json --interval=1m --events --source=service --source=ingress --policy=sync
				--registry=txt --txt-owner-id=eu-1 --txt-suffix=-owner --namespace=web --domain-filter=example.com --domain-filter=example.org
				--exclude-domains=internal.example.com --label-filter=team=web --annotation-filter=env!=test
				--annotation-prefix=external-dns.alpha.kubernetes.io/ --managed-record-types=A --managed-record-types=CNAME --provider=aws
				--aws-batch-change-interval=10s --aws-batch-change-size=1e+06 --no-aws-evaluate-target-health --aws-zone-type=public
				--aws-zones-cache-duration=1h --min-event-sync-interval=5m --txt-cache-interval=1h`,
			want: usual(func(s *Settings) {
				s.Policy, s.Owner, s.Suffix, s.Types = "sync", "eu-1", "-owner", []dns.Type{dns.A, dns.CNAME}
				s.Filter, s.Batch = filter(t, "example.com", "example.org", "-internal.example.com"), dns.BatchSize{Changes: 1e6}
				s.Pacing = controller.Pacing{Window: window, Rotation: time.Minute, Apart: 5 * time.Minute, Pause: 10 * time.Second, ZoneList: time.Hour}
			}),
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
				Suffix: "-x", Wildcard: "any", MaxDeletes: plan.Unlimited(),
				Pacing: controller.Pacing{Window: window, Rotation: time.Second}},
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

func sameFilter(a, b dns.Filter) bool { return reflect.DeepEqual(a, b) }

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
		{"--source=servce --provider=aws", `--source: "servce" is not one of ` + strings.Join(sourceNames(), ", "), "did you mean service?"},
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
			"the types are A, AAAA, CAA, CNAME, DNAME, MX, NAPTR, NS, PTR, SRV, TXT"},
		{usual + "--managed-record-types=A --exclude-record-types=A", "no type of record set is left to manage",
			"take some away from --exclude-record-types, or leave --managed-record-types out for A, AAAA and CNAME"},
		{usual + "--max-deletes=many", `--max-deletes: "many" is neither a share nor a number`, limits},
		{usual + "--max-deletes=101%", `--max-deletes: "101%" is more than all`, limits},
		{usual + "--delete-grace=-1s", "--delete-grace: -1s is less than nothing", "write a time such as 10s, or 0"},
		{usual + "--timeout=-1s", "--timeout: -1s is less than nothing", "write a time such as 10m, or 0 for as long as it takes"},
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
