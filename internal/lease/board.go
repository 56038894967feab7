package lease

import (
	"context"
	"maps"
	"sync"

	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// Board is what stands on a Lease besides who holds it: annotations, through
// which people speak to the holder and one holder to the next. A [Lease] of an
// API server is one. All methods may be called at any time.
type Board interface {
	// Place returns where the Lease is.
	Place() (namespace, name string)
	// Read returns an annotation as the Lease was last read or written, which is
	// at most a few seconds ago; "" if there is none, or leases are forbidden.
	Read(key string) string
	// Write has an annotation written with the next renewal, "" for none, or when
	// the lease is given up. What a holder could not write before it lost the
	// lease is never written.
	Write(key, value string)
}

var _ Board = (*election)(nil)

// Place implements [Board].
func (e *election) Place() (namespace, name string) {
	return e.lock.LeaseMeta.Namespace, e.lock.LeaseMeta.Name
}

// Read implements [Board].
func (e *election) Read(key string) string { return e.board.read(key) }

// Write implements [Board].
func (e *election) Write(key, value string) { e.board.write(key, value) }

// board is the client of a [lock]. It sees every Lease that passes, and writes on
// those that are sent.
type board struct {
	coordinationv1.LeasesGetter

	mu      sync.Mutex
	stands  map[string]string
	pending map[string]string // "" removes
}

func newBoard(client coordinationv1.LeasesGetter) *board {
	return &board{LeasesGetter: client, pending: map[string]string{}}
}

func (b *board) read(key string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if value, ok := b.pending[key]; ok {
		return value
	}
	return b.stands[key]
}

func (b *board) write(key, value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending[key] = value
}

// news reports whether something is to be written that does not stand there.
func (b *board) news() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, value := range b.pending {
		if b.stands[key] != value {
			return true
		}
	}
	return false
}

// wipe forgets what was not written.
func (b *board) wipe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.pending)
}

// saw learns what stands on the Lease. What was sent is no longer pending.
func (b *board) saw(l *coordination.Lease, sent map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stands = maps.Clone(l.Annotations)
	maps.DeleteFunc(b.pending, func(key, value string) bool {
		written, ok := sent[key]
		return ok && written == value
	})
}

// put writes what is pending on a copy of the Lease.
func (b *board) put(l *coordination.Lease) (out *coordination.Lease, sent map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		return l, nil
	}
	out, sent = l.DeepCopy(), maps.Clone(b.pending)
	for key, value := range sent {
		if value == "" {
			delete(out.Annotations, key)
			continue
		}
		metav1.SetMetaDataAnnotation(&out.ObjectMeta, key, value)
	}
	return out, sent
}

// Leases implements [coordinationv1.LeasesGetter].
func (b *board) Leases(namespace string) coordinationv1.LeaseInterface {
	return boardLeases{b.LeasesGetter.Leases(namespace), b}
}

type boardLeases struct {
	coordinationv1.LeaseInterface
	board *board
}

func (l boardLeases) Get(ctx context.Context, name string, o metav1.GetOptions) (*coordination.Lease, error) {
	read, err := l.LeaseInterface.Get(ctx, name, o)
	if err == nil {
		l.board.saw(read, nil)
	}
	return read, err
}

func (l boardLeases) Create(ctx context.Context, lease *coordination.Lease, o metav1.CreateOptions) (*coordination.Lease, error) {
	return l.write(lease, func(lease *coordination.Lease) (*coordination.Lease, error) {
		return l.LeaseInterface.Create(ctx, lease, o)
	})
}

func (l boardLeases) Update(ctx context.Context, lease *coordination.Lease, o metav1.UpdateOptions) (*coordination.Lease, error) {
	return l.write(lease, func(lease *coordination.Lease) (*coordination.Lease, error) {
		return l.LeaseInterface.Update(ctx, lease, o)
	})
}

// write sends a lease with what is to be left on it.
func (l boardLeases) write(
	lease *coordination.Lease, send func(*coordination.Lease) (*coordination.Lease, error),
) (*coordination.Lease, error) {
	lease, sent := l.board.put(lease)
	written, err := send(lease)
	if err == nil {
		l.board.saw(written, sent)
	}
	return written, err
}
