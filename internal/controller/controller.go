package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/source"
	"github.com/signpost-dns/signpost/internal/zone"
)

// Config is what a controller is made of.
type Config struct {
	Feed     objects.Feed
	Kinds    []source.Kind // what the feed was opened for
	Deriver  *source.Deriver
	Provider provider.Provider
	Rules    plan.Rules
	Interval time.Duration // between passes over the whole zones
	DryRun   bool          // plan and say, write nothing
	Log      *slog.Logger
	Metrics  *Metrics
}

// Controller makes the zones of one provider hold what objects want.
type Controller struct {
	Config
	inbox *inbox
	state state // what others may ask for

	// The rest belongs to the goroutine of Run or Once.
	index   *index
	kinds   map[schema.GroupVersionKind]objects.Status
	zones   []dns.Zone
	workers map[string]*zone.Worker // by zone ID
	ledger  *ledger
	soft    int // passes that failed in a row
}

// New returns a controller that has not begun.
func New(c Config) *Controller {
	return &Controller{
		Config: c, inbox: newInbox(), index: newIndex(),
		kinds: map[schema.GroupVersionKind]objects.Status{}, workers: map[string]*zone.Worker{},
		ledger: newLedger(c.Log, c.Metrics),
	}
}

// Run keeps the zones right until ctx ends. It returns an error only if the
// feed cannot begin.
func (c *Controller) Run(ctx context.Context) error {
	feed, stop := c.start(ctx)
	defer stop()
	pass := time.NewTimer(0)
	defer pass.Stop()
	begun := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-feed:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("read objects from %s: %w", c.Feed, err)
		case <-c.inbox.wake:
			c.inbox.gather(ctx)
			names := c.receive()
			switch {
			case !begun:
				pass.Reset(0)
			case !c.live(ctx, names):
				pass.Reset(c.pause())
			}
		case <-pass.C:
			c.receive()
			if !c.settled() {
				continue // the next status wakes the loop
			}
			begun = true
			if _, err := c.pass(ctx); err != nil && ctx.Err() == nil {
				c.failed(err)
			}
			pass.Reset(c.pause())
		}
	}
}

// Once waits until every kind is read or known to be unreadable, makes one pass
// and returns what came of it. What could not be read or written is an error.
func (c *Controller) Once(ctx context.Context) (Report, error) {
	if err := c.Feed.Check(ctx); err != nil {
		return Report{}, fmt.Errorf("read objects from %s: %w", c.Feed, err)
	}
	feed, stop := c.start(ctx)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return Report{}, fmt.Errorf("wait for the objects of %s: %w", c.Feed, ctx.Err())
		case err := <-feed:
			return Report{}, fmt.Errorf("read objects from %s: %w", c.Feed, err)
		case <-c.inbox.wake:
		}
		c.receive()
		if c.settled() {
			break
		}
	}
	report, err := c.pass(ctx)
	return report, errors.Join(c.frozenKinds(), err)
}

// start runs the feed; stop ends it and waits for it.
func (c *Controller) start(ctx context.Context) (done <-chan error, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Feed.Run(ctx, c.inbox)
		close(ended)
	}()
	return ended, func() {
		cancel()
		for range ended {
		}
	}
}

// pause returns how long to wait for the next pass: the interval, and after
// failures less, growing towards it.
func (c *Controller) pause() time.Duration {
	if c.soft == 0 {
		return c.Interval
	}
	return min(c.Interval, time.Second<<min(c.soft, 10))
}

// failed reports a pass that was not whole.
func (c *Controller) failed(err error) {
	c.soft++
	c.Metrics.softErrors.Set(float64(c.soft))
	attrs := []any{}
	if hint := provider.Hint(err); hint != "" {
		attrs = append(attrs, "hint", hint)
	}
	c.Log.Error(fmt.Sprintf("Failed to do run once: %v (consecutive soft errors: %d)", err, c.soft), attrs...)
}

// receive takes what the feed has delivered into the index and returns the
// names that this touches.
func (c *Controller) receive() []dns.Name {
	events, kinds := c.inbox.fetch()
	thawed := c.learn(kinds)
	var names []dns.Name
	for r, e := range events {
		label := c.label(r)
		intent, ours := plan.Intent{}, false
		if e.Object != nil {
			intent, ours = c.Deriver.Derive(e.Object)
		}
		var touched []dns.Name
		if ours {
			touched = c.index.set(intent)
		} else {
			touched = c.index.remove(label)
		}
		c.ledger.problems(label, intent.Problems, intent.Unknown)
		names = append(names, touched...)
	}
	if thawed {
		names = append(names, c.held()...)
	}
	c.state.setKinds(c.Kinds, c.kinds)
	return unite(nil, names)
}

// label returns the resource label of an object.
func (c *Controller) label(r ref) string {
	for _, k := range c.Kinds {
		if k.GVK == r.kind {
			return plan.Object{Kind: k.Label, Namespace: r.key.Namespace, Name: r.key.Name}.Resource()
		}
	}
	return r.kind.Kind + "/" + r.key.String()
}

// learn notes the status of the kinds and reports whether one became synced.
func (c *Controller) learn(kinds map[schema.GroupVersionKind]objects.Status) (thawed bool) {
	for _, k := range c.Kinds {
		old, now := c.kinds[k.GVK], kinds[k.GVK]
		if now == old {
			continue
		}
		thawed = thawed || now.Synced
		switch {
		case now.Frozen():
			c.Metrics.sourceErrors.Inc()
			attrs := []any{"source", k.Source, "reason", now.Reason}
			if now.Hint != "" {
				attrs = append(attrs, "hint", now.Hint)
			}
			c.Log.Warn("source "+k.Source+" is frozen: what its objects hold stays as it is", attrs...)
		case now.Synced && old.Frozen():
			c.Log.Info("source " + k.Source + " is read again")
		}
		c.kinds[k.GVK] = now
	}
	return thawed
}

// settled reports whether every kind has been read, or tried to the end.
func (c *Controller) settled() bool {
	for _, k := range c.Kinds {
		if s := c.kinds[k.GVK]; !s.Synced && !s.Frozen() {
			return false
		}
	}
	return true
}

func (c *Controller) frozenKinds() error {
	var errs []error
	for _, k := range c.Kinds {
		if s := c.kinds[k.GVK]; s.Frozen() {
			errs = append(errs, &FrozenError{Source: k.Source, Status: s})
		}
	}
	return errors.Join(errs...)
}

// FrozenError says that a source could not be read.
type FrozenError struct {
	Source string
	Status objects.Status
}

func (e *FrozenError) Error() string { return "read source " + e.Source + ": " + e.Status.Reason }

// Hint returns what a person can do about it.
func (e *FrozenError) Hint() string { return e.Status.Hint }
