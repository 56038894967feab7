package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// apply sends a batch, and whatever is left of it after what the service names
// as wrong has been taken out; where it names nothing, each half by itself. It
// returns the groups that conflict with what the zone holds. An error means
// that the rest was not tried.
func (w *Worker) apply(ctx context.Context, batch dns.Batch, out *Outcome) (conflicts []Failure, err error) {
	announce := sync.OnceFunc(func() { w.Announce(batch) })
	d := denials{w: w}
	for pending := []dns.Batch{batch}; len(pending) > 0; {
		b := pending[0]
		pending = pending[1:]
		if len(b) == 0 {
			continue
		}
		if len(d.failed) > 0 && d.hopeless() {
			d.fail(b, d.failed[0].Err)
			continue
		}
		err := w.send(ctx, b, sending{w.provider.Apply, sendTries, announce})
		if errors.Is(err, errOutdated) {
			batch = w.fresh(b)
			pending = append([]dns.Batch{batch}, pending...)
			continue
		}
		if err == nil {
			w.accept(b, out)
			d.landed, w.denied = true, 0
			continue
		}
		if errors.Is(err, provider.ErrDenied) && !named(err) {
			var parts []dns.Batch
			if parts, err = d.part(ctx, b, err, out); err == nil {
				pending = append(pending, parts...)
				continue
			}
		}
		if !errors.Is(err, provider.ErrDenied) && !errors.Is(err, provider.ErrRejected) && !errors.Is(err, provider.ErrConflict) {
			return conflicts, w.stopped(ctx, err)
		}
		good, bad := w.split(b, err)
		switch {
		case errors.Is(err, provider.ErrFull):
			good, bad = w.crowded(b, err)
		case len(bad) == 0:
			pending = append(pending, b[:len(b)/2], b[len(b)/2:])
			continue
		}
		for _, f := range bad {
			if errors.Is(f.Err, provider.ErrConflict) && !errors.Is(f.Err, provider.ErrRejected) {
				conflicts = append(conflicts, f)
			} else {
				w.reject([]Failure{f}, out)
			}
		}
		pending = append(pending, good)
	}
	if len(d.failed) > 0 && !d.landed && !d.again() {
		// Nobody may write at all: that is no fault of these groups.
		w.denied++
		return conflicts, w.stopped(ctx, d.failed[0].Err)
	}
	d.note()
	w.reject(d.failed, out)
	return conflicts, nil
}

// stopped says why no more is tried.
func (w *Worker) stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		w.log.Error(fmt.Sprintf("Failure in zone %s when submitting change batch: %v", w.zone.Name, err))
	}
	return fmt.Errorf("change record sets in %s: %w", w.zone, err)
}

// named reports whether the service named groups of the batch.
func named(err error) bool {
	var e *provider.Error
	return errors.As(err, &e) && len(e.Groups) > 0
}

// crowded parts a batch for which the zone has no room: what adds no record set
// may go on.
func (w *Worker) crowded(b dns.Batch, err error) (good dns.Batch, bad []Failure) {
	for _, g := range b {
		adds := 0
		for _, c := range g {
			switch c.Action() {
			case dns.Create:
				adds++
			case dns.Delete:
				adds--
			}
		}
		if adds > 0 {
			bad = append(bad, Failure{g, w.owners(g), err})
		} else {
			good = append(good, g)
		}
	}
	if len(bad) == 0 { // it is not what it seems
		good = nil
		for _, g := range b {
			bad = append(bad, Failure{g, w.owners(g), err})
		}
	}
	return good, bad
}

// reject gives groups up.
func (w *Worker) reject(failures []Failure, out *Outcome) {
	for i, f := range failures {
		level := slog.LevelError
		switch n := len(out.Failed) + i; {
		case n == manyFailures:
			w.log.Error("more changes are refused in this run; level debug tells each")
			fallthrough
		case n > manyFailures:
			level = slog.LevelDebug
		}
		w.log.Log(context.Background(), level, fmt.Sprintf("Failed submitting change (error: %v), it will be retried in a separate change batch in the next iteration", f.Err),
			"record", f.Group[0].Key().String())
	}
	out.Failed = append(out.Failed, failures...)
}

// manyFailures is how many refused changes of one synchronisation are told of
// one by one.
const manyFailures = 10

// accept writes an accepted batch into the image and the outcome.
func (w *Worker) accept(b dns.Batch, out *Outcome) {
	w.write(b)
	var changes []dns.Change
	for _, g := range b {
		for _, c := range g {
			delete(w.closed, c.Key().Name)
			if c.Action() != dns.Assert {
				changes = append(changes, c)
			}
		}
	}
	out.Applied = append(out.Applied, changes...)
	w.log.Info(fmt.Sprintf("%d record(s) were successfully updated", len(changes)))
	if told := w.planned.wanted.Accepted; told != nil {
		told(changes)
	}
}

// write writes a batch through into the image.
func (w *Worker) write(b dns.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.image.Apply(b)
	for _, g := range b {
		for _, c := range g {
			w.walk.written[c.Key().Name] = true
		}
	}
}

// split parts a batch into the groups that the service's answer names, each
// with what was said of it, and the others. The only group of a batch needs no
// naming.
func (w *Worker) split(b dns.Batch, err error) (good dns.Batch, bad []Failure) {
	var e *provider.Error
	if !errors.As(err, &e) {
		return b, nil
	}
	said := make([][]string, len(b))
	kind := make([]error, len(b))
	for _, g := range e.Groups {
		if g.Group < 0 || g.Group >= len(b) {
			continue
		}
		said[g.Group] = append(said[g.Group], g.Message)
		if kind[g.Group] == nil || g.Kind == provider.ErrRejected {
			kind[g.Group] = g.Kind
		}
	}
	for i, g := range b {
		switch {
		case kind[i] != nil:
			bad = append(bad, Failure{g, w.owners(g), &provider.Error{Kind: kind[i], Op: e.Op, Zone: e.Zone, Hint: e.Hint,
				Cause: errors.New(strings.Join(said[i], "; "))}})
		case len(b) == 1:
			bad = append(bad, Failure{g, w.owners(g), err})
		default:
			good = append(good, g)
		}
	}
	return good, bad
}

// sendTries is how often a batch is sent that gets no answer and does not
// happen.
const sendTries = 3

// sending is a way to send a batch.
type sending struct {
	do       func(context.Context, dns.Zone, dns.Batch) error
	tries    int    // how often, if it gets no answer and does not happen
	announce func() // called whenever a request is about to be sent
}

// send sends a batch, waits where the service asks to wait, and finds out what
// became of a call without an answer. Nothing is announced if ctx ends before.
func (w *Worker) send(ctx context.Context, b dns.Batch, s sending) error {
	begins := func() error {
		err := w.check(b)
		if err == nil {
			s.announce()
		}
		return err
	}
	for try := 1; ; try++ {
		if err := w.rest(ctx); err != nil {
			return err
		}
		err := w.calls.write(ctx, begins, func(call context.Context) error { return s.do(call, w.zone, b) })
		w.sent = time.Now()
		if err == nil || answered(err) || errors.Is(err, ErrFenced) || errors.Is(err, errOutdated) {
			return err
		}
		if ctx.Err() != nil {
			w.doubt(b)
			return err
		}
		happened, readErr := w.happened(ctx, b)
		switch {
		case readErr != nil:
			w.doubt(b)
			return errors.Join(err, readErr)
		case happened:
			return nil
		case try == s.tries:
			return err
		}
		w.log.Warn("a change had no answer and did not happen; it is sent again", "error", err)
	}
}

// rest waits until the account's pause since the last batch is over.
func (w *Worker) rest(ctx context.Context) error {
	if w.calls.account.Pause == 0 {
		return nil
	}
	timer := time.NewTimer(time.Until(w.sent.Add(w.calls.account.Pause)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// happened reads one set that the batch changes. A batch is atomic, so that
// tells whether all of it happened. If another has changed that set meanwhile,
// sending the batch again is harmless: it is compared before it is swapped.
func (w *Worker) happened(ctx context.Context, b dns.Batch) (bool, error) {
	for _, g := range b {
		for _, c := range g {
			if c.Action() == dns.Assert {
				continue
			}
			sets, err := w.at(ctx, []dns.Name{c.Key().Name})
			if err != nil {
				return false, fmt.Errorf("look up what became of the change to %s: %w", c.Key(), err)
			}
			for _, set := range sets {
				if set.Key == c.Key() {
					return c.New != nil && set.Equal(*c.New), nil
				}
			}
			return c.New == nil, nil
		}
	}
	return false, nil
}
