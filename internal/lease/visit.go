package lease

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

// Visit is the board of a Lease for a process that makes one pass and does not
// contend. It is read when it is first asked.
type Visit struct {
	board           *board
	namespace, name string

	once sync.Once
	err  error
	led  bool // somebody holds the lease
}

var _ Board = (*Visit)(nil)

// OpenVisit returns the board of the Lease that [Open] would contend for; nil
// where there is none. It connects to nothing yet.
func OpenVisit(o Options, config *rest.Config, name string) (*Visit, error) {
	if !o.used(config) {
		return nil, nil
	}
	if o.Name != "" {
		name = o.Name
	}
	namespace, err := o.namespace()
	if err != nil {
		return nil, nil // a process that contends is told; this one does without
	}
	client, err := coordinationv1.NewForConfig(ownConfig(config))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return &Visit{board: newBoard(client), namespace: namespace, name: name}, nil
}

// Place implements [Board].
func (v *Visit) Place() (namespace, name string) { return v.namespace, v.name }

// Err returns why the Lease cannot be read, nil if it can or there is none yet.
func (v *Visit) Err() error {
	v.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		l, err := v.leases().Get(ctx, v.name, metav1.GetOptions{})
		switch {
		case err == nil:
			v.led = held(l, time.Now())
		case !apierrors.IsNotFound(err):
			v.err = fmt.Errorf("read the Lease %s/%s: %w", v.namespace, v.name, err)
		}
	})
	return v.err
}

// Read implements [Board].
func (v *Visit) Read(key string) string {
	if v.Err() != nil {
		return ""
	}
	return v.board.read(key)
}

// Write implements [Board]. It is written by Leave.
func (v *Visit) Write(key, value string) { v.board.write(key, value) }

// Leave writes what is to be written, unless somebody holds the lease, who knows
// better. Where there is no Lease it makes one that nobody holds.
func (v *Visit) Leave(ctx context.Context) error {
	switch err := v.Err(); {
	case !v.board.news():
		return nil
	case err != nil:
		return err
	case v.led:
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		l, err := v.leases().Get(ctx, v.name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			l = &coordination.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: v.namespace, Name: v.name, Labels: labels()}}
			_, err = v.leases().Create(ctx, l, metav1.CreateOptions{})
		case err == nil:
			_, err = v.leases().Update(ctx, l, metav1.UpdateOptions{})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write on the Lease %s/%s: %w", v.namespace, v.name, err)
	}
	return nil
}

func (v *Visit) leases() coordinationv1.LeaseInterface { return v.board.Leases(v.namespace) }

// held reports whether somebody holds a lease now, as far as clocks agree.
func held(l *coordination.Lease, now time.Time) bool {
	s := l.Spec
	if s.HolderIdentity == nil || *s.HolderIdentity == "" || s.RenewTime == nil || s.LeaseDurationSeconds == nil {
		return false
	}
	return now.Before(s.RenewTime.Add(time.Duration(*s.LeaseDurationSeconds) * time.Second))
}
