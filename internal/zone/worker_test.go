package zone_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
	"github.com/signpost-dns/signpost/internal/zone"
)

var (
	errCut   = errors.New("connection cut")
	throttle = &provider.Error{Kind: provider.ErrThrottled, Op: "any", Cause: errors.New("rate exceeded")}
	denied   = &provider.Error{Kind: provider.ErrDenied, Op: "Apply", Cause: errors.New("AccessDenied"), Hint: "allow it"}
	nameless = &provider.Error{Kind: provider.ErrRejected, Op: "Apply", Cause: errors.New("something in it is wrong")}
)

func TestReadManyPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.p.PageSize = 7
		for i := range 50 {
			s.put(fmt.Sprintf("h%02d", i), "192.0.2.1")
		}
		// Each page is throttled once, and then goes unanswered once.
		seen := map[provider.Cursor]int{}
		s.faults(func(_ context.Context, c memory.Call) error {
			seen[c.From]++
			switch seen[c.From] {
			case 1:
				return throttle
			case 2:
				return errCut
			}
			return nil
		}, nil)
		s.read()
		s.imageIsZone()
		if len(s.calls) != 3*8 {
			t.Errorf("%d calls for 8 pages, want three each", len(s.calls))
		}
	})
}

func TestReadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.put("www", "192.0.2.1")
		s.faults(first(1, "Page", denied), nil)
		if err := s.Read(t.Context()); !errors.Is(err, provider.ErrDenied) || s.Whole() {
			t.Errorf("want ErrDenied and a zone that is not known, got %v", err)
		}
		s.read()
		s.faults(func(context.Context, memory.Call) error { return errCut }, nil)
		if err := s.Read(t.Context()); !errors.Is(err, errCut) || len(s.Image().At(name("www"))) != 1 {
			t.Errorf("want the error and the image as it was, got %v, %v", err, s.Image().At(name("www")))
		}
	})
}

// One batch serves all names, and no call reads the zone again.
func TestSync(t *testing.T) {
	s := newStage(t)
	s.put("foreign", "198.51.100.1")
	s.read()
	s.took()
	for _, step := range []struct {
		want, zone []string
	}{
		{[]string{"a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3"}, []string{"a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3"}},
		{[]string{"a=192.0.2.1", "b=192.0.2.22,192.0.2.23", "c=", "d=192.0.2.4"},
			[]string{"a=192.0.2.1", "b=192.0.2.22,192.0.2.23", "d=192.0.2.4"}},
		{[]string{"a=", "b=", "d="}, nil},
	} {
		s.want(step.want...)
		s.clean(s.sync("a", "b", "c", "d"))
		s.holds(append(step.zone, "foreign=198.51.100.1")...)
		if took := s.took(); took != "Apply" {
			t.Errorf("calls: %s, want one Apply", took)
		}
	}
	if s.clean(s.sync("a", "foreign")); s.took() != "" {
		t.Error("calls though nothing changed")
	}
	for _, line := range []string{"Desired change: CREATE a.example.com A", "Desired change: CREATE a-a.example.com TXT",
		"Desired change: UPSERT b.example.com A", "Desired change: DELETE c.example.com A", "6 record(s) were successfully updated"} {
		if !strings.Contains(s.log.String(), line+`"`) {
			t.Errorf("the log lacks %q:\n%s", line, &s.log)
		}
	}
	if !strings.Contains(s.log.String(), "zoneID=/hostedzone/Z1 zoneName=example.com.") {
		t.Errorf("the log lacks the zone:\n%s", &s.log)
	}
}

// Somebody changes, adds or removes sets behind our back.
func TestConflictIsReadAgain(t *testing.T) {
	s := newStage(t)
	s.read()
	s.want("a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3")
	s.clean(s.sync("a", "b", "c"))
	s.put("a", "203.0.113.9")                                  // ours by its claim, to be put right
	s.p.Remove(example, dns.Key{Name: name("b"), Type: dns.A}) // to be made again
	s.put("d", "203.0.113.4")                                  // a stranger's, to be refused
	s.p.Remove(example, dns.Key{Name: name("c"), Type: dns.A}) // with its claim: gone already
	s.p.Remove(example, dns.Key{Name: "a-" + name("c"), Type: "TXT"})
	s.want("a=192.0.2.11", "b=192.0.2.22", "c=", "d=192.0.2.4", "e=192.0.2.5")
	s.took()
	out := s.sync("a", "b", "c", "d", "e")
	s.clean(out)
	s.holds("a=192.0.2.11", "b=192.0.2.22", "d=203.0.113.4", "e=192.0.2.5")
	if took := s.took(); took != "Apply At Apply" && took != "Apply Page Apply" {
		t.Errorf("calls: %s", took)
	}
	if len(out.Plan.Refusals) != 1 || out.Plan.Refusals[0].Reason != plan.NotOwned || out.Plan.Refusals[0].Key.Name != name("d") {
		t.Errorf("want d refused as NotOwned, got %v", out.Plan.Refusals)
	}
}

// The refusals of names that are not read again stay in the outcome.
func TestConflictKeepsOtherRefusals(t *testing.T) {
	s := newStage(t)
	s.put("foreign", "198.51.100.1")
	s.read()
	s.put("late", "198.51.100.2")
	s.want("foreign=192.0.2.1", "late=192.0.2.2", "new=192.0.2.3")
	out := s.sync("foreign", "late", "new")
	s.clean(out)
	s.holds("foreign=198.51.100.1", "late=198.51.100.2", "new=192.0.2.3")
	var refused []string
	for _, r := range out.Plan.Refusals {
		refused = append(refused, r.Key.Name.Host()+" "+string(r.Reason))
	}
	if got := strings.Join(refused, ", "); got != "foreign.example.com NotOwned, late.example.com NotOwned" {
		t.Errorf("refused: %s", got)
	}
}

func TestConflictNeverExplained(t *testing.T) {
	s := newStage(t)
	s.read()
	s.want("a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3")
	s.faults(blame("b", provider.ErrConflict), nil)
	out := s.sync("a", "b", "c")
	s.holds("a=192.0.2.1", "c=192.0.2.3")
	if out.Err != nil || len(out.Failed) != 1 || !errors.Is(out.Failed[0].Err, provider.ErrConflict) ||
		!strings.Contains(fmt.Sprint(out.Failed[0].Names), "b.example.com.") {
		t.Errorf("want b to fail, got %v, %v", out.Err, out.Failed)
	}
	s.faults(nil, nil)
	s.clean(s.sync("b"))
	s.holds("a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3")
}

func TestOversizeIsRefused(t *testing.T) {
	s := newStageFor(t, plan.Sync, dns.Traits{Atomic: true, MaxValues: 4})
	s.read()
	s.want("a=192.0.2.1", "big=192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4", "c=192.0.2.3")
	out := s.sync("a", "big", "c")
	s.clean(out)
	s.holds("a=192.0.2.1", "c=192.0.2.3")
	if len(out.Plan.Refusals) != 1 || out.Plan.Refusals[0].Reason != plan.Oversize {
		t.Errorf("want big refused, got %v", out.Plan.Refusals)
	}
}

func TestPlanWritesNothing(t *testing.T) {
	s := newStage(t)
	s.read()
	s.took()
	s.want("a=192.0.2.1")
	p, batches := s.Plan(names("a"), s.wanted())
	for _, b := range batches {
		s.Announce(b)
	}
	if p.Count().Create != 2 || s.took() != "" || !strings.Contains(s.log.String(), "Desired change: CREATE a.example.com A") {
		t.Errorf("want a plan and a line in the log, got %v\n%s", p, &s.log)
	}
	s.holds()
}

func TestHoldAndPolicy(t *testing.T) {
	s := newStageFor(t, plan.UpsertOnly, dns.Traits{Atomic: true})
	s.read()
	s.want("a=192.0.2.1")
	s.clean(s.sync("a"))
	s.want("a=")
	if out := s.sync("a"); len(out.Plan.Refusals) != 1 || out.Plan.Refusals[0].Reason != plan.PolicyForbids {
		t.Errorf("want the deletion refused, got %v", out.Plan.Refusals)
	}
	s.hold = "the source is frozen"
	if out := s.sync("a"); len(out.Plan.Refusals) != 1 || out.Plan.Refusals[0].Reason != plan.Frozen {
		t.Errorf("want the deletion held, got %v", out.Plan.Refusals)
	}
	s.holds("a=192.0.2.1")
}

// A set that was listed in another spelling is replaced, and then deleted, as
// the zone holds it.
func TestListedSpelling(t *testing.T) {
	s := newStage(t)
	s.read()
	s.want("a=192.0.2.1")
	s.clean(s.sync("a"))
	for _, set := range s.p.Sets(example) {
		if set.Name == name("a") {
			s.p.Put(example, set.WithListed(dns.Listed{Name: "A.example.com."}))
		}
	}
	s.read()
	s.want("a=192.0.2.2")
	s.clean(s.sync("a"))
	s.want("a=")
	s.took()
	s.clean(s.sync("a"))
	if took := s.took(); took != "Apply" {
		t.Errorf("calls: %s, want one Apply: the image holds the spelling", took)
	}
	s.holds()
}

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.faults(first(3, "Zones", throttle), nil)
		zones, err := zone.List(t.Context(), s.p, zone.Account{Governor: zone.NewGovernor(zone.GovernorConfig{})}, zone.Load, slog.New(slog.DiscardHandler))
		if err != nil || len(zones) != 1 || zones[0] != example {
			t.Errorf("want the zone in the end, got %v, %v", zones, err)
		}
		s.faults(first(1, "Zones", denied), nil)
		if _, err := zone.List(t.Context(), s.p, zone.Account{Governor: zone.NewGovernor(zone.GovernorConfig{})}, zone.Load, slog.New(slog.DiscardHandler)); !errors.Is(err, provider.ErrDenied) {
			t.Errorf("want ErrDenied, got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := zone.List(ctx, s.p, zone.Account{Governor: zone.NewGovernor(zone.GovernorConfig{})}, zone.Load, slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
			t.Errorf("want the end of the context, got %v", err)
		}
	})
}

// A deletion that waits for the service is not made if the object is back when its turn comes; what else was in its batch is.
func TestDeletionThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.read()
		s.want("api=192.0.2.1", "www=192.0.2.2")
		s.clean(s.sync("api", "www"))
		tries := 0
		s.faults(func(_ context.Context, c memory.Call) error {
			if c.Op != "Apply" {
				return nil
			}
			if tries++; tries == 3 {
				s.want("www=192.0.2.2")
			}
			if tries < 6 {
				return throttle
			}
			return nil
		}, nil)
		s.want("api", "www")
		out := s.sync("api", "www")
		s.clean(out)
		for _, c := range out.Applied {
			if c.Key().Name == name("www") || c.Key().Name == name("a-www") {
				t.Errorf("applied %v", c)
			}
		}
		s.holds("www=192.0.2.2")
	})
}
