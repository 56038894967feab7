package lease

import (
	"fmt"
	"sync"
	"time"
)

// fence says whether this process may write. It falls by itself.
type fence struct {
	mu    sync.Mutex
	until time.Time // zero: not held
	alone bool      // held without a lease
	news  chan struct{}
}

func newFence() *fence { return &fence{news: make(chan struct{})} }

// Held implements [Lease].
func (f *fence) Held() (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held()
}

func (f *fence) held() (time.Duration, bool) {
	if f.alone {
		return Forever, true
	}
	now := time.Now()
	// The monotonic clock stands still while the machine is suspended, the wall
	// clock may be set back: the one that has run further is believed.
	left := min(f.until.Sub(now), f.until.Round(0).Sub(now.Round(0)))
	return max(left, 0), left > 0
}

// Check implements [Lease].
func (f *fence) Check(margin time.Duration) error {
	left, ok := f.Held()
	switch {
	case !ok:
		return fmt.Errorf("the lease is not held: %w", ErrNotHeld)
	case left < margin:
		return fmt.Errorf("the lease could not be renewed, and %v of it are left: %w soon", left.Round(time.Millisecond), ErrNotHeld)
	}
	return nil
}

// look returns what Held does, and what is closed when more than the passing of
// time changes it.
func (f *fence) look() (news <-chan struct{}, remaining time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	remaining, ok = f.held()
	return f.news, remaining, ok
}

// grant raises the fence until then, and reports whether it stands up now and
// did not before, or not by a lease.
func (f *fence) grant(until time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, before := f.held()
	before = before && !f.alone
	f.until, f.alone = until, false
	_, now := f.held()
	if before != now {
		f.tell()
	}
	return now && !before
}

// drop lets the fence fall.
func (f *fence) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alone || !f.until.IsZero() {
		f.until, f.alone = time.Time{}, false
		f.tell()
	}
}

// standAlone raises the fence without a lease and reports whether that is new.
func (f *fence) standAlone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alone {
		return false
	}
	f.until, f.alone = time.Time{}, true
	f.tell()
	return true
}

func (f *fence) isAlone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.alone
}

func (f *fence) tell() {
	close(f.news)
	f.news = make(chan struct{})
}
