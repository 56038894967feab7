package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

const (
	// callTime bounds one call, so that a connection that hangs holds nothing up.
	callTime = 30 * time.Second
	// A throttled call is repeated after the first pause, then after ever longer
	// ones up to the longest, as often as it takes.
	firstPause   = 250 * time.Millisecond
	longestPause = 10 * time.Second
	// readTries is how often a read is tried that gets no answer.
	readTries = 3
)

// caller makes calls to a service; it is the one retry layer.
type caller struct{ log *slog.Logger }

// read makes a call that changes nothing. It waits where the service asks to
// wait, and tries again what had no answer.
func (c caller) read(ctx context.Context, call func(context.Context) error) error {
	return c.call(ctx, readTries, call)
}

// write makes a call whose outcome must be known: what had no answer is the
// caller's to find out. A call under way is finished when ctx ends.
func (c caller) write(ctx context.Context, call func(context.Context) error) error {
	return c.call(ctx, 1, func(context.Context) error { return timely(context.WithoutCancel(ctx), call) })
}

func (c caller) call(ctx context.Context, tries int, call func(context.Context) error) error {
	told := false
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := timely(ctx, call)
		switch {
		case errors.Is(err, provider.ErrThrottled):
			if pause == longestPause && !told {
				told = true
				c.log.Warn("the DNS service has been asking to wait for some time; others may be using up the account's rate", "error", err)
			}
		case err != nil && !answered(err) && tries > 1:
			tries--
		default:
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

func timely(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return call(ctx)
}

// answered reports whether an error is the service's own answer, so that the
// outcome of the call is known.
func answered(err error) bool {
	var e *provider.Error
	return errors.As(err, &e)
}

// List lists the zones of a provider, with the same patience as a [Worker] has.
func List(ctx context.Context, p provider.Provider, log *slog.Logger) ([]dns.Zone, error) {
	var zones []dns.Zone
	err := caller{log}.read(ctx, func(call context.Context) (err error) {
		zones, err = p.Zones(call)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list hosted zones: %w", err)
	}
	return zones, nil
}
