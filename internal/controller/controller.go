package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/lease"
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
	Lease    lease.Lease   // who may write; nil: this process alone
	Interval time.Duration // between passes over the whole zones; 0 is a minute
	DryRun   bool          // plan and say, write nothing
	Log      *slog.Logger
	Metrics  *Metrics

	MaxDeletes plan.Limit    // what may be deleted in a zone unasked; see [plan.Guard]
	Grace      time.Duration // how long a deletion waits for the object to come back; never with Once or DryRun
	Approvals  Approvals     // nil: nobody approves
	OnHold     func(Hold)    // if not nil, told in place of the log whenever what is held in a zone changes
}

// Controller makes the zones of one provider hold what objects want.
type Controller struct {
	Config
	inbox   *inbox
	account zone.Account
	state   state // what others may ask for

	// The rest belongs to the goroutine of Run or Once.
	index   *index
	lookups *lookups
	kinds   map[schema.GroupVersionKind]objects.Status
	places  places                  // the zones of the last list
	workers map[string]*zone.Worker // by zone ID
	trouble map[string]error        // why the last try failed, by zone ID; "": the list of zones
	owed    *owed
	holds   *holds
	ledger  *ledger
	next    time.Time // when the next pass is due
	blind   int       // passes in a row that could not read everything
	soft    int       // passes and live changes that failed since all was well
}

// New returns a controller that has not begun.
func New(c Config) *Controller {
	if c.Interval <= 0 {
		c.Interval = time.Minute
	}
	if c.DryRun {
		c.Grace = 0
	}
	if c.Approvals == nil {
		c.Approvals = noApprovals{}
	}
	governor := zone.NewGovernor(zone.GovernorConfig{Waited: c.Metrics.waited})
	c.Metrics.governor.Store(governor)
	account := zone.Account{Governor: governor}
	if c.Lease == nil {
		c.Lease = lease.Alone()
	} else {
		account.MayWrite = mayWrite(c.Lease)
	}
	return &Controller{
		Config: c, inbox: newInbox(), account: account, index: newIndex(),
		lookups: newLookups(c.Kinds, c.Feed.Add),
		kinds:   map[schema.GroupVersionKind]objects.Status{}, workers: map[string]*zone.Worker{},
		trouble: map[string]error{}, owed: newOwed(c.Interval), holds: newHolds(c.Grace), ledger: newLedger(c.Log, c.Metrics),
	}
}

// Run keeps the zones right until ctx ends, while it holds the lease; without it
// it keeps up with the objects and makes no call. It returns an error only if the
// feed or the contention for the lease cannot begin.
func (c *Controller) Run(ctx context.Context) error {
	feed, stop := c.start(ctx)
	defer stop()
	contending, give := context.WithCancel(ctx)
	terms, ended := c.contend(contending)
	var now term
	defer func() {
		now.end()
		give()            // the feed may have ended this, and ctx go on
		for range ended { // the lease is given up when nothing is under way
		}
	}()
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-feed:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("read objects from %s: %w", c.Feed, err)
		case err := <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("contend for the lease: %w", err)
		case now = <-terms:
			c.lead()
			c.Metrics.leading.Set(1)
		case <-now.lost():
			now.end()
			now = term{}
			c.Metrics.leading.Set(0)
		case <-c.inbox.wake:
			c.inbox.gather(ctx)
		case <-alarm.C:
		}
		if ctx.Err() != nil {
			return nil
		}
		if !now.leads() {
			c.receive()
			alarm.Reset(c.Interval)
			continue
		}
		c.turn(now.ctx)
		alarm.Reset(time.Until(c.alarm()))
	}
}

// turn takes what the feed has delivered and does what is due: nothing before
// every kind is settled, then a pass, which plans every name, and between
// passes the names that events have touched or that are owed.
//
// No name is lost: what events touch while no pass can be made is planned by
// the first one; a pass that cannot read a zone is followed by a live round on
// what was known of it, and is repeated; and what was tried in vain is owed.
func (c *Controller) turn(ctx context.Context) {
	touched := c.receive()
	if !c.settled() {
		return
	}
	if !time.Now().Before(c.next) {
		_, err := c.pass(ctx)
		c.reckon(ctx, err)
		if c.blind == 0 {
			c.next = time.Now().Add(c.Interval)
			return
		}
		c.next = time.Now().Add(backOff(c.blind, c.Interval))
	}
	c.reckon(ctx, c.live(ctx, touched))
}

// alarm returns when the next turn is due though nothing happens.
func (c *Controller) alarm() time.Time {
	if !c.settled() {
		return time.Now().Add(c.Interval) // a status comes before, and wakes the loop
	}
	next := c.next
	if first, ok := c.owed.next(); ok && first.Before(next) {
		next = first
	}
	if look := time.Now().Add(lookEvery); len(c.holds.told) > 0 && look.Before(next) {
		next = look
	}
	return next
}

// Once waits until every kind is read or known to be unreadable, makes one pass
// and returns what came of it. What could not be read or written is an error;
// what is held is in the report. Deletions wait no grace time.
func (c *Controller) Once(ctx context.Context) (Report, error) {
	c.holds.grace = 0
	if err := c.Feed.Check(ctx); err != nil {
		return Report{}, fmt.Errorf("read objects from %s: %w", c.Feed, err)
	}
	feed, stop := c.start(ctx)
	defer stop()
	for !c.settled() {
		select {
		case <-ctx.Done():
			return Report{}, fmt.Errorf("wait for the objects of %s: %w", c.Feed, ctx.Err())
		case err := <-feed:
			return Report{}, fmt.Errorf("read objects from %s: %w", c.Feed, err)
		case <-c.inbox.wake:
		}
		c.receive()
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

// reckon says that something failed, or that all is well again.
func (c *Controller) reckon(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		c.soft++
		var attrs []any
		if hint := provider.Hint(err); hint != "" {
			attrs = append(attrs, "hint", hint)
		}
		c.Log.Error(fmt.Sprintf("Failed to do run once: %v (consecutive soft errors: %d)", err, c.soft), attrs...)
	case c.soft > 0 && c.blind == 0 && !c.owed.failing():
		c.Log.Info(fmt.Sprintf("Reconciliation succeeded after %d consecutive soft errors", c.soft))
		c.soft = 0
	}
	c.Metrics.softErrors.Set(float64(c.soft))
}
