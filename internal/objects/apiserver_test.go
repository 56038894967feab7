package objects

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// apiServer is as much of an API server as lists and watches need, over no
// network: it is the client's RoundTripper.
type apiServer struct {
	streaming bool // knows watches that begin with a list

	mu       sync.Mutex
	version  int
	objects  map[string]map[string]client.Object // by resource, then key
	history  []change
	denied   map[string]bool // "watch ingresses"
	down     bool
	changed  chan struct{} // closed at each change
	cut      chan struct{} // closed to cut all watches
	requests []string      // "watch /api/v1/services"
}

type change struct {
	version  int
	resource string
	event    map[string]any
}

func newAPIServer(streaming bool) *apiServer {
	return &apiServer{streaming: streaming, version: 10, objects: map[string]map[string]client.Object{},
		denied: map[string]bool{}, changed: make(chan struct{}), cut: make(chan struct{})}
}

func (s *apiServer) put(resource string, objects ...client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range objects {
		s.version++
		o = o.DeepCopyObject().(client.Object)
		o.SetResourceVersion(strconv.Itoa(s.version))
		key := client.ObjectKeyFromObject(o).String()
		kind := "ADDED"
		if s.objects[resource] == nil {
			s.objects[resource] = map[string]client.Object{}
		}
		if s.objects[resource][key] != nil {
			kind = "MODIFIED"
		}
		s.objects[resource][key] = o
		s.history = append(s.history, change{s.version, resource, map[string]any{"type": kind, "object": o}})
	}
	s.wake()
}

func (s *apiServer) remove(resource, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	o := s.objects[resource][key].DeepCopyObject().(client.Object)
	o.SetResourceVersion(strconv.Itoa(s.version))
	delete(s.objects[resource], key)
	s.history = append(s.history, change{s.version, resource, map[string]any{"type": "DELETED", "object": o}})
	s.wake()
}

// deny refuses the acts ("list services") from now on, and ends all watches.
func (s *apiServer) deny(acts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = map[string]bool{}
	for _, act := range acts {
		s.denied[act] = true
	}
	s.hangUp()
}

// fall stops or starts the server.
func (s *apiServer) fall(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	s.hangUp()
}

// compact forgets the history, as etcd does, and ends all watches.
func (s *apiServer) compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = nil
	s.version++
	s.hangUp()
}

func (s *apiServer) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *apiServer) hangUp() {
	close(s.cut)
	s.cut = make(chan struct{})
}

func (s *apiServer) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// RoundTrip answers one request.
func (s *apiServer) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, fmt.Errorf("dial tcp 192.0.2.1:6443: connect: %w", syscall.ECONNREFUSED)
	}
	verb := "list"
	if req.URL.Query().Get("watch") != "" {
		verb = "watch"
	}
	s.requests = append(s.requests, verb+" "+req.URL.Path)
	if req.URL.Path == "/version" {
		return reply(req, http.StatusOK, map[string]string{"gitVersion": "v1.36.3"}), nil
	}
	resource := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	if s.denied[verb+" "+resource] {
		return refuse(req, http.StatusForbidden, metav1.StatusReasonForbidden,
			fmt.Sprintf(`%s is forbidden: User "signpost" cannot %s resource %q at the cluster scope`, resource, verb, resource)), nil
	}
	if verb == "list" {
		return reply(req, http.StatusOK, s.list(resource)), nil
	}
	return s.watch(req, resource), nil
}

func (s *apiServer) list(resource string) map[string]any {
	kind, version := map[string]string{"services": "ServiceList", "ingresses": "IngressList", "nodes": "NodeList"}[resource], "v1"
	if resource == "ingresses" {
		version = "networking.k8s.io/v1"
	}
	items := []client.Object{}
	for _, key := range slices.Sorted(maps.Keys(s.objects[resource])) {
		items = append(items, s.objects[resource][key])
	}
	return map[string]any{"kind": kind, "apiVersion": version, "items": items,
		"metadata": map[string]string{"resourceVersion": strconv.Itoa(s.version)}}
}

func (s *apiServer) watch(req *http.Request, resource string) *http.Response {
	query := req.URL.Query()
	since, _ := strconv.Atoi(query.Get("resourceVersion"))
	var first []map[string]any
	if query.Get("sendInitialEvents") != "" {
		if !s.streaming {
			return refuse(req, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "sendInitialEvents is forbidden")
		}
		for _, key := range slices.Sorted(maps.Keys(s.objects[resource])) {
			first = append(first, map[string]any{"type": "ADDED", "object": s.objects[resource][key]})
		}
		since = s.version
		first = append(first, map[string]any{"type": "BOOKMARK", "object": s.bookmark(resource)})
	} else if len(s.history) == 0 && since < s.version {
		first = []map[string]any{{"type": "ERROR", "object": metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   "Failure", Code: http.StatusGone, Reason: metav1.StatusReasonExpired, Message: "too old resource version"}}}
	}
	r, w := io.Pipe()
	closed := make(chan struct{})
	go s.stream(req, w, stream{resource: resource, since: since, first: first, closed: closed, cut: s.cut})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: &body{PipeReader: r, closed: closed}, Request: req}
}

func (s *apiServer) bookmark(resource string) map[string]any {
	list := s.list(resource)
	return map[string]any{
		"kind":       strings.TrimSuffix(list["kind"].(string), "List"),
		"apiVersion": list["apiVersion"],
		"metadata": map[string]any{"resourceVersion": strconv.Itoa(s.version),
			"annotations": map[string]string{metav1.InitialEventsAnnotationKey: "true"}},
	}
}

type stream struct {
	resource    string
	since       int
	first       []map[string]any
	closed, cut chan struct{}
}

func (s *apiServer) stream(req *http.Request, w *io.PipeWriter, t stream) {
	defer w.Close()
	out := json.NewEncoder(w)
	for {
		s.mu.Lock()
		events, changed := t.first, s.changed
		t.first = nil
		for _, c := range s.history {
			if c.version > t.since && c.resource == t.resource {
				events, t.since = append(events, c.event), c.version
			}
		}
		s.mu.Unlock()
		for _, e := range events {
			if out.Encode(e) != nil {
				return
			}
		}
		select {
		case <-changed:
		case <-t.cut:
			return
		case <-t.closed:
			return
		case <-req.Context().Done():
			return
		}
	}
}

// body tells the server when the client hangs up.
type body struct {
	*io.PipeReader
	once   sync.Once
	closed chan struct{}
}

func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.PipeReader.Close()
}

func refuse(req *http.Request, code int, reason metav1.StatusReason, message string) *http.Response {
	return reply(req, code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message})
}

func reply(req *http.Request, code int, answer any) *http.Response {
	text, err := json.Marshal(answer)
	if err != nil { // shows in the test as an answer nobody asked for
		code, text = http.StatusInternalServerError, []byte(err.Error())
	}
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(string(text))), Request: req}
}
