package objects

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func serviceKind() schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind("Service") }
func nodeKind() schema.GroupVersionKind    { return corev1.SchemeGroupVersion.WithKind("Node") }
func ingressKind() schema.GroupVersionKind {
	return networkingv1.SchemeGroupVersion.WithKind("Ingress")
}

// recorder is a Sink that remembers.
type recorder struct {
	feed    Feed // that delivers, where a test adds kinds
	mu      sync.Mutex
	lines   []string // "Service default/a", "gone: Service default/a", "Service: synced", since last taken
	sizes   []int    // of the slices applied
	objects map[identity]client.Object
	status  map[schema.GroupVersionKind]Status
	changed chan struct{} // holds a token after a change
}

func newRecorder() *recorder {
	return &recorder{objects: map[identity]client.Object{}, status: map[schema.GroupVersionKind]Status{}, changed: make(chan struct{}, 1)}
}

func (r *recorder) Apply(events []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sizes = append(r.sizes, len(events))
	for _, e := range events {
		id := identity{kind: e.Kind, key: e.Key}
		if e.Object == nil {
			delete(r.objects, id)
			r.note("gone: " + e.Kind.Kind + " " + e.Key.String())
			continue
		}
		r.objects[id] = e.Object
		r.note(e.Kind.Kind + " " + e.Key.String())
	}
}

func (r *recorder) Status(kind schema.GroupVersionKind, s Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status[kind] = s
	word := "synced"
	if s.Frozen() {
		word = "frozen"
	}
	r.note(kind.Kind + ": " + word)
}

func (r *recorder) note(line string) {
	r.lines = append(r.lines, line)
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// take returns what happened since the last take; the kinds come in any order
// among each other, so the lines are sorted by kind.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(kindOf(a), kindOf(b)) })
	return lines
}

func kindOf(line string) string {
	return strings.Fields(strings.ReplaceAll(strings.TrimPrefix(line, "gone: "), ":", " "))[0]
}

func (r *recorder) get(kind schema.GroupVersionKind, name string) client.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.objects[identity{kind, types.NamespacedName{Namespace: "default", Name: name}}]
}

func (r *recorder) of(kind schema.GroupVersionKind) Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status[kind]
}

// await returns when done says so of what was recorded, and all lines since the
// last take.
func (r *recorder) await(t *testing.T, ctx context.Context, done func() bool) []string {
	t.Helper()
	for !done() {
		select {
		case <-r.changed:
		case <-ctx.Done():
			t.Fatalf("waited in vain; recorded %q, status %v", r.take(), r.status)
		}
	}
	return r.take()
}

func service(name string) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{Kind: "Service", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
	}
}

func ingress(name string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		TypeMeta:   metav1.TypeMeta{Kind: "Ingress", APIVersion: "networking.k8s.io/v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: fmt.Sprintf("%s.example.com", name)}}},
	}
}
