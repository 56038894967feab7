package emulator_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// Policies that people run with.
const (
	// listAndChange grants no way to find zones.
	listAndChange = `{
	  "Version": "2012-10-17",
	  "Statement": [
	    {"Effect": "Allow",
	     "Action": ["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
	     "Resource": ["arn:aws:route53:::hostedzone/*"]}
	  ]
	}`
	oneZone = `{
	  "Version": "2012-10-17",
	  "Statement": {"Effect": "Allow",
	    "Action": ["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
	    "Resource": "arn:aws:route53:::hostedzone/ZEXAMPLE"}
	}`
	// tutorial is the policy of ExternalDNS's tutorials.
	tutorial = `{
	  "Version": "2012-10-17",
	  "Statement": [
	    {"Effect": "Allow", "Action": ["route53:ChangeResourceRecordSets"], "Resource": ["arn:aws:route53:::hostedzone/*"]},
	    {"Effect": "Allow", "Action": ["route53:ListHostedZones", "route53:ListResourceRecordSets"], "Resource": ["*"]}
	  ]
	}`
	// narrow forbids deletions, and names and types outside a team's own.
	narrow = `{
	  "Version": "2012-10-17",
	  "Statement": [
	    {"Effect": "Allow", "Action": "route53:List*", "Resource": "*"},
	    {"Effect": "Allow", "Action": "route53:ChangeResourceRecordSets", "Resource": "arn:aws:route53:::hostedzone/ZEXAMPLE",
	     "Condition": {
	       "ForAllValues:StringEquals": {
	         "route53:ChangeResourceRecordSetsActions": ["CREATE", "UPSERT"],
	         "route53:ChangeResourceRecordSetsRecordTypes": ["A", "TXT"]},
	       "ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": ["*.team.example.com", "\\052.team.example.com"]}}},
	    {"Effect": "Deny", "Action": "route53:ChangeResourceRecordSets", "Resource": "*",
	     "Condition": {"ForAnyValue:StringEquals": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": ["secret.team.example.com"]}}}
	  ]
	}`
)

func TestPolicies(t *testing.T) {
	for _, tc := range []struct {
		name, policy string
		allowed      map[string]bool
	}{
		{"list and change", listAndChange, map[string]bool{"ListResourceRecordSets": true, "ChangeResourceRecordSets": true, "ChangeOther": true}},
		{"one zone", oneZone, map[string]bool{"ListResourceRecordSets": true, "ChangeResourceRecordSets": true}},
		{"tutorial", tutorial, map[string]bool{"ListResourceRecordSets": true, "ChangeResourceRecordSets": true, "ChangeOther": true, "ListHostedZones": true}},
		{"everything", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, map[string]bool{
			"ListResourceRecordSets": true, "ChangeResourceRecordSets": true, "ChangeOther": true, "ListHostedZones": true,
			"GetHostedZone": true, "ListTagsForResources": true, "GetChange": true}},
		{"other service", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv, zone := newZone(t, emulator.Config{})
			other, err := srv.AddZone("example.net", emulator.WithID("ZOTHER"))
			if err != nil {
				t.Fatal(err)
			}
			if err := srv.SetPolicy(accessKey, []byte(tc.policy)); err != nil {
				t.Fatal(err)
			}
			c, ctx := client(srv, accessKey), t.Context()
			change := func(zone, name string) error {
				_, err := c.ChangeResourceRecordSets(ctx, sdkBatch(zone, sdkChange("UPSERT", name, "A", 60, "192.0.2.1")))
				return err
			}
			calls := map[string]func() error{
				"ChangeResourceRecordSets": func() error { return change(zone, "www.example.com") },
				"ChangeOther":              func() error { return change(other, "www.example.net") },
				"ListResourceRecordSets": func() error {
					_, err := c.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
					return err
				},
				"ListHostedZones": func() error { _, err := c.ListHostedZones(ctx, &route53.ListHostedZonesInput{}); return err },
				"GetHostedZone":   func() error { _, err := c.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: &zone}); return err },
				"ListTagsForResources": func() error {
					_, err := c.ListTagsForResources(ctx, &route53.ListTagsForResourcesInput{ResourceType: types.TagResourceTypeHostedzone, ResourceIds: []string{zone}})
					return err
				},
				"GetChange": func() error {
					_, err := c.GetChange(ctx, &route53.GetChangeInput{Id: aws.String("CNONE")})
					if code(err) == "NoSuchChange" {
						return nil
					}
					return err
				},
			}
			for action, call := range calls {
				err := call()
				if tc.allowed[action] && err != nil || !tc.allowed[action] && code(err) != "AccessDenied" {
					t.Errorf("%s: got %v, allowed should be %t", action, err, tc.allowed[action])
				}
			}
		})
	}
}

func TestPolicyConditions(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	if err := srv.SetPolicy(accessKey, []byte(narrow)); err != nil {
		t.Fatal(err)
	}
	must(t, srv, zone, create(set("x.team.example.com", "A", "192.0.2.1")))
	for _, tc := range []struct {
		name    string
		changes []types.Change
		denied  string // how the message ends; "" is allowed
	}{
		{"create", []types.Change{sdkChange("CREATE", "A.Team.example.com.", "A", 60, "192.0.2.1"), sdkChange("UPSERT", "a.team.example.com", "TXT", 60, `"x"`)}, ""},
		{"wildcard", []types.Change{sdkChange("CREATE", "*.team.example.com.", "A", 60, "192.0.2.1")}, ""},
		{"delete", []types.Change{sdkChange("DELETE", "x.team.example.com", "A", 300, "192.0.2.1"), sdkChange("CREATE", "x.team.example.com", "A", 60, "192.0.2.1")}, "ResourceRecordSets action"},
		{"type", []types.Change{sdkChange("CREATE", "b.team.example.com", "CNAME", 60, "x.example.net")}, "ResourceRecordSets action"},
		{"name", []types.Change{sdkChange("CREATE", "b.team.example.com", "A", 60, "192.0.2.1"), sdkChange("CREATE", "b.example.com", "A", 60, "192.0.2.1")}, "ResourceRecordSets action"},
		{"explicit deny", []types.Change{sdkChange("CREATE", "b.team.example.com", "A", 60, "192.0.2.1"), sdkChange("CREATE", "secret.team.example.com", "A", 60, "192.0.2.1")}, "explicit deny in an identity-based policy"},
	} {
		_, err := client(srv, accessKey).ChangeResourceRecordSets(t.Context(), sdkBatch(zone, tc.changes...))
		if tc.denied == "" && err != nil || tc.denied != "" && (code(err) != "AccessDenied" || !strings.HasSuffix(err.Error(), tc.denied)) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.denied)
		}
	}
	if _, err := client(srv, "AKIDOTHER").ChangeResourceRecordSets(t.Context(), sdkBatch(zone, sdkChange("DELETE", "x.team.example.com", "A", 300, "192.0.2.1"))); err != nil {
		t.Errorf("a key without a policy: %v", err)
	}
}

func TestAccessDeniedMessage(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	if err := srv.SetPolicy(accessKey, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"route53:ListHostedZones","Resource":"*"}]}`)); err != nil {
		t.Fatal(err)
	}
	c := client(srv, accessKey)
	_, list := c.ListHostedZones(t.Context(), &route53.ListHostedZonesInput{})
	_, get := c.GetHostedZone(t.Context(), &route53.GetHostedZoneInput{Id: &zone})
	const user = "User: arn:aws:iam::123456789012:user/AKIDEXAMPLE is not authorized to perform: "
	var got []string
	for _, c := range srv.Calls() {
		got = append(got, c.Message)
		if c.Status != 403 || c.Code != "AccessDenied" || c.Applied {
			t.Errorf("call %+v after %v, %v", c, list, get)
		}
	}
	if d := cmp.Diff([]string{user + "route53:ListHostedZones with an explicit deny in an identity-based policy",
		user + "route53:GetHostedZone on resource: arn:aws:route53:::hostedzone/ZEXAMPLE because no identity-based policy allows the route53:GetHostedZone action"}, got); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
}

func TestBadPolicies(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	const statement = `{"Version":"2012-10-17","Statement":[%s]}`
	for policy, want := range map[string]string{
		`{`:                              "unexpected EOF",
		`{"Version":"2012-10-17"}`:       "no statement",
		`{"Statement":[]}`:               `version "" is not`,
		`{"Version":"2012-10-17","X":1}`: "unknown field",
		strings.ReplaceAll(statement, "%s", `{"Effect":"allow","Action":"*","Resource":"*"}`):                                                                              "neither Allow nor Deny",
		strings.ReplaceAll(statement, "%s", `{"Effect":"Allow","NotAction":"*","Resource":"*"}`):                                                                           "unknown field",
		strings.ReplaceAll(statement, "%s", `{"Effect":"Allow","Action":"ListZones","Resource":"*"}`):                                                                      "no service prefix",
		strings.ReplaceAll(statement, "%s", `{"Effect":"Allow","Action":"*"}`):                                                                                             "lacks its action or resource",
		strings.ReplaceAll(statement, "%s", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":"y"}}}`):                                   "condition key",
		strings.ReplaceAll(statement, "%s", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"route53:ChangeResourceRecordSetsActions":"y"}}}`): "does not fit the key",
		strings.ReplaceAll(statement, "%s", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"ec2:CreateAction":"y"}}}`):            "does not fit the key",
		strings.ReplaceAll(statement, "%s", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"y"}}}`):                               "operator",
		strings.ReplaceAll(statement, "%s", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:x":"y"}}}`):                      "condition key",
	} {
		if err := srv.SetPolicy(accessKey, []byte(policy)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", policy, err, want)
		}
	}
}
