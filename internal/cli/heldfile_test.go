package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/plan"
)

// What two deployments hold in one directory, each by itself; where nothing is held
// there is no file.
func TestHeldFile(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	blue, green := heldIn(dir, "blue", logger), heldIn(dir, "green", logger)
	recalls := func(f *heldFile, want map[string]plan.GuardState) {
		t.Helper()
		got, all := heldIn(dir, f.deployment, logger).Recall()
		if d := cmp.Diff(want, got); d != "" || all {
			t.Errorf("%s recalls (-want +got), all %t:\n%s", f.deployment, all, d)
		}
	}
	files := func(want ...string) {
		t.Helper()
		var names []string
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if d := cmp.Diff(want, names); d != "" {
			t.Errorf("files (-want +got):\n%s", d)
		}
	}
	held := plan.GuardState{ID: "0123456789", Held: 12, Of: 30, Max: "30%", Went: []plan.Went{{At: 7, Count: 2}}}
	went := plan.GuardState{Went: []plan.Went{{At: 7, Count: 2}}}

	blue.Remember(map[string]plan.GuardState{"Z1": went})
	files()
	recalls(blue, nil)
	blue.Remember(map[string]plan.GuardState{"Z1": held, "Z2": went})
	green.Remember(map[string]plan.GuardState{"Z1": {ID: "abcdef0123", Held: 5, Of: 5}})
	recalls(blue, map[string]plan.GuardState{"Z1": held})
	recalls(green, map[string]plan.GuardState{"Z1": {ID: "abcdef0123", Held: 5, Of: 5}})
	blue.Remember(nil)
	recalls(blue, nil)
	files(heldName)
	green.Remember(map[string]plan.GuardState{"Z1": went})
	files()

	// What cannot be written or read is told, and ends nothing.
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
	save(t, filepath.Join(dir, heldName), "{")
	recalls(blue, nil)
	blue.Remember(nil)
	blue.Remember(map[string]plan.GuardState{"Z1": held})
	remove(t, filepath.Join(dir, heldName))
	if n := strings.Count(log.String(), "cannot be read: all that is pending is judged anew"); n != 1 {
		t.Errorf("logged: %s", &log)
	}
	recalls(blue, nil)
	gone := heldIn(filepath.Join(dir, "gone"), "blue", logger)
	gone.Remember(map[string]plan.GuardState{"Z1": held})
	gone.Remember(map[string]plan.GuardState{"Z1": held, "Z2": held})
	if n := strings.Count(log.String(), "cannot be left to the next start"); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
}
