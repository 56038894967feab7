package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func parsed(t *testing.T, args ...string) plan {
	t.Helper()
	p, err := parse(args, func(string) string { return "" }, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fake writes the archive with texts in the place of programs.
func fake(t *testing.T, p plan) {
	t.Helper()
	var programs []string
	for _, platform := range p.Platforms {
		program := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(program, []byte("program for "+platform.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		programs = append(programs, program)
	}
	if err := p.write(programs, filepath.Join(t.TempDir(), "layout")); err != nil {
		t.Fatal(err)
	}
}

// images reads an archive as an OCI layout, checks every digest and size in it,
// and returns its image for each platform.
func images(t *testing.T, archive string) map[string]v1.Image {
	t.Helper()
	folder := t.TempDir()
	unpack(t, archive, folder)
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(outer); err != nil {
		t.Fatalf("%s does not hold what it says: %v", archive, err)
	}
	named := manifests(t, outer)
	if len(named) != 1 {
		t.Fatalf("index.json has %d entries, want 1", len(named))
	}
	inner, err := outer.ImageIndex(named[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]v1.Image{}
	for _, m := range manifests(t, inner) {
		img, err := inner.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		out[m.Platform.String()] = img
	}
	return out
}

func manifests(t *testing.T, index v1.ImageIndex) []v1.Descriptor {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return m.Manifests
}

func unpack(t *testing.T, archive, folder string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := tar.NewReader(f)
	for {
		header, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, header.Name)
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// contents returns an image's files: how ls would show each, and what is in it.
func contents(t *testing.T, img v1.Image) (listing map[string]string, files map[string][]byte) {
	t.Helper()
	flat := mutate.Extract(img)
	defer flat.Close()
	listing, files = map[string]string{}, map[string][]byte{}
	r := tar.NewReader(flat)
	for {
		header, err := r.Next()
		if err == io.EOF {
			return listing, files
		}
		if err != nil {
			t.Fatal(err)
		}
		listing[header.Name] = fmt.Sprintf("%s %d:%d %d", header.FileInfo().Mode(), header.Uid, header.Gid, header.ModTime.Unix())
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchive(t *testing.T) {
	p := parsed(t, "-version", "v1.2.3", "-o", filepath.Join(t.TempDir(), "new", "signpost.tar"))
	fake(t, p)
	got := images(t, p.Output)
	if len(got) != 2 {
		t.Errorf("%d platforms, want 2", len(got))
	}
	for _, architecture := range []string{"amd64", "arm64"} {
		platform := "linux/" + architecture
		t.Run(architecture, func(t *testing.T) {
			if got[platform] == nil {
				t.Fatalf("no image for %s", platform)
			}
			checkContents(t, got[platform], platform)
			checkConfig(t, got[platform], architecture)
		})
	}
}

func checkContents(t *testing.T, img v1.Image, platform string) {
	listing, files := contents(t, img)
	want := map[string]string{
		"etc":                               "drwxr-xr-x 0:0 0",
		"etc/group":                         "-rw-r--r-- 0:0 0",
		"etc/passwd":                        "-rw-r--r-- 0:0 0",
		"etc/ssl":                           "drwxr-xr-x 0:0 0",
		"etc/ssl/certs":                     "drwxr-xr-x 0:0 0",
		"etc/ssl/certs/ca-certificates.crt": "-rw-r--r-- 0:0 0",
		"tmp":                               "dtrwxrwxrwx 0:0 0",
		"signpost":                          "-rwxr-xr-x 0:0 0",
	}
	if diff := cmp.Diff(want, listing); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := string(files["signpost"]); got != "program for "+platform {
		t.Errorf("/signpost is %q", got)
	}
	for file, want := range map[string]string{"etc/passwd": "nonroot:x:65532:65532:", "etc/group": "nonroot:x:65532:"} {
		if !strings.Contains(string(files[file]), want) {
			t.Errorf("/%s has no %s:\n%s", file, want, files[file])
		}
	}
	if !bytes.Equal(files["etc/ssl/certs/ca-certificates.crt"], roots()) {
		t.Error("the roots differ from those of the bundle")
	}
}

func checkConfig(t *testing.T, img v1.Image, architecture string) {
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if file.OS != "linux" || file.Architecture != architecture || file.Created.Unix() != 0 {
		t.Errorf("made for %s/%s at %v", file.OS, file.Architecture, file.Created)
	}
	config := file.Config
	labels := config.Labels
	config.Labels = nil
	want := v1.Config{
		User: "65532:65532", Entrypoint: []string{"/signpost"}, WorkingDir: "/",
		Env:          []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		ExposedPorts: map[string]struct{}{"7979/tcp": {}},
	}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	for label, want := range map[string]string{"title": "Signpost", "version": "v1.2.3", "licenses": "Apache-2.0", "created": "1970-01-01T00:00:00Z"} {
		if got := labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
}

// An engine that does not read OCI layouts goes by manifest.json.
func TestArchiveForOlderEngines(t *testing.T) {
	p := parsed(t, "-version", "v1.2.3", "-o", filepath.Join(t.TempDir(), "signpost.tar"))
	fake(t, p)
	byPlatform := images(t, p.Output)
	for suffix, platform := range map[string]string{"": "linux/amd64", "-amd64": "linux/amd64", "-arm64": "linux/arm64"} {
		tag, err := name.NewTag("ghcr.io/signpost-dns/signpost:v1.2.3" + suffix)
		if err != nil {
			t.Fatal(err)
		}
		img, err := tarball.ImageFromPath(p.Output, &tag)
		if err != nil {
			t.Fatalf("%s: %v", tag, err)
		}
		if err := validate.Image(img); err != nil {
			t.Errorf("%s: %v", tag, err)
		}
		got, err := img.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		want, err := byPlatform[platform].ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is image %s, want the one for %s, %s", tag, got, platform, want)
		}
	}
}

func TestNameInIndex(t *testing.T) {
	p := parsed(t, "-name", "registry.example.com/dns/signpost", "-version", "v1.2.3", "-o", filepath.Join(t.TempDir(), "signpost.tar"))
	fake(t, p)
	folder := t.TempDir()
	unpack(t, p.Output, folder)
	raw, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"org.opencontainers.image.ref.name": "v1.2.3",
		"io.containerd.image.name":          "registry.example.com/dns/signpost:v1.2.3",
	}
	if diff := cmp.Diff(want, index.Manifests[0].Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	sum := func(epoch string) [sha256.Size]byte {
		args := []string{"-version", "v1.2.3", "-o", filepath.Join(t.TempDir(), "signpost.tar")}
		p, err := parse(args, func(string) string { return epoch }, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		fake(t, p)
		raw, err := os.ReadFile(p.Output)
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(raw)
	}
	first, second := sum(""), sum("")
	if first != second {
		t.Error("two archives of the same input differ")
	}
	if sum("1700000000") == first {
		t.Error("SOURCE_DATE_EPOCH changes nothing")
	}
}

func TestRoots(t *testing.T) {
	amazon, count := false, 0
	for rest := roots(); ; count++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		amazon = amazon || certificate.Subject.CommonName == "Amazon Root CA 1"
	}
	if !amazon || count < 50 {
		t.Errorf("%d roots, Amazon's among them: %t", count, amazon)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		args  []string
		epoch string
		want  string
	}{
		{args: []string{"-platform", "linux/amd64,windows/amd64"}, want: `-platform: "windows/amd64": the platforms are linux/amd64 and linux/arm64`},
		{args: []string{"-platform", ""}, want: `-platform: ""`},
		{args: []string{"-platform", "linux/arm64,linux/arm64"}, want: "linux/arm64 is named twice"},
		{args: []string{"-version", "v1+2"}, want: "-name and -version: "},
		{args: []string{"-version", ""}, want: "-name and -version: "},
		{args: []string{"-name", "Signpost"}, want: "-name and -version: "},
		{args: []string{"dist/signpost.tar"}, want: `"dist/signpost.tar": there are flags only`},
		{epoch: "yesterday", want: `SOURCE_DATE_EPOCH: "yesterday" is no number of seconds`},
	} {
		_, err := parse(test.args, func(string) string { return test.epoch }, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q, epoch %q: error %v, want %q", test.args, test.epoch, err, test.want)
		}
	}
}

func TestNothingIsWrittenWhenCompilingEndsBadly(t *testing.T) {
	folder := t.TempDir()
	args := []string{"-package", "./testdata/nothing", "-platform", "linux/amd64", "-o", filepath.Join(folder, "signpost.tar")}
	err := run(t.Context(), args, func(string) string { return "" }, t.Output())
	if err == nil || !strings.Contains(err.Error(), "compile ./testdata/nothing for linux/amd64") || !strings.Contains(err.Error(), "testdata/nothing") {
		t.Errorf("error %v, want one that names the package and what the compiler said", err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The real thing: what make image makes. The platform of this machine is always
// built; the other one, whose packages nothing else here compiles, in CI.
func TestSignpost(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles Signpost, which takes a minute or two with a cold cache")
	}
	machines := map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}
	own := "linux/" + runtime.GOARCH
	if machines[own] == 0 {
		own = "linux/amd64"
	}
	platforms := []string{own}
	if os.Getenv("CI") != "" {
		platforms = slices.Sorted(maps.Keys(machines))
	}
	folder := t.TempDir()
	archive := filepath.Join(folder, "signpost.tar")
	args := []string{"-version", "v0.0.1-test", "-o", archive, "-platform", strings.Join(platforms, ",")}
	if err := run(t.Context(), args, func(string) string { return "" }, t.Output()); err != nil {
		t.Fatal(err)
	}
	got := images(t, archive)
	for _, platform := range platforms {
		_, files := contents(t, got[platform])
		program := filepath.Join(folder, filepath.Base(platform))
		if err := os.WriteFile(program, files["signpost"], 0o700); err != nil {
			t.Fatal(err)
		}
		checkProgram(t, program, machines[platform])
		if platform == runtime.GOOS+"/"+runtime.GOARCH {
			checkVersion(t, program, "v0.0.1-test")
		} else {
			t.Logf("the program for %s does not run on %s/%s: only its headers were checked", platform, runtime.GOOS, runtime.GOARCH)
		}
	}
}

// checkProgram holds a program to what an image without a C library can run.
func checkProgram(t *testing.T, program string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != machine {
		t.Errorf("a program for %s, want %s", f.Machine, machine)
	}
	for _, section := range f.Progs {
		if section.Type == elf.PT_INTERP {
			t.Error("the program is dynamically linked")
		}
	}
}

func checkVersion(t *testing.T, program, version string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, program, "version").CombinedOutput()
	if err != nil || !strings.Contains(string(output), version) {
		t.Errorf("signpost version: %v, %q, want %s in it", err, output, version)
	}
}
