package cli

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// set reads one record set, nil for "".
func set(t *testing.T, text string) *dns.RecordSet {
	t.Helper()
	if text == "" {
		return nil
	}
	sets, err := dns.Parse("example.com.", text)
	if err != nil || len(sets) != 1 {
		t.Fatalf("%s: %v %v", text, sets, err)
	}
	return &sets[0]
}

// service takes or refuses every batch.
type service struct {
	provider.Provider
	err error
}

func (s service) Apply(context.Context, dns.Zone, dns.Batch) error { return s.err }

func TestTeller(t *testing.T) {
	const claim = `a-www 300 IN TXT "heritage=external-dns,external-dns/owner=demo,external-dns/resource=ingress/default/web"`
	tests := []struct{ name, before, now, want string }{
		{"comes", "", "www 300 IN A 192.0.2.1", "created  www.example.com A 192.0.2.1  (ingress/default/web)\n"},
		{"several addresses", "", "www 300 IN A 192.0.2.1\nwww 300 IN A 192.0.2.2",
			"created  www.example.com A 192.0.2.1 192.0.2.2  (ingress/default/web)\n"},
		{"changes", "www 300 IN CNAME a", "www 300 IN CNAME b",
			"changed  www.example.com CNAME a.example.com -> b.example.com  (ingress/default/web)\n"},
		{"changes its time", "www 300 IN A 192.0.2.1", "www 60 IN A 192.0.2.1",
			"changed  www.example.com A TTL 300 -> 60  (ingress/default/web)\n"},
		{"becomes an alias", "www 300 IN A 192.0.2.1", "www ALIAS A lb.example.net. zone=Z1 health=true",
			"changed  www.example.com A 192.0.2.1 -> alias of lb.example.net  (ingress/default/web)\n"},
		{"goes", "www 300 IN A 192.0.2.1", "", "deleted  www.example.com A 192.0.2.1  (ingress/default/web)\n"},
		{"stays", "www 300 IN A 192.0.2.1", "www 300 IN A 192.0.2.1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := newScreen()
			teller := newTeller(service{}, &call{System: System{Stdout: out}, log: slog.New(slog.DiscardHandler)})
			teller.live = true
			held := set(t, claim)
			batch := dns.Batch{{{Old: held, New: held}, {Old: set(t, tt.before), New: set(t, tt.now)}}}
			if err := teller.Apply(t.Context(), dns.Zone{}, batch); err != nil {
				t.Fatal(err)
			}
			got := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d  `).ReplaceAllString(out.String(), "")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTellerTellsWhatHappenedOnly(t *testing.T) {
	out, refused := newScreen(), errors.New("refused")
	teller := newTeller(service{err: refused}, &call{System: System{Stdout: out}, log: slog.New(slog.DiscardHandler)})
	teller.live = true
	err := teller.Apply(t.Context(), dns.Zone{}, dns.Batch{{{New: set(t, "www 300 IN A 192.0.2.1")}}})
	if !errors.Is(err, refused) || out.String() != "" || len(teller.made) > 0 {
		t.Errorf("got %v, told %q, made %v", err, out, teller.made)
	}
}
