package apiserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// table holds the objects of a resource and what happened to them.
type table struct {
	Resource
	objects map[string]*object // by namespace and name, see key
	hidden  bool               // lists show nothing

	// The history is a list from oldest to last, which is never empty: oldest itself is forgotten. A watch keeps its own
	// place in it, so that one that is slow to read misses nothing.
	oldest, last *event
	length       int
	floor        uint64        // watches that begin before this version are Gone
	changed      chan struct{} // closed at the next event
	end          *ending       // of the watches that are open now
}

// object is an object as it was written once; it never changes.
type object struct {
	namespace, name string
	version         uint64
	labels          labels.Set
	json            []byte
}

// event is a write.
type event struct {
	kind   string // ADDED, MODIFIED or DELETED
	object *object
	before *object // nil: there was none
	next   *event
}

// ending tells watches to end.
type ending struct {
	told chan struct{} // closed
	gone bool          // with 410
}

func newTable(r Resource, version uint64) *table {
	first := &event{}
	return &table{Resource: r, objects: map[string]*object{}, oldest: first, last: first, floor: version,
		changed: make(chan struct{}), end: &ending{told: make(chan struct{})}}
}

func (t *table) resource() schema.GroupResource {
	return schema.GroupResource{Group: t.Group, Resource: t.Plural}
}

// table returns the table of a kind, nil if it is not served; s.mu is held, as in all that follows.
func (s *Server) table(gvk schema.GroupVersionKind) *table {
	for _, t := range s.tables {
		if t.GroupVersionKind == gvk {
			return t
		}
	}
	return nil
}

func key(o client.Object) string { return path(o.GetNamespace(), o.GetName()) }

func path(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

func notFound(t *table, name string) error { return apierrors.NewNotFound(t.resource(), name) }

func (s *Server) create(t *table, o client.Object) error {
	if o.GetName() == "" && o.GetGenerateName() != "" {
		o.SetName(fmt.Sprintf("%s%05x", o.GetGenerateName(), s.version))
	}
	if o.GetName() == "" {
		return apierrors.NewBadRequest("metadata.name: Required value: name or generateName is required")
	}
	if t.objects[key(o)] != nil {
		return apierrors.NewAlreadyExists(t.resource(), o.GetName())
	}
	if o.GetUID() == "" {
		o.SetUID(types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012x", s.version+1)))
	}
	if created := o.GetCreationTimestamp(); created.IsZero() {
		o.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
	}
	return s.write(t, o, "ADDED")
}

func (s *Server) update(t *table, o client.Object) error {
	held := t.objects[key(o)]
	if held == nil {
		return notFound(t, o.GetName())
	}
	if v := o.GetResourceVersion(); v != "" && v != strconv.FormatUint(held.version, 10) {
		return apierrors.NewConflict(t.resource(), o.GetName(),
			fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
	}
	var meta struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(held.json, &meta); err != nil {
		return err
	}
	if uid := o.GetUID(); uid != "" && uid != meta.Metadata.UID {
		return apierrors.NewConflict(t.resource(), o.GetName(),
			fmt.Errorf("the precondition failed: UID in precondition: %s, UID in object meta: %s", uid, meta.Metadata.UID))
	}
	o.SetUID(meta.Metadata.UID)
	o.SetCreationTimestamp(meta.Metadata.CreationTimestamp)
	return s.write(t, o, "MODIFIED")
}

// patch merges into an object; under the subresource "status" only its status.
func (s *Server) patch(t *table, key string, patch []byte, subresource string) (*object, error) {
	held := t.objects[key]
	if held == nil {
		return nil, notFound(t, key)
	}
	o, err := decode(held.json)
	if err != nil {
		return nil, err
	}
	var change map[string]any
	if err := json.Unmarshal(patch, &change); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if subresource == "status" {
		change = map[string]any{"status": change["status"]}
	}
	merge(o.Object, change)
	if err := s.update(t, o); err != nil {
		return nil, err
	}
	return t.objects[key], nil
}

// merge is MergePatch of RFC 7386, section 2.
func merge(target, patch map[string]any) {
	for k, v := range patch {
		inner, ok := v.(map[string]any)
		switch {
		case v == nil:
			delete(target, k)
		case ok:
			old, ok := target[k].(map[string]any)
			if !ok {
				old = map[string]any{}
				target[k] = old
			}
			merge(old, inner)
		default:
			target[k] = v
		}
	}
}

func decode(text []byte) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal(text, &o.Object); err != nil {
		return nil, apierrors.NewBadRequest("the body is no JSON object: " + err.Error())
	}
	return o, nil
}

func (s *Server) remove(t *table, o client.Object) error {
	held := t.objects[key(o)]
	if held == nil {
		return notFound(t, o.GetName())
	}
	if t.GroupVersionKind == namespaces {
		for _, inner := range s.tables {
			for _, k := range slices.Sorted(maps.Keys(inner.objects)) {
				if inner.objects[k].namespace == o.GetName() {
					s.drop(inner, k)
				}
			}
		}
	}
	s.drop(t, key(o))
	return nil
}

// write stores o with the next version.
func (s *Server) write(t *table, o client.Object, kind string) error {
	s.version++
	o.SetResourceVersion(strconv.FormatUint(s.version, 10))
	typed := o.GetObjectKind().GroupVersionKind()
	o.GetObjectKind().SetGroupVersionKind(t.GroupVersionKind)
	text, err := json.Marshal(o)
	o.GetObjectKind().SetGroupVersionKind(typed)
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", t.Kind, key(o), err)
	}
	now := &object{namespace: o.GetNamespace(), name: o.GetName(), version: s.version, labels: maps.Clone(o.GetLabels()), json: text}
	before := t.objects[key(o)]
	t.objects[key(o)] = now
	s.happen(t, &event{kind: kind, object: now, before: before})
	return nil
}

// drop deletes an object; the event shows it as it was, with the version of its deletion.
func (s *Server) drop(t *table, key string) {
	s.version++
	last := *t.objects[key]
	last.json = bytes.Replace(last.json, versioned(last.version), versioned(s.version), 1)
	last.version = s.version
	before := t.objects[key]
	delete(t.objects, key)
	s.happen(t, &event{kind: "DELETED", object: &last, before: before})
}

func versioned(version uint64) []byte { return fmt.Appendf(nil, `"resourceVersion":"%d"`, version) }

func (s *Server) happen(t *table, e *event) {
	t.last.next = e
	t.last = e
	for t.length++; t.length > s.options.History; t.length-- {
		t.oldest = t.oldest.next
		t.floor = t.oldest.object.version
	}
	close(t.changed)
	t.changed = make(chan struct{})
}
