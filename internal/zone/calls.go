package zone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

const (
	// callTime bounds one request, so that a connection that hangs holds nothing
	// up. The wait for its turn does not count.
	callTime = 30 * time.Second
	// A read that gets no answer is tried so often, with growing pauses.
	readTries  = 3
	firstPause = 250 * time.Millisecond
	// So many answers in a row that ask to wait are told of.
	manyThrottles = 6
)

// Account is what the workers of all zones of one account share.
type Account struct {
	// Governor is a [Governor], or [Governors] where there are several accounts.
	Governor interface {
		Wait(ctx context.Context, p Priority, zoneID string) (Turn, error)
	}
	// MayWrite returns how long a write that begins now may last, or why none may
	// begin. It is asked before each. Nil: nobody else writes.
	MayWrite func() (time.Duration, error)
	// Pause lies between the end of a batch and the beginning of the next one of
	// the same zone.
	Pause time.Duration
	// Tries is how often in all a call is made that the service throttles; 0 is as
	// often as it takes.
	Tries int
}

// ErrFenced is in the chain of an error for a write that was not begun because
// this process may not write.
var ErrFenced = errors.New("this replica may not write")

// caller makes calls to a service, at the account's rate; it is the one retry
// layer.
type caller struct {
	log     *slog.Logger
	account Account
}

// read makes a call that changes nothing. It waits where the service asks to
// wait, and tries again what had no answer.
func (c caller) read(ctx context.Context, p Priority, call func(context.Context) error) error {
	return c.call(provider.WithPace(ctx, func(ctx context.Context, zone string) (context.Context, func(error), error) {
		turn, err := c.account.Governor.Wait(ctx, p, zone)
		if err != nil {
			return nil, nil, err
		}
		return timed(ctx, turn, callTime)
	}), readTries, call)
}

// write makes a call whose outcome must be known: what had no answer is the
// caller's to find out. A request under way is finished when ctx ends. Begins is
// called when a request is about to be sent, and its error stops it.
func (c caller) write(ctx context.Context, begins func() error, call func(context.Context) error) error {
	return c.call(provider.WithPace(ctx, func(ctx context.Context, zone string) (context.Context, func(error), error) {
		turn, err := c.account.Governor.Wait(ctx, Write, zone)
		if err != nil {
			return nil, nil, err
		}
		limit := callTime
		if c.account.MayWrite != nil {
			held, err := c.account.MayWrite()
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrFenced, err)
				turn.Done(err)
				return nil, nil, err
			}
			limit = min(limit, held)
		}
		if err := begins(); err != nil {
			turn.Done(err)
			return nil, nil, err
		}
		return timed(context.WithoutCancel(ctx), turn, limit)
	}), 1, call)
}

// timed gives a request its time, and takes its turn back when it has ended.
func timed(ctx context.Context, turn Turn, limit time.Duration) (context.Context, func(error), error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, func(err error) {
		cancel()
		turn.Done(err)
	}, nil
}

func (c caller) call(ctx context.Context, tries int, call func(context.Context) error) error {
	pause := firstPause
	var asked error // the last answer that asked to wait
	for throttles := 0; ; {
		err := call(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil && !answered(err):
			if asked != nil {
				err = fmt.Errorf("%w; the last answer was: %v", err, asked)
			}
			return err
		case errors.Is(err, provider.ErrThrottled):
			if ctx.Err() != nil {
				return err
			}
			// The governor makes the next request wait.
			asked = err
			throttles++
			if throttles == c.account.Tries {
				return err
			}
			if throttles == manyThrottles {
				c.log.Warn("the DNS service has been asking to wait for some time; others may be using up the account's rate", "error", err)
			}
			continue
		case answered(err) || tries <= 1:
			return err
		}
		tries--
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		pause *= 2
	}
}

// answered reports whether an error is the service's own answer, so that the
// outcome of the call is known.
func answered(err error) bool {
	var e *provider.Error
	return errors.As(err, &e)
}

// List lists the zones of a provider, with the same patience as a [Worker] has. A
// list that comes with an error is an answer, of which that says what is old.
func List(ctx context.Context, p provider.Provider, a Account, priority Priority, log *slog.Logger) ([]dns.Zone, error) {
	var zones []dns.Zone
	var old error
	err := caller{log, a}.read(ctx, priority, func(call context.Context) (err error) {
		if zones, err = p.Zones(call); len(zones) > 0 {
			old, err = err, nil
		}
		return err
	})
	if err = cmp.Or(err, old); err != nil {
		return zones, fmt.Errorf("list hosted zones: %w", err)
	}
	return zones, nil
}
