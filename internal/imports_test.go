// Package internal_test holds the import rules of docs/architecture.md against
// the real imports.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/signpost-dns/signpost/internal/"

// rooms says, for each folder below internal, which other rooms its code may
// import. A folder that is missing here is an error: decide where it stands.
var rooms = map[string][]string{
	"dns":                   {},
	"claim":                 {"dns"},
	"plan":                  {"dns", "claim"},
	"dnsendpoint":           {},
	"source":                {"dns", "plan", "dnsendpoint"},
	"objects":               {"dnsendpoint"},
	"lease":                 {},
	"events":                {},
	"conditions":            {"dnsendpoint"},
	"provider":              {"dns"},
	"provider/memory":       {"dns", "provider"},
	"provider/route53":      {"dns", "provider"},
	"provider/providertest": {"dns", "provider"},
	"zone":                  {"dns", "claim", "plan", "provider"},
	"controller":            {"dns", "plan", "source", "objects", "dnsendpoint", "lease", "events", "provider", "zone"},
	"publicip":              {"dns", "claim", "plan", "provider"},
	"site":                  {"source", "objects", "publicip"},
	"console":               {"dns", "controller"},
	"expose":                {"plan"},
	"expose/ec2":            {"expose"},
	"emulator":              {},
	"cli": {"dns", "claim", "plan", "source", "objects", "dnsendpoint", "lease", "events", "conditions", "provider", "provider/route53", "zone",
		"controller", "console", "publicip", "site", "expose", "expose/ec2", "emulator"},
}

// guarded says which rooms may import packages that drag a world in, or an
// effect. Each row is for the package and for those below it.
var guarded = map[string][]string{
	"k8s.io":                                 {"conditions", "dnsendpoint", "expose", "source", "objects", "lease", "events", "site", "controller", "cli"},
	"sigs.k8s.io":                            {"source", "objects", "controller", "cli"},
	"github.com/aws":                         {"expose/ec2", "provider/route53"},
	"log":                                    {"conditions", "expose", "objects", "lease", "events", "site", "zone", "controller", "console", "emulator", "cli"},
	"github.com/prometheus":                  {"controller", "console", "cli"},
	"github.com/alecthomas/kong":             {"cli"},
	"github.com/miekg/dns":                   {"emulator"},
	"net/http":                               {"expose/ec2", "objects", "provider/route53", "controller", "console", "publicip", "emulator", "cli"},
	"os":                                     {"expose/ec2", "objects", "lease", "events", "provider/route53", "console", "publicip", "emulator", "cli"},
	"os/exec":                                {},
	"testing":                                {"provider/providertest"},
	"github.com/fsnotify":                    {"objects"},
	"github.com/google/go-containerregistry": {},
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") ||
			strings.Contains(file, "testdata") {
			return err
		}
		room := path.Dir(filepath.ToSlash(file))
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("%s: the room %q is not in the table of imports; add it with what it may import", file, room)
			return nil
		}
		seen[room] = true
		for _, imported := range imports(t, file) {
			if inner, ok := strings.CutPrefix(imported, module); ok {
				if !contains(allowed, inner) {
					t.Errorf("%s: %s may not import %s", file, room, inner)
				}
				continue
			}
			for prefix, may := range guarded {
				if (imported == prefix || strings.HasPrefix(imported, prefix+"/")) && !contains(may, room) {
					t.Errorf("%s: %s may not import %s", file, room, imported)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("the table of imports names %q, and there is no such room", room)
		}
	}
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, spec := range parsed.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
