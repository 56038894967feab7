package site_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/publicip"
	"github.com/signpost-dns/signpost/internal/site"
	"github.com/signpost-dns/signpost/internal/source"
)

// line is the address of an office's line as minutes go by; "" is a minute in which nobody answers.
type line struct {
	begin time.Time
	addrs []string
	asked int
}

func (l *line) String() string { return "line" }

func (l *line) Find(context.Context, publicip.Family) (netip.Addr, error) {
	l.asked++
	text := l.addrs[min(int(time.Since(l.begin)/time.Minute), len(l.addrs)-1)]
	if text == "" {
		return netip.Addr{}, errors.New("nobody answers")
	}
	return netip.MustParseAddr(text), nil
}

// cluster is a feed that brings nothing, and notes what was added.
type cluster struct{ added []schema.GroupVersionKind }

func (c *cluster) Add(kind schema.GroupVersionKind) error {
	c.added = append(c.added, kind)
	return nil
}
func (*cluster) Check(context.Context) error { return nil }
func (*cluster) String() string              { return "cluster" }
func (*cluster) Run(ctx context.Context, _ objects.Sink) error {
	<-ctx.Done()
	return nil
}

// record notes what is delivered, with the second in which it came.
type record struct {
	begin time.Time
	lines []string
}

func (r *record) note(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf("%ds ", int(time.Since(r.begin).Seconds()))+fmt.Sprintf(format, args...))
}

func (r *record) Apply(events []objects.Event) {
	for _, e := range events {
		r.note("%s %s %s", e.Kind.Kind, e.Key.Name, e.Object.(*source.PublicAddress).Addr)
	}
}

func (r *record) Status(kind schema.GroupVersionKind, s objects.Status) {
	r.note("%s synced %t %s", kind.Kind, s.Synced, s.Reason)
}

func TestAddressIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, got := &cluster{}, &record{begin: time.Now()}
		finder := &line{begin: time.Now(), addrs: []string{"", "54.1.1.1", "", "54.1.1.1", "54.1.1.2"}}
		feed := site.With(inner, finder, site.Options{Interval: 20 * time.Second}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- feed.Run(ctx, got) }()
		synctest.Wait()
		if finder.asked > 0 {
			t.Error("the address is asked for, and nothing wants it")
		}
		for range 2 {
			if err := errors.Join(feed.Add(source.PublicIPv4()), feed.Add(corev1.SchemeGroupVersion.WithKind("Node"))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(6 * time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := []string{"0s PublicIPv4 synced false nobody answers", "65s PublicIPv4 site 54.1.1.1", "65s PublicIPv4 synced true ", "250s PublicIPv4 site 54.1.1.2"}
		if d := cmp.Diff(want, got.lines); d != "" {
			t.Errorf("delivered (-want +got):\n%s", d)
		}
		if len(inner.added) != 2 || inner.added[0].Kind != "Node" {
			t.Errorf("the cluster is asked for %v", inner.added)
		}
	})
}

// One pass cannot wait until an address was seen twice; what is added before Run counts too.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := &record{begin: time.Now()}
		finder := &line{begin: time.Now(), addrs: []string{"2a05::1", "2a05::2"}}
		feed := site.With(&cluster{}, finder, site.Options{Interval: time.Second, Once: true}, slog.New(slog.DiscardHandler))
		if err := feed.Add(source.PublicIPv6()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		defer stop()
		if err := feed.Run(ctx, got); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff([]string{"0s PublicIPv6 site 2a05::1", "0s PublicIPv6 synced true "}, got.lines); d != "" {
			t.Errorf("delivered (-want +got):\n%s", d)
		}
	})
}

// Flags have other names here than those of publish-ip.
func TestMistakes(t *testing.T) {
	for _, tc := range []struct {
		options   site.Options
		err, hint string
	}{
		{site.Options{From: "moon", Interval: time.Minute}, `--public-ip-from: "moon" is no way to learn an address`, "the ways are auto, ec2, interface, interface=eth0 and https"},
		{site.Options{EchoServices: []string{"https://a.example"}, Interval: time.Minute},
			"--public-ip-echo-service: 1 service is not enough, since two must agree", "give --public-ip-echo-service twice at least, with services of different operators"},
		{site.Options{}, "--public-ip-interval: 0s is less than a second", "write a time such as 1m"},
	} {
		_, err := tc.options.Finder()
		var hinted interface{ Hint() string }
		hint := ""
		if errors.As(err, &hinted) {
			hint = hinted.Hint()
		}
		if err == nil || err.Error() != tc.err || hint != tc.hint {
			t.Errorf("got %v (%s), want %s (%s)", err, hint, tc.err, tc.hint)
		}
	}
}
