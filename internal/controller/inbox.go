package controller

import (
	"maps"
	"sync"
	"time"
	"unique"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/objects"
)

// ref names an object. There are as many as objects: the kind is a handle, not six words.
type ref struct {
	gvk unique.Handle[schema.GroupVersionKind]
	key types.NamespacedName
}

func newRef(kind schema.GroupVersionKind, key types.NamespacedName) ref {
	return ref{unique.Make(kind), key}
}

func (r ref) kind() schema.GroupVersionKind { return r.gvk.Value() }

// inbox takes what a feed delivers and keeps the newest state of each object
// until the loop fetches it.
type inbox struct {
	wake chan struct{} // holds a token while there is something new

	mu     sync.Mutex
	events map[ref]objects.Event
	since  time.Time // when the first of what is new came; zero: nothing is
	status map[schema.GroupVersionKind]objects.Status
}

func newInbox() *inbox {
	return &inbox{
		wake:   make(chan struct{}, 1),
		events: map[ref]objects.Event{},
		status: map[schema.GroupVersionKind]objects.Status{},
	}
}

// Apply is part of [objects.Sink].
func (b *inbox) Apply(events []objects.Event) {
	b.mu.Lock()
	b.came()
	for _, e := range events {
		b.events[newRef(e.Kind, e.Key)] = e
	}
	b.mu.Unlock()
	b.knock()
}

// Status is part of [objects.Sink].
func (b *inbox) Status(kind schema.GroupVersionKind, status objects.Status) {
	b.mu.Lock()
	b.came()
	b.status[kind] = status
	b.mu.Unlock()
	b.knock()
}

// ring tells that there is something new elsewhere.
func (b *inbox) ring() {
	b.mu.Lock()
	b.came()
	b.mu.Unlock()
	b.knock()
}

func (b *inbox) came() {
	if b.since.IsZero() {
		b.since = time.Now()
	}
}

func (b *inbox) knock() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// fetch takes out all events, with the status of the kinds at the same moment and
// the time when the first of what is new came.
func (b *inbox) fetch() (map[ref]objects.Event, map[schema.GroupVersionKind]objects.Status, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events, since := b.events, b.since
	b.events, b.since = map[ref]objects.Event{}, time.Time{}
	return events, maps.Clone(b.status), since
}
