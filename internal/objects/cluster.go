package objects

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Cluster reads objects from an API server, with one list and one watch for each
// kind: get, list and watch on the kinds are all the permissions it needs. Its
// events follow the server's within the time of a network trip.
//
// A kind whose list or watch fails is frozen, with the verb and the resource
// named, and tried again with growing pauses of up to a minute. It is synced
// again when its watch stands again; what it missed arrives right behind.
type Cluster struct {
	config  *rest.Config
	http    *http.Client
	scheme  *runtime.Scheme
	mapper  meta.RESTMapper
	kinds   *chosen
	older   map[schema.GroupVersionKind]versions // by the newest
	options Options
	timeout time.Duration // of a list; 0 is none
}

// Config returns how the API server is reached, for other clients of it. The
// caller must not change it.
func (c *Cluster) Config() *rest.Config { return c.config }

// OpenCluster returns the feed of the API server that config reaches, for a caller that has its own way there. Options that
// name a server do not count.
func OpenCluster(config *rest.Config, o Options, kinds []schema.GroupVersionKind) (*Cluster, error) {
	chosen, err := choose(kinds)
	if err != nil {
		return nil, err
	}
	return newCluster(config, o, chosen)
}

func newCluster(config *rest.Config, o Options, kinds []kind) (*Cluster, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, hint("check the certificates and credentials of the kubeconfig", "connect to %s: %w", config.Host, err)
	}
	scheme, err := newScheme(table())
	if err != nil {
		return nil, err
	}
	older := map[schema.GroupVersionKind]versions{}
	for _, k := range table() {
		if older[k.gvk], err = readOlder(k, config, httpClient, o.namespaceOf(k)); err != nil {
			return nil, err
		}
	}
	return &Cluster{
		config: config, http: httpClient, scheme: scheme, mapper: newMapper(table()),
		older: older, kinds: newChosen(kinds), options: o, timeout: o.timeout(),
	}, nil
}

// String returns the address of the API server.
func (c *Cluster) String() string { return "the API server at " + c.config.Host }

// Add implements [Feed].
func (c *Cluster) Add(gvk schema.GroupVersionKind) error { return c.kinds.add(gvk) }

// Check asks the API server for its version. A server that answers is there,
// even if it tells its version to nobody.
func (c *Cluster) Check(ctx context.Context) error {
	config := rest.CopyConfig(c.config)
	config.NegotiatedSerializer = serializer.NewCodecFactory(c.scheme).WithoutConversion()
	rc, err := rest.UnversionedRESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", c, err)
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	err = rc.Get().AbsPath("/version").Do(ctx).Error()
	if err == nil || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil
	}
	s := explain(err, "", kind{}, c.config)
	return hint(s.Hint, "%s", s.Reason)
}

// limit ends a request that takes too long.
func (c *Cluster) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.timeout)
}

// Run implements [Feed].
func (c *Cluster) Run(ctx context.Context, sink Sink) error {
	r := reading{c: c, tracks: map[schema.GroupVersionKind]*track{}}
	for _, k := range table() {
		r.tracks[k.gvk] = &track{kind: k, sink: sink, config: c.config, mu: &r.mu}
	}
	cached, err := cache.New(c.config, r.options())
	if err != nil {
		return fmt.Errorf("read objects from %s: %w", c, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel()
	followed, err := r.followAll(ctx, cached, &done, 0)
	if err != nil {
		return err
	}
	added := make(chan error, 1)
	done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-c.kinds.more:
			}
			if followed, err = r.followAll(ctx, cached, &done, followed); err != nil {
				added <- err
				cancel()
			}
		}
	})
	if err := cached.Start(ctx); err != nil {
		return fmt.Errorf("read objects from %s: %w", c, err)
	}
	select {
	case err := <-added:
		return err
	default:
		return nil
	}
}

// reading is one Run.
type reading struct {
	c      *Cluster
	mu     sync.Mutex // held while the sink is called
	tracks map[schema.GroupVersionKind]*track
}

func (r *reading) options() cache.Options {
	never := time.Duration(0)
	o := cache.Options{
		HTTPClient: r.c.http, Scheme: r.c.scheme, Mapper: r.c.mapper,
		SyncPeriod:  &never,
		NewInformer: r.newInformer,
		DefaultTransform: func(o any) (any, error) {
			if object, ok := o.(client.Object); ok {
				return r.strip(object), nil
			}
			return o, nil
		},
		// The informer's own report comes late (it retries in silence) and names
		// no verb; see newInformer.
		DefaultWatchErrorHandler: func(context.Context, *toolscache.Reflector, error) {},
		ByObject:                 map[client.Object]cache.ByObject{},
	}
	for _, k := range table() {
		// This selector makes the cache ask below /namespaces/NAME, so that a
		// Role is enough. The cache's own way starts goroutines that never end
		// where a kind is denied.
		if namespace := r.c.options.namespaceOf(k); namespace != "" {
			o.ByObject[k.object] = cache.ByObject{Field: fields.OneTermEqualSelector("metadata.namespace", namespace)}
		}
	}
	return o
}

// strip returns what is kept of an object. What is packed already it leaves.
func (r *reading) strip(object client.Object) client.Object {
	gvk, err := apiutil.GVKForObject(object, r.c.scheme)
	t, ok := r.tracks[gvk]
	if err != nil || !ok {
		return object
	}
	r.c.options.Keep.strip(object, t.kind)
	if t.kind.pack == nil || r.c.options.Keep.whole(t.kind) {
		return object
	}
	return t.kind.pack(object)
}

// followAll begins to follow the chosen kinds behind those that are followed,
// and returns how many there are.
func (r *reading) followAll(ctx context.Context, cached cache.Cache, done *sync.WaitGroup, followed int) (int, error) {
	kinds := r.c.kinds.all()
	for _, k := range kinds[followed:] {
		registration, err := r.follow(ctx, cached, k)
		if err != nil {
			return 0, fmt.Errorf("read %s from %s: %w", k.resource, r.c, err)
		}
		done.Go(func() {
			select {
			case <-registration.HasSyncedChecker().Done():
				r.tracks[k.gvk].listed()
			case <-ctx.Done():
			}
		})
	}
	return len(kinds), nil
}

func (r *reading) follow(ctx context.Context, cached cache.Cache, k kind) (toolscache.ResourceEventHandlerRegistration, error) {
	informer, err := cached.GetInformer(ctx, k.object, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	return informer.AddEventHandler(r.tracks[k.gvk])
}

// newInformer makes an informer whose every list and watch is noted.
func (r *reading) newInformer(lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	gvk, err := apiutil.GVKForObject(o, r.c.scheme)
	t, ok := r.tracks[gvk]
	if err != nil || !ok {
		return toolscache.NewSharedIndexInformer(lw, o, resync, indexers)
	}
	server := append(versions{toolscache.ToListerWatcherWithContext(lw)}, r.c.older[gvk]...)
	return toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			limited, cancel := r.c.limit(ctx)
			defer cancel()
			list, err := server.ListWithContext(limited, opts)
			t.list(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			w, err := server.WatchWithContext(ctx, opts)
			t.watch(ctx, opts, err)
			return w, err
		},
	}, o, resync, indexers)
}
