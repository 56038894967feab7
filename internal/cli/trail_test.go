package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

type trailKey struct{}

// trail is what is left to do of docs/from-externaldns.md.
type trail struct{ shown, left []string }

// newTrail reads the page. Its policy is saved as read-only.json.
func newTrail(env *testscript.Env) error {
	page, err := os.ReadFile("../../docs/from-externaldns.md")
	if err != nil {
		return err
	}
	var t trail
	for _, block := range regexp.MustCompile("(?s)\n```(\\w+)\n(.*?)\n```").FindAllStringSubmatch(string(page), -1) {
		if block[1] == "json" {
			if err := os.WriteFile(filepath.Join(env.WorkDir, "read-only.json"), []byte(block[2]), 0o644); err != nil {
				return err
			}
		}
		for line := range strings.Lines(block[2]) {
			if strings.HasPrefix(line, "signpost ") {
				t.shown = append(t.shown, strings.TrimSpace(line))
			}
		}
	}
	t.left = slices.Clone(t.shown)
	env.Values[trailKey{}] = &t
	return nil
}

func follow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: follow CODE COMMAND")
	}
	t, line := ts.Value(trailKey{}).(*trail), strings.Join(args[1:], " ")
	if !slices.Contains(t.shown, line) {
		ts.Fatalf("the page does not show: %s", line)
	}
	t.left = slices.DeleteFunc(t.left, func(l string) bool { return l == line })
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var failed *exec.ExitError
		if !errors.As(err, &failed) {
			ts.Fatalf("%v", err)
		}
		code = failed.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func followed(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args), 0)
	if t := ts.Value(trailKey{}).(*trail); len(t.shown) == 0 || len(t.left) > 0 {
		ts.Fatalf("of %d commands on the page not followed:\n%s", len(t.shown), strings.Join(t.left, "\n"))
	}
}
