package apiserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// State is how a server stands towards all its clients.
type State int

const (
	// Up answers.
	Up State = iota
	// Refusing refuses connections, and has ended those that there were.
	Refusing
	// Unavailable answers 503 to everything, and has ended all watches.
	Unavailable
	// Silent takes requests and keeps watches, and says nothing until it is Up again.
	Silent
)

// Fault is trouble for some of the next requests.
type Fault struct {
	Verb     string // "" is all; as in RBAC rules
	Resource string // plural; "" is all, also what is no resource
	Times    int    // how many of them; 0 is one, below 0 all until ClearFaults

	Delay time.Duration // before the request is answered
	Code  int           // of the answer, such as 429, 500 or 504; 0: the request is only late
	Cut   bool          // the connection ends without an answer
	After bool          // the trouble comes after the request has done its work
}

// faults is the trouble that a server makes. Its fields are guarded by the server's mutex.
type faults struct {
	state   State
	up      chan struct{} // closed when Silent ends
	latency time.Duration
	denied  map[[2]string]bool // verb and resource
	next    []*Fault
}

func newFaults() faults { return faults{up: make(chan struct{}), denied: map[[2]string]bool{}} }

// SetState makes an outage begin or end.
func (s *Server) SetState(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.state == Silent && state != Silent {
		close(s.faults.up)
		s.faults.up = make(chan struct{})
	}
	s.faults.state = state
	if state == Refusing || state == Unavailable {
		s.end("", false)
	}
}

// SetLatency makes every request take this time, on top of what faults make it take.
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.latency = d
}

// Deny answers 403 to a verb on a resource from now on; "" is every verb, every resource. Watches that are open go on,
// as in a cluster.
func (s *Server) Deny(verb, resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.denied[[2]string{verb, resource}] = true
}

// Allow takes back a [Server.Deny] of the same verb and resource.
func (s *Server) Allow(verb, resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults.denied, [2]string{verb, resource})
}

// Inject adds faults. Each request is hit by at most one, the oldest that matches.
func (s *Server) Inject(fs ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range fs {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults.next = append(s.faults.next, &f)
	}
}

// ClearFaults ends what [Server.Inject] began.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.next = nil
}

// DropWatches ends the open watches of a resource, "" of all, as a restart or a balancer does: without a word.
func (s *Server) DropWatches(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(resource, false)
}

// Expire forgets the history of a resource, "" of all, and ends its open watches with 410 Gone: who watches lists again.
func (s *Server) Expire(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(resource)
}

// Hide makes all lists of a resource come back empty, although nothing was deleted, and ends its watches with 410, so
// that there are lists: as after a restore from an empty backup. Show ends it the same way.
func (s *Server) Hide(resource string) { s.hide(resource, true) }

// Show undoes [Server.Hide].
func (s *Server) Show(resource string) { s.hide(resource, false) }

func (s *Server) hide(resource string, hidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.named(resource) {
		t.hidden = hidden
	}
	s.expire(resource)
}

// named returns the tables of a resource, "" is all.
func (s *Server) named(resource string) []*table {
	var all []*table
	for _, t := range s.tables {
		if resource == "" || t.Plural == resource {
			all = append(all, t)
		}
	}
	return all
}

func (s *Server) expire(resource string) {
	s.version++
	for _, t := range s.named(resource) {
		t.oldest, t.length, t.floor = t.last, 0, s.version
	}
	for token, p := range s.pages {
		if resource == "" || p.table.Plural == resource {
			delete(s.pages, token)
		}
	}
	s.end(resource, true)
}

func (s *Server) end(resource string, gone bool) {
	for _, t := range s.named(resource) {
		t.end.gone = gone
		close(t.end.told)
		t.end = &ending{told: make(chan struct{})}
	}
}

// silence returns a channel that is closed when the server speaks again, nil if it does.
func (f *faults) silence() <-chan struct{} {
	if f.state == Silent {
		return f.up
	}
	return nil
}

// fate is what will happen to a request.
type fate struct {
	refused bool
	silent  <-chan struct{}
	delay   time.Duration
	err     error
	cut     bool
	after   bool
}

// errCut is what a client sees of a connection that breaks.
var errCut = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

// befall decides the fate of a request.
func (f *faults) befall(q query) fate {
	a := fate{refused: f.state == Refusing, silent: f.silence(), delay: f.latency}
	if f.state == Unavailable {
		a.err = refusal(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "the server is currently unable to handle the request")
	}
	if f.state != Up {
		return a
	}
	for i, fault := range f.next {
		if fault.Verb != "" && fault.Verb != q.verb || fault.Resource != "" && (q.table == nil || fault.Resource != q.table.Plural) {
			continue
		}
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				f.next = slices.Delete(f.next, i, i+1)
			}
		}
		a.delay += fault.Delay
		a.cut, a.after = fault.Cut, fault.After
		if fault.Code != 0 {
			a.err = refusal(fault.Code, reasons[fault.Code], http.StatusText(fault.Code))
		} else if fault.Cut {
			a.err = io.ErrUnexpectedEOF
		}
		break
	}
	return a
}

var reasons = map[int]metav1.StatusReason{
	http.StatusUnauthorized: metav1.StatusReasonUnauthorized, http.StatusForbidden: metav1.StatusReasonForbidden,
	http.StatusConflict: metav1.StatusReasonConflict, http.StatusGone: metav1.StatusReasonExpired,
	http.StatusTooManyRequests: metav1.StatusReasonTooManyRequests, http.StatusInternalServerError: metav1.StatusReasonInternalError,
	http.StatusServiceUnavailable: metav1.StatusReasonServiceUnavailable, http.StatusGatewayTimeout: metav1.StatusReasonTimeout,
}

// reach waits for as long as the request is on its way. No mutex is held.
func (f *faults) reach(ctx context.Context, a fate) error {
	if a.refused {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	if a.silent != nil {
		select {
		case <-a.silent:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return pause(ctx, a.delay)
}

// permit refuses what is denied.
func (f *faults) permit(q query) error {
	if q.table == nil {
		return nil
	}
	plural := q.table.Plural
	for _, rule := range [][2]string{{q.verb, plural}, {"", plural}, {q.verb, ""}, {"", ""}} {
		if !f.denied[rule] {
			continue
		}
		where := "at the cluster scope"
		if q.namespace != "" {
			where = fmt.Sprintf("in the namespace %q", q.namespace)
		}
		resource := q.table.resource().String()
		subject := resource
		if q.name != "" {
			subject = fmt.Sprintf("%s %q", resource, q.name)
		}
		return refusal(http.StatusForbidden, metav1.StatusReasonForbidden, fmt.Sprintf(
			`%s is forbidden: User "signpost" cannot %s resource %q in API group %q %s`, subject, q.verb, plural, q.table.Group, where))
	}
	return nil
}
