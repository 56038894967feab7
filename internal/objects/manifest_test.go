package objects

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

func parse(file, text string) *parser {
	p := &parser{kinds: table()}
	p.parse(file, []byte(text))
	return p
}

func (p *parser) lines() (lines []string) {
	for _, f := range p.found {
		lines = append(lines, f.kind.Kind+" "+f.key.String())
	}
	return lines
}

func (p *parser) complaints() (lines []string) {
	for _, w := range p.problems {
		lines = append(lines, w.kind.Kind+"|"+w.text)
	}
	return lines
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, file, text     string
		want, wrong, skipped []string
	}{
		{name: "empty", file: "a.yaml"},
		{name: "comments", file: "a.yaml", text: "# nothing\n---\n# here\n"},
		{name: "one", file: "a.yaml", text: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n", want: []string{"Service default/a"}},
		{name: "byte order mark and CRLF", file: "a.yaml",
			text: "\ufeffapiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  name: a\r\n---\r\napiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  name: b\r\n",
			want: []string{"Service default/a", "Service default/b"}},
		{name: "several", file: "a.yaml", text: `# head
---
apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: team
... # end
--- # the next
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations:
    note: |
      --- no marker, it is indented
--- {apiVersion: v1, kind: Service, metadata: {name: b}}
---
`, want: []string{"Service team/a", "Ingress default/web", "Service default/b"}},
		{name: "List", file: "a.yaml", text: `
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a}
- apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: {name: web}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: c}
`, want: []string{"Service default/a", "Ingress default/web"},
			skipped: []string{"a.yaml, document 1, items[2]: kind /v1, Kind=ConfigMap"}},
		{name: "typed list", file: "a.json",
			text: `{"apiVersion":"v1","kind":"ServiceList","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}`,
			want: []string{"Service default/a", "Service default/b"}},
		{name: "several in JSON, with tabs", file: "a.json",
			text: "{\n\t\"apiVersion\": \"v1\", \"kind\": \"Service\",\n\t\"metadata\": {\"name\": \"a\"}\n}\n{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"b\"}}",
			want: []string{"Service default/a", "Service default/b"}},
		{name: "other things", file: "a.yaml", text: "replicas: 3\n---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k}\n",
			skipped: []string{"a.yaml, document 1: neither apiVersion nor kind", "a.yaml, document 2: kind serving.knative.dev/v1, Kind=Service"}},
		{name: "others go on after bad YAML", file: "a.yaml", text: `apiVersion: v1
kind: Service
metadata: {name: a}
---
apiVersion: v1
kind: Service
metadata:
  name: b
 namespace: x
---
apiVersion: v1
kind: Service
metadata: {name: c}
`, want: []string{"Service default/a", "Service default/c"},
			wrong: []string{"|a.yaml, document 2, line 8: did not find expected key"}},
		{name: "key given twice", file: "a.yaml", text: "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  name: b\n",
			wrong: []string{`|a.yaml, document 1, line 5: key "name" already set in map`}},
		{name: "unknown field", file: "a.yaml", text: `---
# an Ingress
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  rules:
  - host: a.example.com
  - hots: b.example.com
`, wrong: []string{`Ingress|a.yaml, document 1, line 10: unknown field "spec.rules[1].hots"`}},
		{name: "wrong type", file: "a.yaml", text: "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  externalIPs: 192.0.2.1\n",
			wrong: []string{"Service|a.yaml, document 1, line 6: spec.externalIPs: string where array is needed"}},
		{name: "wrong type in a list", file: "a.yaml", text: "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: 7\n",
			wrong: []string{"Service|a.yaml, document 1, line 7: metadata.name: number where string is needed"}},
		{name: "annotation that is no string", file: "a.yaml", text: "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    external-dns.alpha.kubernetes.io/ttl: 60\n",
			wrong: []string{"Service|a.yaml, document 1, line 6: metadata.annotations: the value of external-dns.alpha.kubernetes.io/ttl is a number and must be a string: put it in quotes"}},
		{name: "old version", file: "a.yaml", text: "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n",
			wrong: []string{"Ingress|a.yaml, document 1, line 1: Ingress of extensions/v1beta1 is not read: use networking.k8s.io/v1 (kubectl convert rewrites it)"}},
		{name: "no name", file: "a.yaml", text: "apiVersion: v1\nkind: Service\nmetadata:\n  generateName: a-\n",
			wrong: []string{"Service|a.yaml, document 1, line 3: metadata.name is missing"}},
		{name: "no kind", file: "a.yaml", text: "apiVersion: v1\nmetadata: {name: a}\n",
			wrong: []string{"|a.yaml, document 1, line 1: apiVersion and kind are needed both"}},
		{name: "no object", file: "a.yaml", text: "\n\n- a\n- b\n",
			wrong: []string{"|a.yaml, document 1, line 3: this is no Kubernetes object"}},
		{name: "bad JSON", file: "a.json", text: "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"a\"}}\n{\n  \"kind\": Service\n}\n",
			want:  []string{"Service default/a"},
			wrong: []string{"|a.json, document 2, line 3: invalid character 'S' looking for beginning of value"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := parse(tt.file, tt.text)
			if diff := cmp.Diff(tt.want, p.lines()); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.wrong, p.complaints()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.skipped, p.skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseKeepsWhatCounts(t *testing.T) {
	p := parse("a.yaml", `
apiVersion: v1
kind: Service
metadata:
  name: a
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels: {app: web}
  annotations:
    external-dns.alpha.kubernetes.io/hostname: a.example.com
    kubectl.kubernetes.io/last-applied-configuration: "{}"
spec: {type: LoadBalancer}
status: {loadBalancer: {ingress: [{hostname: lb.example.net}]}}
`)
	if len(p.found) != 1 {
		t.Fatalf("found %d objects, problems %v", len(p.found), p.problems)
	}
	s := p.found[0].object.(*corev1.Service)
	if got := s.Status.LoadBalancer.Ingress; len(got) != 1 || got[0].Hostname != "lb.example.net" {
		t.Errorf("status: %v", got)
	}
	if s.CreationTimestamp.Year() != 2026 || s.Labels != nil || s.Kind != "" {
		t.Errorf("metadata: %+v %+v", s.TypeMeta, s.ObjectMeta)
	}
	if diff := cmp.Diff(map[string]string{"external-dns.alpha.kubernetes.io/hostname": "a.example.com"}, s.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// FuzzParse holds that no text makes the parser fail otherwise than by a
// problem, and that what is found is whole.
func FuzzParse(f *testing.F) {
	f.Add("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\nkind: List\nitems: [{}]\n", true)
	f.Add(`{"apiVersion":"v1","kind":"List","items":[{"kind":"IngressList","items":[null]}]}`, false)
	f.Add("---\n...\n--- |\n x\n", true)
	f.Fuzz(func(t *testing.T, text string, isYAML bool) {
		file := "a.json"
		if isYAML {
			file = "a.yaml"
		}
		p := parse(file, text)
		for _, found := range p.found {
			switch found.object.(type) {
			case *corev1.Service, *networkingv1.Ingress:
			default:
				t.Errorf("found a %T", found.object)
			}
			if found.key.Name == "" || found.key.Namespace == "" {
				t.Errorf("found %s", found.key)
			}
		}
		for _, w := range p.problems {
			if !strings.HasPrefix(w.text, file+", document ") {
				t.Errorf("a problem without a place: %s", w.text)
			}
		}
	})
}
