package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Options say how a server behaves. The zero value is a present-day server.
type Options struct {
	// NoStreamingLists answers watches that ask to begin with a list (sendInitialEvents) as servers before Kubernetes
	// 1.32 do: 422.
	NoStreamingLists bool
	// History is how many writes of each kind a watch may begin in the past; 0 is 10,000. Older versions are Gone.
	History int
}

// Resource is a kind of object that the server serves.
type Resource struct {
	schema.GroupVersionKind
	Plural  string // as in paths and in RBAC rules: "ingresses"
	Cluster bool   // cluster-scoped
}

var namespaces = corev1.SchemeGroupVersion.WithKind("Namespace")

// builtIn are the resources that every server has.
func builtIn() []Resource {
	kind := func(group, version, kind, plural string, cluster bool) Resource {
		return Resource{schema.GroupVersionKind{Group: group, Version: version, Kind: kind}, plural, cluster}
	}
	return []Resource{
		kind("", "v1", "Namespace", "namespaces", true),
		kind("", "v1", "Node", "nodes", true),
		kind("", "v1", "Pod", "pods", false),
		kind("", "v1", "Service", "services", false),
		kind("", "v1", "Event", "events", false),
		kind("events.k8s.io", "v1", "Event", "events", false),
		kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", false),
		kind("networking.k8s.io", "v1", "Ingress", "ingresses", false),
		kind("coordination.k8s.io", "v1", "Lease", "leases", false),
	}
}

// Server is an API server. It is an http.Handler, and safe for concurrent use.
type Server struct {
	options Options

	mu       sync.Mutex
	version  uint64 // of the last write
	tables   []*table
	pages    map[string]*page // by continue token
	paged    int              // tokens given out
	faults   faults
	requests []Request
}

// New returns a server that has the namespaces default and kube-system, and the kinds of core, networking, discovery,
// coordination and events that Signpost can ask for.
func New(o Options) *Server {
	if o.History <= 0 {
		o.History = 10_000
	}
	s := &Server{options: o, version: 1, pages: map[string]*page{}, faults: newFaults()}
	s.Serve(builtIn()...)
	for _, name := range []string{"default", "kube-system"} {
		s.namespace(name)
	}
	return s
}

// Config returns a client configuration whose requests reach the server within the process.
func (s *Server) Config() *rest.Config {
	return &rest.Config{Host: "http://apiserver.test", Transport: s.RoundTripper(), QPS: -1}
}

// Serve adds resources, as the installation of a CustomResourceDefinition does. One that is there stays.
func (s *Server) Serve(resources ...Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range resources {
		if s.table(r.GroupVersionKind) == nil {
			s.tables = append(s.tables, newTable(r, s.version))
		}
	}
}

// Create adds an object, and its namespace where that is missing. The object is of a built-in kind's Go type, or says
// its kind itself. Its resource version, UID and time of creation are set on o, too.
// Errors are those of an API server, as package apierrors tells them apart.
func (s *Server) Create(o client.Object) error {
	if ns := o.GetNamespace(); ns != "" {
		s.namespace(ns)
	}
	return s.do(o, s.create)
}

// Update replaces an object, status included. A resource version in o must be the present one; without one the object is
// replaced whatever it is.
func (s *Server) Update(o client.Object) error { return s.do(o, s.update) }

// Delete removes an object; a namespace goes with all that is in it.
func (s *Server) Delete(o client.Object) error { return s.do(o, s.remove) }

// Get reads the object that has o's kind, namespace and name into o.
func (s *Server) Get(o client.Object) error {
	return s.do(o, func(t *table, o client.Object) error {
		held, ok := t.objects[key(o)]
		if !ok {
			return notFound(t, o.GetName())
		}
		return json.Unmarshal(held.json, o)
	})
}

// Patch applies a merge patch (RFC 7386) to the object that has o's kind, namespace and name, and reads the result into o.
func (s *Server) Patch(o client.Object, patch string) error {
	return s.do(o, func(t *table, o client.Object) error {
		held, err := s.patch(t, key(o), []byte(patch), "")
		if err != nil {
			return err
		}
		return json.Unmarshal(held.json, o)
	})
}

// Count returns how many objects there are of a resource, named in the plural.
func (s *Server) Count(plural string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, t := range s.tables {
		if t.Plural == plural {
			n += len(t.objects)
		}
	}
	return n
}

// do calls act with the table of o's kind; s.mu is held meanwhile.
func (s *Server) do(o client.Object, act func(*table, client.Object) error) error {
	gvk := o.GetObjectKind().GroupVersionKind()
	if gvk.Empty() {
		var err error
		if gvk, err = apiutil.GVKForObject(o, scheme.Scheme); err != nil {
			return fmt.Errorf("find the kind of a %T: %w", o, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(gvk)
	if t == nil {
		return apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, o.GetName())
	}
	return act(t, o)
}

// namespace makes a namespace if it is missing.
func (s *Server) namespace(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(namespaces)
	if _, ok := t.objects[name]; ok {
		return
	}
	o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	o.Status.Phase = corev1.NamespaceActive
	_ = s.create(t, o) // it cannot fail: the name is free
}

// Request is a request as the server saw it.
type Request struct {
	Time      time.Time
	Verb      string // as in RBAC rules: get, list, watch, create, update, patch, delete; the path for what is no resource
	Resource  string // plural, "" for what is no resource
	Namespace string
	Name      string
	Code      int // HTTP; 0 if there was no answer
}

// keptRequests bounds the memory of a server that runs for long.
const keptRequests = 10_000

// Requests returns the requests so far, in the order in which they were answered; of very many at least the last 10,000.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// note keeps a request; s.mu is held.
func (s *Server) note(q query, code int) {
	if len(s.requests) >= 2*keptRequests {
		s.requests = append([]Request(nil), s.requests[keptRequests:]...)
	}
	r := Request{Time: time.Now(), Verb: q.verb, Namespace: q.namespace, Name: q.name, Code: code}
	if q.table != nil {
		r.Resource = q.table.Plural
	}
	s.requests = append(s.requests, r)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := s.answer(r)
	if err != nil {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	send(w, a)
}
