package expose

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
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

// Run makes passes whenever Services, nodes or endpoints change, until ctx ends. What fails is told and tried again.
func (c *Controller) Run(ctx context.Context) error {
	factory := informers.NewSharedInformerFactoryWithOptions(c.Client, 0, informers.WithNamespace(c.Namespace))
	happened := make(chan struct{}, 1)
	poke := func(any) {
		select {
		case happened <- struct{}{}:
		default:
		}
	}
	on := cache.ResourceEventHandlerFuncs{AddFunc: poke, DeleteFunc: poke, UpdateFunc: func(_, now any) { poke(now) }}
	services, nodes := factory.Core().V1().Services(), factory.Core().V1().Nodes()
	endpoints := factory.Discovery().V1().EndpointSlices()
	for _, i := range []cache.SharedIndexInformer{services.Informer(), nodes.Informer(), endpoints.Informer()} {
		if _, err := i.AddEventHandler(on); err != nil {
			return fmt.Errorf("watch for exposure: %w", err)
		}
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	for _, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return ctx.Err()
		}
	}
	read := func() (*world, error) {
		s, err := services.Lister().List(labels.Everything())
		if err != nil {
			return nil, err
		}
		n, err := nodes.Lister().List(labels.Everything())
		if err != nil {
			return nil, err
		}
		e, err := endpoints.Lister().List(labels.Everything())
		return c.newWorld(s, n, e), err
	}
	return c.loop(ctx, happened, read)
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
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		case <-happened:
			t.Reset(gather)
			<-t.C
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
