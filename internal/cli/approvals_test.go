package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Approvals come from the arguments and from the file, in which people may write
// by hand; what is spent leaves the file, and the rest stays as it is.
func TestApprovals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, approvalName)
	save(t, file, "# by hand\n\n  aaaaaaaaaa\r\nbbbbbbbbbb")
	var log bytes.Buffer
	a := approvals{flags: []string{"cccccccccc"}, dir: dir, log: slog.New(slog.NewTextHandler(&log, nil))}
	given := func(want ...string) {
		t.Helper()
		if got, err := a.Given(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("given are %q, %v, want %q", got, err, want)
		}
	}
	spend := func(id string) {
		t.Helper()
		if err := a.Spent(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	given("cccccccccc", "aaaaaaaaaa", "bbbbbbbbbb")
	spend("aaaaaaaaaa")
	if err := approvalsIn(dir).add([]string{"dddddddddd"}); err != nil {
		t.Error(err)
	}
	given("cccccccccc", "bbbbbbbbbb", "dddddddddd")
	if text, err := os.ReadFile(file); string(text) != "# by hand\n\nbbbbbbbbbb\ndddddddddd\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}
	spend("cccccccccc")
	if n := strings.Count(log.String(), "take --approve=cccccccccc out of the arguments"); n != 1 {
		t.Errorf("logged: %s", &log)
	}
	remove(t, file)
	given("cccccccccc")
	spend("bbbbbbbbbb")
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Given(t.Context()); err == nil {
		t.Error("no error though the file cannot be read")
	}
	if err := a.Spent(t.Context(), "bbbbbbbbbb"); err == nil {
		t.Error("no error though the file cannot be read")
	}

	a = approvals{flags: a.flags, once: true, log: a.log}
	log.Reset()
	given("cccccccccc")
	spend("cccccccccc")
	if want := "signpost run ... --approve=eeeeeeeeee"; a.Command("eeeeeeeeee") != want || log.Len() > 0 {
		t.Errorf("the command is %q, want %q; logged: %s", a.Command("eeeeeeeeee"), want, &log)
	}
}
