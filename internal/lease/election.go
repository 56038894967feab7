package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// election is a [Lease] of an API server. client-go's elector decides when to
// ask the API server for what; its lock learns from the answers and moves the
// fence; and the fence alone says who leads. The elector's own opinion is not
// asked: it does not end at once when it sees another holder, and it counts time
// from the answer instead of from the question.
type election struct {
	*fence
	lock  *lock
	board *board
}

func newElection(config *rest.Config, namespace, name, identity string, log *slog.Logger) (*election, error) {
	client, err := coordinationv1.NewForConfig(ownConfig(config))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	f, b := newFence(), newBoard(client)
	return &election{fence: f, board: b, lock: &lock{
		LeaseLock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name},
			Client:     b,
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
			Labels:     labels(),
		},
		fence:  f,
		teller: teller{log: log.With("lease", namespace+"/"+name), host: config.Host, namespace: namespace},
	}}, nil
}

// labels are those of our Leases.
func labels() map[string]string { return map[string]string{"app.kubernetes.io/name": "signpost"} }

// ownConfig returns a config whose client shares neither a rate limit nor a
// connection with others. HTTP/1.1 makes each try after a time-out a new
// connection; with HTTP/2 one dead connection would outlast the lease.
func ownConfig(shared *rest.Config) *rest.Config {
	config := rest.CopyConfig(shared)
	config.QPS = -1 // the election paces itself
	config.RateLimiter = nil
	config.NextProtos = []string{"http/1.1"}
	return config
}

// Status implements [Lease].
func (e *election) Status() Status {
	s := e.lock.status()
	_, s.Leading = e.Held()
	s.Alone = e.isAlone()
	return s
}

// Run implements [Lease].
func (e *election) Run(ctx context.Context, lead func(context.Context) error) error {
	// The elector outlives ctx: it renews until lead has returned. It logs in
	// other words what the lock says.
	contending, stop := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), logr.Discard()))
	defer stop()
	elector, err := e.elector()
	if err != nil {
		return err
	}
	var done sync.WaitGroup
	e.lock.leaving.Store(false)
	done.Go(func() {
		for contending.Err() == nil {
			elector.Run(contending) // returns when it has lost the lease too
		}
	})
	defer func() {
		e.lock.leaving.Store(true)
		stop()
		done.Wait()
		if e.lock.holder == e.lock.Identity() {
			e.lock.kept()
		}
		e.drop()
	}()
	for e.await(ctx) {
		lost, err := e.term(ctx, lead)
		if !lost {
			return err
		}
		e.board.wipe()
		if err != nil && !errors.Is(err, context.Canceled) {
			e.lock.log.Warn("the last work as a leader ended with an error", "error", err)
		}
	}
	return nil
}

func (e *election) elector() (*leaderelection.LeaderElector, error) {
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            e.lock,
		Name:            e.lock.Describe(),
		LeaseDuration:   lasts,
		RenewDeadline:   renewWithin,
		RetryPeriod:     retryEvery,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) {}, // the fence tells
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("contend for the lease %s: %w", e.lock.Describe(), err)
	}
	return elector, nil
}

// await returns true when the fence is up, false when ctx ends.
func (e *election) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		news, _, ok := e.look()
		if ok {
			return true
		}
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
	return false
}

// term calls lead while the fence is up, and reports whether it fell before lead
// or ctx ended.
func (e *election) term(ctx context.Context, lead func(context.Context) error) (lost bool, err error) {
	term, end := context.WithCancel(ctx)
	var guard sync.WaitGroup
	guard.Go(func() {
		defer end()
		e.guard(term)
	})
	err = lead(term)
	lost = term.Err() != nil && ctx.Err() == nil
	end()
	guard.Wait()
	return lost, err
}

// guard returns when the fence is down, or ctx ends.
func (e *election) guard(ctx context.Context) {
	for {
		news, remaining, ok := e.look()
		if !ok {
			e.lock.stopped()
			return
		}
		lapse := time.NewTimer(remaining)
		select {
		case <-news:
		case <-lapse.C:
		case <-ctx.Done():
			lapse.Stop()
			return
		}
		lapse.Stop()
	}
}
