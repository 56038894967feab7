package emulator_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signpost-dns/signpost/internal/emulator"
)

func TestFaults(t *testing.T) {
	const change = "ChangeResourceRecordSets"
	for _, tc := range []struct {
		name    string
		fault   emulator.Fault
		code    string // of the error; "" where the connection is cut
		applied bool
	}{
		{"throttling", emulator.Fault{Action: change, Code: "Throttling"}, "Throttling", false},
		{"prior request", emulator.Fault{Zone: "/hostedzone/ZEXAMPLE", Code: "PriorRequestNotComplete"}, "PriorRequestNotComplete", false},
		{"503", emulator.Fault{Code: "ServiceUnavailable"}, "ServiceUnavailable", false},
		{"500 after", emulator.Fault{Code: "InternalFailure", After: true}, "InternalFailure", true},
		{"denied", emulator.Fault{Code: "AccessDenied", Message: "no"}, "AccessDenied", false},
		{"messages", emulator.Fault{Messages: []string{"one, two", "three"}}, "InvalidChangeBatch", false},
		{"cut before", emulator.Fault{Cut: true}, "", false},
		{"cut after", emulator.Fault{Cut: true, After: true}, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv, zone := newZone(t, emulator.Config{})
			c := client(srv, accessKey)
			srv.Inject(tc.fault)
			_, err := c.ChangeResourceRecordSets(t.Context(), sdkBatch(zone, sdkChange("CREATE", "www.example.com", "A", 60, "192.0.2.1")))
			if err == nil || code(err) != tc.code {
				t.Errorf("got %v, want %q", err, tc.code)
			}
			if applied := len(srv.RecordSets(zone)) == 3; applied != tc.applied {
				t.Errorf("applied: %t, want %t", applied, tc.applied)
			}
			want := []emulator.Call{{Action: change, Zone: zone, AccessKeyID: accessKey, Applied: tc.applied, Cut: tc.fault.Cut, Code: tc.code,
				Changes: []emulator.ChangeSummary{{Action: "CREATE", Name: "www.example.com", Type: "A"}}}}
			if d := cmp.Diff(want, srv.Calls(), cmpopts.IgnoreFields(emulator.Call{}, "Time", "Status", "Message")); d != "" {
				t.Errorf("calls (-want +got):\n%s", d)
			}
			if left := srv.Faults(); len(left) != 0 {
				t.Errorf("%v is left", left)
			}
			if _, err := c.ChangeResourceRecordSets(t.Context(), sdkBatch(zone, sdkChange("UPSERT", "www.example.com", "A", 60, "192.0.2.2"))); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

// TestFaultScope: a fault waits for the calls it is for, and as many of them as it says.
func TestFaultScope(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	c := client(srv, accessKey)
	list := func() string {
		_, err := c.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
		return code(err)
	}
	srv.Inject(emulator.Fault{Action: "ListResourceRecordSets", Zone: "ZOTHER", Code: "Throttling"},
		emulator.Fault{Action: "ListResourceRecordSets", Times: 2, Code: "Throttling"})
	if _, err := c.ListHostedZones(t.Context(), &route53.ListHostedZonesInput{}); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{"Throttling", "Throttling", ""}, []string{list(), list(), list()}); d != "" {
		t.Error(d)
	}
	srv.Inject(emulator.Fault{Times: -1, Code: "ServiceUnavailable"})
	if d := cmp.Diff([]string{"ServiceUnavailable", "ServiceUnavailable"}, []string{list(), list()}); d != "" {
		t.Error(d)
	}
	srv.ClearFaults()
	srv.ResetCalls()
	if got := list(); got != "" || len(srv.Calls()) != 1 || len(srv.Faults()) != 0 {
		t.Errorf("after clearing: %q, %v", got, srv.Calls())
	}
}

// TestRate: five calls a second, and not one more.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _ := newZone(t, emulator.Config{Rate: 5})
		c := client(srv, accessKey)
		served := func(n int) (ok int) {
			for range n {
				_, err := c.ListHostedZones(t.Context(), &route53.ListHostedZonesInput{})
				switch code(err) {
				case "Throttling":
				case "":
					ok++
				default:
					t.Fatal(err)
				}
			}
			return ok
		}
		first := served(8)
		time.Sleep(400 * time.Millisecond)
		second := served(8)
		time.Sleep(time.Hour)
		if third := served(8); first != 5 || second != 2 || third != 5 {
			t.Errorf("served %d, %d, %d; want 5, 2, 5", first, second, third)
		}
	})
}

// TestOverlap: a zone does one change at a time; other zones and reads go on.
func TestOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, zone := newZone(t, emulator.Config{Latency: 100 * time.Millisecond})
		other, err := srv.AddZone("example.net")
		if err != nil {
			t.Fatal(err)
		}
		c := client(srv, accessKey)
		change := func(zone, name string) error {
			_, err := c.ChangeResourceRecordSets(t.Context(), sdkBatch(zone, sdkChange("CREATE", name, "A", 60, "192.0.2.1")))
			return err
		}
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := change(zone, "a.example.com"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if err := change(zone, "b.example.com"); code(err) != "PriorRequestNotComplete" {
			t.Errorf("got %v, want PriorRequestNotComplete", err)
		}
		if err := change(other, "a.example.net"); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("two calls side by side took %s", took)
		}
		if err := change(zone, "b.example.com"); err != nil {
			t.Error(err)
		}
	})
}

// TestTimeout: a client that gives up before the server begins changed nothing; one that gives up after, everything.
func TestTimeout(t *testing.T) {
	for _, after := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			srv, zone := newZone(t, emulator.Config{})
			srv.Inject(emulator.Fault{Latency: time.Minute, After: after})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := client(srv, accessKey).ChangeResourceRecordSets(ctx, sdkBatch(zone, sdkChange("CREATE", "www.example.com", "A", 60, "192.0.2.1")))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if applied := len(srv.RecordSets(zone)) == 3; applied != after {
				t.Errorf("applied: %t, want %t", applied, after)
			}
			// The zone is free again.
			if _, err := client(srv, accessKey).ChangeResourceRecordSets(t.Context(), sdkBatch(zone, sdkChange("UPSERT", "www.example.com", "A", 60, "192.0.2.1"))); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAtomicMessages keeps the SDK's typed error for the default shape.
func TestAtomicMessages(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	_, err := client(srv, accessKey).ChangeResourceRecordSets(t.Context(), sdkBatch(zone,
		sdkChange("CREATE", "www.example.com", "A", 60, "192.0.2.1"), sdkChange("CREATE", "www.example.com", "CNAME", 60, "x.example.net")))
	var e *types.InvalidChangeBatch
	if !errors.As(err, &e) || len(srv.RecordSets(zone)) != 2 {
		t.Errorf("got %v, and %d sets", err, len(srv.RecordSets(zone)))
	}
}
