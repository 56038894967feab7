package controller_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

var denied = &provider.Error{Kind: provider.ErrDenied, Op: "Zones", Cause: errors.New("AccessDenied: not you"), Hint: "allow it"}

// bubble runs a test in virtual time.
func bubble(name string, t *testing.T, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestLivePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		put(cloud, example, "foreign", "198.51.100.1")
		w, log := newWorld(t, cloud, nil)
		web := service("web", "www.example.com", "192.0.2.1")
		w.begin(web)
		holds(t, cloud, example, "foreign A 198.51.100.1", "www A 192.0.2.1")
		if took := cloud.took(); took != "Zones Page Apply" {
			t.Errorf("calls at the start: %s", took)
		}
		log.took()

		for _, step := range []struct {
			what string
			do   func()
			zone []string
			line string
		}{
			{"create", func() { w.apply(ingress("api", "api.example.com", "192.0.2.2")) },
				[]string{"www A 192.0.2.1", "api A 192.0.2.2"}, "Desired change: CREATE api.example.com A"},
			{"update", func() { w.apply(service("web", "www.example.com", "192.0.2.9", "2001:db8::9")) },
				[]string{"www A 192.0.2.9", "www AAAA 2001:db8::9", "api A 192.0.2.2"}, "Desired change: UPSERT www.example.com A"},
			{"rename", func() { w.apply(service("web", "web.example.com", "192.0.2.9")) },
				[]string{"web A 192.0.2.9", "api A 192.0.2.2"}, "Desired change: DELETE www.example.com A"},
			{"delete", func() { w.remove(web) },
				[]string{"api A 192.0.2.2"}, "2 record(s) were successfully updated"},
		} {
			wait(time.Second) // the account may be called at once again
			step.do()
			wait(19 * time.Millisecond)
			if took := cloud.took(); took != "" {
				t.Errorf("%s: calls within the window: %s", step.what, took)
			}
			wait(2 * time.Millisecond)
			if took := cloud.took(); took != "Apply" {
				t.Errorf("%s: calls: %s, want one Apply", step.what, took)
			}
			holds(t, cloud, example, append(step.zone, "foreign A 198.51.100.1")...)
			if text := log.took(); !strings.Contains(text, step.line+`" zoneID=/hostedzone/Z1 zoneName=example.com.`) {
				t.Errorf("%s: the log lacks %q:\n%s", step.what, step.line, text)
			}
		}
		if err := w.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestBurstIsOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		w.begin()
		cloud.took()
		for i := range 9 {
			w.apply(service(fmt.Sprint("s", i), fmt.Sprintf("s%d.example.com", i), "192.0.2.1"))
			wait(15 * time.Millisecond)
		}
		settle()
		if took := cloud.took(); took != "Apply" || len(listing(cloud, example)) != 9 {
			t.Errorf("calls: %s, want one Apply; the zone holds %q", took, listing(cloud, example))
		}
		// An endless stream is cut into pieces.
		for i := range 20 {
			w.apply(service(fmt.Sprint("s", i), fmt.Sprintf("s%d.example.com", i), "192.0.2.2"))
			wait(15 * time.Millisecond)
		}
		settle()
		if took := cloud.took(); took != "Apply Apply" {
			t.Errorf("calls: %s, want two of Apply", took)
		}
	})
}

// Before every kind is settled nothing is asked of the service, and the objects
// that came first are not forgotten.
func TestNothingBeforeAllIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "192.0.2.1"), ingress("api", "api.example.com", "192.0.2.2"))
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		cloud.took()

		again, _ := newWorld(t, cloud, nil)
		again.run()
		wait(time.Hour)
		if ok, text := again.ready(); ok || !strings.Contains(text, "source service: not read yet") || !strings.Contains(text, "zones: not read yet") {
			t.Errorf("ready: %v\n%s", ok, text)
		}
		again.apply(service("web", "www.example.com", "192.0.2.1"))
		again.status(serviceKind, synced)
		wait(time.Hour)
		if took := cloud.took(); took != "" {
			t.Errorf("calls: %s, want none before ingresses are read", took)
		}
		holds(t, cloud, example, "www A 192.0.2.1", "api A 192.0.2.2")
		again.status(ingressKind, synced)
		settle()
		holds(t, cloud, example, "www A 192.0.2.1")
		if ok, text := again.ready(); !ok {
			t.Errorf("not ready:\n%s", text)
		}
	})
}

// A zone that cannot be read whole loses nothing, though objects go.
func TestNoDeletionBeforeTheZoneIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		cloud.PageSize = 3
		w, _ := newWorld(t, cloud, nil)
		web, api := service("web", "www.example.com", "192.0.2.1"), service("api", "api.example.com", "192.0.2.2")
		w.begin(web, api)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		again, _ := newWorld(t, cloud, nil)
		cloud.faults(func(c memory.Call) error {
			if c.Op == "Page" && c.From != "" {
				return denied
			}
			return nil
		}, nil)
		again.begin(web)
		again.remove(web)
		wait(time.Hour)
		if took := cloud.took(); strings.Contains(strings.SplitN(took, "Page Page", 2)[1], "Apply") {
			t.Errorf("a write before the zone was read: %s", took)
		}
		holds(t, cloud, example, "www A 192.0.2.1", "api A 192.0.2.2")
		cloud.faults(nil, nil)
		wait(time.Minute)
		holds(t, cloud, example)
	})
}

func TestFrozenKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		web, api, old := service("web", "www.example.com", "192.0.2.1"), ingress("api", "api.example.com", "192.0.2.2"),
			ingress("old", "old.example.com", "192.0.2.3")
		w.begin(web, api, old)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}

		again, log := newWorld(t, cloud, nil)
		again.run()
		again.status(ingressKind, frozen)
		again.status(serviceKind, synced)
		settle()
		holds(t, cloud, example, "api A 192.0.2.2", "old A 192.0.2.3") // the Service is known to be gone
		ok, text := again.ready()
		if !ok || !strings.Contains(text, "source ingress: frozen: may not list ingresses") {
			t.Errorf("ready: %v\n%s", ok, text)
		}
		lines := log.took()
		if strings.Count(lines, "source ingress is frozen") != 1 || !strings.Contains(lines, "hint=\"add the rule\"") {
			t.Errorf("want one line with the hint:\n%s", lines)
		}
		again.apply(service("new", "new.example.com", "192.0.2.4"))
		again.apply(api)
		wait(time.Hour)
		holds(t, cloud, example, "api A 192.0.2.2", "old A 192.0.2.3", "new A 192.0.2.4")

		cloud.took()
		again.status(ingressKind, synced)
		settle()
		holds(t, cloud, example, "api A 192.0.2.2", "new A 192.0.2.4")
		if took := cloud.took(); took != "Apply" {
			t.Errorf("calls after the thaw: %s", took)
		}
		if lines := log.took(); !strings.Contains(lines, "source ingress is read again") {
			t.Errorf("the log lacks the thaw:\n%s", lines)
		}
		if n := again.metric("external_dns_source_errors_total"); n != 1 {
			t.Errorf("source errors: %v", n)
		}
	})
}

// TestFrozenLookup: what goes while a kind cannot be read that others rely on goes when that is read again, and when nobody relies on
// it any more.
func TestFrozenLookup(t *testing.T) {
	namespaces := schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
	for what, end := range map[string]func(*world){
		"it is read again": func(w *world) { w.status(namespaces, synced) },
		"nobody relies on it": func(w *world) {
			w.remove(service("other", ""))
			w.remove(service("another", ""))
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := newCloud(example)
				w, _ := newWorld(t, cloud, nil)
				w.begin(service("old", "old.example.com", "192.0.2.1"), service("other", "other.example.com", "192.0.2.2"),
					service("another", "other.example.com", "192.0.2.2"))
				w.status(namespaces, objects.Status{Reason: "no answer"})
				w.remove(service("old", ""))
				wait(time.Hour)
				holds(t, cloud, example, "old A 192.0.2.1", "other A 192.0.2.2")
				end(w)
				wait(time.Minute)
				if slices.Contains(listing(cloud, example), "old A 192.0.2.1") {
					t.Errorf("the zone holds %q", listing(cloud, example))
				}
			})
		})
	}
}

// What an object held when it became unknown stays as it was, also where it
// shares a set with others.
func TestUnknownObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log := newWorld(t, cloud, nil)
		w.begin(service("one", "www.example.com", "192.0.2.1"), service("two", "www.example.com", "192.0.2.2"),
			service("alone", "alone.example.com", "192.0.2.3"))
		united := []string{"www A 192.0.2.1,192.0.2.2", "alone A 192.0.2.3"}
		holds(t, cloud, example, united...)
		log.took()

		w.apply(unclear("two", "www.example.com"), unclear("alone", "alone.example.com"))
		wait(time.Hour)
		holds(t, cloud, example, united...)
		lines := log.took()
		for _, object := range []string{"service/default/two", "service/default/alone"} {
			if n := strings.Count(lines, "level=WARN msg=\"Services of type Teleport are not known here"); n != 2 || !strings.Contains(lines, object) {
				t.Errorf("want a warning once for each object, got %d:\n%s", n, lines)
			}
		}
		w.remove(service("one", ""))
		w.apply(unclear("two", "www.example.com")) // it is no less unknown
		wait(time.Hour)
		holds(t, cloud, example, united...)

		w.apply(service("two", "www.example.com", "192.0.2.22"))
		w.remove(service("alone", ""))
		settle()
		holds(t, cloud, example, "www A 192.0.2.22")
	})
}

// That one object is understood costs no look at the names of others.
func TestOneUnderstoodAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		w.begin(append(many(1, 60), unclear("web", "www.example.com"))...)
		wait(time.Minute)
		planned := w.metric("signpost_planned_names_total")
		w.apply(service("web", "www.example.com", "192.0.2.1"))
		settle()
		if n := w.metric("signpost_planned_names_total") - planned; n != 1 || !slices.Contains(listing(cloud, example), "www A 192.0.2.1") {
			t.Errorf("%v names planned, want 1: %v", n, listing(cloud, example))
		}
	})
}

// After a restart the claim tells what an unknown object held.
func TestUnknownObjectAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "192.0.2.1"))
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		again, _ := newWorld(t, cloud, nil)
		again.begin(unclear("web", "www.example.com"), service("other", "www.example.com", "192.0.2.7"))
		wait(time.Hour)
		holds(t, cloud, example, "www A 192.0.2.1")
		again.apply(service("web", "web.example.com", "192.0.2.1"))
		wait(time.Minute) // only a pass finds out what its claims held
		holds(t, cloud, example, "web A 192.0.2.1", "www A 192.0.2.7")
	})
}

func TestPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Rules.Policy = plan.UpsertOnly })
		web := service("web", "www.example.com", "192.0.2.1")
		w.begin(web)
		w.apply(service("web", "www.example.com", "192.0.2.2"))
		settle()
		w.remove(web)
		wait(time.Hour)
		holds(t, cloud, example, "www A 192.0.2.2")
		if lines := log.took(); strings.Contains(lines, "level=WARN") {
			t.Errorf("a policy that does its duty is no warning:\n%s", lines)
		}
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		again, _ := newWorld(t, cloud, nil)
		again.begin()
		holds(t, cloud, example)
		if left := claims(cloud, example, "me"); len(left) > 0 {
			t.Errorf("claims are left: %q", left)
		}
	})
}

func TestTwoOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		a, _ := newWorld(t, cloud, nil)
		b, log := newWorld(t, cloud, func(c *controller.Config) { c.Rules.Owner = "you" })
		a.begin(service("web", "www.example.com", "192.0.2.1"), service("both", "both.example.com", "192.0.2.3"))
		b.begin(service("api", "api.example.com", "192.0.2.2"), service("both", "both.example.com", "192.0.2.4"))
		all := []string{"www A 192.0.2.1", "api A 192.0.2.2", "both A 192.0.2.3"}
		wait(time.Hour)
		holds(t, cloud, example, all...)
		if n := strings.Count(log.took(), `belongs to owner \"me\"`); n != 1 {
			t.Errorf("told %d times that the name is another owner's, want once", n)
		}
		a.remove(service("web", ""))
		b.remove(service("both", ""))
		wait(time.Hour)
		holds(t, cloud, example, "api A 192.0.2.2", "both A 192.0.2.3")
		a.remove(service("both", ""))
		b.apply(service("both", "both.example.com", "192.0.2.4"))
		wait(time.Hour)
		holds(t, cloud, example, "api A 192.0.2.2", "both A 192.0.2.4")
		if lines := log.took(); !strings.Contains(lines, "no longer refused") {
			t.Errorf("the log lacks the end of the refusal:\n%s", lines)
		}
	})
}

func TestFeedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newWorld(t, newCloud(example), nil)
		done := make(chan error)
		go func() { done <- w.c.Run(t.Context()) }()
		broken := errors.New("no such directory")
		w.ends <- broken
		if err := <-done; !errors.Is(err, broken) || !strings.Contains(err.Error(), "read objects from the test") {
			t.Errorf("want the feed's error, got %v", err)
		}
	})
}

// Aliases, and a name in a public and a private zone.
func TestPublicAndPrivateZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside := dns.Zone{ID: "Z2", Name: "example.com.", Private: true}
		cloud := newCloud(example, inside)
		w, _ := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "web-1.elb.amazonaws.com"))
		wait(time.Second) // the account may be called at once again
		w.apply(service("api", "api.example.com", "192.0.2.1"))
		settle()
		for _, z := range []dns.Zone{example, inside} {
			holds(t, cloud, z, "www A -> web-1.elb.amazonaws.com", "www AAAA -> web-1.elb.amazonaws.com", "api A 192.0.2.1")
		}
		w.remove(service("api", ""))
		settle()
		holds(t, cloud, example, "www A -> web-1.elb.amazonaws.com", "www AAAA -> web-1.elb.amazonaws.com")
		holds(t, cloud, inside, "www A -> web-1.elb.amazonaws.com", "www AAAA -> web-1.elb.amazonaws.com")
	})
}

// A claim that names no object waits until every source is read.
func TestUnlabelledClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		put(cloud, example, "old", "192.0.2.9")
		cloud.Put(example, dns.RecordSet{Key: dns.Key{Name: "a-old.example.com.", Type: dns.TXT}, TTL: 300,
			Data: []string{`"heritage=external-dns,external-dns/owner=me"`}})
		w, _ := newWorld(t, cloud, nil)
		w.run()
		w.apply(unclear("web", "www.example.com"))
		w.status(serviceKind, synced)
		w.status(ingressKind, frozen)
		wait(time.Hour)
		holds(t, cloud, example, "old A 192.0.2.9")
		w.status(ingressKind, synced)
		wait(time.Hour)
		holds(t, cloud, example, "old A 192.0.2.9") // it may be the unclear Service's
		w.remove(unclear("web", ""))
		wait(time.Minute)
		holds(t, cloud, example)
	})
}
