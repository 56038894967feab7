package ec2

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"github.com/signpost-dns/signpost/internal/expose"
)

// Firewall is the security groups of a cluster, or of one of its namespaces. Make it with [New] or [NewStatic].
type Firewall struct {
	client *client
	Scope
}

// Scope says whose security groups they are.
type Scope struct {
	Cluster   string // "": as tags of the instances name it
	Namespace string // whose Services alone are exposed; "": those of all
	Owner     string // tells the groups of this deployment from those of others; a DNS label, "": there are no others
}

var _ expose.Firewall = (*Firewall)(nil)

// New returns the firewall by what the SDK's default configuration finds. Where that finds no region it is an error.
func New(ctx context.Context, scope Scope) (*Firewall, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if cfg.Region == "" { // the instance that this runs on is most likely one of the cluster's
		if cfg, err = config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}), config.WithEC2IMDSRegion()); err != nil {
			return nil, &regionError{err}
		}
	}
	hc := cfg.HTTPClient
	if hc == nil {
		hc = awshttp.NewBuildableClient()
	}
	return &Firewall{Scope: scope, client: &client{url: endpoint(cfg), region: cfg.Region, credentials: cfg.Credentials,
		http: hc, signer: v4.NewSigner()}}, nil
}

type regionError struct{ error }

func (e *regionError) Error() string {
	return "the AWS region is not known, in which the nodes' security groups are: " + e.error.Error()
}
func (e *regionError) Unwrap() error { return e.error }
func (*regionError) Hint() string    { return "set AWS_REGION, such as AWS_REGION=eu-west-1" }

// NewStatic returns the firewall at a server that checks no credentials, as an emulator does.
func NewStatic(url string, transport http.RoundTripper, scope Scope) *Firewall {
	return &Firewall{Scope: scope, client: &client{url: url, region: "us-east-1", http: &http.Client{Transport: transport},
		credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("signpost", "signpost", "")), signer: v4.NewSigner()}}
}

// Plan implements [expose.Firewall].
func (f *Firewall) Plan(ctx context.Context, want expose.Want) (expose.Steps, error) {
	if err := f.discover(ctx, want); err != nil || f.Cluster == "" {
		return expose.Steps{}, err
	}
	s, err := f.read(ctx, want)
	if err != nil {
		return expose.Steps{}, fmt.Errorf("read security groups: %w", err)
	}
	return f.diff(s, want), nil
}

// Tags by which tools name the cluster of an instance: that of external-ips and kOps, and that of the cloud provider.
const (
	clusterTag       = "KubernetesCluster"
	clusterTagPrefix = "kubernetes.io/cluster/"
)

// discover learns the name of the cluster from the tags of its instances, unless it was given. While there is no
// instance there is nothing to open, and nothing that was.
func (f *Firewall) discover(ctx context.Context, want expose.Want) error {
	if f.Cluster != "" || len(want.Cluster) == 0 {
		return nil
	}
	s := state{instances: map[string]instance{}}
	if err := f.instances(ctx, &s, "instance-id", want.Cluster); err != nil {
		return fmt.Errorf("read the cluster's instances: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(s.instances)) {
		tags := s.instances[id].tags
		if f.Cluster = tags[clusterTag]; f.Cluster != "" {
			return nil
		}
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			if name, ok := strings.CutPrefix(key, clusterTagPrefix); ok && name != "" {
				f.Cluster = name
				return nil
			}
		}
	}
	return &clusterError{}
}

type clusterError struct{}

func (*clusterError) Error() string {
	return "the name of the cluster is not known: no instance has the tag KubernetesCluster or kubernetes.io/cluster/NAME"
}
func (*clusterError) Hint() string {
	return "give --cluster-name, which tells this cluster's security group from others"
}

// diff compares what stands with what is wanted.
func (f *Firewall) diff(s state, want expose.Want) expose.Steps {
	d := &differ{Firewall: f, state: s, want: want, own: map[string]*group{}}
	for i, g := range s.groups {
		if !g.old && d.own[g.vpc] == nil {
			d.own[g.vpc] = &s.groups[i]
		}
	}
	d.admit()
	for _, vpc := range d.vpcs() {
		d.openIn(vpc)
	}
	for _, id := range slices.Sorted(maps.Keys(want.Instances)) {
		if _, ok := s.instances[id]; !ok && !want.Leaving[id] {
			d.fail(id, fmt.Errorf("there is no EC2 instance %s in this account and region", id))
		}
	}
	d.close()
	d.steps.Reached = d.reached()
	return d.steps
}

type differ struct {
	*Firewall
	state state
	want  expose.Want
	own   map[string]*group // by VPC; made by the first step where it is missing
	steps expose.Steps
}

// admit leaves out instances that are neither nodes of the cluster nor, as a node that is gone may be, in its group:
// whoever may edit a Service may edit what it notes, and need not be permitted to open other instances.
func (d *differ) admit() {
	admitted := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(d.want.Instances)) {
		i, ok := d.state.instances[id]
		if g := d.own[i.vpc]; ok && !slices.Contains(d.want.Cluster, id) && (g == nil || !slices.Contains(i.groups, g.id)) {
			if !d.want.Leaving[id] {
				d.fail(id, fmt.Errorf("EC2 instance %s is no node of this cluster", id))
			}
			continue
		}
		admitted[id] = d.want.Instances[id]
	}
	d.want.Instances = admitted
}

// vpcs are those in which instances shall be open.
func (d *differ) vpcs() []string {
	var out []string
	for id := range d.want.Instances {
		if i, ok := d.state.instances[id]; ok {
			out = append(out, i.vpc)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d *differ) open(text string, services []string, instance string, do func(context.Context) error) {
	d.steps.Open = append(d.steps.Open, expose.Step{Text: text, Services: services, Instance: instance, Do: do})
}

func (d *differ) shut(text string, do func(context.Context) error) {
	d.steps.Close = append(d.steps.Close, expose.Step{Text: text, Do: do})
}

func (d *differ) fail(instance string, err error) {
	d.open("! "+err.Error(), d.want.Instances[instance], instance, func(context.Context) error { return err })
}

// all are the services that anything is open for.
func (d *differ) all() []string {
	var out []string
	for _, services := range d.want.Instances {
		out = append(out, services...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// openIn makes the group, lets the rules in, and attaches the instances of one VPC.
func (d *differ) openIn(vpc string) {
	g := d.own[vpc]
	if g == nil {
		g = &group{vpc: vpc, name: d.groupName()}
		d.own[vpc] = g
		d.open(fmt.Sprintf("+ security group %s in %s", g.name, vpc), d.all(), "", func(ctx context.Context) error { return d.create(ctx, g) })
	}
	for _, r := range slices.SortedFunc(maps.Keys(d.want.Rules), compareRules) {
		if !slices.ContainsFunc(g.rules, func(have rule) bool { return have.Rule == r }) {
			d.open(fmt.Sprintf("+ allow %s in %s", r, g.name), d.want.Rules[r], "", func(ctx context.Context) error {
				return d.changeRule(ctx, "AuthorizeSecurityGroupIngress", "InvalidPermission.Duplicate", g, r)
			})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.want.Instances)) {
		i, ok := d.state.instances[id]
		if !ok || i.vpc != vpc || g.id != "" && slices.Contains(i.groups, g.id) {
			continue
		}
		d.open(fmt.Sprintf("+ attach %s to %s", g.name, id), d.want.Instances[id], id, func(ctx context.Context) error {
			if g.id == "" {
				return fmt.Errorf("security group %s could not be made", g.name)
			}
			err := d.setGroups(ctx, i, append(slices.Clone(i.groups), g.id))
			if room := d.others(i); isCode(err, "SecurityGroupsPerInterfaceLimitExceeded") && len(room) < len(i.groups) {
				err = d.setGroups(ctx, i, append(room, g.id))
			}
			return err
		})
	}
}

func compareRules(a, b expose.Rule) int { return cmp.Compare(a.String(), b.String()) }

// others are the groups of an instance but those that ours replaces, which make room where there is a limit.
func (d *differ) others(i instance) []string {
	return slices.DeleteFunc(slices.Clone(i.groups), func(id string) bool {
		return slices.ContainsFunc(d.state.groups, func(g group) bool { return g.id == id && g.old && !slices.Contains(d.want.Others, g.service) })
	})
}

// waited reports whether an old group must stay: ours does not let all of its Service in yet, or the Service is left to
// another deployment.
func (d *differ) waited(g *group) bool {
	if g.service == "" {
		return len(d.steps.Open) > 0
	}
	return slices.Contains(d.want.Others, g.service) || slices.ContainsFunc(d.steps.Open, func(step expose.Step) bool {
		return slices.Contains(step.Services, g.service)
	})
}

// reached are the instances by Service that are in a group of external-ips which lets in all ports of the Service, from
// wherever.
func (d *differ) reached() map[string][]string {
	out := map[string][]string{}
	for _, g := range d.state.groups {
		if g.service == "" {
			continue
		}
		closed := slices.ContainsFunc(slices.Collect(maps.Keys(d.want.Rules)), func(r expose.Rule) bool {
			return slices.Contains(d.want.Rules[r], g.service) && !slices.ContainsFunc(g.rules, func(have rule) bool { return have.Port == r.Port })
		})
		for id, i := range d.state.instances {
			if !closed && slices.Contains(i.groups, g.id) {
				out[g.service] = append(out[g.service], id)
			}
		}
	}
	return out
}

// close takes away what nobody asks for: rules of ours, our group on instances, groups that are on none, and each old group
// once nothing is left to open in its place.
func (d *differ) close() {
	for i := range d.state.groups {
		g := &d.state.groups[i]
		if g.old && d.waited(g) {
			continue
		}
		wanted := !g.old && d.own[g.vpc] == g && slices.Contains(d.vpcs(), g.vpc)
		for _, id := range slices.Sorted(maps.Keys(d.state.instances)) {
			i := d.state.instances[id]
			_, asked := d.want.Instances[id]
			if slices.Contains(i.groups, g.id) && !(wanted && asked) {
				d.detach(i, g)
			}
		}
		if !wanted {
			d.discard(g)
			continue
		}
		for _, r := range g.rules {
			if _, asked := d.want.Rules[r.Rule]; r.ours && !asked {
				d.revoke(g, r.Rule)
			}
		}
	}
}

// discard takes a group away, unless a person keeps something in it. What is ours in it is closed first: that somebody
// else refers to the group keeps it from going, and must keep no port open.
func (d *differ) discard(g *group) {
	for _, r := range g.rules {
		if r.ours {
			d.revoke(g, r.Rule)
		}
	}
	external := g.service != ""
	if g.foreign && !external {
		return
	}
	d.steps.Close = append(d.steps.Close, expose.Step{Text: fmt.Sprintf("- security group %s (%s)", g.name, g.id), Litter: !external,
		Do: func(ctx context.Context) error { return d.remove(ctx, g) }})
}

func (d *differ) revoke(g *group, r expose.Rule) {
	d.shut(fmt.Sprintf("- allow %s in %s", r, g.name), func(ctx context.Context) error {
		return d.changeRule(ctx, "RevokeSecurityGroupIngress", "InvalidPermission.NotFound", g, r)
	})
}

// detach takes an instance out of a group. What other steps changed meanwhile is asked for again.
func (d *differ) detach(i instance, g *group) {
	d.shut(fmt.Sprintf("- detach %s from %s", g.name, i.id), func(ctx context.Context) error {
		fresh := state{instances: map[string]instance{}}
		if err := d.instances(ctx, &fresh, "instance-id", []string{i.id}); err != nil {
			return err
		}
		now, ok := fresh.instances[i.id]
		if !ok || !slices.Contains(now.groups, g.id) {
			return nil
		}
		left := slices.DeleteFunc(slices.Clone(now.groups), func(id string) bool { return id == g.id })
		if len(left) == 0 {
			return fmt.Errorf("instance %s is in no other security group than %s, and must be in one; give it another", i.id, g.name)
		}
		return d.setGroups(ctx, now, left)
	})
}

// create makes a group, with its tag in the same call: none of ours is ever without it.
func (f *Firewall) create(ctx context.Context, g *group) error {
	q := call("GroupName", g.name, "GroupDescription", "Ports of Services on node addresses, kept by Signpost", "VpcId", g.vpc,
		"TagSpecification.1.ResourceType", "security-group", "TagSpecification.1.Tag.1.Key", clusterKey, "TagSpecification.1.Tag.1.Value", f.tagValue())
	if f.Owner != "" {
		q.Set("TagSpecification.1.Tag.2.Key", ownerKey)
		q.Set("TagSpecification.1.Tag.2.Value", f.Owner)
	}
	var made struct {
		ID string `xml:"groupId"`
	}
	if err := f.client.do(ctx, "CreateSecurityGroup", q, &made); err != nil {
		if isCode(err, "InvalidGroup.Duplicate") {
			return fmt.Errorf("%w; if it stays so it lacks the tag%s: tag it, or delete it", err, f.tags())
		}
		return err
	}
	g.id = made.ID
	return nil
}

// changeRule adds or takes a rule. That it is so already is no error.
func (f *Firewall) changeRule(ctx context.Context, action, done string, g *group, r expose.Rule) error {
	if g.id == "" {
		return fmt.Errorf("security group %s could not be made", g.name)
	}
	port := fmt.Sprint(r.Port.Number)
	q := call("GroupId", g.id, "IpPermissions.1.IpProtocol", r.Port.Protocol, "IpPermissions.1.FromPort", port, "IpPermissions.1.ToPort", port)
	kind, key := "IpRanges", "CidrIp"
	if r.Source.Addr().Is6() {
		kind, key = "Ipv6Ranges", "CidrIpv6"
	}
	q.Set("IpPermissions.1."+kind+".1."+key, r.Source.String())
	q.Set("IpPermissions.1."+kind+".1.Description", mark)
	err := f.soon(ctx, action, q)
	if isCode(err, done) {
		return nil
	}
	return err
}

// soon sends a call about a group that may have been made just now: EC2 needs a moment until all of it knows a new one.
func (f *Firewall) soon(ctx context.Context, action string, q form) error {
	for wait := time.Second; ; wait *= 2 {
		err := f.client.do(ctx, action, q, nil)
		if !isCode(err, "InvalidGroup.NotFound") || wait > 8*time.Second {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
	}
}

// setGroups gives an instance these groups. One with several network interfaces takes them on the first.
func (f *Firewall) setGroups(ctx context.Context, i instance, groups []string) error {
	if i.eni == "" {
		q := call("InstanceId", i.id)
		q.list("GroupId", groups...)
		return f.soon(ctx, "ModifyInstanceAttribute", q)
	}
	q := call("NetworkInterfaceId", i.eni)
	q.list("SecurityGroupId", groups...)
	return f.soon(ctx, "ModifyNetworkInterfaceAttribute", q)
}

func (f *Firewall) remove(ctx context.Context, g *group) error {
	err := f.client.do(ctx, "DeleteSecurityGroup", call("GroupId", g.id), nil)
	if isCode(err, "InvalidGroup.NotFound") {
		return nil
	}
	return err
}
