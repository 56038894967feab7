package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"text/template"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// templates is Go templates over objects, by the source of the object. Their
// output is a list, as that of an annotation.
type templates map[string]*template.Template

// parseTemplates reads the templates of one flag, whose outputs are put
// together. Nil means that there are none.
func parseTemplates(flag string, texts []string) (templates, error) {
	texts = slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" })
	if len(texts) == 0 {
		return nil, nil
	}
	out := templates{}
	for _, source := range Sources() {
		t, err := template.New("--" + flag).Funcs(functions(source)).Parse(strings.Join(texts, ","))
		if err != nil {
			return nil, wrong("write a Go template, for example {{.Name}}.example.com", "%w", err) // it names the flag
		}
		out[source] = t
	}
	return out, nil
}

// functions are ExternalDNS's, beside those of every Go template.
func functions(source string) template.FuncMap {
	return template.FuncMap{
		"contains":   strings.Contains,
		"trimPrefix": strings.TrimPrefix,
		"trimSuffix": strings.TrimSuffix,
		"trim":       strings.TrimSpace,
		"toLower":    strings.ToLower,
		"replace":    func(before, after, in string) string { return strings.ReplaceAll(in, before, after) },
		"isIPv4": func(s string) bool {
			a, err := netip.ParseAddr(s)
			return err == nil && a.Is4()
		},
		"isIPv6": func(s string) bool {
			a, err := netip.ParseAddr(s)
			return err == nil && a.Is6()
		},
		"hasKey": func(m map[string]string, key string) bool {
			_, ok := m[key]
			return ok
		},
		"fromJson": func(text string) (value any, err error) {
			err = json.Unmarshal([]byte(text), &value)
			return value, err
		},
		"isSource": func(args ...any) (bool, error) { return isSource(source, args) },
	}
}

// isSource compares the first word among the arguments with the source of the
// object that the template is about; the object itself may be among them.
func isSource(source string, args []any) (bool, error) {
	for _, a := range args {
		if name, ok := a.(string); ok {
			return name == source, nil
		}
	}
	return false, errors.New("isSource wants the name of a source")
}

// generic is an object as templates see it that name fields as JSON does
// ({{.Spec.type}}). The other names are those of typed objects.
type generic struct {
	Kind, APIVersion, Name, Namespace string
	Labels, Annotations               map[string]string
	Metadata, Spec, Status, Object    map[string]any
}

// execute returns the members of what the templates make of an object, and how
// many were left out because what they name is not there.
func (t templates) execute(source string, o Object) (members []string, missing int, err error) {
	typed := withKind(o)
	var out bytes.Buffer
	if err := t[source].Execute(&out, typed); err != nil {
		view, viewErr := jsonView(typed)
		if viewErr != nil {
			return nil, 0, err
		}
		out.Reset()
		again, cloneErr := t[source].Clone()
		if cloneErr != nil || again.Option("missingkey=error").Execute(&out, view) != nil {
			return nil, 0, err
		}
	}
	for member := range strings.SplitSeq(out.String(), ",") {
		member = strings.TrimSuffix(strings.TrimSpace(member), ".")
		switch {
		case member == "":
		case strings.Contains(member, "<no value>"):
			missing++
		default:
			members = append(members, member)
		}
	}
	slices.Sort(members)
	return slices.Compact(members), missing, nil
}

// withKind returns a copy of an object, sharing all but its kind, which a typed
// object from an API server lacks.
func withKind(o Object) Object {
	copied := reflect.New(reflect.TypeOf(o).Elem())
	copied.Elem().Set(reflect.ValueOf(o).Elem())
	typed, ok := copied.Interface().(Object)
	if !ok {
		return o
	}
	typed.GetObjectKind().SetGroupVersionKind(gvkOf(o))
	return typed
}

func jsonView(o Object) (generic, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return generic{}, fmt.Errorf("read %s as JSON: %w", o.GetName(), err)
	}
	part := func(key string) map[string]any {
		m, _ := fields[key].(map[string]any)
		return m
	}
	version, kind := o.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	return generic{
		Kind: kind, APIVersion: version, Name: o.GetName(), Namespace: o.GetNamespace(),
		Labels: o.GetLabels(), Annotations: o.GetAnnotations(),
		Metadata: part("metadata"), Spec: part("spec"), Status: part("status"), Object: fields,
	}, nil
}

// expand returns what templates make of the draft's object. A template that
// fails makes the intent Unknown; one that names what the object lacks only
// leaves that member out.
func (r *draft) expand(flag string, t templates, o Object) []string {
	members, missing, err := t.execute(r.source, o)
	if err != nil {
		r.asked = true
		r.giveUp(plan.BadTemplate, "--%s fails on this object, and what it holds stays as it is: %v", flag, err)
		return nil
	}
	if missing > 0 {
		r.problem(plan.BadTemplate, "--%s: %d left out, for the object lacks a label or annotation that it names", flag, missing)
	}
	return members
}

// templated returns the names that --fqdn-template gives an object, none for one
// that has asked for names itself, unless --combine-fqdn-annotation adds to them.
func (d *Deriver) templated(r *draft, o Object, asked bool) []dns.Name {
	if d.fqdn == nil || asked && !d.combine {
		return nil
	}
	if members := r.expand("fqdn-template", d.fqdn, o); len(members) > 0 {
		return r.names("--fqdn-template", members...)
	}
	return nil
}

// pairs points the names of --fqdn-target-template to its targets. Each member
// of its output is NAME:TARGET.
func (d *Deriver) pairs(r *draft, o Object, asked bool) {
	if d.fqdnTarget == nil || asked && !d.combine {
		return
	}
	for _, member := range r.expand("fqdn-target-template", d.fqdnTarget, o) {
		host, target, ok := strings.Cut(member, ":")
		if host, target = strings.TrimSpace(host), strings.TrimSpace(target); !ok || host == "" || target == "" {
			r.problem(plan.BadTemplate, "--fqdn-target-template: %s is left out: write NAME:TARGET", quote(member))
			continue
		}
		r.point(r.names("--fqdn-target-template", host), r.targets("--fqdn-target-template", []string{target}), "")
	}
}
