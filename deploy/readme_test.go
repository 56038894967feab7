package deploy_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The README names every policy, and no file that is not there.
func TestREADMENamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+\\.json)`").FindAllSubmatch(text, -1)
	var listed []string
	for _, row := range rows {
		listed = append(listed, string(row[1]))
	}
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(grants)), listed); diff != "" {
		t.Errorf("policies in the table (-shipped +listed):\n%s", diff)
	}
	paths := regexp.MustCompile(`\b(?:deploy/)?((?:kustomize|iam)/[a-z0-9./-]*[a-z0-9])`).FindAllSubmatch(text, -1)
	if len(paths) == 0 {
		t.Error("the README names no file")
	}
	for _, match := range paths {
		path := string(match[1])
		if path == "kustomize/overlays/mine" { // the reader's own
			continue
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the README names %s: %v", path, err)
		}
	}
}
