package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Resolver looks up the addresses of host names. [net.DefaultResolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

const (
	resolveEvery   = time.Minute     // as often as ExternalDNS does
	resolveTimeout = 5 * time.Second // of one look-up
	resolveAtOnce  = 8               // look-ups under way
)

// hosts keeps what host names lead to, for as long as somebody asks for them. An
// answer stays until there is another one: a look-up that fails says nothing.
type hosts struct {
	resolver Resolver
	ring     func() // tells that there are answers to fetch

	wake  chan struct{} // holds a token after a name was added
	mu    sync.Mutex
	names map[dns.Name]*host
}

// host is what is known of a host name.
type host struct {
	addresses []netip.Addr // sorted
	known     bool         // it has been answered
	err       error        // of the last look-up, in vain
	tried     int          // look-ups in vain, one after the other
	busy      bool         // a look-up is under way
	fresh     bool         // there is something to fetch
	next      time.Time    // when it is looked up again
}

func newHosts(r Resolver, ring func()) *hosts {
	if r == nil {
		r = net.DefaultResolver
	}
	return &hosts{resolver: r, ring: ring, wake: make(chan struct{}, 1), names: map[dns.Name]*host{}}
}

// run looks names up until ctx ends, and waits for what is under way.
func (h *hosts) run(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, resolveAtOnce)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due, next := h.due(time.Now())
		for _, n := range due {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			under.Go(func() {
				h.look(ctx, n)
				<-slots
			})
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// due returns the names whose time has come, and in how long others' will have.
func (h *hosts) due(now time.Time) (due []dns.Name, next time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next = resolveEvery
	for n, it := range h.names {
		switch wait := it.next.Sub(now); {
		case it.busy:
		case wait <= 0:
			it.busy = true
			due = append(due, n)
		default:
			next = min(next, wait)
		}
	}
	slices.SortFunc(due, dns.Name.Compare)
	return due, next
}

// look looks one name up.
func (h *hosts) look(ctx context.Context, n dns.Name) {
	limited, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	found, err := h.resolver.LookupNetIP(limited, "ip", string(n))
	if ctx.Err() != nil {
		return
	}
	var addresses []netip.Addr
	for _, a := range found {
		addresses = append(addresses, a.Unmap().WithZone(""))
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	addresses = slices.Compact(addresses)
	if err == nil && len(addresses) == 0 {
		err = errors.New("it has no addresses")
	}
	h.note(n, addresses, unresolved(err))
}

// unresolved puts the error of a look-up into words that are the same each time
// the same thing happens.
func unresolved(err error) error {
	var failure *net.DNSError
	switch {
	case !errors.As(err, &failure):
		return err
	case failure.IsNotFound:
		return errors.New("there is no such host")
	case failure.IsTimeout:
		return errors.New("the DNS servers of this host do not answer")
	}
	return errors.New(failure.Err)
}

// note keeps what came of a look-up.
func (h *hosts) note(n dns.Name, addresses []netip.Addr, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	it := h.names[n]
	if it == nil {
		return
	}
	it.busy = false
	it.next = time.Now().Add(resolveEvery)
	if err != nil {
		it.next = time.Now().Add(backOff(it.tried, resolveEvery))
		it.fresh = it.fresh || !it.known && (it.err == nil || it.err.Error() != err.Error())
		it.tried++
		it.err = err
	} else {
		it.fresh = it.fresh || !it.known || !slices.Equal(it.addresses, addresses)
		it.addresses, it.known, it.tried, it.err = addresses, true, 0, nil
	}
	if it.fresh {
		h.ring()
	}
	h.hurry()
}

func (h *hosts) hurry() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// at returns what a name leads to. A name that is new is looked up from now on.
func (h *hosts) at(n dns.Name) ([]netip.Addr, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	it := h.names[n]
	switch {
	case it == nil:
		h.names[n] = &host{}
		h.hurry()
	case it.known:
		return it.addresses, nil
	case it.err != nil:
		return nil, fmt.Errorf("look up %s: %w", n.Host(), it.err)
	}
	return nil, fmt.Errorf("%s has not been looked up yet", n.Host())
}

// waits reports whether a name is being looked up for the first time.
func (h *hosts) waits(n dns.Name) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	it := h.names[n]
	return it != nil && !it.known && it.err == nil
}

// settled reports whether every name has been looked up once, and what came of it
// has been fetched.
func (h *hosts) settled() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, it := range h.names {
		if it.fresh || !it.known && it.err == nil {
			return false
		}
	}
	return true
}

// fetch returns the names of which there is something new since the last time.
func (h *hosts) fetch() []dns.Name {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []dns.Name
	for n, it := range h.names {
		if it.fresh {
			it.fresh = false
			out = append(out, n)
		}
	}
	return out
}

// drop forgets a name that nobody asks for any more.
func (h *hosts) drop(n dns.Name) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.names, n)
}
