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
	throttle = &provider.Error{Kind: provider.ErrThrottled, Op: "any", Cause: errors.New("Rate exceeded")}
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
		if err := s.Read(t.Context()); !errors.Is(err, provider.ErrDenied) || s.Image() != nil {
			t.Errorf("want ErrDenied and no image, got %v, %v", err, s.Image())
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

// blame returns a fault by which the service names one group of each batch.
func blame(host string, kind error) func(context.Context, memory.Call) error {
	return func(_ context.Context, c memory.Call) error {
		for i, g := range c.Batch {
			for _, change := range g {
				if change.Key().Name == name(host) {
					return &provider.Error{Kind: kind, Op: "Apply", Cause: errors.New("bad: " + host), Hint: "ask for another",
						Groups: []provider.GroupError{{Group: i, Kind: kind, Message: "bad: " + host}}}
				}
			}
		}
		return nil
	}
}

func TestRejectionThatNames(t *testing.T) {
	s := newStage(t)
	s.read()
	s.want("a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3")
	s.faults(blame("b", provider.ErrRejected), nil)
	s.calls = nil
	out := s.sync("a", "b", "c")
	s.holds("a=192.0.2.1", "c=192.0.2.3")
	if len(s.calls) != 2 {
		t.Errorf("calls: %q, want one more Apply", s.calls)
	}
	if out.Err != nil || len(out.Failed) != 1 || provider.Hint(out.Failed[0].Err) != "ask for another" {
		t.Errorf("want b to fail with the hint, got %v, %v", out.Err, out.Failed)
	}
	if !strings.Contains(s.log.String(), "Failed submitting change (error: Apply: bad: b), it will be retried in a separate change batch") {
		t.Errorf("the log lacks the failure:\n%s", &s.log)
	}
}

// A conflict elsewhere in the batch does not send a rejected group again.
func TestRejectionBesideConflict(t *testing.T) {
	s := newStage(t)
	s.read()
	s.put("late", "198.51.100.2")
	s.want("a=192.0.2.1", "b=192.0.2.2", "late=192.0.2.3")
	sent := 0
	fault := blame("b", provider.ErrRejected)
	s.faults(func(ctx context.Context, c memory.Call) error {
		err := fault(ctx, c)
		if err != nil {
			sent++
		}
		return err
	}, nil)
	out := s.sync("a", "b", "late")
	s.holds("a=192.0.2.1", "late=198.51.100.2")
	if out.Err != nil || len(out.Failed) != 1 || sent != 1 {
		t.Errorf("want b to fail and to be sent once, got %v, %v, %d times", out.Err, out.Failed, sent)
	}
}

func TestRejectionThatNamesNothing(t *testing.T) {
	s := newStage(t)
	s.read()
	var hosts, wants, zone []string
	for i := range 64 {
		h := fmt.Sprintf("h%02d", i)
		hosts, wants = append(hosts, h), append(wants, h+"=192.0.2.1")
		if i != 41 {
			zone = append(zone, h+"=192.0.2.1")
		}
	}
	s.want(wants...)
	bad := blame("h41", provider.ErrRejected)
	s.faults(func(ctx context.Context, c memory.Call) error {
		if bad(ctx, c) != nil {
			return nameless
		}
		return nil
	}, nil)
	s.calls = nil
	out := s.sync(hosts...)
	s.holds(zone...)
	if out.Err != nil || len(out.Failed) != 1 || !errors.Is(out.Failed[0].Err, provider.ErrRejected) {
		t.Errorf("want one failure, got %v, %v", out.Err, out.Failed)
	}
	if len(s.calls) != 13 { // 64, then two halves for each power below
		t.Errorf("%d calls, want 13", len(s.calls))
	}
}

func TestThrottlingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.read()
		s.want("a=192.0.2.1")
		s.faults(first(12, "Apply", throttle), nil)
		s.clean(s.sync("a"))
		s.holds("a=192.0.2.1")
		if n := strings.Count(s.log.String(), "asking to wait"); n != 1 {
			t.Errorf("said %d times that it waits, want once:\n%s", n, &s.log)
		}
	})
}

func TestUnknownOutcome(t *testing.T) {
	for what, fault := range map[string]struct {
		before, after int
		calls         string
	}{
		"happened":                    {after: 1, calls: "Apply At"},
		"did not happen":              {before: 1, calls: "Apply At Apply"},
		"did not happen, then did":    {before: 1, after: 1, calls: "Apply At Apply At"},
		"twice nothing, then it does": {before: 2, calls: "Apply At Apply At Apply"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStage(t)
			s.read()
			s.want("old=192.0.2.9", "b=192.0.2.1")
			s.clean(s.sync("old", "b"))
			s.want("old=", "b=192.0.2.2", "new=192.0.2.3")
			s.took()
			s.faults(first(fault.before, "Apply", errCut), first(fault.after, "Apply", errCut))
			out := s.sync("old", "b", "new")
			s.clean(out)
			s.holds("b=192.0.2.2", "new=192.0.2.3")
			if took := s.took(); took != fault.calls {
				t.Errorf("calls: %s, want %s", took, fault.calls)
			}
			if len(out.Applied) != 5 {
				t.Errorf("%d changes applied, want 5: each exactly once", len(out.Applied))
			}
		})
	}
}

// Neither the write nor the look at what became of it has an answer. What is
// wanted changes meanwhile, so that only reading again can put it right.
func TestUnknownOutcomeStaysUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.read()
		s.want("a=192.0.2.1")
		s.faults(first(100, "At", errCut), first(1, "Apply", errCut))
		if out := s.sync("a"); !errors.Is(out.Err, errCut) || out.Plan.Count().Create != 2 {
			t.Errorf("want the error beside the plan, got %v, %v", out.Err, out.Plan)
		}
		if out := s.sync("a"); !errors.Is(out.Err, errCut) {
			t.Errorf("want nothing written before the name is read, got %v", out.Err)
		}
		s.faults(nil, nil)
		s.want("a=")
		s.clean(s.sync("a"))
		s.holds()
	})
}

func TestNoAnswerAtAll(t *testing.T) {
	s := newStage(t)
	s.read()
	s.want("a=192.0.2.1")
	s.faults(first(100, "Apply", errCut), nil)
	if out := s.sync("a"); !errors.Is(out.Err, errCut) || s.took() != "Page Apply At Apply At Apply At" {
		t.Errorf("want the error after three tries, got %v", out.Err)
	}
	s.faults(nil, nil)
	s.clean(s.sync("a"))
	s.holds("a=192.0.2.1")
}

func TestDenied(t *testing.T) {
	s := newStage(t)
	s.read()
	s.want("a=192.0.2.1")
	s.faults(first(1, "Apply", denied), nil)
	out := s.sync("a")
	if !errors.Is(out.Err, provider.ErrDenied) || provider.Hint(out.Err) != "allow it" || len(out.Failed) > 0 {
		t.Errorf("want ErrDenied with its hint, got %v, %v", out.Err, out.Failed)
	}
	if !strings.Contains(s.log.String(), "Failure in zone example.com. when submitting change batch: Apply: AccessDenied") {
		t.Errorf("the log lacks the failure:\n%s", &s.log)
	}
	s.clean(s.sync("a"))
	s.holds("a=192.0.2.1")
}

// Of three batches the first is under way when the end comes.
func TestCancelled(t *testing.T) {
	for what, after := range map[string]error{"answered": nil, "unanswered": errCut} {
		t.Run(what, func(t *testing.T) {
			s := newStageFor(t, plan.Sync, dns.Traits{Atomic: true, MaxValues: 2})
			s.read()
			s.want("a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3")
			ctx, cancel := context.WithCancel(t.Context())
			s.faults(func(call context.Context, c memory.Call) error {
				if c.Op == "Apply" {
					cancel()
				}
				return call.Err()
			}, first(1, "Apply", after))
			s.took()
			out := s.Sync(ctx, names("a", "b", "c"), s.wanted())
			if out.Err == nil || s.took() != "Apply" {
				t.Errorf("want an error after one Apply, got %v", out.Err)
			}
			if strings.Contains(s.log.String(), "level=ERROR") {
				t.Errorf("an end that was asked for is no error:\n%s", &s.log)
			}
			if n := len(s.p.Sets(example)); n != 4 {
				t.Errorf("the zone holds %d sets, want those of the first batch and its own two", n)
			}
			s.faults(nil, nil)
			s.clean(s.sync("a", "b", "c"))
			s.holds("a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3")
		})
	}
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
		zones, err := zone.List(t.Context(), s.p, slog.New(slog.DiscardHandler))
		if err != nil || len(zones) != 1 || zones[0] != example {
			t.Errorf("want the zone in the end, got %v, %v", zones, err)
		}
		s.faults(first(1, "Zones", denied), nil)
		if _, err := zone.List(t.Context(), s.p, slog.New(slog.DiscardHandler)); !errors.Is(err, provider.ErrDenied) {
			t.Errorf("want ErrDenied, got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := zone.List(ctx, s.p, slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
			t.Errorf("want the end of the context, got %v", err)
		}
	})
}

// A call that hangs is given up, and what became of it is looked up.
func TestHangingCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.read()
		s.want("a=192.0.2.1")
		hang := 1
		s.faults(nil, func(ctx context.Context, c memory.Call) error {
			if c.Op != "Apply" || hang == 0 {
				return nil
			}
			hang--
			<-ctx.Done()
			return ctx.Err()
		})
		s.clean(s.sync("a"))
		s.holds("a=192.0.2.1")
	})
}
