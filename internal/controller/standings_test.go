package controller_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/source"
)

// board remembers what was put on it, each time that it differs.
type board struct {
	mu   sync.Mutex
	last map[string]string
	puts int
}

// Put implements [controller.Statuses].
func (b *board) Put(o *dnsendpoint.DNSEndpoint, s dnsendpoint.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts++
	text := fmt.Sprintf("%d of %d", s.ObservedGeneration, o.Generation)
	for _, c := range s.Conditions {
		text += fmt.Sprintf("\n%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	b.last[o.Name] = text
}

// Forget implements [controller.Statuses].
func (b *board) Forget(key types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.last, key.Name)
}

func (b *board) says(t *testing.T, name string, lines ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if want := strings.Join(lines, "\n"); b.last[name] != want {
		t.Errorf("%s says\n%s\nwant\n%s", name, b.last[name], want)
	}
}

// TestStandings: the status of a DNSEndpoint tells what became of it.
func TestStandings(t *testing.T) {
	const accepted = "Accepted=True Accepted: all that is asked for can be read"
	synctest.Test(t, func(t *testing.T) {
		cloud, b := newCloud(example), &board{last: map[string]string{}}
		put(cloud, example, "taken", "192.0.2.9")
		w, _ := newWorld(t, cloud, func(c *controller.Config) {
			endpointsOnly(c)
			c.Statuses = b
		})
		w.run()
		w.apply(dnsEndpoint("good", 1, endpoint("www.example.com", "A", "192.0.2.1"), endpoint("example.com", "MX", "10 www.example.com")),
			dnsEndpoint("empty", 1), dnsEndpoint("bad", 1, endpoint("bad.example.com", "A", "x"), endpoint("api.example.com", "A", "192.0.2.1")),
			dnsEndpoint("away", 1, endpoint("www.example.org", "A", "192.0.2.1")),
			dnsEndpoint("srv", 1, endpoint("_s._tcp.example.com", "SRV", "0 0 80 www.example.com")),
			dnsEndpoint("taken", 1, endpoint("taken.example.com", "A", "192.0.2.1")),
			dnsEndpoint("younger", 1, endpoint("www.example.com", "A", "192.0.2.2")))
		w.status(dnsendpoint.GVK(), synced)
		wait(5 * time.Second)
		b.says(t, "good", "1 of 1", accepted, "Programmed=True Programmed: 2 record sets stand in DNS")
		b.says(t, "empty", "1 of 1", accepted, "Programmed=True Programmed: no record set stands in DNS")
		b.says(t, "bad", "1 of 1", `Accepted=False BadTarget: spec.endpoints[0].targets: "x" is left out: it is no address; with the property alias: "true" a host name makes an alias`,
			"Programmed=False BadTarget: 1 record set stands in DNS, and not all that is asked for is accepted")
		b.says(t, "away", "1 of 1", accepted, "Programmed=False NoZone: www.example.org A: no hosted zone that Signpost may use holds www.example.org; it uses example.com")
		b.says(t, "srv", "1 of 1", accepted, "Programmed=False NotManaged: _s._tcp.example.com SRV: SRV is not among --managed-record-types")
		b.says(t, "younger", "1 of 1", accepted, "Programmed=True Programmed: 1 record set stands in DNS") // they unite
		b.mu.Lock()
		refused := b.last["taken"]
		b.mu.Unlock()
		if !strings.Contains(refused, "Programmed=False NotOwned: taken.example.com A: the record set exists and nobody claims it") {
			t.Errorf("taken says\n%s", refused)
		}

		// What another object does counts, and what somebody does in the zone.
		b.puts = 0
		w.apply(dnsEndpoint("rival", 1, &dnsendpoint.Endpoint{DNSName: "www.example.com", RecordType: "A", Targets: []string{"192.0.2.7"}, RecordTTL: 60}))
		wait(5 * time.Second)
		b.says(t, "rival", "1 of 1", accepted,
			"Programmed=False Conflict: www.example.com A: crd/default/good holds www.example.com with something else; ask for another name, or make both agree")
		w.remove(dnsEndpoint("good", 1), dnsEndpoint("younger", 1))
		wait(time.Minute)
		b.says(t, "rival", "1 of 1", accepted, "Programmed=True Programmed: 1 record set stands in DNS")
		b.says(t, "good")
		if b.puts > 10 {
			t.Errorf("%d statuses for two changes", b.puts)
		}
		b.puts = 0
		wait(24 * time.Hour)
		if b.puts > 0 {
			t.Errorf("%d statuses in a day without a change", b.puts)
		}

		// A change that does not come through is told, and that it did.
		cloud.faults(on("Apply", denied), nil)
		w.apply(dnsEndpoint("new", 4, endpoint("new.example.com", "A", "192.0.2.1")))
		wait(time.Minute)
		b.mu.Lock()
		failing := b.last["new"]
		b.mu.Unlock()
		if !strings.HasPrefix(failing, "4 of 4\n"+accepted+"\nProgrammed=False Pending: ") {
			t.Errorf("new says\n%s", failing)
		}
		cloud.faults(nil, nil)
		wait(time.Hour)
		b.says(t, "new", "4 of 4", accepted, "Programmed=True Programmed: 1 record set stands in DNS")
	})
}

// An object that is not read is not judged, and neither is one by a replica that
// stands by.
func TestStandingsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{last: map[string]string{}}
		l := newSeat(false)
		w, _ := newWorld(t, newCloud(example), func(c *controller.Config) {
			endpointsOnly(c)
			d, err := source.New(source.Options{LabelFilter: "team=web"})
			if err != nil {
				t.Fatal(err)
			}
			c.Deriver, c.Statuses, c.Lease = d, b, l
		})
		w.run()
		ours := dnsEndpoint("ours", 1, endpoint("www.example.com", "A", "192.0.2.1"))
		ours.Labels = map[string]string{"team": "web"}
		w.apply(ours, dnsEndpoint("theirs", 1, endpoint("api.example.com", "A", "192.0.2.1")))
		w.status(dnsendpoint.GVK(), synced)
		wait(time.Hour)
		if b.puts > 0 {
			t.Errorf("a replica that stands by writes %d statuses", b.puts)
		}
		l.set(true, false)
		wait(time.Minute)
		b.says(t, "ours", "1 of 1", "Accepted=True Accepted: all that is asked for can be read", "Programmed=True Programmed: 1 record set stands in DNS")
		b.says(t, "theirs")
	})
}
