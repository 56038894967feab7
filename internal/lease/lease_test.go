package lease

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"pgregory.net/rapid"
)

func TestName(t *testing.T) {
	for _, test := range []struct{ owner, want string }{
		{"my-cluster", `signpost-my-cluster-[0-9a-f]{8}`},
		{"Team A/prod_EU", `signpost-team-a-prod-eu-[0-9a-f]{8}`},
		{"--é--", `signpost-[0-9a-f]{8}`},
		{strings.Repeat("long", 50), `signpost-(long){11}l-[0-9a-f]{8}`},
	} {
		if got := Name(test.owner, "aws"); !regexp.MustCompile("^" + test.want + "$").MatchString(got) {
			t.Errorf("Name(%q): got %s, want %s", test.owner, got, test.want)
		}
	}
	// It must not change from one version to the next: both would write.
	if got := Name("my-identifier", "", "", "", "aws"); got != "signpost-my-identifier-829fff14" {
		t.Errorf("got %s", got)
	}
}

func TestNamesDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := rapid.SliceOfN(rapid.String(), 1, 4)
		a, b := lists.Draw(t, "a"), lists.Draw(t, "b")
		x, y := Name(a[0], a[1:]...), Name(b[0], b[1:]...)
		if (x == y) != cmp.Equal(a, b) {
			t.Errorf("%s and %s for %q and %q", x, y, a, b)
		}
		if errs := validation.IsDNS1123Label(x); len(errs) > 0 {
			t.Errorf("%s is no name for a Lease: %v", x, errs)
		}
	})
}

func TestOpen(t *testing.T) {
	pod := &rest.Config{Host: "https://192.0.2.1", BearerTokenFile: account + "token", BearerToken: "x"}
	outside := &rest.Config{Host: "https://192.0.2.1"}
	for name, test := range map[string]struct {
		options Options
		config  *rest.Config
		want    string // namespace/name, "" if alone
	}{
		"objects from a directory":       {Options{Name: "mine", Namespace: "ours"}, nil, ""},
		"outside a cluster":              {Options{}, outside, ""},
		"outside a cluster, with a name": {Options{Name: "mine"}, outside, "dns/mine"},
		"outside a cluster, with both":   {Options{Name: "mine", Namespace: "ours"}, outside, "ours/mine"},
		"outside a cluster, no name":     {Options{Namespace: "ours"}, outside, ""},
		"in a Pod":                       {Options{}, pod, "dns/derived"},
		"in a Pod, with a name":          {Options{Name: "mine"}, pod, "dns/mine"},
		"in a Pod, in another namespace": {Options{Namespace: "ours"}, pod, "ours/derived"},
		"in a Pod, with both":            {Options{Name: "mine", Namespace: "ours"}, pod, "ours/mine"},
		"a token of another place in it": {Options{}, &rest.Config{Host: "https://192.0.2.1", BearerTokenFile: "token"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("POD_NAMESPACE", "dns")
			t.Setenv("POD_NAME", "signpost-5d4f8c7b9-abcde")
			l, err := Open(test.options, test.config, "derived", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			e, ok := l.(*election)
			if !ok {
				if test.want != "" || l != Alone() {
					t.Errorf("got %T, want the lease %q", l, test.want)
				}
				return
			}
			if got := e.lock.Describe(); got != test.want {
				t.Errorf("got the lease %s, want %q", got, test.want)
			}
			if id := e.lock.Identity(); !regexp.MustCompile(`^signpost-5d4f8c7b9-abcde_[0-9a-f]{8}$`).MatchString(id) {
				t.Errorf("got the identity %s", id)
			}
		})
	}
}

func TestOpenWithoutANamespace(t *testing.T) {
	if _, err := os.Stat(filepath.Join(account, "namespace")); err == nil {
		t.Skip("this test runs in a Pod")
	}
	t.Setenv("POD_NAMESPACE", "")
	_, err := Open(Options{Name: "mine"}, &rest.Config{Host: "https://192.0.2.1"}, "derived", slog.New(slog.DiscardHandler))
	hint, ok := err.(interface{ Hint() string })
	if !ok || hint.Hint() != "name one with --lease-namespace" {
		t.Errorf("got %v, want a hint at --lease-namespace", err)
	}
}

func TestOwnConfig(t *testing.T) {
	shared := &rest.Config{Host: "https://192.0.2.1", QPS: 1, Burst: 1}
	own := ownConfig(shared)
	if own.QPS != -1 || own.RateLimiter != nil || !cmp.Equal(own.NextProtos, []string{"http/1.1"}) {
		t.Errorf("got %v", own)
	}
	if shared.QPS != 1 || shared.NextProtos != nil {
		t.Errorf("the shared config was changed: %v", shared)
	}
}
