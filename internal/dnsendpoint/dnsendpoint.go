// Package dnsendpoint is the Go form of the custom resource by which people ask
// for record sets in so many words: DNSEndpoint of externaldns.k8s.io/v1alpha1,
// as ExternalDNS defines it, with conditions in its status. It hides nothing and
// decides nothing; deploy/crd holds the definition.
//
// The package imports apimachinery only.
//
//	apiVersion: externaldns.k8s.io/v1alpha1
//	kind: DNSEndpoint
//	metadata: {name: mail}
//	spec:
//	  endpoints:
//	  - {dnsName: example.com, recordType: MX, targets: [10 mail.example.com]}
package dnsendpoint

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group, Version and Kind name the resource, Resource is its plural.
const (
	Group    = "externaldns.k8s.io"
	Version  = "v1alpha1"
	Kind     = "DNSEndpoint"
	Resource = "dnsendpoints"
)

// GVK returns the kind with its version.
func GVK() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: Group, Version: Version, Kind: Kind}
}

// Install registers the types.
func Install(scheme *runtime.Scheme) error {
	gv := GVK().GroupVersion()
	scheme.AddKnownTypes(gv, &DNSEndpoint{}, &DNSEndpointList{})
	metav1.AddToGroupVersion(scheme, gv)
	return nil
}

// DNSEndpoint is a list of record sets, and what became of them.
type DNSEndpoint struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   Spec   `json:"spec,omitempty"`
	Status Status `json:"status,omitempty"`
}

// Spec is what is asked for.
type Spec struct {
	Endpoints []*Endpoint `json:"endpoints,omitempty"` // nil ones are passed over
}

// Endpoint is one record set.
type Endpoint struct {
	DNSName       string            `json:"dnsName,omitempty"`
	Targets       []string          `json:"targets,omitempty"` // RDATA in presentation format
	RecordType    string            `json:"recordType,omitempty"`
	RecordTTL     int64             `json:"recordTTL,omitempty"` // seconds; 0 and less: the default
	SetIdentifier string            `json:"setIdentifier,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`

	ProviderSpecific []Property `json:"providerSpecific,omitempty"`
}

// Property is something that only some DNS services have, such as aws/weight.
type Property struct {
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
}

// Status is what became of what is asked for. Conditions are Accepted (all of
// it can be read, and may be asked for) and Programmed (it stands in DNS).
type Status struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// DNSEndpointList is a list of them, as an API server gives it.
type DNSEndpointList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []DNSEndpoint `json:"items"`
}

// DeepCopy returns a copy that shares nothing.
func (e *DNSEndpoint) DeepCopy() *DNSEndpoint {
	out := &DNSEndpoint{TypeMeta: e.TypeMeta, ObjectMeta: *e.ObjectMeta.DeepCopy(), Status: *e.Status.DeepCopy()}
	for _, endpoint := range e.Spec.Endpoints {
		if endpoint == nil {
			out.Spec.Endpoints = append(out.Spec.Endpoints, nil)
			continue
		}
		c := *endpoint
		c.Targets, c.Labels, c.ProviderSpecific = slices.Clone(c.Targets), maps.Clone(c.Labels), slices.Clone(c.ProviderSpecific)
		out.Spec.Endpoints = append(out.Spec.Endpoints, &c)
	}
	return out
}

// DeepCopy returns a copy that shares nothing.
func (s *Status) DeepCopy() *Status {
	out := &Status{ObservedGeneration: s.ObservedGeneration}
	for _, c := range s.Conditions {
		out.Conditions = append(out.Conditions, *c.DeepCopy())
	}
	return out
}

// DeepCopyObject implements [runtime.Object].
func (e *DNSEndpoint) DeepCopyObject() runtime.Object { return e.DeepCopy() }

// DeepCopyObject implements [runtime.Object].
func (l *DNSEndpointList) DeepCopyObject() runtime.Object {
	out := &DNSEndpointList{TypeMeta: l.TypeMeta, ListMeta: *l.ListMeta.DeepCopy()}
	for i := range l.Items {
		out.Items = append(out.Items, *l.Items[i].DeepCopy())
	}
	return out
}
