package emulator

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Limits of a VPC by default; see https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html.
const (
	maxRules        = 60 // for each direction and family of a security group
	maxGroups       = 5  // of a network interface
	maxFilterValues = 200
)

// Instance is an EC2 instance, as much of it as firewalls concern.
type Instance struct {
	ID         string
	VPC        string // "" is vpc-1
	PrivateIP  netip.Addr
	PublicIP   netip.Addr
	Tags       map[string]string
	Groups     []string // ids of the security groups of its first interface
	Interfaces int      // 0 is one
}

func (i *Instance) interfaceID() string { return "eni-" + strings.TrimPrefix(i.ID, "i-") }

// Rule lets in what comes from a source.
type Rule struct {
	Protocol    string // tcp or udp
	From, To    int
	Source      netip.Prefix
	Description string
}

func (r Rule) key() Rule { r.Description = ""; return r }

// SecurityGroup is a group with its rules for what comes in.
type SecurityGroup struct {
	ID, Name, Description, VPC string
	Tags                       map[string]string
	Rules                      []Rule

	visible time.Time // before, calls do not find it
}

func (g *SecurityGroup) clone() SecurityGroup {
	c := *g
	c.Tags, c.Rules = maps.Clone(g.Tags), slices.Clone(g.Rules)
	return c
}

// ec2State is what EC2 holds.
type ec2State struct {
	instances map[string]*Instance
	groups    map[string]*SecurityGroup
}

// AddInstance adds an instance, or replaces that of the same id.
func (s *Server) AddInstance(i Instance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasPrefix(i.ID, "i-") {
		return fmt.Errorf("add instance: %q is no id of an instance", i.ID)
	}
	if i.VPC == "" {
		i.VPC = "vpc-1"
	}
	for _, id := range i.Groups {
		if s.ec2.groups[id] == nil {
			return fmt.Errorf("add instance %s: there is no security group %s", i.ID, id)
		}
	}
	i.Groups, i.Interfaces = slices.Clone(i.Groups), max(i.Interfaces, 1)
	s.ec2.instances[i.ID] = &i
	return nil
}

// RemoveInstance terminates an instance.
func (s *Server) RemoveInstance(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ec2.instances, id)
}

// Instance returns an instance as it is; false if it is not there.
func (s *Server) Instance(id string) (Instance, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.ec2.instances[id]
	if i == nil {
		return Instance{}, false
	}
	c := *i
	c.Groups = slices.Clone(i.Groups)
	return c, true
}

// AddSecurityGroup adds a group as a person would, and returns its id.
func (s *Server) AddSecurityGroup(g SecurityGroup) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	g = g.clone()
	if g.ID == "" {
		g.ID = "sg-" + strings.ToLower(digest("group", s.next()))[:17]
	}
	if g.VPC == "" {
		g.VPC = "vpc-1"
	}
	s.ec2.groups[g.ID] = &g
	return g.ID
}

// RemoveSecurityGroup deletes a group as a person would who has detached it everywhere.
func (s *Server) RemoveSecurityGroup(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ec2.groups, id)
	for _, i := range s.ec2.instances {
		i.Groups = slices.DeleteFunc(i.Groups, func(g string) bool { return g == id })
	}
}

// SecurityGroups are all groups by id.
func (s *Server) SecurityGroups() []SecurityGroup {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []SecurityGroup
	for _, id := range slices.Sorted(maps.Keys(s.ec2.groups)) {
		out = append(out, s.ec2.groups[id].clone())
	}
	return out
}

// ec2Actions are the operations of EC2 that the emulator knows.
func ec2Actions() []string {
	return []string{"AuthorizeSecurityGroupIngress", "CreateSecurityGroup", "DeleteSecurityGroup", "DescribeInstances",
		"DescribeSecurityGroups", "ModifyInstanceAttribute", "ModifyNetworkInterfaceAttribute", "RevokeSecurityGroupIngress"}
}

// runEC2 runs a call of EC2, API version 2016-11-15; s.mu is held.
func (s *Server) runEC2(q *request, a *answer) (any, *Error) {
	switch q.action {
	case "DescribeInstances":
		return s.describeInstances(q, a)
	case "DescribeSecurityGroups":
		return s.describeGroups(q, a)
	case "CreateSecurityGroup":
		return s.createGroup(q, a)
	case "DeleteSecurityGroup":
		return s.deleteGroup(q, a)
	case "AuthorizeSecurityGroupIngress":
		return s.changeRules(q, a, s.authoriseRules)
	case "RevokeSecurityGroupIngress":
		return s.changeRules(q, a, revokeRules)
	case "ModifyInstanceAttribute":
		return s.modifyInstance(q, a)
	case "ModifyNetworkInterfaceAttribute":
		return s.modifyInterface(q, a)
	}
	return nil, refuse(http.StatusBadRequest, "InvalidAction", "The action %s is not valid for this web service.", q.action)
}

// group finds a group that calls can see yet.
func (s *Server) group(id string) (*SecurityGroup, *Error) {
	g := s.ec2.groups[id]
	if id == "" {
		return nil, refuse(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter groupName or groupId")
	}
	if g == nil || time.Now().Before(g.visible) {
		return nil, refuse(http.StatusBadRequest, "InvalidGroup.NotFound", "The security group '%s' does not exist", id)
	}
	return g, nil
}

func (s *Server) createGroup(q *request, a *answer) (any, *Error) {
	g := &SecurityGroup{Name: q.query.Get("GroupName"), Description: q.query.Get("GroupDescription"), VPC: q.query.Get("VpcId")}
	if g.Name == "" || g.Description == "" || g.VPC == "" {
		return nil, refuse(http.StatusBadRequest, "MissingParameter", "The request must contain the parameters GroupName, GroupDescription and VpcId")
	}
	if len(g.Name) > 255 || strings.HasPrefix(g.Name, "sg-") {
		return nil, refuse(http.StatusBadRequest, "InvalidParameterValue", "Invalid value '%s' for groupName", g.Name)
	}
	for _, other := range s.ec2.groups {
		if other.Name == g.Name && other.VPC == g.VPC {
			return nil, refuse(http.StatusBadRequest, "InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", g.Name, g.VPC)
		}
	}
	if t := q.query.Get("TagSpecification.1.ResourceType"); t != "" && t != "security-group" {
		return nil, refuse(http.StatusBadRequest, "InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", t)
	}
	if g.Tags = q.groupTags(); len(g.Tags) > 0 {
		if e := s.permit(q, "ec2:CreateTags", arnEC2+"security-group/*"); e != nil {
			return nil, e
		}
	}
	g.ID = "sg-" + strings.ToLower(digest("group", s.next()))[:17]
	g.visible = time.Now().Add(s.cfg.EC2Delay)
	s.ec2.groups[g.ID] = g
	return xmlCreateGroup{GroupID: g.ID, Return: true, RequestID: a.requestID}, nil
}

// groupTags are those that a group shall have that is about to be made.
func (q *request) groupTags() map[string]string {
	tags := map[string]string{}
	for n := 1; q.query.Get(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", n)) != ""; n++ {
		at := fmt.Sprintf("TagSpecification.1.Tag.%d.", n)
		tags[q.query.Get(at+"Key")] = q.query.Get(at + "Value")
	}
	return tags
}

func (s *Server) deleteGroup(q *request, a *answer) (any, *Error) {
	g, e := s.group(q.query.Get("GroupId"))
	if e != nil {
		return nil, e
	}
	for _, i := range s.ec2.instances {
		if slices.Contains(i.Groups, g.ID) {
			return nil, refuse(http.StatusBadRequest, "DependencyViolation", "resource %s has a dependent object", g.ID)
		}
	}
	delete(s.ec2.groups, g.ID)
	return simple(q, a), nil
}

// changeRules reads IpPermissions and changes the group by them, all or nothing.
func (s *Server) changeRules(q *request, a *answer, change func(*SecurityGroup, []Rule) *Error) (any, *Error) {
	g, e := s.group(q.query.Get("GroupId"))
	if e != nil {
		return nil, e
	}
	rules, e := readRules(q)
	if e != nil {
		return nil, e
	}
	if e := change(g, rules); e != nil {
		return nil, e
	}
	return simple(q, a), nil
}

func (s *Server) authoriseRules(g *SecurityGroup, rules []Rule) *Error {
	count := map[bool]int{}
	for _, have := range g.Rules {
		count[have.Source.Addr().Is4()]++
	}
	for i, r := range rules {
		if slices.ContainsFunc(append(slices.Clone(rules[:i]), g.Rules...), func(have Rule) bool { return have.key() == r.key() }) {
			return refuse(http.StatusBadRequest, "InvalidPermission.Duplicate", `the specified rule "peer: %s, %s, from port: %d, to port: %d, ALLOW" already exists`,
				r.Source, strings.ToUpper(r.Protocol), r.From, r.To)
		}
		if count[r.Source.Addr().Is4()]++; count[r.Source.Addr().Is4()] > maxRules {
			return refuse(http.StatusBadRequest, "RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
		}
	}
	g.Rules = append(g.Rules, rules...)
	return nil
}

func revokeRules(g *SecurityGroup, rules []Rule) *Error {
	left := slices.Clone(g.Rules)
	for _, r := range rules {
		i := slices.IndexFunc(left, func(have Rule) bool { return have.key() == r.key() })
		if i < 0 {
			return refuse(http.StatusBadRequest, "InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		left = slices.Delete(left, i, i+1)
	}
	g.Rules = left
	return nil
}

func (s *Server) modifyInstance(q *request, a *answer) (any, *Error) {
	i := s.ec2.instances[q.query.Get("InstanceId")]
	if i == nil {
		return nil, refuse(http.StatusBadRequest, "InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", q.query.Get("InstanceId"))
	}
	if i.Interfaces > 1 {
		return nil, refuse(http.StatusBadRequest, "InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. "+
			"Please specify an interface ID for the operation instead.", i.ID)
	}
	return s.setGroups(q, a, i, q.list("GroupId"))
}

func (s *Server) modifyInterface(q *request, a *answer) (any, *Error) {
	id := q.query.Get("NetworkInterfaceId")
	for _, i := range s.ec2.instances {
		if i.interfaceID() == id {
			return s.setGroups(q, a, i, q.list("SecurityGroupId"))
		}
	}
	return nil, refuse(http.StatusBadRequest, "InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", id)
}

func (s *Server) setGroups(q *request, a *answer, i *Instance, ids []string) (any, *Error) {
	if len(ids) == 0 {
		return nil, refuse(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter groupId")
	}
	if len(ids) > maxGroups {
		return nil, refuse(http.StatusBadRequest, "SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	for _, id := range ids {
		g, e := s.group(id)
		if e != nil {
			return nil, e
		}
		if g.VPC != i.VPC {
			return nil, refuse(http.StatusBadRequest, "InvalidGroup.NotFound", "The security group '%s' does not exist in VPC '%s'", id, i.VPC)
		}
	}
	i.Groups = slices.Compact(slices.Sorted(slices.Values(ids)))
	return simple(q, a), nil
}
