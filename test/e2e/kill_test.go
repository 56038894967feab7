package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/apiserver"
	"github.com/signpost-dns/signpost/test/e2e/cluster"
)

// The program is killed in the middle of 10,000 creations: once when a batch is on its way, once when a batch has
// been accepted and nobody has been told. Nothing is lost, and no record set stands without its claim.
func TestKilledAmongManyCreations(t *testing.T) {
	const many = 10_000
	api := apiserver.New(apiserver.Options{})
	url, stop, err := api.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() }) // the watch of a killed process may have been cut off
	kubeconfig, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "it",
		"clusters": []any{map[string]any{"name": "it", "cluster": map[string]any{"server": url}}},
		"users":    []any{map[string]any{"name": "it", "user": map[string]any{}}},
		"contexts": []any{map[string]any{"name": "it", "context": map[string]any{"cluster": "it", "user": "it"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, aws: emulator.New(emulator.Config{MaxRecordSets: 3 * many}), user: &cluster.User{Kubeconfig: path}}
	w.zone = w.addZone("example.com")
	line := &killer{to: w.aws}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	w.env = []string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"),
		"AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
	}
	for i := range many {
		if err := api.Create(hostIngress(i)); err != nil {
			t.Fatal(err)
		}
	}

	for _, dies := range []struct {
		after  int // changes of the zone by this process
		before bool
	}{{8, true}, {8, false}} {
		begun := w.writes()
		p := w.start(flags("--policy=sync", "--log-level=warning")...)
		line.kill(p.cmd.Process, dies.after, dies.before)
		<-p.read
		if n := w.writes() - begun; n < dies.after-1 || n > dies.after {
			t.Fatalf("the process has changed the zone %d times before it died, want about %d", n, dies.after)
		}
		if done := w.claimed(); done == 0 || done == many {
			t.Fatalf("%d names stand, which is not the middle of %d creations", done, many)
		}
	}
	w.start(flags("--policy=sync", "--log-level=warning")...)
	w.until(5*patience, func() bool { return len(w.aws.RecordSets(w.zone)) >= 2*many+2 })
	if n := w.claimed(); n != many {
		t.Errorf("%d names stand with their claims, want %d", n, many)
	}
}

func hostIngress(i int) *networkingv1.Ingress {
	name := fmt.Sprintf("h%05d", i)
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Annotations: map[string]string{
			"external-dns.kubernetes.io/target": "192.0.2.1",
		}},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: name + ".example.com"}}},
	}
}

// claimed counts the addresses in the zone, and fails the test if one has no claim or a claim has none.
func (w *world) claimed() (n int) {
	w.t.Helper()
	addresses, claims := map[string]bool{}, map[string]bool{}
	for _, set := range w.aws.RecordSets(w.zone) {
		switch set.Type {
		case "A":
			addresses[set.Name] = true
		case "TXT":
			claims[strings.TrimPrefix(set.Name, "a-")] = true
		}
	}
	for name := range addresses {
		if !claims[name] {
			w.t.Errorf("%s has no claim", name)
		}
	}
	for name := range claims {
		if !addresses[name] {
			w.t.Errorf("a claim stands for %s, which is not there", name)
		}
	}
	return len(addresses)
}

// killer kills a process when it changes a zone for the nth time.
type killer struct {
	to http.Handler

	mu   sync.Mutex
	left int
	next death
}

// death is how a process dies.
type death struct {
	process *os.Process
	before  bool // the change does not arrive; otherwise it is made, and nobody is told
}

func (k *killer) kill(p *os.Process, nth int, before bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left, k.next = nth, death{p, before}
}

func (k *killer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	d, due := k.due(r)
	if !due {
		k.to.ServeHTTP(rw, r)
		return
	}
	if d.before {
		_, _ = io.Copy(io.Discard, r.Body) // the end of the connection is not seen before that of the body
	} else {
		k.to.ServeHTTP(httptest.NewRecorder(), r)
	}
	_ = d.process.Kill() // that it has ended is seen by who waits for it
	<-r.Context().Done() // the connection is cut
}

// due says whether this call is the process's last.
func (k *killer) due(r *http.Request) (death, bool) {
	if r.Method != http.MethodPost || !strings.Contains(r.URL.Path, "/rrset") {
		return death{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left--
	return k.next, k.left == 0
}
