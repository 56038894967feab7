package emulator

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Names of services, as their actions in policies and the scope of their signatures begin with them.
const (
	serviceDNS      = "route53"
	serviceSTS      = "sts"
	serviceEC2      = "ec2"
	serviceMetadata = "imds" // instance metadata and container credentials, which sign nothing
)

const (
	versionSTS = "2011-06-15"
)

type xmlCredentials struct {
	Key     string `xml:"AccessKeyId"`
	Secret  string `xml:"SecretAccessKey"`
	Token   string `xml:"SessionToken"`
	Expires string `xml:"Expiration"`
}

type xmlRoleUser struct {
	ID  string `xml:"AssumedRoleId"`
	ARN string `xml:"Arn"`
}

type xmlAssumeResult struct {
	Credentials xmlCredentials `xml:"Credentials"`
	User        xmlRoleUser    `xml:"AssumedRoleUser"`
	Subject     string         `xml:"SubjectFromWebIdentityToken,omitempty"`
	Audience    string         `xml:"Audience,omitempty"`
	Provider    string         `xml:"Provider,omitempty"`
}

type xmlAssumeRole struct {
	XMLName   xml.Name        `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
	Result    xmlAssumeResult `xml:"AssumeRoleResult"`
	RequestID string          `xml:"ResponseMetadata>RequestId"`
}

type xmlAssumeWithToken struct {
	XMLName   xml.Name        `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleWithWebIdentityResponse"`
	Result    xmlAssumeResult `xml:"AssumeRoleWithWebIdentityResult"`
	RequestID string          `xml:"ResponseMetadata>RequestId"`
}

type xmlCaller struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	ARN       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

// queryRequest reads a call of the query protocol, which STS and EC2 speak: a form in the body or in the URL, with the
// action and the version of the API. False if it is none.
func queryRequest(r *http.Request, body []byte) (*request, bool) {
	if r.URL.Path != "/" && r.URL.Path != "" {
		return nil, false
	}
	form := r.URL.Query()
	if r.Method == http.MethodPost {
		var err error
		if form, err = url.ParseQuery(string(body)); err != nil {
			return nil, false
		}
	}
	q := &request{action: form.Get("Action"), query: form, body: body}
	switch form.Get("Version") {
	case versionSTS:
		q.service = serviceSTS
	case versionEC2:
		q.service = serviceEC2
	default:
		return nil, false
	}
	return q, q.action != ""
}

// validation is how STS refuses a parameter.
func validation(format string, args ...any) *Error {
	return refuse(http.StatusBadRequest, "ValidationError", format, args...)
}

// sts runs a call of the Security Token Service, API version 2011-06-15; s.mu is held.
func (s *Server) sts(q *request, a *answer) (any, *Error) {
	switch q.action {
	case "GetCallerIdentity":
		doc := xmlCaller{ARN: q.arn(), UserID: q.key, Account: account, RequestID: a.requestID}
		if q.session != nil {
			doc.UserID = q.session.role.id() + ":" + q.session.name
		}
		return doc, nil
	case "AssumeRole":
		made, e := s.assumeRole(q)
		if e != nil {
			return nil, e
		}
		return xmlAssumeRole{Result: made.result(), RequestID: a.requestID}, nil
	case "AssumeRoleWithWebIdentity":
		made, id, e := s.assumeWithToken(q)
		if e != nil {
			return nil, e
		}
		result := made.result()
		result.Subject, result.Audience = id.Subject, id.Audience
		result.Provider = "arn:aws:iam::" + account + ":oidc-provider/" + strings.TrimPrefix(id.Issuer, "https://")
		return xmlAssumeWithToken{Result: result, RequestID: a.requestID}, nil
	}
	return nil, refuse(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version %s", q.action, versionSTS)
}

func (s *session) result() xmlAssumeResult {
	return xmlAssumeResult{
		Credentials: xmlCredentials{s.key, s.secret, s.token, s.expires.UTC().Format(time.RFC3339)},
		User:        xmlRoleUser{s.role.id() + ":" + s.name, s.arn()},
	}
}

// assumeRole gives a session to a caller whom the role trusts. A role that is not there is told like one that does
// not trust the caller.
func (s *Server) assumeRole(q *request) (*session, *Error) {
	r, name, lifetime, e := s.wanted(q)
	if e != nil {
		return nil, e
	}
	if r == nil || !r.trusts(q.key, q.session) || r.ExternalID != "" && r.ExternalID != q.query.Get("ExternalId") {
		return nil, refuse(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
			q.arn(), q.query.Get("RoleArn"))
	}
	if q.session != nil && lifetime > time.Hour {
		return nil, validation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	return s.newSession(r, name, lifetime), nil
}

// assumeWithToken gives a session to whom an identity token names.
func (s *Server) assumeWithToken(q *request) (*session, identity, *Error) {
	r, name, lifetime, e := s.wanted(q)
	if e != nil {
		return nil, identity{}, e
	}
	id, e := readToken(q.query.Get("WebIdentityToken"), AudienceSTS)
	if e != nil {
		return nil, id, e
	}
	if r == nil || r.Subject != id.Subject {
		return nil, id, refuse(http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	return s.newSession(r, name, lifetime), id, nil
}

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// wanted reads what both ways to assume a role take; the role is nil if there is none of this ARN.
func (s *Server) wanted(q *request) (r *role, name string, lifetime time.Duration, e *Error) {
	arn := q.query.Get("RoleArn")
	if len(arn) < 20 {
		return nil, "", 0, validation("1 validation error detected: Value '%s' at 'roleArn' failed to satisfy constraint: "+
			"Member must have length greater than or equal to 20", arn)
	}
	if !strings.HasPrefix(arn, "arn:") {
		return nil, "", 0, validation("%s is invalid", arn)
	}
	if name = q.query.Get("RoleSessionName"); !sessionName.MatchString(name) {
		return nil, "", 0, validation("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\w+=,.@-]*", name)
	}
	for _, one := range s.roles {
		if one.arn() == arn {
			r = one
		}
	}
	lifetime = time.Hour
	if text := q.query.Get("DurationSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 900 || n > 43200 {
			return nil, "", 0, validation("1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: "+
				"Member must have value between 900 and 43200", text)
		}
		lifetime = time.Duration(n) * time.Second
	}
	if r != nil && lifetime > r.MaxSession {
		return nil, "", 0, validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return r, name, lifetime, nil
}

type xmlErrorSTS struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}
