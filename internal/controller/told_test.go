package controller_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// A name without a zone is told of once, and again when a zone comes.
func TestUnplacedName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		org := dns.Zone{ID: "Z9", Name: "example.org."}
		cloud := newCloud(example, org)
		shown := &zoneList{cloud: cloud}
		shown.show(example)
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Provider = shown })
		w.begin()
		w.apply(service("org", "www.example.org", "192.0.2.2"))
		w.apply(service("gone", "gone.example.org", "192.0.2.3"))
		settle()
		if n := w.metric("signpost_refusals{NoZone}"); n != 2 {
			t.Errorf("refused: %v", n)
		}
		w.remove(service("gone", ""))
		settle()
		if n := w.metric("signpost_refusals{NoZone}"); n != 1 {
			t.Errorf("refused after one object went: %v", n)
		}
		log.took()
		shown.show(example, org)
		wait(5 * time.Minute)
		holds(t, cloud, org, "www A 192.0.2.2")
		if lines := log.took(); strings.Count(lines, `msg="no longer refused" record="www.example.org A" reason=NoZone`) != 1 {
			t.Errorf("the log lacks the end of it:\n%s", lines)
		}
	})
}

// Before the zones are known nobody is told that his name has none.
func TestNoZoneYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		cloud.faults(on("Zones", denied), nil)
		w, log := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "192.0.2.1"))
		w.apply(service("api", "api.example.com", "192.0.2.2"))
		wait(time.Hour)
		if lines := log.took(); strings.Contains(lines, "no hosted zone that") {
			t.Errorf("told of names without a zone:\n%s", lines)
		}
	})
}

// What people change by hand: ours is put right, theirs is left alone.
func TestDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, log := newWorld(t, cloud, nil)
		w.begin(service("one", "1.example.com", "192.0.2.1"), service("two", "two.example.com", "192.0.2.2"),
			service("three", "three.example.com", "192.0.2.3"), service("four", "four.example.com", "192.0.2.4"))
		put(cloud, example, "1", "203.0.113.1")
		put(cloud, example, "foreign", "203.0.113.2")
		cloud.Remove(example, key(example, "two"))
		cloud.Remove(example, dns.Key{Name: "a-three.example.com.", Type: dns.TXT})
		w.remove(service("four", ""))
		put(cloud, example, "four", "203.0.113.4")
		settle()
		wait(time.Minute)
		holds(t, cloud, example, "1 A 192.0.2.1", "two A 192.0.2.2", "three A 192.0.2.3", "foreign A 203.0.113.2")
		lines := log.took()
		if n := strings.Count(lines, `record="three.example.com A" reason=NotOwned object=service/default/three`); n != 1 {
			t.Errorf("told %d times that nobody claims three, want once:\n%s", n, lines)
		}
		w.apply(service("foreign", "foreign.example.com", "192.0.2.9"))
		wait(time.Hour)
		if n := strings.Count(log.took(), `record="foreign.example.com A" reason=NotOwned`); n != 1 {
			t.Errorf("told %d times that the name is taken, want once", n)
		}
	})
}

// Problems are told once, and again only when they change.
func TestProblemsAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log := newWorld(t, newCloud(example), nil)
		bad := service("web", "www.example.com,-bad-..example.com", "192.0.2.1")
		w.begin(bad)
		again := bad.DeepCopy()
		again.Labels = map[string]string{"touched": "yes"}
		w.apply(again)
		wait(time.Hour)
		lines := log.took()
		if n := strings.Count(lines, "reason=BadHostname object=") + strings.Count(lines, "object=service/default/web reason=BadHostname"); n != 1 {
			t.Errorf("told %d times, want once:\n%s", n, lines)
		}
		w.remove(bad)
		settle()
		w.apply(bad)
		settle()
		if lines := log.took(); !strings.Contains(lines, "reason=BadHostname") {
			t.Errorf("a new object's problem is not told:\n%s", lines)
		}
	})
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		put(cloud, example, "taken", "198.51.100.1")
		w, _ := newWorld(t, cloud, nil)
		w.begin(service("web", "www.example.com", "web-1.elb.amazonaws.com"), service("api", "api.example.com", "192.0.2.1"),
			service("also", "api.example.com", "192.0.2.1"), service("cname", "c.example.com", "other.example.net"),
			service("org", "www.example.org", "192.0.2.1"), ingress("none", "none.example.com"))
		for name, want := range map[string]float64{
			"external_dns_controller_verified_records{a}":     2,
			"external_dns_controller_verified_records{aaaa}":  1,
			"external_dns_controller_verified_records{cname}": 1,
			"external_dns_source_records{a}":                  3,
			"external_dns_source_records{aaaa}":               1,
			"external_dns_source_records{cname}":              1,
			"external_dns_source_endpoints_total":             5,
			"external_dns_registry_endpoints_total":           11,
			"external_dns_registry_records{txt}":              4,
			"external_dns_registry_records{a}":                3,
			"external_dns_controller_no_op_runs_total":        0,
			"external_dns_registry_errors_total":              0,
			"signpost_changes_total{CREATE}":                  8,
			"signpost_refusals{NoZone}":                       1,
			"signpost_refusals{NoTarget}":                     1,
			"signpost_leading":                                1,
			"signpost_batch_changes":                          1,
			"signpost_event_to_accepted_seconds":              0, // nothing has happened yet since the start
			"signpost_audit_age_seconds{example.com}{Z1}":     0.03,
			"signpost_source_frozen{ingress}":                 0,
			"signpost_frozen_names":                           0,
			"signpost_quarantined_names":                      0,
			"signpost_held_deletions{example.com}{Z1}":        0,
			"signpost_request_wait_seconds{write}":            1,
			"signpost_account_requests_total{write}":          1,
			"signpost_account_throttled_total":                0,
		} {
			if got := w.metric(name); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		begun, ended := w.metric("external_dns_controller_last_reconcile_timestamp_seconds"), w.metric("external_dns_controller_last_sync_timestamp_seconds")
		if begun == 0 || ended < begun {
			t.Errorf("the last pass went from %v to %v", begun, ended)
		}
		wait(time.Minute)
		if n := w.metric("external_dns_controller_no_op_runs_total"); n != 1 {
			t.Errorf("no-op runs: %v", n)
		}
		w.remove(service("web", ""))
		wait(time.Minute)
		if n := w.metric("external_dns_controller_verified_records{aaaa}"); n != 0 {
			t.Errorf("verified AAAA of a name that is gone: %v", n)
		}
		if n := w.metric("signpost_changes_total{DELETE}"); n != 4 {
			t.Errorf("deletions: %v", n)
		}

		cloud.faults(throttledOnce(), nil)
		w.status(ingressKind, frozen)
		w.apply(service("api", "api.example.com", "192.0.2.2"), unclear("cname", "c.example.com"))
		wait(time.Minute)
		cloud.faults(on("Apply", &provider.Error{Kind: provider.ErrRejected, Op: "Apply", Cause: errors.New("bad value")}), nil)
		w.apply(service("also", "also.example.com", "192.0.2.1"), service("api", "api.example.com", "192.0.2.1"))
		wait(time.Minute)
		w.wantMetrics("in trouble", map[string]float64{
			"signpost_account_throttled_total":         1,
			"signpost_event_to_accepted_seconds":       2, // www has gone, and api has changed
			"signpost_source_frozen{ingress}":          1,
			"signpost_source_frozen{service}":          0,
			"signpost_frozen_names":                    1,
			"signpost_quarantined_names":               2,
			"signpost_changes_total{UPDATE}":           1,
			"signpost_batch_changes":                   3,
			"signpost_refusals{Rejected}":              2,
			"signpost_refusals{NoTarget}":              1, // its source cannot be read, so that this is still so
			"external_dns_source_errors_total":         1,
			"signpost_held_deletions{example.com}{Z1}": 0,
		})
	})
}

// throttledOnce is a service that asks the first write to come later.
func throttledOnce() func(memory.Call) error {
	left := 1
	return func(c memory.Call) error {
		if c.Op != "Apply" || left == 0 {
			return nil
		}
		left--
		return &provider.Error{Kind: provider.ErrThrottled, Op: c.Op, Cause: errors.New("Throttling: Rate exceeded")}
	}
}

// An object whose sets do not fit into one batch hears of it.
func TestOversizeIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, to := newCloud(example), &told{}
		w, log := newWorld(t, cloud, func(c *controller.Config) { c.Events = to })
		var addresses []string
		for i := range 1001 {
			addresses = append(addresses, fmt.Sprintf("192.0.%d.%d", i/250, i%250))
		}
		w.begin(service("big", "big.example.com", addresses...), service("web", "www.example.com", "192.0.2.1"))
		wait(time.Hour)
		holds(t, cloud, example, "www A 192.0.2.1")
		if n := strings.Count(log.took(), `record="big.example.com A" reason=Oversize object=service/default/big`); n != 1 {
			t.Errorf("told %d times, want once", n)
		}
		to.expect(t, "of what does not fit", "! Service big Oversize Publish: big.example.com A: ",
			"+ Service web RecordReady Created: (external-dns) record:www.example.com,owner:me,type:A")
	})
}

// What was accepted is told when it was, not when the last batch of many was.
func TestToldWithEachBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, to := newCloud(example), &told{}
		w, _ := newWorld(t, cloud, func(c *controller.Config) {
			c.Events = to
			c.Rules.Traits.Batch.Changes = 2 // a set and its claim
			c.Pacing.Pause = 10 * time.Second
		})
		w.begin()
		wait(time.Minute)
		w.apply(service("a", "a.example.com", "192.0.2.1"), service("b", "b.example.com", "192.0.2.2"), service("c", "c.example.com", "192.0.2.3"))
		wait(15 * time.Second)
		w.wantMetrics("after two batches of three", map[string]float64{
			"signpost_changes_total{CREATE}":     4,
			"signpost_event_to_accepted_seconds": 2,
			"signpost_batch_changes":             2,
		})
		to.expect(t, "after two batches of three", "+ Service a RecordReady Created: ", "+ Service b RecordReady Created: ")
		zones := w.c.Explain("a.example.com.").Zones
		if len(zones) != 1 || zones[0].Last == nil || zones[0].Last.Batch != 2 || time.Since(zones[0].Last.At) < 14*time.Second {
			t.Errorf("explained as %+v", zones)
		}
		if err := w.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// A zone that the service calls busy shows, for as long as its requests wait.
func TestBusyZoneIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, nil)
		w.begin()
		cloud.faults(on("Apply", &provider.Error{Kind: provider.ErrBusy, Op: "Apply", Cause: errors.New("PriorRequestNotComplete")}), nil)
		w.apply(service("web", "www.example.com", "192.0.2.1"))
		wait(5 * time.Second)
		w.wantMetrics("busy", map[string]float64{"signpost_account_busy_zones": 1})
		cloud.faults(nil, nil)
		wait(time.Minute)
		w.wantMetrics("not busy any more", map[string]float64{"signpost_account_busy_zones": 0, "signpost_event_to_accepted_seconds": 1})
		if err := w.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
