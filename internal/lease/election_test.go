package lease

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/util/flowcontrol"
)

func wantLog(t *testing.T, c *contender, want ...string) {
	t.Helper()
	if d := cmp.Diff(strings.Join(want, "\n"), c.log.String()); d != "" {
		t.Errorf("the log of %s (-want +got):\n%s", c.lock.Identity(), d)
	}
}

// writers returns who of the contenders may write.
func writers(cs ...*contender) string {
	var names []string
	for _, c := range cs {
		if c.Check(0) == nil {
			names = append(names, c.lock.Identity())
		}
	}
	return strings.Join(names, " ")
}

func TestOneLeadsAndHandsOverAtItsEnd(t *testing.T) {
	var longest time.Duration
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			server := &apiServer{}
			a := contend(t, server, "a", false)
			a.awaitTerm(t)
			b := contend(t, server, "b", false)
			time.Sleep(time.Minute)
			if got := writers(a, b); got != "a" {
				t.Errorf("who may write: got %q, want a", got)
			}
			if got, want := b.Status(), (Status{Leader: "a"}); got != want {
				t.Errorf("b's status: got %+v, want %+v", got, want)
			}
			if got, want := a.Status(), (Status{Leader: "a", Leading: true}); got != want {
				t.Errorf("a's status: got %+v, want %+v", got, want)
			}
			if err := b.Check(0); !errors.Is(err, ErrNotHeld) {
				t.Errorf("b's check: got %v, want %v", err, ErrNotHeld)
			}
			if n := server.count("update"); n < 28 || n > 31 {
				t.Errorf("%d renewals in a minute, want one every 2 s", n)
			}

			a.stop(t)
			_, took := b.awaitTerm(t)
			longest = max(longest, took)
			if got := writers(a, b); got != "b" {
				t.Errorf("who may write: got %q, want b", got)
			}
			b.stop(t)
			wantLog(t, a, `level=INFO msg="became leader" identity=a`, `level=INFO msg="gave up the lease"`)
			wantLog(t, b, `level=INFO msg="standing by" leader=a`, `level=INFO msg="became leader" identity=b`,
				`level=INFO msg="gave up the lease"`)
			if d := cmp.Diff([]string{"a", "", "b", ""}, server.holders); d != "" {
				t.Errorf("holders of the lease (-want +got):\n%s", d)
			}
		})
	}
	t.Logf("longest hand-over: %v", longest)
	if longest > 1200*time.Millisecond {
		t.Errorf("a hand-over took %v", longest)
	}
}

// A process whose other requests exhaust their rate, as a flood of Events may, keeps
// its lease.
func TestOthersExhaustTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contendAs(t, server, "a", false, flowcontrol.NewFakeNeverRateLimiter())
		a.awaitTerm(t)
		for range 3600 {
			time.Sleep(time.Second)
			if err := a.Check(5 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
		a.stop(t)
		wantLog(t, a, `level=INFO msg="became leader" identity=a`, `level=INFO msg="gave up the lease"`)
	})
}

// A leader that is gone without a word, or can do nothing any more.
func TestLostLeaderIsReplaced(t *testing.T) {
	for name, lose := range map[string]func(*line){"refused": (*line).cut, "silent": (*line).swallow} {
		t.Run(name, func(t *testing.T) {
			var longest time.Duration
			for range 50 {
				synctest.Test(t, func(t *testing.T) {
					server := &apiServer{}
					a := contend(t, server, "a", false)
					term, _ := a.awaitTerm(t)
					b := contend(t, server, "b", false)
					time.Sleep(time.Minute + 700*time.Millisecond)

					start := time.Now()
					lose(a.line)
					<-term.Done()
					stopped := time.Since(start)
					if got := writers(a, b); got != "" {
						t.Errorf("who may write: got %q, want nobody", got)
					}
					b.awaitTerm(t)
					took := time.Since(start)
					longest = max(longest, took)
					if took-stopped < Slack {
						t.Errorf("a stopped after %v and b began after %v: less than %v between", stopped, took, Slack)
					}

					// It comes back, and waits for its turn.
					a.line.connect()
					time.Sleep(time.Minute)
					if got := writers(a, b); got != "b" {
						t.Errorf("who may write: got %q, want b", got)
					}
					b.stop(t)
					a.awaitTerm(t)
					a.stop(t)
				})
			}
			t.Logf("longest replacement: %v", longest)
			if longest > 15*time.Second {
				t.Errorf("a replacement took %v", longest)
			}
		})
	}
}

func TestWorkIsFinishedBeforeTheLeaseIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", true)
		term, _ := a.awaitTerm(t)
		b := contend(t, server, "b", false)
		time.Sleep(10 * time.Second)
		a.end()
		<-term.Done()
		time.Sleep(time.Minute) // a long batch
		if got := writers(a, b); got != "a" {
			t.Errorf("who may write: got %q, want a", got)
		}
		failure := errors.New("the last batch was refused")
		a.leave <- failure
		if err := <-a.done; err != failure {
			t.Errorf("Run: got %v, want %v", err, failure)
		}
		if _, took := b.awaitTerm(t); took > 2*time.Second {
			t.Errorf("the hand-over took %v", took)
		}
		b.stop(t)
	})
}

// Nobody else may begin while the work of a leader that lost the lease goes on
// within its bounds, even if it can reach the API server again.
func TestLeaseIsNotGivenUpUnderWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", true)
		term, _ := a.awaitTerm(t)
		b := contend(t, server, "b", false)
		time.Sleep(10 * time.Second)
		a.line.cut()
		<-term.Done()
		lost := time.Now()
		a.line.connect()
		time.Sleep(Slack)
		if got := writers(b); got != "" {
			t.Errorf("%s may write %v after a had to stop", got, time.Since(lost))
		}
		a.leave <- nil
		a.awaitTerm(t) // it has renewed the lease meanwhile
		a.leave <- nil
		if err := <-a.done; err != nil {
			t.Error(err)
		}
		b.awaitTerm(t)
		b.stop(t)
	})
}

// A renewal whose answer is lost, made good a few seconds later in the same try,
// counts as two for the leader and must do so for others.
func TestRenewalWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		term, _ := a.awaitTerm(t)
		b := contend(t, server, "b", false)
		time.Sleep(10 * time.Second)
		// Renewed without an answer; read slowly; renewed; and nothing more.
		requests := []time.Duration{3 * time.Second, 2 * time.Second, 0}
		a.line.set(func() (time.Duration, time.Duration, error) {
			if len(requests) == 0 {
				return never, 0, nil
			}
			back := requests[0]
			requests = requests[1:]
			return 0, back, nil
		})
		<-term.Done()
		lost := time.Now()
		b.awaitTerm(t)
		if free := time.Since(lost); free < Slack {
			t.Errorf("b began %v after a had to stop", free)
		}
		b.stop(t)
		a.stop(t)
	})
}

// A leader that finds another in its place stops at once, and leaves the other's
// lease alone.
func TestTakenLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		term, _ := a.awaitTerm(t)
		time.Sleep(10 * time.Second)
		start := time.Now()
		server.edit(func(l *coordinationv1.Lease) { *l.Spec.HolderIdentity = "somebody" })
		<-term.Done()
		if took := time.Since(start); took > renewEvery {
			t.Errorf("a stopped after %v", took)
		}
		a.stop(t)
		if d := cmp.Diff([]string{"a", "somebody"}, server.holders); d != "" {
			t.Errorf("holders of the lease (-want +got):\n%s", d)
		}
		wantLog(t, a, `level=INFO msg="became leader" identity=a`,
			`level=WARN msg="another holds the lease: stopped writing, and standing by" leader=somebody`)
	})
}

// Nor does it give up another's lease when it ends before it knows.
func TestTakenLeaseAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		a.awaitTerm(t)
		time.Sleep(10*time.Second + 100*time.Millisecond)
		server.edit(func(l *coordinationv1.Lease) { *l.Spec.HolderIdentity = "somebody" })
		a.stop(t)
		if d := cmp.Diff([]string{"a", "somebody"}, server.holders); d != "" {
			t.Errorf("holders of the lease (-want +got):\n%s", d)
		}
	})
}

// The time that an answer takes is no time for which the lease is held.
func TestSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := contend(t, &apiServer{}, "a", false)
		a.line.set(func() (time.Duration, time.Duration, error) { return 0, 2 * time.Second, nil })
		term, _ := a.awaitTerm(t)
		for range 600 {
			if left, ok := a.Held(); !ok || left > renewWithin-2*time.Second || a.Check(left+1) == nil || a.Check(left) != nil {
				t.Fatalf("the lease is held for %v, %t; an answer takes 2 s of %v", left, ok, renewWithin)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if term.Err() != nil {
			t.Error("the lease was lost")
		}
		a.stop(t)
	})
}

func TestDeletedLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		term, _ := a.awaitTerm(t)
		b := contend(t, server, "b", false)
		time.Sleep(10*time.Second + 100*time.Millisecond)
		server.edit(nil)
		time.Sleep(5 * time.Second)
		if got := writers(a, b); got != "a" || term.Err() != nil {
			t.Errorf("who may write: got %q, want a throughout", got)
		}
		server.edit(nil)
		a.line.cut()
		<-term.Done()
		lost := time.Now()
		b.awaitTerm(t)
		if free := time.Since(lost); free < Slack {
			t.Errorf("b began %v after a had to stop", free)
		}
		b.stop(t)
		a.stop(t)
	})
}

// Somebody annotates the Lease: that is no reason to lose it, and stays.
func TestAnnotatedLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		term, _ := a.awaitTerm(t)
		server.edit(func(l *coordinationv1.Lease) { l.Annotations = map[string]string{"example.com/note": "kept"} })
		time.Sleep(time.Minute)
		if term.Err() != nil {
			t.Error("a lost the lease")
		}
		a.stop(t)
		if d := cmp.Diff(map[string]string{"example.com/note": "kept"}, server.current().Annotations); d != "" {
			t.Errorf("annotations (-want +got):\n%s", d)
		}
	})
}

func TestLeadReturnsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", true)
		a.awaitTerm(t)
		failure := errors.New("cannot begin")
		a.leave <- failure
		if err := <-a.done; err != failure {
			t.Errorf("Run: got %v, want %v", err, failure)
		}
		if h := *server.current().Spec.HolderIdentity; h != "" {
			t.Errorf("the lease is held by %q", h)
		}
	})
}

// A process that ends in the moment in which it gets the lease leaves it to others.
func TestEndWhileTaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		a.line.set(func() (time.Duration, time.Duration, error) { return 50 * time.Millisecond, 50 * time.Millisecond, nil })
		time.Sleep(175 * time.Millisecond) // the Lease has been created, the answer is under way
		a.stop(t)
		if h := *server.current().Spec.HolderIdentity; h != "" {
			t.Errorf("the lease is held by %q", h)
		}
	})
}

func TestEndWithoutTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := contend(t, &apiServer{}, "a", false)
		a.awaitTerm(t)
		a.line.swallow()
		start := time.Now()
		a.stop(t)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("the end took %v", took)
		}
		wantLog(t, a, `level=INFO msg="became leader" identity=a`,
			`level=WARN msg="cannot renew the lease" reason="the API server at https://192.0.2.1:6443 does not answer: nothing heard in 2.5s" `+
				`hint="is https://192.0.2.1:6443 the address of the API server, and can it be reached from here?"`,
			`level=WARN msg="could not give up the lease; others have it when it lapses" after=12s`)
	})
}

func TestFailuresAreWaitedFor(t *testing.T) {
	unanswered := `reason="the API server at https://192.0.2.1:6443 does not answer: dial tcp 192.0.2.1:6443: connect: connection refused" ` +
		`hint="is https://192.0.2.1:6443 the address of the API server, and can it be reached from here?"`
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		a.line.cut()
		time.Sleep(time.Hour)
		a.line.connect()
		server.set(http.StatusUnauthorized)
		time.Sleep(time.Hour)
		server.set(http.StatusServiceUnavailable)
		time.Sleep(time.Hour)
		if _, ok := a.Held(); ok || len(a.terms) > 0 {
			t.Error("a writes")
		}
		if s := a.Status(); s.Leading || s.Alone || s.Trouble == "" {
			t.Errorf("got status %+v", s)
		}
		server.set(0)
		term, _ := a.awaitTerm(t)
		a.line.cut()
		<-term.Done()
		time.Sleep(time.Hour)
		a.line.connect()
		a.awaitTerm(t)
		a.stop(t)
		wantLog(t, a,
			`level=WARN msg="waiting for the lease" `+unanswered,
			`level=WARN msg="waiting for the lease" reason="the API server at https://192.0.2.1:6443 does not accept the credentials" `+
				`hint="renew the token or certificate of the kubeconfig or the service account"`,
			`level=WARN msg="waiting for the lease" reason="the API server at https://192.0.2.1:6443 answers to get leases: out of order"`,
			`level=INFO msg="became leader" identity=a`,
			`level=WARN msg="cannot renew the lease" `+unanswered,
			strings.Replace(`level=WARN msg="lost the lease: stopped writing" `+unanswered, ` hint="is https://192.0.2.1:6443 the address of the API server, and can it be reached from here?"`, "", 1),
			`level=INFO msg="became leader" identity=a`,
			`level=INFO msg="gave up the lease"`)
	})
}

// A renewal that fails tries two requests, whose answers differ: each is told once.
func TestTroubleIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		term, _ := a.awaitTerm(t)
		server.set(http.StatusServiceUnavailable)
		<-term.Done()
		time.Sleep(time.Hour)
		server.set(0)
		a.awaitTerm(t)
		a.stop(t)
		answers := `reason="the API server at https://192.0.2.1:6443 answers to `
		wantLog(t, a,
			`level=INFO msg="became leader" identity=a`,
			`level=WARN msg="cannot renew the lease" `+answers+`update leases: out of order"`,
			`level=WARN msg="cannot renew the lease" `+answers+`get leases: out of order"`,
			`level=WARN msg="lost the lease: stopped writing" `+answers+`get leases: out of order"`,
			`level=INFO msg="became leader" identity=a`,
			`level=INFO msg="gave up the lease"`)
	})
}

// Short outages cost nothing.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &apiServer{}
		a := contend(t, server, "a", false)
		term, _ := a.awaitTerm(t)
		b := contend(t, server, "b", false)
		for range 100 {
			a.line.cut()
			b.line.cut()
			time.Sleep(4 * time.Second)
			a.line.connect()
			b.line.connect()
			time.Sleep(3 * time.Second)
		}
		if got := writers(a, b); got != "a" || term.Err() != nil {
			t.Errorf("who may write: got %q, want a throughout", got)
		}
		a.stop(t)
		b.awaitTerm(t)
		b.stop(t)
	})
}

func TestAlone(t *testing.T) {
	l := Alone()
	failure := errors.New("over")
	if err := l.Run(t.Context(), func(context.Context) error { return failure }); err != failure {
		t.Errorf("Run: got %v, want %v", err, failure)
	}
	if left, ok := l.Held(); left != Forever || !ok || l.Check(time.Hour) != nil || !l.Status().Leading {
		t.Errorf("got %v, %t, %v, %+v", left, ok, l.Check(time.Hour), l.Status())
	}
}
