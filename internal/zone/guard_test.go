package zone_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// watchman is a guard that keeps some hosts, and notes what it is told.
type watchman struct {
	keeps []string
	told  []string // "judge a b", "applied 2"
}

func (w *watchman) Judge(p plan.Plan) {
	text := "judge"
	for _, k := range p.Going {
		label, _ := k.Name.Cut()
		text += " " + label
	}
	w.told = append(w.told, text)
}

func (w *watchman) Keep(key dns.Key) (plan.Reason, string) {
	if label, _ := key.Name.Cut(); slices.Contains(w.keeps, label) {
		return plan.Held, "wait"
	}
	return "", ""
}

func (w *watchman) Applied(changes []dns.Change) {
	text := "applied"
	for _, c := range changes {
		if label, _ := c.Key().Name.Cut(); c.Key().Type != dns.TXT {
			text += " " + string(c.Action()) + " " + label
		}
	}
	w.told = append(w.told, text)
}

// A guard sees every plan whole before it is asked what goes, and hears of what
// went before the next.
func TestGuardInSync(t *testing.T) {
	s := newStage(t)
	s.read()
	s.want("a=192.0.2.1", "b=192.0.2.2", "c=192.0.2.3")
	s.clean(s.sync("a", "b", "c"))
	s.want("a=", "b=", "c=", "d=192.0.2.4", "e=192.0.2.5")
	s.put("d", "203.0.113.4") // a conflict, so that there is a second plan
	guard := &watchman{keeps: []string{"b"}}
	wanted := s.wanted()
	wanted.Guard = guard
	out := s.Sync(t.Context(), names("a", "b", "c", "d", "e"), wanted)
	s.clean(out)
	s.holds("b=192.0.2.2", "d=203.0.113.4", "e=192.0.2.5")
	if !slices.ContainsFunc(out.Plan.Refusals, func(r plan.Refusal) bool { return r.Reason == plan.Held && r.Key.Name == name("b") }) {
		t.Errorf("nothing says that b waits: %v", out.Plan.Refusals)
	}
	want := []string{"judge a b c", "applied DELETE a DELETE c CREATE e", "judge b", "applied DELETE a DELETE c CREATE e"}
	if !slices.Equal(guard.told, want) {
		t.Errorf("the guard was told %q, want %q", guard.told, want)
	}
}

// While it cannot be found out whether a deletion happened, no guard is told that
// the name stands and is wanted again: it may be gone.
func TestGuardHearsOfNoDoubts(t *testing.T) {
	s := newStage(t)
	s.read()
	s.want("a=192.0.2.1", "b=192.0.2.2")
	s.clean(s.sync("a", "b"))
	s.want("a=")
	lost := errors.New("the connection broke")
	s.faults(first(-1, "At", lost), first(1, "Apply", lost))
	guard := &watchman{}
	for _, address := range []string{"", "192.0.2.1"} {
		s.want("a=" + address)
		wanted := s.wanted()
		wanted.Guard = guard
		if out := s.Sync(t.Context(), names("a"), wanted); out.Err == nil {
			t.Error("want an error")
		}
	}
	if want := []string{"judge a", "applied", "applied"}; !slices.Equal(guard.told, want) {
		t.Errorf("the guard was told %q, want %q", guard.told, want)
	}
	s.faults(nil, nil)
	s.clean(s.sync("a"))
	s.holds("a=192.0.2.1", "b=192.0.2.2")
}
