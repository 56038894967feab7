package zone

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/signpost-dns/signpost/internal/provider"
)

// Priority says which call goes first when several wait.
type Priority int

// The priorities, the first to go first. See [Governor] for how strictly.
const (
	Write     Priority = iota // changes record sets
	PointRead                 // reads what a write waits for
	Load                      // reads a zone for the first time, or lists the zones
	Audit                     // reads again what nobody waits for
	priorities
)

// String returns a word for logs and metrics.
func (p Priority) String() string {
	return [...]string{"write", "point-read", "load", "audit"}[p]
}

const (
	// DefaultRate and DefaultBurst are what Route 53 grants an account: calls a
	// second, of all its users together (Developer Guide, "Quotas").
	DefaultRate  = 5
	DefaultBurst = 5

	// auditEvery is the least pause between two audits: 8 a minute, of all zones of
	// the account together.
	auditEvery = time.Minute / 8
	// auditShare is the part of the present rate that audits may have.
	auditShare = 1.0 / 5

	// A busy zone waits for the first pause, then for ever longer ones.
	firstZonePause   = 250 * time.Millisecond
	longestZonePause = 10 * time.Second
)

// turns is how often calls of a better priority may go before a waiting one. A
// call in 10 is enough for conflicts to be looked up while writes queue. A call
// in 25 is 12 a minute at the default rate, above what audits ask for.
var turns = [priorities]int{PointRead: 9, Load: 24, Audit: 24}

// GovernorConfig says how fast an account may be called.
type GovernorConfig struct {
	Rate  float64 // calls a second; 0 is DefaultRate
	Burst int     // calls at once after a rest; 0 is DefaultBurst

	// Waited, if not nil, is told of each call how long it waited for its turn,
	// 0 if not at all. It is called concurrently, with no lock held.
	Waited func(Priority, time.Duration)
}

// Governor keeps the calls to one account within the account's rate. All zones
// of the account share it; its methods may be called concurrently.
//
// Writes go before point reads, these before loads, and loads before audits;
// within a priority first come is first served, but that of audits the list of
// zones goes before those of zones. So that nothing starves, the first waiting
// point read goes after 9 writes, and the first waiting load or audit after 24
// better calls. Alone, loads have the full rate. Audits have 8 calls a minute, and
// never more than a fifth of the present rate. Both leave one token in the bucket,
// so that a write that comes need not wait.
//
// Where the service says that the account calls too often
// ([provider.ErrThrottled]), all slow down: the rate is halved, to no less than
// a twentieth of the configured one, and the bucket is emptied; every 10 s the
// rate rises by a twentieth of the configured one. Where it says that a zone is
// busy ([provider.ErrBusy]), the calls to that zone wait, 250 ms at first and
// twice as long each time up to 10 s, until a call to it has been answered
// otherwise; those to other zones go past them.
type Governor struct {
	waited func(Priority, time.Duration)

	mu     sync.Mutex
	bucket bucket
	queues [priorities][]*waiter
	passed [priorities]int // how often better ones went before the first that waits
	pauses map[string]pause
	audits time.Time   // when the next audit may go
	timer  *time.Timer // runs while calls wait; nil before the first
	counts counts
}

type counts struct {
	calls, waits [priorities]uint64
	waited       [priorities]time.Duration
	throttled    uint64
	busy         uint64
}

type waiter struct {
	priority Priority
	zone     string
	since    time.Time
	waited   time.Duration // set before turn is sent
	turn     chan Turn     // of one place
}

// pause is how long a busy zone waits.
type pause struct {
	length time.Duration
	until  time.Time
	begun  uint64 // number of the last call when it began
}

// NewGovernor returns a governor with a full bucket.
func NewGovernor(c GovernorConfig) *Governor {
	if c.Rate <= 0 {
		c.Rate = DefaultRate
	}
	if c.Burst <= 0 {
		c.Burst = DefaultBurst
	}
	if c.Waited == nil {
		c.Waited = func(Priority, time.Duration) {}
	}
	return &Governor{waited: c.Waited, bucket: newBucket(c.Rate, c.Burst), pauses: map[string]pause{}}
}

// Turn is the permission to make one call.
type Turn struct {
	governor *Governor
	number   uint64
	zone     string
}

// Wait returns when one call may be made to the zone with this ID, "" for a
// call that concerns no zone. The call must be made at once, and the turn's Done
// called when it has ended. The only error is that of ctx.
func (g *Governor) Wait(ctx context.Context, p Priority, zoneID string) (Turn, error) {
	if err := ctx.Err(); err != nil {
		return Turn{}, err
	}
	g.mu.Lock()
	now := time.Now()
	g.bucket.advance(now)
	if g.idle() && !g.paused(now, zoneID) && g.open(now, p) && g.bucket.holds(g.needs(p)) {
		turn := g.admit(now, p, zoneID)
		g.mu.Unlock()
		g.waited(p, 0)
		return turn, nil
	}
	w := &waiter{priority: p, zone: zoneID, since: now, turn: make(chan Turn, 1)}
	g.enqueue(w)
	g.dispatch(now)
	g.mu.Unlock()

	select {
	case turn := <-w.turn:
		g.waited(p, w.waited)
		return turn, nil
	case <-ctx.Done():
		g.leave(w)
		return Turn{}, ctx.Err()
	}
}

// enqueue puts a waiter at the end of its queue. Zones whose audits wait may be
// many, and new ones are to be seen soon: who audits the list of zones goes before.
func (g *Governor) enqueue(w *waiter) {
	q := g.queues[w.priority]
	at := len(q)
	if w.priority == Audit && w.zone == "" {
		if i := slices.IndexFunc(q, func(other *waiter) bool { return other.zone != "" }); i >= 0 {
			at = i
		}
	}
	g.queues[w.priority] = slices.Insert(q, at, w)
}

// leave takes a waiter away. If it has been given its turn meanwhile, the turn
// is the next one's.
func (g *Governor) leave(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	select {
	case turn := <-w.turn:
		g.bucket.undo(now, turn.number)
		g.counts.calls[w.priority]--
	default:
		g.remove(w)
	}
	g.dispatch(now)
}

// Done says how the call ended: nil, what the service answered, or that there
// was no answer. It must be called once.
func (t Turn) Done(err error) {
	g := t.governor
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.bucket.end(now, t.number)
	switch {
	case errors.Is(err, provider.ErrBusy):
		g.counts.busy++
		g.pause(now, t)
	case errors.Is(err, provider.ErrThrottled):
		g.counts.throttled++
		g.bucket.throttle(now, t.number)
	case err == nil || answered(err):
		if t.number > g.pauses[t.zone].begun {
			delete(g.pauses, t.zone)
		}
	}
	g.dispatch(now)
}

// pause makes a zone wait, longer than the last time. A call that was under way
// when the present pause began says nothing new.
func (g *Governor) pause(now time.Time, t Turn) {
	last := g.pauses[t.zone]
	if t.number <= last.begun {
		return
	}
	length := min(max(2*last.length, firstZonePause), longestZonePause)
	g.pauses[t.zone] = pause{length, now.Add(length), g.bucket.begun}
}

func (g *Governor) paused(now time.Time, zone string) bool { return now.Before(g.pauses[zone].until) }

// dispatch gives turns to as many as there are tokens for, and sees to it that
// it is called again when there may be more. Whatever changes tokens, waiters or
// pauses calls it.
func (g *Governor) dispatch(now time.Time) {
	g.bucket.advance(now)
	for {
		w, needs := g.next(now)
		if w == nil || !g.bucket.holds(needs) {
			g.arm(now, w, needs)
			return
		}
		for worse := w.priority + 1; worse < priorities; worse++ {
			if g.first(now, worse) != nil {
				g.passed[worse]++
			}
		}
		g.passed[w.priority] = 0
		g.remove(w)
		if w.waited = now.Sub(w.since); w.waited > 0 {
			g.counts.waits[w.priority]++
			g.counts.waited[w.priority] += w.waited
		}
		w.turn <- g.admit(now, w.priority, w.zone)
	}
}

// next returns the waiter whose turn is next, nil if none may go, and how many
// tokens there must be.
func (g *Governor) next(now time.Time) (next *waiter, needs float64) {
	for p := Audit; p >= Write; p-- {
		w := g.first(now, p)
		if w == nil {
			continue
		}
		if turns[p] > 0 && g.passed[p] >= turns[p] {
			return w, 1
		}
		next, needs = w, g.needs(p)
	}
	return next, needs
}

// first returns the first waiter of a priority whose zone is not busy.
func (g *Governor) first(now time.Time, p Priority) *waiter {
	if !g.open(now, p) {
		return nil
	}
	for _, w := range g.queues[p] {
		if !g.paused(now, w.zone) {
			return w
		}
	}
	return nil
}

// needs returns how many tokens there must be for a call to go before which no
// other has to.
func (g *Governor) needs(p Priority) float64 {
	if p >= Load && g.bucket.burst > 1 {
		return 2
	}
	return 1
}

func (g *Governor) idle() bool {
	for _, q := range g.queues {
		if len(q) > 0 {
			return false
		}
	}
	return true
}

// open reports whether a call of this priority may go as far as its own pace goes.
func (g *Governor) open(now time.Time, p Priority) bool { return p != Audit || !now.Before(g.audits) }

func (g *Governor) admit(now time.Time, p Priority, zone string) Turn {
	if p == Audit {
		g.audits = now.Add(max(auditEvery, time.Duration(float64(time.Second)/(auditShare*g.bucket.rate))))
	}
	g.counts.calls[p]++
	return Turn{g, g.bucket.begin(), zone}
}

func (g *Governor) remove(w *waiter) {
	q := &g.queues[w.priority]
	if i := slices.Index(*q, w); i >= 0 {
		*q = slices.Delete(*q, i, i+1)
	}
	if len(*q) == 0 {
		g.passed[w.priority] = 0
	}
}

// arm sets the timer to when the next waiter may have its tokens, or a zone's
// pause ends, which may bring a better waiter.
func (g *Governor) arm(now time.Time, next *waiter, needs float64) {
	if g.idle() {
		if g.timer != nil {
			g.timer.Stop()
		}
		return
	}
	var at time.Time
	if next != nil {
		at = g.bucket.ready(needs)
	}
	if len(g.queues[Audit]) > 0 && now.Before(g.audits) && (at.IsZero() || g.audits.Before(at)) {
		at = g.audits
	}
	for _, p := range g.pauses {
		if now.Before(p.until) && (at.IsZero() || p.until.Before(at)) {
			at = p.until
		}
	}
	if g.timer == nil {
		g.timer = time.AfterFunc(at.Sub(now), g.tick)
		return
	}
	g.timer.Reset(at.Sub(now))
}

func (g *Governor) tick() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dispatch(time.Now())
}

// GovernorStats is what a governor did and does, for metrics. What is counted
// by priority is indexed by it.
type GovernorStats struct {
	Limit     float64                   // configured calls a second
	Rate      float64                   // calls a second at present
	Burst     int                       // calls at once after a rest
	Tokens    float64                   // calls that could be made now
	Calls     [priorities]uint64        // turns taken
	Waits     [priorities]uint64        // turns that came only after waiting
	Waited    [priorities]time.Duration // by all of those together
	Waiting   [priorities]int           // calls that wait now
	Throttled uint64                    // answers that the account calls too often
	Busy      uint64                    // answers that a zone is busy
	BusyZones []string                  // IDs of the zones whose calls wait now, sorted
}

// Stats returns the figures of this moment.
func (g *Governor) Stats() GovernorStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.bucket.advance(now)
	s := GovernorStats{
		Limit: g.bucket.limit, Rate: g.bucket.rate, Burst: g.bucket.burst, Tokens: g.bucket.tokens,
		Calls: g.counts.calls, Waits: g.counts.waits, Waited: g.counts.waited,
		Throttled: g.counts.throttled, Busy: g.counts.busy,
	}
	for p, q := range g.queues {
		s.Waiting[p] = len(q)
	}
	for _, zone := range slices.Sorted(maps.Keys(g.pauses)) {
		if g.paused(now, zone) {
			s.BusyZones = append(s.BusyZones, zone)
		}
	}
	return s
}
