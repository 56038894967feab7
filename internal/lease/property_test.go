package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"pgregory.net/rapid"
)

// incident is something that befalls a replica, or the server, for a while.
type incident struct {
	what  string
	who   int
	pause time.Duration // before the next
}

func incidents() *rapid.Generator[[]incident] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) incident {
		return incident{
			what: rapid.SampledFrom([]string{"cut", "swallow", "slow", "slower", "lost answers", "connect", "connect", "restart",
				"5xx", "well", "annotate", "delete"}).Draw(t, "what"),
			who: rapid.IntRange(0, replicas-1).Draw(t, "who"),
			pause: rapid.SampledFrom([]time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second, 7 * time.Second,
				9 * time.Second, 11 * time.Second, 13 * time.Second, 30 * time.Second}).Draw(t, "pause"),
		}
	}), 1, 25)
}

const replicas = 3

// ledger holds who writes, and says when two do.
type ledger struct {
	mu      sync.Mutex
	writing map[string]bool
	writes  int
	errs    []error
}

func (l *ledger) begin(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	l.writing[who] = true
	if len(l.writing) > 1 {
		l.errs = append(l.errs, fmt.Errorf("%s begins to write, and there write %v", who, l.writing))
	}
}

func (l *ledger) end(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.writing, who)
}

// replica is a process with a writer that takes all the time that is allowed.
type replica struct {
	*election
	line *line
	stop func()
}

func start(t *testing.T, server *apiServer, book *ledger, who, run int, rng *rand.Rand) *replica {
	t.Helper()
	name := fmt.Sprintf("replica-%d-%d", who, run)
	r := &replica{line: &line{server: server}}
	r.line.connect()
	config := &rest.Config{Host: "https://192.0.2.1:6443", Transport: r.line, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	var err error
	if r.election, err = newElection(config, "dns", "signpost-test", name, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- r.Run(ctx, func(ctx context.Context) error {
			for ctx.Err() == nil {
				margin := time.Duration(rng.IntN(5)) * time.Second
				if r.Check(margin) != nil {
					select {
					case <-ctx.Done():
					case <-time.After(100 * time.Millisecond):
					}
					continue
				}
				book.begin(name)
				// The whole of what is allowed: a process that is frozen in the
				// middle of a write looks no other.
				time.Sleep(margin + Slack - time.Millisecond)
				book.end(name)
			}
			return nil
		})
	}()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	return r
}

// befall makes the incident happen.
func (i incident) befall(server *apiServer, l *line, rng *rand.Rand) {
	delays := func(there, back time.Duration) func() (time.Duration, time.Duration, error) {
		return func() (time.Duration, time.Duration, error) {
			return time.Duration(rng.Int64N(int64(there))), time.Duration(rng.Int64N(int64(back))), nil
		}
	}
	switch i.what {
	case "cut":
		l.cut()
	case "swallow":
		l.swallow()
	case "slow":
		l.set(delays(500*time.Millisecond, 500*time.Millisecond))
	case "slower":
		l.set(delays(6*time.Second, 6*time.Second))
	case "lost answers":
		l.set(func() (time.Duration, time.Duration, error) {
			if rng.IntN(3) == 0 {
				return 0, 0, fmt.Errorf("read tcp: %w", syscall.ECONNRESET)
			}
			return time.Duration(rng.Int64N(int64(time.Second))), time.Duration(rng.Int64N(int64(5 * time.Second))), nil
		})
	case "connect":
		l.connect()
	case "5xx":
		server.set(http.StatusInternalServerError)
	case "well":
		server.set(0)
	case "annotate":
		if server.current() != nil {
			server.edit(func(l *coordinationv1.Lease) { l.Annotations = map[string]string{"n": fmt.Sprint(rng.Int())} })
		}
	case "delete":
		server.edit(nil)
	}
}

// Whatever befalls replicas and server, no two write at a time, though each
// write lasts as long as it may; and when all is well again, one does.
func TestNoTwoWriteAtATime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		story, seed := incidents().Draw(rt, "story"), rapid.Uint64().Draw(rt, "seed")
		var err error
		synctest.Test(t, func(t *testing.T) { err = play(t, story, seed) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func play(t *testing.T, story []incident, seed uint64) error {
	var mu sync.Mutex // of the source of chance
	source := rand.NewPCG(seed, 1)
	rng := rand.New(locked{&mu, source})
	server, book := &apiServer{}, &ledger{writing: map[string]bool{}}
	var all []*replica
	for who := range replicas {
		all = append(all, start(t, server, book, who, 0, rng))
		time.Sleep(2 * time.Second)
	}
	deleted := false
	for n, i := range story {
		if i.what == "restart" && server.current() != nil {
			all[i.who].stop()
			all[i.who] = start(t, server, book, i.who, n+1, rng)
		}
		if i.what == "delete" {
			if deleted || !known(server, all) {
				continue
			}
			deleted = true
		}
		i.befall(server, all[i.who].line, rng)
		time.Sleep(i.pause)
	}
	server.set(0)
	for _, r := range all {
		r.line.connect()
	}
	time.Sleep(time.Minute)
	book.mu.Lock()
	writes := book.writes
	book.mu.Unlock()
	time.Sleep(time.Minute)
	leaders := 0
	for _, r := range all {
		if r.Status().Leading {
			leaders++
		}
	}
	for _, r := range all {
		r.stop()
	}
	if leaders != 1 || book.writes == writes {
		book.errs = append(book.errs, fmt.Errorf("at the end %d lead and %d writes were made", leaders, book.writes-writes))
	}
	return errors.Join(book.errs...)
}

// known reports whether all replicas have read who holds the lease. One that has
// not does not wait for him when the Lease is deleted; nor, when it is deleted
// again, who has not read that it was made again.
func known(server *apiServer, all []*replica) bool {
	lease := server.current()
	return lease != nil && !slices.ContainsFunc(all, func(r *replica) bool { return r.Status().Leader != *lease.Spec.HolderIdentity })
}

// locked is a source of chance for several goroutines.
type locked struct {
	mu     *sync.Mutex
	source rand.Source
}

func (l locked) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.Uint64()
}
