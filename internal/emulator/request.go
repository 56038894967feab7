package emulator

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// request is a call of the API on its way.
type request struct {
	service string // whose call it is: route53, sts, imds
	action  string // such as ListResourceRecordSets
	id      string // of the hosted zone, change or other resource in the path, bare
	kind    string // the second part of the path: resource type of tags, type of limit
	query   url.Values
	body    []byte
	header  http.Header
	key     string   // access key id
	session *session // whose the key is, if it is temporary
	batch   batch    // of ChangeResourceRecordSets
	bad     *Error   // why the body could not be read as a batch
}

// zone is the id of the hosted zone that the call is about, or "".
func (q *request) zone() string {
	if q.service != serviceDNS {
		return ""
	}
	switch q.action {
	case "GetChange", "ListTagsForResources":
		return ""
	case "TestDNSAnswer":
		return bareID(q.query.Get("hostedzoneid"))
	}
	return q.id
}

// Actions returns the names of the operations that the emulator knows, sorted.
func Actions() []string {
	others := []string{"AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity", ActionToken, ActionMetadata, ActionCredentials}
	others = append(others, ec2Actions()...)
	return slices.Sorted(slices.Values(slices.AppendSeq(others, maps.Values(actions()))))
}

// actions are the operations by method and path, "*" standing for one element.
func actions() map[string]string {
	return map[string]string{
		"GET hostedzone":          "ListHostedZones",
		"POST hostedzone":         "CreateHostedZone",
		"GET hostedzonesbyname":   "ListHostedZonesByName",
		"GET hostedzone/*":        "GetHostedZone",
		"DELETE hostedzone/*":     "DeleteHostedZone",
		"GET hostedzone/*/rrset":  "ListResourceRecordSets",
		"POST hostedzone/*/rrset": "ChangeResourceRecordSets",
		"GET change/*":            "GetChange",
		"POST tags/*":             "ListTagsForResources",
		"GET tags/*/*":            "ListTagsForResource",
		"POST tags/*/*":           "ChangeTagsForResource",
		"GET hostedzonelimit/*/*": "GetHostedZoneLimit",
		"GET testdnsanswer":       "TestDNSAnswer",
	}
}

// route finds the operation of a request; false if it is none that the emulator knows.
func route(r *http.Request, body []byte) (*request, bool) {
	if q, ok := metadataRequest(r); ok {
		return q, true
	}
	if q, ok := queryRequest(r, body); ok {
		return q, true
	}
	parts := slices.DeleteFunc(strings.Split(r.URL.Path, "/"), func(p string) bool { return p == "" })
	if len(parts) < 2 || parts[0] != "2013-04-01" {
		return nil, false
	}
	parts = parts[1:]
	// An id may come as "/hostedzone/Z1", which makes the word appear twice.
	if len(parts) > 2 && parts[0] == parts[1] {
		parts = parts[1:]
	}
	pattern := r.Method + " " + parts[0]
	for i := 1; i < len(parts); i++ {
		if parts[0] == "hostedzone" && i == 2 {
			pattern += "/" + parts[i]
		} else {
			pattern += "/*"
		}
	}
	action, ok := actions()[pattern]
	q := &request{service: serviceDNS, action: action, query: r.URL.Query(), body: body}
	if len(parts) > 1 {
		q.id = parts[1]
	}
	switch parts[0] {
	case "tags":
		q.kind, q.id = parts[1], ""
		if len(parts) > 2 {
			q.id = parts[2]
		}
	case "hostedzonelimit":
		if len(parts) > 2 {
			q.kind = parts[2]
		}
	}
	if action == "ChangeResourceRecordSets" {
		q.batch, q.bad = readBatch(body)
	}
	return q, ok
}

// decode reads a body whose root must be the element root of the API's namespace.
func decode[T any](body []byte, root string, what string, into *T, name func(*T) xml.Name) *Error {
	err := xml.Unmarshal(body, into)
	if err != nil || name(into) != element(root) {
		return refuse(http.StatusBadRequest, "MalformedInput", "%s is not valid, expected %s", what, root)
	}
	return nil
}

// authenticate reads whose call it is from a Signature Version 4 header. The signature itself is not verified: the
// emulator knows no secrets. See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html.
func (s *Server) authenticate(q *request, h http.Header) *Error {
	if q.service == serviceMetadata || q.action == "AssumeRoleWithWebIdentity" {
		return nil // they prove themselves in another way
	}
	auth := h.Get("Authorization")
	if auth == "" {
		return refuse(http.StatusForbidden, "MissingAuthenticationToken", "Missing Authentication Token")
	}
	incomplete := func(what string) *Error {
		return refuse(http.StatusForbidden, "IncompleteSignature", "Authorization header requires %s. Authorization=%s", what, auth)
	}
	rest, ok := strings.CutPrefix(auth, "AWS4-HMAC-SHA256 ")
	if !ok {
		return incomplete("the algorithm AWS4-HMAC-SHA256")
	}
	fields := map[string]string{}
	for f := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(f), "=")
		fields[k] = v
	}
	for _, f := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[f] == "" {
			return incomplete("'" + f + "' parameter")
		}
	}
	if h.Get("X-Amz-Date") == "" && h.Get("Date") == "" {
		return incomplete("existence of either a 'X-Amz-Date' or a 'Date' header")
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 || scope[0] == "" || scope[4] != "aws4_request" {
		return incomplete("a credential of the form KEY/DATE/REGION/SERVICE/aws4_request")
	}
	if scope[3] != q.service {
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to correct service: '%s'. ", q.service)
	}
	q.key = scope[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	var e *Error
	if q.session, e = s.sessionOf(q.key, h.Get("X-Amz-Security-Token")); e != nil {
		return e
	}
	if _, known := s.policies[q.key]; !known && q.session == nil && s.cfg.RequireKnownKeys {
		return refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return nil
}
