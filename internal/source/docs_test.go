package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
)

// documented is the flags under which the examples are read.
const documented = "--source=service,ingress,gateway-httproute,crd"

// TestDocumentation derives every object in docs/sources (a block fenced as
// yaml) and compares it with the block fenced as zone behind it.
func TestDocumentation(t *testing.T) {
	for _, name := range []string{"service.md", "ingress.md", "gateway.md", "dnsendpoint.md"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "..", "docs", "sources", name))
			if err != nil {
				t.Fatal(err)
			}
			examples := strings.Split(string(text), "\n```yaml\n")[1:]
			if len(examples) == 0 {
				t.Fatal("no examples")
			}
			for _, example := range examples {
				object, rest, ok := strings.Cut(example, "\n```\n")
				_, result, found := strings.Cut(rest, "\n```zone\n")
				result, _, closed := strings.Cut(result, "```")
				if !ok || !found || !closed {
					t.Fatalf("no result for\n%s", example)
				}
				var sets []dns.RecordSet
				for _, d := range derive(t, documented, object) {
					if len(d.intent.Problems) > 0 {
						t.Errorf("%s: problems %v", d.label, d.intent.Problems)
					}
					for _, want := range d.intent.Wants {
						sets = append(sets, want.Set)
					}
				}
				if diff := cmp.Diff(result, dns.Format(dns.Root, sets)); diff != "" {
					t.Errorf("(-documented +derived):\n%s\nfor\n%s", diff, object)
				}
			}
		})
	}
}
