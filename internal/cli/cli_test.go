package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"signpost": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			os.Exit(Main(ctx, os.Args[1:], OS()))
		},
	})
}

// environ looks variables up in a map.
func environ(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}
}

func TestPrintError(t *testing.T) {
	denied := &provider.Error{Kind: provider.ErrDenied, Op: "ListHostedZones", Hint: "allow route53:ListHostedZones"}
	frozen := func(source, reason string) error {
		return &controller.FrozenError{Source: source, Status: objects.Status{Reason: reason, Hint: "mend it"}}
	}
	hold := controller.Hold{Zone: dns.Zone{ID: "Z1", Name: "example.com."}, Command: "say yes",
		Hold: plan.Hold{ID: "0123456789", Keys: []dns.Key{{Name: "www.example.com.", Type: dns.A}}}}
	tests := []struct {
		name string
		err  error
		want string
		code int
	}{
		{"plain", errors.New("no"), "error: no\n", 1},
		{"hint", errorf("try yes", "no"), "error: no\nhint:  try yes\n", 1},
		{"wrapped hint", fmt.Errorf("start: %w", errorf("try yes", "no")), "error: start: no\nhint:  try yes\n", 1},
		{"another room's hint", fmt.Errorf("start: %w", hinted{}), "error: start: shut\nhint:  knock\n", 1},
		{"provider", fmt.Errorf("read zones: %w", denied),
			"error: read zones: ListHostedZones: access denied\nhint:  allow route53:ListHostedZones\n", 1},
		{"own error around a provider's", &Error{Err: denied},
			"error: ListHostedZones: access denied\nhint:  allow route53:ListHostedZones\n", 1},
		{"only a code", &Error{Code: 2}, "", 2},
		{"code and message", &Error{Err: errors.New("held"), Code: 3}, "error: held\n", 3},
		{"joined", errors.Join(errors.Join(errorf("a", "one"), nil), errors.New("two"), denied),
			"error: one\nhint:  a\nerror: two\nerror: ListHostedZones: access denied\nhint:  allow route53:ListHostedZones\n", 1},
		{"wrapped joined", fmt.Errorf("read: %w", errors.Join(errors.New("one"), errors.New("two"))), "error: read: one\n       two\n", 1},
		{"joined with a code", errors.Join(errors.New("one"), &Error{Err: errors.New("held"), Code: 3}), "error: one\nerror: held\n", 3},
		{"one cause for several sources", errors.Join(frozen("service", "x.yaml"), frozen("ingress", "x.yaml"), frozen("node", "y.yaml")),
			"error: read source service and ingress: x.yaml\nhint:  mend it\nerror: read source node: y.yaml\nhint:  mend it\n", 3},
		{"held", errors.Join(errors.Join(frozen("node", "y.yaml")), hold), "error: read source node: y.yaml\nhint:  mend it\n" +
			"error: 1 deletion is held in example.com (0123456789): www.example.com A\n" +
			"hint:  too much would go at once; if it shall, approve it: say yes; else bring back what asked for it\n", 3},
		{"held, and another error", errors.Join(errors.New("one"), frozen("node", "y.yaml")),
			"error: one\nerror: read source node: y.yaml\nhint:  mend it\n", 1},
		{"lines", errorf("a\nb", "one\ntwo"), "error: one\n       two\nhint:  a\n       b\n", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			printError(System{Stderr: &stderr, LookupEnv: environ(nil)}, tt.err)
			if got := stderr.String(); got != tt.want {
				t.Errorf("printed:\n%s\nwant:\n%s", got, tt.want)
			}
			if got := exitCode(tt.err); got != tt.code {
				t.Errorf("exit code %d, want %d", got, tt.code)
			}
		})
	}
}

type hinted struct{}

func (hinted) Error() string { return "shut" }
func (hinted) Hint() string  { return "knock" }

func TestEveryCommandHasHelp(t *testing.T) {
	for _, cmd := range commands() {
		var stdout bytes.Buffer
		code := Main(t.Context(), []string{cmd.name, "--help"}, System{Stdout: &stdout, Stderr: &stdout, LookupEnv: environ(nil)})
		if code != 0 || !strings.HasPrefix(stdout.String(), cmd.detail+"\n\nUsage\n  signpost "+cmd.name) {
			t.Errorf("%s --help: exit code %d, printed:\n%s", cmd.name, code, stdout.String())
		}
		narrow(t, cmd.name+" --help", stdout.String())
		m, err := newModel(cmd.new())
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range m.all {
			if flag.Group != nil && flag.Group.Title == flag.Group.Key {
				t.Errorf("%s --help: the topic %q of --%s has no title", cmd.name, flag.Group.Key, flag.Name)
			}
			if flag.Help == "" && !flag.Hidden {
				t.Errorf("%s --help: --%s has no help", cmd.name, flag.Name)
			}
		}
	}
	var stdout bytes.Buffer
	if code := Main(t.Context(), nil, System{Stdout: &stdout, Stderr: &stdout, LookupEnv: environ(nil)}); code != 0 {
		t.Errorf("the overview: exit code %d", code)
	}
	narrow(t, "the overview", stdout.String())
}

// narrow holds text to the width of a terminal.
func narrow(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if len([]rune(line)) > 81 {
			t.Errorf("%s: a line of more than 80 columns: %s", what, line)
		}
	}
}

func TestNearest(t *testing.T) {
	flags := []string{"aws-zone-type", "domain-filter", "exclude-domains", "interval", "log-format", "log-level",
		"once", "policy", "provider", "registry", "source", "txt-owner-id", "txt-prefix", "txt-suffix"}
	tests := []struct {
		word string
		want string
	}{
		{"polcy", "policy"},
		{"domain-filters", "domain-filter"},
		{"domain", "domain-filter"},
		{"zone-type", "aws-zone-type"},
		{"txt_owner_id", "txt-owner-id"},
		{"TXT-PREFIX", "txt-prefix"},
		{"soruce", "source"},
		{"sources", "source"},
		{"cloudflare-proxied", ""},
		{"x", ""},
	}
	for _, tt := range tests {
		if got := strings.Join(nearest(tt.word, flags), " "); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
	if got, want := didYouMean([]string{"a", "b", "c"}), "did you mean a, b or c?"; got != want {
		t.Errorf("didYouMean = %q, want %q", got, want)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatCannotBePrinted(t *testing.T) {
	objects := t.TempDir()
	for command, want := range map[string]string{
		"help": "error: print the output: no space left on device\n", "help plan": "error: print the output: no space left on device\n",
		"version": "error: print the version: no space left on device\n",
		"approve 0123456789 --objects=" + objects: "error: print the output: no space left on device\n",
	} {
		var stderr bytes.Buffer
		code := Main(t.Context(), strings.Fields(command), System{Stdout: full{}, Stderr: &stderr, LookupEnv: environ(nil)})
		if code != 1 || stderr.String() != want {
			t.Errorf("%s: exit code %d, %q, want 1 and %q", command, code, stderr.String(), want)
		}
	}
}
