// Package objects brings Kubernetes objects to whoever derives names from them,
// and keeps bringing them: from an API server ([Cluster]) or from a directory of
// manifests ([Directory]). It hides how a connection is configured, what is
// cached and stripped, how a watch breaks and comes back, and how files change
// under one's feet.
//
// What holds for every [Feed]:
//
//   - absence and ignorance are different answers: an object is reported gone
//     only if it is known to be; where that cannot be known, what was last seen
//     stays, and [Status] says why;
//   - one kind that cannot be read does not hold up the others, and comes back
//     by itself;
//   - objects are shared and read-only: nobody may change one.
//
// The package may import Kubernetes' libraries, controller-runtime, fsnotify and
// the logger, and of the other rooms dnsendpoint only.
//
//	feed, err := objects.Open(objects.Options{Objects: "examples/demo"}, kinds, log)
//	err = feed.Run(ctx, sink)   // sink.Apply: Service default/nginx; sink.Status: Service synced
package objects

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Feed gives the objects of the kinds it was opened for, and of those that were
// added.
type Feed interface {
	// Add has the feed read another kind, from now or the next Run on. For a kind
	// that it reads already nothing changes; one that is not in the package's
	// table is an error. It may be called at any time.
	Add(kind schema.GroupVersionKind) error

	// Check tells whether objects can be read at all now, for a caller that
	// cannot wait. It says nothing of permissions: those show in [Status].
	Check(ctx context.Context) error

	// Run delivers objects to sink until ctx ends, and then returns nil. Once it
	// has begun, what goes wrong is reported as [Status] and tried again; it
	// returns an error only if it cannot begin. One Run at a time.
	Run(ctx context.Context, sink Sink) error

	// String says where the objects come from, for people.
	String() string
}

// Sink takes what a [Feed] delivers. Its methods are never called concurrently,
// nor after Run has returned. They must not block for long.
type Sink interface {
	// Apply takes events in their order; it may keep the slice.
	Apply([]Event)

	// Status takes the status of a kind whenever it changes. The first that is
	// synced comes after every object that exists.
	Status(kind schema.GroupVersionKind, status Status)
}

// Event is an object as it stands now, or its going.
type Event struct {
	Kind   schema.GroupVersionKind
	Key    types.NamespacedName
	Object client.Object // of the kind's Go type or [Packed]; nil: it is gone
}

// Status says what may be concluded from the objects of one kind. The zero
// Status is that of a kind not read yet; a kind never returns to it.
type Status struct {
	// Synced: every object that exists has been delivered, and what is not
	// there does not exist.
	Synced bool
	// Reason is why the kind is frozen: its objects are as last seen, and there
	// may be others. It may deliver further events meanwhile. "" if synced.
	Reason string
	// Hint is what a person can do about it, "" if nothing is known.
	Hint string
	// Denied: it is frozen because permission to read it is missing.
	Denied bool
	// Hidden: it is frozen because a mistake in some manifest, which may as well
	// be of another kind, may hide objects.
	Hidden bool
}

// Frozen reports whether the kind cannot be told completely at present. A kind
// that is neither synced nor frozen has not been tried to the end yet.
func (s Status) Frozen() bool { return !s.Synced && s.Reason != "" }

// Options are the flags that say where objects come from.
type Options struct {
	Objects    string `name:"objects" group:"objects" placeholder:"DIR" help:"Read objects from the YAML and JSON manifests under this directory instead of from an API server, and follow its changes."`
	Kubeconfig string `name:"kubeconfig" group:"objects" placeholder:"FILE" help:"Connect to the cluster of this kubeconfig file. Without it: $$KUBECONFIG, else ~/.kube/config if it exists, else the cluster that Signpost runs in."`
	Server     string `name:"server" group:"objects" placeholder:"URL" help:"Address of the API server, in place of the kubeconfig's. Ignored in a cluster."`
	Namespace  string `name:"namespace" group:"objects" placeholder:"NAME" help:"Read objects of this namespace only. Cluster-scoped objects are read all the same."`

	QPS            *int           `name:"kube-api-qps" group:"objects" placeholder:"N" help:"Most requests a second to the API server. Not given: no limit, for each kind is listed and watched once."`
	Burst          *int           `name:"kube-api-burst" group:"objects" placeholder:"N" help:"Most requests to the API server at once, after a rest. Not given: no limit; with --kube-api-qps 10."`
	RequestTimeout *time.Duration `name:"kube-api-request-timeout" group:"objects" placeholder:"DURATION" help:"How long the API server may take to list a kind, or to answer --once; watches last. Not given, or 0: as long as it takes."`
	OldTimeout     *time.Duration `name:"request-timeout" group:"objects" hidden:"" deprecated:"write --kube-api-request-timeout"`

	// Elsewhere is the kinds that are read in another namespace than Namespace
	// says; "" is all.
	Elsewhere map[schema.GroupVersionKind]string `kong:"-"`

	// Keep says what is kept of objects.
	Keep Keep `kong:"-"`
}

// Open returns the feed that the options choose, for these kinds. It connects to
// nothing yet, but a configuration that cannot work is an error, and so is a
// kind that is not in the package's table.
func Open(o Options, kinds []schema.GroupVersionKind, log *slog.Logger) (Feed, error) {
	chosen, err := choose(kinds)
	if err != nil {
		return nil, err
	}
	if o.Objects != "" {
		if o.Kubeconfig != "" || o.Server != "" {
			return nil, hint("choose one of them", "--objects and --kubeconfig or --server name two places to read objects from")
		}
		return openDirectory(o, chosen, log)
	}
	config, err := o.config(log)
	if err != nil {
		return nil, err
	}
	return newCluster(config, o, chosen)
}

// namespaceOf returns the only namespace in which a kind is read, "" if there is
// no such limit.
func (o Options) namespaceOf(k kind) string {
	if k.cluster {
		return ""
	}
	if namespace, ok := o.Elsewhere[k.gvk]; ok {
		return namespace
	}
	return o.Namespace
}

// hinted is an error with what a person can do about it.
type hinted struct {
	error
	hint string
}

func (e *hinted) Hint() string  { return e.hint }
func (e *hinted) Unwrap() error { return e.error }

func hint(hint, format string, args ...any) error {
	return &hinted{error: fmt.Errorf(format, args...), hint: hint}
}
