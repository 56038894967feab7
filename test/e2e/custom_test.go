package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dnsendpoint"
)

// shippedRole is the ClusterRole of deploy/kustomize.
func shippedRole(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/kustomize/base/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	role, _, _ := strings.Cut(string(text), "\n---\n")
	return role
}

// define installs definitions, and waits until the server serves them.
func (w *world) define(definitions ...string) {
	w.t.Helper()
	w.Apply(strings.Join(definitions, "\n---\n"))
	deadline := time.Now().Add(patience)
	for {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinitionList"})
		if err := w.Client.List(w.t.Context(), list); err != nil {
			w.t.Fatal(err)
		}
		if !slices.ContainsFunc(list.Items, func(o unstructured.Unstructured) bool { return !established(o) }) {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatal("the definitions are not established")
		}
		time.Sleep(20 * time.Millisecond)
	}
	meta.MaybeResetRESTMapper(w.Client.RESTMapper())
}

func established(definition unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions") // none of them: not yet
	return slices.ContainsFunc(conditions, func(c any) bool {
		m, ok := c.(map[string]any)
		return ok && m["type"] == "Established" && m["status"] == "True"
	})
}

// gatewayAPI returns the definitions of these resources, as the Gateway API's module has them.
func gatewayAPI(t *testing.T, resources ...string) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatalf("find the Gateway API: %v", err)
	}
	var out []string
	for _, resource := range resources {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", "standard", "gateway.networking.k8s.io_"+resource+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

const gatewayObject = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public}
spec:
  gatewayClassName: any
  listeners:
  - {name: http, port: 80, protocol: HTTP, hostname: "*.example.com"}
  - {name: tcp, port: 5432, protocol: TCP}
status:
  addresses: [{type: IPAddress, value: 192.0.2.1}]
`

// route is a Route that its Gateway accepted when it was of this generation, by host or annotation.
func route(kind, name, host string, judged int) string {
	hosts := fmt.Sprintf("hostnames: [%s]", host)
	if kind == "TCPRoute" {
		hosts = ""
	}
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: %s
metadata: {name: %s, annotations: {external-dns.kubernetes.io/hostname: %s}}
spec:
  %s
  parentRefs: [{name: public}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
status:
  parents:
  - parentRef: {group: gateway.networking.k8s.io, kind: Gateway, name: public}
    controllerName: example.com/any
    conditions: [{type: Accepted, status: "True", observedGeneration: %d, reason: Accepted, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"}]
`, kind, name, host, hosts, judged)
}

// Sources of the Gateway API begin when its definitions come, and meanwhile keep nobody else waiting. Routes follow their
// Gateway, and one that was edited is left alone until its Gateway has judged it.
func TestGatewayAPI(t *testing.T) {
	w := newWorld(t)
	w.user = w.User(shippedRole(t))
	w.Apply(dev1Ingress)
	p := w.start(flags("--source=gateway-httproute", "--source=gateway-tcproute")...)
	w.awaitZone(w.zone, w.dev1Records("300")...)
	p.await("source gateway-httproute is frozen", "has no httproutes of gateway.networking.k8s.io/v1")
	p.await("source gateway-tcproute is frozen")

	w.define(gatewayAPI(t, "gateways", "httproutes", "tcproutes")...)
	w.Apply(gatewayObject + "---" + route("HTTPRoute", "web", "web.example.com", 1) + "---" + route("TCPRoute", "db", "db.example.com", 1))
	routes := func(web, address string) []string {
		return append(w.dev1Records("300"),
			web+". 300 A "+address, w.claim("a-"+web+".", "my-identifier", "httproute", "web"),
			"db.example.com. 300 A "+address, w.claim("a-db.example.com.", "my-identifier", "tcproute", "db"))
	}
	w.awaitZone(w.zone, routes("web.example.com", "192.0.2.1")...)
	p.await("source gateway-httproute is read again")

	w.Status("gateways/public", map[string]any{"addresses": []any{map[string]any{"type": "IPAddress", "value": "192.0.2.2"}}})
	w.awaitZone(w.zone, routes("web.example.com", "192.0.2.2")...)

	w.Apply(route("HTTPRoute", "web", "new.example.com", 1))
	p.await("until Gateway", "has judged its present spec")
	w.wantZone(w.zone, routes("web.example.com", "192.0.2.2")...)
	w.Apply(route("HTTPRoute", "web", "new.example.com", 2))
	w.awaitZone(w.zone, append(routes("new.example.com", "192.0.2.2"),
		"web.example.com. 300 A 192.0.2.2", w.claim("a-web.example.com.", "my-identifier", "httproute", "web"))...)
}

const mailEndpoint = `
apiVersion: externaldns.k8s.io/v1alpha1
kind: DNSEndpoint
metadata: {name: mail}
spec:
  endpoints:
  - {dnsName: example.com, recordType: MX, recordTTL: 3600, targets: [10 mail.example.com]}
  - {dnsName: mail.example.com, recordType: A, targets: [192.0.2.25]}
  - {dnsName: _sip._tcp.example.com, recordType: SRV, targets: [0 50 5060 mail.example.com.]}
  - {dnsName: txt.example.com, recordType: TXT, targets: ['say "hi" \ bye']}
  - {dnsName: caa.example.com, recordType: CAA, targets: [0 issue letsencrypt.org]}
  - {dnsName: sip.example.com, recordType: NAPTR, targets: ['100 10 u E2U+sip "!^.*$!sip:info@example.com!" .']}
`

// awaitStatus waits until a DNSEndpoint's status is as wanted.
func (w *world) awaitStatus(name string, want ...string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(dnsendpoint.GVK())
		w.Get("dnsendpoints/"+name, o)
		var typed dnsendpoint.DNSEndpoint
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &typed); err != nil {
			w.t.Fatal(err)
		}
		got := []string{fmt.Sprint(typed.Status.ObservedGeneration)}
		for _, c := range typed.Status.Conditions {
			got = append(got, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
		}
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the status of %s is %q, want %q", name, got, want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A DNSEndpoint holds any type of record set, and its status tells what became of it: as much as the installed definition
// has room for.
func TestDNSEndpoints(t *testing.T) {
	w := newWorld(t)
	w.user = w.User(shippedRole(t))
	shipped, err := os.ReadFile("../../deploy/kustomize/crd/dnsendpoints.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.define(withoutConditions(t, string(shipped)))
	w.Apply(mailEndpoint)
	p := w.start(append(flags("--source=crd", "--policy=sync", "--delete-grace=1s"), "--managed-record-types=A", "--managed-record-types=MX",
		"--managed-record-types=SRV", "--managed-record-types=TXT", "--managed-record-types=CAA", "--managed-record-types=NAPTR")...)
	claim := func(name string) string { return w.claim(name, "my-identifier", "crd", "mail") }
	records := func(mx string) []string {
		return []string{
			"example.com. 3600 MX " + mx, claim("_signpost-mx.example.com."),
			"mail.example.com. 300 A 192.0.2.25", claim("a-mail.example.com."),
			"_sip._tcp.example.com. 300 SRV 0 50 5060 mail.example.com.", claim("srv-_sip._tcp.example.com."),
			`txt.example.com. 300 TXT "say \"hi\" \\ bye"`, claim("txt-txt.example.com."),
			`sip.example.com. 300 NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .`, claim("naptr-sip.example.com."),
			`caa.example.com. 300 CAA 0 issue "letsencrypt.org"`, claim("caa-caa.example.com."),
		}
	}
	p.await("watching")
	w.awaitZone(w.zone, records("10 mail.example.com.")...)
	w.awaitStatus("mail", "1")

	w.define(string(shipped))
	w.Apply(strings.Replace(mailEndpoint, "10 mail", "20 mail", 1))
	w.awaitZone(w.zone, records("20 mail.example.com.")...)
	w.awaitStatus("mail", "2", "Accepted=True Accepted", "Programmed=True Programmed")

	w.Apply(strings.Replace(mailEndpoint, "10 mail", "twenty mail", 1) + `
---
apiVersion: externaldns.k8s.io/v1alpha1
kind: DNSEndpoint
metadata: {name: away}
spec:
  endpoints: [{dnsName: www.example.org, recordType: A, targets: [192.0.2.1]}]
`)
	w.awaitStatus("mail", "3", "Accepted=False BadTarget", "Programmed=False BadTarget")
	w.awaitStatus("away", "1", "Accepted=True Accepted", "Programmed=False NoZone")
	w.wantZone(w.zone, records("20 mail.example.com.")...)

	fewer := strings.Replace(mailEndpoint, "10 mail", "20 mail", 1)
	w.Apply(fewer[:strings.Index(fewer, "  - {dnsName: caa.")] + fewer[strings.Index(fewer, "  - {dnsName: sip."):])
	w.awaitZone(w.zone, records("20 mail.example.com.")[:10]...)
	w.awaitStatus("mail", "4", "Accepted=True Accepted", "Programmed=True Programmed")
}

// withoutConditions returns the definition as ExternalDNS has it.
func withoutConditions(t *testing.T, definition string) string {
	t.Helper()
	before, conditions, ok := strings.Cut(definition, "              conditions:\n")
	if !ok || strings.Contains(before, "conditions:") || !strings.Contains(conditions, "x-kubernetes-list-map-keys") {
		t.Fatalf("the conditions are not where they were:\n%s", definition)
	}
	return before
}
