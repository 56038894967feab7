package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// policy is an IAM policy document; see
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html. It holds what policies for the services
// here are made of; a document with anything else is refused, not half understood.
type policy struct {
	Version   string
	ID        string `json:"Id"`
	Statement oneOrMany[statement]
}

type statement struct {
	Sid       string
	Effect    string
	Action    oneOrMany[string]
	Resource  oneOrMany[string]
	Condition map[string]map[string]oneOrMany[string] // operator, condition key, values
}

// oneOrMany is a JSON list whose brackets may be left out around a single value.
type oneOrMany[T any] []T

func (l *oneOrMany[T]) UnmarshalJSON(b []byte) error {
	if trimmed := bytes.TrimSpace(b); len(trimmed) > 0 && trimmed[0] == '[' {
		return strict(b, (*[]T)(l))
	}
	var one T
	if err := strict(b, &one); err != nil {
		return err
	}
	*l = []T{one}
	return nil
}

func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// SetPolicy gives an access key the rights of an IAM policy document and no others. Keys without a policy, and those
// with a nil one, may do everything.
func (s *Server) SetPolicy(accessKeyID string, policyJSON []byte) error {
	p, err := parsePolicy(policyJSON)
	if err != nil {
		return fmt.Errorf("read policy of %s: %w", accessKeyID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policies[accessKeyID] = p
	return nil
}

// parsePolicy reads a document; nil stays nil.
func parsePolicy(document []byte) (*policy, error) {
	if document == nil {
		return nil, nil
	}
	p := &policy{}
	if err := strict(document, p); err != nil {
		return nil, err
	}
	return p, p.check()
}

func (p *policy) check() error {
	if p.Version != "2012-10-17" && p.Version != "2008-10-17" {
		return fmt.Errorf("version %q is not 2012-10-17", p.Version)
	}
	if len(p.Statement) == 0 {
		return fmt.Errorf("there is no statement")
	}
	for _, st := range p.Statement {
		if st.Effect != "Allow" && st.Effect != "Deny" {
			return fmt.Errorf("effect %q is neither Allow nor Deny", st.Effect)
		}
		if len(st.Action) == 0 || len(st.Resource) == 0 {
			return fmt.Errorf("a statement lacks its action or resource")
		}
		for _, a := range st.Action {
			if a != "*" && !strings.Contains(a, ":") {
				return fmt.Errorf("action %q has no service prefix", a)
			}
		}
		for operator, keys := range st.Condition {
			o, ok := parseOperator(operator)
			if !ok {
				return fmt.Errorf("the condition operator %q is not known", operator)
			}
			for k := range keys {
				single, known := conditionKey(strings.ToLower(k))
				if !known {
					return fmt.Errorf("the condition key %q is not known", k)
				}
				if single != o.single {
					return fmt.Errorf("the condition operator %q does not fit the key %q: only keys with several values have set operators", operator, k)
				}
			}
		}
	}
	return nil
}

// Condition keys of route53:ChangeResourceRecordSets, in lower case: they are compared without case.
const (
	keyActions = "route53:changeresourcerecordsetsactions"
	keyNames   = "route53:changeresourcerecordsetsnormalizedrecordnames"
	keyTypes   = "route53:changeresourcerecordsetsrecordtypes"
)

// conditionKey reports whether a key has one value, and whether it is known.
func conditionKey(k string) (single, known bool) {
	if slices.Contains([]string{keyActions, keyNames, keyTypes}, k) {
		return false, true
	}
	return true, k == keyCreateAction || strings.HasPrefix(k, keyResourceTag) || strings.HasPrefix(k, keyRequestTag)
}

// operator is a string condition, applied to each value of a key; or a question whether there is any.
type operator struct {
	single bool // the key has one value
	null   bool // the key must have none, or some
	any    bool // one value of the request must match, not all
	negate bool
	match  func(pattern, value string) bool
}

func parseOperator(s string) (operator, bool) {
	var o operator
	set, base, ok := strings.Cut(s, ":")
	switch {
	case s == "Null":
		return operator{single: true, null: true}, true
	case !ok:
		o.single, base = true, s
	case set == "ForAnyValue":
		o.any = true
	case set != "ForAllValues":
		return o, false
	}
	switch base {
	case "StringEquals", "StringNotEquals":
		o.match = func(p, v string) bool { return p == v }
	case "StringEqualsIgnoreCase":
		o.match = strings.EqualFold
	case "StringLike", "StringNotLike":
		o.match = like
	default:
		return o, false
	}
	o.negate = strings.HasPrefix(base, "StringNot")
	return o, true
}

// holds compares the values of the request with those of the policy. ForAllValues holds for a key without values, and so does
// what denies a value.
func (o operator) holds(values, patterns []string) bool {
	one := func(v string) bool {
		return o.negate != slices.ContainsFunc(patterns, func(p string) bool { return o.match(p, v) })
	}
	if o.null {
		return slices.Contains(patterns, fmt.Sprint(len(values) == 0))
	}
	if o.single && len(values) == 0 {
		return o.negate
	}
	if o.any {
		return slices.ContainsFunc(values, one)
	}
	return !slices.ContainsFunc(values, func(v string) bool { return !one(v) })
}

// like matches * (any characters) and ? (one).
func like(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// applies says whether a statement is about this action on this resource under these conditions.
func (st *statement) applies(action, resource string, values map[string][]string) bool {
	if !slices.ContainsFunc(st.Action, func(p string) bool { return like(strings.ToLower(p), strings.ToLower(action)) }) ||
		!slices.ContainsFunc(st.Resource, func(p string) bool { return like(p, resource) }) {
		return false
	}
	for name, keys := range st.Condition {
		o, _ := parseOperator(name)
		for k, patterns := range keys {
			if !o.holds(values[strings.ToLower(k)], patterns) {
				return false
			}
		}
	}
	return true
}

// authorise refuses what the policy of the request's access key does not allow; s.mu is held.
func (s *Server) authorise(q *request) *Error {
	if q.service == serviceMetadata {
		return nil
	}
	return s.permit(q, q.service+":"+q.action, q.resources()...)
}

// permit refuses an action unless the caller's policy allows it on all of the resources.
func (s *Server) permit(q *request, action string, resources ...string) *Error {
	p := s.policies[q.key]
	if q.session != nil {
		p = q.session.role.policy
	}
	if p == nil {
		return nil
	}
	values := q.conditionValues()
	for _, resource := range resources {
		if q.service == serviceEC2 {
			values = s.ec2Values(q, action, resource)
		}
		allowed, denied := false, false
		for _, st := range p.Statement {
			if st.applies(action, resource, values) {
				allowed = allowed || st.Effect == "Allow"
				denied = denied || st.Effect == "Deny"
			}
		}
		if allowed && !denied {
			continue
		}
		on := ""
		if resource != "*" {
			on = " on resource: " + resource
		}
		why := "because no identity-based policy allows the " + action + " action"
		if denied {
			why = "with an explicit deny in an identity-based policy"
		}
		words := fmt.Sprintf("User: %s is not authorized to perform: %s%s %s", q.arn(), action, on, why)
		if q.service == serviceEC2 {
			return refuse(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation. %s", words)
		}
		return refuse(http.StatusForbidden, "AccessDenied", "%s", words)
	}
	return nil
}

// arn is who calls.
func (q *request) arn() string {
	if q.session != nil {
		return q.session.arn()
	}
	return "arn:aws:iam::" + account + ":user/" + q.key
}

// resources are what a request touches. Actions without a resource type of their own need a policy for "*".
func (q *request) resources() []string {
	if q.service == serviceSTS {
		if q.action == "AssumeRole" {
			return []string{q.query.Get("RoleArn")}
		}
		return nil // everybody may ask who they are
	}
	if q.service == serviceEC2 {
		return q.ec2Resources()
	}
	const zones = "arn:aws:route53:::hostedzone/"
	switch q.action {
	case "ListHostedZones", "ListHostedZonesByName", "CreateHostedZone", "TestDNSAnswer":
		return []string{"*"}
	case "GetChange":
		return []string{"arn:aws:route53:::change/" + q.id}
	case "ListTagsForResources":
		ids, _ := q.tagIDs() // run says what is wrong with the request
		all := []string{}
		for _, id := range ids {
			all = append(all, zones+bareID(id))
		}
		return all
	}
	return []string{zones + q.id}
}

// conditionValues are the context of a ChangeResourceRecordSets; names are normalised as
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html says.
func (q *request) conditionValues() map[string][]string {
	values := map[string][]string{}
	add := func(k, v string) {
		if !slices.Contains(values[k], v) {
			values[k] = append(values[k], v)
		}
	}
	for _, c := range q.batch.changes {
		add(keyActions, c.Action)
		if c.Set == nil {
			continue
		}
		add(keyTypes, c.Set.Type)
		spelled := strings.ToLower(strings.TrimSuffix(c.Set.Name, "."))
		if n, err := parseName(c.Set.Name); err == nil {
			spelled = strings.TrimSuffix(n.listed, ".")
		}
		add(keyNames, spelled)
	}
	return values
}
