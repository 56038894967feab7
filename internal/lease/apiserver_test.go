package lease

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

const leasesPath = "/apis/coordination.k8s.io/v1/namespaces/dns/leases"

// apiServer keeps one Lease as an API server does: a write carries the version
// that it is based on, or is refused.
type apiServer struct {
	mu       sync.Mutex
	version  int
	lease    *coordinationv1.Lease
	status   int             // answered to everything, if not 0
	denied   map[string]bool // "get", "create", "update"
	requests []string        // "get", in order
	holders  []string        // each that the Lease came to have, in order
}

func (s *apiServer) set(status int, denied ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.denied = status, map[string]bool{}
	for _, verb := range denied {
		s.denied[verb] = true
	}
}

// edit changes the Lease as a person would; nil deletes it.
func (s *apiServer) edit(change func(*coordinationv1.Lease)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change == nil {
		s.lease = nil
		return
	}
	change(s.lease)
	s.store(s.lease)
}

func (s *apiServer) current() *coordinationv1.Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lease.DeepCopy()
}

func (s *apiServer) count(verb string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if r == verb {
			n++
		}
	}
	return n
}

func (s *apiServer) answer(method, path string, body []byte) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	verb := map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update"}[method]
	s.requests = append(s.requests, verb)
	var sent coordinationv1.Lease
	if len(body) > 0 {
		if err := json.Unmarshal(body, &sent); err != nil {
			return refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
		}
	}
	switch {
	case !strings.HasPrefix(path, leasesPath):
		return refuse(http.StatusNotFound, metav1.StatusReasonNotFound, "no such path: "+path)
	case s.denied[verb]:
		return refuse(http.StatusForbidden, metav1.StatusReasonForbidden, fmt.Sprintf(
			`leases.coordination.k8s.io is forbidden: User "signpost" cannot %s resource "leases"`, verb))
	case s.status != 0:
		return refuse(s.status, metav1.StatusReason(http.StatusText(s.status)), "out of order")
	case verb == "create" && s.lease != nil:
		return refuse(http.StatusConflict, metav1.StatusReasonAlreadyExists, "there already")
	case verb != "create" && s.lease == nil:
		return refuse(http.StatusNotFound, metav1.StatusReasonNotFound, "not there")
	case verb == "update" && sent.ResourceVersion != s.lease.ResourceVersion:
		return refuse(http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified")
	case verb == "get":
		return http.StatusOK, s.lease.DeepCopy()
	}
	s.store(&sent)
	return http.StatusOK, s.lease.DeepCopy()
}

func (s *apiServer) store(lease *coordinationv1.Lease) {
	s.version++
	s.lease = lease.DeepCopy()
	s.lease.TypeMeta = metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}
	s.lease.ResourceVersion = strconv.Itoa(s.version)
	h := ""
	if lease.Spec.HolderIdentity != nil {
		h = *lease.Spec.HolderIdentity
	}
	if len(s.holders) == 0 || s.holders[len(s.holders)-1] != h {
		s.holders = append(s.holders, h)
	}
}

func refuse(code int, reason metav1.StatusReason, message string) (int, any) {
	return code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message}
}

// line is the way of one contender to the server.
type line struct {
	server *apiServer

	mu    sync.Mutex
	state func() (there, back time.Duration, err error)
}

// connect makes the line instant and whole; cut refuses connections; swallow
// lets nothing through and says nothing.
func (l *line) connect() { l.set(func() (time.Duration, time.Duration, error) { return 0, 0, nil }) }
func (l *line) cut() {
	l.set(func() (time.Duration, time.Duration, error) {
		return 0, 0, fmt.Errorf("dial tcp 192.0.2.1:6443: connect: %w", syscall.ECONNREFUSED)
	})
}
func (l *line) swallow() {
	l.set(func() (time.Duration, time.Duration, error) { return never, 0, nil })
}

const never = -1

func (l *line) set(state func() (there, back time.Duration, err error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state
}

// RoundTrip delivers a request after some time, also if nobody waits for the
// answer any more.
func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	l.mu.Lock()
	there, back, err := l.state()
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	answered := make(chan *http.Response, 1)
	if there != never {
		go func() {
			time.Sleep(there)
			code, content := l.server.answer(req.Method, req.URL.Path, body)
			time.Sleep(back)
			text, err := json.Marshal(content)
			if err != nil {
				panic(err)
			}
			answered <- &http.Response{StatusCode: code, Request: req, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader(string(text)))}
		}()
	}
	select {
	case resp := <-answered:
		return resp, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// contender is a replica.
type contender struct {
	*election
	line *line
	log  *logged

	ctx  context.Context
	end  context.CancelFunc // SIGTERM
	done chan error         // what Run returned

	terms chan context.Context // of each call of lead
	leave chan error           // what lead returns
}

// contend starts a replica. Its lead returns when its context ends, unless held
// back: then when it is told to.
func contend(t *testing.T, server *apiServer, name string, held bool) *contender {
	t.Helper()
	return contendAs(t, server, name, held, nil)
}

// contendAs is contend for a process whose clients share a limit on their rate.
func contendAs(t *testing.T, server *apiServer, name string, held bool, shared flowcontrol.RateLimiter) *contender {
	t.Helper()
	c := &contender{line: &line{server: server}, log: &logged{}, done: make(chan error, 1),
		terms: make(chan context.Context, 100), leave: make(chan error, 1)}
	c.line.connect()
	config := &rest.Config{Host: "https://192.0.2.1:6443", Transport: c.line, ContentConfig: rest.ContentConfig{ContentType: "application/json"},
		QPS: 1, Burst: 1, RateLimiter: shared}
	var err error
	if c.election, err = newElection(config, "dns", "signpost-test", name, slog.New(slog.NewTextHandler(c.log, nil))); err != nil {
		t.Fatal(err)
	}
	c.ctx, c.end = context.WithCancel(t.Context())
	go func() {
		c.done <- c.Run(c.ctx, func(ctx context.Context) error {
			c.terms <- ctx
			if held {
				return <-c.leave
			}
			<-ctx.Done()
			return nil
		})
	}()
	return c
}

// awaitTerm waits until the replica leads and returns how long it took.
func (c *contender) awaitTerm(t *testing.T) (context.Context, time.Duration) {
	t.Helper()
	start := time.Now()
	select {
	case ctx := <-c.terms:
		return ctx, time.Since(start)
	case <-time.After(time.Hour):
		t.Fatalf("%s does not lead; it says:\n%s", c.lock.Identity(), c.log)
		return nil, 0
	}
}

// stop ends the replica and waits for it.
func (c *contender) stop(t *testing.T) {
	t.Helper()
	c.end()
	if err := <-c.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, ok := c.Held(); ok {
		t.Errorf("%s holds the lease after Run has returned", c.lock.Identity())
	}
}

// logged is what was logged, a line for each record, without its time.
type logged struct {
	mu    sync.Mutex
	lines []string
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, text, _ := strings.Cut(strings.TrimSpace(string(p)), " ")
	l.lines = append(l.lines, strings.Replace(text, " lease=dns/signpost-test", "", 1))
	return len(p), nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
