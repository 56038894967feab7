package source_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/source"
)

var update = flag.Bool("update", false, "write the want and problems sections of testdata anew")

// TestGolden derives the objects of each archive under its flags. An archive holds "flags" (optional; --source as the
// command line knows it, --unread=KIND and --denied=KIND for a kind that cannot be told, --host=NAME=ADDRESS+ADDRESS
// for what can be looked up), "objects" (YAML), "want" (what those of the chosen sources want, in zone-file notation)
// and "problems". Objects of other kinds are there to be looked up.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sections := map[string]string{}
			for _, f := range archive.Files {
				sections[f.Name] = string(f.Data)
			}
			want, problems := render(derive(t, sections["flags"], sections["objects"]))
			if *update {
				write(t, file, archive, want, problems)
				return
			}
			if diff := cmp.Diff(sections["want"], want); diff != "" {
				t.Errorf("want (-file +derived):\n%s", diff)
			}
			if diff := cmp.Diff(sections["problems"], problems); diff != "" {
				t.Errorf("problems (-file +derived):\n%s", diff)
			}
		})
	}
}

// derived is what became of one object.
type derived struct {
	label  string
	intent plan.Intent
	ours   bool
}

func derive(t *testing.T, flags, objects string) []derived {
	t.Helper()
	var g golden
	parser, err := kong.New(&g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(words(flags)); err != nil {
		t.Fatal(err)
	}
	g.Options.Exposing = g.Expose
	d, err := source.New(g.Options)
	if err != nil {
		t.Fatal(err)
	}
	world := store{untold: map[string]error{}, hosts: g.Host}
	for _, kind := range g.Unread {
		world.untold[kind] = errUnread
	}
	for _, kind := range g.Denied {
		world.untold[kind] = source.ErrDenied
	}
	for _, text := range strings.Split(objects, "\n---\n") {
		world.objects = append(world.objects, decode(t, text))
	}
	var out []derived
	for _, o := range world.objects {
		for _, k := range source.Kinds(g.Source...) {
			if k.GVK == o.GetObjectKind().GroupVersionKind() {
				intent, ours := d.Derive(o, world)
				label := plan.Object{Kind: k.Label, Namespace: o.GetNamespace(), Name: o.GetName()}.Resource()
				out = append(out, derived{label, intent, ours})
			}
		}
	}
	return out
}

// golden is what the flags of an archive may be.
type golden struct {
	source.Options
	Source []string `default:"service,ingress"`
	Unread []string
	Denied []string
	Host   map[string]string
	Expose bool
}

// words splits flags at white space; a line that begins with a quote is one word
// without it.
func words(flags string) []string {
	var out []string
	for line := range strings.Lines(flags) {
		if word, whole := strings.CutPrefix(strings.TrimSpace(line), "'"); whole {
			out = append(out, word)
		} else {
			out = append(out, strings.Fields(line)...)
		}
	}
	return out
}

// options reads flags as the command line does.
func options(t *testing.T, flags ...string) source.Options {
	t.Helper()
	var o source.Options
	parser, err := kong.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(flags); err != nil {
		t.Fatal(err)
	}
	return o
}

func decode(t *testing.T, text string) source.Object {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(text), &kind); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var obj source.Object
	switch kind.Kind {
	case "Service":
		obj = &corev1.Service{}
	case "Ingress":
		obj = &networkingv1.Ingress{}
	case "Pod":
		obj = &corev1.Pod{}
	case "Node":
		obj = &corev1.Node{}
	case "Namespace":
		obj = &corev1.Namespace{}
	case "EndpointSlice":
		obj = &discoveryv1.EndpointSlice{}
	case "DNSEndpoint":
		obj = &dnsendpoint.DNSEndpoint{}
	case "Gateway":
		obj = &gatewayv1.Gateway{}
	case "ListenerSet":
		obj = &gatewayv1.ListenerSet{}
	case "HTTPRoute":
		obj = &gatewayv1.HTTPRoute{}
	case "GRPCRoute":
		obj = &gatewayv1.GRPCRoute{}
	case "TLSRoute":
		obj = &gatewayv1.TLSRoute{}
	case "TCPRoute":
		obj = &gatewayv1.TCPRoute{}
	case "UDPRoute":
		obj = &gatewayv1.UDPRoute{}
	case "PublicIPv4", "PublicIPv6":
		obj = &source.PublicAddress{}
	default:
		t.Fatalf("kind %q in\n%s", kind.Kind, text)
	}
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if obj.GetNamespace() == "" && kind.Kind != "Node" && kind.Kind != "Namespace" && !strings.HasPrefix(kind.Kind, "Public") {
		obj.SetNamespace("default")
	}
	return obj
}

// render prints the intents, object by object.
func render(all []derived) (want, problems string) {
	var w, p strings.Builder
	for _, d := range all {
		fmt.Fprintf(&w, "; %s", d.label)
		var sets []dns.RecordSet
		var extras strings.Builder
		for _, want := range d.intent.Wants {
			sets = append(sets, want.Set)
			if mode := [...]string{"", "never an alias", "always an alias", "an A alias", "an AAAA alias"}[want.Alias]; mode != "" {
				fmt.Fprintf(&extras, "; %s: %s\n", want.Set.Key, mode)
			}
			if stack := [...]string{"", "its target has IPv4 only", "its target has both families"}[want.Stack]; stack != "" {
				fmt.Fprintf(&extras, "; %s: %s\n", want.Set.Key, stack)
			}
			if want.AliasZone != "" {
				fmt.Fprintf(&extras, "; %s: its target lies in zone %s\n", want.Set.Key, want.AliasZone)
			}
			if want.Zone != "" {
				fmt.Fprintf(&extras, "; %s: in zone %s alone\n", want.Set.Key, want.Zone)
			}
			if want.EvaluateHealth != nil {
				fmt.Fprintf(&extras, "; %s: evaluate health %t\n", want.Set.Key, *want.EvaluateHealth)
			}
			if want.Adopt {
				fmt.Fprintf(&extras, "; %s: adopt\n", want.Set.Key)
			}
			if want.Mate {
				fmt.Fprintf(&extras, "; %s: adopt what Mate marked\n", want.Set.Key)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(d.intent.Unclear)) {
			fmt.Fprintf(&extras, "; %s stays as it is: %s\n", name, d.intent.Unclear[name])
		}
		switch {
		case !d.ours:
			w.WriteString(" is not read\n")
		case d.intent.Unknown != "":
			fmt.Fprintf(&w, " is unknown: %s\n", d.intent.Unknown)
		case len(sets) == 0:
			w.WriteString(" wants nothing\n")
		default:
			w.WriteString("\n")
		}
		w.WriteString(dns.Format(dns.Root, sets) + extras.String())
		for _, problem := range d.intent.Problems {
			fmt.Fprintf(&p, "%s %s: %s\n", d.label, problem.Reason, problem.Message)
		}
	}
	return w.String(), p.String()
}

func write(t *testing.T, file string, archive *txtar.Archive, want, problems string) {
	t.Helper()
	kept := archive.Files[:0]
	for _, f := range archive.Files {
		if f.Name == "flags" || f.Name == "objects" {
			kept = append(kept, f)
		}
	}
	archive.Files = append(kept, txtar.File{Name: "want", Data: []byte(want)},
		txtar.File{Name: "problems", Data: []byte(problems)})
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestAsker holds what the golden files do not print: who asks.
func TestAsker(t *testing.T) {
	created := metav1.Unix(1_500_000_000, 0)
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", CreationTimestamp: created,
			Annotations: map[string]string{"external-dns.kubernetes.io/hostname": "www.example.com"}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "lb.example.net"},
	}
	d, err := source.New(source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	intent, ours := d.Derive(svc, store{})
	by := plan.Object{Kind: "service", Namespace: "shop", Name: "web", Created: created.Time}
	want := plan.Intent{By: by, Wants: []plan.Want{{By: by, Set: dns.RecordSet{
		Key: dns.Key{Name: "www.example.com.", Type: dns.CNAME}, TTL: 300, Data: []string{"lb.example.net."}}}}}
	if diff := cmp.Diff(want, intent); !ours || diff != "" {
		t.Errorf("ours %t, intent (-want +got):\n%s", ours, diff)
	}
}
