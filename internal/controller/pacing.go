package controller

import "time"

// Pacing is how fast the controller acts. The zero value is the usual pace:
// what happens is written as soon as a batching window of 20 to 200 ms closes,
// batches follow each other without a pause, and only the account's governor
// holds calls up. Nothing here makes a call that the governor would not grant.
type Pacing struct {
	// Window gathers changes into one batch.
	Window Window

	// Gather, if not 0, keeps changes until the next of the moments that lie this
	// far apart, and then writes all of them. The first synchronisation, which
	// reads the zones, waits for nothing.
	Gather time.Duration

	// Apart is the least time between the beginnings of two synchronisations, which
	// begin when a window closes. A change that comes sooner waits for the rest of
	// it, and takes along what comes meanwhile. It delays no change that comes
	// alone.
	Apart time.Duration

	// Rotation lies between the beginnings of two rounds of the audit through a
	// zone, or more where the calls do not suffice that an account grants to
	// audits; 0 is a minute.
	Rotation time.Duration

	// Pause lies between the end of a batch and the beginning of the next one of
	// the same zone. Other zones do not wait.
	Pause time.Duration

	// Tries is how often in all a call is made that the service throttles, before
	// its failure is told and its work is owed; 0 is as often as it takes.
	Tries int

	// ZoneList is how long a list of zones is trusted; 0 is 4 minutes, so that a
	// new zone is seen within 5 also where the list waits for its turn. A shorter
	// time than a minute counts as a minute.
	ZoneList time.Duration
}

// Window gathers what happens before it is planned, so that a burst becomes one
// batch: it opens at the first event, closes when none came for Idle, and at the
// latest Cap after it opened.
type Window struct {
	Idle time.Duration // 0 is 20 ms
	Cap  time.Duration // 0 is 200 ms; never less than Idle
}

// The pace where none is asked for.
const (
	usualIdle     = 20 * time.Millisecond
	usualCap      = 200 * time.Millisecond
	usualRotation = time.Minute
	usualZoneList = 4 * time.Minute
	leastZoneList = time.Minute
)

// complete puts what is usual in the place of zeros.
func (p Pacing) complete() Pacing {
	if p.Window.Idle <= 0 {
		p.Window.Idle = usualIdle
	}
	if p.Window.Cap <= 0 {
		p.Window.Cap = usualCap
	}
	p.Window.Cap = max(p.Window.Cap, p.Window.Idle)
	if p.Rotation <= 0 {
		p.Rotation = usualRotation
	}
	if p.ZoneList <= 0 {
		p.ZoneList = usualZoneList
	}
	p.ZoneList = max(p.ZoneList, leastZoneList)
	return p
}

// gate holds changes back until the window that they open has closed, and they
// may pass at the pace of Gather and Apart. Its channel tells when.
type gate struct {
	*time.Timer
	pacing Pacing
	began  time.Time // when the pace began to be kept
	last   time.Time // when changes passed last
	opened time.Time // when the window opened; zero: it is closed
	first  time.Time // when they may pass at the earliest
}

func newGate(p Pacing) *gate {
	g := &gate{Timer: time.NewTimer(time.Hour), pacing: p}
	g.Stop()
	return g
}

// begin keeps the pace from now on.
func (g *gate) begin(now time.Time) { g.began, g.last = now, now }

// knock says that there are changes. Where nothing is written they only wait for
// the window.
func (g *gate) knock(now time.Time, writing bool) {
	if g.opened.IsZero() {
		g.opened, g.first = now, now
		if writing {
			g.first = g.pacing.opens(now, g.began, g.last)
		}
	}
	closes := min(g.pacing.Window.Idle, g.opened.Add(g.pacing.Window.Cap).Sub(now))
	g.Reset(max(closes, g.first.Sub(now)))
}

// pass notes that changes pass.
func (g *gate) pass(now time.Time) { g.last, g.opened = now, time.Time{} }

// opens returns when changes that came at a time may be planned, given when the
// pace began to be kept and when the last synchronisation began.
func (p Pacing) opens(came, began, last time.Time) time.Time {
	at := came
	if p.Gather > 0 {
		at = began.Add((came.Sub(began)/p.Gather + 1) * p.Gather)
	}
	if earliest := last.Add(p.Apart); at.Before(earliest) {
		at = earliest
	}
	return at
}
