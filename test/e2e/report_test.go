package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// A source that the role does not allow keeps what its objects hold; the others
// go on, deletions included. It shows in /readyz and fails it not, and when the
// permission comes it goes on by itself.
func TestFrozenSourceThaws(t *testing.T) {
	w := newWorld(t)
	w.Apply(nginxService + "---" + dev1Ingress)
	w.LoadBalancer("service/nginx", "192.0.2.7")
	w.mustOnce(flags()...)
	mynginx := []string{"mynginx.example.com. 300 A 192.0.2.7", w.claim("a-mynginx.example.com.", "my-identifier", "service", "nginx")}
	w.wantZone(w.zone, append(w.dev1Records("300"), mynginx...)...)

	w.user = w.User(strings.Replace(publishedRole, `"services",`, "", 1))
	w.Delete("service/nginx")
	p := w.start(flags("--policy=sync", "--delete-grace=0s")...)
	p.await("source service is frozen", "services", "hint=")
	w.Annotate("ingress/nginx-test-ingress", ttlKey, "60")
	w.awaitZone(w.zone, append(w.dev1Records("60"), mynginx...)...)
	code, text := p.page("/readyz")
	if code != http.StatusOK || !regexp.MustCompile(`(?m)^\[warn\] source service: frozen: .*(list|watch).*services`).MatchString(text) {
		t.Errorf("/readyz answers %d:\n%s", code, text)
	}
	if _, text := p.page("/metrics"); !strings.Contains(text, `signpost_source_frozen{source="service"} 1`) {
		t.Error("/metrics shows no frozen source")
	}
	if _, text := p.page("/explain?name=mynginx.example.com"); !strings.Contains(text, "cannot be read: source service: ") {
		t.Errorf("explained:\n%s", text)
	}
	w.Delete("ingress/nginx-test-ingress")
	w.awaitZone(w.zone, mynginx...)

	w.Apply(fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: %[1]s-services}
rules: [{apiGroups: [""], resources: [services], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s-services}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s-services}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: %[2]q}]
`, w.Name, w.user.Name))
	p.await("source service is read again")
	w.awaitZone(w.zone)
}

// With a role from before there were leases and Events, Signpost writes alone and
// says once each what it lacks, in a form to be copied.
func TestRoleWithoutLeasesAndEvents(t *testing.T) {
	w := newWorld(t)
	w.edit(w.zone, "CREATE", emulator.RecordSet{Name: "theirs.example.com.", Type: "A", TTL: 60, Values: []string{"192.0.2.9"}})
	w.Apply(dev1Ingress + "---" + severalHosts("theirs", "theirs"))
	p := w.start(flags("--lease-name=signpost", "--lease-namespace="+w.Name)...)
	w.awaitZone(w.zone, append(w.dev1Records("300"), "theirs.example.com. 60 A 192.0.2.9")...)
	rule := func(group, resource string, verbs ...string) string {
		return fmt.Sprintf(`{apiGroups: [%q], resources: [%q], verbs: ["%s"]}`, group, resource, strings.Join(verbs, `", "`))
	}
	for _, want := range []struct{ words, rule string }{
		{"this process writes alone", rule("coordination.k8s.io", "leases", "get", "create", "update")},
		{"Events may not be written", rule("events.k8s.io", "events", "create", "patch")},
	} {
		line := p.await(want.words)
		if !strings.Contains(line, "level=warning") || !strings.Contains(strings.ReplaceAll(line, `\"`, `"`), want.rule) {
			t.Errorf("the log does not name the rule %s:\n%s", want.rule, line)
		}
	}
	w.Apply(severalHosts("theirs", "theirs", "more")) // another refusal, and no other Event
	p.await("CREATE more.example.com A")
	if code, text := p.page("/readyz"); code != http.StatusOK {
		t.Errorf("/readyz answers %d:\n%s", code, text)
	}
	p.stop()
	for _, words := range []string{"this process writes alone", "Events may not be written"} {
		if n := strings.Count(p.log(), words); n != 1 {
			t.Errorf("%q is said %d times, want once", words, n)
		}
	}
}

// With --events-emit objects hear of each record set, ten times a second and no
// more often, and the lease does not suffer from it.
func TestEventsForEachRecordSet(t *testing.T) {
	w := newWorld(t)
	w.user = w.User(publishedRole + "---" + leaseRole + "---" + eventsRole)
	p := w.start(append(flags("--policy=sync", "--delete-grace=0s", "--lease-name=signpost", "--lease-namespace="+w.Name),
		"--events-emit=RecordReady", "--events-emit=RecordDeleted")...)
	p.await("became leader")
	const many = 30
	var hosts []string
	for i := range many {
		hosts = append(hosts, fmt.Sprintf("h%02d", i))
	}
	begun := time.Now()
	w.Apply(severalHosts("web", hosts...))
	p.await("CREATE h29.example.com A")
	w.awaitEvent("Normal", "Ingress", "RecordReady", ",owner:my-identifier,type:A,ttl:300,targets:192.0.2.1")
	w.poll("the rest of the Events", func() (bool, string) {
		_, text := p.page("/metrics")
		return count(text, "written") >= many, text
	})
	if took := time.Since(begun); took < (many/10-1)*time.Second {
		t.Errorf("%d Events were written within %v", many, took)
	}
	if n := len(w.events()); n != many {
		t.Errorf("there are %d Events, want %d", n, many)
	}

	w.Apply(severalHosts("web", append(hosts[1:], "new")...))
	w.awaitEvent("Normal", "Ingress", "RecordReady", "record:new.example.com,")
	w.awaitEvent("Normal", "Ingress", "RecordDeleted", "record:h00.example.com,")
	p.stop()
	if log := p.log(); strings.Contains(log, "lost the lease") || strings.Contains(log, "cannot renew") {
		t.Error("the lease was lost")
	}
}

// count returns how many Events had a result, from a page of metrics.
func count(page, result string) int {
	m := regexp.MustCompile(`(?m)^signpost_events_total\{result="` + result + `"\} (\d+)$`).FindStringSubmatch(page)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return n
}
