package source

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is a kind of object that a source reads.
type Kind struct {
	// Source is the name under which --source chooses it.
	Source string
	// Label is the kind's word in a claim's resource label: "service" in
	// "service/default/nginx".
	Label string
	// GVK is the version that is read; Resource is its plural, as RBAC rules
	// name it.
	GVK      schema.GroupVersionKind
	Resource string
}

func kinds() []Kind {
	return []Kind{
		{Source: "service", Label: "service", Resource: "services",
			GVK: schema.GroupVersionKind{Version: "v1", Kind: "Service"}},
		{Source: "ingress", Label: "ingress", Resource: "ingresses",
			GVK: schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}},
	}
}

// Kinds returns the kinds of object that the named sources read, each once.
// Names that are not [Sources] give none.
func Kinds(sources ...string) []Kind {
	return slices.DeleteFunc(kinds(), func(k Kind) bool { return !slices.Contains(sources, k.Source) })
}

// Sources returns the names that --source takes, sorted.
func Sources() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.Source)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
