package objects

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Directory reads objects from the *.yaml, *.yml and *.json files under a
// directory, and follows their changes: a manifest that is saved is delivered
// within a tenth of a second. Names that begin with a dot are passed over.
//
// Every document of a file is read, and every item of a List; kinds that were
// not asked for are passed over. An object without a namespace is in "default".
// The status in a manifest counts: it is how an object here gets the address of
// a load balancer. Of two manifests of one object, the one whose path sorts
// first counts, and a warning says so.
//
// A manifest that cannot be read, wholly or in part, freezes the kinds that it
// may concern: until it is mended none of their objects goes, for what the
// mistake hides is unknown. New and changed objects of other documents are
// delivered all the while. The directory as a whole, should it vanish, freezes
// every kind.
type Directory struct {
	dir     string // as given, for people
	abs     string
	kinds   *chosen
	options Options
	log     *slog.Logger

	settle, longest time.Duration // a change is read when nothing changed for settle, at the latest after longest
	poll            time.Duration // and all is read again after this, for what cannot be watched
}

func openDirectory(o Options, kinds []kind, log *slog.Logger) (*Directory, error) {
	abs, err := filepath.Abs(o.Objects)
	if err != nil {
		return nil, fmt.Errorf("find the directory --objects %s: %w", o.Objects, err)
	}
	d := &Directory{
		dir: o.Objects, abs: abs, kinds: newChosen(kinds), options: o, log: log,
		settle: 30 * time.Millisecond, longest: 300 * time.Millisecond, poll: 10 * time.Second,
	}
	if err := d.Check(context.Background()); err != nil {
		return nil, err
	}
	return d, nil
}

// String returns the directory as it was given.
func (d *Directory) String() string { return "the manifests in " + d.dir }

// Add implements [Feed].
func (d *Directory) Add(gvk schema.GroupVersionKind) error { return d.kinds.add(gvk) }

// Check tells whether the directory can be read.
func (d *Directory) Check(context.Context) error {
	info, err := os.Stat(d.abs)
	if err == nil && !info.IsDir() {
		return hint("name the directory that holds the manifest", "--objects %s is not a directory", d.dir)
	}
	if err == nil {
		_, err = os.ReadDir(d.abs)
	}
	if err != nil {
		return hint("create the directory, or correct --objects", "read the manifests of --objects %s: %w", d.dir, err)
	}
	return nil
}

// Run implements [Feed].
func (d *Directory) Run(ctx context.Context, sink Sink) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return hint("raise fs.inotify.max_user_instances", "watch %s: %w", d.dir, err)
	}
	r := d.rounds(sink, watcher)
	again := time.NewTicker(d.poll)
	defer again.Stop()
	for ctx.Err() == nil {
		r.round()
		if len(r.missing) > 0 {
			r.settle(ctx)
			continue
		}
		r.wait(ctx, again.C)
	}
	if err := watcher.Close(); err != nil {
		return fmt.Errorf("end the watch of %s: %w", d.dir, err)
	}
	return nil
}

func (d *Directory) rounds(sink Sink, watcher *fsnotify.Watcher) *rounds {
	return &rounds{d: d, sink: sink, watcher: watcher}
}

// wait returns when it is time for the next round.
func (r *rounds) wait(ctx context.Context, again <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
			return
		case <-r.d.kinds.more:
			return
		case err := <-r.watcher.Errors:
			// Events were lost: what they told is read now.
			r.d.log.Debug("watch of manifests", "dir", r.d.dir, "error", err)
			return
		case event := <-r.watcher.Events:
			if r.concerns(event) {
				r.settle(ctx)
				return
			}
		}
	}
}

// concerns reports whether an event may change what there is to read. Of the
// directory around ours, which is watched because ours may be a symbolic link
// that is exchanged, nothing else does.
func (r *rounds) concerns(event fsnotify.Event) bool {
	return event.Name == r.d.abs || filepath.Dir(event.Name) != filepath.Dir(r.d.abs)
}

// settle waits until nothing happens any more: an editor that saves a file
// renames, truncates and writes in several steps.
func (r *rounds) settle(ctx context.Context) {
	idle := time.NewTimer(r.d.settle)
	defer idle.Stop()
	last := time.NewTimer(r.d.longest)
	defer last.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.watcher.Events:
			idle.Reset(r.d.settle)
		case <-idle.C:
			return
		case <-last.C:
			return
		}
	}
}
