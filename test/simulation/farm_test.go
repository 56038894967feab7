package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
	"github.com/signpost-dns/signpost/internal/expose/ec2"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/test/apiserver"
)

// cluster is the name of the cluster in the tags of its instances.
const cluster = "sim"

// farm is what a world has in which Services are on the addresses of nodes: the nodes are EC2 instances, and processes expose
// Services beside what they do otherwise. What happens in it comes from a chance of its own, so that the rest of the world is the same
// as without it.
type farm struct {
	*world
	rng   *rand.Rand
	base  string // the group that every instance is in
	onEC2 *bool

	// What follows is guarded by the world's mu.
	services map[string]*corev1.Service // by resource, as the API server has them
	at       map[string]string          // the instance that has, or had last, an address
	left     map[pair]time.Time         // when a Service ceased to publish an address; zero: it does
	answers  map[pair]time.Time         // until when resolvers may lead to it
	excused  map[pair]bool              // it is closed for another's fault, until it is seen open
	tampered time.Time                  // when people last changed what is open, or what is to be
	looked   time.Time                  // when a process first looked at the firewall after it began to expose Services
}

// pair is an address that a Service published.
type pair struct {
	uid, address string
}

// newFarm makes a farm out of the nodes of a world; some worlds have none.
func newFarm(w *world) *farm {
	f := &farm{world: w, rng: rand.New(rand.NewPCG(w.seed, 3)), services: map[string]*corev1.Service{}, at: map[string]string{}, left: map[pair]time.Time{},
		answers: map[pair]time.Time{}, excused: map[pair]bool{}}
	if f.rng.IntN(3) > 0 && w.mutant.firewall == nil {
		return nil
	}
	f.base = w.cloud.AddSecurityGroup(emulator.SecurityGroup{ID: "sg-base", Name: "base"})
	if f.rng.IntN(2) == 0 {
		yes := true
		f.onEC2 = &yes
	}
	return f
}

// published reports whether a Service publishes an address, or did so within the last hour.
func (f *farm) published(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p := range f.left {
		if p.address == address {
			return true
		}
	}
	return false
}

func instanceOf(node string) string { return "i-" + node }

// furnish makes an instance of a node.
func (f *farm) furnish(n *corev1.Node) {
	id := instanceOf(n.Name)
	public := netip.MustParseAddr(f.nodes[n.Name])
	number, err := strconv.Atoi(strings.TrimPrefix(n.Name, "node-"))
	f.must(err)
	inside := netip.AddrFrom4([4]byte{10, 1, byte(number / 256), byte(number % 256)})
	f.mu.Lock()
	f.at[public.String()] = id
	f.mu.Unlock()
	i, ok := f.cloud.Instance(id)
	if !ok {
		i = emulator.Instance{ID: id, Groups: []string{f.base}, PrivateIP: inside, Tags: map[string]string{"KubernetesCluster": cluster}}
	}
	i.PublicIP = public
	f.must(f.cloud.AddInstance(i))
	n.Spec.ProviderID = "aws:///eu-west-1a/" + id
	n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: inside.String()})
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
}

// most is how many Services of the farm there are at a time.
const most = 5

func exposedHost(name string) string { return name + ".example.com" }

// happen lets something happen on the farm.
func (f *farm) happen() {
	if f.rng.IntN(2) == 0 {
		return
	}
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("exp-%d", f.rng.IntN(most))}}
	stands := f.api.Get(s) == nil
	switch n := f.rng.IntN(24); {
	case n < 8:
		if !stands {
			f.create(s)
		}
	case n < 10:
		f.alter(s, "deleted", func(s *corev1.Service) {
			if now := metav1.Now(); s.DeletionTimestamp == nil {
				s.DeletionTimestamp = &now
			}
		})
	case n < 11:
		f.alter(s, "withdrawn", func(s *corev1.Service) { delete(s.Annotations, "external-ips.alpha.openfresh.github.io/hostname") })
	case n < 12:
		port := f.port()
		f.tamper()
		f.alter(s, "given another port", func(s *corev1.Service) { s.Spec.Ports[0].Port = port })
	case n < 16:
		f.alterNode()
	case n < 18:
		f.editByHand()
	default:
		f.trouble()
	}
}

func (f *farm) port() int32 { return 1000 + int32(f.rng.IntN(3)) }

// create makes a Service that asks for nodes in one way or the other.
func (f *farm) create(s *corev1.Service) {
	s.ResourceVersion, s.UID = "", ""
	s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: f.port(), Protocol: corev1.ProtocolUDP}}}
	prefix := "external-ips.alpha.openfresh.github.io/"
	if f.rng.IntN(2) == 0 {
		class := expose.Class
		s.Spec.LoadBalancerClass, prefix = &class, "signpost.dev/"
	}
	s.Annotations = map[string]string{prefix + "hostname": exposedHost(s.Name), prefix + "maxips": fmt.Sprint(f.rng.IntN(3)),
		prefix + "ttl": fmt.Sprint(60 + 60*f.rng.IntN(3))}
	f.must(f.api.Create(s))
	f.did("Services exposed", "expose %s: port %d, %v", s.Name, s.Spec.Ports[0].Port, s.Annotations)
	f.look()
}

// alter changes a Service as a person would, who looks again if somebody was faster.
func (f *farm) alter(s *corev1.Service, what string, change func(*corev1.Service)) {
	for range 10 {
		if f.api.Get(s) != nil {
			return
		}
		change(s)
		if f.api.Update(s) == nil {
			break
		}
	}
	f.did("exposed Services "+what, "%s is %s", s.Name, what)
	f.look()
}

// alterNode makes a node fit or unfit, or takes one away with its instance or without.
func (f *farm) alterNode() {
	name := slices.Sorted(maps.Keys(f.nodes))[f.rng.IntN(len(f.nodes))]
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	f.must(f.api.Get(n))
	if f.rng.IntN(4) == 0 {
		n.Spec.Unschedulable = !n.Spec.Unschedulable
	} else if c := &n.Status.Conditions[0]; c.Status == corev1.ConditionTrue {
		c.Status = corev1.ConditionFalse
	} else {
		c.Status = corev1.ConditionTrue
	}
	f.must(f.api.Update(n))
	f.did("nodes made fit or unfit", "%s is cordoned %t, ready %s", name, n.Spec.Unschedulable, n.Status.Conditions[0].Status)
}

// editByHand does what people do to firewalls.
func (f *farm) editByHand() {
	f.tamper()
	if f.rng.IntN(2) == 0 {
		for _, g := range f.groups() {
			f.cloud.RemoveSecurityGroup(g.ID)
		}
		f.did("security groups deleted by hand", "a person deletes the security group")
	} else {
		name := slices.Sorted(maps.Keys(f.nodes))[f.rng.IntN(len(f.nodes))]
		if i, ok := f.cloud.Instance(instanceOf(name)); ok {
			i.Groups = []string{f.base}
			f.must(f.cloud.AddInstance(i))
		}
		f.did("security groups taken off by hand", "a person takes %s out of the security group", name)
	}
	f.look()
}

// trouble lets EC2 fail, or the writing of Services.
func (f *farm) trouble() {
	action := []string{"DescribeSecurityGroups", "DescribeInstances", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress",
		"RevokeSecurityGroupIngress", "ModifyInstanceAttribute", "DeleteSecurityGroup"}[f.rng.IntN(7)]
	times := 1 + f.rng.IntN(6)
	switch f.rng.IntN(6) {
	case 0:
		f.cloud.Inject(emulator.Fault{Action: action, Code: "RequestLimitExceeded", Times: times})
		f.did("EC2 faults: throttling", "")
	case 1:
		f.cloud.Inject(emulator.Fault{Action: action, Code: "InternalError", Times: times})
		f.did("EC2 faults: 5xx", "")
	case 2:
		f.cloud.Inject(emulator.Fault{Action: action, Cut: true, Times: times})
		f.did("EC2 faults: cut", "")
	case 3:
		f.cloud.Inject(emulator.Fault{Action: action, Cut: true, After: true, Times: times})
		f.did("EC2 faults: cut after the change", "")
	case 4:
		seconds := 30 + f.rng.IntN(1200)
		f.episode("EC2", seconds, func() func() {
			f.cloud.Inject(emulator.Fault{Action: action, Code: "UnauthorizedOperation", Times: -1})
			f.did("EC2 faults: access denied", "ec2:%s is denied for %d s", action, seconds)
			return f.cloud.ClearFaults
		})
	case 5:
		code := []int{500, 429, 409}[f.rng.IntN(3)]
		f.api.Inject(apiserver.Fault{Verb: "update", Resource: "services", Code: code, Cut: f.rng.IntN(2) == 0, After: f.rng.IntN(2) == 0, Times: times})
		f.did("API server: Services not writable", "")
	}
}

// heal makes nodes fit.
func (f *farm) heal() {
	f.end("EC2")
	for _, name := range slices.Sorted(maps.Keys(f.nodes)) {
		if f.rng.IntN(2) == 0 {
			n := f.node(name)
			f.must(f.api.Update(n))
		}
	}
	f.look()
}

// exposer makes what keeps Services on the addresses of nodes in a process.
func (p *process) exposer(config *rest.Config, log *slog.Logger) (*expose.Controller, error) {
	f := p.w.farm
	config.Transport = watchedWrites{config.Transport, f}
	config.QPS = -1
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	discovery, err := discoveryv1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	var firewall expose.Firewall = ec2.NewStatic("https://ec2.test", firewallLine{p.cloud, p}, ec2.Scope{Cluster: cluster, Owner: owner})
	if p.w.mutant.firewall != nil {
		firewall = p.w.mutant.firewall(firewall)
	}
	return &expose.Controller{Client: clients{core, discovery}, Owner: owner, OnEC2: f.onEC2, Log: log,
		May:      func() error { return p.lease.Check(lease.Slack) },
		Firewall: func(context.Context, bool) (expose.Firewall, error) { return firewall, nil }}, nil
}

// clients is an [expose.Client].
type clients struct {
	core      corev1client.CoreV1Interface
	discovery discoveryv1client.DiscoveryV1Interface
}

func (c clients) CoreV1() corev1client.CoreV1Interface                { return c.core }
func (c clients) DiscoveryV1() discoveryv1client.DiscoveryV1Interface { return c.discovery }

// beside is a lease whose holder exposes Services too, as the command line has it.
type beside struct {
	lease.Lease
	work func(context.Context) error
	fail func(error)
}

// Run implements [lease.Lease].
func (b beside) Run(ctx context.Context, lead func(context.Context) error) error {
	return b.Lease.Run(ctx, func(leading context.Context) error {
		working, stop := context.WithCancel(leading)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := b.work(working); working.Err() == nil {
				b.fail(err)
			}
		}()
		err := lead(leading)
		stop()
		<-done
		return err
	})
}
