package objects

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// identity names an object among all kinds.
type identity struct {
	kind schema.GroupVersionKind
	key  types.NamespacedName
}

// found is an object in a manifest.
type found struct {
	identity
	from   kind
	object client.Object
	at     string // for people
}

// problem is a mistake in a manifest.
type problem struct {
	kind schema.GroupVersionKind // whose objects are unknown by it; the zero value: those of every kind
	text string                  // begins with the place
}

// concerns reports whether the problem may hide an object of the kind.
func (p problem) concerns(kind schema.GroupVersionKind) bool {
	return p.kind == kind || p.kind == schema.GroupVersionKind{}
}

// document is one document of a manifest file.
type document struct {
	file string
	n    int // from 1, empty documents not counted
	line int // of its first byte in the file, from 1
	text []byte
}

// parser reads manifests into objects of the chosen kinds.
type parser struct {
	kinds []kind
	keep  Keep

	found    []found
	problems []problem
	skipped  []string // what is in the file and not read, for the debug log
}

// parse reads one manifest file. A malformed document is a problem, and the
// others are read.
func (p *parser) parse(file string, data []byte) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if filepath.Ext(file) == ".json" {
		p.parseJSON(file, data)
		return
	}
	for _, d := range split(file, data) {
		raw, err := yaml.YAMLToJSONStrict(d.text)
		if err != nil {
			line, text := d.yamlError(err)
			p.wrong(d, schema.GroupVersionKind{}, line, text)
			continue
		}
		p.object(d, "", raw, typeMeta{})
	}
}

func (p *parser) parseJSON(file string, data []byte) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		d := document{file: file, n: n, line: 1 + bytes.Count(data[:decoder.InputOffset()], []byte("\n")), text: data[decoder.InputOffset():]}
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			line := d.line
			if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
				line = 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
			}
			p.wrong(d, schema.GroupVersionKind{}, line, err.Error())
			return
		}
		p.object(d, "", raw, typeMeta{})
	}
}

type typeMeta struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
}

// object reads one object, or each of a List. path is the object's place in the
// document; outer is the type of the List around it.
func (p *parser) object(d document, path string, raw []byte, outer typeMeta) {
	if string(raw) == "null" {
		return
	}
	var t typeMeta
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &t); err != nil {
		p.wrong(d, schema.GroupVersionKind{}, d.lineOf(path), "this is no Kubernetes object")
		return
	}
	if t.APIVersion == "" && t.Kind == "" {
		t.APIVersion, t.Kind = outer.APIVersion, outer.Kind
	}
	switch {
	case t.APIVersion == "" && t.Kind == "":
		p.skipped = append(p.skipped, d.place(path)+": neither apiVersion nor kind")
	case t.APIVersion == "" || t.Kind == "":
		p.wrong(d, schema.GroupVersionKind{}, d.lineOf(path), "apiVersion and kind are needed both")
	case strings.HasSuffix(t.Kind, "List") && t.Items != nil:
		inner := typeMeta{APIVersion: t.APIVersion, Kind: strings.TrimSuffix(t.Kind, "List")}
		if inner.Kind == "" {
			inner = typeMeta{}
		}
		for i, item := range t.Items {
			p.object(d, fmt.Sprintf("%sitems[%d].", path, i), item, inner)
		}
	default:
		p.typed(d, path, raw, schema.FromAPIVersionAndKind(t.APIVersion, t.Kind))
	}
}

// typed reads one object of a kind that is chosen, and passes over others.
func (p *parser) typed(d document, path string, raw []byte, gvk schema.GroupVersionKind) {
	i := slices.IndexFunc(p.kinds, func(k kind) bool {
		return gvk.Kind == k.gvk.Kind && (gvk.Group == k.gvk.Group || slices.Contains(k.formerly, gvk.Group))
	})
	if i < 0 {
		p.skipped = append(p.skipped, d.place(path)+": kind "+gvk.String())
		return
	}
	k := p.kinds[i]
	if gvk != k.gvk && !(gvk.Group == k.gvk.Group && slices.Contains(k.older, gvk.Version)) {
		p.wrong(d, k.gvk, d.lineOf(path+"apiVersion"), fmt.Sprintf("%s of %s is not read: use %s (kubectl convert rewrites it)",
			gvk.Kind, gvk.GroupVersion(), k.gvk.GroupVersion()))
		return
	}
	object, ok := k.object.DeepCopyObject().(client.Object)
	if !ok {
		return
	}
	strict, err := kjson.UnmarshalStrict(raw, object)
	if err == nil && len(strict) > 0 {
		err = strict[0]
	}
	if err != nil {
		line, text := d.fieldError(path, err)
		p.wrong(d, k.gvk, line, text)
		return
	}
	if object.GetName() == "" {
		p.wrong(d, k.gvk, d.lineOf(path+"metadata"), "metadata.name is missing")
		return
	}
	if !k.cluster && object.GetNamespace() == "" {
		object.SetNamespace("default")
	}
	object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) // as an API server's client leaves it
	p.keep.strip(object, k)
	p.found = append(p.found, found{
		identity: identity{kind: k.gvk, key: client.ObjectKeyFromObject(object)},
		from:     k,
		object:   object,
		at:       d.place(path),
	})
}

func (p *parser) wrong(d document, kind schema.GroupVersionKind, line int, text string) {
	p.problems = append(p.problems, problem{kind: kind, text: d.at(line) + ": " + text})
}

// place names an object's place for people, without the trouble of its line.
func (d document) place(path string) string {
	place := fmt.Sprintf("%s, document %d", d.file, d.n)
	if path != "" {
		place += ", " + strings.TrimSuffix(path, ".")
	}
	return place
}

// at names a line for people.
func (d document) at(line int) string {
	return fmt.Sprintf("%s, document %d, line %d", d.file, d.n, line)
}

// split cuts a YAML stream into documents, at the lines that begin with "---"
// or "..." (YAML 1.2 section 9.1.2: they end a document wherever they stand).
func split(file string, data []byte) []document {
	var documents []document
	next := document{file: file, n: 1, line: 1}
	end := func() {
		if !blank(next.text) {
			documents = append(documents, next)
			next.n++
		}
	}
	line := 0
	for l := range bytes.Lines(data) {
		line++
		marker := len(l) >= 3 && (string(l[:3]) == "---" || string(l[:3]) == "...") &&
			(len(l) == 3 || bytes.IndexByte([]byte(" \t\r\n"), l[3]) >= 0)
		if marker {
			end()
			next.line, next.text = line, nil
			if l[0] == '-' { // content may follow on the same line
				l = append([]byte("   "), l[3:]...)
			} else {
				l = []byte("\n")
			}
		}
		next.text = append(next.text, l...)
	}
	end()
	return documents
}

// blank reports whether there is nothing but white space and comments.
func blank(text []byte) bool {
	for l := range bytes.Lines(text) {
		if l = bytes.TrimSpace(l); len(l) > 0 && l[0] != '#' {
			return false
		}
	}
	return true
}

// yamlError returns line and text of what the YAML parser found wrong.
func (d document) yamlError(err error) (int, string) {
	text := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	text = strings.TrimPrefix(text, "yaml: ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:"))
	text, _, _ = strings.Cut(text, "\n")
	m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(text)
	if m == nil {
		return d.line, text
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return d.line, text
	}
	return d.line + n - 1, m[2]
}

// fieldError returns line and text of what is wrong with a field of the object
// at path.
func (d document) fieldError(path string, err error) (int, string) {
	var strict kjson.FieldError
	if errors.As(err, &strict) {
		return d.lineOf(path + strict.FieldPath()), strict.Error()
	}
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) || wrong.Field == "" {
		return d.lineOf(path), strings.TrimPrefix(err.Error(), "json: ")
	}
	if wrong.Type.Kind() == reflect.String {
		if key, line := d.notString(path + wrong.Field); key != "" {
			return line, fmt.Sprintf("%s: the value of %s is a %s and must be a string: put it in quotes", wrong.Field, key, wrong.Value)
		}
	}
	return d.lineOf(path + wrong.Field), fmt.Sprintf("%s: %s where %s is needed", wrong.Field, wrong.Value, jsonType(wrong.Type))
}

// jsonType names the JSON type that a Go type is read from.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "object"
	default:
		return "number"
	}
}
