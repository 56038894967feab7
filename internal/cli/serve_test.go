package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestEmulator starts the emulator as people do, and ends it.
func TestEmulator(t *testing.T) {
	r := play(t, "emulator", "--zone=example.com", "--private-zone=example.net", "--address=127.0.0.1:0", "--dns-address=localhost:0")
	r.await(r.stdout, `^Route 53 API  http://127\.0\.0\.1:\d+$`)
	server := r.await(r.stdout, `^DNS           (127\.0\.0\.1:\d+) \(UDP and TCP\)$`)[1]
	r.await(r.stdout, `^Zone          example\.com \(Z\w+\)\nPrivate zone  example\.net \(Z\w+\)$`)
	if answer, err := ask(server, "example.com", "SOA"); err != nil || len(answer) != 1 || !strings.Contains(answer[0], "awsdns-hostmaster") {
		t.Errorf("SOA of the zone: %v %v", answer, err)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
	if listener, err := net.Listen("tcp", server); err != nil {
		t.Errorf("the port is still taken: %v", err)
	} else {
		listener.Close()
	}
}

// TestRun runs the controller until it is told to end.
func TestRun(t *testing.T) {
	e := play(t, "emulator", "--zone=example.com", "--address=127.0.0.1:0", "--dns-address=127.0.0.1:0")
	url := e.await(e.stdout, `^Route 53 API  (http://\S+)$`)[1]
	server := e.await(e.stdout, `^DNS           (\S+)`)[1]
	t.Setenv("AWS_ENDPOINT_URL", url)
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	dir := t.TempDir()
	args := []string{"--source=service", "--provider=aws", "--policy=sync", "--txt-owner-id=me", "--objects=" + dir}
	r := play(t, append(args, "--metrics-address=127.0.0.1:0")...)
	ready := r.await(r.stderr, `msg="watching the manifests in \S+" metrics="(http://\S+/metrics)" ready="(http://\S+/readyz)"`)
	r.await(r.stderr, `All records are already up to date`)

	save(t, filepath.Join(dir, "new.yaml"), newService)
	r.resolves(server, "new.example.com", "A", "192.0.2.7")
	if text := get(t, ready[2]); !strings.Contains(text, "[ok  ] source service: synced\n") {
		t.Errorf("%s shows\n%s", ready[2], text)
	}
	text := get(t, ready[1])
	for _, line := range []string{`external_dns_build_info{arch=`, `signpost_changes_total{action="CREATE"} 2`,
		`signpost_request_duration_seconds_count{operation="ChangeResourceRecordSets",result="ok"} 1`,
		`external_dns_http_request_duration_seconds_count{handler="instrumented_http",host="` + strings.TrimPrefix(url, "http://") +
			`",method="POST",path="rrset",scheme="http",status="200"} 1`} {
		if !strings.Contains(text, line) {
			t.Errorf("%s lacks %s:\n%s", ready[1], line, text)
		}
	}
	remove(t, filepath.Join(dir, "new.yaml"))
	r.resolves(server, "new.example.com", "A", "NXDOMAIN")

	taken := play(t, append(args, "--metrics-address="+strings.TrimSuffix(strings.TrimPrefix(ready[1], "http://"), "/metrics"))...)
	taken.await(taken.stderr, `^error: serve metrics: .*address already in use\nhint:  choose another with --metrics-address=:PORT$`)
	if code := taken.stop(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}

	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
	r.await(r.stderr, `Terminating main controller loop`)
	if code := e.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, e.stderr)
	}
}
