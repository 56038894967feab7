package deploy_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// document is a policy of IAM, with nothing in it that Signpost's have no use
// for (IAM User Guide, "Grammar of the IAM JSON policy language").
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string
	Effect    string
	Action    oneOrMore
	Resource  oneOrMore
	Condition map[string]map[string]oneOrMore
}

// oneOrMore is a string or a list of them: IAM takes either.
type oneOrMore []string

func (l *oneOrMore) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*l = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(l))
}

// grants says on what each document allows each action.
var grants = map[string]map[string]string{
	"all-zones.json": {
		"route53:ListHostedZones":          "*",
		"route53:ListResourceRecordSets":   "arn:aws:route53:::hostedzone/*",
		"route53:ChangeResourceRecordSets": "arn:aws:route53:::hostedzone/*",
	},
	"one-zone.json": {
		"route53:ListHostedZones":          "*",
		"route53:ListResourceRecordSets":   exampleZone,
		"route53:ChangeResourceRecordSets": exampleZone,
	},
	"one-zone-without-list.json": {
		"route53:ListResourceRecordSets":   exampleZone,
		"route53:ChangeResourceRecordSets": exampleZone,
	},
	"narrow.json": {
		"route53:ListHostedZones":          "*",
		"route53:ListResourceRecordSets":   exampleZone,
		"route53:ChangeResourceRecordSets": exampleZone,
	},
	"expose.json": { // beside one of the others
		"ec2:AuthorizeSecurityGroupIngress":   ourGroups,
		"ec2:CreateSecurityGroup":             "arn:aws:ec2:*:*:vpc/*, " + newGroups,
		"ec2:CreateTags":                      newGroups,
		"ec2:DeleteSecurityGroup":             ourGroups + ", " + allGroups,
		"ec2:DescribeInstances":               "*",
		"ec2:DescribeSecurityGroups":          "*",
		"ec2:ModifyInstanceAttribute":         "arn:aws:ec2:*:*:instance/* arn:aws:ec2:*:*:network-interface/* " + allGroups,
		"ec2:ModifyNetworkInterfaceAttribute": "arn:aws:ec2:*:*:instance/* arn:aws:ec2:*:*:network-interface/* " + allGroups,
		"ec2:RevokeSecurityGroupIngress":      ourGroups,
	},
}

// zonal are the documents that allow something in zones.
func zonal() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(grants)), func(name string) bool {
		_, reads := grants[name]["route53:ListResourceRecordSets"]
		return !reads
	})
}

// Security groups, with the condition that narrows them.
const (
	allGroups = "arn:aws:ec2:*:*:security-group/*"
	ourGroups = allGroups + " if tagged"
	newGroups = allGroups + " if to be tagged"
)

const exampleZone = "arn:aws:route53:::hostedzone/Z0123456789EXAMPLE"

func readPolicy(t *testing.T, name string) document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("iam", name))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var doc document
	if err := decoder.Decode(&doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if decoder.More() {
		t.Fatalf("%s: text follows the document", name)
	}
	return doc
}

func TestEveryPolicyIsTested(t *testing.T) {
	files, err := filepath.Glob("iam/*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(grants)), files); diff != "" {
		t.Errorf("policies (-tested +shipped):\n%s", diff)
	}
}

func TestPolicies(t *testing.T) {
	sid := regexp.MustCompile(`^[A-Za-z0-9]+$`)
	for name, want := range grants {
		t.Run(name, func(t *testing.T) {
			doc := readPolicy(t, name)
			if doc.Version != "2012-10-17" {
				t.Errorf("version %q", doc.Version)
			}
			got, sids := map[string]string{}, map[string]bool{}
			for _, s := range doc.Statement {
				if s.Effect != "Allow" || !sid.MatchString(s.Sid) || sids[s.Sid] {
					t.Errorf("statement %q, effect %q: want Allow and a Sid of its own, of letters and digits", s.Sid, s.Effect)
				}
				sids[s.Sid] = true
				for _, action := range s.Action {
					on := strings.Join(s.Resource, " ")
					if null := s.Condition["Null"]; null["aws:ResourceTag/signpost.dev/cluster"] != nil {
						on += " if tagged"
					} else if null["aws:RequestTag/signpost.dev/cluster"] != nil {
						on += " if to be tagged"
					}
					if before, twice := got[action]; twice {
						on = before + ", " + on
					}
					got[action] = on
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("grants (-want +got):\n%s", diff)
			}
		})
	}
}

// A change is a DELETE of what stands and a CREATE of what is wanted, so that a
// condition may narrow types, but not actions. Security groups are changed only
// if they have our tag, and get it as they are made and not later.
func TestConditions(t *testing.T) {
	toBeTagged := map[string]oneOrMore{"aws:RequestTag/signpost.dev/cluster": {"false"}}
	conditions := map[string]map[string]map[string]oneOrMore{
		"ChangeTheseTypes": {"ForAllValues:StringEquals": {
			"route53:ChangeResourceRecordSetsRecordTypes": {"A", "AAAA", "CNAME", "TXT"},
		}},
		"MakeNoGroupWithoutOurTag": {"Null": toBeTagged},
		"TagOnlyWhatIsMade":        {"Null": toBeTagged, "StringEquals": {"ec2:CreateAction": {"CreateSecurityGroup"}}},
		"ChangeOurGroups":          {"Null": {"aws:ResourceTag/signpost.dev/cluster": {"false"}}},
	}
	for name := range grants {
		for _, s := range readPolicy(t, name).Statement {
			if diff := cmp.Diff(conditions[s.Sid], s.Condition); diff != "" {
				t.Errorf("%s: %s: condition (-want +got):\n%s", name, s.Sid, diff)
			}
		}
	}
}
