package emulator

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
)

const (
	versionEC2   = "2016-11-15"
	namespaceEC2 = "http://ec2.amazonaws.com/doc/2016-11-15/"
)

type xmlEC2Tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

type xmlGroupRef struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

type xmlENI struct {
	ID     string        `xml:"networkInterfaceId"`
	Index  int           `xml:"attachment>deviceIndex"`
	Groups []xmlGroupRef `xml:"groupSet>item"`
}

type xmlInstance struct {
	ID         string        `xml:"instanceId"`
	State      string        `xml:"instanceState>name"`
	VPC        string        `xml:"vpcId"`
	PrivateIP  string        `xml:"privateIpAddress,omitempty"`
	PublicIP   string        `xml:"ipAddress,omitempty"`
	Groups     []xmlGroupRef `xml:"groupSet>item"`
	Interfaces []xmlENI      `xml:"networkInterfaceSet>item"`
	Tags       []xmlEC2Tag   `xml:"tagSet>item"`
}

type xmlReservation struct {
	Instances []xmlInstance `xml:"instancesSet>item"`
}

type xmlInstances struct {
	XMLName      xml.Name         `xml:"http://ec2.amazonaws.com/doc/2016-11-15/ DescribeInstancesResponse"`
	RequestID    string           `xml:"requestId"`
	Reservations []xmlReservation `xml:"reservationSet>item"`
	NextToken    string           `xml:"nextToken,omitempty"`
}

type xmlRange struct {
	CIDR        string `xml:"cidrIp,omitempty"`
	CIDRv6      string `xml:"cidrIpv6,omitempty"`
	Description string `xml:"description,omitempty"`
}

type xmlPermission struct {
	Protocol string     `xml:"ipProtocol"`
	From     int        `xml:"fromPort"`
	To       int        `xml:"toPort"`
	IPv4     []xmlRange `xml:"ipRanges>item"`
	IPv6     []xmlRange `xml:"ipv6Ranges>item"`
}

type xmlGroup struct {
	Owner       string          `xml:"ownerId"`
	ID          string          `xml:"groupId"`
	Name        string          `xml:"groupName"`
	Description string          `xml:"groupDescription"`
	VPC         string          `xml:"vpcId"`
	Permissions []xmlPermission `xml:"ipPermissions>item"`
	Tags        []xmlEC2Tag     `xml:"tagSet>item"`
}

type xmlGroups struct {
	XMLName   xml.Name   `xml:"http://ec2.amazonaws.com/doc/2016-11-15/ DescribeSecurityGroupsResponse"`
	RequestID string     `xml:"requestId"`
	Groups    []xmlGroup `xml:"securityGroupInfo>item"`
	NextToken string     `xml:"nextToken,omitempty"`
}

type xmlCreateGroup struct {
	XMLName   xml.Name `xml:"http://ec2.amazonaws.com/doc/2016-11-15/ CreateSecurityGroupResponse"`
	RequestID string   `xml:"requestId"`
	Return    bool     `xml:"return"`
	GroupID   string   `xml:"groupId"`
}

// xmlSimple is the answer of a call that only succeeds.
type xmlSimple struct {
	XMLName   xml.Name
	RequestID string `xml:"requestId"`
	Return    bool   `xml:"return"`
}

func simple(q *request, a *answer) xmlSimple {
	return xmlSimple{xml.Name{Space: namespaceEC2, Local: q.action + "Response"}, a.requestID, true}
}

type xmlErrorEC2 struct {
	XMLName   xml.Name `xml:"Response"`
	Code      string   `xml:"Errors>Error>Code"`
	Message   string   `xml:"Errors>Error>Message"`
	RequestID string   `xml:"RequestID"`
}

func tagsXML(tags map[string]string) []xmlEC2Tag {
	var out []xmlEC2Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, xmlEC2Tag{k, tags[k]})
	}
	return out
}

func (s *Server) instanceXML(i *Instance) xmlInstance {
	x := xmlInstance{ID: i.ID, State: "running", VPC: i.VPC, Tags: tagsXML(i.Tags)}
	if i.PrivateIP.IsValid() {
		x.PrivateIP = i.PrivateIP.String()
	}
	if i.PublicIP.IsValid() {
		x.PublicIP = i.PublicIP.String()
	}
	for _, id := range i.Groups {
		x.Groups = append(x.Groups, xmlGroupRef{id, s.ec2.groups[id].Name})
	}
	for n := range i.Interfaces {
		id := i.interfaceID()
		if n > 0 {
			id += strconv.Itoa(n)
		}
		x.Interfaces = append(x.Interfaces, xmlENI{id, n, x.Groups})
	}
	return x
}

// groupXML puts rules of one protocol and port into one permission, as EC2 does.
func groupXML(g *SecurityGroup) xmlGroup {
	x := xmlGroup{Owner: account, ID: g.ID, Name: g.Name, Description: g.Description, VPC: g.VPC, Tags: tagsXML(g.Tags)}
	for _, r := range g.Rules {
		i := slices.IndexFunc(x.Permissions, func(p xmlPermission) bool { return p.Protocol == r.Protocol && p.From == r.From && p.To == r.To })
		if i < 0 {
			i = len(x.Permissions)
			x.Permissions = append(x.Permissions, xmlPermission{Protocol: r.Protocol, From: r.From, To: r.To})
		}
		if p := &x.Permissions[i]; r.Source.Addr().Is4() {
			p.IPv4 = append(p.IPv4, xmlRange{CIDR: r.Source.String(), Description: r.Description})
		} else {
			p.IPv6 = append(p.IPv6, xmlRange{CIDRv6: r.Source.String(), Description: r.Description})
		}
	}
	return x
}

// readRules reads IpPermissions.N.
func readRules(q *request) ([]Rule, *Error) {
	var out []Rule
	invalid := func(format string, args ...any) ([]Rule, *Error) {
		return nil, refuse(http.StatusBadRequest, "InvalidParameterValue", format, args...)
	}
	for n := 1; q.query.Get(fmt.Sprintf("IpPermissions.%d.IpProtocol", n)) != ""; n++ {
		at := fmt.Sprintf("IpPermissions.%d.", n)
		protocol := q.query.Get(at + "IpProtocol")
		if protocol != "tcp" && protocol != "udp" {
			return invalid("Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
		}
		from, errFrom := strconv.Atoi(q.query.Get(at + "FromPort"))
		to, errTo := strconv.Atoi(q.query.Get(at + "ToPort"))
		if errFrom != nil || errTo != nil || from < 0 || to > 65535 || from > to {
			return invalid("Invalid TCP/UDP port range (%s:%s)", q.query.Get(at+"FromPort"), q.query.Get(at+"ToPort"))
		}
		before := len(out)
		for field, key := range map[string]string{"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6"} {
			for m := 1; q.query.Get(fmt.Sprintf("%s%s.%d.%s", at, field, m, key)) != ""; m++ {
				one := fmt.Sprintf("%s%s.%d.", at, field, m)
				source, err := netip.ParsePrefix(q.query.Get(one + key))
				if err != nil || source.Masked() != source || source.Addr().Is4() != (key == "CidrIp") {
					return invalid("CIDR block %s is malformed", q.query.Get(one+key))
				}
				out = append(out, Rule{protocol, from, to, source, q.query.Get(one + "Description")})
			}
		}
		if len(out) == before {
			return invalid("Permission %d names no source", n)
		}
	}
	if len(out) == 0 {
		return nil, refuse(http.StatusBadRequest, "MissingParameter", "Either 'ipPermissions' or 'securityGroupRules' should be provided.")
	}
	return out, nil
}
