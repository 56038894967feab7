package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// echo is an echo service of a line whose address changes; "" is none.
type echo struct {
	*httptest.Server
	addr atomic.Value
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{}
	e.addr.Store("")
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if e.addr.Load() == "" {
			http.Error(w, "<html>no</html>", http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, e.addr.Load())
	}))
	t.Cleanup(e.Close)
	return e
}

// A cluster at home, whose Services and Ingresses have addresses of 192.168: names lead to the line's address, which
// changes, and stay while it cannot be learned.
func TestHomeLine(t *testing.T) {
	w := newWorld(t)
	lines := []*echo{newEcho(t), newEcho(t)}
	now := func(addr string) {
		for _, e := range lines {
			e.addr.Store(addr)
		}
	}
	args := flags("--policy=sync", "--delete-grace=0", "--namespace="+w.Name, "--public-ip-interval=1s")
	for _, e := range lines {
		args = append(args, "--public-ip-echo-service="+e.URL)
	}
	w.Apply(`
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations: {external-dns.alpha.kubernetes.io/hostname: web.example.com, signpost.dev/target: public-ip}
spec:
  type: LoadBalancer
  ports: [{port: 80}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations: {signpost.dev/target: public-ip}
spec:
  rules:
  - host: shop.example.com
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]
`)
	w.LoadBalancer("service/web", "192.168.10.50")
	w.LoadBalancer("ingress/shop", "192.168.10.50")
	records := func(addr string) []string {
		return []string{
			w.claim("a-web.example.com.", "my-identifier", "service", "web"), "web.example.com. 300 A " + addr,
			w.claim("a-shop.example.com.", "my-identifier", "ingress", "shop"), "shop.example.com. 300 A " + addr,
		}
	}
	p := w.start(args...)
	p.await("what the object holds stays as it is", "no two echo services agree", "object=service") // nothing is published instead
	now("54.1.1.1")
	w.awaitZone(w.zone, records("54.1.1.1")...)
	now("")
	p.await("cannot be learned; what is published stays")
	w.wantZone(w.zone, records("54.1.1.1")...)
	now("54.1.1.2")
	w.awaitZone(w.zone, records("54.1.1.2")...)
	if code := p.stop(); code != 0 {
		t.Errorf("stopped by a signal it exits with %d", code)
	}

	now("")
	code, log := w.once(args...)
	if code == 0 {
		t.Errorf("one pass that cannot learn the address exits with 0:\n%s", log)
	}
	w.wantZone(w.zone, records("54.1.1.2")...)
	now("54.1.1.3")
	w.mustOnce(args...)
	w.wantZone(w.zone, records("54.1.1.3")...)
}
