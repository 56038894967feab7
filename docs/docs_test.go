// Package docs_test holds the documentation against the code.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryReasonIsExplained compares docs/reasons.md with the constants of
// type Reason in internal/plan.
func TestEveryReasonIsExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/plan/intent.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Reason" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, value)
		}
		return true
	})
	page, err := os.ReadFile("reasons.md")
	if err != nil {
		t.Fatal(err)
	}
	var explained []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(string(page), -1) {
		explained = append(explained, m[1])
	}
	slices.Sort(declared)
	slices.Sort(explained)
	if len(declared) == 0 {
		t.Fatal("no reasons found in internal/plan/intent.go")
	}
	if d := cmp.Diff(declared, explained); d != "" {
		t.Errorf("reasons in the code and in reasons.md (-code +page):\n%s", d)
	}
}

// TestLinksLeadSomewhere checks the relative links of the README and the docs.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+?)(?:#[^)]*)?\)`)
	var more []string
	for _, dir := range []string{"routing/*.md", "sources/*.md"} {
		found, err := filepath.Glob(dir)
		if err != nil {
			t.Fatal(err)
		}
		more = append(more, found...)
	}
	pages := []string{"../README.md", "architecture.md", "reasons.md", "flags.md", "metrics.md", "from-externaldns.md", "externaldns-defects.md", "route53.md",
		"no-load-balancer.md", "../deploy/README.md"}
	for _, page := range append(pages, more...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(page)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := m[1]
			if regexp.MustCompile(`^[a-z]+:`).MatchString(target) {
				continue
			}
			if _, err := os.Stat(filepath.Join(dir, target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", page, target)
			}
		}
	}
}

// TestEveryDefectHasItsTest looks for what externaldns-defects.md names in the
// last column of each row: test functions, golden files and scripts.
func TestEveryDefectHasItsTest(t *testing.T) {
	page, err := os.ReadFile("externaldns-defects.md")
	if err != nil {
		t.Fatal(err)
	}
	named, found := regexp.MustCompile("`([^`]+)`"), 0
	for _, row := range regexp.MustCompile(`(?m)^\| .* \| ([^|]*) \|$`).FindAllStringSubmatch(string(page), -1) {
		if row[1] == "shown by" || row[1] == "---" {
			continue
		}
		found++
		tests := named.FindAllStringSubmatch(row[1], -1)
		if len(tests) == 0 {
			t.Errorf("no test: %s", row[0])
		}
		for _, m := range tests {
			if !testExists(t, m[1]) {
				t.Errorf("there is no test %s", m[1])
			}
		}
	}
	if found < 22 {
		t.Errorf("%d defects are listed, want 22", found)
	}
}

// testExists reports whether there is a file below the root of the module, or a
// function such as internal/plan.TestGolden.
func testExists(t *testing.T, name string) bool {
	t.Helper()
	dir, function, ok := strings.Cut(name, ".Test")
	if !ok {
		_, err := os.Stat("../" + name)
		return err == nil
	}
	files, err := filepath.Glob("../" + dir + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "\nfunc Test"+function+"(t *testing.T) {")
	})
}

// TestREADMELeadsToEveryPage looks for a link to each page of docs; folders
// have a page of their own that leads on.
func TestREADMELeadsToEveryPage(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if (e.IsDir() || filepath.Ext(e.Name()) == ".md") && !strings.Contains(string(text), "](docs/"+e.Name()) {
			t.Errorf("the README has no link to docs/%s", e.Name())
		}
	}
}
