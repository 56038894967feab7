package objects

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const svcA = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
const svcB = "apiVersion: v1\nkind: Service\nmetadata: {name: b}\n"
const ingWeb = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\n"
const bad = "apiVersion: v1\nkind: Service\nmetadata: {name: a\n"
const typo = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspce: {}\n"

// following is a Directory that is being followed.
type following struct {
	*recorder
	t   *testing.T
	ctx context.Context
	dir string
	log *safeBuffer
}

// followDir begins to follow a directory with these files (name, content, ...).
// Polling is off unless adjust turns it on.
func followDir(t *testing.T, dir string, o Options, adjust func(*Directory), files ...string) *following {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	f := &following{recorder: newRecorder(), t: t, ctx: ctx, dir: dir, log: &safeBuffer{}}
	for i := 0; i < len(files); i += 2 {
		f.write(files[i], files[i+1])
	}
	o.Objects = dir
	feed, err := Open(o, []schema.GroupVersionKind{serviceKind(), ingressKind()}, slog.New(slog.NewTextHandler(f.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	f.feed = feed
	d := feed.(*Directory)
	d.poll = time.Hour
	if adjust != nil {
		adjust(d)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, f.recorder) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	f.until(func() bool {
		return f.of(serviceKind()) != Status{} && f.of(ingressKind()) != Status{}
	}, nil)
	return f
}

func (f *following) write(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	must(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	// At once, so that no round sees half of it.
	must(f.t, os.WriteFile(path+"~", []byte(text), 0o644))
	must(f.t, os.Rename(path+"~", path))
}

func (f *following) path(name string) string { return filepath.Join(f.dir, name) }

// until waits for a state; lines, if not nil, are what must have led to it.
func (f *following) until(done func() bool, lines []string) {
	f.t.Helper()
	got := f.await(f.t, f.ctx, done)
	if lines != nil {
		want(f.t, got, lines...)
	}
}

func (f *following) has(name string) func() bool {
	return func() bool { return f.get(serviceKind(), name) != nil }
}

func (f *following) lacks(name string) func() bool {
	return func() bool { return f.get(serviceKind(), name) == nil }
}

func (f *following) frozen(kind schema.GroupVersionKind) func() bool {
	return func() bool { return f.of(kind).Frozen() }
}

func (f *following) bothFrozen() bool {
	return f.of(serviceKind()).Frozen() && f.of(ingressKind()).Frozen()
}

func (f *following) synced() bool { return f.of(serviceKind()).Synced && f.of(ingressKind()).Synced }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestDirectoryFirstRound(t *testing.T) {
	dir := t.TempDir()
	f := followDir(t, dir, Options{}, nil,
		"a.yaml", svcA, "sub/deep/b.yml", svcB, "web.json",
		`{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"web"}}`,
		"README.md", "no manifest", ".hidden.yaml", svcA, ".git/x.yaml", bad, "values.yaml", "replicas: 3\n")
	if f.get(serviceKind(), "a") == nil || f.get(serviceKind(), "b") == nil || f.get(ingressKind(), "web") == nil || len(f.objects) != 3 {
		t.Errorf("objects: %v", f.objects)
	}
	if !f.synced() {
		t.Errorf("status: %v", f.status)
	}
	if got := f.log.String(); got != "" {
		t.Errorf("log: %s", got)
	}
}

func TestDirectoryEmpty(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{}, nil)
	if !f.synced() || len(f.objects) != 0 {
		t.Errorf("objects %v, status %v", f.objects, f.status)
	}
}

func TestDirectoryFollows(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{}, nil, "a.yaml", svcA)

	f.write("b.yaml", svcB)
	f.until(f.has("b"), []string{"Service default/b"})

	f.write("a.yaml", svcA+"spec: {externalIPs: [192.0.2.1]}\n")
	f.until(func() bool { return len(f.get(serviceKind(), "a").(*corev1.Service).Spec.ExternalIPs) == 1 }, []string{"Service default/a"})

	f.write("new/sub/web.yaml", ingWeb)
	f.until(func() bool { return f.get(ingressKind(), "web") != nil }, []string{"Ingress default/web"})
	f.write("new/sub/web.yaml", "# nothing\n")
	f.until(func() bool { return f.get(ingressKind(), "web") == nil }, []string{"gone: Ingress default/web"})

	must(t, os.Remove(f.path("b.yaml")))
	f.until(f.lacks("b"), []string{"gone: Service default/b"})

	// Another spelling of the same, and a move, change nothing; the last write
	// shows that they have been read.
	f.write("a.yaml", "# a comment\n"+svcA+"spec:\n  externalIPs:\n  - 192.0.2.1\n")
	must(t, os.Rename(f.path("a.yaml"), f.path("c.yaml")))
	f.write("b.yaml", svcB)
	f.until(f.has("b"), []string{"Service default/b"})
}

// Editors write a new file and rename it over the old, or rename the old away
// first.
func TestDirectoryEditors(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{}, nil, "a.yaml", svcA)
	changed := func(ip string) func() bool {
		return func() bool {
			ips := f.get(serviceKind(), "a").(*corev1.Service).Spec.ExternalIPs
			return len(ips) == 1 && ips[0] == ip
		}
	}
	must(t, os.Rename(f.path("a.yaml"), f.path("a.yaml.bak")))
	f.write("a.yaml", svcA+"spec: {externalIPs: [192.0.2.1]}\n")
	f.until(changed("192.0.2.1"), []string{"Service default/a"})

	f.write(".a.yaml.swp", svcA+"spec: {externalIPs: [192.0.2.2]}\n")
	must(t, os.Rename(f.path(".a.yaml.swp"), f.path("a.yaml")))
	f.until(changed("192.0.2.2"), []string{"Service default/a"})
}

func TestDirectoryMalformed(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{}, nil, "a.yaml", svcA, "web.yaml", ingWeb)

	// The kind of the mistaken document is known: the other kind is untouched.
	f.write("a.yaml", typo)
	f.until(f.frozen(serviceKind()), []string{"Service: frozen"})
	wantReason := f.path("a.yaml") + `, document 1, line 4: unknown field "spce"`
	if got := f.of(serviceKind()); got.Reason != wantReason || got.Hint == "" {
		t.Errorf("status %+v, want reason %s", got, wantReason)
	}
	if !f.of(ingressKind()).Synced {
		t.Error("the Ingress kind is frozen by a Service's mistake")
	}

	// Others go on, deletions of the other kind included.
	f.write("b.yaml", svcB)
	f.until(f.has("b"), []string{"Service default/b"})
	must(t, os.Remove(f.path("web.yaml")))
	f.until(func() bool { return f.get(ingressKind(), "web") == nil }, []string{"gone: Ingress default/web"})

	// The kind is not known: all are frozen.
	f.write("a.yaml", bad)
	f.until(f.frozen(ingressKind()), nil)
	f.until(func() bool {
		return strings.HasPrefix(f.of(serviceKind()).Reason, f.path("a.yaml")+", document 1, line 3: ")
	}, nil)

	// What is no longer to be seen may be in the mistaken document.
	must(t, os.Remove(f.path("b.yaml")))
	f.write("c.yaml", strings.ReplaceAll(svcB, "name: b", "name: c"))
	f.until(f.has("c"), []string{"Service default/c"})
	if f.get(serviceKind(), "a") == nil || f.get(serviceKind(), "b") == nil {
		t.Errorf("objects went while a manifest was malformed: %v", f.objects)
	}

	f.write("a.yaml", svcA)
	f.until(f.synced, []string{"Ingress: synced", "gone: Service default/b", "Service: synced"})
	if got := strings.Count(f.log.String(), `unknown field`); got != 1 {
		t.Errorf("the mistake is in the log %d times:\n%s", got, f.log)
	}
}

func TestDirectoryMalformedAtStart(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{}, nil, "a.yaml", bad, "b.yaml", svcB, "c.yaml", bad)
	if f.get(serviceKind(), "b") == nil {
		t.Error("the well-formed manifest was not read")
	}
	if got := f.of(serviceKind()); !got.Frozen() || !strings.HasSuffix(got.Reason, " (and 1 more)") {
		t.Errorf("status %+v", got)
	}
	must(t, os.Remove(f.path("a.yaml")))
	must(t, os.Remove(f.path("c.yaml")))
	f.until(f.synced, []string{"Ingress: synced", "Service: synced"})
}

func TestDirectoryEmptiedFile(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{}, nil, "a.yaml", svcA, "never.yaml", "")
	must(t, os.Truncate(f.path("a.yaml"), 0))
	f.until(f.bothFrozen, []string{"Ingress: frozen", "Service: frozen"})
	if f.get(serviceKind(), "a") == nil {
		t.Error("the object went with the content of its file")
	}
	must(t, os.Remove(f.path("a.yaml")))
	f.until(f.lacks("a"), nil)
	f.until(f.synced, nil)
}

func TestDirectoryTwice(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{}, nil,
		"a.yaml", svcA+"spec: {externalIPs: [192.0.2.1]}\n", "b.yaml", svcA+"spec: {externalIPs: [192.0.2.2]}\n")
	ip := func() string { return f.get(serviceKind(), "a").(*corev1.Service).Spec.ExternalIPs[0] }
	if got := ip(); got != "192.0.2.1" {
		t.Errorf("the object has %s", got)
	}
	text := f.path("b.yaml") + ", document 1: Service default/a is in " + f.path("a.yaml") + ", document 1 already"
	if !strings.Contains(f.log.String(), text) {
		t.Errorf("no warning %q in the log:\n%s", text, f.log)
	}
	must(t, os.Remove(f.path("a.yaml")))
	f.until(func() bool { return ip() == "192.0.2.2" }, nil)
}

func TestDirectoryVanishes(t *testing.T) {
	parent := t.TempDir()
	f := followDir(t, filepath.Join(parent, "manifests"), Options{}, nil, "a.yaml", svcA)
	must(t, os.Rename(f.dir, f.dir+".away"))
	f.until(f.bothFrozen, []string{"Ingress: frozen", "Service: frozen"})
	if got, want := f.of(serviceKind()).Reason, "the manifests in "+f.dir+" cannot be read: no such file or directory"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if f.get(serviceKind(), "a") == nil {
		t.Error("the object went with the directory")
	}
	must(t, os.Rename(f.dir+".away", f.dir))
	f.until(f.synced, []string{"Ingress: synced", "Service: synced"})
	f.write("b.yaml", svcB)
	f.until(f.has("b"), []string{"Service default/b"})
}

// A ConfigMap in a Pod is a directory of links into ..data, which is itself a
// link that is exchanged at once.
func TestDirectoryConfigMap(t *testing.T) {
	dir := t.TempDir()
	f := &following{t: t, dir: dir}
	f.write("..1/a.yaml", svcA)
	must(t, os.Symlink("..1", filepath.Join(dir, "..data")))
	must(t, os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml")))
	f = followDir(t, dir, Options{}, nil)
	if len(f.objects) != 1 || f.log.String() != "" {
		t.Errorf("objects %v, log %s", f.objects, f.log)
	}
	f.write("..2/a.yaml", svcA+"---\n"+svcB)
	must(t, os.Symlink("..2", filepath.Join(dir, "..new")))
	must(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	must(t, os.RemoveAll(filepath.Join(dir, "..1")))
	f.until(f.has("b"), []string{"Service default/b"})
}

// git-sync and the like exchange the directory itself.
func TestDirectoryIsExchangedLink(t *testing.T) {
	parent := t.TempDir()
	f := &following{t: t, dir: parent}
	f.write("one/a.yaml", svcA)
	f.write("two/a.yaml", svcA+"---\n"+svcB)
	link := filepath.Join(parent, "current")
	must(t, os.Symlink("one", link))
	f = followDir(t, link, Options{}, nil)
	must(t, os.Symlink("two", link+".new"))
	must(t, os.Rename(link+".new", link))
	f.until(f.has("b"), []string{"Service default/b"})
	must(t, os.WriteFile(filepath.Join(parent, "two", "a.yaml"), []byte(svcB), 0o644))
	f.until(f.lacks("a"), []string{"gone: Service default/a"})
}

func TestDirectoryLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(elsewhere, "b.yaml"), []byte(svcB), 0o644))
	must(t, os.Symlink(elsewhere, filepath.Join(dir, "linked")))
	must(t, os.Symlink(dir, filepath.Join(dir, "loop")))
	must(t, os.Symlink("nowhere.yaml", filepath.Join(dir, "dangling.yaml")))
	f := followDir(t, dir, Options{}, nil, "a.yaml", svcA)
	if f.get(serviceKind(), "a") == nil || f.get(serviceKind(), "b") == nil || len(f.objects) != 2 {
		t.Errorf("objects: %v", f.objects)
	}
	if got, want := f.of(serviceKind()).Reason, f.path("dangling.yaml")+": no such file or directory"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	must(t, os.Remove(f.path("dangling.yaml")))
	f.until(f.synced, nil)
	must(t, os.Remove(filepath.Join(elsewhere, "b.yaml")))
	f.until(f.lacks("b"), nil)
}

// What lies beyond a link to a file cannot be watched and is polled.
func TestDirectoryPolls(t *testing.T) {
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "a.yaml")
	must(t, os.WriteFile(target, []byte(svcA), 0o644))
	must(t, os.Symlink(target, filepath.Join(dir, "a.yaml")))
	f := followDir(t, dir, Options{}, func(d *Directory) { d.poll = 10 * time.Millisecond })
	must(t, os.WriteFile(target, []byte(svcB), 0o644))
	f.until(f.has("b"), nil)
	f.until(f.lacks("a"), nil)
}

// A file and a folder that cannot be read any more are not gone.
func TestDirectoryUnreadable(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(elsewhere, "b.yaml"), []byte(svcB), 0o644))
	must(t, os.Symlink(elsewhere, filepath.Join(dir, "sub")))
	f := followDir(t, dir, Options{}, nil, "a.yaml", svcA)
	// Permissions would not keep root from reading; a link that leads to itself does.
	for _, name := range []string{"a.yaml", "sub"} {
		must(t, os.Symlink(name, f.path(name+"~")))
		must(t, os.Rename(f.path(name+"~"), f.path(name)))
	}
	f.until(f.frozen(serviceKind()), nil)
	if len(f.objects) != 2 {
		t.Errorf("objects: %v", f.objects)
	}
}

func TestDirectoryNamespace(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{Namespace: "team"}, nil,
		"a.yaml", svcA+"---\n"+strings.Replace(svcB, "name: b", "name: b, namespace: team", 1))
	if len(f.objects) != 1 {
		t.Errorf("objects: %v", f.objects)
	}
}

func TestOpenDirectoryRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	must(t, os.WriteFile(file, nil, 0o644))
	for _, tt := range []struct {
		options Options
		want    string
	}{
		{Options{Objects: file}, "--objects " + file + " is not a directory"},
		{Options{Objects: file + ".d"}, "read the manifests of --objects " + file + ".d: stat " + file + ".d: no such file or directory"},
		{Options{Objects: ".", Kubeconfig: file}, "--objects and --kubeconfig or --server name two places to read objects from"},
		{Options{Objects: ".", Server: "http://192.0.2.1"}, "--objects and --kubeconfig or --server name two places to read objects from"},
	} {
		_, err := Open(tt.options, nil, slog.New(slog.DiscardHandler))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%+v: %v, want %s", tt.options, err, tt.want)
			continue
		}
		var h interface{ Hint() string }
		if !errors.As(err, &h) || h.Hint() == "" {
			t.Errorf("%+v: no hint", tt.options)
		}
	}
	if _, err := Open(Options{Objects: file + ".d"}, nil, slog.New(slog.DiscardHandler)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestDirectoryAddsKinds(t *testing.T) {
	f := followDir(t, t.TempDir(), Options{}, nil, "a.yaml", svcA+"---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\n")
	must(t, f.feed.Add(nodeKind()))
	want(t, f.await(t, f.ctx, func() bool { return f.of(nodeKind()).Synced }), "Node /n1", "Node: synced")
}

func TestOpenUnknownKind(t *testing.T) {
	_, err := Open(Options{Objects: "."}, []schema.GroupVersionKind{{Version: "v1", Kind: "Secret"}}, slog.New(slog.DiscardHandler))
	if err == nil || err.Error() != "objects of kind /v1, Kind=Secret cannot be read" {
		t.Errorf("%v", err)
	}
}

// A file that is moved while a round reads the directory may be seen nowhere.
func TestDirectoryGoneOnlyIfMissedTwice(t *testing.T) {
	d, err := openDirectory(Options{Objects: t.TempDir()}, table()[:2], slog.New(slog.DiscardHandler))
	must(t, err)
	watcher, err := fsnotify.NewWatcher()
	must(t, err)
	defer watcher.Close()
	sink := newRecorder()
	r := d.rounds(sink, watcher)
	path := filepath.Join(d.abs, "a.yaml")
	must(t, os.WriteFile(path, []byte(svcA), 0o644))
	r.round()
	want(t, sink.take(), "Ingress: synced", "Service default/a", "Service: synced")
	must(t, os.Remove(path))
	r.round()
	want(t, sink.take())
	must(t, os.WriteFile(path, []byte(svcA), 0o644))
	r.round()
	want(t, sink.take())
	must(t, os.Remove(path))
	r.round()
	want(t, sink.take())
	r.round()
	want(t, sink.take(), "gone: Service default/a")
}
