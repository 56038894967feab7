package ec2

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/expose"
)

// mark is the description of rules of ours.
const mark = "signpost"

// instance is an EC2 instance.
type instance struct {
	id, vpc string
	groups  []string // of its first network interface
	eni     string   // that interface, where there are several; else ""
	tags    map[string]string
}

// rule is a rule of a group.
type rule struct {
	expose.Rule
	ours bool
}

// group is a security group of ours, or one that ours replaces.
type group struct {
	id, name, vpc string
	old           bool   // external-ips made it, or a Signpost that did not tell deployments apart
	service       string // for which external-ips made it, "" if it did not
	rules         []rule
	foreign       bool // a person has put rules in it, also such as are none of rules: of port ranges, or from groups
}

// state is what EC2 holds that concerns us.
type state struct {
	groups    []group
	instances map[string]instance
}

type xmlTag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

type xmlGroups struct {
	Next   string     `xml:"nextToken"`
	Groups []xmlGroup `xml:"securityGroupInfo>item"`
}

type xmlGroup struct {
	ID          string `xml:"groupId"`
	Name        string `xml:"groupName"`
	VPC         string `xml:"vpcId"`
	Permissions []struct {
		Protocol string `xml:"ipProtocol"`
		From     int32  `xml:"fromPort"`
		To       int32  `xml:"toPort"`
		IPv4     []struct {
			CIDR        string `xml:"cidrIp"`
			Description string `xml:"description"`
		} `xml:"ipRanges>item"`
		IPv6 []struct {
			CIDR        string `xml:"cidrIpv6"`
			Description string `xml:"description"`
		} `xml:"ipv6Ranges>item"`
		Groups []struct{} `xml:"groups>item"`
		Lists  []struct{} `xml:"prefixListIds>item"`
	} `xml:"ipPermissions>item"`
	Tags []xmlTag `xml:"tagSet>item"`
}

type xmlInstances struct {
	Next         string `xml:"nextToken"`
	Reservations []struct {
		Instances []struct {
			ID     string `xml:"instanceId"`
			State  string `xml:"instanceState>name"`
			VPC    string `xml:"vpcId"`
			Groups []struct {
				ID string `xml:"groupId"`
			} `xml:"groupSet>item"`
			Interfaces []struct {
				ID     string `xml:"networkInterfaceId"`
				Index  int    `xml:"attachment>deviceIndex"`
				Groups []struct {
					ID string `xml:"groupId"`
				} `xml:"groupSet>item"`
			} `xml:"networkInterfaceSet>item"`
			Tags []xmlTag `xml:"tagSet>item"`
		} `xml:"instancesSet>item"`
	} `xml:"reservationSet>item"`
}

// read asks for the groups, for the instances that are in them, and only for those others that shall be.
func (f *Firewall) read(ctx context.Context, want expose.Want) (state, error) {
	s := state{instances: map[string]instance{}}
	keys := call()
	keys.filter(1, "tag-key", clusterKey, f.compatKey())
	var all []xmlGroup
	for {
		var page xmlGroups
		if err := f.client.do(ctx, "DescribeSecurityGroups", keys, &page); err != nil {
			return s, err
		}
		all = append(all, page.Groups...)
		if page.Next == "" {
			break
		}
		keys.Set("NextToken", page.Next)
	}
	var ids []string
	for _, g := range all {
		one, ok := f.recognise(g)
		if !ok {
			continue
		}
		for _, p := range g.Permissions {
			add := func(cidr, description string) {
				source, err := netip.ParsePrefix(cidr)
				if err == nil && p.From == p.To {
					one.rules = append(one.rules, rule{expose.Rule{Port: expose.Port{Protocol: p.Protocol, Number: p.From}, Source: source}, description == mark})
				}
				one.foreign = one.foreign || description != mark
			}
			one.foreign = one.foreign || len(p.Groups)+len(p.Lists) > 0
			for _, r := range p.IPv4 {
				add(r.CIDR, r.Description)
			}
			for _, r := range p.IPv6 {
				add(r.CIDR, r.Description)
			}
		}
		s.groups = append(s.groups, one)
		ids = append(ids, g.ID)
	}
	slices.SortFunc(s.groups, func(a, b group) int { return cmp.Compare(a.id, b.id) })
	if err := f.instances(ctx, &s, "instance.group-id", ids); err != nil {
		return s, err
	}
	var missing []string
	for id := range want.Instances {
		if _, ok := s.instances[id]; !ok {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	return s, f.instances(ctx, &s, "instance-id", missing)
}

// chunk is how many values a filter takes.
const chunk = 200

func (f *Firewall) instances(ctx context.Context, s *state, filter string, values []string) error {
	for part := range slices.Chunk(values, chunk) {
		q := call()
		q.filter(1, filter, part...)
		if err := f.pages(ctx, q, s); err != nil {
			return err
		}
	}
	return nil
}

// pages reads all pages of instances.
func (f *Firewall) pages(ctx context.Context, q form, s *state) error {
	for {
		var page xmlInstances
		if err := f.client.do(ctx, "DescribeInstances", q, &page); err != nil {
			return err
		}
		s.add(page)
		if page.Next == "" {
			return nil
		}
		q.Set("NextToken", page.Next)
	}
}

// add notes the instances of a page that are not gone.
func (s *state) add(page xmlInstances) {
	for _, r := range page.Reservations {
		for _, i := range r.Instances {
			if i.State == "terminated" || i.State == "shutting-down" {
				continue
			}
			one := instance{id: i.ID, vpc: i.VPC, tags: map[string]string{}}
			for _, g := range i.Groups {
				one.groups = append(one.groups, g.ID)
			}
			for _, t := range i.Tags {
				one.tags[t.Key] = t.Value
			}
			for _, n := range i.Interfaces {
				if len(i.Interfaces) > 1 && n.Index == 0 {
					one.eni, one.groups = n.ID, nil
					for _, g := range n.Groups {
						one.groups = append(one.groups, g.ID)
					}
				}
			}
			s.instances[i.ID] = one
		}
	}
}

// Tags of our groups.
const (
	clusterKey = "signpost.dev/cluster"
	ownerKey   = "signpost.dev/owner" // the deployment
)

// compatKey is the tag by which external-ips knows its groups in the cluster.
func (f *Firewall) compatKey() string { return "external-ips/" + f.Cluster }

// recognise tells whether a group is ours or one that ours replaces. That of another deployment is neither.
func (f *Firewall) recognise(g xmlGroup) (group, bool) {
	one := group{id: g.ID, name: g.Name, vpc: g.VPC}
	owner := ""
	for _, t := range g.Tags {
		if t.Key == ownerKey {
			owner = t.Value
		}
	}
	if slices.Contains(g.Tags, xmlTag{clusterKey, f.tagValue()}) {
		one.old = owner != f.Owner
		return one, owner == f.Owner || owner == ""
	}
	one.old, one.service = true, f.compatService(g.Name)
	return one, one.service != "" && slices.Contains(g.Tags, xmlTag{f.compatKey(), "owned"})
}

// tags are those of our groups, for people.
func (f *Firewall) tags() string {
	text := " " + clusterKey + "=" + f.tagValue()
	if f.Owner != "" {
		text += " or " + ownerKey + "=" + f.Owner
	}
	return text
}

// tagValue tells the groups of a namespace from those of the cluster.
func (f *Firewall) tagValue() string {
	if f.Namespace == "" {
		return f.Cluster
	}
	return f.Cluster + "/" + f.Namespace
}

func (f *Firewall) groupName() string {
	name := "signpost-" + strings.ReplaceAll(f.tagValue(), "/", "-")
	if f.Owner != "" {
		name += "-" + strings.TrimPrefix(f.Owner, "signpost-")
	}
	return name
}

// compatService reads the Service, as [expose.Ask] prints it, of the name that external-ips gave a group:
// SERVICE.NAMESPACE.CLUSTER, without the namespace where that is "default". It is "" for a name that is none, or of a
// Service that is not looked at.
func (f *Firewall) compatService(name string) string {
	object, ok := strings.CutSuffix(name, "."+f.Cluster)
	service, namespace, other := strings.Cut(object, ".")
	if !other {
		namespace = "default"
	}
	if !ok || f.Namespace != "" && f.Namespace != namespace {
		return ""
	}
	return "service/" + namespace + "/" + service
}
