package simulation

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/signpost-dns/signpost/internal/objects"
)

var (
	seed     = flag.Uint64("seed", 0, "run the world of this seed only")
	seeds    = flag.Int("seeds", 0, "how many worlds to run; 0: as many as a test may take")
	first    = flag.Uint64("first", 1, "the first seed")
	hours    = flag.Float64("hours", 2, "how long each world lasts, in virtual hours")
	progress = flag.Bool("progress", false, "show progress on standard error")
	whole    = flag.Bool("journal", false, "with -seed, print the journal also if nothing is wrong")
)

func TestMain(m *testing.M) {
	objects.RedirectLogs(slog.New(slog.NewTextHandler(io.Discard, nil)))
	// These keep the time of the last error for the whole process, and sleep until then in a bubble, whose time is another.
	utilruntime.ErrorHandlers = nil
	// Worlds are small and make much garbage.
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// tally is what all worlds together came to.
type tally struct {
	mu     sync.Mutex
	began  time.Time
	worlds int
	broken int
	calls  int
	counts map[string]int
}

func (a *tally) add(w *world, verdict string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.worlds++
	a.calls += w.calls
	if verdict != "" {
		a.broken++
	}
	for what, n := range w.counts {
		if strings.HasPrefix(what, largest) {
			a.counts[what] = max(a.counts[what], n)
		} else {
			a.counts[what] += n
		}
	}
}

func (a *tally) faults() int {
	n := 0
	for what, times := range a.counts {
		if strings.HasPrefix(what, "Route 53 faults") || strings.HasPrefix(what, "API server: ") || strings.HasPrefix(what, "crashes") ||
			strings.HasPrefix(what, "EC2 faults") || what == "partitions" || strings.HasPrefix(what, "leases") {
			n += times
		}
	}
	return n
}

func (a *tally) String() string {
	perMinute := float64(a.worlds) / time.Since(a.began).Minutes()
	return fmt.Sprintf("%d seeds, %.0f virtual hours, %d calls, %d writes, %d faults, %d invariants broken, %.0f seeds a minute",
		a.worlds, float64(a.worlds)**hours, a.calls, a.counts["writes"], a.faults(), a.broken, perMinute)
}

// show prints the tally from time to time, until done is closed.
func (a *tally) show(of int, done <-chan struct{}) {
	stat, err := os.Stderr.Stat()
	terminal := err == nil && stat.Mode()&os.ModeCharDevice != 0
	every, format := 30*time.Second, "%d of %d: %s\n"
	if terminal {
		every, format = time.Second, "\r\x1b[K%d of %d: %s"
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.mu.Lock()
			fmt.Fprintf(os.Stderr, format, a.worlds, of, a)
			a.mu.Unlock()
		case <-done:
			if terminal {
				fmt.Fprintln(os.Stderr)
			}
			return
		}
	}
}

// live runs one world in virtual time.
func live(t *testing.T, seed uint64, lasts time.Duration, m mutant) (w *world, verdict string) {
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, seed, m)
		verdict = w.run(lasts)
	})
	return w, verdict
}

// TestSimulation runs random worlds; doc.go says what must hold in them.
func TestSimulation(t *testing.T) {
	lasts := time.Duration(*hours * float64(time.Hour))
	if *seed != 0 {
		w, verdict := live(t, *seed, lasts, mutant{})
		if verdict != "" || *whole {
			t.Log(w.story())
		}
		if verdict != "" {
			t.Errorf("seed %d %s", *seed, verdict)
		}
		return
	}
	n := *seeds
	if n == 0 {
		n = bounded
	}
	all := &tally{began: time.Now(), counts: map[string]int{}}
	done := make(chan struct{})
	var shown sync.WaitGroup
	if *progress {
		shown.Go(func() { all.show(n, done) })
	}
	t.Run("worlds", func(t *testing.T) {
		next := make(chan uint64)
		go func() {
			defer close(next)
			for i := range n {
				next <- *first + uint64(i)
			}
		}()
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for s := range next {
					w, verdict := live(t, s, lasts, mutant{})
					all.add(w, verdict)
					if verdict == "" {
						continue
					}
					replay := fmt.Sprintf("seed %d %s\nreplay: go test ./test/simulation -run TestSimulation -seed=%d -hours=%v", s, verdict, s, *hours)
					if *progress { // at once: the test tells at its end
						fmt.Fprintf(os.Stderr, "\n%s\n%s\n", w.story(), replay)
						t.Error(replay)
					} else {
						t.Errorf("%s\n%s", w.story(), replay)
					}
				}
			})
		}
	})
	close(done)
	shown.Wait()
	report(t, all, n)
}

// enough is in how many virtual hours everything is met that a world can meet.
const enough = 400

// report prints the tally, and fails if something that a world should meet was never met.
func report(t *testing.T, all *tally, n int) {
	for _, what := range slices.Sorted(maps.Keys(all.counts)) {
		t.Logf("%8d  %s", all.counts[what], what)
	}
	t.Log(all)
	if *progress {
		fmt.Fprintln(os.Stderr, all)
	}
	if float64(n)**hours < enough {
		return
	}
	for _, what := range mustHappen {
		if all.counts[what] == 0 {
			t.Errorf("in %d worlds there were no %s: what is never met is not checked", n, what)
		}
	}
}

// mustHappen is what some world must have met.
var mustHappen = []string{
	"objects created", "objects changed", "objects deleted", "objects made again", "objects deleted in masses", "unknown objects",
	"nodes changed", "endpoints changed",
	"sets created", "sets changed", "sets deleted", "names deleted",
	"foreign sets created", "foreign sets changed", "foreign sets deleted", "sets of ours changed by hand", "sets of ours deleted by hand",
	"claims of ours removed", "sets of ours given away", "sets of another owner created",
	"Route 53 faults: throttling", "Route 53 faults: 5xx", "Route 53 faults: 5xx after the change", "Route 53 faults: cut",
	"Route 53 faults: cut after the change", "Route 53 faults: prior request", "Route 53 faults: invalid batch",
	"Route 53 faults: access denied", "Route 53 faults: slow", "Route 53 faults: everything fails",
	"answers Throttling", "answers InvalidChangeBatch", "answers PriorRequestNotComplete", "answers AccessDenied", "answers InternalFailure",
	"connections cut", "writes delivered late",
	"API server: refusing", "API server: unavailable", "API server: silent", "API server: watches dropped", "API server: history gone",
	"API server: empty relists", "API server: denied", "API server: slow", "API server: failing requests",
	"leases not renewable", "partitions", "fail-overs", "restarts", "crashes at any time", "crashes before a write", "crashes after a write",
	"holds", "approvals", "held names wanted again",
	"Services exposed", "exposed Services deleted", "exposed Services withdrawn", "exposed Services given another port", "exposed Services gone",
	"nodes made fit or unfit", "security groups deleted by hand", "security groups taken off by hand", "names on nodes",
	"EC2 calls: CreateSecurityGroup", "EC2 calls: AuthorizeSecurityGroupIngress", "EC2 calls: ModifyInstanceAttribute",
	"EC2 calls: RevokeSecurityGroupIngress", "EC2 calls: DeleteSecurityGroup",
	"EC2 faults: throttling", "EC2 faults: 5xx", "EC2 faults: cut", "EC2 faults: cut after the change", "EC2 faults: access denied",
	"API server: Services not writable",
}
