package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Each row of the table says one thing, and of a flag that some release had.
func TestForeignTable(t *testing.T) {
	m, err := newModel(&runCommand{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"in-cluster": true, "zone": true, "health-port": true} // before releases were numbered as now
	for _, f := range legacyFlags(t) {
		known[f.name] = true
	}
	for _, f := range foreignFlags() {
		if !known[f.name] {
			t.Errorf("--%s stands twice, or ExternalDNS never had it", f.name)
		}
		delete(known, f.name)
		fates := 0
		for _, fate := range []bool{f.refused, f.why != "", f.of != "", f.becomes != "", f.hint != ""} {
			if fate {
				fates++
			}
		}
		if fates != 1 {
			t.Errorf("--%s has %d fates", f.name, fates)
		}
		if name, _, _ := strings.Cut(f.becomes, "="); name != "" && m.flags[name] == nil {
			t.Errorf("--%s becomes --%s, which is no flag", f.name, name)
		}
	}
	for flag, values := range foreignValues() {
		for _, value := range named(m.flags[flag].EnumSlice()) {
			if !slices.Contains(strings.Fields(values), value) {
				t.Errorf("--%s=%s is not known to be ExternalDNS's", flag, value)
			}
		}
	}
}

func TestForeignFlags(t *testing.T) {
	tests := []struct {
		args    string
		vars    map[string]string
		warning string
	}{
		{"--txt-new-format-only", nil, "--txt-new-format-only has no effect: claims have the newer names anyway"},
		{"--no-txt-new-format-only", nil, "--txt-new-format-only has no effect: claims have the newer names anyway"},
		{"--txt-new-format-only=false", nil, "--txt-new-format-only has no effect: claims have the newer names anyway"},
		{"--txt-new-format-only --txt-new-format-only", nil, "--txt-new-format-only has no effect: claims have the newer names anyway"},
		{"--cli-backend kingpin", nil, "--cli-backend has no effect: there is only one"},
		{"--cloudflare-proxied", nil, "--cloudflare-proxied has no effect: it belongs to ExternalDNS's provider cloudflare"},
		{"", map[string]string{"EXTERNAL_DNS_OCI_ZONE_SCOPE": "PRIVATE\n"},
			"--oci-zone-scope (from EXTERNAL_DNS_OCI_ZONE_SCOPE) has no effect: it belongs to ExternalDNS's provider oci"},
		{"--oci-zone-scope=", map[string]string{"EXTERNAL_DNS_OCI_ZONE_SCOPE": "rubbish"},
			"--oci-zone-scope has no effect: it belongs to ExternalDNS's provider oci"},
		{"", map[string]string{"EXTERNAL_DNS_RFC2136_PORT": "tcp://10.0.0.1:53"}, ""},
		{"", map[string]string{"EXTERNAL_DNS_RFC2136_HOST": "a\nb\n", "EXTERNAL_DNS_AWS_SD_CREATE_TAG": "a=b\nc:d"},
			"--rfc2136-host (from EXTERNAL_DNS_RFC2136_HOST) has no effect: it belongs to ExternalDNS's provider rfc2136; " +
				"--aws-sd-create-tag (from EXTERNAL_DNS_AWS_SD_CREATE_TAG) has no effect: it belongs to ExternalDNS's provider aws-sd"},
		{"--no-webhook-server", nil, ""},
		{"--webhook-server=false", nil, ""},
		{"--master=http://127.0.0.1:8001", nil, "--master is an old name: write --server"},
		{"--no-debug", nil, "--debug is an old name: write --log-level=debug"},
		{"--request-timeout=30s", nil, "--request-timeout is deprecated: write --kube-api-request-timeout"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.args, tt.vars), func(t *testing.T) {
			warnings, err := judge(append(strings.Fields(tt.args), "--source=service", "--provider=aws"), tt.vars)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(warnings, "; "); got != tt.warning {
				t.Errorf("warnings %q, want %q", got, tt.warning)
			}
		})
	}
}

func TestForeignFlagsRefuse(t *testing.T) {
	const leaveOut = "without it Signpost would do something else than ExternalDNS did, so that it does not start; " +
		"leave it out if nothing depends on it"
	tests := []struct {
		args          string
		vars          map[string]string
		message, hint string
	}{
		{"--cli-backend", nil, "--cli-backend: the value is missing", "write --cli-backend=VALUE"},
		{"--webhook-server", nil, "--webhook-server is not in Signpost yet", leaveOut},
		{"", map[string]string{"EXTERNAL_DNS_WEBHOOK_SERVER": "true"}, "--webhook-server (from EXTERNAL_DNS_WEBHOOK_SERVER) is not in Signpost yet", leaveOut},
		{"", map[string]string{"EXTERNAL_DNS_WEBHOOK_SERVER": "on"},
			`--webhook-server (from EXTERNAL_DNS_WEBHOOK_SERVER): "on" is neither true nor false`, "write true or false"},
		{"--oci-zone-scope=global", nil, `--oci-zone-scope: "global" is not one of GLOBAL, PRIVATE`, "did you mean GLOBAL?"},
		{"--google-batch-change-interval=1", nil, `--google-batch-change-interval: "1" is not a duration`, "add the unit: 1s, 1m or 1h"},
		{"--cloudflare-proxy", nil, "unknown flag --cloudflare-proxy", "did you mean --cloudflare-proxied?"},
		{"--no-google-project", nil, "unknown flag --no-google-project", "did you mean --google-project?"},
		{"--zone=example.com", nil, "unknown flag --zone: ExternalDNS had it once", "--domain-filter=DOMAIN chooses zones"},
		{"--master=http://127.0.0.1:8001 --server=http://127.0.0.1:8001", nil, "--server is given twice", "keep one of them"},
		{"--annotation-prefix=", nil, "--annotation-prefix is empty",
			"leave it out for both external-dns.kubernetes.io/ and external-dns.alpha.kubernetes.io/"},
		{"--metrics-address=nonsense --once", nil, `--metrics-address: "nonsense" is no address to serve at`,
			"write :PORT or ADDRESS:PORT, such as :7979"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.args, tt.vars), func(t *testing.T) {
			_, err := judge(append([]string{"--source=service", "--provider=aws"}, strings.Fields(tt.args)...), tt.vars)
			wantError(t, err, tt.message, tt.hint)
		})
	}
}

// An older name sets the flag of today; a variable of the older name does not
// set what is set.
func TestRenamedFlags(t *testing.T) {
	for _, tt := range []struct {
		args          string
		vars          map[string]string
		server, level string
	}{
		{"--master=http://a:1 --debug", nil, "http://a:1", "debug"},
		{"", map[string]string{"EXTERNAL_DNS_MASTER": "http://b:1", "EXTERNAL_DNS_DEBUG": "true"}, "http://b:1", "debug"},
		{"--server=http://a:1 --log-level=error", map[string]string{"EXTERNAL_DNS_MASTER": "http://b:1", "EXTERNAL_DNS_DEBUG": "true"}, "http://a:1", "error"},
		{"--master=http://a:1", map[string]string{"EXTERNAL_DNS_SERVER": "http://b:1"}, "http://a:1", "info"},
		{"--debug=false", nil, "", "info"},
	} {
		var run runCommand
		if _, err := parse(runWord(), &run, strings.Fields(tt.args), System{LookupEnv: environ(tt.vars)}); err != nil {
			t.Errorf("%s %v: %v", tt.args, tt.vars, err)
		}
		if run.Objects.Server != tt.server || run.Level != tt.level {
			t.Errorf("%s %v: server %q, level %q", tt.args, tt.vars, run.Objects.Server, run.Level)
		}
	}
}

func TestStrangeVariables(t *testing.T) {
	m, err := newModel(&runCommand{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := strangers(prefixes(), m.names(), []string{
		"EXTERNAL_DNS_SOURCES=service", "SIGNPOST_DOMAIN_FILTERS=example.com", "EXTERNAL_DNS_NO_EVENTS=1", "SIGNPOST_FROBNICATE=1",
		"EXTERNAL_DNS_txt_owner_id=x",
		// known, without effect in ExternalDNS too, somebody else's, or empty
		"EXTERNAL_DNS_SOURCE=service", "EXTERNAL_DNS_OCI_ZONE_SCOPE=GLOBAL", "EXTERNAL_DNS_VERSION=v0.22.0", "EXTERNAL_DNS_HELP=1",
		"EXTERNAL_DNS_CLI=cobra", "PATH=/bin", "SIGNPOSTS=1", "SIGNPOST_FROB=", "MY_EXTERNAL_DNS_SOURCES=x",
		// written by Kubernetes beside Services called external-dns, external-dns-webhook and signpost
		"EXTERNAL_DNS_SERVICE_HOST=10.0.0.1", "EXTERNAL_DNS_SERVICE_PORT=7979", "EXTERNAL_DNS_SERVICE_PORT_HTTP=7979",
		"EXTERNAL_DNS_PORT=tcp://10.0.0.1:7979", "EXTERNAL_DNS_PORT_7979_TCP=tcp://10.0.0.1:7979", "EXTERNAL_DNS_PORT_7979_TCP_PROTO=tcp",
		"EXTERNAL_DNS_PORT_7979_TCP_PORT=7979", "EXTERNAL_DNS_PORT_7979_TCP_ADDR=10.0.0.1", "EXTERNAL_DNS_WEBHOOK_SERVICE_HOST=10.0.0.1",
		"SIGNPOST_PORT_53_UDP_ADDR=10.0.0.1",
		"SIGNPOST_LATENCY=1s", // another command's
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"the variable EXTERNAL_DNS_NO_EVENTS means nothing: write EXTERNAL_DNS_EVENTS=false",
		"the variable EXTERNAL_DNS_SOURCES means nothing: did you mean EXTERNAL_DNS_SOURCE?",
		"the variable EXTERNAL_DNS_txt_owner_id means nothing: did you mean EXTERNAL_DNS_TXT_OWNER_ID?",
		"the variable SIGNPOST_DOMAIN_FILTERS means nothing: did you mean SIGNPOST_DOMAIN_FILTER?",
		"the variable SIGNPOST_FROBNICATE means nothing: there is no flag --frobnicate",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
