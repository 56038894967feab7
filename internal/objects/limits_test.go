package objects

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func at[T any](v T) *T { return &v }

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestRateOfTheClient(t *testing.T) {
	for _, tt := range []struct {
		qps, burst *int
		want       [2]float32
	}{
		{nil, nil, [2]float32{-1, 0}},
		{at(50), nil, [2]float32{50, 10}},
		{nil, at(20), [2]float32{5, 20}},
		{at(50), at(100), [2]float32{50, 100}},
	} {
		o := Options{Kubeconfig: write(t, kubeconfigFor("https://192.0.2.1:6443")), QPS: tt.qps, Burst: tt.burst}
		config, err := o.config(slog.New(slog.DiscardHandler))
		must(t, err)
		if got := [2]float32{config.QPS, float32(config.Burst)}; got != tt.want {
			t.Errorf("%v %v: got %v, want %v", tt.qps, tt.burst, got, tt.want)
		}
	}
}

// ExternalDNS's old flag wins over the new one, unless it says what is usual.
func TestTimeout(t *testing.T) {
	for _, tt := range []struct {
		now, old *time.Duration
		want     time.Duration
	}{
		{nil, nil, 0},
		{at(time.Minute), nil, time.Minute},
		{nil, at(time.Second), time.Second},
		{nil, at(30 * time.Second), 30 * time.Second},
		{at(time.Minute), at(time.Second), time.Second},
		{at(time.Minute), at(30 * time.Second), time.Minute},
		{at(time.Duration(0)), nil, 0},
	} {
		if got := (Options{RequestTimeout: tt.now, OldTimeout: tt.old}).timeout(); got != tt.want {
			t.Errorf("%v %v: got %s, want %s", tt.now, tt.old, got, tt.want)
		}
	}
}

// An API server that accepts and never answers does not keep anybody waiting
// who has set a limit.
func TestSilentServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	o := Options{Kubeconfig: write(t, kubeconfigFor(server.URL)), RequestTimeout: at(20 * time.Millisecond)}
	feed, err := Open(o, nil, slog.New(slog.DiscardHandler))
	must(t, err)
	err = feed.Check(t.Context())
	var hinted interface{ Hint() string }
	if err == nil || t.Context().Err() != nil || !errors.As(err, &hinted) || errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
