package ec2_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
	"github.com/signpost-dns/signpost/internal/expose/ec2"
)

const cluster = "k.example.com"

// cloud is EC2 over HTTP, with three instances in the group sg-base.
type cloud struct {
	*testing.T
	srv      *emulator.Server
	firewall *ec2.Firewall
}

func newCloud(t *testing.T, cfg emulator.Config, scope ec2.Scope) *cloud {
	t.Helper()
	c := &cloud{T: t, srv: emulator.New(cfg)}
	c.srv.AddSecurityGroup(emulator.SecurityGroup{ID: "sg-base", Name: "base"})
	for _, id := range []string{"i-1", "i-2", "i-3"} {
		c.instance(id, "sg-base")
	}
	server := httptest.NewServer(c.srv)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_EC2": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "any",
		"AWS_SECRET_ACCESS_KEY": "any", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	var err error
	if c.firewall, err = ec2.New(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cloud) instance(id string, groups ...string) {
	c.Helper()
	if err := c.srv.AddInstance(emulator.Instance{ID: id, Groups: groups, Tags: map[string]string{"kubernetes.io/cluster/" + cluster: "owned"}}); err != nil {
		c.Fatal(err)
	}
}

// want lets the ports of a Service in on instances.
func want(service string, instances []string, ports ...expose.Port) expose.Want {
	w := expose.Want{Cluster: []string{"i-1", "i-2", "i-3"}}
	var members []expose.Member
	for _, id := range instances {
		members = append(members, expose.Member{Node: id, Instance: id})
	}
	w.Add(&expose.Ask{Namespace: "default", Name: service, Ports: ports, Sources: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, members)
	return w
}

var udp = expose.Port{Protocol: "udp", Number: 6315}

// apply does all steps, and returns what they say and the errors.
func (c *cloud) apply(w expose.Want) (text string, err error) {
	c.Helper()
	steps, err := c.firewall.Plan(c.Context(), w)
	if err != nil {
		return "", err
	}
	var errs []error
	for _, s := range slices.Concat(steps.Open, steps.Close) {
		errs = append(errs, s.Do(c.Context()))
	}
	return steps.String(), errors.Join(errs...)
}

// settles applies until nothing is left to do, which takes at most two turns, and then two calls a turn.
func (c *cloud) settles(w expose.Want) {
	c.Helper()
	for range 2 {
		if _, err := c.apply(w); err != nil {
			c.Fatal(err)
		}
	}
	c.srv.ResetCalls()
	if text, err := c.apply(w); text != "" || err != nil {
		c.Errorf("something is left to do: %v\n%s", err, text)
	}
	if calls := len(c.srv.Calls()); calls > 2 {
		c.Errorf("%d calls when nothing changed", calls)
	}
}

// shows compares the groups and who is in them, sg-base aside.
func (c *cloud) shows(lines ...string) {
	c.Helper()
	var got []string
	for _, g := range c.srv.SecurityGroups() {
		if g.ID == "sg-base" {
			continue
		}
		line := g.Name + ":"
		for _, id := range []string{"i-1", "i-2", "i-3"} {
			if i, _ := c.srv.Instance(id); slices.Contains(i.Groups, g.ID) {
				line += " " + id
			}
		}
		var rules []string
		for _, r := range g.Rules {
			rules = append(rules, fmt.Sprintf(" %d/%s", r.From, r.Protocol))
		}
		slices.Sort(rules)
		got = append(got, line+" |"+strings.Join(rules, ""))
	}
	slices.Sort(got)
	if d := cmp.Diff(lines, got); d != "" {
		c.Errorf("groups (-want +got):\n%s", d)
	}
}

func TestOpenAndClose(t *testing.T) {
	for _, cfg := range []emulator.Config{{}, {EC2PageSize: 1}} {
		c := newCloud(t, cfg, ec2.Scope{})
		c.settlesUnpaged(cfg, want("udp", []string{"i-1", "i-2"}, udp))
		c.shows("signpost-k.example.com: i-1 i-2 | 6315/udp")
		c.settlesUnpaged(cfg, want("udp", []string{"i-2", "i-3"}, udp, expose.Port{Protocol: "tcp", Number: 443}))
		c.shows("signpost-k.example.com: i-2 i-3 | 443/tcp 6315/udp")
		c.settlesUnpaged(cfg, expose.Want{Cluster: []string{"i-1"}})
		c.shows()
		for _, id := range []string{"i-1", "i-2", "i-3"} {
			if i, _ := c.srv.Instance(id); !slices.Equal(i.Groups, []string{"sg-base"}) {
				t.Errorf("%s is in %v", id, i.Groups)
			}
		}
	}
}

// settlesUnpaged is settles, but that pages take calls of their own.
func (c *cloud) settlesUnpaged(cfg emulator.Config, w expose.Want) {
	c.Helper()
	if cfg.EC2PageSize == 0 {
		c.settles(w)
		return
	}
	for range 2 {
		if _, err := c.apply(w); err != nil {
			c.Fatal(err)
		}
	}
	if text, err := c.apply(w); text != "" || err != nil {
		c.Errorf("something is left to do: %v\n%s", err, text)
	}
}

// Groups and rules that are not ours stay: those of others, of other clusters, and a person's rule in our group.
func TestOthersStay(t *testing.T) {
	c := newCloud(t, emulator.Config{}, ec2.Scope{Cluster: cluster})
	all := netip.MustParsePrefix("0.0.0.0/0")
	ssh := emulator.Rule{Protocol: "tcp", From: 22, To: 22, Source: all}
	passive := emulator.Rule{Protocol: "tcp", From: 40000, To: 50000, Source: all}
	c.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "signpost-other", Tags: map[string]string{"signpost.dev/cluster": "other"}, Rules: []emulator.Rule{ssh}})
	c.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "untagged", Rules: []emulator.Rule{ssh}})
	c.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "udp.other", Tags: map[string]string{"external-ips/other": "owned"}})
	c.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "shared." + cluster, Tags: map[string]string{"external-ips/" + cluster: "shared"}})
	others := []string{"shared.k.example.com: |", "signpost-other: | 22/tcp", "udp.other: |", "untagged: | 22/tcp"}
	c.settles(want("udp", []string{"i-1"}, udp))
	mine := ""
	for _, g := range c.srv.SecurityGroups() {
		if g.Name == "signpost-"+cluster {
			mine = g.ID
			g.Rules = append(g.Rules, passive)
			c.srv.AddSecurityGroup(g)
		}
	}
	c.settles(want("udp", []string{"i-1"}, expose.Port{Protocol: "udp", Number: 53}))
	c.shows(slices.Insert(slices.Clone(others), 1, "signpost-k.example.com: i-1 | 40000/tcp 53/udp")...)
	c.settles(expose.Want{Cluster: []string{"i-1"}})
	c.shows(slices.Insert(slices.Clone(others), 1, "signpost-k.example.com: | 40000/tcp")...)
	if mine == "" {
		t.Error("there was no group of ours")
	}
}

// The groups of external-ips go when everything of ours is open, and not before.
func TestGroupsOfExternalIPs(t *testing.T) {
	c := newCloud(t, emulator.Config{}, ec2.Scope{Cluster: cluster})
	rule := emulator.Rule{Protocol: "udp", From: 6315, To: 6315, Source: netip.MustParsePrefix("0.0.0.0/0")}
	old := c.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "udp." + cluster, Tags: map[string]string{"external-ips/" + cluster: "owned"}, Rules: []emulator.Rule{rule}})
	var full []string // as many groups as an interface may have
	for n := range 4 {
		full = append(full, c.srv.AddSecurityGroup(emulator.SecurityGroup{ID: fmt.Sprint("sg-", n), Name: fmt.Sprint("z", n)}))
	}
	c.instance("i-1", append(full, old)...)
	c.instance("i-2", "sg-base", old)
	z := []string{"z0: i-1 |", "z1: i-1 |", "z2: i-1 |", "z3: i-1 |"}

	c.srv.Inject(emulator.Fault{Action: "AuthorizeSecurityGroupIngress", Code: "RulesPerSecurityGroupLimitExceeded", Times: 2})
	if _, err := c.apply(want("udp", []string{"i-2"}, udp)); err == nil {
		t.Fatal("the fault is not told")
	}
	c.shows(append([]string{"signpost-k.example.com: i-2 |", "udp.k.example.com: i-1 i-2 | 6315/udp"}, z...)...)
	c.srv.ClearFaults()
	c.settles(want("udp", []string{"i-1", "i-2"}, udp))
	c.shows(append([]string{"signpost-k.example.com: i-1 i-2 | 6315/udp"}, z...)...)
}

// A deployment that sees one namespace has a group of its own, and takes over what external-ips made for that.
func TestNamespaces(t *testing.T) {
	c := newCloud(t, emulator.Config{}, ec2.Scope{Cluster: cluster, Namespace: "shop"})
	for _, name := range []string{"udp." + cluster, "udp.shop." + cluster, "udp.other." + cluster} {
		c.srv.AddSecurityGroup(emulator.SecurityGroup{Name: name, Tags: map[string]string{"external-ips/" + cluster: "owned"}})
	}
	c.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "signpost-" + cluster, Tags: map[string]string{"signpost.dev/cluster": cluster}})
	c.settles(want("udp", []string{"i-1"}, udp))
	c.shows("signpost-k.example.com-shop: i-1 | 6315/udp", "signpost-k.example.com: |", "udp.k.example.com: |", "udp.other.k.example.com: |")
}

// An instance that must be in a group, and is in none but ours.
func TestLastGroup(t *testing.T) {
	c := newCloud(t, emulator.Config{}, ec2.Scope{Cluster: cluster})
	c.settles(want("udp", []string{"i-1"}, udp))
	i, _ := c.srv.Instance("i-1")
	c.instance("i-1", slices.DeleteFunc(i.Groups, func(id string) bool { return id == "sg-base" })...)
	_, err := c.apply(expose.Want{Cluster: []string{"i-1"}})
	if err == nil || !strings.Contains(err.Error(), "instance i-1 is in no other security group than signpost-k.example.com, and must be in one; give it another") {
		t.Errorf("got %v", err)
	}
}

func TestMistakes(t *testing.T) {
	t.Run("no region", func(t *testing.T) {
		t.Setenv("AWS_REGION", "")
		t.Setenv("AWS_DEFAULT_REGION", "")
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
		_, err := ec2.New(t.Context(), ec2.Scope{})
		says(t, err, "the AWS region is not known", "set AWS_REGION")
	})
	t.Run("no cluster", func(t *testing.T) {
		c := newCloud(t, emulator.Config{}, ec2.Scope{})
		if err := c.srv.AddInstance(emulator.Instance{ID: "i-9"}); err != nil {
			t.Fatal(err)
		}
		_, err := c.firewall.Plan(t.Context(), expose.Want{Cluster: []string{"i-9"}})
		says(t, err, "the name of the cluster is not known", "--cluster-name")
	})
	t.Run("a group of ours without its tag", func(t *testing.T) {
		c := newCloud(t, emulator.Config{}, ec2.Scope{Cluster: cluster})
		c.srv.AddSecurityGroup(emulator.SecurityGroup{Name: "signpost-" + cluster})
		_, err := c.apply(want("udp", []string{"i-1"}, udp))
		says(t, err, "it lacks the tag signpost.dev/cluster=k.example.com: tag it, or delete it", "")
	})
	t.Run("a missing permission", func(t *testing.T) {
		c := newCloud(t, emulator.Config{}, ec2.Scope{Cluster: cluster})
		if err := c.srv.SetPolicy("any", []byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "route53:*", "Resource": "*"}]}`)); err != nil {
			t.Fatal(err)
		}
		_, err := c.firewall.Plan(t.Context(), want("udp", []string{"i-1"}, udp))
		says(t, err, "DescribeSecurityGroups: UnauthorizedOperation", "allow ec2:DescribeSecurityGroups (deploy/iam/expose.json has all that is needed)")
	})
	t.Run("no EC2", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }))
		defer server.Close()
		f := ec2.NewStatic(server.URL, http.DefaultTransport, ec2.Scope{Cluster: cluster})
		_, err := f.Plan(t.Context(), expose.Want{})
		says(t, err, "read security groups: DescribeSecurityGroups: status 502", "")
		server.Close()
		_, err = f.Plan(t.Context(), expose.Want{})
		says(t, err, "connection refused", "")
	})
	t.Run("stopped", func(t *testing.T) {
		c := newCloud(t, emulator.Config{}, ec2.Scope{Cluster: cluster})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.firewall.Plan(ctx, expose.Want{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// says checks an error and its hint.
func says(t *testing.T, err error, text, hint string) {
	t.Helper()
	var hinted interface{ Hint() string }
	got := ""
	if errors.As(err, &hinted) {
		got = hinted.Hint()
	}
	if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(got, hint) {
		t.Errorf("got %v (%s), want %s (%s)", err, got, text, hint)
	}
}
