package e2e

import (
	"strings"
	"testing"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// The objects of the published guides that Signpost's users follow.
const (
	nginxService = `
apiVersion: v1
kind: Service
metadata:
  name: nginx
  annotations:
    external-dns.alpha.kubernetes.io/hostname: mynginx.example.com
spec:
  type: LoadBalancer
  ports: [{port: 80, targetPort: 80}]
  selector: {app: nginx}
`
	dev1Ingress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: nginx-test-ingress
spec:
  ingressClassName: nginx
  rules:
  - host: dev1.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: nginx-service, port: {number: 8080}}}
status:
  loadBalancer:
    ingress: [{ip: 192.168.10.51}]
`
	elb     = "abc-123.ap-northeast-1.elb.amazonaws.com"
	elbZone = "Z14GRHDCWA56QT"

	hostnameKey = "external-dns.alpha.kubernetes.io/hostname"
	ttlKey      = "external-dns.alpha.kubernetes.io/ttl"
	targetKey   = "external-dns.alpha.kubernetes.io/target"
)

func (w *world) nginxRecords() []string {
	return []string{
		"mynginx.example.com. A -> " + elb + ". (" + elbZone + ", health true)",
		"mynginx.example.com. AAAA -> " + elb + ". (" + elbZone + ", health true)",
		w.claim("a-mynginx.example.com.", "my-identifier", "service", "nginx"),
		w.claim("aaaa-mynginx.example.com.", "my-identifier", "service", "nginx"),
	}
}

func (w *world) dev1Records(ttl string) []string {
	return []string{
		"dev1.example.com. " + ttl + " A 192.168.10.51",
		w.claim("a-dev1.example.com.", "my-identifier", "ingress", "nginx-test-ingress"),
	}
}

// The published command makes the published record sets, and a second run
// writes nothing.
func TestPublishedObjectsBecomeTheirRecordSets(t *testing.T) {
	w := newWorld(t)
	w.Apply(nginxService + "---" + dev1Ingress)
	w.LoadBalancer("service/nginx", elb)

	log := w.mustOnce(flags()...)
	for _, line := range []string{"Desired change: CREATE mynginx.example.com A", "Desired change: CREATE dev1.example.com A",
		"Desired change: CREATE a-dev1.example.com TXT", "6 record(s) were successfully updated"} {
		if !strings.Contains(log, line) {
			t.Errorf("the log lacks %q:\n%s", line, log)
		}
	}
	w.wantZone(w.zone, append(w.nginxRecords(), w.dev1Records("300")...)...)

	w.aws.ResetCalls()
	log = w.mustOnce(flags()...)
	if !strings.Contains(log, "All records are already up to date") {
		t.Errorf("the second run does not say that all is up to date:\n%s", log)
	}
	if n := w.writes(); n > 0 {
		t.Errorf("the second run wrote %d times", n)
	}
}

// A running Signpost follows what happens to a Service.
func TestServiceLivesAndItsNameFollows(t *testing.T) {
	w := newWorld(t)
	p := w.start(flags()...)
	p.await("All records are already up to date")

	w.Apply(nginxService)
	w.LoadBalancer("service/nginx", elb)
	w.awaitZone(w.zone, w.nginxRecords()...)

	w.LoadBalancer("service/nginx", "192.0.2.7")
	aaaa := w.nginxRecords()[1]
	w.awaitZone(w.zone, "mynginx.example.com. 300 A 192.0.2.7", aaaa, w.nginxRecords()[2], w.nginxRecords()[3])

	w.Annotate("service/nginx", ttlKey, "60")
	w.awaitZone(w.zone, "mynginx.example.com. 60 A 192.0.2.7", aaaa, w.nginxRecords()[2], w.nginxRecords()[3])

	if code := p.stop(); code != 0 {
		t.Errorf("stopped by a signal it exits with %d, want 0", code)
	}
}

func TestTTLAnnotation(t *testing.T) {
	w := newWorld(t)
	w.Apply(dev1Ingress)
	w.Annotate("ingress/nginx-test-ingress", ttlKey, "60")
	w.mustOnce(flags()...)
	w.wantZone(w.zone, w.dev1Records("60")...)
	w.Annotate("ingress/nginx-test-ingress", ttlKey, "")
	w.mustOnce(flags()...)
	w.wantZone(w.zone, w.dev1Records("300")...)
}

// With upsert-only nothing goes when the annotation does; with sync exactly what
// is ours goes.
func TestAnnotationRemoved(t *testing.T) {
	w := newWorld(t)
	foreign := []string{
		"by-hand.example.com. 300 A 203.0.113.5",
		`a-theirs.example.com. 300 TXT "heritage=external-dns,external-dns/owner=them,external-dns/resource=service/x/y"`,
		"theirs.example.com. 300 A 203.0.113.6",
	}
	w.edit(w.zone, "CREATE", emulator.RecordSet{Name: "by-hand.example.com", Type: "A", TTL: 300, Values: []string{"203.0.113.5"}})
	w.edit(w.zone, "CREATE", emulator.RecordSet{Name: "theirs.example.com", Type: "A", TTL: 300, Values: []string{"203.0.113.6"}})
	w.edit(w.zone, "CREATE", emulator.RecordSet{Name: "a-theirs.example.com", Type: "TXT", TTL: 300,
		Values: []string{`"heritage=external-dns,external-dns/owner=them,external-dns/resource=service/x/y"`}})
	w.Apply(nginxService + "---" + dev1Ingress)
	w.LoadBalancer("service/nginx", elb)
	w.mustOnce(flags()...)
	all := append(append(w.nginxRecords(), w.dev1Records("300")...), foreign...)
	w.wantZone(w.zone, all...)

	w.Annotate("service/nginx", hostnameKey, "")
	w.mustOnce(flags()...)
	w.wantZone(w.zone, all...)

	log := w.mustOnce(flags("--policy=sync")...)
	w.wantZone(w.zone, append(w.dev1Records("300"), foreign...)...)
	if !strings.Contains(log, "Desired change: DELETE mynginx.example.com A") {
		t.Errorf("the log does not tell the deletion:\n%s", log)
	}
}

// An Ingress with a target becomes a CNAME, and the claim has the prefix.
func TestCNAMEWithPrefix(t *testing.T) {
	w := newWorld(t)
	w.Apply(dev1Ingress)
	w.Annotate("ingress/nginx-test-ingress", hostnameKey, "dev1.example.com")
	w.Annotate("ingress/nginx-test-ingress", targetKey, "alias1.example.com")
	w.mustOnce(flags("--txt-prefix=prefix_", "--aws-zone-type=public")...)
	w.wantZone(w.zone,
		"dev1.example.com. 300 CNAME alias1.example.com.",
		w.claim("prefix_cname-dev1.example.com.", "my-identifier", "ingress", "nginx-test-ingress"))
}

// Two owners share a zone and leave each other's record sets alone.
func TestTwoOwners(t *testing.T) {
	w := newWorld(t)
	w.Apply(nginxService + "---" + dev1Ingress)
	w.LoadBalancer("service/nginx", "192.0.2.7")
	blue := flags("--txt-owner-id=blue", "--policy=sync", "--namespace="+w.Name)
	blue = append(blue[1:], "--ingress-class=nginx")            // ingresses only
	green := flags("--txt-owner-id=green", "--policy=sync")[0:] // both sources
	w.mustOnce(blue...)
	dev1 := []string{"dev1.example.com. 300 A 192.168.10.51", w.claim("a-dev1.example.com.", "blue", "ingress", "nginx-test-ingress")}
	w.wantZone(w.zone, dev1...)

	log := w.mustOnce(green...)
	mynginx := []string{"mynginx.example.com. 300 A 192.0.2.7", w.claim("a-mynginx.example.com.", "green", "service", "nginx")}
	w.wantZone(w.zone, append(mynginx, dev1...)...)
	if !strings.Contains(log, "NotOwned") || !strings.Contains(log, `owner \"blue\"`) {
		t.Errorf("green does not say that dev1 belongs to blue:\n%s", log)
	}

	w.Delete("ingress/nginx-test-ingress")
	w.mustOnce(green...)
	w.wantZone(w.zone, append(mynginx, dev1...)...)
	w.mustOnce(blue...)
	w.wantZone(w.zone, mynginx...)
}

// A private zone of its own name gets its record sets, the public one none.
func TestPrivateZone(t *testing.T) {
	w := newWorld(t)
	private := w.addZone("private.example.com", emulator.Private("ap-northeast-1", "vpc-1"))
	w.Apply(strings.ReplaceAll(nginxService, "mynginx.example.com", "mynginx.private.example.com"))
	w.LoadBalancer("service/nginx", "10.1.2.3")
	w.mustOnce(flags("--domain-filter=private.example.com")...)
	w.wantZone(w.zone)
	w.wantZone(private,
		"mynginx.private.example.com. 300 A 10.1.2.3",
		w.claim("a-mynginx.private.example.com.", "my-identifier", "service", "nginx"))
}

const readOnly = `{"Version": "2012-10-17", "Statement": [
	{"Effect": "Allow", "Action": ["route53:ListHostedZones", "route53:ListResourceRecordSets"], "Resource": ["*"]}]}`

const readAndWrite = `{"Version": "2012-10-17", "Statement": [
	{"Effect": "Allow", "Action": ["route53:ChangeResourceRecordSets"], "Resource": ["arn:aws:route53:::hostedzone/*"]},
	{"Effect": "Allow", "Action": ["route53:ListHostedZones", "route53:ListResourceRecordSets"], "Resource": ["*"]}]}`

// A missing permission is named, and when it is given Signpost goes on by itself.
func TestAccessDeniedAndRecovery(t *testing.T) {
	w := newWorld(t)
	w.policy(readOnly)
	w.Apply(dev1Ingress)
	p := w.start(flags("--interval=2s")...)
	p.await("is not authorized to perform: route53:ChangeResourceRecordSets")
	w.wantZone(w.zone)
	w.policy(readAndWrite)
	w.awaitZone(w.zone, w.dev1Records("300")...)
	p.await("Reconciliation succeeded after")
}

// The policy that the private docker registry's guide gives names no
// ListHostedZones: with the zone's ID it suffices.
func TestPolicyWithoutListHostedZones(t *testing.T) {
	w := newWorld(t)
	w.policy(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Action": ["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
		"Resource": ["arn:aws:route53:::hostedzone/*"]}]}`)
	w.Apply(dev1Ingress)
	log := w.mustOnce(flags("--zone-id-filter=" + w.zone)...)
	w.wantZone(w.zone, w.dev1Records("300")...)
	if n := strings.Count(log, "route53:ListHostedZones"); n != 1 {
		t.Errorf("the log names the missing permission %d times, want once:\n%s", n, log)
	}
}

// A role that may not read Services freezes that source, and says which rule
// would help; Ingresses go on.
func TestRoleWithoutServices(t *testing.T) {
	w := newWorld(t)
	w.Apply(nginxService + "---" + dev1Ingress)
	w.LoadBalancer("service/nginx", "192.0.2.7")
	w.user = w.User(strings.Replace(publishedRole, `"services",`, "", 1))
	code, log := w.once(flags("--policy=sync")...)
	if code != 3 {
		t.Errorf("exit code %d, want 3:\n%s", code, log)
	}
	w.wantZone(w.zone, w.dev1Records("300")...)
	if !strings.Contains(log, "services") || !strings.Contains(log, "list") || !strings.Contains(log, "hint:") {
		t.Errorf("the log does not name verb and resource with a hint:\n%s", log)
	}
}
