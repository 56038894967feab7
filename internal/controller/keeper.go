package controller

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/zone"
)

// keeper keeps one zone right. A goroutine of its own plans the names that are
// dirty, writes, and goes round through the zone page by page: a page is asked
// for in the background, so that no write waits for it.
type keeper struct {
	c      *Controller
	zone   dns.Zone
	worker *zone.Worker
	guard  *plan.Guard
	cancel context.CancelFunc
	ended  chan struct{} // closed when run has returned

	stock atomic.Pointer[stock] // what the zone held when it was read first; nil before
	round atomic.Int64          // when the last whole round began, in Unix nanoseconds; 0: none yet

	wake  chan struct{}          // holds a token while names have become dirty
	mu    sync.Mutex             // may be taken with the controller's lock held, and not the other way round
	dirty map[dns.Name]time.Time // names to plan, with the time of the event, zero without one
	again bool                   // all names are to be planned
	later bool                   // and once more when this round has ended
	owed  *owed

	// The rest belongs to the goroutine.
	pages  chan answer       // of one place
	asked  bool              // a page is under way
	next   time.Time         // when the next page is asked for
	began  time.Time         // when the present round began
	blind  int               // pages in a row that could not be read
	busy   bool              // something was written in this round
	done   bool              // a round has just ended
	idle   bool              // it was said that all is up to date
	down   bool              // nothing can be written
	parted bool              // names that are due are left for later
	sift   int               // pages until all dirty names are looked through, before the zone is known
	moving map[dns.Name]bool // names that stay for another zone's sake
}

// answer is what became of the request for a page.
type answer struct {
	page zone.Page
	err  error
}

func (c *Controller) newKeeper(z dns.Zone) *keeper {
	k := &keeper{
		c: c, zone: z, worker: zone.NewWorker(z, c.Provider, c.account, c.Rules, c.Log),
		guard: plan.NewGuard(z, c.MaxDeletes, c.holds.grace), ended: make(chan struct{}),
		wake: make(chan struct{}, 1), dirty: map[dns.Name]time.Time{}, owed: newOwed(),
		pages: make(chan answer, 1), moving: map[dns.Name]bool{},
	}
	c.legacy.resume(z, k.guard)
	return k
}

// stock is how many names a zone holds that are ours, and how many of these are
// wanted.
type stock struct{ wanted, ours int }

// takeStock counts what the zone holds.
func (k *keeper) takeStock() {
	k.c.mu.RLock()
	defer k.c.mu.RUnlock()
	s := &stock{}
	for _, n := range k.worker.Names(nil) {
		s.ours++
		if len(k.c.index.at(n)) > 0 {
			s.wanted++
		}
	}
	k.stock.Store(s)
}

// want has names planned. Since is the time of the event that touched them. A name
// that was tried in vain is tried anew.
func (k *keeper) want(since time.Time, names ...dns.Name) {
	k.mu.Lock()
	for _, n := range names {
		if old, known := k.dirty[n]; !known || old.IsZero() {
			k.dirty[n] = since
		}
		k.owed.forget(n)
	}
	k.mu.Unlock()
	k.ring()
}

// replan has every name planned, once the zone is known.
func (k *keeper) replan() {
	k.mu.Lock()
	k.again = true
	k.mu.Unlock()
	k.ring()
}

// revise has those names planned at which something is refused, perhaps since an object was not understood that is
// understood now. A change of a claim may have waited without a word: all names follow when the audit's round has ended.
func (k *keeper) revise() {
	k.mu.Lock()
	k.later = true
	k.mu.Unlock()
	k.want(time.Time{}, k.c.ledger.names(k.zone.ID)...)
}

func (k *keeper) ring() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// stop ends the keeper, when its batch under way is finished.
func (k *keeper) stop() {
	k.cancel()
	<-k.ended
}

// run keeps the zone right until ctx ends.
func (k *keeper) run(ctx context.Context) {
	defer close(k.ended)
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for ctx.Err() == nil {
		k.ask(ctx)
		worked := k.work(ctx)
		if (k.worker.Whole() || k.blind > 0) && !k.parted {
			k.c.state.caughtUp(k.zone.ID)
		}
		if worked {
			// There may be more at once, and always: pages go in between.
			select {
			case a := <-k.pages:
				k.merge(ctx, a)
			default:
			}
			continue
		}
		k.upToDate()
		alarm.Reset(time.Until(k.alarm()))
		select {
		case <-ctx.Done():
		case a := <-k.pages:
			k.merge(ctx, a)
		case <-k.wake:
		case <-alarm.C:
		}
	}
	if k.asked {
		<-k.pages
	}
}

// ask asks for the next page when its time has come.
func (k *keeper) ask(ctx context.Context) {
	now := time.Now()
	if k.asked || now.Before(k.next) {
		return
	}
	if !k.worker.Round() {
		k.began, k.busy = now, false
	}
	k.asked = true
	k.c.Metrics.lastReconcile.Set(seconds(now))
	turn := k.worker.Turn()
	go func() {
		page, err := turn(ctx)
		k.pages <- answer{page, err}
	}()
}

// merge takes a page in, and what it shows to have changed is dirty.
func (k *keeper) merge(ctx context.Context, a answer) {
	k.asked = false
	if a.err != nil {
		if ctx.Err() == nil {
			k.next = time.Now().Add(backOff(k.blind, time.Minute))
			k.blind++
			k.trouble(ctx, a.err)
		}
		return
	}
	if k.blind > 0 || k.worker.Whole() {
		k.blind = 0
		k.calm(ctx)
	}
	changed, done := k.worker.Merge(a.page)
	k.sift--
	k.c.version.Add(1)
	k.want(time.Time{}, k.worker.Concerned(changed)...)
	if !done {
		return
	}
	if k.stock.Load() == nil {
		k.takeStock()
		k.replan()
		select {
		case k.c.read <- k:
		case <-ctx.Done():
			return
		}
	}
	k.round.Store(k.began.UnixNano())
	k.next = k.began.Add(k.c.Pacing.Rotation)
	k.calm(ctx)
	for n := range k.moving {
		k.want(time.Time{}, n)
	}
	k.mu.Lock()
	k.again, k.later = k.again || k.later, false
	k.mu.Unlock()
	k.done = true
}

// upToDate says that a round found nothing to do, once until there is something.
func (k *keeper) upToDate() {
	k.mu.Lock()
	quiet := k.done && !k.busy && !k.owed.failing() && len(k.dirty) == 0 && !k.again
	k.mu.Unlock()
	k.done = false
	if !quiet {
		return
	}
	k.c.Metrics.noOps.Inc()
	if k.idle {
		return
	}
	k.idle = true
	text := "All records are already up to date"
	if len(k.c.ledger.names("")) > 0 {
		text += ", there are no changes for the matching hosted zones"
	}
	k.c.Log.Info(text, "zone", k.zone.String())
}

// work plans and writes what is due, and reports whether anything was.
func (k *keeper) work(ctx context.Context) bool {
	names, since := k.due(ctx)
	if len(names) == 0 {
		return false
	}
	k.sync(ctx, names, since)
	return true
}

// fewUnknown is how many names are read out of turn while the zone is not known.
const fewUnknown = 5

// siftEach is how many dirty names are looked through for a page, on average.
const siftEach = 2000

// due takes what is to be planned now: of the dirty names those that are known,
// the owed ones whose time has come, and those that a person has approved.
func (k *keeper) due(ctx context.Context) (names []dns.Name, since map[dns.Name]time.Time) {
	if !k.worker.Whole() {
		k.learn(ctx)
	}
	others := k.approved(ctx)
	if k.worker.Whole() && k.takeAgain() {
		others = append(others, k.all()...)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range append(k.owed.due(time.Now()), others...) {
		if _, known := k.dirty[n]; !known {
			k.dirty[n] = time.Time{}
		}
	}
	// At the start all names are dirty, and each page makes a few of them known. Those that wait for no event are not looked
	// through for each page.
	all := k.sift <= 0 || k.worker.Whole()
	if all {
		k.sift = len(k.dirty) / siftEach
	}
	since, k.dirty = k.dirty, map[dns.Name]time.Time{}
	for n, at := range since {
		if (all || !at.IsZero()) && k.worker.Known(n) {
			names = append(names, n)
		} else {
			k.dirty[n] = at
			delete(since, n)
		}
	}
	slices.SortFunc(names, dns.Name.Compare)
	return k.portion(names, since), since
}

// takeAgain reports whether all names are to be planned, once.
func (k *keeper) takeAgain() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	again := k.again
	k.again = false
	return again
}

// newAtOnce is how many names at which nothing stands yet are planned at once, so
// that the changes of many need not all be held in memory. It is some 7 batches.
const newAtOnce = 2000

// portion leaves of sorted names those for later that are new and too many. All
// others are judged together: what is to be deleted is never parted.
func (k *keeper) portion(names []dns.Name, since map[dns.Name]time.Time) []dns.Name {
	k.parted = false
	if len(names) <= newAtOnce {
		return names
	}
	fresh := 0
	return slices.DeleteFunc(names, func(n dns.Name) bool {
		if len(k.worker.Image().At(n)) > 0 {
			return false
		}
		if fresh++; fresh <= newAtOnce {
			return false
		}
		k.dirty[n], k.parted = since[n], true
		delete(since, n)
		return true
	})
}

// all returns every name that a plan of the zone looks at, and those of which
// something is told or owed, so that nothing of it stays for ever.
func (k *keeper) all() []dns.Name {
	k.c.mu.RLock()
	wanted := k.c.placed()[k.zone.ID]
	k.c.mu.RUnlock()
	names := append(k.worker.Names(wanted), k.c.ledger.names(k.zone.ID)...)
	k.guard.Recount()
	k.mu.Lock()
	defer k.mu.Unlock()
	return append(names, k.owed.names()...)
}

// learn reads dirty names out of turn, while pages are on their way that are far
// from them, and if they are few.
func (k *keeper) learn(ctx context.Context) {
	if !k.worker.Begun() {
		return // the first page may be all there is
	}
	k.mu.Lock()
	var unknown []dns.Name
	for n := range k.dirty {
		if len(unknown) <= fewUnknown && !k.worker.Known(n) {
			unknown = append(unknown, n)
		}
	}
	k.mu.Unlock()
	if len(unknown) == 0 || len(unknown) > fewUnknown {
		return
	}
	if err := k.worker.Learn(ctx, unknown); err != nil && ctx.Err() == nil {
		k.trouble(ctx, err)
	}
}

// alarm returns when there is something to do though nothing happens.
func (k *keeper) alarm() time.Time {
	at := time.Now().Add(time.Hour)
	if !k.asked && k.next.Before(at) {
		at = k.next
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if first, ok := k.owed.next(); ok && first.Before(at) && k.worker.Whole() {
		at = first
	}
	if look := time.Now().Add(lookEvery); k.c.holds.has(k.zone) && look.Before(at) {
		at = look
	}
	return at
}

// trouble notes why the zone cannot be read or written.
func (k *keeper) trouble(ctx context.Context, err error) {
	k.c.state.note(k.zone.ID, err)
	k.c.ledger.failed(k.zone.ID, err)
	k.c.Metrics.registryErrors.Inc()
	k.c.reckon(ctx, k.zone.ID, err, false)
}

// calm notes that the zone can be read and written.
func (k *keeper) calm(ctx context.Context) {
	k.mu.Lock()
	well := !k.owed.failing()
	k.mu.Unlock()
	if well {
		k.c.state.note(k.zone.ID, nil)
		k.c.ledger.failed(k.zone.ID, nil)
		k.c.Metrics.lastSync.Set(seconds(time.Now()))
	}
	k.c.reckon(ctx, k.zone.ID, nil, well)
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
