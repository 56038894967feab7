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
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// page reads the next page and merges it.
func (s *stage) page() (changed []dns.Name, done bool) {
	s.t.Helper()
	page, err := s.Turn()(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return s.Merge(page)
}

// round reads the rest of a round and returns what has changed.
func (s *stage) round() (changed []dns.Name) {
	s.t.Helper()
	for {
		some, done := s.page()
		changed = append(changed, some...)
		if done {
			slices.SortFunc(changed, dns.Name.Compare)
			return changed
		}
	}
}

// Each round finds what others made, changed and removed since the last, also
// where a name goes on from one page to the next.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.p.PageSize = 3
		for i := range 20 {
			s.put(fmt.Sprintf("h%02d", i), "192.0.2.1")
		}
		s.p.Put(example, dns.RecordSet{Key: dns.Key{Name: name("h05"), Type: dns.AAAA}, TTL: 60, Data: []string{"2001:db8::1"}},
			dns.RecordSet{Key: dns.Key{Name: name("h05"), Type: dns.TXT}, TTL: 60, Data: []string{`"a"`}})
		s.round()
		s.imageIsZone()
		if again := s.round(); len(again) > 0 {
			t.Errorf("nothing happened, and these have changed: %v", again)
		}
		s.put("h03", "198.51.100.3")
		s.put("new", "198.51.100.4")
		s.p.Remove(example, dns.Key{Name: name("h05"), Type: dns.AAAA}, dns.Key{Name: name("h07"), Type: dns.A})
		if got, want := s.round(), names("h03", "h05", "h07", "new"); !slices.Equal(got, want) {
			t.Errorf("changed: %v, want %v", got, want)
		}
		s.imageIsZone()
	})
}

// What was written while a page was under way is not undone by it, be it made,
// changed or deleted.
func TestPageOlderThanAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.want("a=192.0.2.1", "b=192.0.2.1")
		s.round()
		s.clean(s.sync("a", "b"))
		for _, step := range [][]string{{"a=192.0.2.9"}, {"b="}, {"c=192.0.2.3"}} {
			page, err := s.Turn()(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.want(step...)
			s.clean(s.sync("a", "b", "c"))
			if changed, done := s.Merge(page); len(changed) > 0 || !done {
				t.Errorf("%v: a page that is older than the write changed %v (done: %v)", step, changed, done)
			}
			s.imageIsZone()
		}
		if changed := s.round(); len(changed) > 0 {
			t.Errorf("the next round finds %v changed", changed)
		}
		// What others do after our write is found.
		s.put("c", "198.51.100.3")
		if changed := s.round(); !slices.Equal(changed, names("c")) {
			t.Errorf("the next round finds %v changed, want c", changed)
		}
	})
}

// Before the first round is done a name is known when the pages have passed it
// and its claims, or when it has been read out of turn.
func TestKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.p.PageSize = 10
		for i := range 40 {
			s.put(fmt.Sprintf("h%02d", i), "192.0.2.1")
		}
		s.want("a=192.0.2.1", "zz=192.0.2.2")
		if s.Known(name("a")) {
			t.Error("a is known before anything was read")
		}
		s.page()
		if s.Known(name("h30")) || s.Known(name("zz")) || s.Whole() {
			t.Error("what lies behind the page is known")
		}
		for !s.Known(name("a")) {
			s.page()
		}
		if s.Whole() || !s.Known(name("a")) || s.Known(name("zz")) {
			t.Errorf("whole %v, a known %v, zz known %v", s.Whole(), s.Known(name("a")), s.Known(name("zz")))
		}
		s.clean(s.sync("a"))
		s.calls = nil
		if err := s.Learn(t.Context(), names("zz")); err != nil || !s.Known(name("zz")) || strings.Join(s.calls, " ") != "At" {
			t.Errorf("read out of turn: %v, known %v, calls %v", err, s.Known(name("zz")), s.calls)
		}
		s.clean(s.sync("zz"))
		s.round()
		s.imageIsZone()
	})
}

// A whole read makes the page under way obsolete.
func TestReadDuringARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.p.PageSize = 2
		for i := range 9 {
			s.put(fmt.Sprint("h", i), "192.0.2.1")
		}
		s.page()
		turn := s.Turn()
		page, err := turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.put("h1", "192.0.2.9")
		s.read()
		if changed, done := s.Merge(page); len(changed) > 0 || done {
			t.Errorf("an obsolete page changed %v, done %v", changed, done)
		}
		s.imageIsZone()
		if changed := s.round(); len(changed) > 0 {
			t.Errorf("the next round finds %v changed", changed)
		}
	})
}

// deny denies batches that touch a host, and names nothing.
func deny(hosts ...string) func(context.Context, memory.Call) error {
	return func(_ context.Context, c memory.Call) error {
		for _, g := range c.Batch {
			for _, change := range g {
				if label, _ := change.Key().Name.Cut(); slices.Contains(hosts, label) {
					return denied
				}
			}
		}
		return nil
	}
}

// Permissions that are narrowed to some names stop only the others.
func TestDeniedNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.read()
		var wants, hosts, left []string
		for i := range 64 {
			h := fmt.Sprintf("h%02d", i)
			hosts, wants = append(hosts, h), append(wants, h+"=192.0.2.1")
			if i != 41 {
				left = append(left, h+"=192.0.2.1")
			}
		}
		s.want(wants...)
		s.faults(deny("h41"), nil)
		s.calls = nil
		out := s.sync(hosts...)
		s.holds(left...)
		if out.Err != nil || len(out.Failed) != 1 || !errors.Is(out.Failed[0].Err, provider.ErrDenied) || len(s.calls) > 14 {
			t.Errorf("got %v, %v, %d calls", out.Err, out.Failed, len(s.calls))
		}
		// Tried again by itself it is still no fault of the zone.
		out = s.sync("h41")
		if out.Err != nil || len(out.Failed) != 1 || !errors.Is(out.Failed[0].Err, provider.ErrDenied) {
			t.Errorf("tried again: got %v, %v", out.Err, out.Failed)
		}
		// Where all is denied that is found out soon.
		s.faults(func(context.Context, memory.Call) error { return denied }, nil)
		for _, h := range hosts {
			s.want(h + "=192.0.2.7")
		}
		s.calls = nil
		out = s.sync(hosts...)
		if !errors.Is(out.Err, provider.ErrDenied) || len(s.calls) > 15 {
			t.Errorf("got %v, %d failed, %d calls", out.Err, len(out.Failed), len(s.calls))
		}
	})
}

// A full zone takes what adds nothing, and is not asked for every single set.
func TestFullZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.want("a=192.0.2.1", "b=192.0.2.1")
		s.read()
		s.clean(s.sync("a", "b"))
		full := &provider.Error{Kind: provider.ErrFull, Op: "Apply", Cause: errors.New("Number of records limit of 10000 exceeded")}
		s.faults(func(_ context.Context, c memory.Call) error {
			for _, g := range c.Batch {
				for _, change := range g {
					if change.Action() == dns.Create {
						return full
					}
				}
			}
			return nil
		}, nil)
		hosts, wants := []string{"a", "b"}, []string{"a=192.0.2.9", "b="}
		for i := range 50 {
			h := fmt.Sprintf("h%02d", i)
			hosts, wants = append(hosts, h), append(wants, h+"=192.0.2.1")
		}
		s.want(wants...)
		s.calls = nil
		out := s.sync(hosts...)
		s.holds("a=192.0.2.9")
		if out.Err != nil || len(out.Failed) != 50 || len(s.calls) != 2 {
			t.Errorf("got %v, %d failed, calls %v", out.Err, len(out.Failed), s.calls)
		}
	})
}

// What becomes urgent while many batches are sent goes with the next one, and
// what it replaces is not sent.
func TestMoreBetweenBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageFor(t, "sync", dns.Traits{Atomic: true, MaxValues: 20})
		s.read()
		var wants, hosts []string
		for i := range 50 {
			h := fmt.Sprintf("h%02d", i)
			hosts, wants = append(hosts, h), append(wants, h+"=192.0.2.1")
		}
		s.want(wants...)
		wanted := s.wanted()
		asked := 0
		wanted.More = func() []dns.Name {
			if asked++; asked != 1 {
				return nil
			}
			s.want("zz=192.0.2.2", "h45=192.0.2.9", "h49=")
			return names("zz", "h45", "h49")
		}
		s.calls = nil
		var second dns.Batch
		applied := 0
		s.faults(func(_ context.Context, c memory.Call) error {
			if applied++; applied == 2 {
				second = c.Batch
			}
			return nil
		}, nil)
		out := s.Sync(t.Context(), names(hosts...), wanted)
		if out.Err != nil || len(out.Failed) > 0 {
			t.Fatal(out.Err, out.Failed)
		}
		first := second[0].Names()
		if !slices.Contains(first, name("h45")) || !slices.Contains(second[1].Names(), name("zz")) {
			t.Errorf("the second batch begins with %v and %v", first, second[1].Names())
		}
		for _, set := range s.p.Sets(example) {
			if set.Name == name("h49") || set.Name == name("h45") && set.Type == dns.A && set.Data[0] != "192.0.2.9" {
				t.Errorf("the zone holds %v", set)
			}
		}
	})
}
