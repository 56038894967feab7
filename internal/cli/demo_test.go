package cli

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// hostile fills the environment with what must not matter to a demo.
func hostile(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_PROFILE": "gone", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ROUTE_53": "http://127.0.0.1:1",
		"AWS_REGION": "nowhere", "AWS_ACCESS_KEY_ID": "AKIDREAL", "AWS_SECRET_ACCESS_KEY": "real", "AWS_CONFIG_FILE": "/nonexistent",
		"AWS_CA_BUNDLE": "/nonexistent", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1",
		"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "KUBECONFIG": "/nonexistent",
	} {
		t.Setenv(name, value)
	}
}

// begun waits until a demo has said what can be tried, and returns the address
// of its DNS.
func begun(r *running) string {
	r.await(r.stdout, `^End it with Ctrl-C\.$`)
	at := r.await(r.stdout, `^  dig @(\S+) -p (\d+) `)
	return net.JoinHostPort(at[1], at[2])
}

const newService = `apiVersion: v1
kind: Service
metadata:
  name: new
  annotations: {external-dns.kubernetes.io/hostname: new.example.com}
spec: {type: LoadBalancer, externalIPs: [192.0.2.7]}
`

// TestDemo plays the demo as someone does who has the program alone.
func TestDemo(t *testing.T) {
	hostile(t)
	t.Chdir(t.TempDir())
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	r := play(t, "demo")
	server := begun(r)
	dir := r.await(r.stdout, `with the manifests in (\S+) in place`)[1]
	if !strings.HasPrefix(dir, temporary) {
		t.Errorf("the manifests are in %s, want a copy in %s", dir, temporary)
	}

	// What it says it made is there, and each line to try has an answer.
	r.await(r.stdout, `^  for ingress/default/nginx-test\n    dev1\.example\.com  A  192\.168\.10\.51$`)
	r.await(r.stdout, `^    docs\.example\.com  CNAME  alias1\.example\.com$`)
	r.await(r.stdout, `^    mynginx\.example\.com  AAAA  alias of nginx-\S+\.elb\.amazonaws\.com$`)
	r.await(r.stdout, `such as a-dev1\.example\.com\.$`)
	digs := regexp.MustCompile(`(?m)^  dig @\S+ -p \d+ \+short (TXT )?(\S+)$`).FindAllStringSubmatch(r.stdout.String(), -1)
	if len(digs) != 6 {
		t.Errorf("%d lines to try, want 6:\n%s", len(digs), r.stdout)
	}
	for _, dig := range digs {
		qtype := "A"
		if dig[1] != "" {
			qtype = "TXT"
		}
		if answer, err := ask(server, dig[2], qtype); err != nil || len(answer) == 0 || answer[0] == "NXDOMAIN" {
			t.Errorf("%s: %v %v", dig[0], answer, err)
		}
	}
	pages := r.await(r.stdout, `^  (http://\S+/metrics)\n  (http://\S+/readyz)$`)
	for page, want := range map[string]string{pages[1]: "\nexternal_dns_controller_verified_records{", pages[2]: "[ok  ] zones: example.com\n"} {
		if text := get(t, page); !strings.Contains(text, want) {
			t.Errorf("%s shows\n%s\nwant %q in it", page, text, want)
		}
	}

	// An edit changes the answer; a new manifest makes a name.
	dev1 := filepath.Join(dir, "dev1.yaml")
	text, err := os.ReadFile(dev1)
	if err != nil {
		t.Fatal(err)
	}
	save(t, dev1, strings.ReplaceAll(string(text), "192.168.10.51", "192.168.10.52"))
	r.resolves(server, "dev1.example.com", "A", "192.168.10.52")
	r.await(r.stdout, `^\d\d:\d\d:\d\d  changed  dev1\.example\.com A 192\.168\.10\.51 -> 192\.168\.10\.52  \(ingress/default/nginx-test\)$`)
	save(t, filepath.Join(dir, "new.yaml"), newService)
	r.resolves(server, "new.example.com", "A", "192.0.2.7")
	r.await(r.stdout, `created  new\.example\.com A 192\.0\.2\.7  \(service/default/new\)$`)

	// A name goes with its manifest, and with its claim.
	remove(t, filepath.Join(dir, "docs.yaml"))
	r.resolves(server, "docs.example.com", "CNAME", "NXDOMAIN")
	r.resolves(server, "cname-docs.example.com", "TXT", "NXDOMAIN")
	r.await(r.stdout, `deleted  docs\.example\.com CNAME alias1\.example\.com  \(ingress/default/docs\)$`)

	// A manifest that cannot be read is told. The others are followed, and
	// nothing is deleted until it is mended.
	save(t, filepath.Join(dir, "broken.yaml"), "kind: Service\n metadata: x\n")
	r.await(r.stderr, `broken\.yaml, document 1, line 2: `)
	remove(t, filepath.Join(dir, "registry.yaml"))
	save(t, dev1, string(text))
	r.resolves(server, "dev1.example.com", "A", "192.168.10.51")
	r.resolves(server, "registry.example.com", "A", "203.0.113.10")
	remove(t, filepath.Join(dir, "broken.yaml"))
	r.resolves(server, "registry.example.com", "A", "NXDOMAIN")
	r.resolves(server, "alias1.example.com", "A", "203.0.113.80")

	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
	if !strings.HasSuffix(r.stdout.String(), "\nThe demo has ended; nothing is left of it.\n") {
		t.Errorf("it has not said that it ended:\n%s", r.stdout)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestDemoInCheckout plays with the manifests of a checkout, on other ports
// where the usual ones are taken.
func TestDemoInCheckout(t *testing.T) {
	hostile(t)
	t.Chdir("../..")
	usual := []int{demoAPIPort, demoDNSPort, demoConsolePort}
	for _, port := range usual {
		// If it is taken already that serves as well.
		if taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			defer taken.Close()
		}
	}
	r := play(t, "demo")
	server := begun(r)
	r.await(r.stdout, `with the manifests in examples/demo in place`)
	r.resolves(server, "registry.example.com", "A", "203.0.113.10")
	page := r.await(r.stdout, `^  (http://\S+/readyz)$`)[1]
	if text := get(t, page); !strings.Contains(text, "[ok  ] source ingress: synced\n") {
		t.Errorf("%s shows\n%s", page, text)
	}
	for _, port := range usual {
		if regexp.MustCompile(`\b` + strconv.Itoa(port) + `\b`).MatchString(r.stdout.String()) {
			t.Errorf("port %d is taken, and named:\n%s", port, r.stdout)
		}
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
}

func TestDemoWithoutNames(t *testing.T) {
	r := play(t, "demo", "--objects="+t.TempDir())
	begun(r)
	r.await(r.stdout, `^The manifests ask for no name in the zone example\.com, so that nothing was made\.$`)
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
}

// TestDemoWithTrouble has the first calls fail: the demo tells what it made when it has made it.
func TestDemoWithTrouble(t *testing.T) {
	for _, action := range []string{"ListResourceRecordSets", "ChangeResourceRecordSets"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			server, err := demoAccount()
			if err != nil {
				t.Fatal(err)
			}
			server.Inject(emulator.Fault{Action: action, Code: "InternalFailure", Times: 3})
			r := start(t, func(ctx context.Context, sys System) int {
				if err := new(demoCommand).play(ctx, &call{System: sys, log: slog.New(slog.DiscardHandler)}, server); err != nil {
					t.Error(err)
				}
				return 0
			})
			begun(r)
			r.await(r.stdout, `^  for ingress/default/nginx-test$`)
			r.stop()
			if left := server.Faults(); len(left) > 0 {
				t.Errorf("there was no trouble: %v", left)
			}
		})
	}
}

const fourNames = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{host: a.example.com}, {host: b.example.com}, {host: c.example.com}, {host: d.example.com}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}
`

// TestDemoForgets ends a demo that holds something, and finds no trace of that: the zone is gone.
func TestDemoForgets(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(dir, "web.yaml")
	save(t, manifest, fourNames)
	r := play(t, "demo", "--objects="+dir)
	r.await(r.stdout, "^End it with Ctrl-C\\.$")
	remove(t, manifest)
	r.await(r.stdout, `  held     4 deletions are held`)
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestDemoHolds deletes everything, and is asked first.
func TestDemoHolds(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(dir, "web.yaml")
	save(t, manifest, fourNames)
	r := play(t, "demo", "--objects="+dir)
	server := begun(r)
	r.resolves(server, "a.example.com", "A", "192.0.2.1")
	r.await(r.stdout, "^End it with Ctrl-C\\.$")
	remove(t, manifest)
	approve := r.await(r.stdout, `^\d\d:\d\d:\d\d  held     4 deletions are held in example\.com \(\w+\): a\.example\.com A, .*, and 1 more\.\n`+
		`          too much would go at once; if it shall, approve it: signpost (approve \w+ --objects=\S+); else bring back what asked for it$`)[1]
	r.resolves(server, "a.example.com", "A", "192.0.2.1")
	yes := play(t, strings.Fields(approve)...)
	if code := <-yes.code; code != 0 {
		t.Errorf("exit code %d:\n%s", code, yes.stderr)
	}
	r.resolves(server, "a.example.com", "A", "NXDOMAIN")
	r.await(r.stdout, `^\d\d:\d\d:\d\d  deleted  d\.example\.com A 192\.0\.2\.1  \(ingress/default/web\)$`)
	r.await(r.stdout, `^\d\d:\d\d:\d\d  held     nothing any more$`)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
	if strings.Contains(r.stderr.String(), "held") {
		t.Errorf("the log tells it too:\n%s", r.stderr)
	}
}

func TestDemoWithoutDirectory(t *testing.T) {
	r := play(t, "demo", "--objects="+filepath.Join(t.TempDir(), "gone"))
	r.await(r.stderr, `^error: read the manifests of --objects \S+gone: .*no such file or directory\nhint:  create the directory, or correct --objects$`)
	if code := r.stop(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

// save writes a file at once, so that nobody sees half of it.
func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+"~", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// get returns a page. It asks no proxy.
func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v\n%s", url, answer.Status, err, text)
	}
	return string(text)
}
