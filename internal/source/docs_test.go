package source_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
)

// documented is the flags under which the examples are read, if no others are
// given.
const documented = "--source=service,ingress,gateway-httproute,crd"

// withoutExamples are the pages of docs/sources that tell of no object.
var withoutExamples = []string{"README.md", "differences.md"}

// TestDocumentation derives every object in docs/sources (a block fenced as
// yaml) under the flags before it (a block fenced as flags), and compares it with
// the block fenced as zone behind it.
func TestDocumentation(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "sources", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		if slices.Contains(withoutExamples, filepath.Base(page)) {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(string(text), "\n```yaml\n")
			if len(parts) == 1 {
				t.Fatal("no examples")
			}
			for i, example := range parts[1:] {
				flags := documented
				if _, given, ok := strings.Cut(parts[i], "\n```flags\n"); ok {
					flags, _, _ = strings.Cut(given, "\n```")
					flags = "'" + strings.ReplaceAll(flags, " --", "\n'--")
				}
				object, rest, ok := strings.Cut(example, "\n```\n")
				_, result, found := strings.Cut(rest, "\n```zone\n")
				result, _, closed := strings.Cut(result, "```")
				if !ok || !found || !closed {
					t.Fatalf("no result for\n%s", example)
				}
				var sets []dns.RecordSet
				for _, d := range derive(t, flags, object) {
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
