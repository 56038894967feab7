package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/emulator"
)

// TestRoutingPages has each page of docs/routing show what its manifest makes in
// Route 53, and a second plan find nothing to do.
func TestRoutingPages(t *testing.T) {
	pages, err := filepath.Glob("../../docs/routing/*.md")
	if err != nil {
		t.Fatal(err)
	}
	policies := 0
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if name == "README" {
			continue
		}
		policies++
		t.Run(name, func(t *testing.T) { routingPage(t, page) })
	}
	if policies != 6 {
		t.Errorf("there are pages of %d policies, want 6", policies)
	}
}

func routingPage(t *testing.T, page string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```.*```zone\n(.*?)```").FindStringSubmatch(string(text))
	if found == nil {
		t.Fatal("the page has no manifest with a zone behind it")
	}
	server := emulator.New(emulator.Config{HealthChecks: []string{"abcdef11-2222-3333-4444-555555fedcba"}})
	if _, err := server.AddZone("example.com", emulator.WithID("Z1")); err != nil {
		t.Fatal(err)
	}
	here(t, server)
	dir := t.TempDir()
	save(t, filepath.Join(dir, "page.yaml"), found[1])
	args := []string{"--source=service", "--provider=aws", "--txt-owner-id=me", "--objects=" + dir}
	if code, out := ended(t, append([]string{"run", "--once"}, args...)...); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	const name dns.Name = "www.example.com."
	want := strings.TrimSpace(strings.ReplaceAll("\n"+found[2], "\n"+string(name), "\n"))
	want = regexp.MustCompile(`\n +`).ReplaceAllString(want, "\n")
	if diff := cmp.Diff(want, shown(t, "Z1", []dns.Name{name})[name]); diff != "" {
		t.Errorf("the zone (-page +made):\n%s", diff)
	}
	code, out := ended(t, append([]string{"plan"}, args...)...)
	if want := "example.com. (Z1): 0 to create, 0 to change, 0 to delete\n"; code != 0 || out != want {
		t.Errorf("a second plan is not empty, exit code %d:\n%s", code, out)
	}
}

// TestRefusedRouting: of errors that name no record set those are found that they
// are about, and the others go on.
func TestRefusedRouting(t *testing.T) {
	server := emulator.New(emulator.Config{HealthChecks: []string{"hc-1"}})
	if _, err := server.AddZone("example.com", emulator.WithID("Z1")); err != nil {
		t.Fatal(err)
	}
	here(t, server)
	dir := t.TempDir()
	rows := []annotated{
		{"a", "", "192.0.2.1", "300 IN A 192.0.2.1"},
		{"b", "set-identifier=one aws-weight=1 aws-health-check-id=hc-2", "192.0.2.2", ""},
		{"d", "set-identifier=one aws-region=eu-west-9", "192.0.2.4", ""},
		{"c", "set-identifier=one aws-weight=1 aws-health-check-id=hc-1", "192.0.2.3", "300 IN A 192.0.2.3 ;! id=one weight=1 health-check=hc-1"},
	}
	want := map[dns.Name]string{}
	for i, row := range rows {
		save(t, filepath.Join(dir, row.host+".yaml"), row.manifest(i))
		want[dns.Name(row.host+".example.com.")] = row.want
	}
	code, out := ended(t, "run", "--once", "--source=service", "--provider=aws", "--txt-owner-id=me", "--objects="+dir)
	for _, told := range []string{"No health check exists with the specified ID: hc-2", "Value 'eu-west-9' at 'region'"} {
		if code != 1 || !strings.Contains(out, told) {
			t.Errorf("exit code %d, want 1 and %q:\n%s", code, told, out)
		}
	}
	if diff := cmp.Diff(want, shown(t, "Z1", []dns.Name{"a.example.com.", "b.example.com.", "c.example.com.", "d.example.com."})); diff != "" {
		t.Errorf("the zone (-want +made):\n%s", diff)
	}
}
