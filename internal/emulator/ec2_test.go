package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// query sends a call of EC2's query protocol, with parameters as "Name=value", and returns the answer.
func query(t *testing.T, srv *emulator.Server, action string, params ...string) (status int, body string) {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		form.Set(name, value)
	}
	text := form.Encode()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://ec2.eu-west-1.amazonaws.com/", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	keys, err := static(accessKey).Retrieve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, hex.EncodeToString(sum[:]), "ec2", "eu-west-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: srv.RoundTripper()}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(got)
}

// said returns the code of an error, or "" of a success.
func said(t *testing.T, srv *emulator.Server, action string, params ...string) string {
	t.Helper()
	status, body := query(t, srv, action, params...)
	if m := regexp.MustCompile(`<Code>([^<]+)</Code>`).FindStringSubmatch(body); m != nil && status != http.StatusOK {
		return m[1]
	}
	if status != http.StatusOK {
		t.Fatalf("%s: status %d: %s", action, status, body)
	}
	return ""
}

// field returns every value of an element.
func field(body, name string) (out []string) {
	for _, m := range regexp.MustCompile("<"+name+">([^<]*)</"+name+">").FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return out
}

func newGroup(t *testing.T, srv *emulator.Server, name string) string {
	t.Helper()
	_, body := query(t, srv, "CreateSecurityGroup", "GroupName="+name, "GroupDescription=test", "VpcId=vpc-1",
		"TagSpecification.1.ResourceType=security-group", "TagSpecification.1.Tag.1.Key=k", "TagSpecification.1.Tag.1.Value=v")
	ids := field(body, "groupId")
	if len(ids) != 1 {
		t.Fatalf("no group: %s", body)
	}
	return ids[0]
}

// permission is the parameters of one rule.
func permission(n int, protocol, port, source string) []string {
	at := fmt.Sprintf("IpPermissions.%d.", n)
	kind := "IpRanges.1.CidrIp="
	if strings.Contains(source, ":") {
		kind = "Ipv6Ranges.1.CidrIpv6="
	}
	return []string{at + "IpProtocol=" + protocol, at + "FromPort=" + port, at + "ToPort=" + port, at + kind + source}
}

func TestSecurityGroups(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	id := newGroup(t, srv, "web")
	rule := append([]string{"GroupId=" + id}, permission(1, "tcp", "443", "0.0.0.0/0")...)
	v6 := append([]string{"GroupId=" + id}, permission(1, "udp", "53", "2001:db8::/32")...)
	for i, tc := range []struct {
		action string
		params []string
		code   string
	}{
		{"CreateSecurityGroup", []string{"GroupName=web", "GroupDescription=x", "VpcId=vpc-1"}, "InvalidGroup.Duplicate"},
		{"CreateSecurityGroup", []string{"GroupName=web", "GroupDescription=x", "VpcId=vpc-2"}, ""},
		{"CreateSecurityGroup", []string{"GroupName=web"}, "MissingParameter"},
		{"CreateSecurityGroup", []string{"GroupName=sg-web", "GroupDescription=x", "VpcId=vpc-1"}, "InvalidParameterValue"},
		{"AuthorizeSecurityGroupIngress", rule, ""},
		{"AuthorizeSecurityGroupIngress", rule, "InvalidPermission.Duplicate"},
		{"AuthorizeSecurityGroupIngress", v6, ""},
		{"RevokeSecurityGroupIngress", rule, ""},
		{"RevokeSecurityGroupIngress", rule, "InvalidPermission.NotFound"},
		{"AuthorizeSecurityGroupIngress", []string{"GroupId=" + id}, "MissingParameter"},
		{"AuthorizeSecurityGroupIngress", append([]string{"GroupId=sg-0"}, permission(1, "tcp", "1", "0.0.0.0/0")...), "InvalidGroup.NotFound"},
		{"AuthorizeSecurityGroupIngress", append([]string{"GroupId=" + id}, permission(1, "sctp", "1", "0.0.0.0/0")...), "InvalidParameterValue"},
		{"AuthorizeSecurityGroupIngress", append([]string{"GroupId=" + id}, permission(1, "tcp", "65536", "0.0.0.0/0")...), "InvalidParameterValue"},
		{"AuthorizeSecurityGroupIngress", append([]string{"GroupId=" + id}, permission(1, "tcp", "1", "192.0.2.1/24")...), "InvalidParameterValue"},
		{"DescribeSecurityGroups", []string{"Filter.1.Name=colour", "Filter.1.Value.1=red"}, "InvalidParameterValue"},
		{"DescribeSecurityGroups", []string{"GroupId.1=sg-0"}, "InvalidGroup.NotFound"},
		{"DescribeInstances", []string{"InstanceId.1=i-0"}, "InvalidInstanceID.NotFound"},
		{"DescribeInstances", []string{"NextToken=nonsense"}, "InvalidParameterValue"},
		{"ModifyInstanceAttribute", []string{"InstanceId=i-0", "GroupId.1=" + id}, "InvalidInstanceID.NotFound"},
		{"ModifyNetworkInterfaceAttribute", []string{"NetworkInterfaceId=eni-0", "SecurityGroupId.1=" + id}, "InvalidNetworkInterfaceID.NotFound"},
		{"TerminateInstances", []string{"InstanceId.1=i-0"}, "InvalidAction"},
		{"DeleteSecurityGroup", []string{"GroupId=" + id}, ""},
		{"DeleteSecurityGroup", []string{"GroupId=" + id}, "InvalidGroup.NotFound"},
	} {
		if got := said(t, srv, tc.action, tc.params...); got != tc.code {
			t.Errorf("call %d, %s %v: %q, want %q", i, tc.action, tc.params, got, tc.code)
		}
	}
}

// Rules are limited for each family, groups for each interface; all or nothing of a call happens.
func TestLimitsOfSecurityGroups(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	id := newGroup(t, srv, "web")
	many := []string{"GroupId=" + id}
	for n := range 61 {
		many = append(many, permission(n+1, "tcp", fmt.Sprint(1000+n), "0.0.0.0/0")...)
	}
	if code := said(t, srv, "AuthorizeSecurityGroupIngress", many...); code != "RulesPerSecurityGroupLimitExceeded" {
		t.Errorf("61 rules: %q", code)
	}
	if rules := srv.SecurityGroups()[0].Rules; len(rules) > 0 {
		t.Errorf("%d rules of a call that was refused", len(rules))
	}
	if code := said(t, srv, "AuthorizeSecurityGroupIngress", many[:1+4*60]...); code != "" {
		t.Errorf("60 rules: %q", code)
	}
	if code := said(t, srv, "AuthorizeSecurityGroupIngress", append([]string{"GroupId=" + id}, permission(1, "tcp", "1", "::/0")...)...); code != "" {
		t.Errorf("a rule of the other family: %q", code)
	}

	if err := srv.AddInstance(emulator.Instance{ID: "i-1", Groups: []string{id}}); err != nil {
		t.Fatal(err)
	}
	if err := srv.AddInstance(emulator.Instance{ID: "i-2", Groups: []string{id}, Interfaces: 2}); err != nil {
		t.Fatal(err)
	}
	set := []string{"InstanceId=i-1"}
	for n := range 6 {
		set = append(set, fmt.Sprintf("GroupId.%d=%s", n+1, newGroup(t, srv, fmt.Sprint("g", n))))
	}
	for _, tc := range []struct {
		action string
		params []string
		code   string
	}{
		{"ModifyInstanceAttribute", set, "SecurityGroupsPerInterfaceLimitExceeded"},
		{"ModifyInstanceAttribute", set[:1], "MissingParameter"},
		{"ModifyInstanceAttribute", set[:6], ""},
		{"ModifyInstanceAttribute", []string{"InstanceId=i-1", "GroupId.1=sg-0"}, "InvalidGroup.NotFound"},
		{"DeleteSecurityGroup", []string{"GroupId=" + id}, "DependencyViolation"}, // i-2 has it
		{"ModifyInstanceAttribute", []string{"InstanceId=i-2", "GroupId.1=" + id}, "InvalidInstanceID"},
		{"ModifyNetworkInterfaceAttribute", []string{"NetworkInterfaceId=eni-2", "SecurityGroupId.1=" + strings.TrimPrefix(set[1], "GroupId.1=")}, ""},
		{"DeleteSecurityGroup", []string{"GroupId=" + id}, ""},
	} {
		if got := said(t, srv, tc.action, tc.params...); got != tc.code {
			t.Errorf("%s %v: %q, want %q", tc.action, tc.params, got, tc.code)
		}
	}
}

// A new group is not found at once, and what is described comes in pages.
func TestEventualConsistencyAndPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := emulator.New(emulator.Config{EC2Delay: 2 * time.Second, EC2PageSize: 2})
		id := newGroup(t, srv, "new")
		rule := append([]string{"GroupId=" + id}, permission(1, "tcp", "443", "0.0.0.0/0")...)
		if code := said(t, srv, "AuthorizeSecurityGroupIngress", rule...); code != "InvalidGroup.NotFound" {
			t.Errorf("at once: %q", code)
		}
		if _, body := query(t, srv, "DescribeSecurityGroups", "Filter.1.Name=tag-key", "Filter.1.Value.1=k"); len(field(body, "groupId")) > 0 {
			t.Errorf("it is described at once: %s", body)
		}
		time.Sleep(2 * time.Second)
		if code := said(t, srv, "AuthorizeSecurityGroupIngress", rule...); code != "" {
			t.Errorf("later: %q", code)
		}
		for n := range 5 {
			if err := srv.AddInstance(emulator.Instance{ID: fmt.Sprint("i-", n), Groups: []string{id}, PublicIP: netip.MustParseAddr("54.1.1.1")}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		token := ""
		for range 4 {
			params := []string{"Filter.1.Name=instance.group-id", "Filter.1.Value.1=" + id}
			if token != "" {
				params = append(params, "NextToken="+token)
			}
			_, body := query(t, srv, "DescribeInstances", params...)
			got = append(got, strings.Join(field(body, "instanceId"), " "))
			if next := field(body, "nextToken"); len(next) == 1 {
				token = next[0]
				continue
			}
			break
		}
		if d := cmp.Diff([]string{"i-0 i-1", "i-2 i-3", "i-4"}, got); d != "" {
			t.Errorf("pages (-want +got):\n%s", d)
		}
	})
}

// What a policy does not allow is refused under EC2's own code, tags of a new group among it.
func TestPoliciesOfEC2(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ec2:CreateSecurityGroup", "ec2:Describe*"], "Resource": "*"}]}`
	if err := srv.SetPolicy(accessKey, []byte(policy)); err != nil {
		t.Fatal(err)
	}
	untagged := []string{"GroupName=a", "GroupDescription=x", "VpcId=vpc-1"}
	tagged := append([]string{"TagSpecification.1.ResourceType=security-group", "TagSpecification.1.Tag.1.Key=k"}, untagged...)
	for _, tc := range []struct {
		action string
		params []string
		code   string
	}{
		{"DescribeSecurityGroups", nil, ""},
		{"CreateSecurityGroup", tagged, "UnauthorizedOperation"},
		{"CreateSecurityGroup", untagged, ""},
		{"DeleteSecurityGroup", []string{"GroupId=sg-0"}, "UnauthorizedOperation"},
	} {
		if got := said(t, srv, tc.action, tc.params...); got != tc.code {
			t.Errorf("%s: %q, want %q", tc.action, got, tc.code)
		}
	}
}

// TestConditionsOfEC2 meets every condition of a policy that allows groups with a tag of ours only, from both sides.
func TestConditionsOfEC2(t *testing.T) {
	const sg = `"Resource": "arn:aws:ec2:*:*:security-group/*"`
	srv := emulator.New(emulator.Config{})
	ours := srv.AddSecurityGroup(emulator.SecurityGroup{Name: "ours", Tags: map[string]string{"Team": "dns"}})
	plain := srv.AddSecurityGroup(emulator.SecurityGroup{Name: "plain"})
	for id, team := range map[string]string{"i-1": "dns", "i-2": "web"} {
		if err := srv.AddInstance(emulator.Instance{ID: id, Groups: []string{plain}, Tags: map[string]string{"Team": team}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := srv.SetPolicy(accessKey, []byte(`{"Version": "2012-10-17", "Statement": [
	  {"Effect": "Allow", "Action": "ec2:CreateSecurityGroup", "Resource": "arn:aws:ec2:*:*:vpc/vpc-1"},
	  {"Effect": "Allow", "Action": "ec2:CreateSecurityGroup", `+sg+`, "Condition": {"Null": {"aws:RequestTag/Team": "false"}}},
	  {"Effect": "Allow", "Action": "ec2:CreateTags", `+sg+`, "Condition": {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup", "aws:RequestTag/Team": ["dns", "ops"]}}},
	  {"Effect": "Allow", "Action": "ec2:AuthorizeSecurityGroupIngress", `+sg+`, "Condition": {"StringLike": {"aws:resourcetag/team": "d*"}}},
	  {"Effect": "Allow", "Action": "ec2:DeleteSecurityGroup", `+sg+`, "Condition": {"StringNotEquals": {"aws:ResourceTag/Team": "dns"}}},
	  {"Effect": "Allow", "Action": "ec2:ModifyInstanceAttribute", `+sg+`},
	  {"Effect": "Allow", "Action": "ec2:ModifyInstanceAttribute", "Resource": "arn:aws:ec2:*:*:instance/*", "Condition": {"StringEquals": {"aws:ResourceTag/Team": "dns"}}}]}`)); err != nil {
		t.Fatal(err)
	}
	create := func(vpc string, tags ...string) []string {
		all := []string{"GroupName=" + strings.Join(tags, "-") + vpc, "GroupDescription=d", "VpcId=" + vpc}
		for n := 0; n < len(tags); n += 2 {
			all = append(all, "TagSpecification.1.ResourceType=security-group", fmt.Sprintf("TagSpecification.1.Tag.%d.Key=%s", n/2+1, tags[n]),
				fmt.Sprintf("TagSpecification.1.Tag.%d.Value=%s", n/2+1, tags[n+1]))
		}
		return all
	}
	const refused = "UnauthorizedOperation"
	for _, tc := range []struct {
		what, action string
		params       []string
		want         string
	}{
		{"a group with the tag", "CreateSecurityGroup", create("vpc-1", "Team", "ops"), ""},
		{"with another value", "CreateSecurityGroup", create("vpc-1", "Team", "web"), refused},
		{"without the tag", "CreateSecurityGroup", create("vpc-1"), refused},
		{"in another VPC", "CreateSecurityGroup", create("vpc-2", "Team", "dns"), refused},
		{"a rule in ours", "AuthorizeSecurityGroupIngress", append(permission(1, "tcp", "443", "0.0.0.0/0"), "GroupId="+ours), ""},
		{"a rule in another's", "AuthorizeSecurityGroupIngress", append(permission(1, "tcp", "443", "0.0.0.0/0"), "GroupId="+plain), refused},
		{"ours on an instance of ours", "ModifyInstanceAttribute", []string{"InstanceId=i-1", "GroupId.1=" + ours, "GroupId.2=" + plain}, ""},
		{"ours on another's", "ModifyInstanceAttribute", []string{"InstanceId=i-2", "GroupId.1=" + ours}, refused},
		{"another tag than is forbidden", "DeleteSecurityGroup", []string{"GroupId=" + plain}, "DependencyViolation"},
		{"the tag that is forbidden", "DeleteSecurityGroup", []string{"GroupId=" + ours}, refused},
	} {
		if got := said(t, srv, tc.action, tc.params...); got != tc.want {
			t.Errorf("%s: %s says %q, want %q", tc.what, tc.action, got, tc.want)
		}
	}
}
