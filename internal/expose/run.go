package expose

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

const (
	// gather is how long a pass waits for what else happens.
	gather = 200 * time.Millisecond
	// audit is how often a pass is made when nothing happens: the firewall may have been changed by hand.
	audit = 5 * time.Minute
	// firstRetry and lastRetry bound the pause after a pass that failed.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Run makes passes whenever what matters of Services, nodes or endpoints changes, until ctx ends. What fails is told and
// tried again.
func (c *Controller) Run(ctx context.Context) error {
	c.served = nil // another replica may have closed what this one left
	happened := make(chan struct{}, 1)
	poke := func(any) {
		select {
		case happened <- struct{}{}:
		default:
		}
	}
	on := cache.ResourceEventHandlerFuncs{AddFunc: poke, DeleteFunc: poke, UpdateFunc: func(_, now any) { poke(now) }}
	services := newInformer(c.Client, c.Client.CoreV1().Services(c.Namespace), &corev1.Service{})
	nodes := newInformer(c.Client, c.Client.CoreV1().Nodes(), &corev1.Node{})
	endpoints := newInformer(c.Client, c.Client.DiscoveryV1().EndpointSlices(c.Namespace), &discoveryv1.EndpointSlice{})
	var running sync.WaitGroup
	defer running.Wait()
	var synced []cache.InformerSynced
	for _, i := range []cache.SharedIndexInformer{services, nodes, endpoints} {
		if err := errors.Join(i.SetTransform(strip), i.SetWatchErrorHandlerWithContext(c.denied())); err != nil {
			return fmt.Errorf("watch for exposure: %w", err)
		}
		if _, err := i.AddEventHandler(on); err != nil {
			return fmt.Errorf("watch for exposure: %w", err)
		}
		synced = append(synced, i.HasSynced)
		running.Go(func() { i.RunWithContext(ctx) })
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return ctx.Err()
	}
	read := func() (*world, error) {
		return c.newWorld(all[*corev1.Service](services), all[*corev1.Node](nodes), all[*discoveryv1.EndpointSlice](endpoints)), nil
	}
	return c.loop(ctx, happened, read)
}

// watcher is what the typed clients of Kubernetes have for each kind.
type watcher[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// newInformer watches objects of one kind. The client of tests says that it cannot list by watching.
func newInformer[L runtime.Object](client Client, of watcher[L], kind runtime.Object) cache.SharedIndexInformer {
	lw := &cache.ListWatch{
		ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return of.List(ctx, o) },
		WatchFuncWithContext: of.Watch,
	}
	return cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, client), kind, 0, nil)
}

// all returns what an informer has.
func all[T any](i cache.SharedIndexInformer) (list []T) {
	for _, o := range i.GetStore().List() {
		list = append(list, o.(T))
	}
	return list
}

// strip leaves of objects what is read of them. Services are written as a whole, and stay so.
func strip(o any) (any, error) {
	switch o := o.(type) {
	case *corev1.Node:
		o.ManagedFields, o.Annotations = nil, nil
		o.Spec = corev1.NodeSpec{Unschedulable: o.Spec.Unschedulable, ProviderID: o.Spec.ProviderID}
		o.Status = corev1.NodeStatus{Addresses: o.Status.Addresses, Conditions: o.Status.Conditions}
	case *discoveryv1.EndpointSlice:
		o.ManagedFields, o.Annotations, o.Ports = nil, nil, nil
		for i, e := range o.Endpoints {
			o.Endpoints[i] = discoveryv1.Endpoint{NodeName: e.NodeName, Conditions: discoveryv1.EndpointConditions{Ready: e.Conditions.Ready}}
		}
	}
	return o, nil
}

// denied tells once that a kind may not be read, for then nothing is done at all.
func (c *Controller) denied() cache.WatchErrorHandlerWithContext {
	var once sync.Once
	return func(_ context.Context, _ *cache.Reflector, err error) {
		if apierrors.IsForbidden(err) {
			once.Do(func() {
				c.Log.Warn("Services on node addresses stay as they are until what they depend on may be read", "error", err,
					"hint", "allow get, list and watch of services, endpointslices and, in a ClusterRole, nodes")
			})
		}
	}
}

// loop makes a pass after each thing that happens, when one is due, and again after a failure.
func (c *Controller) loop(ctx context.Context, happened <-chan struct{}, read func() (*world, error)) error {
	retry := firstRetry
	for {
		var again time.Time
		w, err := read()
		if err == nil {
			again, err = c.pass(ctx, w)
		}
		wait := audit
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			c.Log.Warn("Services on node addresses are not as they shall be yet", "error", err, "hint", hintOf(err), "again", retry)
			wait, retry = retry, min(2*retry, lastRetry)
		default:
			retry = firstRetry
		}
		if until := time.Until(again); !again.IsZero() && until < wait {
			wait = max(until, gather)
		}
		rest(ctx, wait, happened, func() bool {
			now, err := read()
			return err != nil || w == nil || !now.like(w)
		})
		if ctx.Err() != nil {
			return nil
		}
	}
}

// rest waits until something happens that matters, at most for so long. A pass asks the firewall, and most of what
// happens in a cluster is nothing to it: a heartbeat of a node, another Service's endpoint.
func rest(ctx context.Context, long time.Duration, happened <-chan struct{}, matters func() bool) {
	due := time.NewTimer(long)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			return
		case <-happened:
		}
		more := time.NewTimer(gather)
		select {
		case <-ctx.Done():
			more.Stop()
			return
		case <-more.C:
		}
		if matters() {
			return
		}
	}
}

// list reads the cluster once.
func (c *Controller) list(ctx context.Context) (*world, error) {
	services, err := c.Client.CoreV1().Services(c.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list services: %w", err)
	}
	nodes, err := c.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	endpoints, err := c.Client.DiscoveryV1().EndpointSlices(c.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list endpointslices: %w", err)
	}
	var s []*corev1.Service
	for i := range services.Items {
		s = append(s, &services.Items[i])
	}
	var n []*corev1.Node
	for i := range nodes.Items {
		n = append(n, &nodes.Items[i])
	}
	var e []*discoveryv1.EndpointSlice
	for i := range endpoints.Items {
		e = append(e, &endpoints.Items[i])
	}
	return c.newWorld(s, n, e), nil
}

// Once makes one pass.
func (c *Controller) Once(ctx context.Context) error {
	w, err := c.list(ctx)
	if err != nil {
		return err
	}
	_, err = c.pass(ctx, w)
	return err
}

// hintOf returns what a person can do about an error.
func hintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}
