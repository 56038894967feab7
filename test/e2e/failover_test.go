package e2e

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Of two replicas one writes. When it ends the other takes over, at once if it
// was asked to end, and soon if it was killed; what happened meanwhile is not lost.
func TestFailover(t *testing.T) {
	for _, tt := range []struct {
		how    string
		signal os.Signal
	}{{"asked to end", syscall.SIGTERM}, {"killed", syscall.SIGKILL}} {
		t.Run(tt.how, func(t *testing.T) {
			w := newWorld(t)
			w.user = w.User(publishedRole + "---" + leaseRole)
			args := flags("--lease-name=signpost", "--lease-namespace="+w.Name)
			first := w.start(args...)
			first.await("Applying provider record filter")
			second := w.startAs("SECOND", args...)
			second.await("stand")
			w.aws.ResetCalls()

			w.Apply(dev1Ingress)
			w.awaitZone(w.zone, w.dev1Records("300")...)
			if n := w.writes(); n != 1 {
				t.Errorf("two replicas wrote %d times, want once", n)
			}
			if n := w.calls("SECOND"); n > 0 || strings.Contains(second.log(), "Applying provider record filter") {
				t.Errorf("the replica that stands by made %d calls:\n%s", n, second.log())
			}
			w.poll("that the replica that stands by is ready", func() (bool, string) {
				code, text := second.page("/readyz")
				return code == http.StatusOK && strings.Contains(text, "lease: standing by, "), text
			})

			if err := first.cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			w.Annotate("ingress/nginx-test-ingress", ttlKey, "60")
			w.awaitZone(w.zone, w.dev1Records("60")...)
			second.await("Desired change: UPSERT dev1.example.com A")
			if tt.signal == syscall.SIGTERM {
				<-first.read
				if log := first.log(); !strings.Contains(log, "gave up the lease") || strings.Contains(log, "UPSERT") {
					t.Errorf("asked to end it did not give the lease up, or wrote after that:\n%s", log)
				}
			}
		})
	}
}
