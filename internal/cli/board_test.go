package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/plan"
	inmemory "github.com/signpost-dns/signpost/internal/provider/memory"
)

// boarded is a lease with a board.
type boarded struct {
	lease.Lease
	stands map[string]string
	alone  bool
}

func (n *boarded) Place() (namespace, name string) { return "dns", "signpost-x" }
func (n *boarded) Read(key string) string          { return n.stands[key] }
func (n *boarded) Write(key, value string)         { n.stands[key] = value }
func (n *boarded) Status() lease.Status            { return lease.Status{Alone: n.alone, Leading: true} }

func TestApprovalsOnTheLease(t *testing.T) {
	var log bytes.Buffer
	l := &boarded{stands: map[string]string{approveKey: "aaaaaaaaaa, bbbbbbbbbb"}}
	a := approvals{flags: []string{"cccccccccc"}, board: boardOf(l, nil), log: slog.New(slog.NewTextHandler(&log, nil))}
	given, err := a.Given(t.Context())
	if d := cmp.Diff([]string{"cccccccccc", "aaaaaaaaaa", "bbbbbbbbbb"}, given); d != "" || err != nil {
		t.Errorf("given (-want +got): %v\n%s", err, d)
	}
	if got, want := a.Command("dddddddddd"), "kubectl -n dns annotate --overwrite lease signpost-x signpost.dev/approve=dddddddddd"; got != want {
		t.Errorf("the command is %q, want %q", got, want)
	}
	for _, id := range []string{"aaaaaaaaaa", "eeeeeeeeee"} {
		if err := a.Spent(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if got := l.stands[approveKey]; got != "bbbbbbbbbb" {
		t.Errorf("left is %q", got)
	}
	if err := a.Spent(t.Context(), "bbbbbbbbbb"); err != nil || l.stands[approveKey] != "" {
		t.Errorf("left is %q, %v", l.stands[approveKey], err)
	}
	// Where leases are forbidden nothing on it is read.
	l.alone, l.stands[approveKey] = true, "aaaaaaaaaa"
	if given, err := a.Given(t.Context()); err != nil || len(given) != 1 || a.Command("dddddddddd") != "signpost run ... --approve=dddddddddd" {
		t.Errorf("alone: given %v, %v; the command is %q", given, err, a.Command("dddddddddd"))
	}
}

func TestMemoryOnTheLease(t *testing.T) {
	var log bytes.Buffer
	m := memory{&boarded{stands: map[string]string{}}, slog.New(slog.NewTextHandler(&log, nil)), false}
	if _, known := m.Recall(); known {
		t.Error("something is recalled that nobody left")
	}
	want := map[string]plan.GuardState{"Z1": {ID: "0123456789", Held: 5, Of: 6, Went: []plan.Went{{At: 7, Count: 2}}}}
	m.Remember(want)
	if got, known := m.Recall(); !known || cmp.Diff(want, got) != "" {
		t.Errorf("recalled %v, %v", got, known)
	}
	m.Remember(map[string]plan.GuardState{})
	if got, known := m.Recall(); !known || len(got) > 0 {
		t.Errorf("recalled %v, %v; want that nothing was left, known", got, known)
	}
	m.board.Write(guardKey, "{")
	if _, known := m.Recall(); known || !strings.Contains(log.String(), "annotation=signpost.dev/guard") {
		t.Errorf("what nobody can read is taken for known: %s", &log)
	}
}

// Where each way to run leaves what it holds, and how that is approved.
func TestWhereApprovalsAre(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"--source=service", "--provider=aws", "--txt-owner-id=me"}
	contends := []string{"--server=http://127.0.0.1:1", "--lease-name=mine", "--lease-namespace=dns"}
	const annotate = "kubectl -n dns annotate --overwrite lease mine signpost.dev/approve=0123456789"
	for _, tt := range []struct {
		what    string
		args    []string
		command string
		memory  string
	}{
		{"with a Lease", contends, annotate, "cli.memory"},
		{"beside Services on node addresses", append(contends, "--expose", "--firewall=none"), annotate, "cli.memory"},
		{"outside a cluster", contends[:1], "signpost run ... --approve=0123456789", "<nil>"},
		{"on manifests", []string{"--objects=" + dir}, "signpost approve 0123456789 --objects=" + dir, "*cli.heldFile"},
		{"once, and nobody can be asked", append(contends, "--once"), "signpost run ... --approve=0123456789", "cli.memory"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			var c runCommand
			system := System{LookupEnv: environ(nil)}
			if _, err := parse(runWord(), &c, append(flags, tt.args...), system); err != nil {
				t.Fatal(err)
			}
			if err := c.check(); err != nil {
				t.Fatal(err)
			}
			e, err := c.buildFor(inmemory.New(dns.Traits{}), &call{System: system, log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			if got := e.Approvals.Command("0123456789"); got != tt.command {
				t.Errorf("the command is %q, want %q", got, tt.command)
			}
			if got := fmt.Sprintf("%T", e.Memory); got != tt.memory {
				t.Errorf("the memory is a %s, want a %s", got, tt.memory)
			}
		})
	}
}
