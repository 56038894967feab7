package cli

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/provider/route53"
	"github.com/signpost-dns/signpost/internal/publicip"
)

// line is the address of an office's line as time goes on.
type line struct {
	begin time.Time
	addrs []string // one for each minute, "" for one in which nobody answers
}

func (l *line) String() string { return "line" }

func (l *line) Find(context.Context, publicip.Family) (netip.Addr, error) {
	text := l.addrs[min(int(time.Since(l.begin)/time.Minute), len(l.addrs)-1)]
	if text == "" {
		return netip.Addr{}, errors.New("nobody answers")
	}
	return netip.MustParseAddr(text), nil
}

// publishingTo publishes home.example.com in the zone Z1.
func publishingTo(t *testing.T, srv *emulator.Server, call *call) *publishing {
	t.Helper()
	p, err := route53.NewStatic("http://route53", srv.RoundTripper(), route53.Options{}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	naming, err := claim.NewNaming("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	return &publishing{call: call, hosts: []dns.Name{"home.example.com."}, published: map[publicip.Family]netip.Addr{}, told: map[dns.Name]string{},
		to: publicip.Publisher{Provider: p, ZoneID: "Z1", Owner: "publish-ip", Naming: naming, TTL: 60}}
}

// TestPublishFollows watches a line through a new address, silence, and trouble in Route 53.
func TestPublishFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := emulator.New(emulator.Config{})
		if _, err := srv.AddZone("example.com", emulator.WithID("Z1")); err != nil {
			t.Fatal(err)
		}
		var out, log bytes.Buffer
		job := publishingTo(t, srv, &call{System: System{Stdout: &out, Stderr: &log}, log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- job.follow(ctx, &line{time.Now(), []string{"1.1.1.1", "2.2.2.2", "", "2.2.2.2", "3.3.3.3"}},
				&publishCommand{Family: "ipv4", Interval: 30 * time.Second, Remove: true})
		}()
		at := func() string {
			synctest.Wait()
			for _, s := range srv.RecordSets("Z1") {
				if s.Name == "home.example.com." && s.Type == "A" {
					return s.Values[0]
				}
			}
			return ""
		}
		var got []string
		begin := time.Now()
		until := func(d time.Duration) {
			time.Sleep(d - time.Since(begin))
			got = append(got, at())
		}
		until(time.Second)       // seen once
		until(10 * time.Second)  // seen twice
		until(90 * time.Second)  // a new address
		until(170 * time.Second) // silence
		srv.Inject(emulator.Fault{Times: -1, Code: "Throttling"})
		until(5 * time.Minute) // the next address, while Route 53 refuses
		srv.ClearFaults()
		until(7 * time.Minute) // and when it does not
		if err := srv.Change("Z1", emulator.Change{Action: "UPSERT", Set: emulator.RecordSet{Name: "home.example.com", Type: "A", TTL: 60, Values: []string{"9.9.9.9"}}}); err != nil {
			t.Fatal(err)
		}
		until(20 * time.Minute) // somebody edits the zone
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		got = append(got, at())
		want := []string{"", "1.1.1.1", "2.2.2.2", "2.2.2.2", "2.2.2.2", "3.3.3.3", "3.3.3.3", ""}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("the name points at (-want +got):\n%s\n%s%s", d, out.String(), log.String())
		}
		if n := len(srv.RecordSets("Z1")); n != 2 {
			t.Errorf("%d record sets are left, want the zone's own two", n)
		}
		if said := strings.Count(out.String(), "\n"); said != 5 || strings.Count(log.String(), "nobody answers") != 1 {
			t.Errorf("said:\n%s%s", out.String(), log.String())
		}
	})
}

// halfKnown has an address of one family, and an error for the other.
type halfKnown struct{ err error }

func (h halfKnown) String() string { return "half known" }

func (h halfKnown) Find(_ context.Context, f publicip.Family) (netip.Addr, error) {
	if f == publicip.IPv6 {
		return netip.Addr{}, h.err
	}
	return netip.MustParseAddr("1.1.1.1"), nil
}

// TestPublishWhatIsKnown publishes one family whatever is wrong with the other.
func TestPublishWhatIsKnown(t *testing.T) {
	for _, err := range []error{errors.New("nobody answers"), publicip.ErrNoAddress} {
		srv := emulator.New(emulator.Config{})
		if _, err := srv.AddZone("example.com", emulator.WithID("Z1")); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		job := publishingTo(t, srv, &call{System: System{Stdout: &out}, log: slog.New(slog.DiscardHandler)})
		got := job.once(t.Context(), halfKnown{err}, []publicip.Family{publicip.IPv4, publicip.IPv6})
		if want := !errors.Is(err, publicip.ErrNoAddress); (got != nil) != want || want && !errors.Is(got, err) {
			t.Errorf("%v: got the error %v", err, got)
		}
		if want := "home.example.com points at 1.1.1.1 now\n"; out.String() != want {
			t.Errorf("%v: said %q, want %q", err, out.String(), want)
		}
		if got := job.once(t.Context(), halfKnown{err}, []publicip.Family{publicip.IPv6}); !errors.Is(got, err) {
			t.Errorf("%v: IPv6 alone: got the error %v", err, got)
		}
	}
}
