// Package tool finds the programs of the machine that tests run beside Signpost: dig, aws, systemd-analyze.
//
// A user's machine may lack them; then the test is skipped. On one that runs all tests for everybody, which says so
// with CI=true, a test that was not run would look like one that passed: there it fails. What .ci/run installs must
// therefore be all that is looked for here.
package tool

import (
	"os"
	"os/exec"
	"testing"
)

// Path returns the path of the program name. Where it is not installed the test ends: skipped, or with CI=true failed.
func Path(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%v; with CI=true, all programs that tests run must be installed: see .ci/run", err)
	default:
		t.Skip(err)
	}
	return ""
}
