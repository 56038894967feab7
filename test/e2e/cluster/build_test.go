package cluster

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBuildEnvKeepsTheTestsOwnFlagsOut(t *testing.T) {
	t.Setenv("GOFLAGS", "-race -tags=mine")
	t.Setenv("GOOS", "plan9")
	t.Setenv("GOEXPERIMENT", "synctest")
	t.Setenv("SIGNPOST_UNRELATED", "kept")
	env := buildEnv(os.Environ())
	if !slices.Contains(env, "SIGNPOST_UNRELATED=kept") {
		t.Error("an unrelated variable is lost")
	}
	cmd := exec.Command("go", "env", "GOFLAGS", "GOWORK", "CGO_ENABLED", "GOHOSTOS", "GOOS")
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := []string{"-mod=readonly", "off", "0"}
	if !slices.Equal(got[:3], want) || got[3] != got[4] {
		t.Errorf("the build would see %q, want %q and the same system twice", got, want)
	}
	for _, e := range env {
		if strings.Contains(e, "mine") || e == "GOEXPERIMENT=synctest" {
			t.Errorf("%s reaches the build", e)
		}
	}
}

func TestKeyChangesWithWhatIsBuilt(t *testing.T) {
	module, err := moduleDir()
	if err != nil {
		t.Fatal(err)
	}
	r, err := readRecipe(module)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := readRecipe(module); err != nil || again.key() != r.key() {
		t.Fatalf("two readings of one module: keys %q and %q, error %v", r.key(), again.key(), err)
	}
	for name, change := range map[string]func(*recipe){
		"go.mod":          func(r *recipe) { r.goMod = append(slices.Clone(r.goMod), '\n') },
		"go.sum":          func(r *recipe) { r.goSum = append(slices.Clone(r.goSum), '\n') },
		"version":         func(r *recipe) { r.version = "v1.37.0" },
		"moved from file": func(r *recipe) { r.goMod, r.goSum = slices.Concat(r.goMod, r.goSum), nil },
	} {
		other := r
		change(&other)
		if other.key() == r.key() {
			t.Errorf("%s: the key stays %s", name, r.key())
		}
	}
}

func TestVersionIsStamped(t *testing.T) {
	const p = "-X k8s.io/component-base/version."
	want := "-s -w " + p + "gitVersion=v1.36.3 " + p + "gitMajor=1 " + p + "gitMinor=36"
	if got := (recipe{version: "v1.36.3"}).ldflags(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAssetsVariable(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(AssetsVariable, dir)
	var log bytes.Buffer
	if _, err := Build(context.Background(), &log); err == nil || !strings.Contains(err.Error(), AssetsVariable+"="+dir) {
		t.Errorf("an empty folder: got error %v, want one that names the variable and the folder", err)
	}
	for _, p := range programs {
		if err := os.WriteFile(filepath.Join(dir, p.name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Build(context.Background(), &log); got != dir || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, dir)
	}
	if log.Len() > 0 {
		t.Errorf("nothing is built, but told: %s", &log)
	}
}

func TestFailedBuildTellsWhyAndLeavesNothing(t *testing.T) {
	module := t.TempDir()
	if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte("module m\n\ngo 1.26.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	err := recipe{module: module, version: "v1.36.3"}.build(context.Background(), dir)
	if err == nil || !strings.Contains(err.Error(), "build etcd") || !strings.Contains(err.Error(), programs[0].pkg) {
		t.Errorf("got error %v, want the compiler's own words", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s: got %v, want no such folder", dir, err)
	}
}
