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
	since  time.Time // when the first of the events came
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
	if len(b.events) == 0 {
		b.since = time.Now()
	}
	for _, e := range events {
		b.events[newRef(e.Kind, e.Key)] = e
	}
	b.mu.Unlock()
	b.ring()
}

// Status is part of [objects.Sink].
func (b *inbox) Status(kind schema.GroupVersionKind, status objects.Status) {
	b.mu.Lock()
	b.status[kind] = status
	b.mu.Unlock()
	b.ring()
}

func (b *inbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// fetch takes out all events, with the time when the first came and the status of
// the kinds at the same moment.
func (b *inbox) fetch() (map[ref]objects.Event, map[schema.GroupVersionKind]objects.Status, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = map[ref]objects.Event{}
	return events, maps.Clone(b.status), b.since
}
