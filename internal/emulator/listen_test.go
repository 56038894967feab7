package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/miekg/dns"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/tool"
)

// serve listens on free ports until the test ends.
func serve(t *testing.T, srv *emulator.Server) *emulator.Sockets {
	t.Helper()
	sockets, err := srv.Listen("127.0.0.1:0", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sockets.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if conn, err := net.Dial("tcp", sockets.HTTP.String()); err == nil {
			conn.Close()
			t.Error("the API is still there after its context ended")
		}
	})
	return sockets
}

func TestListen(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	must(t, srv, zone, create(set("www.example.com", "A", "192.0.2.1")))
	sockets := serve(t, srv)
	c := route53.New(route53.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://" + sockets.HTTP.String()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, "secret", ""), HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	list := func() error {
		_, err := c.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
		return err
	}
	if err := list(); err != nil {
		t.Error(err)
	}
	srv.Inject(emulator.Fault{Cut: true})
	if err := list(); err == nil || code(err) != "" {
		t.Errorf("got %v, want a broken connection", err)
	}
	for _, network := range []string{"udp", "tcp"} {
		m, _, err := (&dns.Client{Net: network, Timeout: time.Minute}).ExchangeContext(t.Context(), new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), sockets.DNS.String())
		if err != nil || len(m.Answer) != 1 {
			t.Errorf("%s: got %v, %v", network, m, err)
		}
	}
	// A client that stays connected does not keep the server from ending.
	idle, err := net.Dial("tcp", sockets.DNS.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { idle.Close() })
	if _, err := srv.Listen(sockets.HTTP.String(), "127.0.0.1:0"); err == nil {
		t.Error("the same port twice is no error")
	}
}

func TestListenLoopbackOnly(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0"} {
		for _, pair := range [][2]string{{addr, "127.0.0.1:0"}, {"127.0.0.1:0", addr}} {
			if _, err := srv.Listen(pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), "is no loopback address") {
				t.Errorf("listen at %v: %v", pair, err)
			}
		}
	}
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:70000"} {
		if _, err := srv.Listen(addr, "127.0.0.1:0"); err == nil {
			t.Errorf("%s is no address and port", addr)
		}
	}
}

// TestAWSCLIAndDig drives the emulator with the stock tools.
func TestAWSCLIAndDig(t *testing.T) {
	awsCLI, dig := tool.Path(t, "aws"), tool.Path(t, "dig")
	sockets := serve(t, emulator.New(emulator.Config{}))
	home := t.TempDir()
	run := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=secret",
			"AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "NO_PROXY=127.0.0.1"}
		if root := os.Getenv("PYENV_ROOT"); root != "" {
			cmd.Env = append(cmd.Env, "PYENV_ROOT="+root)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s%s", program, args, err, out, stderr.String())
		}
		return string(out)
	}
	r53 := func(into any, args ...string) {
		t.Helper()
		out := run(awsCLI, append([]string{"--endpoint-url", "http://" + sockets.HTTP.String(), "--output", "json", "route53"}, args...)...)
		if into != nil {
			if err := json.Unmarshal([]byte(out), into); err != nil {
				t.Fatalf("%v answered %s: %v", args, out, err)
			}
		}
	}
	var zone struct{ HostedZone struct{ ID, Name string } }
	r53(&zone, "create-hosted-zone", "--name", "example.com", "--caller-reference", "1")
	if zone.HostedZone.Name != "example.com." {
		t.Fatalf("created %+v", zone)
	}
	batch := filepath.Join(home, "batch.json")
	changes := `{"Changes": [
		{"Action": "CREATE", "ResourceRecordSet": {"Name": "www.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}},
		{"Action": "UPSERT", "ResourceRecordSet": {"Name": "*.example.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": "\"a \\\"b\\\"\""}]}}]}`
	if err := os.WriteFile(batch, []byte(changes), 0o600); err != nil {
		t.Fatal(err)
	}
	var change struct{ ChangeInfo struct{ ID, Status string } }
	r53(&change, "change-resource-record-sets", "--hosted-zone-id", zone.HostedZone.ID, "--change-batch", "file://"+batch)
	if change.ChangeInfo.Status != "PENDING" {
		t.Errorf("changed %+v", change)
	}
	r53(nil, "wait", "resource-record-sets-changed", "--id", change.ChangeInfo.ID)
	var list struct {
		ResourceRecordSets []struct{ Name, Type string }
	}
	r53(&list, "list-resource-record-sets", "--hosted-zone-id", zone.HostedZone.ID, "--page-size", "1")
	var names []string
	for _, s := range list.ResourceRecordSets {
		names = append(names, s.Name+s.Type)
	}
	if got, want := strings.Join(names, " "), `example.com.NS example.com.SOA \052.example.com.TXT www.example.com.A`; got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
	at := []string{"@" + sockets.DNS.Addr().String(), "-p", portOf(sockets), "+short", "+tries=1", "+time=60"}
	for want, question := range map[string][]string{
		"192.0.2.1\n":      {"www.example.com", "A", "+notcp"},
		"192.0.2.1\n\n":    {"www.example.com", "A", "+tcp"},
		`"a \"b\""` + "\n": {"any.example.com", "TXT"},
	} {
		if got := run(dig, append(at, question...)...); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("dig %v: %q, want %q", question, got, want)
		}
	}
}

func portOf(s *emulator.Sockets) string {
	_, port, _ := strings.Cut(s.DNS.String(), ":")
	return port
}
