package cli

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is what a command prints, for a test that watches it.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed at each write
}

func newScreen() *screen { return &screen{more: make(chan struct{})} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.more)
	s.more = make(chan struct{})
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// running is a command line that runs in this process.
type running struct {
	t              *testing.T
	ctx            context.Context // bounds all waiting
	stdout, stderr *screen
	end            context.CancelFunc
	code           chan int
}

// play starts a command line, with no variables of its own; what it reads from
// the environment of the process the test has set.
func play(t *testing.T, args ...string) *running {
	return start(t, func(ctx context.Context, sys System) int { return Main(ctx, args, sys) })
}

// start runs something as a command line runs.
func start(t *testing.T, run func(context.Context, System) int) *running {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	play, end := context.WithCancel(ctx)
	r := &running{t: t, ctx: ctx, stdout: newScreen(), stderr: newScreen(), end: end, code: make(chan int, 1)}
	go func() {
		r.code <- run(play, System{Stdout: r.stdout, Stderr: r.stderr, LookupEnv: environ(nil)})
	}()
	return r
}

// await returns the submatches of a pattern in what s shows, as soon as it does.
func (r *running) await(s *screen, pattern string) []string {
	r.t.Helper()
	wanted := regexp.MustCompile("(?m)" + pattern)
	for {
		s.mu.Lock()
		found, more := wanted.FindStringSubmatch(s.text.String()), s.more
		s.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-more:
		case code := <-r.code:
			r.code <- code
			if wanted.MatchString(s.String()) {
				continue
			}
			r.t.Fatalf("it ended with exit code %d without showing %s:\n%s%s", code, pattern, r.stdout, r.stderr)
		case <-r.ctx.Done():
			r.t.Fatalf("it has not shown %s:\n%s%s", pattern, r.stdout, r.stderr)
		}
	}
}

// stop ends the command as Ctrl-C does, and returns its exit code.
func (r *running) stop() int {
	r.t.Helper()
	r.end()
	select {
	case code := <-r.code:
		return code
	case <-r.ctx.Done():
		r.t.Fatalf("it does not end:\n%s%s", r.stdout, r.stderr)
		return 0
	}
}

// resolves waits until a name server answers with this data.
func (r *running) resolves(server, name, qtype, want string) {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := ask(server, name, qtype)
		if err != nil {
			r.t.Fatal(err)
		}
		if strings.Join(answer, " ") == want {
			return
		}
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			r.t.Fatalf("%s %s is %q, want %q:\n%s%s", name, qtype, answer, want, r.stdout, r.stderr)
		}
	}
}
