package controller

import (
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/objects"
)

// steady is how long a Node has to be Ready, or not to be, before that counts.
const steady = 30 * time.Second

// damper is a Sink before another one: whether a Node is Ready counts there only
// when it has stayed so for a while, so that a Node which comes and goes takes no
// record sets with it. Everything else passes at once. What is known of a Node
// when it is first seen counts.
type damper struct {
	to objects.Sink

	mu    sync.Mutex
	nodes map[string]*damped
}

// damped is a Node as it is, and how it is told.
type damped struct {
	event objects.Event
	told  []corev1.NodeCondition
	timer *time.Timer // until the event is told as it is; nil: it is so told
}

// Status is part of [objects.Sink].
func (d *damper) Status(kind schema.GroupVersionKind, s objects.Status) { d.to.Status(kind, s) }

// Apply is part of [objects.Sink].
func (d *damper) Apply(events []objects.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	told := slices.Clone(events)
	for i, e := range events {
		if e.Kind == corev1.SchemeGroupVersion.WithKind("Node") {
			told[i] = d.damp(e)
		}
	}
	d.to.Apply(told)
}

// damp returns an event as it is told now.
func (d *damper) damp(e objects.Event) objects.Event {
	name := e.Key.Name
	known := d.nodes[name]
	n, ok := e.Object.(*corev1.Node)
	switch {
	case !ok:
		known.stop()
		delete(d.nodes, name)
		return e
	case known == nil || ready(known.told) == ready(n.Status.Conditions):
		known.stop()
		d.nodes[name] = &damped{event: e, told: n.Status.Conditions}
		return e
	}
	known.event = e
	if known.timer == nil {
		known.timer = time.AfterFunc(steady, func() { d.settle(known) })
	}
	copied := *n
	copied.Status.Conditions = known.told
	e.Object = &copied
	return e
}

// settle tells of a Node as it has been for a while.
func (d *damper) settle(n *damped) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := n.event.Key.Name
	if d.nodes[name] != n || n.timer == nil {
		return
	}
	n.timer = nil
	if o, ok := n.event.Object.(*corev1.Node); ok {
		n.told = o.Status.Conditions
	}
	d.to.Apply([]objects.Event{n.event})
}

func (n *damped) stop() {
	if n != nil && n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
}

func ready(all []corev1.NodeCondition) bool {
	return slices.ContainsFunc(all, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
