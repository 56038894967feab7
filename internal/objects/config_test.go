package objects

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func kubeconfigFor(server string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: %s}}]
users: [{name: test, user: {token: secret}}]
`, server)
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	named := file("named", kubeconfigFor("https://named:6443"))
	other := file("other", kubeconfigFor("https://other:6443"))
	broken := file("broken", "{")
	empty := file("empty", "")
	file("home/.kube/config", kubeconfigFor("https://home:6443"))
	home, missing := filepath.Join(dir, "home"), filepath.Join(dir, "missing")

	for _, tt := range []struct {
		name             string
		options          Options
		env, home        string
		pod              bool
		host, token, err string
	}{
		{name: "named", options: Options{Kubeconfig: named}, env: other, home: home, host: "https://named:6443", token: "secret"},
		{name: "environment", env: other, home: home, host: "https://other:6443", token: "secret"},
		{name: "environment, several, one missing", env: missing + string(filepath.ListSeparator) + other, home: home, host: "https://other:6443", token: "secret"},
		{name: "home", home: home, pod: true, host: "https://home:6443", token: "secret"},
		{name: "server instead of the kubeconfig's", options: Options{Kubeconfig: named, Server: "https://192.0.2.1:6443"}, host: "https://192.0.2.1:6443", token: "secret"},
		{name: "server alone", options: Options{Server: "http://127.0.0.1:8001"}, home: dir, host: "http://127.0.0.1:8001"},
		{name: "named is missing", options: Options{Kubeconfig: missing}, home: home,
			err: "read kubeconfig: stat " + missing + ": no such file or directory"},
		{name: "environment is missing", env: missing, home: home,
			err: "read kubeconfig named by $KUBECONFIG: stat " + missing + ": no such file or directory"},
		{name: "broken", options: Options{Kubeconfig: broken}, err: "read kubeconfig " + broken + ": "},
		{name: "empty", options: Options{Kubeconfig: empty}, err: "read kubeconfig " + empty + ": it names no cluster"},
		{name: "nothing", home: dir, err: "no Kubernetes cluster: there is no kubeconfig, and this process runs in no cluster"},
		{name: "Pod without service account", home: dir, pod: true, err: "read the service account of this Pod: "},
		{name: "server without scheme", options: Options{Server: "192.0.2.1:6443"}, err: "--server=192.0.2.1:6443 is no address of an API server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", tt.env)
			t.Setenv("HOME", tt.home)
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			t.Setenv("KUBERNETES_SERVICE_PORT", "")
			if tt.pod {
				t.Setenv("KUBERNETES_SERVICE_HOST", "192.0.2.10")
				t.Setenv("KUBERNETES_SERVICE_PORT", "443")
			}
			config, err := tt.options.config(slog.New(slog.DiscardHandler))
			if tt.err != "" {
				var h interface{ Hint() string }
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) || !errors.As(err, &h) || h.Hint() == "" {
					t.Fatalf("error %v, want %s with a hint", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if config.Host != tt.host || config.BearerToken != tt.token {
				t.Errorf("host %s, token %q; want %s, %q", config.Host, config.BearerToken, tt.host, tt.token)
			}
		})
	}
}

func TestOpenCluster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	must(t, os.WriteFile(file, []byte(kubeconfigFor("https://192.0.2.1:6443")), 0o600))
	feed, err := Open(Options{Kubeconfig: file}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := feed.String(), "the API server at https://192.0.2.1:6443"; got != want {
		t.Errorf("the feed is %q, want %q", got, want)
	}
}

func TestDemoted(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(demoted{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})})
	log.Error("told by a library")
	if out.Len() > 0 {
		t.Errorf("at level info: %s", out.String())
	}
	log = slog.New(demoted{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})})
	log.With("a", 1).WithGroup("g").Error("told by a library")
	if !strings.Contains(out.String(), "level=DEBUG") {
		t.Errorf("at level debug: %s", out.String())
	}
}
