package cli

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// flagsPage returns docs/flags.md by heading.
func flagsPage(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/flags.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, section := range strings.Split("\n"+string(page), "\n## ") {
		heading, text, _ := strings.Cut(section, "\n")
		sections[heading] = text
	}
	return sections
}

// namedFlags returns what stands in the text as code, without leading hyphens.
func namedFlags(text string) []string {
	var names []string
	for _, match := range regexp.MustCompile("`(?:--)?([a-z0-9-]+)`").FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	return names
}

// docs/flags.md names every flag of every command, and every flag that
// ExternalDNS has or had; and no flag that is none.
func TestFlagsAreDocumented(t *testing.T) {
	sections := flagsPage(t)
	all := strings.Join(slices.Collect(maps.Values(sections)), "\n")
	known, err := everyFlag()
	if err != nil {
		t.Fatal(err)
	}
	known = append(known, "version", "help", "print-config")
	for _, name := range known {
		if !slices.Contains(namedFlags(all), name) {
			t.Errorf("docs/flags.md does not name --%s", name)
		}
	}
	mentioned := func(text string) (names []string) {
		for _, match := range regexp.MustCompile("`--([a-z0-9-]+)").FindAllStringSubmatch(text, -1) {
			names = append(names, match[1])
		}
		return names
	}
	lists := namedFlags(sections["Flags that mean the same"] + sections["Flags without effect"])
	reading := mentioned(strings.ReplaceAll(sections["How a command line is read"], "name", "source")) // --name, --no-name
	delete(sections, "How a command line is read")
	for _, name := range slices.Concat(lists, reading, mentioned(strings.Join(slices.Collect(maps.Values(sections)), "\n"))) {
		if !slices.Contains(known, name) && !slices.Contains(known, strings.TrimPrefix(name, "no-")) {
			t.Errorf("docs/flags.md names --%s, which is no flag", name)
		}
	}
}

// The page says of each flag of ExternalDNS's what becomes of it.
func TestFatesAreDocumented(t *testing.T) {
	m, err := newModel(&runCommand{})
	if err != nil {
		t.Fatal(err)
	}
	sections := flagsPage(t)
	same, refused, _ := strings.Cut(sections["Flags that mean the same"], "One more refuses the start")
	ours := same + sections["What differs from ExternalDNS"] + sections["Pace"]
	for _, f := range foreignFlags() {
		text := sections["Flags without effect"]
		switch {
		case m.flags[f.name] != nil:
			text = ours
		case f.refused:
			text = refused
		case f.becomes != "" || f.hint != "":
			text = sections["Flags of earlier releases"]
		}
		if !slices.Contains(namedFlags(text), f.name) {
			t.Errorf("docs/flags.md does not say what becomes of --%s", f.name)
		}
	}
	without := namedFlags(sections["Flags without effect"] + refused)
	for _, f := range legacyFlags(t) {
		if m.flags[f.name] == nil {
			continue
		}
		if !slices.Contains(namedFlags(ours), f.name) {
			t.Errorf("docs/flags.md does not name --%s among the flags that work", f.name)
		}
		if slices.Contains(without, f.name) {
			t.Errorf("docs/flags.md names --%s among the flags without effect", f.name)
		}
	}
}
