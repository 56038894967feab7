package simulation

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// condition is how a line between a process and a server is.
type condition int

const (
	open  condition = iota
	cut             // connections are refused, and those that there were are broken
	stuck           // requests get through to nobody, and nothing comes back until a client gives the connection up
)

// line is the way of one process to one server. All requests of a process that dies end at once.
type line struct {
	mu        sync.Mutex
	condition condition
	dead      bool
	breaks    chan struct{} // closed when connections break
}

func newLine() *line { return &line{breaks: make(chan struct{})} }

var (
	errRefused = &netError{"connect", syscall.ECONNREFUSED}
	errReset   = &netError{"read", syscall.ECONNRESET}
)

// netError is an error as the network gives it.
type netError struct {
	op    string
	errno syscall.Errno
}

func (e *netError) Error() string { return e.op + ": " + e.errno.Error() }
func (e *netError) Unwrap() error { return e.errno }

func (l *line) set(c condition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.condition = c
	if c != stuck && !l.dead { // connections do not survive
		close(l.breaks)
		l.breaks = make(chan struct{})
	}
}

// die ends all that is under way, for good.
func (l *line) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead {
		l.dead = true
		close(l.breaks)
	}
}

// begin returns whether a request gets through, and what tells when the connection breaks.
func (l *line) begin() (condition, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return cut, l.breaks
	}
	return l.condition, l.breaks
}

// wait returns when d is over, or an error when the connection breaks or nobody waits for it any more.
func wait(ctx context.Context, breaks <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-breaks:
		return errReset
	}
}

// pings is how long a connection on which nothing comes back lasts: client-go and the AWS SDK send pings, or have time-outs.
const pings = 45 * time.Second

// hang waits for an answer that does not come.
func hang(ctx context.Context, breaks <-chan struct{}) error {
	if err := wait(ctx, breaks, pings); err != nil {
		return err
	}
	return errReset
}

// forever is longer than any wait.
const forever = 1000 * time.Hour

// apiLine is the way to the API server.
type apiLine struct {
	*line
	server http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (l apiLine) RoundTrip(r *http.Request) (*http.Response, error) {
	c, breaks := l.begin()
	switch c {
	case cut:
		return nil, errRefused
	case stuck:
		return nil, hang(r.Context(), breaks)
	}
	if err := wait(r.Context(), breaks, time.Millisecond); err != nil {
		return nil, err
	}
	if r.URL.Query().Get("watch") == "" {
		return l.server.RoundTrip(r)
	}
	ctx, cancel := context.WithCancel(r.Context())
	resp, err := l.server.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	over := make(chan struct{})
	go func() {
		defer cancel()
		select {
		case <-breaks:
		case <-over:
		case <-ctx.Done():
		}
	}()
	resp.Body = &watched{ReadCloser: resp.Body, over: over}
	return resp, nil
}

// watched is the body of a watch that tells when it is closed.
type watched struct {
	io.ReadCloser
	once sync.Once
	over chan struct{}
}

func (b *watched) Close() error {
	b.once.Do(func() { close(b.over) })
	return b.ReadCloser.Close()
}

// cloudLine is the way to Route 53. It takes the time that calls take: the emulator itself answers at once, so that what a call
// does can be judged while nothing else happens.
type cloudLine struct {
	*line
	p *process
}

// RoundTrip implements http.RoundTripper.
func (l cloudLine) RoundTrip(r *http.Request) (*http.Response, error) {
	w := l.p.w
	body, err := body(r)
	if err != nil {
		return nil, err
	}
	c, breaks := l.begin()
	switch c {
	case cut:
		return nil, errRefused
	case stuck:
		return nil, hang(r.Context(), breaks)
	}
	there, back := w.trip()
	write := strings.HasSuffix(r.URL.Path, "/rrset/") && r.Method == http.MethodPost || strings.HasSuffix(r.URL.Path, "/rrset") && r.Method == http.MethodPost
	if write && l.p.doomed.Load() == beforeWrite {
		there += time.Second // and then it dies
		go l.p.crash("before a write")
	}
	if err := wait(r.Context(), breaks, there); err != nil {
		if w.noise(2) == 0 {
			w.deliverLate(l.p, r, body)
		}
		return nil, err
	}
	resp, err := w.deliver(l.p, r.WithContext(context.WithoutCancel(r.Context())), body, write, false)
	if write && l.p.doomed.Load() == afterWrite {
		back += time.Second
		go l.p.crash("after a write")
	}
	if lost := wait(r.Context(), breaks, back); lost != nil {
		return nil, lost
	}
	return resp, err
}

func body(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

// deliverLate hands over a request for whose answer nobody waits any more.
func (w *world) deliverLate(p *process, r *http.Request, body []byte) {
	after := time.Duration(w.noise(20)) * time.Second
	r = r.Clone(context.WithoutCancel(r.Context()))
	w.strays.Go(func() {
		time.Sleep(after)
		write := r.Method == http.MethodPost
		resp, err := w.deliver(p, r, body, write, true)
		if err == nil {
			resp.Body.Close()
		}
	})
}

var codeIn = regexp.MustCompile(`<Code>([A-Za-z]+)</Code>`)

// deliver lets Route 53 answer a request, while nothing else happens in the zones, and judges what it did.
func (w *world) deliver(p *process, r *http.Request, body []byte, write, late bool) (*http.Response, error) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	resp, err := w.cloud.RoundTripper().RoundTrip(r)
	if err != nil {
		w.count("connections cut")
	} else if resp.StatusCode >= 400 {
		answer, readErr := io.ReadAll(resp.Body)
		if readErr != nil {
			return nil, readErr
		}
		resp.Body = io.NopCloser(bytes.NewReader(answer))
		code := "InvalidChangeBatch" // in its second shape it has no code
		if m := codeIn.FindSubmatch(answer); m != nil {
			code = string(m[1])
		}
		w.count("answers " + code)
	}
	if write {
		id := zoneIn(r.URL.Path)
		if z := w.zone(id); z != nil {
			before := z.now()
			z.set(read(w.cloud.RecordSets(z.id)))
			if w.judgeCall(p, z, before, late) {
				w.count("writes")
				w.writes++
				if late {
					w.count("writes delivered late")
				}
			}
		}
	}
	return resp, err
}

func zoneIn(path string) string {
	_, rest, _ := strings.Cut(path, "/hostedzone/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}
