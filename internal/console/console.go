// Package console is what a running Signpost shows over HTTP: /metrics for
// Prometheus, /healthz for liveness, /readyz for readiness in words, /explain for
// what is known of a name, and a status page at /.
//
// It hides the server. It may import the controller, which knows the answers,
// and dns. Nothing that it serves changes anything.
//
//	address, err := console.Serve(ctx, ":7979", console.Handler(gatherer, c), log)
package console

import (
	"context"
	"encoding/json"
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
	"github.com/signpost-dns/signpost/internal/dns"
)

// Engine is what the console shows. [controller.Controller] is one. Its methods
// are called concurrently.
type Engine interface {
	Checks() []controller.Check
	Overview() controller.Overview
	Explain(dns.Name) controller.Explanation
}

// Handler serves the pages. /healthz answers OK as long as the process
// does; /readyz names each thing that readiness depends on, with status 503
// while one of them is missing, and what is worth knowing besides. /explain?name=
// answers in words, and with output=json as [controller.Explanation].
func Handler(metrics prometheus.Gatherer, engine Engine) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", statusPage(engine.Overview))
	mux.HandleFunc("GET /explain", explain(engine))
	mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, "OK")
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, text := http.StatusOK, strings.Builder{}
		for _, c := range engine.Checks() {
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

// explain serves what is known of a name.
func explain(engine Engine) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		text, output := strings.TrimSpace(query.Get("name")), query.Get("output")
		if output != "" && output != "text" && output != "json" {
			write(w, http.StatusBadRequest, fmt.Sprintf("output=%s is neither text nor json\n", output))
			return
		}
		if text == "" {
			write(w, http.StatusBadRequest, "name a host: /explain?name=www.example.com\n")
			return
		}
		name, err := dns.ParseName(text)
		if err != nil {
			write(w, http.StatusBadRequest, fmt.Sprintf("%q is no domain name: %v\n", text, err))
			return
		}
		e := engine.Explain(name)
		if output != "json" {
			write(w, http.StatusOK, e.String())
			return
		}
		body, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			write(w, http.StatusInternalServerError, err.Error())
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// A client that went away needs no answer.
		_, _ = w.Write(append(body, '\n'))
	}
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
