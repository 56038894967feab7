// Package site brings the addresses under which the world sees the site of the cluster, as objects beside those of
// another feed, so that whatever asks for one is derived again when the address changes.
//
// It hides when the address is asked for (never, unless an object wants it), when an answer is believed, and that no
// API server knows these objects. What holds: an address that was told stays until another takes its place, whatever
// goes wrong meanwhile; while none was told the kind is frozen, and says why. It may import source, objects and
// publicip.
//
//	feed = site.With(feed, finder, site.Options{Interval: time.Minute}, log)
//	err := feed.Run(ctx, sink)   // sink.Apply: PublicIPv4 site, as soon as something asks for it
package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/publicip"
	"github.com/signpost-dns/signpost/internal/source"
)

// Options are the flags that say how the address is learned.
type Options struct {
	From         string        `name:"public-ip-from" group:"site" default:"https" placeholder:"WAY" help:"How the address is learned that targets such as signpost.dev/target: public-ip stand for: https (echo services), ec2, interface, interface=NAME or auto, as publish-ip knows them."`
	EchoServices []string      `name:"public-ip-echo-service" group:"site" placeholder:"URL" help:"A service that answers with the address from which it was asked. Repeatable; at least two must agree. Not given: four that are known for it."`
	Interval     time.Duration `name:"public-ip-interval" group:"site" default:"1m" placeholder:"DURATION" help:"How often it is asked for, while an object wants it."`

	// Once has the first answer believed, for a caller that makes one pass; else an address must be seen twice.
	Once bool `kong:"-"`
}

// Finder returns what learns the address. An error names a flag.
func (o Options) Finder() (publicip.Finder, error) {
	if o.Interval < time.Second {
		return nil, &tooOften{o.Interval}
	}
	finder, err := publicip.New(publicip.Options{From: o.From, EchoServices: o.EchoServices}, publicip.Host{})
	if err != nil {
		return nil, &renamed{err}
	}
	return finder, nil
}

// tooOften is an interval that no finder keeps up with.
type tooOften struct{ interval time.Duration }

func (e *tooOften) Error() string {
	return fmt.Sprintf("--public-ip-interval: %s is less than a second", e.interval)
}
func (e *tooOften) Hint() string { return "write a time such as 1m" }

// renamed is an error that names the flags as they are called here.
type renamed struct{ error }

func (r *renamed) Error() string { return rename(r.error.Error()) }
func (r *renamed) Hint() string  { return hintOf(r.error) }
func (r *renamed) Unwrap() error { return r.error }

func rename(text string) string {
	return strings.NewReplacer("--from", "--public-ip-from", "--echo-service", "--public-ip-echo-service").Replace(text)
}

// With returns a feed that brings what the given one brings, and the site's addresses once they are added.
func With(feed objects.Feed, finder publicip.Finder, o Options, log *slog.Logger) objects.Feed {
	return &withSite{Feed: feed, finder: finder, options: o, log: log, added: map[schema.GroupVersionKind]bool{}}
}

type withSite struct {
	objects.Feed
	finder  publicip.Finder
	options Options
	log     *slog.Logger

	mu    sync.Mutex
	added map[schema.GroupVersionKind]bool
	begin func(schema.GroupVersionKind) // nil: it does not run
}

func families() map[schema.GroupVersionKind]publicip.Family {
	return map[schema.GroupVersionKind]publicip.Family{source.PublicIPv4(): publicip.IPv4, source.PublicIPv6(): publicip.IPv6}
}

// Add is part of [objects.Feed].
func (f *withSite) Add(kind schema.GroupVersionKind) error {
	if _, ours := families()[kind]; !ours {
		return f.Feed.Add(kind)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.added[kind] && f.begin != nil {
		f.begin(kind)
	}
	f.added[kind] = true
	return nil
}

// Run is part of [objects.Feed].
func (f *withSite) Run(ctx context.Context, sink objects.Sink) error {
	ctx, stop := context.WithCancel(ctx)
	one := &oneAtATime{sink: sink}
	var watching sync.WaitGroup
	begin := func(kind schema.GroupVersionKind) {
		watching.Go(func() { f.watch(ctx, kind, one) })
	}
	f.mu.Lock()
	f.begin = begin
	for _, kind := range slices.Collect(maps.Keys(f.added)) {
		begin(kind)
	}
	f.mu.Unlock()
	err := f.Feed.Run(ctx, one)
	stop()
	f.mu.Lock()
	f.begin = nil
	f.mu.Unlock()
	watching.Wait()
	return err
}

// watch brings the address of one family until ctx ends.
func (f *withSite) watch(ctx context.Context, kind schema.GroupVersionKind, sink objects.Sink) {
	family := families()[kind]
	known, failed := false, ""
	tell := func(s publicip.Seen) {
		if s.Err == nil {
			address := source.NewPublicAddress(kind, s.Addr)
			sink.Apply([]objects.Event{{Kind: kind, Key: types.NamespacedName{Name: address.Name}, Object: address}})
			if !known {
				sink.Status(kind, objects.Status{Synced: true})
			}
			known, failed = true, ""
			f.log.Info("the site's public address", "family", family, "address", s.Addr)
			return
		}
		if failed == s.Err.Error() {
			return
		}
		failed = s.Err.Error()
		if !known {
			sink.Status(kind, objects.Status{Reason: failed, Hint: hintOf(s.Err)})
			return
		}
		f.log.Warn("the site's public address cannot be learned; what is published stays", "family", family, "error", s.Err, "hint", hintOf(s.Err))
	}
	if !f.options.Once {
		publicip.Watch(ctx, f.finder, []publicip.Family{family}, f.options.Interval, tell)
		return
	}
	if addr, err := f.finder.Find(ctx, family); ctx.Err() == nil {
		tell(publicip.Seen{Family: family, Addr: addr, Err: err})
	}
}

// hintOf returns what a person can do about an error.
func hintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return rename(hinted.Hint())
	}
	return ""
}

// oneAtATime is a sink that several deliver to.
type oneAtATime struct {
	mu   sync.Mutex
	sink objects.Sink
}

// Apply is part of [objects.Sink].
func (o *oneAtATime) Apply(events []objects.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sink.Apply(events)
}

// Status is part of [objects.Sink].
func (o *oneAtATime) Status(kind schema.GroupVersionKind, status objects.Status) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sink.Status(kind, status)
}
