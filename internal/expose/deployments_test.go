package expose_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
	"github.com/signpost-dns/signpost/internal/expose/ec2"
	"github.com/signpost-dns/signpost/internal/plan"
)

const exposedBy = "signpost.dev/exposed-by"

// deployment is one more Signpost on the farm, which exposes the Services of a team; those without a team are everybody's.
func (f *farm) deployment(owner string) *expose.Controller {
	firewall := ec2.NewStatic("http://ec2", f.srv.RoundTripper(), ec2.Scope{Owner: owner})
	c := *f.Controller
	c.Owner = owner
	c.Firewall = func(context.Context, bool) (expose.Firewall, error) { return firewall, nil }
	c.Takes = func(s *corev1.Service) bool { return s.Labels["team"] == owner || s.Labels["team"] == "" }
	c.Report = func(s *corev1.Service, p []plan.Problem) { f.problems[owner+" "+s.Name] = p }
	return &c
}

// inTurns has each deployment make as many passes as it takes.
func (f *farm) inTurns(all ...*expose.Controller) {
	f.Helper()
	for range 4 {
		for _, c := range all {
			f.try(nil, c.Once(f.Context()))
		}
	}
}

func ofTeam(s *corev1.Service, team string) *corev1.Service {
	s.Labels = map[string]string{"team": team}
	return s
}

// told checks that a deployment tells something of a Service, "" for nothing.
func (f *farm) told(owner, service, want string) {
	f.Helper()
	p := f.problems[owner+" "+service]
	if want == "" && len(p) > 0 || want != "" && (len(p) != 1 || p[0].Reason != plan.ExposedByOther || !strings.Contains(p[0].Message, want)) {
		f.Errorf("%s is told %v of %s, want %q", owner, p, service, want)
	}
}

// Deployments whose filters differ leave each other's Services and security groups alone, while theirs come and go.
func TestDeploymentsSideBySide(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		web, mail := f.deployment("web"), f.deployment("mail")
		f.create(ofTeam(udp("shop", 6315), "web"))
		f.create(ofTeam(udp("post", 6316), "mail"))
		f.inTurns(web, mail)
		shop := "shop 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2"
		ofWeb := "signpost-k.example.com-web: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0"
		ofMail := "signpost-k.example.com-mail: n1 n2 | 6316/udp 0.0.0.0/0, 6316/udp ::/0"
		sorted := func() (all []string) { all = f.firewall(); slices.Sort(all); return all }
		if got := sorted(); !slices.Equal(got, []string{ofMail, ofWeb}) {
			t.Errorf("the firewall has %q", got)
		}
		for name, owner := range map[string]string{"shop": "web", "post": "mail"} {
			if got := f.get(name).Annotations[exposedBy]; got != owner {
				t.Errorf("%s is exposed by %q", name, got)
			}
			f.nodesOf(name, "n1 n2")
		}
		f.srv.ResetCalls()
		for range 3 {
			f.try(nil, mail.Once(f.Context()))
		}
		if n := len(f.srv.Calls()); n != 6 {
			t.Errorf("%d calls when nothing changed", n)
		}
		f.service("post", func(s *corev1.Service) { now := metav1.Now(); s.DeletionTimestamp = &now })
		f.inTurns(web, mail)
		if s := f.get("post"); len(s.Finalizers) > 0 || s.Annotations[exposedBy] != "" {
			t.Errorf("post keeps %v, %v", s.Finalizers, s.Annotations)
		}
		f.shows("post -> ", shop, ofWeb)
		f.told("web", "post", "")
		f.told("mail", "shop", "")
	})
}

// A Service that two would take is the first's. It goes over when the first lets go of it, or when a person says that the first
// is gone for good.
func TestServiceChangesHands(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		web, mail := f.deployment("web"), f.deployment("mail")
		f.create(udp("both", 6315))
		f.inTurns(web, mail)
		exposes := func(owner string) {
			t.Helper()
			f.nodesOf("both", "n1 n2")
			f.shows("both 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2", "signpost-k.example.com-"+owner+": n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0")
		}
		exposes("web")
		f.told("mail", "both", "kubectl annotate --overwrite --namespace=default service/both signpost.dev/exposed-by=mail")
		if text, err := mail.Preview(f.Context()); err != nil || !strings.HasPrefix(text, "! service/default/both: ExposedByOther: the deployment web exposes it") ||
			strings.Count(text, "\n") != 1 {
			t.Errorf("a preview says %q, %v", text, err)
		}
		f.service("both", func(s *corev1.Service) { s.Labels = map[string]string{"team": "mail"} })
		f.inTurns(web, mail)
		time.Sleep(time.Hour) // names that lead there are waited for
		f.inTurns(web, mail)
		exposes("mail")
		f.told("mail", "both", "")

		f.service("both", func(s *corev1.Service) { s.Labels = nil; s.Annotations[exposedBy] = "web" }) // mail is gone, and leaves its group
		f.inTurns(web)
		f.nodesOf("both", "n1 n2")
		if all := f.firewall(); len(all) != 2 || !slices.Contains(all, "signpost-k.example.com-web: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0") {
			t.Errorf("the firewall has %q", all)
		}
	})
}

// What names no deployment counts as one's own: a note and a group from the time when there was one deployment to a cluster.
func TestNotesWithoutOwner(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		f.create(udp("udp", 6315))
		f.settled()
		if f.get("udp").Annotations[exposedBy] != "" {
			t.Fatal("the note has an owner")
		}
		web := f.deployment("web")
		f.inTurns(web)
		f.shows("udp 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2", "signpost-k.example.com-web: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0")
		if got := f.get("udp").Annotations[exposedBy]; got != "web" {
			t.Errorf("it is exposed by %q", got)
		}
	})
}

// A port of a node is one Service's, also where two deployments have one each.
func TestPortsOfOthers(t *testing.T) {
	bubble(t, 3, func(f *farm) {
		web, mail := f.deployment("web"), f.deployment("mail")
		f.create(ofTeam(udp("shop", 6315), "web"))
		f.inTurns(web, mail)
		late := ofTeam(udp("zoo", 6315), "mail")
		late.CreationTimestamp = metav1.NewTime(epoch.AddDate(0, 0, 1))
		f.create(late)
		f.inTurns(web, mail)
		f.nodesOf("shop", "n1 n2")
		f.nodesOf("zoo", "n3")
	})
}

// The groups that external-ips made for Services of another deployment stay until that takes them over; those of Services that
// are gone go.
func TestTakesOverItsOwn(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		old := func(service string) {
			f.srv.AddSecurityGroup(emulator.SecurityGroup{Name: service + "." + cluster, Tags: map[string]string{"external-ips/" + cluster: "owned"},
				Rules: []emulator.Rule{{Protocol: "udp", From: 6316, To: 6316, Source: netip.MustParsePrefix("0.0.0.0/0")}}})
		}
		old("post")
		old("gone")
		f.create(ofTeam(udp("shop", 6315), "web"))
		f.create(ofTeam(udp("post", 6316), "mail"))
		web, mail := f.deployment("web"), f.deployment("mail")
		names := func() (all []string) {
			for _, g := range f.srv.SecurityGroups() {
				if g.ID != "sg-base" {
					all = append(all, strings.ReplaceAll(g.Name, cluster, "K"))
				}
			}
			slices.Sort(all)
			return all
		}
		f.inTurns(web)
		if got, want := names(), []string{"post.K", "signpost-K-web"}; !slices.Equal(got, want) {
			t.Errorf("groups %v, want %v", got, want)
		}
		f.inTurns(web, mail)
		if got, want := names(), []string{"signpost-K-mail", "signpost-K-web"}; !slices.Equal(got, want) {
			t.Errorf("groups %v, want %v", got, want)
		}
	})
}

// oldGroup is what external-ips has opened for a Service of the namespace default: 6315/udp over IPv4 on the first node.
func (f *farm) oldGroup(service string) {
	f.Helper()
	old := f.srv.AddSecurityGroup(emulator.SecurityGroup{Name: service + "." + cluster, Tags: map[string]string{"external-ips/" + cluster: "owned"},
		Rules: []emulator.Rule{{Protocol: "udp", From: 6315, To: 6315, Source: netip.MustParsePrefix("0.0.0.0/0")}}})
	i, _ := f.srv.Instance("i-00000000000000001")
	f.addInstanceTo(1, append(i.Groups, old)...)
}

// A name that external-ips published, and that answers, stays when a rule of ours cannot be added, and so does what lets it in; it
// goes on when the rule can be added.
func TestTakeOverThatFails(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		f.oldGroup("udp")
		s := udp("udp", 6315)
		s.Spec.ExternalIPs = []string{"10.0.0.1"}
		f.create(s)
		f.srv.Inject(emulator.Fault{Action: "AuthorizeSecurityGroupIngress", Code: "RulesPerSecurityGroupLimitExceeded", Times: -1})
		for range 3 {
			if err := f.passes(); err == nil {
				t.Error("the fault is not told")
			}
			f.nodesOf("udp", "n1")
			if all := f.firewall(); !slices.Contains(all, "udp.k.example.com: n1 | 6315/udp 0.0.0.0/0") {
				t.Errorf("the firewall has %q", all)
			}
			time.Sleep(time.Hour)
		}
		f.srv.ClearFaults()
		f.settled()
		f.shows("udp 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2", "signpost-k.example.com: n1 n2 | 6315/udp 0.0.0.0/0, 6315/udp ::/0")
	})
}

// An old group that lets in another port than the Service has now reaches nothing.
func TestTakeOverOfAnotherPort(t *testing.T) {
	bubble(t, 1, func(f *farm) {
		f.oldGroup("udp")
		s := udp("udp", 6316)
		s.Spec.ExternalIPs = []string{"10.0.0.1"}
		f.create(s)
		f.srv.Inject(emulator.Fault{Action: "AuthorizeSecurityGroupIngress", Code: "RulesPerSecurityGroupLimitExceeded", Times: -1})
		if err := f.passes(); err == nil {
			t.Error("the fault is not told")
		}
		f.nodesOf("udp", "")
	})
}

// The group that external-ips left of a Service that is gone is closed, though another Service cannot be opened.
func TestOldGroupOfNobody(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		f.oldGroup("gone")
		f.oldGroup("udp")
		f.create(udp("udp", 6315))
		f.srv.Inject(emulator.Fault{Action: "AuthorizeSecurityGroupIngress", Code: "RulesPerSecurityGroupLimitExceeded", Times: -1})
		if err := f.passes(); err == nil {
			t.Error("the fault is not told")
		}
		all := f.firewall()
		if slices.ContainsFunc(all, func(line string) bool { return strings.HasPrefix(line, "gone.") }) ||
			!slices.Contains(all, "udp.k.example.com: n1 | 6315/udp 0.0.0.0/0") {
			t.Errorf("the firewall has %q", all)
		}
	})
}

// A Service that cannot be marked as ours is left as it is, whatever its nodes let in.
func TestNothingIsPublishedUnmarked(t *testing.T) {
	bubble(t, 1, func(f *farm) {
		s := udp("udp", 6315)
		s.Spec.ExternalIPs = []string{"10.0.0.1"}
		f.create(s)
		refused := false
		f.client.PrependReactor("update", "services", func(k8stesting.Action) (bool, runtime.Object, error) {
			first := !refused
			refused = true
			return first, nil, errors.New("etcdserver: request timed out")
		})
		if err := f.Once(f.Context()); err == nil {
			t.Error("the fault is not told")
		}
		f.shows("udp 10.0.0.1 -> ")
		f.settled()
		f.nodesOf("udp", "n1")
	})
}

// A source range that cannot be read lets nobody in; the others do, and names stay.
func TestBadSourceRange(t *testing.T) {
	bubble(t, 2, func(f *farm) {
		s := udp("udp", 6315)
		s.Spec.LoadBalancerSourceRanges = []string{"192.0.2.0/24", "198.51.100.0/24"}
		f.create(s)
		f.settled()
		f.service("udp", func(s *corev1.Service) { s.Spec.LoadBalancerSourceRanges[1] = "198.51.100/24" })
		f.settled()
		f.shows("udp 10.0.0.1 10.0.0.2 -> 54.1.1.1,54.1.1.2", "signpost-k.example.com: n1 n2 | 6315/udp 192.0.2.0/24")
		want := `spec.loadBalancerSourceRanges: "198.51.100/24" is no address range, such as 192.0.2.0/24: it lets nobody in, only the others do; the nodes stay as they are`
		if p := f.problems["udp"]; len(p) != 1 || p[0].Message != want {
			t.Errorf("told %v", p)
		}
	})
}
