package zone_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

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
	var hosts, wants, left []string
	for i := range 64 {
		h := fmt.Sprintf("h%02d", i)
		hosts, wants = append(hosts, h), append(wants, h+"=192.0.2.1")
		if i != 41 {
			left = append(left, h+"=192.0.2.1")
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
	s.holds(left...)
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
			if n := strings.Count(s.log.String(), "Desired change: "); n != 2 {
				t.Errorf("%d changes are told, want the two of the only batch that was sent:\n%s", n, &s.log)
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

// An answer to a write counts, also if it comes after the end of the context, and after others that asked to wait.
func TestAcceptedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.read()
		s.want("a=192.0.2.1")
		ctx, cancel := context.WithCancel(t.Context())
		throttled := first(1, "Apply", throttle)
		s.faults(throttled, func(context.Context, memory.Call) error {
			cancel()
			return nil
		})
		out := s.Sync(ctx, names("a"), s.wanted())
		s.clean(out)
		if len(out.Applied) != 2 {
			t.Errorf("applied: %v, want the set and its claim", out.Applied)
		}
		s.holds("a=192.0.2.1")
	})
}

// withoutDelete denies every batch that deletes, as a policy without the action DELETE does, and then asks another fault.
func withoutDelete(other func(context.Context, memory.Call) error) func(context.Context, memory.Call) error {
	return func(ctx context.Context, c memory.Call) error {
		if c.Op == "Apply" && slices.ContainsFunc(slices.Concat(c.Batch...), func(c dns.Change) bool { return c.Old != nil }) {
			return denied
		}
		return other(ctx, c)
	}
}

// Also where nothing may be deleted one bad record set stops nothing else, be it named or not.
func TestRejectionWithoutDelete(t *testing.T) {
	bad := blame("h41", provider.ErrRejected)
	for what, fault := range map[string]func(context.Context, memory.Call) error{
		"named": bad,
		"nameless": func(ctx context.Context, c memory.Call) error {
			if bad(ctx, c) != nil {
				return nameless
			}
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStage(t)
			s.read()
			var hosts, before, after, left []string
			for i := range 64 {
				h := fmt.Sprintf("h%02d", i)
				hosts, before, after = append(hosts, h), append(before, h+"=192.0.2.1"), append(after, h+"=192.0.2.2")
				left = append(left, after[i])
			}
			left[41] = before[41]
			s.want(before...)
			s.clean(s.sync(hosts...))
			s.want(after...)
			s.faults(withoutDelete(fault), nil)
			s.calls = nil
			out := s.sync(hosts...)
			s.holds(left...)
			if out.Err != nil || len(out.Failed) != 1 || !errors.Is(out.Failed[0].Err, provider.ErrRejected) {
				t.Errorf("want one failure, got %v, %v", out.Err, out.Failed)
			}
			if len(s.calls) > 40 {
				t.Errorf("%d calls, want at most 40", len(s.calls))
			}
		})
	}
}

// What became of a change without comparing that had no answer is found out by reading.
func TestUnknownOutcomeWithoutDelete(t *testing.T) {
	for what, cut := range map[string]func(s *stage){
		"happened":       func(s *stage) { s.faults(withoutDelete(first(0, "", nil)), first(1, "Upsert", errCut)) },
		"did not happen": func(s *stage) { s.faults(withoutDelete(first(1, "Upsert", errCut)), nil) },
	} {
		t.Run(what, func(t *testing.T) {
			s := newStage(t)
			s.read()
			s.want("a=192.0.2.1", "b=192.0.2.1")
			s.clean(s.sync("a", "b"))
			s.want("a=192.0.2.2", "b=192.0.2.2")
			cut(s)
			out := s.sync("a", "b")
			if what == "did not happen" {
				if !errors.Is(out.Err, errCut) || len(out.Applied) > 0 {
					t.Errorf("want the error, got %v, %v", out.Err, out.Applied)
				}
				out = s.sync("a", "b")
			}
			s.clean(out)
			if len(out.Applied) != 2 {
				t.Errorf("applied: %v, want two changes", out.Applied)
			}
			s.holds("a=192.0.2.2", "b=192.0.2.2")
		})
	}
}
