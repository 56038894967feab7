package emulator

import (
	"strings"
)

// Condition keys of EC2's actions, in lower case. The first two go on with the key of a tag.
const (
	keyResourceTag  = "aws:resourcetag/"
	keyRequestTag   = "aws:requesttag/"
	keyCreateAction = "ec2:createaction"
)

const arnEC2 = "arn:aws:ec2:us-east-1:" + account + ":"

// ec2Resources are what an action touches, each of which a policy must allow; see
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html. A group that is about to be made has no
// id yet.
func (q *request) ec2Resources() []string {
	groups := func(ids ...string) (all []string) {
		for _, id := range ids {
			all = append(all, arnEC2+"security-group/"+id)
		}
		return all
	}
	switch q.action {
	case "CreateSecurityGroup":
		return append(groups("*"), arnEC2+"vpc/"+q.query.Get("VpcId"))
	case "DeleteSecurityGroup", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress":
		return groups(q.query.Get("GroupId"))
	case "ModifyInstanceAttribute":
		return append(groups(q.list("GroupId")...), arnEC2+"instance/"+q.query.Get("InstanceId"))
	case "ModifyNetworkInterfaceAttribute":
		return append(groups(q.list("SecurityGroupId")...), arnEC2+"network-interface/"+q.query.Get("NetworkInterfaceId"))
	}
	return []string{"*"}
}

// ec2Values is the context of an action on one of its resources: the tags that this bears, those that it shall get, and of tags
// that are set in passing what makes the resource. s.mu is held.
func (s *Server) ec2Values(q *request, action, resource string) map[string][]string {
	values := map[string][]string{}
	tags := func(prefix string, tags map[string]string) {
		for k, v := range tags {
			values[prefix+strings.ToLower(k)] = []string{v}
		}
	}
	kind, id, _ := strings.Cut(strings.TrimPrefix(resource, arnEC2), "/")
	switch g, i := s.ec2.groups[id], s.ec2.instances[id]; {
	case kind == "security-group" && g != nil:
		tags(keyResourceTag, g.Tags)
	case kind == "instance" && i != nil:
		tags(keyResourceTag, i.Tags)
	case kind == "security-group" && id == "*":
		tags(keyRequestTag, q.groupTags())
	}
	if action == "ec2:CreateTags" {
		values[keyCreateAction] = []string{q.action}
	}
	return values
}
