package controller_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
)

// A public and a private zone of one name are audited each by itself, and what
// somebody has deleted in one of them can still be deleted in the other.
func TestDriftInOneOfTwoZones(t *testing.T) {
	inside := dns.Zone{ID: "Z2", Name: "example.com.", Private: true}
	for _, drifted := range []dns.Zone{example, inside} {
		bubble(drifted.ID, t, func(t *testing.T) {
			cloud := newCloud(example, inside)
			w, _ := newWorld(t, cloud, nil)
			w.begin(service("web", "www.example.com", "192.0.2.1"), service("api", "api.example.com", "192.0.2.2"))
			put(cloud, drifted, "www", "192.0.2.99")
			wait(2 * time.Minute)
			for _, z := range []dns.Zone{example, inside} {
				holds(t, cloud, z, "www A 192.0.2.1", "api A 192.0.2.2")
			}
			cloud.Remove(drifted, key(drifted, "www"))
			w.remove(service("web", ""))
			wait(2 * time.Minute)
			for _, z := range []dns.Zone{example, inside} {
				holds(t, cloud, z, "api A 192.0.2.2")
				if left := claims(cloud, z, "me"); len(left) != 1 {
					t.Errorf("%s: claims %q are left", z, left)
				}
			}
		})
	}
}

// That zones cannot be listed opens no zone that the filter shuts.
func TestFilterHoldsWhileZonesCannotBeListed(t *testing.T) {
	for _, known := range []bool{false, true} {
		bubble(fmt.Sprintf("known before: %v", known), t, func(t *testing.T) {
			shut := dns.Zone{ID: "Z2", Name: "example.org."}
			cloud := newCloud(example, shut)
			w, _ := newWorld(t, cloud, func(c *controller.Config) {
				var err error
				if c.Rules.Filter, err = dns.NewFilter([]string{"example.com"}, nil); err != nil {
					t.Fatal(err)
				}
			})
			if !known {
				cloud.faults(on("Zones", denied), nil)
			}
			w.begin(service("web", "www.example.com", "192.0.2.1"), service("org", "www.example.org", "192.0.2.2"))
			cloud.faults(on("Zones", denied), nil)
			w.apply(service("web", "www.example.com", "192.0.2.3"), service("org", "www.example.org", "192.0.2.4"))
			wait(time.Hour)
			holds(t, cloud, shut)
			if known {
				holds(t, cloud, example, "www A 192.0.2.3")
			} else {
				holds(t, cloud, example)
			}
		})
	}
}
