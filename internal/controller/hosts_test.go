package controller_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/source"
)

// resolver is a Resolver that a test tells what to answer.
type resolver struct {
	mu     sync.Mutex
	hosts  map[string]string // addresses, separated by blanks; "?" is a silent server
	counts map[string]int
}

func newResolver(host, addresses string) *resolver {
	return &resolver{hosts: map[string]string{host: addresses}, counts: map[string]int{}}
}

func (r *resolver) LookupNetIP(ctx context.Context, _, host string) (out []netip.Addr, err error) {
	r.mu.Lock()
	text, known := r.hosts[host]
	r.counts[host]++
	r.mu.Unlock()
	if text == "?" {
		<-ctx.Done()
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	if !known {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	for a := range strings.FieldsSeq(text) {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func (r *resolver) set(host, addresses string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.hosts, host)
	if addresses != "" {
		r.hosts[host] = addresses
	}
}

func (r *resolver) asked(host string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, r.counts[host] = r.counts[host], 0
	return n
}

// resolves has a controller take the addresses of load balancers.
func resolves(t *testing.T, with controller.Resolver) func(*controller.Config) {
	return func(c *controller.Config) {
		d, err := source.New(source.Options{ResolveBalancers: true})
		if err != nil {
			t.Fatal(err)
		}
		c.Deriver, c.Resolver = d, with
	}
}

const balancer = "lb.example.net."

// TestResolvedBalancer follows a load balancer whose addresses change, and which
// cannot be looked up at times.
func TestResolvedBalancer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, dns := newCloud(example), newResolver(balancer, "198.51.100.2 198.51.100.1")
		w, log := newWorld(t, cloud, resolves(t, dns))
		w.begin(service("web", "www.example.com", "lb.example.net"), service("other", "other.example.com", "gone.example.net"))
		holds(t, cloud, example, "www A 198.51.100.1,198.51.100.2")
		if lines := log.took(); !strings.Contains(lines, "look up gone.example.net: there is no such host") {
			t.Errorf("nobody is told:\n%s", lines)
		}

		dns.set(balancer, "198.51.100.1 198.51.100.2") // in another order
		before := w.metric("signpost_derivations_total")
		wait(2 * time.Minute)
		if n := w.metric("signpost_derivations_total"); n != before {
			t.Errorf("derived %v times for the same addresses", n-before)
		}
		dns.set(balancer, "198.51.100.3")
		wait(time.Minute + time.Second)
		holds(t, cloud, example, "www A 198.51.100.3")

		for _, trouble := range []string{"", "?"} {
			dns.set(balancer, trouble)
			wait(time.Hour)
			holds(t, cloud, example, "www A 198.51.100.3")
		}
		dns.set(balancer, "198.51.100.4")
		dns.set("gone.example.net.", "198.51.100.5")
		wait(time.Minute + time.Second)
		holds(t, cloud, example, "www A 198.51.100.4", "other A 198.51.100.5")

		w.apply(service("web", "www.example.com", "192.0.2.1"))
		settle()
		dns.asked(balancer)
		wait(time.Hour)
		if n := dns.asked(balancer); n != 0 {
			t.Errorf("looked up %d times, though nobody asks", n)
		}
	})
}

// TestOnceResolves: one pass waits for what is looked up.
func TestOnceResolves(t *testing.T) {
	for answer, want := range map[string][]string{"198.51.100.1": {"www A 198.51.100.1"}, "": nil, "?": nil} {
		bubble(answer, t, func(t *testing.T) {
			cloud := newCloud(example)
			w, _ := newWorld(t, cloud, resolves(t, newResolver(balancer, answer)))
			if _, err := once(t.Context(), w, synced, service("web", "www.example.com", "lb.example.net")); err != nil {
				t.Fatal(err)
			}
			holds(t, cloud, example, want...)
		})
	}
}
