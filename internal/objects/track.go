package objects

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// slice is how many objects of a first list are delivered at once.
const slice = 1000

// track follows one kind of a [Cluster]: it is the informer's event handler, and
// hears how its lists and watches fare.
type track struct {
	kind   kind
	sink   Sink
	config *rest.Config
	mu     *sync.Mutex // the reading's: one call to the sink at a time

	pending []Event // not delivered yet; more than one only during the first list
	done    bool    // the first list has been delivered
	verb    string  // the verb that fails, "" if none does
	failure Status
	told    Status
}

// OnAdd implements the handler.
func (t *track) OnAdd(o any, initial bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	event, ok := t.event(o)
	if !ok {
		return
	}
	t.pending = append(t.pending, event)
	if !initial || t.done || len(t.pending) >= slice {
		t.flush()
	}
}

// OnUpdate implements the handler. A new list repeats what is known already, and
// what changed may be none of what is kept: a node's heartbeat, for example.
func (t *track) OnUpdate(before, now any) {
	if a, ok := before.(client.Object); ok {
		if b, ok := now.(client.Object); ok && same(a, b) {
			return
		}
	}
	t.OnAdd(now, false)
}

// same reports whether two versions of an object, stripped, differ in nothing
// but their version.
func same(a, b client.Object) bool {
	if a.GetUID() != b.GetUID() {
		return false
	}
	if a.GetResourceVersion() == b.GetResourceVersion() {
		return true
	}
	if p, ok := a.(Packed); ok {
		return p.alike(b)
	}
	// The objects are shared, so that a shallow copy takes the other's version.
	copied := reflect.New(reflect.TypeOf(a).Elem())
	copied.Elem().Set(reflect.ValueOf(a).Elem())
	alike, ok := copied.Interface().(client.Object)
	if !ok {
		return false
	}
	alike.SetResourceVersion(b.GetResourceVersion())
	return equality.Semantic.DeepEqual(alike, b)
}

// OnDelete implements the handler.
func (t *track) OnDelete(o any) {
	if unseen, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = unseen.Obj
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if event, ok := t.event(o); ok {
		event.Object = nil
		t.pending = append(t.pending, event)
		t.flush()
	}
}

func (t *track) event(o any) (Event, bool) {
	object, ok := o.(client.Object)
	if !ok {
		return Event{}, false
	}
	key := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
	return Event{Kind: t.kind.gvk, Key: key, Object: object}, true
}

func (t *track) flush() {
	if len(t.pending) > 0 {
		t.sink.Apply(t.pending)
		t.pending = nil
	}
}

// listed notes that the handler has seen all of the first list.
func (t *track) listed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
	t.done = true
	t.tell()
}

// list notes the outcome of a list call.
func (t *track) list(ctx context.Context, err error) {
	if ctx.Err() != nil || restarts(err) {
		return
	}
	t.note("list", err)
}

// watch notes the outcome of opening a watch.
func (t *track) watch(ctx context.Context, opts metav1.ListOptions, err error) {
	if ctx.Err() != nil || restarts(err) {
		return
	}
	// A watch that begins with a list is tried first, and an API server that
	// does not know such watches, or denies them, is asked for a list and a
	// plain watch instead: their outcome counts. Only these two errors are not
	// followed by a list (reflector.go of client-go: isWatchErrorRetriable).
	if err != nil && opts.SendInitialEvents != nil && !utilnet.IsConnectionRefused(err) && !apierrors.IsTooManyRequests(err) {
		return
	}
	t.note("watch", err)
}

// restarts reports whether err only says that the watch must start anew: the
// informer does so at once.
func restarts(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) ||
		apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge)
}

// note keeps what fails. A list that succeeds says nothing of the watch; a watch
// follows a list, so that its success says all.
func (t *track) note(verb string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.verb, t.failure = verb, explain(err, verb, t.kind, t.config)
	case verb == "watch" || t.verb == "list":
		t.verb, t.failure = "", Status{}
	}
	t.tell()
}

// tell reports the status if it is another than before. A kind that is neither
// listed nor failing is on its way, and stays what it was.
func (t *track) tell() {
	now := t.failure
	if t.verb == "" {
		if !t.done {
			return
		}
		now = Status{Synced: true}
	}
	if now != t.told {
		t.told = now
		t.sink.Status(t.kind.gvk, now)
	}
}

// explain puts an answer of the API server, or its silence, into words that are
// the same each time the same thing happens.
func explain(err error, verb string, k kind, config *rest.Config) Status {
	group := k.gvk.Group
	switch {
	case apierrors.IsForbidden(err):
		return Status{
			Reason: fmt.Sprintf("may not %s %s: %s", verb, k.resource, forbidden(err)),
			Hint:   fmt.Sprintf(`add this rule to the role: {apiGroups: [%q], resources: [%q], verbs: ["get", "list", "watch"]}`, group, k.resource),
			Denied: true,
		}
	case apierrors.IsUnauthorized(err):
		return Status{
			Reason: fmt.Sprintf("the API server at %s does not accept the credentials", config.Host),
			Hint:   "renew the token or certificate of the kubeconfig or the service account",
		}
	case apierrors.IsNotFound(err):
		return Status{
			Reason: fmt.Sprintf("the API server at %s has no %s of %s", config.Host, k.resource, k.gvk.GroupVersion()),
			Hint:   fmt.Sprintf("install what provides %s of %s, or leave the source out", k.resource, k.gvk.GroupVersion()),
		}
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		asked := ""
		if verb != "" {
			asked = fmt.Sprintf(" to %s %s", verb, k.resource)
		}
		return Status{Reason: fmt.Sprintf("the API server at %s answers%s: %v", config.Host, asked, err)}
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return Status{
			Reason: fmt.Sprintf("the certificate of the API server at %s is not accepted: %s", config.Host, plain(certificate.Err)),
			Hint:   "check certificate-authority-data and the address in the kubeconfig, or in a cluster the Pod's ca.crt",
		}
	}
	return Status{
		Reason: fmt.Sprintf("the API server at %s does not answer: %s", config.Host, plain(err)),
		Hint:   unreachable(config),
	}
}

// forbidden returns the API server's sentence on a denial.
func forbidden(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Message
	}
	return err.Error()
}

// plain leaves out of a network error what differs each time: the request's
// parameters and the local port.
func plain(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return fmt.Sprintf("%s: %v", op.Op, op.Err)
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}
