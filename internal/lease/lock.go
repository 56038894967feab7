package lease

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock is what client-go's elector reads and writes in place of the Lease itself.
// It moves the fence by what it learns, and holds the elector to more than it
// keeps by itself (client-go v0.37, tools/leaderelection/leaderelection.go):
//
//   - a lease is given up only by a process that is done with its work, and only
//     if it still is its own: the elector would strike out whoever holds it;
//   - a Lease that was deleted is not taken while its holder may still write;
//   - the elector asks every [retryEvery]; a lease that was renewed less than
//     [renewEvery] ago is not renewed again;
//   - each write carries its own time. The elector gives the second of a try that
//     of the first, and if the first succeeded though its answer was lost, others
//     would take the second for no renewal;
//   - a write that was sent is waited for, so that no lease is left to a process
//     that ends.
//
// All methods but leave belong to the elector's goroutine.
type lock struct {
	*resourcelock.LeaseLock
	teller
	fence   *fence
	leaving atomic.Bool // the work is done: the lease may be given up

	holder string    // as last read or written
	lapse  time.Time // when its lease lapses at the latest
	sent   time.Time // when our last renewal that succeeded was sent
	raw    []byte    // the record of another holder, as last read
	rest   time.Time // no request before; for a process that was forbidden leases
}

var (
	errResting = errors.New("leases are forbidden")
	errDeleted = errors.New("the lease was deleted while another held it")
	errNotOver = errors.New("the work that the lease protects is not over")
	errNotOurs = errors.New("another holds the lease")
)

// Get reads the Lease.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if time.Now().Before(l.rest) {
		return nil, nil, errResting
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	record, raw, err := l.LeaseLock.Get(limited)
	switch {
	case err == nil:
		l.see(record, raw)
	case apierrors.IsNotFound(err):
		if l.deleted() {
			return nil, nil, errDeleted
		}
	case ctx.Err() == nil:
		l.failed("get", err)
	}
	return record, raw, err
}

// see learns who holds the lease.
func (l *lock) see(record *resourcelock.LeaderElectionRecord, raw []byte) {
	l.holder = record.HolderIdentity
	if l.holder == l.Identity() {
		return
	}
	changed := !bytes.Equal(raw, l.raw)
	l.raw = raw
	if l.holder == "" {
		l.lapse = time.Time{}
	} else if changed {
		l.lapse = time.Now().Add(time.Duration(record.LeaseDurationSeconds) * time.Second)
	}
	if l.fence.isAlone() && (l.holder == "" || !changed) {
		return // nobody else is at work: its lease may never be renewed
	}
	_, held := l.fence.Held()
	l.fence.drop()
	if held || time.Now().Before(l.lapse) {
		l.standingBy(held, l.holder)
	}
}

// deleted reports whether the Lease is gone while somebody else may hold it yet:
// where one was known, he may have renewed it in the moment before. Our own may
// be made again as long as it lasts.
func (l *lock) deleted() bool {
	if _, held := l.fence.Held(); held {
		return false
	}
	if l.holder != "" {
		l.holder, l.raw, l.lapse = "", nil, time.Now().Add(lasts)
	}
	return time.Now().Before(l.lapse)
}

// Create makes the Lease.
func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, "create", record, l.LeaseLock.Create)
}

// Update takes, renews or gives up the lease.
func (l *lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if record.HolderIdentity == "" {
		return l.release(ctx, record)
	}
	// Half a try less, so that it falls to one try and not by chance to the next.
	if _, ok := l.fence.Held(); ok && l.holder == l.Identity() && time.Since(l.sent) < renewEvery-retryEvery/2 {
		return nil
	}
	return l.write(ctx, "update", record, l.LeaseLock.Update)
}

func (l *lock) write(ctx context.Context, verb string, record resourcelock.LeaderElectionRecord,
	do func(context.Context, resourcelock.LeaderElectionRecord) error) error {
	if time.Now().Before(l.rest) {
		return errResting
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	sent := time.Now()
	record.RenewTime = metav1.NewTime(sent)
	if err := do(limited, record); err != nil {
		l.failed(verb, err)
		return err
	}
	l.holder, l.lapse, l.sent, l.raw = l.Identity(), sent.Add(lasts), sent, nil
	rose := l.fence.grant(sent.Add(renewWithin))
	if _, ok := l.fence.Held(); ok {
		l.leading(l.Identity(), rose)
	}
	return nil
}

// release gives the lease up.
func (l *lock) release(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	switch {
	case !l.leaving.Load():
		return errNotOver
	case l.holder != l.Identity():
		return errNotOurs
	}
	l.fence.drop()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.LeaseLock.Update(limited, record); err != nil {
		return err
	}
	l.holder = ""
	l.released()
	return nil
}

// failed learns from a request that did not succeed.
func (l *lock) failed(verb string, err error) {
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		// Somebody was faster; the elector reads who.
	case apierrors.IsForbidden(err) && !time.Now().Before(l.lapse):
		l.rest = time.Now().Add(askAgain)
		if l.fence.standAlone() {
			l.writesAlone(l.explain(verb, err))
		}
	case !l.fence.isAlone():
		_, held := l.fence.Held()
		l.waiting(held, l.explain(verb, err))
	}
}
