package apiserver

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// query is what a request asks for.
type query struct {
	verb        string // the path, if it is no resource
	table       *table // nil if it is no resource, or none that is served
	namespace   string
	name        string
	subresource string
	params      url.Values
	body        []byte
	selection   selection
}

// selection says which objects of a kind a list or a watch shows.
type selection struct {
	namespace string // "" is all
	labels    labels.Selector
	fields    fields.Selector
}

func (s selection) shows(o *object) bool {
	return o != nil && (s.namespace == "" || s.namespace == o.namespace) && s.labels.Matches(o.labels) &&
		s.fields.Matches(fields.Set{"metadata.name": o.name, "metadata.namespace": o.namespace})
}

// parse reads a request: /api/v1/namespaces/NS/PLURAL/NAME/SUBRESOURCE and its kin; s.mu is held.
func (s *Server) parse(r *http.Request) (query, error) {
	q := query{verb: r.URL.Path, params: r.URL.Query()}
	if r.Body != nil {
		var err error
		if q.body, err = io.ReadAll(r.Body); err != nil {
			return q, apierrors.NewBadRequest("read the body: " + err.Error())
		}
		if err := r.Body.Close(); err != nil {
			return q, apierrors.NewBadRequest("read the body: " + err.Error())
		}
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var group schema.GroupVersion
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		group.Version, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		group.Group, group.Version, parts = parts[1], parts[2], parts[3:]
	default:
		return q, nil // no resource
	}
	if parts[0] == "namespaces" && len(parts) >= 3 && parts[2] != "status" {
		q.namespace, parts = parts[1], parts[2:]
	}
	plural := parts[0]
	if len(parts) > 1 {
		q.name = parts[1]
	}
	if len(parts) > 2 {
		q.subresource = parts[2]
	}
	q.verb = verb(r.Method, q)
	for _, t := range s.tables {
		if t.GroupVersion() == group && t.Plural == plural {
			q.table = t
		}
	}
	if q.table == nil || q.verb == "" || len(parts) > 3 || q.subresource != "" && q.subresource != "status" ||
		q.table.Cluster && q.namespace != "" {
		return q, noSuchPath()
	}
	return q, q.selectors()
}

func verb(method string, q query) string {
	watch := q.params.Get("watch")
	switch {
	case method == http.MethodGet && (watch == "true" || watch == "1"):
		return "watch"
	case method == http.MethodGet && q.name == "":
		return "list"
	case method == http.MethodPost && q.name == "":
		return "create"
	case q.name == "":
		return ""
	}
	return map[string]string{http.MethodGet: "get", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}[method]
}

func (q *query) selectors() error {
	var err error
	if q.selection.labels, err = labels.Parse(q.params.Get("labelSelector")); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if q.selection.fields, err = fields.ParseSelector(q.params.Get("fieldSelector")); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	for _, r := range q.selection.fields.Requirements() {
		if r.Field != "metadata.name" && r.Field != "metadata.namespace" {
			return apierrors.NewBadRequest("field label not supported: " + r.Field)
		}
	}
	q.selection.namespace = q.namespace
	return nil
}

// noSuchPath is the answer to a path that is not served, such as a kind whose CustomResourceDefinition is not installed.
func noSuchPath() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusNotFound,
		Reason: metav1.StatusReasonNotFound, Message: "the server could not find the requested resource"}}
}

// negotiate turns a body in protobuf, which generated clients send, into JSON, and refuses what is neither and who takes
// no JSON.
func negotiate(r *http.Request, q *query) error {
	if accept := r.Header.Get("Accept"); accept != "" && !strings.Contains(accept, "json") && !strings.Contains(accept, "*/*") {
		return refusal(http.StatusNotAcceptable, metav1.StatusReasonNotAcceptable,
			"only the following media types are accepted: application/json")
	}
	if len(q.body) == 0 {
		return nil
	}
	sent, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return apierrors.NewBadRequest("Content-Type: " + err.Error())
	}
	accepted := []string{"application/json", runtime.ContentTypeProtobuf}
	if sent == runtime.ContentTypeProtobuf {
		o, _, err := scheme.Codecs.UniversalDeserializer().Decode(q.body, nil, nil)
		if err != nil {
			return apierrors.NewBadRequest("the body is no object of a built-in kind: " + err.Error())
		}
		if q.body, err = json.Marshal(o); err != nil {
			return apierrors.NewBadRequest(err.Error())
		}
	}
	if q.verb == "patch" {
		accepted = []string{"application/merge-patch+json", "application/strategic-merge-patch+json"}
	}
	if slices.Contains(accepted, sent) {
		return nil
	}
	return refusal(http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType,
		"the body of the request was in an unknown format - accepted media types include: "+strings.Join(accepted, ", "))
}

func refusal(code int, reason metav1.StatusReason, message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message}}
}
