package expose_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
	"github.com/signpost-dns/signpost/internal/expose/ec2"
	"github.com/signpost-dns/signpost/internal/plan"
)

// seedPolicy is what external-ips asks for of EC2, and enough but for instances with several network interfaces.
const seedPolicy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": ["*"], "Action": [
  "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateSecurityGroup", "ec2:CreateTags", "ec2:DeleteSecurityGroup", "ec2:DescribeInstanceAttribute",
  "ec2:DescribeInstances", "ec2:DescribeSecurityGroups", "ec2:ModifyInstanceAttribute", "ec2:RevokeSecurityGroupIngress"]}]}`

const cluster = "k.example.com"

// farm is a cluster on EC2: nodes n1, n2 and so on, the first the oldest, with 10.0.0.N inside and 54.1.1.N outside.
type farm struct {
	*testing.T
	srv      *emulator.Server
	client   *fake.Clientset
	problems map[string][]plan.Problem
	log      bytes.Buffer
	*expose.Controller
}

var epoch = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func newFarm(t *testing.T, cfg emulator.Config, nodes int) *farm {
	t.Helper()
	f := &farm{T: t, srv: emulator.New(cfg), client: fake.NewClientset(), problems: map[string][]plan.Problem{}}
	if err := f.srv.SetPolicy("signpost", []byte(seedPolicy)); err != nil {
		t.Fatal(err)
	}
	base := f.srv.AddSecurityGroup(emulator.SecurityGroup{ID: "sg-base", Name: "nodes." + cluster})
	for n := 1; n <= nodes; n++ {
		f.addNode(n, base)
	}
	firewall := ec2.NewStatic("http://ec2", f.srv.RoundTripper(), ec2.Scope{})
	f.Controller = &expose.Controller{
		Client:   f.client,
		Firewall: func(context.Context, bool) (expose.Firewall, error) { return firewall, nil },
		May:      func() error { return nil },
		Log:      slog.New(slog.NewTextHandler(&f.log, nil)),
		Report: func(s *corev1.Service, p []plan.Problem) {
			f.problems[s.Name] = p
		},
	}
	return f
}

func (f *farm) addNode(n int, groups ...string) {
	f.Helper()
	id := fmt.Sprintf("i-%017d", n)
	if err := f.srv.AddInstance(emulator.Instance{ID: id, Groups: groups, Tags: map[string]string{"KubernetesCluster": cluster},
		PrivateIP: netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", n)), PublicIP: netip.MustParseAddr(fmt.Sprintf("54.1.1.%d", n))}); err != nil {
		f.Fatal(err)
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", n), CreationTimestamp: metav1.NewTime(epoch.Add(time.Duration(n) * time.Hour)),
			Labels: map[string]string{"kops.k8s.io/instancegroup": "general", "kubernetes.io/hostname": fmt.Sprintf("n%d", n)}},
		Spec: corev1.NodeSpec{ProviderID: "aws:///eu-west-1a/" + id},
		Status: corev1.NodeStatus{
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.0.%d", n)},
				{Type: corev1.NodeExternalIP, Address: fmt.Sprintf("54.1.1.%d", n)}},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	f.try(f.client.CoreV1().Nodes().Create(f.Context(), node, metav1.CreateOptions{}))
}

func (f *farm) try(_ any, err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// node alters a node.
func (f *farm) node(name string, alter func(*corev1.Node)) {
	f.Helper()
	n, err := f.client.CoreV1().Nodes().Get(f.Context(), name, metav1.GetOptions{})
	f.try(n, err)
	alter(n)
	f.try(f.client.CoreV1().Nodes().Update(f.Context(), n, metav1.UpdateOptions{}))
}

func notReady(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse }

// udp is the Service of the seed.
func udp(name string, port int32, annotations ...string) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, CreationTimestamp: metav1.NewTime(epoch), Annotations: map[string]string{
			"external-ips.alpha.openfresh.github.io/hostname": name + ".example.com.",
			"external-ips.alpha.openfresh.github.io/selector": "kops.k8s.io/instancegroup=general",
			"external-ips.alpha.openfresh.github.io/maxips":   "2",
		}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: port, Protocol: corev1.ProtocolUDP}}},
	}
	for i := 0; i < len(annotations); i += 2 {
		s.Annotations[annotations[i]] = annotations[i+1]
	}
	return s
}

func (f *farm) create(s *corev1.Service) {
	f.Helper()
	f.try(f.client.CoreV1().Services(s.Namespace).Create(f.Context(), s, metav1.CreateOptions{}))
}

func (f *farm) get(name string) *corev1.Service {
	f.Helper()
	s, err := f.client.CoreV1().Services("default").Get(f.Context(), name, metav1.GetOptions{})
	f.try(s, err)
	return s
}

func (f *farm) service(name string, alter func(*corev1.Service)) {
	f.Helper()
	s := f.get(name)
	alter(s)
	f.try(f.client.CoreV1().Services("default").Update(f.Context(), s, metav1.UpdateOptions{}))
}

// passes makes as many passes as it takes until nothing is written.
func (f *farm) passes() error {
	f.Helper()
	var err error
	for range 4 {
		err = f.Once(f.Context())
	}
	return err
}

// shows compares a Service's addresses, what is published, and the firewall, one line each.
func (f *farm) shows(want ...string) {
	f.Helper()
	var got []string
	services, err := f.client.CoreV1().Services("").List(f.Context(), metav1.ListOptions{})
	f.try(services, err)
	for _, s := range services.Items {
		ips := slices.Clone(s.Spec.ExternalIPs)
		for _, i := range s.Status.LoadBalancer.Ingress {
			ips = append(ips, "status:"+i.IP)
		}
		got = append(got, strings.Join(append([]string{s.Name}, ips...), " ")+" -> "+s.Annotations[expose.PublishedAnnotation])
	}
	got = append(got, f.firewall()...)
	if d := cmp.Diff(want, got); d != "" {
		f.Errorf("(-want +got):\n%s\n%s", d, f.log.String())
	}
	f.log.Reset()
}

func (f *farm) firewall() []string {
	var got []string
	for _, g := range f.srv.SecurityGroups() {
		if g.ID == "sg-base" {
			continue
		}
		line := g.Name + ":"
		for n := 1; n < 9; n++ {
			if i, ok := f.srv.Instance(fmt.Sprintf("i-%017d", n)); ok && slices.Contains(i.Groups, g.ID) {
				line += fmt.Sprintf(" n%d", n)
			}
		}
		var rules []string
		for _, r := range g.Rules {
			rules = append(rules, fmt.Sprintf("%d/%s %s", r.From, r.Protocol, r.Source))
		}
		slices.Sort(rules)
		got = append(got, line+" | "+strings.Join(rules, ", "))
	}
	return got
}

// TestUDPServer tells the story of external-ips' example: two nodes, one of which is lost, and the Service deleted.
func TestUDPServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t, emulator.Config{EC2Delay: 3 * time.Second}, 3)
		f.create(udp("udp", 6315))
		if err := f.passes(); err != nil {
			t.Fatal(err)
		}
		open := "signpost-k.example.com: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0"
		f.shows("udp 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2", open)
		if s := f.get("udp"); !slices.Contains(s.Finalizers, "signpost.dev/node-address") {
			t.Errorf("there is no finalizer: %v", s.Finalizers)
		}
		f.srv.ResetCalls()
		if err := f.Once(t.Context()); err != nil || len(f.srv.Calls()) != 2 {
			t.Errorf("when nothing changed: %v, %d calls", err, len(f.srv.Calls()))
		}

		f.node("n1", notReady)
		if err := f.Once(t.Context()); err != nil { // the new node is opened before names move
			t.Fatal(err)
		}
		f.shows("udp 10.0.0.1 10.0.0.2 10.0.0.3 -> 54.1.1.1,54.1.1.2,54.1.1.3", strings.Replace(open, "n2", "n2 n3", 1))
		if err := f.passes(); err != nil {
			t.Fatal(err)
		}
		f.shows("udp 10.0.0.1 10.0.0.2 10.0.0.3 -> 54.1.1.2,54.1.1.3", strings.Replace(open, "n2", "n2 n3", 1))
		time.Sleep(331 * time.Second) // the TTL, and a little
		if err := f.passes(); err != nil {
			t.Fatal(err)
		}
		f.shows("udp 10.0.0.2 10.0.0.3 -> 54.1.1.2,54.1.1.3", strings.Replace(open, "n1 n2", "n2 n3", 1))

		f.service("udp", func(s *corev1.Service) { now := metav1.Now(); s.DeletionTimestamp = &now })
		if err := f.passes(); err != nil {
			t.Fatal(err)
		}
		f.shows("udp -> ")
		if s := f.get("udp"); len(s.Finalizers) != 0 {
			t.Errorf("the finalizer is left: %v", s.Finalizers)
		}
	})
}

// TestCurrentWay has the addresses in the status, and honours source ranges.
func TestCurrentWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t, emulator.Config{}, 2)
		class := expose.Class
		s := udp("web", 443)
		s.Annotations = map[string]string{"signpost.dev/maxips": "1", "signpost.dev/ttl": "60"}
		s.Spec.LoadBalancerClass, s.Spec.LoadBalancerSourceRanges = &class, []string{"192.0.2.0/24", "2001:db8::/32"}
		s.Spec.Ports[0].Protocol = corev1.ProtocolTCP
		f.create(s)
		if err := f.passes(); err != nil {
			t.Fatal(err)
		}
		f.shows("web status:10.0.0.1 -> 54.1.1.1", "signpost-k.example.com: n1 | 443/tcp 192.0.2.0/24, 443/tcp 2001:db8::/32")
		f.service("web", func(s *corev1.Service) { s.Spec.LoadBalancerSourceRanges = []string{"198.51.100.0/24"} })
		if err := f.passes(); err != nil {
			t.Fatal(err)
		}
		f.shows("web status:10.0.0.1 -> 54.1.1.1", "signpost-k.example.com: n1 | 443/tcp 198.51.100.0/24")
	})
}

// TestPublishedPolicy does the whole work with the policy that is published, also where instances have several network
// interfaces.
func TestPublishedPolicy(t *testing.T) {
	policy, err := os.ReadFile("../../deploy/iam/expose.json")
	if err != nil {
		t.Fatal(err)
	}
	f := newFarm(t, emulator.Config{}, 2)
	f.try(nil, f.srv.SetPolicy("signpost", policy))
	i, _ := f.srv.Instance("i-00000000000000001")
	i.Interfaces = 2
	f.try(nil, f.srv.AddInstance(i))
	f.create(udp("udp", 6315))
	f.try(nil, f.passes())
	f.shows("udp 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2", "signpost-k.example.com: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0")
	f.service("udp", func(s *corev1.Service) { now := metav1.Now(); s.DeletionTimestamp = &now })
	f.try(nil, f.passes())
	f.shows("udp -> ")
}

// TestTakeOver takes the group and the addresses over that external-ips left, and nothing else.
func TestTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t, emulator.Config{}, 2)
		any4 := netip.MustParsePrefix("0.0.0.0/0")
		old := f.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "udp." + cluster, Tags: map[string]string{"external-ips/" + cluster: "owned"},
			Rules: []emulator.Rule{{Protocol: "udp", From: 6315, To: 6315, Source: any4}}})
		f.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "udp.other", Tags: map[string]string{"external-ips/other": "owned"}})
		f.addInstanceTo(1, "sg-base", old)
		s := udp("udp", 6315)
		s.Spec.ExternalIPs = []string{"10.0.0.1", "203.0.113.99"}
		f.create(s)
		if err := f.passes(); err != nil {
			t.Fatal(err)
		}
		got := f.firewall()
		slices.Sort(got)
		want := []string{"signpost-k.example.com: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0", "udp.other: | "}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("firewall (-want +got):\n%s", d)
		}
		if ips := f.get("udp").Spec.ExternalIPs; !slices.Equal(ips, []string{"10.0.0.1", "10.0.0.2", "203.0.113.99"}) {
			t.Errorf("externalIPs are %v", ips)
		}
	})
}

func (f *farm) addInstanceTo(n int, groups ...string) {
	f.Helper()
	i, _ := f.srv.Instance(fmt.Sprintf("i-%017d", n))
	i.Groups = groups
	if err := f.srv.AddInstance(i); err != nil {
		f.Fatal(err)
	}
}

// TestMistakes are those of users; each is told on the Service, and leaves what stands.
func TestMistakes(t *testing.T) {
	const compat = "external-ips.alpha.openfresh.github.io/"
	open := "signpost-k.example.com: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0"
	stands := []string{"udp 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2", open}
	for _, tc := range []struct {
		name  string
		spoil func(*farm)
		want  []string
		says  string
	}{
		{"the selector matches nothing", func(f *farm) {
			f.service("udp", func(s *corev1.Service) { s.Annotations[compat+"selector"] = "gpu=true" })
		}, stands, "NoNode no node matches the selector"},
		{"the selector is none", func(f *farm) {
			f.service("udp", func(s *corev1.Service) { s.Annotations[compat+"selector"] = "a in b" })
		}, stands, "BadAnnotation annotation " + compat + "selector"},
		{"maxips is no number", func(f *farm) {
			f.service("udp", func(s *corev1.Service) { s.Annotations[compat+"maxips"] = "two" })
		}, stands, `BadAnnotation annotation ` + compat + `maxips: "two" is not a number of nodes`},
		{"no node has a providerID", func(f *farm) {
			for _, n := range []string{"n1", "n2"} {
				f.node(n, func(n *corev1.Node) { n.Spec.ProviderID = "" })
			}
			onEC2 := true
			f.OnEC2 = &onEC2
		}, stands, "NoNode no node is fit (n1: it has no providerID"},
		{"nodes of another cloud", func(f *farm) {
			for _, n := range []string{"n1", "n2"} {
				f.node(n, func(n *corev1.Node) { n.Spec.ProviderID = "gce://project/zone/n" })
			}
			onEC2 := true
			f.OnEC2 = &onEC2
		}, stands, "is that of another cloud than AWS"},
		{"no node has a public address", func(f *farm) {
			for _, n := range []string{"n1", "n2"} {
				f.node(n, func(n *corev1.Node) { n.Status.Addresses = n.Status.Addresses[:1] })
			}
		}, stands, "it has no external address"},
		{"no node is ready", func(f *farm) { f.node("n1", notReady); f.node("n2", notReady) }, stands, "it is not ready"},
		{"the port is taken", func(f *farm) {
			s := udp("late", 6315)
			s.CreationTimestamp = metav1.NewTime(epoch.Add(time.Hour))
			f.create(s)
		}, []string{"late -> ", stands[0], open}, "PortConflict every fit node serves another Service on a port of this one (n1: service/default/udp has port 6315/udp"},
		{"the group is deleted by hand", func(f *farm) {
			for _, g := range f.srv.SecurityGroups() {
				if g.ID != "sg-base" {
					f.srv.RemoveSecurityGroup(g.ID)
				}
			}
		}, stands, ""},
		{"the group is taken off an instance by hand", func(f *farm) { f.addInstanceTo(1, "sg-base") }, stands, ""},
		{"the limit of rules", func(f *farm) {
			s := udp("many", 7000)
			for n := range int32(60) {
				s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: fmt.Sprint(n), Port: 8000 + n, Protocol: corev1.ProtocolUDP})
			}
			f.create(s)
		}, nil, "NotOpen allow 80"},
		{"the limit of groups", func(f *farm) {
			var ids []string
			for n := range 5 {
				ids = append(ids, f.srv.AddSecurityGroup(emulator.SecurityGroup{Name: fmt.Sprint("other", n), VPC: "vpc-1"}))
			}
			f.addInstanceTo(1, ids...)
		}, nil, "NotOpen attach signpost-k.example.com to i-00000000000000001: ModifyInstanceAttribute: SecurityGroupsPerInterfaceLimitExceeded"},
		{"a missing permission", func(f *farm) {
			f.service("udp", func(s *corev1.Service) { s.Spec.Ports[0].Port = 6316 })
			f.try(nil, f.srv.SetPolicy("signpost", []byte(strings.Replace(seedPolicy, `"ec2:AuthorizeSecurityGroupIngress", `, "", 1))))
		}, nil, "AuthorizeSecurityGroupIngress: UnauthorizedOperation"},
		{"several network interfaces", func(f *farm) {
			i, _ := f.srv.Instance("i-00000000000000001")
			i.Groups, i.Interfaces = []string{"sg-base"}, 2
			f.try(nil, f.srv.AddInstance(i))
		}, nil, "ModifyNetworkInterfaceAttribute: UnauthorizedOperation"},
		{"an instance that is gone", func(f *farm) { f.srv.RemoveInstance("i-00000000000000001") }, nil, "there is no EC2 instance i-00000000000000001"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm(t, emulator.Config{}, 2)
				f.create(udp("udp", 6315))
				if err := f.passes(); err != nil {
					t.Fatal(err)
				}
				tc.spoil(f)
				err := f.passes()
				if tc.want != nil {
					f.shows(tc.want...)
				}
				var said []string
				for _, ps := range f.problems {
					for _, p := range ps {
						said = append(said, fmt.Sprintf("%s %s", p.Reason, p.Message))
					}
				}
				if tc.says != "" && !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, tc.says) }) {
					t.Errorf("told %q, want %q (%v)", said, tc.says, err)
				}
				if tc.says == "" && (len(said) > 0 || err != nil) {
					t.Errorf("told %q, %v", said, err)
				}
			})
		})
	}
}

// TestTroubleIsMended meets every call's failure, and afterwards things are as they shall be.
func TestTroubleIsMended(t *testing.T) {
	for _, action := range []string{"DescribeSecurityGroups", "DescribeInstances", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress",
		"ModifyInstanceAttribute", "RevokeSecurityGroupIngress", "DeleteSecurityGroup"} {
		for _, fault := range []emulator.Fault{{Code: "RequestLimitExceeded"}, {Code: "InternalError"}, {Cut: true}, {Cut: true, After: true}} {
			t.Run(fmt.Sprintf("%s %s %t", action, fault.Code, fault.After), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFarm(t, emulator.Config{}, 2)
					fault := fault
					fault.Action, fault.Times = action, 2
					f.create(udp("udp", 6315))
					f.srv.Inject(fault)
					_ = f.passes() // it may fail
					for _, s := range []string{"54.1.1.1", "54.1.1.2"} {
						if strings.Contains(f.get("udp").Annotations[expose.PublishedAnnotation], s) && len(f.firewall()) == 0 {
							t.Errorf("%s is published, and nothing is open", s)
						}
					}
					f.service("udp", func(s *corev1.Service) { s.Spec.Ports[0].Port = 6316 })
					_ = f.passes()
					f.srv.ClearFaults()
					if err := f.passes(); err != nil {
						t.Error(err)
					}
					f.shows("udp 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2", "signpost-k.example.com: n1 n2 | 6316/udp 0.0.0.0/0, 6316/udp ::/0")
					f.srv.Inject(fault)
					f.service("udp", func(s *corev1.Service) { now := metav1.Now(); s.DeletionTimestamp = &now })
					_ = f.passes()
					f.srv.ClearFaults()
					if err := f.passes(); err != nil {
						t.Error(err)
					}
					if left := f.firewall(); len(left) > 0 || len(f.get("udp").Finalizers) > 0 {
						t.Errorf("left: %v, finalizers %v", left, f.get("udp").Finalizers)
					}
				})
			})
		}
	}
}

// TestBareMetal needs no firewall, and publishes internal addresses where nodes have no others.
func TestBareMetal(t *testing.T) {
	f := newFarm(t, emulator.Config{}, 1)
	f.Firewall = func(context.Context, bool) (expose.Firewall, error) { return expose.None{}, nil }
	onEC2 := false
	f.OnEC2 = &onEC2
	f.node("n1", func(n *corev1.Node) { n.Spec.ProviderID, n.Status.Addresses = "", n.Status.Addresses[:1] })
	f.create(udp("udp", 6315))
	if err := f.passes(); err != nil {
		t.Fatal(err)
	}
	f.shows("udp 10.0.0.1 -> 10.0.0.1")
	f.service("udp", func(s *corev1.Service) { delete(s.Annotations, "external-ips.alpha.openfresh.github.io/hostname") })
	if text, err := f.Preview(t.Context()); err != nil || !strings.Contains(text, "- service/default/udp on node n1") {
		t.Errorf("a preview: %q, %v", text, err)
	}
}
