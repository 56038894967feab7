package publicip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// echoWait is how long an echo service may take.
	echoWait = 5 * time.Second
	// quorum is how many services must agree: one alone could be wrong, or be somebody else.
	quorum = 2
)

// echo asks services that answer with the address from which they were asked.
type echo struct {
	services []*url.URL
	host     Host
}

func newEcho(services []string, host Host) (*echo, error) {
	if len(services) == 0 {
		services = defaultEcho()
	}
	e := &echo{host: host}
	for _, text := range services {
		u, err := baseURL(strings.TrimSpace(text))
		if err != nil {
			return nil, errorf("write for example --echo-service=https://icanhazip.com", "--echo-service: %w", err)
		}
		if slices.ContainsFunc(e.services, func(other *url.URL) bool { return other.Host == u.Host }) {
			return nil, errorf("services that agree must be independent of each other", "--echo-service: %s is given twice", u.Host)
		}
		e.services = append(e.services, u)
	}
	if len(e.services) < quorum {
		return nil, errorf("give --echo-service twice at least, with services of different operators",
			"--echo-service: %d service is not enough, since two must agree", len(e.services))
	}
	return e, nil
}

func (e *echo) String() string { return "https" }

// reply is what one service said.
type reply struct {
	service string
	addr    netip.Addr
	err     error
}

func (r reply) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s: %v", r.service, r.err)
	}
	return fmt.Sprintf("%s: %s", r.service, r.addr)
}

// Find asks all at once and takes the first address on which two agree. The others need not be waited for.
func (e *echo) Find(ctx context.Context, f Family) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, echoWait)
	defer cancel()
	client := &http.Client{Transport: e.host.Transport(f)}
	replies := make(chan reply, len(e.services))
	for _, u := range e.services {
		go func() {
			addr, err := ask(ctx, client, u, f)
			replies <- reply{u.Host, addr, err}
		}()
	}
	votes := map[netip.Addr]int{}
	var all []reply
	for range e.services {
		r := <-replies
		all = append(all, r)
		if r.err != nil {
			continue
		}
		if votes[r.addr]++; votes[r.addr] == quorum {
			return r.addr, nil
		}
	}
	return netip.Addr{}, e.disagree(f, all)
}

func (e *echo) disagree(f Family, all []reply) error {
	slices.SortFunc(all, func(a, b reply) int { return strings.Compare(a.service, b.service) })
	texts := make([]string, len(all))
	for i, r := range all {
		texts[i] = r.String()
	}
	if cutOff(all) {
		return errorf("give the host a way to the internet over this family, or ask for the other family only",
			"%w: the host reaches nobody over %s: %s", ErrNoAddress, f, strings.Join(texts, "; "))
	}
	hint := "check that the host reaches them; others can be chosen with --echo-service"
	if f == IPv6 {
		hint += "; a line without IPv6 has no such address"
	}
	return errorf(hint, "no two echo services agree on the %s address: %s", f, strings.Join(texts, "; "))
}

// inWords is an error of a connection without what differs each time, such as the port that it came from: whoever asks
// again and again tells of the same trouble once.
type inWords struct{ error }

func (e *inWords) Unwrap() error { return e.error }

func (e *inWords) Error() string {
	var sent *url.Error
	var lookup *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(e.error, &lookup) && lookup.IsNotFound:
		return "no such host"
	case errors.As(e.error, &lookup):
		return "its name cannot be looked up"
	case errors.As(e.error, &op):
		return op.Err.Error()
	case errors.As(e.error, &sent):
		return sent.Err.Error()
	}
	return e.error.Error()
}

// cutOff reports whether the host itself has no way to any of the services, but for those that have no address of the
// family themselves: no route, or no address to come from.
func cutOff(all []reply) bool {
	routeless := 0
	for _, r := range all {
		var other *net.AddrError // it has addresses of the other family only,
		var none *net.DNSError   // as here where the resolver asked for this one
		switch {
		case errors.Is(r.err, syscall.ENETUNREACH), errors.Is(r.err, syscall.EADDRNOTAVAIL), errors.Is(r.err, syscall.EAFNOSUPPORT):
			routeless++
		case !errors.As(r.err, &other) && !(errors.As(r.err, &none) && none.IsNotFound):
			return false
		}
	}
	return routeless > 0
}

// ask returns the address that a service answers with, if it can be the host's.
func ask(ctx context.Context, client *http.Client, u *url.URL, f Family) (netip.Addr, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return netip.Addr{}, err
	}
	r.Header.Set("Accept", "text/plain")
	r.Header.Set("User-Agent", "signpost")
	status, text, err := fetch(client, r)
	switch {
	case err != nil && (timedOut(err) || ctx.Err() != nil):
		return netip.Addr{}, fmt.Errorf("no answer within %s", echoWait)
	case err != nil:
		return netip.Addr{}, &inWords{err}
	case status != http.StatusOK:
		return netip.Addr{}, fmt.Errorf("status %d", status)
	}
	addr, err := netip.ParseAddr(strings.TrimSpace(text))
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("answered %q, which is no address", clip(text))
	case !f.has(addr):
		return netip.Addr{}, fmt.Errorf("answered %s, which is not %s", addr, f)
	case !global(addr):
		return netip.Addr{}, fmt.Errorf("answered %s, which the internet cannot reach", addr)
	}
	return addr, nil
}
