package objects

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Packed is an object in a form that takes less memory than its Go type. Its
// metadata can be read as they are; its labels best through the interface
// labels.Labels of apimachinery, which it has too, and which copies nothing.
// Nothing can be set.
type Packed interface {
	client.Object
	// Unpack returns the object as its Go type, a new one each time. It may share
	// its annotations.
	Unpack() client.Object

	alike(other client.Object) bool // but for their versions
}

// Unpack returns an object as its kind's Go type; nil for nil.
func Unpack(o client.Object) client.Object {
	if p, ok := o.(Packed); ok {
		return p.Unpack()
	}
	return o
}

// packedMeta is what is read of the metadata of an object whose kind may have very many: metav1.ObjectMeta takes three
// times as much. What objects have in common they share.
type packedMeta struct {
	readOnly
	namespace     unique.Handle[string]
	name, version string
	uid           types.UID
	created       int64 // seconds since 1970
	deleted       *metav1.Time
	annotations   map[string]string
	labels        unique.Handle[string] // "key=value" each, sorted, a comma behind each
}

func packMeta(m metav1.ObjectMeta) packedMeta {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m.Labels)) {
		text.WriteString(key + "=" + m.Labels[key] + ",")
	}
	return packedMeta{
		namespace: unique.Make(m.Namespace), name: m.Name, version: m.ResourceVersion, uid: m.UID, created: m.CreationTimestamp.Unix(),
		deleted: m.DeletionTimestamp, annotations: m.Annotations, labels: unique.Make(text.String()),
	}
}

func (m *packedMeta) unpack() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.namespace.Value(), Name: m.name, ResourceVersion: m.version, UID: m.uid,
		CreationTimestamp: m.GetCreationTimestamp(), DeletionTimestamp: m.deleted, Annotations: m.annotations, Labels: m.GetLabels()}
}

func (m *packedMeta) alike(o *packedMeta) bool {
	return m.uid == o.uid && m.labels == o.labels && maps.Equal(m.annotations, o.annotations) && m.deleted.Equal(o.deleted)
}

// copy returns metadata that share nothing that can change.
func (m *packedMeta) copy() packedMeta {
	out := *m
	out.annotations, out.deleted = maps.Clone(m.annotations), m.deleted.DeepCopy()
	return out
}

// The getters implement [metav1.Object].

func (m *packedMeta) GetNamespace() string                          { return m.namespace.Value() }
func (m *packedMeta) GetName() string                               { return m.name }
func (m *packedMeta) GetGenerateName() string                       { return "" }
func (m *packedMeta) GetUID() types.UID                             { return m.uid }
func (m *packedMeta) GetResourceVersion() string                    { return m.version }
func (m *packedMeta) GetGeneration() int64                          { return 0 }
func (m *packedMeta) GetSelfLink() string                           { return "" }
func (m *packedMeta) GetDeletionTimestamp() *metav1.Time            { return m.deleted }
func (m *packedMeta) GetDeletionGracePeriodSeconds() *int64         { return nil }
func (m *packedMeta) GetAnnotations() map[string]string             { return m.annotations }
func (m *packedMeta) GetFinalizers() []string                       { return nil }
func (m *packedMeta) GetOwnerReferences() []metav1.OwnerReference   { return nil }
func (m *packedMeta) GetManagedFields() []metav1.ManagedFieldsEntry { return nil }

func (m *packedMeta) GetCreationTimestamp() metav1.Time {
	if (time.Time{}).Unix() == m.created {
		return metav1.Time{}
	}
	return metav1.Unix(m.created, 0)
}

func (m *packedMeta) GetLabels() map[string]string {
	out := map[string]string{}
	for key, value := range m.eachLabel {
		out[key] = value
	}
	return out
}

func (m *packedMeta) eachLabel(yield func(key, value string) bool) {
	for label := range strings.SplitSeq(m.labels.Value(), ",") {
		if key, value, ok := strings.Cut(label, "="); ok && !yield(key, value) {
			return
		}
	}
}

// Lookup implements labels.Labels.
func (m *packedMeta) Lookup(label string) (value string, ok bool) {
	for key, value := range m.eachLabel {
		if key == label {
			return value, true
		}
	}
	return "", false
}

// Has implements labels.Labels.
func (m *packedMeta) Has(label string) bool {
	_, ok := m.Lookup(label)
	return ok
}

// Get implements labels.Labels.
func (m *packedMeta) Get(label string) string {
	value, _ := m.Lookup(label)
	return value
}

// readOnly has the setters of [metav1.Object], which do nothing.
type readOnly struct{}

func (readOnly) SetNamespace(string)                          {}
func (readOnly) SetName(string)                               {}
func (readOnly) SetGenerateName(string)                       {}
func (readOnly) SetUID(types.UID)                             {}
func (readOnly) SetResourceVersion(string)                    {}
func (readOnly) SetGeneration(int64)                          {}
func (readOnly) SetSelfLink(string)                           {}
func (readOnly) SetCreationTimestamp(metav1.Time)             {}
func (readOnly) SetDeletionTimestamp(*metav1.Time)            {}
func (readOnly) SetDeletionGracePeriodSeconds(*int64)         {}
func (readOnly) SetLabels(map[string]string)                  {}
func (readOnly) SetAnnotations(map[string]string)             {}
func (readOnly) SetFinalizers([]string)                       {}
func (readOnly) SetOwnerReferences([]metav1.OwnerReference)   {}
func (readOnly) SetManagedFields([]metav1.ManagedFieldsEntry) {}
