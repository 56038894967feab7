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

	// Rotation, if not 0, is how long the audit may take to look at every record
	// set once. It quickens the audit as far as the calls suffice that an account
	// grants to audits, and never slows it down.
	Rotation time.Duration

	// Pause lies between the end of a batch and the beginning of the next one of
	// the same zone. Other zones do not wait.
	Pause time.Duration

	// Tries is how often in all a call is made that the service throttles, before
	// its failure is told and its work is owed; 0 is as often as it takes.
	Tries int

	// ZoneList is how long a list of zones is trusted; 0 is 4 minutes. A shorter
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
	if p.ZoneList <= 0 {
		p.ZoneList = usualZoneList
	}
	p.ZoneList = max(p.ZoneList, leastZoneList)
	return p
}

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
