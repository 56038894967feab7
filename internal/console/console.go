// Package console is what a running Signpost shows over HTTP: /metrics for
// Prometheus, /healthz for liveness, /readyz for readiness in words.
//
// It hides the server. It may import the controller, which knows the answers.
//
//	address, err := console.Serve(ctx, ":7979", console.Handler(gatherer, c.Checks), log)
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/signpost-dns/signpost/internal/controller"
)

// Handler serves the three pages. /healthz answers OK as long as the process
// does; /readyz names each thing that readiness depends on, with status 503
// while one of them is missing, and what is worth knowing besides.
func Handler(metrics prometheus.Gatherer, checks func() []controller.Check) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, "OK")
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, text := http.StatusOK, strings.Builder{}
		for _, c := range checks() {
			mark := "ok  "
			switch {
			case !c.OK:
				mark, status = "wait", http.StatusServiceUnavailable
			case c.Warn:
				mark = "warn"
			}
			fmt.Fprintf(&text, "[%s] %s: %s\n", mark, c.Name, c.State)
		}
		write(w, status, text.String())
	})
	return mux
}

func write(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// A client that went away needs no answer.
	_, _ = w.Write([]byte(text))
}

// Serve listens on address and serves until ctx ends. It returns where it
// listens; an address that cannot be used is an error. What happens to the
// server later is logged.
func Serve(ctx context.Context, address string, handler http.Handler, log *slog.Logger) (net.Addr, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		if err := server.Close(); err != nil {
			log.Error("close the metrics server", "error", err)
		}
	})
	go func() {
		defer stop()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the metrics server ended", "error", err)
		}
	}()
	return listener.Addr(), nil
}
