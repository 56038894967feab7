package expose_test

import (
	"context"
	"encoding/json"
	"fmt"
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

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
)

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

// TestPolicyOfTakeOver needs the statement of the published policy that says so, for the last step and for nothing else.
func TestPolicyOfTakeOver(t *testing.T) {
	raw, err := os.ReadFile("../../deploy/iam/expose.json")
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Version   string
		Statement []map[string]any
	}
	if err := json.Unmarshal(raw, &policy); err != nil {
		t.Fatal(err)
	}
	policy.Statement = slices.DeleteFunc(policy.Statement, func(s map[string]any) bool { return s["Sid"] == "TakeOverGroupsOfExternalIPs" })
	without, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	ours := "signpost-k.example.com: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0"
	for name, tc := range map[string]struct {
		policy []byte
		left   []string
	}{
		"whole":                 {raw, []string{ours}},
		"without the statement": {without, []string{ours, "udp.k.example.com: | 6315/udp 0.0.0.0/0"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(t, emulator.Config{}, 2)
			f.oldGroup("udp")
			f.try(nil, f.srv.SetPolicy("signpost", tc.policy))
			f.create(udp("udp", 6315))
			if err := f.passes(); (err != nil) != (len(tc.left) > 1) {
				t.Errorf("told %v", err)
			}
			got := f.firewall()
			slices.Sort(got)
			if d := cmp.Diff(tc.left, got); d != "" {
				t.Errorf("firewall (-want +got):\n%s", d)
			}
		})
	}
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
