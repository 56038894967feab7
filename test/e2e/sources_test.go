package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// metric returns the value of a counter without labels.
func (p *process) metric(name string) int {
	p.t.Helper()
	_, text := p.page("/metrics")
	line := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if line == nil {
		p.t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(line[1], 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return int(value)
}

const (
	e2eNodes = `
apiVersion: v1
kind: Node
metadata: {name: n1.nodes.example.com}
status:
  addresses: [{type: ExternalIP, address: 192.0.2.1}, {type: InternalIP, address: 10.0.0.1}]
---
apiVersion: v1
kind: Node
metadata: {name: n2.nodes.example.com}
status:
  addresses: [{type: ExternalIP, address: 192.0.2.2}, {type: InternalIP, address: 10.0.0.2}]
`
	e2eHeadless = `
apiVersion: v1
kind: Service
metadata:
  name: db
  annotations: {external-dns.kubernetes.io/hostname: db.example.com}
spec:
  clusterIP: None
  selector: {app: db}
  ports: [{port: 5432}]
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, labels: {app: db}}
spec:
  hostname: db-0
  nodeName: n1.nodes.example.com
  containers: [{name: db, image: db}]
status: {phase: Running, podIP: 10.1.0.1, podIPs: [{ip: 10.1.0.1}], hostIP: 10.0.0.1, hostIPs: [{ip: 10.0.0.1}]}
`
	e2eNodePort = `
apiVersion: v1
kind: Service
metadata:
  name: port
  annotations: {external-dns.kubernetes.io/hostname: port.example.com}
spec:
  type: NodePort
  selector: {app: db}
  ports: [{port: 80, nodePort: 30123}]
`
	e2ePod = `
apiVersion: v1
kind: Pod
metadata:
  name: edge
  annotations: {external-dns.kubernetes.io/hostname: edge.example.com}
spec:
  hostNetwork: true
  nodeName: n2.nodes.example.com
  containers: [{name: edge, image: edge, ports: [{containerPort: 80}]}]
`
)

func e2eSlice(addresses ...string) string {
	var endpoints strings.Builder
	for i, a := range addresses {
		ref := ""
		if i == 0 {
			ref = ", targetRef: {kind: Pod, name: db-0}"
		}
		fmt.Fprintf(&endpoints, "- {addresses: [%s]%s}\n", a, ref)
	}
	return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{port: 5432}]
endpoints:
` + endpoints.String()
}

// Services of the other types, Nodes and Pods, with the permissions that deploy gives. A change of a Node or of endpoints has
// exactly those objects derived again that read it; heartbeats have nobody.
func TestNodesPodsAndEndpoints(t *testing.T) {
	w := newWorld(t)
	w.user = w.deployed()
	w.Apply(e2eNodes + "---" + e2eHeadless + "---" + e2eSlice("10.1.0.1", "10.1.0.9") + "---" + e2eNodePort + "---" + e2ePod)
	p := w.start(append(flags("--source=node", "--source=pod", "--policy=sync", "--delete-grace=0s", "--namespace="+w.Name),
		"--managed-record-types=A", "--managed-record-types=SRV")...)
	records := func(n2 string, db ...string) []string {
		out := []string{
			"db-0.db.example.com. 300 A 10.1.0.1", w.claim("a-db-0.db.example.com.", "my-identifier", "service", "db"),
			w.claim("a-db.example.com.", "my-identifier", "service", "db"),
			"edge.example.com. 300 A " + n2, w.claim("a-edge.example.com.", "my-identifier", "pod", "edge"),
			"port.example.com. 300 A 192.0.2.1", "port.example.com. 300 A " + n2, w.claim("a-port.example.com.", "my-identifier", "service", "port"),
			"_port._tcp.port.example.com. 300 SRV 0 50 30123 port.example.com.",
			w.claim("srv-_port._tcp.port.example.com.", "my-identifier", "service", "port"),
			"n1.nodes.example.com. 300 A 192.0.2.1", "n2.nodes.example.com. 300 A " + n2,
		}
		for _, n := range []string{"n1", "n2"} {
			out = append(out, fmt.Sprintf(`a-%s.nodes.example.com. 300 TXT "heritage=external-dns,external-dns/owner=my-identifier,external-dns/resource=node/%s.nodes.example.com"`, n, n))
		}
		for _, a := range db {
			out = append(out, "db.example.com. 300 A "+a)
		}
		return out
	}
	w.awaitZone(w.zone, records("192.0.2.2", "10.1.0.1", "10.1.0.9")...)

	derived, planned := 0, 0
	w.until(5*time.Second, func() bool { // what came last is counted when it is done
		d, n := p.metric("signpost_derivations_total"), p.metric("signpost_planned_names_total")
		same := d == derived && n == planned
		derived, planned = d, n
		return same
	})
	step := func(what string, derivations, names int) {
		t.Helper()
		var now, then int
		w.until(patience, func() bool {
			now, then = p.metric("signpost_derivations_total"), p.metric("signpost_planned_names_total")
			return now >= derived+derivations && then >= planned+names
		})
		if now-derived != derivations || then-planned != names {
			t.Errorf("%s: %d objects derived and %d names planned, want %d and %d", what, now-derived, then-planned, derivations, names)
		}
		derived, planned = now, then
	}
	for i := range 5 {
		w.heartbeat("n1.nodes.example.com", time.Now().Add(time.Duration(i)*time.Second))
	}
	w.Apply(e2eSlice("10.1.0.1", "10.1.0.8")) // behind the heartbeats
	w.awaitZone(w.zone, records("192.0.2.2", "10.1.0.1", "10.1.0.8")...)
	step("heartbeats, and another endpoint", 1, 1)

	w.Apply(strings.Replace(e2eNodes, "192.0.2.2", "192.0.2.22", 1))
	w.awaitZone(w.zone, records("192.0.2.22", "10.1.0.1", "10.1.0.8")...)
	step("another address of a Node", 3, 3) // itself, the NodePort Service, and the Pod that runs there
}

// heartbeat writes what a kubelet writes again and again.
func (w *world) heartbeat(node string, at time.Time) {
	w.t.Helper()
	var n corev1.Node
	w.Get("node/"+node, &n)
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, LastHeartbeatTime: metav1.NewTime(at)}}
	if err := w.Client.Status().Update(w.t.Context(), &n); err != nil {
		w.t.Fatal(err)
	}
}

// What a Namespace may not ask for is refused with an Event, in every source, until its annotation allows it.
func TestAllowedDomains(t *testing.T) {
	w := newWorld(t)
	w.user = w.deployed()
	w.Annotate("namespace/"+w.Name, "signpost.dev/allowed-domains", "team.example.com")
	w.Apply(e2eNodes + "---" + e2eHeadless + "---" + e2eSlice("10.1.0.1") + "---" + e2ePod)
	p := w.start(flags("--source=pod", "--policy=sync", "--delete-grace=0s", "--namespace="+w.Name)...)
	for _, kind := range []string{"Service", "Pod"} {
		w.awaitEvent("Warning", kind, "Denied", "Namespace "+w.Name+" may ask for names in team.example.com only")
	}
	if got := w.records(w.zone); len(got) > 0 {
		t.Errorf("published all the same: %q", got)
	}
	w.Annotate("namespace/"+w.Name, "signpost.dev/allowed-domains", "team.example.com,example.com")
	w.awaitZone(w.zone, "edge.example.com. 300 A 192.0.2.2", w.claim("a-edge.example.com.", "my-identifier", "pod", "edge"),
		"db.example.com. 300 A 10.1.0.1", w.claim("a-db.example.com.", "my-identifier", "service", "db"),
		"db-0.db.example.com. 300 A 10.1.0.1", w.claim("a-db-0.db.example.com.", "my-identifier", "service", "db"))

	derived := p.metric("signpost_derivations_total")
	w.Annotate("namespace/"+w.Name, "example.com/other", "yes")
	w.Annotate("namespace/"+w.Name, "signpost.dev/allowed-domains", ".example.com")
	w.until(patience, func() bool { return p.metric("signpost_derivations_total") >= derived+2 })
	if n := p.metric("signpost_derivations_total") - derived; n != 2 {
		t.Errorf("%d objects derived, want the 2 that ask for names, once each", n)
	}
}
