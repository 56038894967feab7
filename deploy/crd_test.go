package deploy_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// schema is as much of an OpenAPI schema as the definition uses.
type schema struct {
	Type, Format         string
	Properties           map[string]schema
	Items                *schema
	AdditionalProperties *schema
	Required             []string
	Enum                 []string
	Pattern              string
}

// fields lists what the schema allows, a field a line.
func (s schema) fields(path string) []string {
	typ := s.Type
	if s.Format != "" {
		typ += " " + s.Format
	}
	var out []string
	if path != "" {
		out = append(out, fmt.Sprintf("%s: %s", path, typ))
	}
	for name, p := range s.Properties {
		out = append(out, p.fields(strings.TrimPrefix(path+"."+name, "."))...)
	}
	if s.Items != nil {
		out = append(out, s.Items.fields(path+"[]")...)
	}
	if s.AdditionalProperties != nil {
		out = append(out, s.AdditionalProperties.fields(path+"{}")...)
	}
	return out
}

// demands lists what the schema wants of a user.
func (s schema) demands() []string {
	out := append(slices.Clone(s.Required), s.Enum...)
	if s.Pattern != "" {
		out = append(out, s.Pattern)
	}
	for _, p := range s.Properties {
		out = append(out, p.demands()...)
	}
	for _, p := range []*schema{s.Items, s.AdditionalProperties} {
		if p != nil {
			out = append(out, p.demands()...)
		}
	}
	return out
}

// TestDefinitionIsCompatible holds the definition of DNSEndpoint to ExternalDNS's:
// an object that one of them takes the other takes too, and loses no field.
func TestDefinitionIsCompatible(t *testing.T) {
	text, err := os.ReadFile("kustomize/crd/dnsendpoints.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Metadata struct {
			Name        string
			Annotations map[string]string
		}
		Spec struct {
			Group, Scope string
			Names        struct {
				Kind, ListKind, Plural, Singular string
				ShortNames                       []string
			}
			Versions []struct {
				Name            string
				Served, Storage bool
				Subresources    map[string]struct{}
				Schema          struct{ OpenAPIV3Schema schema }
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}
	spec := definition.Spec
	got := []any{definition.Metadata.Name, spec.Group, spec.Scope, spec.Names.Kind, spec.Names.ListKind, spec.Names.Plural,
		spec.Names.Singular, len(spec.Names.ShortNames), len(spec.Versions), definition.Metadata.Annotations["api-approved.kubernetes.io"]}
	want := []any{"dnsendpoints.externaldns.k8s.io", "externaldns.k8s.io", "Namespaced", "DNSEndpoint", "DNSEndpointList", "dnsendpoints",
		"dnsendpoint", 0, 1, "https://github.com/kubernetes-sigs/external-dns/pull/2007"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("names (-want +got):\n%s", diff)
	}
	version := spec.Versions[0]
	if _, status := version.Subresources["status"]; version.Name != "v1alpha1" || !version.Served || !version.Storage || !status {
		t.Errorf("version %s, served %v, stored %v, with a status %v", version.Name, version.Served, version.Storage, status)
	}
	whole := version.Schema.OpenAPIV3Schema
	fields := slices.DeleteFunc(whole.fields(""), func(f string) bool { return strings.HasPrefix(f, "status.conditions") })
	slices.Sort(fields)
	wantFields := []string{
		"apiVersion: string", "kind: string", "metadata: object", "spec: object", "spec.endpoints: array", "spec.endpoints[]: object",
		"spec.endpoints[].dnsName: string", "spec.endpoints[].labels: object", "spec.endpoints[].labels{}: string",
		"spec.endpoints[].providerSpecific: array", "spec.endpoints[].providerSpecific[]: object",
		"spec.endpoints[].providerSpecific[].name: string", "spec.endpoints[].providerSpecific[].value: string",
		"spec.endpoints[].recordTTL: integer int64", "spec.endpoints[].recordType: string", "spec.endpoints[].setIdentifier: string",
		"spec.endpoints[].targets: array", "spec.endpoints[].targets[]: string", "status: object", "status.observedGeneration: integer int64",
	}
	slices.Sort(wantFields)
	if diff := cmp.Diff(wantFields, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if demands := append(whole.Properties["spec"].demands(), whole.Required...); len(demands) > 0 {
		t.Errorf("the definition refuses objects that ExternalDNS's takes: %q", demands)
	}
}
