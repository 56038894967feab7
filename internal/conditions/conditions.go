// Package conditions writes into the status of DNSEndpoints what became of them.
//
// It hides the client, which has its own rate limit, the queue before it, and
// what to do with each failure. What holds:
//
//   - [Board.Put] never waits, and of several statuses of one object only the
//     newest is written;
//   - at most ten a second are written, so that a thousand objects that change
//     at once keep nobody else of the API server waiting;
//   - nothing is written twice: neither what the object says already, nor again
//     what somebody else has taken away since;
//   - where the definition that is installed has no conditions (ExternalDNS's
//     own), only the observed generation is written;
//   - that it is forbidden (403) is logged once, with the rule that is missing,
//     and ends nothing.
//
// Who decides what is true, and whether this replica may say it, is the caller.
// The package may import Kubernetes' libraries, the logger and dnsendpoint.
//
//	board, err := conditions.Open(config, log)
//	go board.Run(ctx)
//	board.Put(object, dnsendpoint.Status{ObservedGeneration: 3, Conditions: ...})
package conditions

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/signpost-dns/signpost/internal/dnsendpoint"
)

const (
	pace       = 100 * time.Millisecond // between two writes
	firstPause = time.Second
	longPause  = 5 * time.Minute
)

// Board writes statuses. Its methods may be called concurrently.
type Board struct {
	client rest.Interface
	log    *slog.Logger
	wake   chan struct{} // holds a token while there is something to write

	mu      sync.Mutex
	serial  int
	waiting map[types.NamespacedName]*notice
	written map[types.NamespacedName]written
	bare    bool // the definition has no conditions
	told    bool // that it is forbidden
}

// notice is a status that waits.
type notice struct {
	object *dnsendpoint.DNSEndpoint
	status dnsendpoint.Status
	serial int // the lowest first
	due    time.Time
	pause  time.Duration // after the next failure
}

// written is what was last said of an object.
type written struct {
	uid    types.UID
	status dnsendpoint.Status
}

// Open returns a board that has not begun. It connects to nothing yet.
func Open(shared *rest.Config, log *slog.Logger) (*Board, error) {
	scheme := runtime.NewScheme()
	if err := dnsendpoint.Install(scheme); err != nil {
		return nil, fmt.Errorf("register %s: %w", dnsendpoint.Kind, err)
	}
	gv := dnsendpoint.GVK().GroupVersion()
	config := rest.CopyConfig(shared)
	config.QPS, config.RateLimiter, config.Timeout = -1, nil, 10*time.Second
	config.APIPath, config.GroupVersion = "/apis", &gv
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return &Board{client: client, log: log, wake: make(chan struct{}, 1), waiting: map[types.NamespacedName]*notice{},
		written: map[types.NamespacedName]written{}}, nil
}

// Put has a status written, unless the object says the same. Times of transition
// do not count, and are set here.
func (b *Board) Put(o *dnsendpoint.DNSEndpoint, status dnsendpoint.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	last := b.written[key]
	if b.same(o.Status, status) || last.uid == o.UID && b.same(last.status, status) {
		delete(b.waiting, key)
		return
	}
	b.serial++
	n := &notice{object: o, status: status, serial: b.serial, pause: firstPause}
	if before := b.waiting[key]; before != nil {
		n.serial, n.due, n.pause = before.serial, before.due, before.pause
	}
	b.waiting[key] = n
	b.ring()
}

// Forget forgets an object that is gone.
func (b *Board) Forget(key types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, key)
	delete(b.written, key)
}

// same reports whether an object says already what it shall, as far as the
// definition has room for it.
func (b *Board) same(said, shall dnsendpoint.Status) bool {
	return said.ObservedGeneration == shall.ObservedGeneration && (b.bare || !slices.ContainsFunc(shall.Conditions, func(c metav1.Condition) bool {
		old := meta.FindStatusCondition(said.Conditions, c.Type)
		return old == nil || old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message || old.ObservedGeneration != c.ObservedGeneration
	}))
}

func (b *Board) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run writes what is put until ctx ends; what waits then is not written.
func (b *Board) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-timer.C:
		}
		for ctx.Err() == nil {
			n, next := b.take(time.Now())
			if n == nil {
				timer.Reset(next)
				break
			}
			b.write(ctx, n)
			pause(ctx, pace)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// take takes out the notice that is due, else it tells when one will be.
func (b *Board) take(now time.Time) (due *notice, next time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next = time.Hour
	for _, n := range b.waiting {
		switch wait := n.due.Sub(now); {
		case wait > 0:
			next = min(next, wait)
		case due == nil || n.serial < due.serial:
			due = n
		}
	}
	if due != nil {
		delete(b.waiting, types.NamespacedName{Namespace: due.object.Namespace, Name: due.object.Name})
	}
	return due, next
}

// write writes one status. One that is about another spec or status than the
// server has is dropped: the caller hears of that, and decides anew. It need
// not hear of a version that differs in what nobody reads, as an annotation.
func (b *Board) write(ctx context.Context, n *notice) {
	o := &dnsendpoint.DNSEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.object.Namespace, Name: n.object.Name, UID: n.object.UID, ResourceVersion: n.object.ResourceVersion},
		Status:     timed(n.status, n.object.Status, metav1.Now()),
	}
	o.SetGroupVersionKind(dnsendpoint.GVK())
	var now dnsendpoint.DNSEndpoint
	err := b.client.Put().Namespace(o.Namespace).Resource(dnsendpoint.Resource).Name(o.Name).SubResource("status").Body(o).Do(ctx).Into(&now)
	again := apierrors.IsConflict(err) && b.refresh(ctx, n)
	b.mu.Lock()
	defer b.mu.Unlock()
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	switch {
	case err == nil:
		b.bare = len(now.Status.Conditions) == 0 && len(o.Status.Conditions) > 0
		b.written[key] = written{o.UID, o.Status}
	case again:
		if b.waiting[key] == nil {
			b.waiting[key] = n
			b.ring()
		}
	case apierrors.IsNotFound(err) || apierrors.IsConflict(err) || ctx.Err() != nil:
	case apierrors.IsForbidden(err):
		if !b.told {
			b.told = true
			b.log.Warn("the status of DNSEndpoints may not be written: what became of them is told in the log, in Events and by signpost explain only",
				"error", err, "hint", `add this rule to the ClusterRole: {apiGroups: ["externaldns.k8s.io"], resources: ["dnsendpoints/status"], verbs: ["update"]}`)
		}
	default:
		b.log.Debug("the status of a DNSEndpoint could not be written", "object", key.String(), "error", err)
		if b.waiting[key] == nil {
			n.due, n.pause = time.Now().Add(n.pause), min(2*n.pause, longPause)
			b.waiting[key] = n
		}
	}
}

// refresh has a notice be about the version that the server has, and reports
// whether that is the same object with the same spec and status.
func (b *Board) refresh(ctx context.Context, n *notice) bool {
	var now dnsendpoint.DNSEndpoint
	err := b.client.Get().Namespace(n.object.Namespace).Resource(dnsendpoint.Resource).Name(n.object.Name).Do(ctx).Into(&now)
	if err != nil || now.UID != n.object.UID || now.Generation != n.object.Generation || !equality.Semantic.DeepEqual(now.Status, n.object.Status) {
		return false
	}
	n.object = &now
	return true
}

// timed returns the status with the times since when its conditions are as they
// are, and with the conditions of others.
func timed(s, before dnsendpoint.Status, now metav1.Time) dnsendpoint.Status {
	out := *s.DeepCopy()
	old := map[string]metav1.Condition{}
	for _, c := range before.Conditions {
		old[c.Type] = c
	}
	for i, c := range out.Conditions {
		out.Conditions[i].LastTransitionTime = now
		if was, ok := old[c.Type]; ok && was.Status == c.Status {
			out.Conditions[i].LastTransitionTime = was.LastTransitionTime
		}
		delete(old, c.Type)
	}
	for _, typ := range slices.Sorted(maps.Keys(old)) {
		out.Conditions = append(out.Conditions, old[typ])
	}
	return out
}
