package e2e

import (
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
			second := w.start(args...)
			second.await("stand")
			w.aws.ResetCalls()

			w.Apply(dev1Ingress)
			w.awaitZone(w.zone, w.dev1Records("300")...)
			if n := w.writes(); n != 1 {
				t.Errorf("two replicas wrote %d times, want once", n)
			}
			if strings.Contains(second.log(), "Applying provider record filter") {
				t.Errorf("the replica that stands by made calls:\n%s", second.log())
			}

			if err := first.cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			w.Annotate("ingress/nginx-test-ingress", ttlKey, "60")
			w.awaitZone(w.zone, w.dev1Records("60")...)
			second.await("Desired change: UPSERT dev1.example.com A")
		})
	}
}
