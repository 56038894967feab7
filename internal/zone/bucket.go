package zone

import (
	"math"
	"slices"
	"time"
)

const (
	// slowest is the part of the configured rate below which throttling does not
	// push it, and step the part by which it rises again after every rise.
	slowest = 1.0 / 20
	step    = 1.0 / 20
	rise    = 10 * time.Second

	// hair is how much may be missing of a token: the rounding of sums of
	// rate times seconds, far below a nanosecond's worth.
	hair = 1e-9
)

// bucket is the token bucket of a [Governor], and the law of its rate. A method
// that takes the time brings the bucket up to it; time does not go backwards.
//
// The bucket holds up to burst tokens and gains rate tokens a second. Throttling
// halves the rate, to no less than a twentieth of the limit, and takes all
// tokens. Then the rate rises by a twentieth of the limit every 10 s. With the
// limit of 5 a second: one halving, to 2.5 a second, is made good after 100 s;
// from the floor of 0.25 a second, which takes five halvings, it takes 190 s.
// Calls that were under way together are throttled together, and halve once.
//
// Nobody knows when a call under way arrives at the service, and the service
// counts from then: if the first of a burst takes long, what follows in time by
// our clock comes too soon by the service's. So a call under way keeps its room
// in the bucket, which fills only up to burst less those calls. Then the
// service, with the same limit and burst, sees no call too many, however their
// delays differ. A call that hangs gives its room back after settle, half the
// time in which the bucket fills, so that slow answers do not cost rate.
type bucket struct {
	limit    float64 // configured, in tokens a second
	burst    int
	settle   time.Duration
	rate     float64 // now, in tokens a second
	tokens   float64
	at       time.Time // up to which all here is reckoned
	rises    time.Time // when the rate rises next; zero while it is the limit
	underway []underway
	begun    uint64 // number of the last call
	halved   uint64 // number of the last call when the rate was last halved
}

// underway is a call that has not ended, or not long enough ago to be settled.
type underway struct {
	number  uint64
	settles time.Time
}

func newBucket(limit float64, burst int) bucket {
	fills := float64(burst) / limit
	return bucket{limit: limit, burst: burst, rate: limit, settle: time.Duration(fills / 2 * float64(time.Second))}
}

func (b *bucket) room() float64 { return float64(b.burst - len(b.underway)) }

// advance reckons up to now, from one change of rate or room to the next.
func (b *bucket) advance(now time.Time) {
	for {
		next := now
		if !b.rises.IsZero() && b.rises.Before(next) {
			next = b.rises
		}
		if len(b.underway) > 0 && b.underway[0].settles.Before(next) {
			next = b.underway[0].settles
		}
		b.tokens = min(b.room(), b.tokens+b.rate*next.Sub(b.at).Seconds())
		b.at = next
		if !b.rises.IsZero() && !b.rises.After(next) {
			b.raise()
		}
		for len(b.underway) > 0 && !b.underway[0].settles.After(next) {
			b.underway = slices.Delete(b.underway, 0, 1)
		}
		if next.Equal(now) {
			return
		}
	}
}

func (b *bucket) raise() {
	b.rate += step * b.limit
	b.rises = b.rises.Add(rise)
	if b.rate >= b.limit*(1-hair) {
		b.rate, b.rises = b.limit, time.Time{}
	}
}

// holds reports whether there are that many tokens.
func (b *bucket) holds(tokens float64) bool { return b.tokens > tokens-hair }

// ready returns when to look again whether there are that many tokens, if now
// there are not: not later than they are. It is later than now, be the rate as
// high as it may.
func (b *bucket) ready(tokens float64) time.Time {
	ns := (tokens - b.tokens) / b.rate * float64(time.Second)
	at := b.at.Add(max(1, time.Duration(math.Ceil(ns))))
	if !b.rises.IsZero() && b.rises.Before(at) {
		return b.rises
	}
	return at
}

// begin takes a token for a call, and returns the call's number.
func (b *bucket) begin() uint64 {
	b.begun++
	b.tokens--
	b.underway = append(b.underway, underway{b.begun, b.at.Add(b.settle)})
	return b.begun
}

// end gives back the room that a call had.
func (b *bucket) end(now time.Time, number uint64) {
	b.advance(now)
	b.underway = slices.DeleteFunc(b.underway, func(u underway) bool { return u.number == number })
}

// undo is for a call that was never made.
func (b *bucket) undo(now time.Time, number uint64) {
	b.end(now, number)
	b.tokens = min(b.room(), b.tokens+1)
}

// throttle slows down since the service throttled a call.
func (b *bucket) throttle(now time.Time, number uint64) {
	b.advance(now)
	b.tokens = 0
	b.rises = now.Add(rise)
	if number > b.halved {
		b.rate = max(b.rate/2, slowest*b.limit)
		b.halved = b.begun
	}
}
