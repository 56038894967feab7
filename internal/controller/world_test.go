package controller_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider/memory"
	"github.com/signpost-dns/signpost/internal/source"
)

var (
	example     = dns.Zone{ID: "Z1", Name: "example.com."}
	serviceKind = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	ingressKind = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}
	synced      = objects.Status{Synced: true}
	frozen      = objects.Status{Reason: "may not list ingresses", Hint: "add the rule"}
)

// feed is a Feed that delivers what a test tells it to.
type feed struct {
	todo  chan func(objects.Sink)
	ends  chan error
	check error

	added  chan schema.GroupVersionKind
	manual bool // kinds that are added get no status by themselves

	mu   sync.Mutex
	more []string // kinds that were added
}

func newFeed() *feed {
	return &feed{todo: make(chan func(objects.Sink)), ends: make(chan error), added: make(chan schema.GroupVersionKind, 10)}
}

func (f *feed) Check(context.Context) error { return f.check }
func (f *feed) String() string              { return "the test" }

// Add is part of [objects.Feed].
func (f *feed) Add(kind schema.GroupVersionKind) error {
	f.mu.Lock()
	f.more = append(f.more, kind.Kind)
	f.mu.Unlock()
	f.added <- kind
	return nil
}

// watched returns the kinds that have been added, in this order.
func (f *feed) watched() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.more, " ")
}

func (f *feed) Run(ctx context.Context, sink objects.Sink) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-f.ends:
			return err
		case kind := <-f.added:
			if !f.manual {
				sink.Status(kind, synced)
			}
		case do := <-f.todo:
			do(sink)
		}
	}
}

func (f *feed) status(kind schema.GroupVersionKind, s objects.Status) {
	f.todo <- func(sink objects.Sink) { sink.Status(kind, s) }
}

func kindOf(o client.Object) schema.GroupVersionKind {
	switch o.(type) {
	case *corev1.Service:
		return serviceKind
	case *corev1.Node:
		return corev1.SchemeGroupVersion.WithKind("Node")
	case *corev1.Pod:
		return corev1.SchemeGroupVersion.WithKind("Pod")
	case *corev1.Namespace:
		return corev1.SchemeGroupVersion.WithKind("Namespace")
	case *discoveryv1.EndpointSlice:
		return discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice")
	case *dnsendpoint.DNSEndpoint:
		return dnsendpoint.GVK()
	case *gatewayv1.Gateway:
		return gatewayAPI("Gateway")
	case *gatewayv1.HTTPRoute:
		return gatewayAPI("HTTPRoute")
	}
	return ingressKind
}

func event(o client.Object) objects.Event {
	return objects.Event{Kind: kindOf(o), Key: client.ObjectKeyFromObject(o), Object: o}
}

func (f *feed) apply(list ...client.Object) {
	var events []objects.Event
	for _, o := range list {
		events = append(events, event(o))
	}
	f.todo <- func(sink objects.Sink) { sink.Apply(events) }
}

func (f *feed) remove(list ...client.Object) {
	var events []objects.Event
	for _, o := range list {
		e := event(o)
		e.Object = nil
		events = append(events, e)
	}
	f.todo <- func(sink objects.Sink) { sink.Apply(events) }
}

// service is a Service with a load balancer that publishes one name.
func service(name, host string, addresses ...string) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name),
			Annotations: map[string]string{"external-dns.kubernetes.io/hostname": host}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
	}
	for _, a := range addresses {
		in := corev1.LoadBalancerIngress{IP: a}
		if strings.ContainsAny(a, "abcdefghijklmnopqrstuvwxyz") {
			in = corev1.LoadBalancerIngress{Hostname: a}
		}
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, in)
	}
	return s
}

// unclear is a Service of which Signpost cannot tell what it wants.
func unclear(name, host string) *corev1.Service {
	s := service(name, host)
	s.Spec.Type = "Teleport"
	return s
}

func ingress(name, host string, addresses ...string) *networkingv1.Ingress {
	i := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: host}}},
	}
	for _, a := range addresses {
		i.Status.LoadBalancer.Ingress = append(i.Status.LoadBalancer.Ingress, networkingv1.IngressLoadBalancerIngress{IP: a})
	}
	return i
}

// world is a controller that runs in a bubble on a service in memory.
type world struct {
	*feed
	c        *controller.Controller
	t        *testing.T
	config   controller.Config
	registry *prometheus.Registry
	stop     func() error // ends Run and returns its error
}

// cloud is a service in memory that counts its calls and can fail.
type cloud struct {
	*memory.Provider
	mu     sync.Mutex
	calls  []string
	before func(memory.Call) error
	after  func(memory.Call) error
}

func newCloud(zones ...dns.Zone) *cloud {
	c := &cloud{Provider: memory.New(dns.Traits{Atomic: true, MaxValues: 1000, MaxChars: 32000,
		Aliases: map[dns.Name]dns.AliasZone{"elb.amazonaws.com.": {ID: "ZELB"}}}, zones...)}
	c.Before = func(_ context.Context, call memory.Call) error {
		c.mu.Lock()
		c.calls = append(c.calls, call.Op)
		fault := c.before
		c.mu.Unlock()
		if fault == nil {
			return nil
		}
		return fault(call)
	}
	c.After = func(_ context.Context, call memory.Call) error {
		c.mu.Lock()
		fault := c.after
		c.mu.Unlock()
		if fault == nil {
			return nil
		}
		return fault(call)
	}
	return c
}

func (c *cloud) faults(before, after func(memory.Call) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before, c.after = before, after
}

// took returns the calls since the last time.
func (c *cloud) took() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := strings.Join(c.calls, " ")
	c.calls = nil
	return out
}

// journal is a log that a test reads while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// took returns what was logged since the last time.
func (j *journal) took() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.buf.String()
	j.buf.Reset()
	return out
}

// newWorld makes a controller; it does not run yet.
func newWorld(t *testing.T, cloud *cloud, change func(*controller.Config)) (*world, *journal) {
	t.Helper()
	naming, err := claim.NewNaming("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	deriver, err := source.New(source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	w := &world{feed: newFeed(), t: t, registry: prometheus.NewRegistry()}
	c := controller.Config{
		Feed: w.feed, Kinds: source.Kinds("service", "ingress"), Deriver: deriver, Provider: cloud,
		Rules: plan.Rules{Owner: "me", Claims: &naming, Policy: plan.Sync, Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME},
			Traits: cloud.Traits()},
		Log:     slog.New(slog.NewTextHandler(log, nil)),
		Metrics: controller.NewMetrics(w.registry),
	}
	if change != nil {
		change(&c)
	}
	w.config = c
	w.c = controller.New(c)
	return w, log
}

// run starts the controller; it ends with the test.
func (w *world) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.c.Run(ctx) }()
	w.stop = func() error {
		cancel()
		return <-done
	}
	w.t.Cleanup(func() { cancel() })
}

// begin starts the controller with both kinds synced and these objects.
func (w *world) begin(list ...client.Object) {
	w.run()
	if len(list) > 0 {
		w.apply(list...)
	}
	w.status(serviceKind, synced)
	w.status(ingressKind, synced)
	settle()
}

// settle lets the window of a batch pass.
func settle() { wait(50 * time.Millisecond) }

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// holds compares a zone without its claims, SOA and NS: "www A 192.0.2.1". It
// checks that every set but those that strangers made has a claim.
func holds(t *testing.T, p *cloud, z dns.Zone, want ...string) {
	t.Helper()
	have := listing(p, z)
	slices.Sort(want)
	if !slices.Equal(want, have) {
		t.Errorf("zone %s holds\n  %s\nwant\n  %s", z, strings.Join(have, "\n  "), strings.Join(want, "\n  "))
	}
}

func listing(p *cloud, z dns.Zone) []string {
	var have []string
	for _, set := range p.Sets(z) {
		if set.Type == dns.SOA || set.Type == dns.NS || isClaim(set) {
			continue
		}
		host := strings.TrimSuffix(string(set.Name), "."+string(z.Name))
		value := strings.Join(set.Data, ",")
		if set.Alias != nil {
			value = "-> " + set.Alias.Target.Host()
		}
		have = append(have, host+" "+string(set.Type)+" "+value)
	}
	slices.Sort(have)
	return have
}

func isClaim(set dns.RecordSet) bool {
	if set.Type != dns.TXT {
		return false
	}
	_, ok := claim.Parse(set.Data[0])
	return ok
}

// claims returns the claims of an owner: "a-www: service/default/web".
func claims(p *cloud, z dns.Zone, owner string) []string {
	var have []string
	for _, set := range p.Sets(z) {
		if !isClaim(set) {
			continue
		}
		if c, _ := claim.Parse(set.Data[0]); c.Owner == owner {
			have = append(have, strings.TrimSuffix(string(set.Name), "."+string(z.Name))+": "+c.Resource)
		}
	}
	return have
}

// put makes the zone hold an A set of a stranger.
func put(p *cloud, z dns.Zone, host, address string) {
	p.Put(z, dns.RecordSet{Key: key(z, host), TTL: 60, Data: []string{address}})
}

func key(z dns.Zone, host string) dns.Key {
	return dns.Key{Name: dns.Name(host + "." + string(z.Name)), Type: dns.A}
}

// metric returns the value of a metric, of a histogram how much it has counted:
// "external_dns_controller_verified_records{a}".
func (w *world) metric(name string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			label := f.GetName()
			for _, l := range m.GetLabel() {
				label += "{" + l.GetValue() + "}"
			}
			if label == name {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

func (w *world) ready() (bool, string) {
	ok, text := true, ""
	for _, c := range w.c.Checks() {
		ok = ok && c.OK
		text += c.Name + ": " + c.State + "\n"
	}
	return ok, text
}

// zoneList is a provider that shows some of its zones.
type zoneList struct {
	*cloud
	mu    sync.Mutex
	zones []dns.Zone
}

func (z *zoneList) show(zones ...dns.Zone) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.zones = zones
}

// Zones implements [provider.Provider].
func (z *zoneList) Zones(ctx context.Context) ([]dns.Zone, error) {
	if _, err := z.cloud.Zones(ctx); err != nil { // it takes its turn
		return nil, err
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.zones, nil
}

func serviceStatus(o client.Object) []corev1.LoadBalancerIngress {
	return o.(*corev1.Service).Status.LoadBalancer.Ingress
}
