package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
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
	Lease    lease.Lease // who may write; nil: this process alone
	Resolver Resolver    // of host names that objects have addresses taken from; nil: [net.DefaultResolver]
	Pacing   Pacing
	DryRun   bool // plan and say, write nothing
	Log      *slog.Logger
	Metrics  *Metrics
	Events   Events // who is told of objects besides the log; nil: nobody

	MaxDeletes plan.Limit    // what may be deleted in a zone unasked; see [plan.Guard]
	Grace      time.Duration // how long a deletion waits for the object to come back; never with Once or DryRun
	Approvals  Approvals     // nil: nobody approves
	Memory     Memory        // what one leader leaves to the next; nil: nothing
	Statuses   Statuses      // where it is written down what became of DNSEndpoints; nil: nowhere
	OnHold     func(Hold)    // if not nil, told in place of the log whenever what is held in a zone changes
}

// Controller makes the zones of one provider hold what objects want.
type Controller struct {
	Config
	inbox   *inbox
	account zone.Account
	state   state // what others may ask for
	ledger  *ledger
	holds   *holds
	legacy  legacy

	// mu guards what keepers read to plan and the loop writes. It is never held
	// during a call to the service.
	mu      sync.RWMutex
	index   *index
	lookups *lookups
	kinds   map[schema.GroupVersionKind]objects.Status
	places  places             // the zones of the last list
	keepers map[string]*keeper // by zone ID
	shared  []string           // what was told of zones of one name

	standings *standings

	read    chan *keeper  // keepers that have read their zone for the first time
	version atomic.Uint64 // of what is wanted and held
	soft    soft
}

// New returns a controller that has not begun.
func New(c Config) *Controller {
	c.Pacing = c.Pacing.complete()
	if c.DryRun {
		c.Grace = 0
	}
	if c.Approvals == nil {
		c.Approvals = noApprovals{}
	}
	governor := zone.NewGovernors(zone.GovernorConfig{Waited: c.Metrics.waited})
	c.Metrics.governor.Store(governor)
	account := zone.Account{Governor: governor, Pause: c.Pacing.Pause, Tries: c.Pacing.Tries}
	if c.Lease == nil {
		c.Lease = lease.Alone()
	} else {
		account.MayWrite = mayWrite(c.Lease)
	}
	ctl := &Controller{
		Config: c, inbox: newInbox(), account: account, index: newIndex(),
		kinds: map[schema.GroupVersionKind]objects.Status{}, keepers: map[string]*keeper{},
		holds: newHolds(c.Grace), ledger: newLedger(c.Log, c.Metrics, newNotes(c.Events, c.Lease, c.Kinds)), read: make(chan *keeper),
	}
	ctl.lookups = newLookups(c.Kinds, c.Deriver.Always(), c.Feed.Add, newHosts(c.Resolver, ctl.inbox.ring))
	ctl.legacy.memory = c.Memory
	ctl.standings = newStandings(c.Statuses)
	c.Metrics.figures.Store(ctl)
	return ctl
}

// Run keeps the zones right until ctx ends, while it holds the lease; without it
// it keeps up with the objects and makes no call. It returns an error only if the
// feed or the contention for the lease cannot begin.
func (c *Controller) Run(ctx context.Context) error {
	feed, stop := c.start(ctx)
	defer stop()
	defer c.startStandings(ctx)()
	contending, give := context.WithCancel(ctx)
	terms, ended := c.contend(contending)
	var now term
	var t *tenure // of the present term, once every kind is settled
	gate := newGate(c.Pacing)
	defer gate.Stop()
	defer func() {
		t.end()
		now.end()
		give()            // the feed may have ended this, and ctx go on
		for range ended { // the lease is given up when nothing is under way
		}
	}()
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
			c.ledger.retell()
			c.standings.all()
			c.Metrics.leading.Set(1)
		case <-now.lost():
			t.end()
			now.end()
			now, t = term{}, nil
			c.standDown()
		case list := <-t.listed():
			c.adopt(t, list)
		case k := <-c.read:
			c.choose(k)
		case <-c.inbox.wake:
			gate.knock(time.Now(), t != nil)
		case <-gate.C:
			gate.pass(time.Now())
			c.take()
		}
		if ctx.Err() == nil && now.leads() && t == nil && c.settled() {
			t = c.begin(now.ctx)
			gate.begin(time.Now())
		}
	}
}

// take takes what the feed has delivered, and has the keepers plan the names that
// it touches. No name is lost: a keeper that begins plans all that is placed in
// its zone, and what was tried in vain is owed.
func (c *Controller) take() {
	touched, since := c.receive()
	c.mu.RLock()
	defer c.mu.RUnlock()
	work := map[*keeper][]dns.Name{}
	for _, n := range touched {
		for _, z := range c.zonesOf(n) {
			if k := c.keepers[z.ID]; k != nil {
				work[k] = append(work[k], n)
			}
		}
	}
	for k, names := range work {
		k.want(since, names...)
	}
	if len(touched) > 0 && len(c.keepers) > 0 {
		c.unplaced(touched)
	}
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
	c.legacy.begin()
	report, err := c.pass(ctx)
	frozen := c.frozenKinds()
	if frozen == nil && c.lookups.empty() {
		report.Empty = c.Feed.String()
	}
	return report, errors.Join(frozen, err)
}

// sink returns where the feed delivers to.
func (c *Controller) sink() objects.Sink {
	if c.Deriver.ReadsReadiness() {
		return &damper{to: c.inbox, nodes: map[string]*damped{}}
	}
	return c.inbox
}

// start runs the feed; stop ends it and waits for it.
func (c *Controller) start(ctx context.Context) (done <-chan error, stop func()) {
	c.state.setKinds(c.Kinds, c.kinds, nil)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	var resolving sync.WaitGroup
	resolving.Go(func() { c.lookups.hosts.run(ctx) })
	go func() {
		ended <- c.Feed.Run(ctx, c.sink())
		close(ended)
	}()
	return ended, func() {
		cancel()
		for range ended {
		}
		resolving.Wait()
	}
}
