package zone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// apply sends a batch, and whatever is left of it after what the service names
// as wrong has been taken out. It returns the groups that conflict with what
// the zone holds. An error means that the rest was not tried.
func (w *Worker) apply(ctx context.Context, batch dns.Batch, out *Outcome) (conflicts []Failure, err error) {
	pending := []dns.Batch{batch}
	for len(pending) > 0 {
		b := pending[0]
		pending = pending[1:]
		err := w.send(ctx, b)
		if err == nil {
			w.accept(b, out)
			continue
		}
		if !errors.Is(err, provider.ErrRejected) && !errors.Is(err, provider.ErrConflict) {
			w.log.Error(fmt.Sprintf("Failure in zone %s when submitting change batch: %v", w.zone.Name, err))
			return conflicts, fmt.Errorf("change record sets in %s: %w", w.zone, err)
		}
		good, bad := split(b, err)
		if len(bad) == 0 && len(b) > 1 {
			pending = append(pending, b[:len(b)/2], b[len(b)/2:])
			continue
		}
		if len(bad) == 0 {
			good, bad = nil, []Failure{{b[0], err}}
		}
		for _, f := range bad {
			if errors.Is(f.Err, provider.ErrRejected) {
				w.log.Error(fmt.Sprintf("Failed submitting change (error: %v), the rest goes on without it", f.Err),
					"record", f.Group[0].Key().String())
				out.Failed = append(out.Failed, f)
			} else {
				conflicts = append(conflicts, f)
			}
		}
		if len(good) > 0 {
			pending = append(pending, good)
		}
	}
	return conflicts, nil
}

// accept writes an accepted batch into the image and the outcome.
func (w *Worker) accept(b dns.Batch, out *Outcome) {
	w.image.Apply(b)
	n := 0
	for _, g := range b {
		for _, c := range g {
			if c.Action() != dns.Assert {
				out.Applied = append(out.Applied, c)
				n++
			}
		}
	}
	w.log.Info(fmt.Sprintf("%d record(s) were successfully updated", n))
}

// split parts a batch into the groups that the service's answer names, each
// with what was said of it, and the others.
func split(b dns.Batch, err error) (good dns.Batch, bad []Failure) {
	var e *provider.Error
	if !errors.As(err, &e) {
		return nil, nil
	}
	said := map[int][]error{}
	for _, g := range e.Groups {
		said[g.Group] = append(said[g.Group], &provider.Error{Kind: g.Kind, Op: e.Op, Zone: e.Zone, Cause: errors.New(g.Message)})
	}
	for i, g := range b {
		if words := said[i]; len(words) > 0 {
			bad = append(bad, Failure{g, errors.Join(words...)})
		} else {
			good = append(good, g)
		}
	}
	return good, bad
}

// send applies a batch, waits where the service asks to wait, and finds out
// what became of a call without an answer.
func (w *Worker) send(ctx context.Context, b dns.Batch) error {
	for attempt := 0; ; attempt++ {
		err := patiently(ctx, func(context.Context) error {
			// A batch that is under way is finished, so that its outcome is known.
			return timely(context.WithoutCancel(ctx), func(call context.Context) error {
				return w.provider.Apply(call, w.zone, b)
			})
		})
		var e *provider.Error
		if err == nil || errors.As(err, &e) || ctx.Err() != nil {
			return err
		}
		done, readErr := w.happened(ctx, b)
		switch {
		case readErr != nil:
			return errors.Join(err, readErr)
		case done:
			return nil
		case attempt == 2:
			return err
		}
		w.log.Warn("a change had no answer and did not happen; it is sent again", "error", err)
	}
}

// happened reads one set that the batch changes. A batch is atomic, so that
// tells whether all of it happened.
func (w *Worker) happened(ctx context.Context, b dns.Batch) (bool, error) {
	for _, g := range b {
		for _, c := range g {
			if c.Action() == dns.Assert {
				continue
			}
			var sets []dns.RecordSet
			err := patiently(ctx, func(call context.Context) (err error) {
				sets, err = w.provider.At(call, w.zone, []dns.Name{c.Key().Name})
				return err
			})
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

// patiently repeats a call while the service asks to wait, with growing pauses,
// until the context ends.
func patiently(ctx context.Context, call func(context.Context) error) error {
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := timely(ctx, call)
		if !errors.Is(err, provider.ErrThrottled) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		case <-timer.C:
		}
	}
}

// callTime bounds one call, so that a connection that hangs holds nothing up.
const callTime = 30 * time.Second

func timely(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return call(ctx)
}
