package expose_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
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

// udp is a Service on the addresses of up to two nodes of an instance group.
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

func (f *farm) addInstanceTo(n int, groups ...string) {
	f.Helper()
	i, _ := f.srv.Instance(fmt.Sprintf("i-%017d", n))
	i.Groups = groups
	if err := f.srv.AddInstance(i); err != nil {
		f.Fatal(err)
	}
}
