package console_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signpost-dns/signpost/internal/console"
	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

// engine is an Engine with these answers.
type engine struct {
	checks   []controller.Check
	overview controller.Overview
	asked    []dns.Name
}

func (e *engine) Checks() []controller.Check    { return e.checks }
func (e *engine) Overview() controller.Overview { return e.overview }
func (e *engine) Explain(n dns.Name) controller.Explanation {
	e.asked = append(e.asked, n)
	return controller.Explanation{Name: n.Host(), Verdict: "nothing, because this is a test", Objects: []controller.ExplainedObject{}}
}

func TestReadinessNamesEachCheck(t *testing.T) {
	checks := []controller.Check{{Name: "source service", OK: true, State: "synced"}, {Name: "zones", State: "none read yet"}}
	h := console.Handler(prometheus.NewRegistry(), &engine{checks: checks})

	code, body := get(t, h, "/readyz")
	if want := "[ok  ] source service: synced\n[wait] zones: none read yet\n"; code != http.StatusServiceUnavailable || body != want {
		t.Errorf("GET /readyz = %d %q, want 503 %q", code, body, want)
	}
	checks[1].OK = true
	if code, _ := get(t, h, "/readyz"); code != http.StatusOK {
		t.Errorf("GET /readyz with all well = %d, want 200", code)
	}
	if code, body := get(t, h, "/healthz"); code != http.StatusOK || body != "OK" {
		t.Errorf("GET /healthz = %d %q, want 200 OK", code, body)
	}
	if code, _ := get(t, h, "/elsewhere"); code != http.StatusNotFound {
		t.Errorf("GET /elsewhere = %d, want 404", code)
	}
}

func TestMetricsKeepTheNamesOfExternalDNS(t *testing.T) {
	reg := prometheus.NewRegistry()
	controller.NewMetrics(reg)
	_, body := get(t, console.Handler(reg, &engine{}), "/metrics")
	for _, name := range []string{"external_dns_controller_last_sync_timestamp_seconds", "external_dns_registry_errors_total",
		"external_dns_source_errors_total", "external_dns_controller_consecutive_soft_errors"} {
		if !strings.Contains(body, "\n"+name+" ") {
			t.Errorf("GET /metrics lacks %s:\n%s", name, body)
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	handler := console.Handler(prometheus.NewRegistry(), &engine{})
	addr, err := console.Serve(ctx, "127.0.0.1:0", handler, log)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + addr.String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "OK" {
		t.Errorf("GET /healthz = %q, %v", body, err)
	}
	if _, err := console.Serve(ctx, addr.String(), handler, log); err == nil {
		t.Error("a second server on the same address: no error")
	}
	cancel()
}

func TestExplain(t *testing.T) {
	e := &engine{}
	h := console.Handler(prometheus.NewRegistry(), e)
	code, body := get(t, h, "/explain?name=WWW.Example.com.")
	if want := "www.example.com: nothing, because this is a test\n"; code != http.StatusOK || !strings.HasPrefix(body, want) {
		t.Errorf("GET /explain = %d %q, want %q", code, body, want)
	}
	code, body = get(t, h, "/explain?name=www.example.com&output=json")
	var answer controller.Explanation
	if err := json.Unmarshal([]byte(body), &answer); code != http.StatusOK || err != nil || answer.Name != "www.example.com" {
		t.Errorf("GET /explain as JSON = %d %q: %v", code, body, err)
	}
	for path, want := range map[string]string{
		"/explain":                  "name a host: /explain?name=www.example.com",
		"/explain?name=a..b":        `"a..b" is no domain name`,
		"/explain?name=a&output=py": "output=py is neither text nor json",
	} {
		if code, body := get(t, h, path); code != http.StatusBadRequest || !strings.HasPrefix(body, want) {
			t.Errorf("GET %s = %d %q, want 400 %q", path, code, body, want)
		}
	}
	if len(e.asked) != 2 || e.asked[0] != "www.example.com." {
		t.Errorf("asked for %v", e.asked)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/explain?name=a", nil))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /explain = %d", rec.Code)
	}
}

func TestStatusPage(t *testing.T) {
	zone := dns.Zone{ID: "Z1", Name: "example.com."}
	e := &engine{overview: controller.Overview{
		Leadership: "This replica leads.",
		Checks:     []controller.Check{{Name: "source service", OK: true, State: "synced <script>"}},
		Zones:      []controller.ZoneOverview{{Zone: zone, Read: time.Now().Add(-time.Hour)}, {Zone: dns.Zone{ID: "Z2", Name: "example.org."}}},
		Refusals:   []controller.RefusalCount{{Reason: plan.NotOwned, Count: 3}},
		Holds: []controller.Hold{{Zone: zone, Command: "say yes",
			Hold: plan.Hold{ID: "0123456789", Keys: []dns.Key{{Name: "www.example.com.", Type: dns.A}}}}},
	}}
	code, body := get(t, console.Handler(prometheus.NewRegistry(), e), "/")
	if code != http.StatusOK {
		t.Fatalf("GET / = %d", code)
	}
	for _, want := range []string{"This replica leads.", "synced &lt;script&gt;", "<td>example.com</td><td>Z1</td><td>public</td><td>1h0m0s ago</td>",
		"<td>Z2</td><td>public</td><td>not read yet</td>", "<td>NotOwned</td><td>3</td>", "1 deletion is held in example.com (0123456789)",
		"<code>say yes</code>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the status page lacks %q:\n%s", want, body)
		}
	}
}
