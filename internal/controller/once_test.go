package controller_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// once runs Once beside a feed that delivers these objects and both statuses.
func once(ctx context.Context, w *world, ingresses objects.Status, list ...client.Object) (controller.Report, error) {
	go func() {
		if len(list) > 0 {
			w.apply(list...)
		}
		w.status(serviceKind, synced)
		w.status(ingressKind, ingresses)
	}()
	return w.c.Once(ctx)
}

func TestOnce(t *testing.T) {
	web := service("web", "www.example.com", "192.0.2.1")
	bubble("twice", t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log := newWorld(t, cloud, nil)
		report, err := once(t.Context(), w, synced, web)
		if err != nil || report.Changes() != 2 {
			t.Errorf("want two changes, got %d, %v", report.Changes(), err)
		}
		holds(t, cloud, example, "www A 192.0.2.1")
		if strings.Contains(log.took(), "up to date") {
			t.Error("said to be up to date")
		}
		w, log = newWorld(t, cloud, nil)
		cloud.took()
		report, err = once(t.Context(), w, synced, web)
		if err != nil || report.Changes() != 0 || cloud.took() != "Zones Page" {
			t.Errorf("want no change and no write, got %d, %v", report.Changes(), err)
		}
		if lines := log.took(); !strings.Contains(lines, `msg="All records are already up to date"`) {
			t.Errorf("the log lacks the line:\n%s", lines)
		}
	})
	bubble("frozen kind", t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		report, err := once(t.Context(), w, frozen, web)
		if kind := (*controller.FrozenError)(nil); !errors.As(err, &kind) || kind.Source != "ingress" || kind.Hint() != "add the rule" {
			t.Errorf("want a FrozenError, got %v", err)
		}
		if report.Changes() != 2 {
			t.Errorf("the rest is not done: %d changes", report.Changes())
		}
		holds(t, cloud, example, "www A 192.0.2.1")
	})
	bubble("dry run", t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.DryRun = true })
		report, err := once(t.Context(), w, synced, web)
		if err != nil || report.Changes() != 2 || cloud.took() != "Zones Page" {
			t.Errorf("want a plan and no write, got %d, %v", report.Changes(), err)
		}
		if lines := log.took(); !strings.Contains(lines, "Desired change: CREATE www.example.com A") {
			t.Errorf("the log lacks the change:\n%s", lines)
		}
	})
	bubble("denied", t, func(t *testing.T) {
		cloud := newCloud(example)
		cloud.faults(func(memory.Call) error { return denied }, nil)
		w, _ := newWorld(t, cloud, nil)
		if _, err := once(t.Context(), w, synced, web); !errors.Is(err, provider.ErrDenied) || provider.Hint(err) != "allow it" {
			t.Errorf("want ErrDenied with the hint, got %v", err)
		}
	})
	bubble("rejected", t, func(t *testing.T) {
		cloud := newCloud(example)
		cloud.faults(func(c memory.Call) error { return reject(c, "www") }, nil)
		w, _ := newWorld(t, cloud, nil)
		_, err := once(t.Context(), w, synced, web, ingress("api", "api.example.com", "192.0.2.2"))
		if !errors.Is(err, provider.ErrRejected) || !strings.Contains(err.Error(), "change www.example.com A") && !strings.Contains(err.Error(), "change a-www.example.com TXT") {
			t.Errorf("want the rejection, got %v", err)
		}
		holds(t, cloud, example, "api A 192.0.2.2")
	})
	bubble("no zone", t, func(t *testing.T) {
		w, _ := newWorld(t, newCloud(), nil)
		if _, err := once(t.Context(), w, synced, web); err == nil || !strings.Contains(provider.Hint(err), "--domain-filter") {
			t.Errorf("want an error with a hint, got %v", err)
		}
	})
	bubble("feed", t, func(t *testing.T) {
		w, _ := newWorld(t, newCloud(example), nil)
		w.check = errors.New("connection refused")
		if _, err := w.c.Once(t.Context()); !errors.Is(err, w.check) {
			t.Errorf("want the feed's error, got %v", err)
		}
	})
	bubble("cancelled", t, func(t *testing.T) {
		w, _ := newWorld(t, newCloud(example), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := w.c.Once(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("want the end of the context, got %v", err)
		}
	})
}

// reject names the group of a batch that changes a host.
func reject(c memory.Call, host string) error {
	for i, g := range c.Batch {
		for _, change := range g {
			if change.Key() == key(example, host) {
				return &provider.Error{Kind: provider.ErrRejected, Op: "Apply", Cause: errors.New("bad value"),
					Groups: []provider.GroupError{{Group: i, Kind: provider.ErrRejected, Message: "bad value"}}}
			}
		}
	}
	return nil
}
