package console_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signpost-dns/signpost/internal/console"
	"github.com/signpost-dns/signpost/internal/controller"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

func TestReadinessNamesEachCheck(t *testing.T) {
	checks := []controller.Check{{Name: "source service", OK: true, State: "synced"}, {Name: "zones", State: "none read yet"}}
	h := console.Handler(prometheus.NewRegistry(), func() []controller.Check { return checks })

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
	_, body := get(t, console.Handler(reg, nil), "/metrics")
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
	handler := console.Handler(prometheus.NewRegistry(), func() []controller.Check { return nil })
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
