package expose_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
	"github.com/signpost-dns/signpost/internal/expose/ec2"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/test/apiserver"
)

// event is something that happens in a world, and how long nothing else does.
type event struct {
	what  string
	which int
	value int
	pause time.Duration
}

func events() *rapid.Generator[[]event] {
	kinds := []string{"create", "create", "create", "delete", "delete", "unexpose", "port", "ready", "ready", "ready", "cordon", "node gone", "instance gone",
		"fault", "fault", "fault", "api fault", "api fault", "outage", "restart", "restart", "detach by hand", "delete the group by hand", "local"}
	pauses := []time.Duration{0, 10 * time.Millisecond, 300 * time.Millisecond, time.Second, 5 * time.Second, 40 * time.Second, 3 * time.Minute, 10 * time.Minute}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event {
		return event{rapid.SampledFrom(kinds).Draw(t, "what"), rapid.IntRange(0, 4).Draw(t, "which"), rapid.IntRange(0, 99).Draw(t, "value"),
			rapid.SampledFrom(pauses).Draw(t, "pause")}
	}), 1, 60)
}

// TestSimulation lives through whatever happens to Services, nodes, EC2, the API server, and the process itself.
//
// At any time: an address is published only when its node is in the group and the Service's ports are open there; what
// is published, or was within its TTL, is not closed while its Service stands; no Service goes before its port is
// closed. When all trouble has ended, what is open is what Services ask for and no more, each that can be is published,
// and those that were deleted are gone.
//
// test/simulation has exposure beside the engine and DNS. Here is what that cannot show: a story of what went wrong that is
// as short as can be; what is published at the moment when it is; calls that take longer than they may; Services that want
// endpoints.
func TestSimulation(t *testing.T) {
	objects.RedirectLogs(slog.New(slog.DiscardHandler))
	utilruntime.ErrorHandlers = nil // one of them compares the bubble's time with that of other bubbles
	rapid.Check(t, func(rt *rapid.T) {
		story := events().Draw(rt, "story")
		var w *simulated
		synctest.Test(t, func(t *testing.T) {
			w = newSimulated(t)
			for _, e := range story {
				w.happen(e)
				time.Sleep(e.pause)
			}
			w.calm()
			w.judge()
		})
		if len(w.broken) > 0 {
			rt.Fatalf("%s\n\n%s", strings.Join(w.broken, "\n"), strings.Join(w.journal, "\n"))
		}
	})
}

// simulated is a world: an API server, EC2, and the controller between them.
type simulated struct {
	t     *testing.T
	api   *apiserver.Server
	aws   *emulator.Server
	began time.Time
	stop  func() // of the controller

	mu       sync.Mutex
	journal  []string
	broken   []string
	shown    map[string]map[string]time.Time // of each Service, by UID: until when the world remembers an address
	altered  map[string]time.Time            // when somebody last changed what a Service asks for, by UID
	tampered time.Time                       // when somebody last changed the firewall by hand
}

func newSimulated(t *testing.T) *simulated {
	t.Helper()
	w := &simulated{t: t, api: apiserver.New(apiserver.Options{}), aws: emulator.New(emulator.Config{EC2Delay: 3 * time.Second}), began: time.Now(),
		shown: map[string]map[string]time.Time{}, altered: map[string]time.Time{}}
	w.aws.AddSecurityGroup(emulator.SecurityGroup{ID: "sg-base", Name: "base"})
	for n := range 4 {
		w.addNode(n)
	}
	w.start()
	return w
}

func instanceOf(n int) string { return fmt.Sprintf("i-%d", n) }

func (w *simulated) addNode(n int) {
	addr := func(format string) netip.Addr { return netip.MustParseAddr(fmt.Sprintf(format, n)) }
	w.try(w.aws.AddInstance(emulator.Instance{ID: instanceOf(n), Groups: []string{"sg-base"}, PrivateIP: addr("10.0.0.%d"), PublicIP: addr("54.1.1.%d"),
		Tags: map[string]string{"KubernetesCluster": cluster}}))
	w.try(w.api.Create(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", n)},
		Spec:       corev1.NodeSpec{ProviderID: "aws:///eu-west-1a/" + instanceOf(n)},
		Status: corev1.NodeStatus{
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: addr("10.0.0.%d").String()},
				{Type: corev1.NodeExternalIP, Address: addr("54.1.1.%d").String()}},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}))
}

func (w *simulated) try(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *simulated) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.journal = append(w.journal, fmt.Sprintf("%12s  ", time.Since(w.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

func (w *simulated) fail(format string, args ...any) {
	w.note("BROKEN: "+format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

// Write takes the controller's log into the journal.
func (w *simulated) Write(line []byte) (int, error) {
	w.note("%s", strings.TrimSpace(string(line)))
	return len(line), nil
}

// start runs a new process.
func (w *simulated) start() {
	config := w.api.Config()
	config.Wrap(func(to http.RoundTripper) http.RoundTripper { return after{to, w.wroteService} })
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	w.try(err)
	firewall := ec2.NewStatic("http://ec2", after{w.aws.RoundTripper(), w.changedFirewall}, ec2.Scope{Cluster: cluster})
	onEC2 := true
	c := &expose.Controller{Client: client, OnEC2: &onEC2, May: func() error { return nil },
		Firewall: func(context.Context, bool) (expose.Firewall, error) { return firewall, nil },
		Log: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx); err != nil && ctx.Err() == nil {
			w.fail("the controller ended: %v", err)
		}
	}()
	w.stop = func() { cancel(); <-done }
}

// after is a transport that has something looked at after each request, whatever became of that.
type after struct {
	to   http.RoundTripper
	look func(*http.Request)
}

// RoundTrip implements [http.RoundTripper].
func (a after) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.to.RoundTrip(r)
	a.look(r)
	return resp, err
}

// services are all that the API server holds, by age.
func (w *simulated) services() []*corev1.Service {
	var out []*corev1.Service
	for n := range 5 {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("s%d", n)}}
		if w.api.Get(s) == nil {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b *corev1.Service) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return out
}

// alter changes an object as a person would, who looks again if somebody was faster.
func (w *simulated) alter(s *corev1.Service, change func(*corev1.Service)) {
	for range 10 {
		if w.api.Get(s) != nil {
			return
		}
		change(s)
		if w.api.Update(s) == nil {
			break
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.altered[string(s.UID)] = time.Now()
}

func (w *simulated) alterNode(n int, change func(*corev1.Node)) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", n)}}
	if w.api.Get(node) == nil {
		change(node)
		w.try(w.api.Update(node))
	}
}

func (w *simulated) happen(e event) {
	w.note("-- %s %d %d", e.what, e.which, e.value)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("s%d", e.which)}}
	switch e.what {
	case "create":
		_ = w.api.Create(w.newService(service, e.value)) // it may be there
	case "delete":
		w.delete(service)
	case "unexpose":
		w.alter(service, func(s *corev1.Service) { delete(s.Annotations, compat+"hostname") })
	case "port":
		w.alter(service, func(s *corev1.Service) { s.Spec.Ports[0].Port = 1000 + int32(e.value%3) })
	case "local":
		w.alter(service, func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal })
	case "ready":
		w.alterNode(e.which, func(n *corev1.Node) {
			if c := &n.Status.Conditions[0]; e.value%2 == 0 {
				c.Status = corev1.ConditionFalse
			} else {
				c.Status = corev1.ConditionTrue
			}
		})
	case "cordon":
		w.alterNode(e.which, func(n *corev1.Node) { n.Spec.Unschedulable = e.value%2 == 0 })
	case "node gone":
		_ = w.api.Delete(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", e.which)}}) // it may be gone
	case "instance gone":
		w.aws.RemoveInstance(instanceOf(e.which))
		_ = w.api.Delete(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", e.which)}})
	case "restart":
		w.stop()
		w.start()
	default:
		w.trouble(e)
	}
}

func (w *simulated) newService(s *corev1.Service, value int) *corev1.Service {
	s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 1000 + int32(value%3), Protocol: corev1.ProtocolUDP}}}
	prefix := compat
	if value%2 == 0 {
		class := expose.Class
		s.Spec.LoadBalancerClass, prefix = &class, "signpost.dev/"
	}
	s.Annotations = map[string]string{prefix + "hostname": s.Name + ".example.com", prefix + "maxips": fmt.Sprint(value % 4), prefix + "ttl": fmt.Sprint(30 + 3*value)}
	return s
}

// delete deletes a Service as an API server does: one with finalizers waits for them.
func (w *simulated) delete(s *corev1.Service) {
	w.alter(s, func(s *corev1.Service) {
		if now := metav1.Now(); s.DeletionTimestamp == nil {
			s.DeletionTimestamp = &now
		}
	})
	w.reap()
}

func (w *simulated) reap() {
	all := w.services()
	for _, s := range all {
		if s.DeletionTimestamp == nil || len(s.Finalizers) > 0 {
			continue
		}
		w.try(w.api.Delete(s))
		port := s.Spec.Ports[0].Port
		others := slices.ContainsFunc(all, func(o *corev1.Service) bool { return o.Name != s.Name && o.Spec.Ports[0].Port == port })
		if open := func(r emulator.Rule) bool { return r.From == int(port) }; !others && slices.ContainsFunc(w.group().Rules, open) {
			w.fail("%s is gone, and its port %d is open", s.Name, port)
		}
	}
}

// trouble is what others make.
func (w *simulated) trouble(e event) {
	actions := []string{"", "DescribeSecurityGroups", "DescribeInstances", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress",
		"RevokeSecurityGroupIngress", "ModifyInstanceAttribute", "DeleteSecurityGroup"}
	switch e.what {
	case "fault":
		f := emulator.Fault{Action: actions[e.value%len(actions)], Times: 1 + e.which, Code: "RequestLimitExceeded"}
		switch e.value % 5 {
		case 0:
			f.Code, f.Cut = "", true
		case 1:
			f.Code, f.Cut, f.After = "", true, true
		case 2:
			f.Latency = 40 * time.Second // more than a call may take
		}
		w.aws.Inject(f)
	case "api fault":
		w.api.Inject(apiserver.Fault{Verb: "update", Times: 1 + e.which, Code: []int{500, 429, 409}[e.value%3], Cut: e.value%2 == 0, After: e.value%4 == 0})
	case "outage":
		w.api.SetState([]apiserver.State{apiserver.Refusing, apiserver.Unavailable, apiserver.Silent}[e.value%3])
		time.Sleep(time.Duration(e.value) * time.Second)
		w.api.SetState(apiserver.Up)
	case "detach by hand":
		i, ok := w.aws.Instance(instanceOf(e.which))
		if i.Groups = []string{"sg-base"}; ok {
			w.try(w.aws.AddInstance(i))
		}
		w.tamper()
	case "delete the group by hand":
		if g := w.group(); g.ID != "" {
			w.aws.RemoveSecurityGroup(g.ID)
		}
		w.tamper()
	}
}

func (w *simulated) tamper() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tampered = time.Now()
}

// group is that of the cluster, without an ID if there is none.
func (w *simulated) group() emulator.SecurityGroup {
	for _, g := range w.aws.SecurityGroups() {
		if g.Tags["signpost.dev/cluster"] == cluster {
			return g
		}
	}
	return emulator.SecurityGroup{}
}

// calm ends all trouble, and has time go by in which everything can come right.
func (w *simulated) calm() {
	w.aws.ClearFaults()
	w.api.ClearFaults()
	w.note("-- calm")
	time.Sleep(time.Hour)
	w.stop()
}
