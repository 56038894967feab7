package events

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	eventsv1client "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// The reasons of good news. They are ExternalDNS's values of --events-emit.
const (
	RecordReady   = "RecordReady"   // a record set was created or updated
	RecordDeleted = "RecordDeleted" // a record set was deleted
)

// Options are the flags of this package.
type Options struct {
	Emit []string `name:"events-emit" group:"watching" enum:"RecordReady,RecordDeleted,RecordError" placeholder:"REASON" help:"Kubernetes Events to write on objects for each record set that was created or updated (RecordReady) or deleted (RecordDeleted), at most 10 a second. Repeatable. What is refused or fails (RecordError) is always told."`
}

// Ref names an object. The zero Ref is this process itself: its Lease or Pod.
type Ref struct {
	Kind            schema.GroupVersionKind
	Namespace, Name string
}

// Note is something worth knowing about an object.
type Note struct {
	About  Ref
	Good   bool   // no warning
	Reason string // a word: RecordReady, NotOwned
	Action string // a word for what was done or tried: Created, Refused
	Text   string
}

const (
	room       = 1000 // notes of either sort that may wait
	goodRate   = 10   // good notes a second
	clientRate = 20   // requests a second, two for a note at most
	controller = "signpost"
)

// Recorder writes notes as Events. Its methods may be called concurrently.
type Recorder struct {
	emit     []string
	events   eventsv1client.EventsV1Interface
	objects  metadata.Interface
	self     Ref
	log      *slog.Logger
	count    func(result string)
	instance string
	good     chan Note
	bad      chan Note

	// The rest belongs to the goroutine of Run.
	forbidden bool      // told
	turn      time.Time // of the next good note
	recent    []written
	serial    int64 // of the last Event: the nanosecond of its time, or the next
}

// Open returns a recorder that has not begun. Self is what stands for this
// process, if anything does; count, if not nil, is called with "written",
// "dropped" or "failed" for each note. It connects to nothing yet.
func Open(o Options, shared *rest.Config, self Ref, count func(result string), log *slog.Logger) (*Recorder, error) {
	config := rest.CopyConfig(shared)
	config.QPS, config.Burst, config.RateLimiter = clientRate, clientRate, nil
	config.Timeout = 10 * time.Second
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	// One limiter for both, so that they share the rate.
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(clientRate, clientRate)
	written, err := eventsv1client.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	objects, err := metadata.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	instance, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find a name for this process: %w", err)
	}
	if count == nil {
		count = func(string) {}
	}
	return &Recorder{
		emit: o.Emit, events: written, objects: objects, self: self, log: log, count: count, instance: controller + "-" + instance,
		good: make(chan Note, room), bad: make(chan Note, room),
	}, nil
}

// Pod returns what stands for a process in a Pod that was told its name; false
// elsewhere.
func Pod() (Ref, bool) {
	name, namespace := os.Getenv("POD_NAME"), os.Getenv("POD_NAMESPACE")
	return Ref{corev1.SchemeGroupVersion.WithKind("Pod"), namespace, name}, name != "" && namespace != ""
}

// Tell queues a note, if it is asked for.
func (r *Recorder) Tell(n Note) {
	if n.About == (Ref{}) {
		n.About = r.self
	}
	if n.About == (Ref{}) {
		return // nothing stands for this process
	}
	queue := r.bad
	if n.Good {
		if !slices.Contains(r.emit, n.Reason) {
			return
		}
		queue = r.good
	}
	select {
	case queue <- n:
	default:
		r.count("dropped")
	}
}

// Run writes what is told until ctx ends; what waits then is not written.
func (r *Recorder) Run(ctx context.Context) {
	for {
		select {
		case n := <-r.bad:
			r.write(ctx, n)
			continue
		default:
		}
		good, turn := r.good, (<-chan time.Time)(nil)
		if wait := time.Until(r.turn); wait > 0 {
			good, turn = nil, time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case n := <-r.bad:
			r.write(ctx, n)
		case n := <-good:
			r.turn = time.Now().Add(time.Second / goodRate)
			r.write(ctx, n)
		case <-turn:
		}
	}
}
