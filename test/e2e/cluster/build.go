package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// AssetsVariable names the environment variable that points to a folder with a kube-apiserver and an etcd to use in
// place of those built here.
const AssetsVariable = "SIGNPOST_TEST_ASSETS"

// programs are what a cluster consists of: file name and package.
var programs = [...]struct{ name, pkg string }{
	{"etcd", "go.etcd.io/etcd/server/v3"},
	{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
}

// Build returns the folder that holds kube-apiserver and etcd. They are built from the module test/cluster once for
// each state of its go.mod and go.sum and each version of Go, and kept in the user's cache folder, which may be deleted
// at any time. Processes that need them at the same time wait for the one that builds. What it does is told on log.
func Build(ctx context.Context, log io.Writer) (string, error) {
	if dir := os.Getenv(AssetsVariable); dir != "" {
		if !complete(dir) {
			return "", fmt.Errorf("%s=%s: the folder does not hold both kube-apiserver and etcd", AssetsVariable, dir)
		}
		return filepath.Abs(dir)
	}
	module, err := moduleDir()
	if err != nil {
		return "", err
	}
	recipe, err := readRecipe(module)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder to keep the test cluster's programs: %w (or set %s)", err, AssetsVariable)
	}
	dir := filepath.Join(cache, "signpost", "cluster", recipe.key())
	if complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	unlock, err := lockedfile.MutexAt(dir + ".lock").Lock()
	if err != nil {
		return "", fmt.Errorf("wait for another build of the test cluster: %w", err)
	}
	defer unlock()
	if complete(dir) { // built while this process waited
		return dir, nil
	}
	fmt.Fprintf(log, "test cluster: building kube-apiserver %s and etcd from source, once, takes about 3 minutes on two cores\n", recipe.version)
	if err := recipe.build(ctx, dir); err != nil {
		return "", err
	}
	fmt.Fprintf(log, "test cluster: built in %s\n", dir)
	return dir, nil
}

// complete reports whether dir holds every program.
func complete(dir string) bool {
	for _, p := range programs {
		if info, err := os.Stat(filepath.Join(dir, p.name)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// moduleDir finds test/cluster from the working folder, which `go test` sets to the tested package's.
func moduleDir() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		module := filepath.Join(dir, "test", "cluster")
		if _, err := os.Stat(filepath.Join(module, "go.mod")); err == nil {
			return module, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no test/cluster/go.mod above %s: run the tests inside the repository, or set %s", start, AssetsVariable)
		}
	}
}

// recipe is everything the built programs depend on.
type recipe struct {
	module  string // folder
	version string // of Kubernetes, with its v
	goMod   []byte
	goSum   []byte
}

var kubernetesVersion = regexp.MustCompile(`(?m)^\s*(?:require\s+)?k8s\.io/kubernetes (v[0-9]+\.[0-9]+\.[0-9]+\S*)`)

func readRecipe(module string) (recipe, error) {
	goMod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return recipe{}, err
	}
	goSum, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return recipe{}, err
	}
	m := kubernetesVersion.FindSubmatch(goMod)
	if m == nil {
		return recipe{}, fmt.Errorf("%s/go.mod requires no k8s.io/kubernetes", module)
	}
	return recipe{module: module, version: string(m[1]), goMod: goMod, goSum: goSum}, nil
}

// key is the name of the folder that keeps what this recipe builds.
func (r recipe) key() string {
	h := sha256.New()
	for _, part := range []string{string(r.goMod), string(r.goSum), runtime.Version(), runtime.GOOS, runtime.GOARCH, r.ldflags()} {
		fmt.Fprintf(h, "%d %s\n", len(part), part)
	}
	return r.version + "-" + hex.EncodeToString(h.Sum(nil))[:16]
}

// ldflags stamps the version, which Kubernetes's own build does too: without it /version answers
// "v0.0.0-master+$Format:%H$" and an empty major and minor, which clients that parse them refuse.
func (r recipe) ldflags() string {
	const at = " -X k8s.io/component-base/version."
	number := strings.SplitN(strings.TrimPrefix(r.version, "v"), ".", 3)
	return "-s -w" + at + "gitVersion=" + r.version + at + "gitMajor=" + number[0] + at + "gitMinor=" + number[1]
}

// build makes dir appear with all programs in it, or not at all.
func (r recipe) build(ctx context.Context, dir string) error {
	partial := dir + ".partial" // one name is enough: the caller holds the lock; an earlier build may have been cut off
	if err := errors.Join(os.RemoveAll(partial), os.RemoveAll(dir)); err != nil {
		return err
	}
	for _, p := range programs {
		// -p 2 bounds memory: the API server's link alone takes 1.8 GB.
		cmd := exec.CommandContext(ctx, "go", "build", "-C", r.module, "-p", "2", "-buildvcs=false",
			"-ldflags", r.ldflags(), "-o", filepath.Join(partial, p.name), p.pkg)
		cmd.Env = buildEnv(os.Environ())
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", p.name, err, out)
		}
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("keep the test cluster's programs: %w", err)
	}
	return nil
}

// buildEnv is env without what shapes the build of the tests themselves (-race in GOFLAGS, a workspace, another
// target), and without cgo, so that no C compiler is needed. Where the Go command would take an empty variable for an
// unset one and read `go env -w`'s file instead, the default is spelled out.
func buildEnv(env []string) []string {
	own := map[string]string{
		"GOFLAGS":      "-mod=readonly",
		"GOWORK":       "off",
		"GO111MODULE":  "on",
		"GOOS":         runtime.GOOS,
		"GOARCH":       runtime.GOARCH,
		"CGO_ENABLED":  "0",
		"GOEXPERIMENT": "",
	}
	var out []string
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); own[name] == "" && name != "GOEXPERIMENT" {
			out = append(out, e)
		}
	}
	for name, value := range own {
		out = append(out, name+"="+value)
	}
	return out
}
