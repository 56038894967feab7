package expose_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
)

const compat = "external-ips.alpha.openfresh.github.io/"

// bubble runs a test on a farm in virtual time.
func bubble(t *testing.T, nodes int, test func(*farm)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newFarm(t, emulator.Config{}, nodes)) })
}

// settled makes passes and has time go by until names that moved are forgotten.
func (f *farm) settled() {
	f.Helper()
	for range 2 {
		f.try(nil, f.passes())
		time.Sleep(time.Hour)
	}
	f.try(nil, f.passes())
}

// nodesOf compares the nodes that a Service's names lead to, "n1 n3".
func (f *farm) nodesOf(service, want string) {
	f.Helper()
	published := f.get(service).Annotations[expose.PublishedAnnotation]
	if got := strings.ReplaceAll(strings.ReplaceAll(published, "54.1.1.", "n"), ",", " "); got != want {
		f.Errorf("%s is on %q, want %q", service, got, want)
	}
}

// endpoints says on which nodes Pods of a Service are ready.
func (f *farm) endpoints(service string, nodes ...string) {
	f.Helper()
	slices := f.client.DiscoveryV1().EndpointSlices("default")
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: service, Labels: map[string]string{discoveryv1.LabelServiceName: service}}}
	yes, no := true, false
	for _, n := range nodes {
		ready := &yes
		if name, bad := strings.CutPrefix(n, "!"); bad {
			n, ready = name, &no
		}
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{NodeName: &n, Conditions: discoveryv1.EndpointConditions{Ready: ready}})
	}
	if _, err := slices.Update(f.Context(), s, metav1.UpdateOptions{}); err == nil {
		return
	}
	f.try(slices.Create(f.Context(), s, metav1.CreateOptions{}))
}

func TestChoosingNodes(t *testing.T) {
	cordon := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	label := func(key, value string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Labels[key] = value }
	}
	maxips := func(value string) func(*farm) {
		return func(f *farm) {
			f.service("udp", func(s *corev1.Service) { s.Annotations[compat+"maxips"] = value })
		}
	}
	for _, tc := range []struct {
		name  string
		spoil func(*farm)
		want  string
	}{
		{"the oldest", func(*farm) {}, "n1 n2"},
		{"a cordoned node goes", func(f *farm) { f.node("n1", cordon) }, "n2 n3"},
		{"unless it is flagged", func(f *farm) {
			f.node("n1", cordon)
			f.node("n1", label("signpost.dev/expose", "true"))
		}, "n1 n2"},
		{"an excluded node goes", func(f *farm) { f.node("n2", label("node.kubernetes.io/exclude-from-external-load-balancers", "")) }, "n1 n3"},
		{"the selector", func(f *farm) {
			f.service("udp", func(s *corev1.Service) { s.Annotations[compat+"selector"] = "kubernetes.io/hostname in (n3,n4)" })
		}, "n3 n4"},
		{"one that comes back takes nothing back", func(f *farm) {
			f.node("n1", notReady)
			f.settled()
			f.node("n1", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionTrue })
		}, "n2 n3"},
		{"a lost node is replaced", func(f *farm) {
			f.try(nil, f.client.CoreV1().Nodes().Delete(f.Context(), "n2", metav1.DeleteOptions{}))
		}, "n1 n3"},
		{"fewer", maxips("1"), "n1"},
		{"without a limit all", maxips("0"), "n1 n2 n3 n4"},
		{"a negative one is none", maxips("-1"), "n1 n2 n3 n4"},
		{"the README's spelling", func(f *farm) {
			f.service("udp", func(s *corev1.Service) {
				delete(s.Annotations, compat+"maxips")
				s.Annotations[compat+"maxip"] = "3"
			})
		}, "n1 n2 n3"},
		{"a new address of a node", func(f *farm) {
			f.node("n2", func(n *corev1.Node) { n.Status.Addresses[1].Address = "54.1.1.9" })
		}, "n1 n9"},
		{"another controller's", func(f *farm) {
			f.service("udp", func(s *corev1.Service) { s.Annotations[compat+"controller"] = "other" })
		}, ""},
		{"ours by name", func(f *farm) {
			f.service("udp", func(s *corev1.Service) { s.Annotations[compat+"controller"] = "dns-controller" })
		}, "n1 n2"},
		{"a filter leaves it out", func(f *farm) {
			f.Takes = func(s *corev1.Service) bool { return s.Labels["team"] == "web" }
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, 4, func(f *farm) {
				f.create(udp("udp", 6315))
				f.settled()
				tc.spoil(f)
				f.settled()
				f.nodesOf("udp", tc.want)
				if tc.want == "" && (len(f.firewall()) > 0 || len(f.get("udp").Spec.ExternalIPs)+len(f.get("udp").Finalizers) > 0) {
					t.Errorf("left: %v, %+v", f.firewall(), f.get("udp"))
				}
			})
		})
	}
}

// With externalTrafficPolicy Local names lead to nodes with Pods, and stay while there is none.
func TestLocalPolicy(t *testing.T) {
	bubble(t, 4, func(f *farm) {
		s := udp("udp", 6315)
		s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		f.create(s)
		f.settled()
		f.nodesOf("udp", "n1 n2")
		for _, step := range []struct {
			pods []string
			want string
		}{
			{[]string{"n3", "n4"}, "n3 n4"},
			{[]string{"n4", "!n3"}, "n4"},
			{nil, "n4"},
			{[]string{"n1", "n2", "n4"}, "n1 n4"},
		} {
			f.endpoints("udp", step.pods...)
			f.settled()
			f.nodesOf("udp", step.want)
		}
	})
}

// A name is waited for as long as any annotation may have had it remembered.
func TestWaitsForTheTTL(t *testing.T) {
	const alpha = "external-dns.alpha.kubernetes.io/"
	for _, tc := range []struct {
		name     string
		notes    map[string]string
		least    time.Duration
		want     time.Duration
		prefixes []string
	}{
		{name: "none", want: 330 * time.Second},
		{name: "the least is longer", least: time.Hour, want: time.Hour + 30*time.Second},
		{name: "external-ips's", notes: map[string]string{compat + "ttl": "60"}, least: time.Hour, want: 90 * time.Second},
		{name: "ExternalDNS's", notes: map[string]string{compat + "ttl": "60", alpha + "ttl": "10m"}, want: 630 * time.Second, prefixes: []string{alpha}},
		{name: "under a prefix of one's own", notes: map[string]string{"dns.example.com/ttl": "20m"}, want: 1230 * time.Second, prefixes: []string{"dns.example.com/"}},
		{name: "under a prefix that nobody reads", notes: map[string]string{compat + "ttl": "60", alpha + "ttl": "10m"}, want: 90 * time.Second, prefixes: []string{"dns.example.com/"}},
		{name: "nonsense", notes: map[string]string{compat + "ttl": "soon"}, want: 330 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, 2, func(f *farm) {
				f.LeastTTL, f.Prefixes = tc.least, tc.prefixes
				s := udp("udp", 6315)
				for key, value := range tc.notes {
					s.Annotations[key] = value
				}
				f.create(s)
				f.try(nil, f.passes())
				f.node("n1", notReady)
				f.try(nil, f.passes())
				f.nodesOf("udp", "n2")
				time.Sleep(tc.want - time.Second)
				f.try(nil, f.passes())
				if ips := f.get("udp").Spec.ExternalIPs; len(ips) != 2 {
					t.Errorf("too early it is at %v", ips)
				}
				time.Sleep(time.Second)
				f.try(nil, f.passes())
				if ips := f.get("udp").Spec.ExternalIPs; len(ips) != 1 {
					t.Errorf("it is still at %v", ips)
				}
			})
		})
	}
}

// What external-ips left says where a Service is: nodes that are fit stay, and names that lead to others are waited for.
func TestTakesOverWhereItIs(t *testing.T) {
	bubble(t, 4, func(f *farm) {
		f.node("n4", notReady)
		s := udp("udp", 6315)
		s.Spec.ExternalIPs = []string{"10.0.0.3", "10.0.0.4"}
		f.create(s)
		f.try(nil, f.passes())
		f.nodesOf("udp", "n1 n3")
		if ips := f.get("udp").Spec.ExternalIPs; !slices.Equal(ips, []string{"10.0.0.1", "10.0.0.3", "10.0.0.4"}) {
			t.Errorf("before the TTL is over it is at %v", ips)
		}
		f.settled()
		if ips := f.get("udp").Spec.ExternalIPs; !slices.Equal(ips, []string{"10.0.0.1", "10.0.0.3"}) {
			t.Errorf("it is at %v", ips)
		}
	})
}

// Nothing is published that could not be opened, also where it was before us.
func TestTakesOverNothingUnopened(t *testing.T) {
	bubble(t, 1, func(f *farm) {
		s := udp("udp", 6315)
		s.Spec.ExternalIPs = []string{"10.0.0.1"}
		f.create(s)
		f.srv.Inject(emulator.Fault{Action: "AuthorizeSecurityGroupIngress", Code: "RulesPerSecurityGroupLimitExceeded", Times: -1})
		if err := f.passes(); err == nil {
			t.Error("the fault is not told")
		}
		f.nodesOf("udp", "")
		f.srv.ClearFaults()
		f.settled()
		f.nodesOf("udp", "n1")
	})
}

// A note that somebody spoilt is made anew from where the Service is.
func TestSpoiltNote(t *testing.T) {
	bubble(t, 3, func(f *farm) {
		f.create(udp("udp", 6315))
		f.settled()
		f.service("udp", func(s *corev1.Service) { s.Annotations["signpost.dev/nodes"] = "{" })
		f.settled()
		f.nodesOf("udp", "n1 n2")
	})
}

// Whoever may edit a Service may edit its note. That opens no instance but the cluster's nodes, and has packets for no
// address sent to the Service but for theirs.
func TestForgedNote(t *testing.T) {
	for _, mode := range []expose.Mode{expose.ExternalIPs, expose.LoadBalancer} {
		t.Run(string(mode), func(t *testing.T) {
			bubble(t, 1, func(f *farm) {
				f.try(nil, f.srv.AddInstance(emulator.Instance{ID: "i-database", VPC: "vpc-other", PrivateIP: netip.MustParseAddr("10.9.9.9")}))
				s := udp("udp", 6315, compat+"selector", "none=fits",
					"signpost.dev/nodes", `[{"node":"n1","instance":"i-database","internal":["10.0.0.1","8.8.8.8"],"public":[],"state":"serving"},`+
						`{"node":"gone","instance":"i-00000000000000001","internal":["10.96.0.1"],"public":[],"state":"serving"}]`)
				if class := expose.Class; mode == expose.LoadBalancer {
					s.Spec.LoadBalancerClass, s.Annotations["signpost.dev/selector"] = &class, "none=fits"
				}
				f.create(s)
				if err := f.passes(); err == nil || !strings.Contains(err.Error(), "EC2 instance i-database is no node of this cluster") {
					t.Errorf("told %v", err)
				}
				if i, _ := f.srv.Instance("i-database"); len(i.Groups) > 0 {
					t.Errorf("i-database is in %v", i.Groups)
				}
				at := f.get("udp").Spec.ExternalIPs
				for _, i := range f.get("udp").Status.LoadBalancer.Ingress {
					at = append(at, i.IP)
				}
				if !slices.Equal(at, []string{"10.0.0.1"}) {
					t.Errorf("it is at %v", at)
				}
			})
		})
	}
}

// One Service that cannot be written, and one whose ports cannot be opened, hold up no other: not its opening, nor its
// end.
func TestOneServiceStopsNoOther(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		f.create(udp("going", 6315))
		f.try(nil, f.passes())
		f.client.PrependReactor("update", "services", func(a k8stesting.Action) (bool, runtime.Object, error) {
			if u, ok := a.(k8stesting.UpdateAction); ok && u.GetObject().(*corev1.Service).Name == "refused" {
				return true, nil, errors.New("admission webhook denied the request")
			}
			return false, nil, nil
		})
		f.create(udp("refused", 7000))
		f.create(udp("fine", 7001))
		many := udp("many", 7002)
		for n := range int32(60) {
			many.Spec.Ports = append(many.Spec.Ports, corev1.ServicePort{Port: 8000 + n, Protocol: corev1.ProtocolUDP})
		}
		f.create(many)
		f.service("going", func(s *corev1.Service) { now := metav1.Now(); s.DeletionTimestamp = &now })
		if err := f.passes(); err == nil {
			t.Error("nothing is told")
		}
		f.nodesOf("fine", "n1 n2")
		f.nodesOf("refused", "")
		f.nodesOf("many", "")
		if s := f.get("going"); len(s.Finalizers) > 0 {
			t.Errorf("it cannot go: %v", s.Finalizers)
		}
		for name, says := range map[string]string{"refused": "admission webhook denied the request", "many": "RulesPerSecurityGroupLimitExceeded"} {
			if p := f.problems[name]; len(p) == 0 || !strings.Contains(p[0].Message, says) {
				t.Errorf("%s is told %v, want %q", name, p, says)
			}
		}
		for _, line := range f.firewall() {
			if strings.Contains(line, "6315") || strings.Contains(line, "7000") {
				t.Errorf("open for nobody: %s", line)
			}
		}
	})
}

// A security group that cannot be deleted, because somebody refers to it, say, keeps no Service from going.
func TestGroupThatStays(t *testing.T) {
	bubble(t, 1, func(f *farm) {
		f.create(udp("udp", 6315))
		f.try(nil, f.passes())
		f.srv.Inject(emulator.Fault{Action: "DeleteSecurityGroup", Code: "DependencyViolation", Times: -1})
		f.service("udp", func(s *corev1.Service) { now := metav1.Now(); s.DeletionTimestamp = &now })
		if err := f.passes(); err == nil || !strings.Contains(err.Error(), "DependencyViolation") {
			t.Errorf("told %v", err)
		}
		if s := f.get("udp"); len(s.Finalizers) > 0 {
			t.Errorf("it cannot go: %v", s.Finalizers)
		}
		f.shows("udp -> ", "signpost-k.example.com: | ")
		f.srv.ClearFaults()
		f.try(nil, f.passes())
		f.shows("udp -> ")
	})
}

// What can be done about it is told with what is wrong.
func TestHints(t *testing.T) {
	bubble(t, 1, func(f *farm) {
		f.try(nil, f.srv.SetPolicy("signpost", []byte(strings.Replace(seedPolicy, `"ec2:CreateSecurityGroup", `, "", 1))))
		f.create(udp("udp", 6315))
		_ = f.passes() // the problem is what counts
		const want = "allow ec2:CreateSecurityGroup (deploy/iam/expose.json has all that is needed)"
		if p := f.problems["udp"]; len(p) == 0 || !strings.Contains(p[0].Message, want) {
			t.Errorf("told %v", p)
		}
		f.Firewall = func(context.Context, bool) (expose.Firewall, error) {
			return nil, errors.New("the AWS region is not known")
		}
		_ = f.passes()
		if p := f.problems["udp"]; len(p) == 0 || !strings.Contains(p[0].Message, "the AWS region is not known") {
			t.Errorf("told %v", p)
		}
	})
}

// Where nobody knows what is translated, a Service takes packets at all addresses of its nodes.
func TestAddressesOutsideEC2(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		f.Firewall = func(context.Context, bool) (expose.Firewall, error) { return expose.None{}, nil }
		onEC2 := false
		f.OnEC2 = &onEC2
		class := expose.Class
		s := udp("web", 443)
		s.Annotations = map[string]string{"signpost.dev/maxips": "1"}
		s.Spec.LoadBalancerClass = &class
		f.create(s)
		f.settled()
		f.shows("web status:10.0.0.1 status:54.1.1.1 -> 54.1.1.1")
	})
}
