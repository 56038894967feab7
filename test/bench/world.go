package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/apiserver"
)

const (
	domain = "example.com"
	owner  = "bench"

	latency  = 50 * time.Millisecond
	rate     = 5
	pageSize = 300 // record sets that one list call returns
)

// world is an API server, a Route 53 with one or more zones, and the processes that work on them.
type world struct {
	bench      *bench
	api        *apiserver.Server
	aws        *emulator.Server
	zones      []string // the first has the domain as apex, the others lie below it
	awsURL     string
	kubeconfig string
	dir        string
	naming     claim.Naming
	processes  []*process
	close      []func() error

	changed chan struct{} // a place for one: changes were accepted
	mu      sync.Mutex
	ends    []time.Time // when changes were accepted
}

// newWorld opens a world with so many zones. Bad is an address that Route 53 refuses, "" if there is none.
func (b *bench) newWorld(zones int, bad string) (w *world, err error) {
	w = &world{bench: b, api: apiserver.New(apiserver.Options{}), changed: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.end())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "signpost-bench-"); err != nil {
		return w, err
	}
	w.close = append(w.close, func() error { return os.RemoveAll(w.dir) })
	if w.naming, err = claim.NewNaming("", "", ""); err != nil {
		return w, err
	}
	apiURL, stop, err := w.api.Listen()
	if err != nil {
		return w, err
	}
	w.close = append(w.close, stop)
	w.kubeconfig = filepath.Join(w.dir, "kubeconfig")
	if err := os.WriteFile(w.kubeconfig, fmt.Appendf(nil, kubeconfig, apiURL), 0o600); err != nil {
		return w, err
	}
	w.aws = emulator.New(emulator.Config{Latency: latency, Rate: rate, MaxRecordSets: 1_000_000, Log: slog.New(ends{w})})
	for i := range zones {
		apex := domain
		if i > 0 {
			apex = fmt.Sprintf("z%d.%s", i, domain)
		}
		id, err := w.aws.AddZone(apex)
		if err != nil {
			return w, err
		}
		w.zones = append(w.zones, id)
	}
	server := httptest.NewServer(refusing(w.aws, bad))
	w.awsURL = server.URL
	w.close = append(w.close, func() error { server.CloseClientConnections(); server.Close(); return nil })
	return w, nil
}

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: bench, cluster: {server: %q}}]
users: [{name: bench, user: {}}]
contexts: [{name: bench, context: {cluster: bench, user: bench}}]
current-context: bench
`

// end ends the processes and the servers.
func (w *world) end() error {
	for _, p := range w.processes {
		p.kill()
	}
	var errs []error
	for i := len(w.close) - 1; i >= 0; i-- {
		errs = append(errs, w.close[i]())
	}
	return errors.Join(errs...)
}

// ends notes when calls end: the emulator logs each when it has been answered.
type ends struct{ *world }

func (ends) Enabled(context.Context, slog.Level) bool { return true }
func (e ends) WithAttrs([]slog.Attr) slog.Handler     { return e }
func (e ends) WithGroup(string) slog.Handler          { return e }

func (e ends) Handle(_ context.Context, r slog.Record) error {
	change, ok := false, false
	r.Attrs(func(a slog.Attr) bool {
		change = change || a.Key == "action" && a.Value.String() == changeAction
		ok = ok || a.Key == "status" && a.Value.Int64() == http.StatusOK
		return true
	})
	if change && ok {
		e.mu.Lock()
		e.ends = append(e.ends, r.Time)
		e.mu.Unlock()
		select {
		case e.changed <- struct{}{}:
		default:
		}
	}
	return nil
}

const (
	changeAction = "ChangeResourceRecordSets"
	listAction   = "ListResourceRecordSets"
)

// reset forgets the calls so far.
func (w *world) reset() {
	w.aws.ResetCalls()
	w.mu.Lock()
	w.ends = nil
	w.mu.Unlock()
}

// count returns how many calls there were of an action, all if it is "", and how many of them were throttled.
func (w *world) count(action string) (n, throttled int) {
	for _, c := range w.aws.Calls() {
		if action == "" || c.Action == action {
			n++
			if c.Code == "Throttling" {
				throttled++
			}
		}
	}
	return n, throttled
}

// accepted returns when each name was changed last, since the calls were reset. A zone has one change at a time, so that
// calls and their ends are in one order; it is right for one zone only.
func (w *world) accepted() map[string]time.Time {
	w.mu.Lock()
	ends := w.ends
	w.mu.Unlock()
	at := map[string]time.Time{}
	i := 0
	for _, c := range w.aws.Calls() {
		if c.Action != changeAction || c.Status != http.StatusOK {
			continue
		}
		if i == len(ends) {
			break
		}
		for _, change := range c.Changes {
			at[strings.TrimSuffix(change.Name, ".")] = ends[i]
		}
		i++
	}
	return at
}

// await returns when done does, or an error if it takes too long or a process ends that should not. It asks whenever a
// change has been accepted, and seldom otherwise, so as not to disturb what is measured.
func (w *world) await(ctx context.Context, what string, patience time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not come about within %s", what, patience)
		case <-w.changed:
		case <-time.After(200 * time.Millisecond):
		}
		for _, p := range w.processes {
			if err := p.ended(); err != nil {
				return err
			}
		}
	}
	return nil
}

// took returns how long after begin the names had all been changed, waiting for that.
func (w *world) took(ctx context.Context, begin time.Time, hosts ...string) (time.Duration, error) {
	var last time.Time
	err := w.await(ctx, "a change of "+hosts[0], 5*time.Minute, func() bool {
		at := w.accepted()
		last = begin
		for _, host := range hosts {
			end, ok := at[host]
			if !ok {
				return false
			}
			if end.After(last) {
				last = end
			}
		}
		return true
	})
	return last.Sub(begin), err
}

// host returns the host name of the Ingress of a number, in the zone of an index.
func (w *world) host(zone, i int) string {
	if zone == 0 {
		return fmt.Sprintf("h%06d.apps.%s", i, domain)
	}
	return fmt.Sprintf("h%06d.z%d.%s", i, zone, domain)
}

// ingress returns an Ingress as it is in clusters: with what kubectl and its controllers leave on it.
func ingress(host, address string) *networkingv1.Ingress {
	name := dns.Name(host).String()
	class, prefix := "nginx", networkingv1.PathTypePrefix
	i := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name,
			Labels:      map[string]string{"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "Helm", "team": "bench"},
			Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": fmt.Sprintf(lastApplied, name, host, name)},
			ManagedFields: []metav1.ManagedFieldsEntry{
				{Manager: "kubectl-client-side-apply", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "networking.k8s.io/v1",
					FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(managedSpec)},
				{Manager: "nginx-ingress-controller", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "networking.k8s.io/v1",
					FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(managedStatus), Subresource: "status"},
			},
		},
		Spec: networkingv1.IngressSpec{
			IngressClassName: &class,
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: name, Port: networkingv1.ServiceBackendPort{Number: 80}}}}}}}}},
		},
	}
	i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: address}}
	return i
}

const (
	lastApplied = `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"annotations":{},"name":%q,"namespace":"default"},` +
		`"spec":{"ingressClassName":"nginx","rules":[{"host":%q,"http":{"paths":[{"backend":{"service":{"name":%q,"port":{"number":80}}},` +
		`"path":"/","pathType":"Prefix"}]}}]}}`
	managedSpec = `{"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}},"f:labels":{".":{},` +
		`"f:app.kubernetes.io/managed-by":{},"f:app.kubernetes.io/name":{},"f:team":{}}},"f:spec":{"f:ingressClassName":{},"f:rules":{}}}`
	managedStatus = `{"f:status":{"f:loadBalancer":{"f:ingress":{}}}}`
)

// address returns one of many addresses.
func address(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16&0xff, i>>8&0xff, i&0xff) }

// objects makes n Ingresses with names in a zone.
func (w *world) objects(zone, n int) error {
	for i := range n {
		if err := w.api.Create(ingress(w.host(zone, i), address(i))); err != nil {
			return err
		}
	}
	return nil
}

// fill makes a zone hold what n Ingresses want, each a record set with its claim.
func (w *world) fill(zone, n int) error {
	apex := dns.Name(domain + ".")
	if zone > 0 {
		apex = dns.Name(fmt.Sprintf("z%d.%s.", zone, domain))
	}
	var changes []emulator.Change
	for i := range n {
		host := w.host(zone, i)
		set := dns.RecordSet{Key: dns.Key{Name: dns.Name(host + "."), Type: dns.A}, TTL: 300, Data: []string{address(i)}}
		at, err := w.naming.Name(set.Key, apex)
		if err != nil {
			return err
		}
		txt := claim.Set(claim.Claim{Owner: owner, Resource: "ingress/default/" + host}, at, set)
		for _, s := range []dns.RecordSet{set, txt} {
			changes = append(changes, emulator.Change{Action: "CREATE", Set: emulator.RecordSet{
				Name: string(s.Name), Type: string(s.Type), TTL: int64(s.TTL), Values: s.Data}})
		}
		if len(changes) >= 200 || i == n-1 {
			if err := w.aws.Change(w.zones[zone], changes...); err != nil {
				return fmt.Errorf("fill the zone: %w", err)
			}
			changes = changes[:0]
		}
	}
	return nil
}

// read waits until the zones have been read whole.
func (w *world) read(ctx context.Context) error {
	pages := 0
	for _, id := range w.zones {
		pages += (len(w.aws.RecordSets(id)) + pageSize - 1) / pageSize
	}
	err := w.await(ctx, "a whole read of the zones", 10*time.Minute, func() bool {
		n, throttled := w.count(listAction)
		return n-throttled >= pages
	})
	if err != nil {
		return err
	}
	return pause(ctx, 2*time.Second)
}

// quiet returns when a process has done next to nothing for two seconds: what follows the first reading of a large zone is done.
func (w *world) quiet(ctx context.Context, p *process) error {
	for range 60 {
		worked, err := p.during(func() error { return pause(ctx, 2*time.Second) })
		if err != nil || worked < 20*time.Millisecond {
			return err
		}
	}
	return fmt.Errorf("%s has not come to rest within two minutes", p.cmd.Path)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
