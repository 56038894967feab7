package objects

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
	"k8s.io/apimachinery/pkg/api/equality"
)

const mendHint = "mend the manifest; until then nothing is deleted on behalf of its kinds"

// rounds is one Run of a [Directory]: in each round everything is read again,
// and what differs from what was delivered is delivered.
type rounds struct {
	d       *Directory
	sink    Sink
	watcher *fsnotify.Watcher

	kinds     []kind           // as of this round
	files     map[string]*file // by path
	delivered map[identity]found
	missing   map[identity]bool // delivered, and not found in the last round
	told      map[string]bool   // problems in the log already
	status    []Status          // of kinds
}

// file is what a manifest file holds.
type file struct {
	sum      [sha256.Size]byte // of its content
	found    []found
	problems []problem
}

func (r *rounds) round() {
	if kinds := r.d.kinds.all(); len(kinds) > len(r.kinds) {
		r.kinds, r.files = kinds, nil // what was passed over may be asked for now
		r.status = append(r.status, make([]Status, len(kinds)-len(r.status))...)
	}
	w := walk{watch: r.watch, seen: map[string]bool{}}
	w.dir(r.d.abs)
	if w.root != nil {
		r.missing = nil
		r.tell([]problem{{text: fmt.Sprintf("the manifests in %s cannot be read: %v", r.d.dir, w.root)}})
		return
	}
	slices.Sort(w.files)
	files := map[string]*file{}
	for _, path := range w.files {
		if f := r.read(path); f != nil {
			files[path] = f
		}
	}
	r.files = files
	var problems []problem
	for _, path := range slices.Sorted(maps.Keys(w.unreadable)) {
		problems = append(problems, problem{text: fmt.Sprintf("%s: %v", r.name(path), w.unreadable[path])})
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		problems = append(problems, files[path].problems...)
	}
	now, doubles := r.merge()
	r.report(problems, doubles)
	r.deliver(now, problems)
	r.tell(problems)
}

// read reads one file, nil if it is gone. A file that is as before costs no more
// than that.
func (r *rounds) read(path string) *file {
	before := r.files[path]
	if before == nil {
		before = &file{}
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !linked(path) {
		return nil
	}
	now := &file{sum: sha256.Sum256(data)}
	switch {
	case err != nil:
		now.sum = [sha256.Size]byte{}
		now.problems = []problem{{text: fmt.Sprintf("%s: %v", r.name(path), cause(err))}}
	case now.sum == before.sum:
		return before
	case len(data) == 0 && len(before.found)+len(before.problems) > 0:
		// Between an editor's truncating a file and its writing lies this.
		now.problems = []problem{{text: r.name(path) + ": the file is empty now; delete it if its objects shall go"}}
	default:
		p := parser{kinds: r.kinds, keep: r.d.options.Keep}
		p.parse(r.name(path), data)
		now.found, now.problems = p.found, p.problems
		for _, s := range p.skipped {
			r.d.log.Debug("not read: " + s)
		}
	}
	return now
}

// merge returns the objects of all files, and a warning for each that is there
// twice.
func (r *rounds) merge() (map[identity]found, []string) {
	now := map[identity]found{}
	var doubles []string
	for _, path := range slices.Sorted(maps.Keys(r.files)) {
		for _, f := range r.files[path].found {
			if only := r.d.options.namespaceOf(f.from); only != "" && f.key.Namespace != only {
				continue
			}
			if first, ok := now[f.identity]; ok {
				doubles = append(doubles, fmt.Sprintf("%s: %s %s is in %s already, and what stands here does not count",
					f.at, f.kind.Kind, f.key, first.at))
				continue
			}
			now[f.identity] = f
		}
	}
	return now, doubles
}

// deliver gives the sink what differs from what it was given before. An object
// that is missing may be what a problem hides: then it stays as it was. It may
// also be in a file that was moved while the directory was read: so it is gone
// only if two rounds miss it.
func (r *rounds) deliver(now map[identity]found, problems []problem) {
	var events []Event
	missing := map[identity]bool{}
	for id, old := range r.delivered {
		_, ok := now[id]
		switch {
		case ok:
		case slices.ContainsFunc(problems, func(p problem) bool { return p.concerns(id.kind) }):
			now[id] = old
		case !r.missing[id]:
			now[id] = old
			missing[id] = true
		default:
			events = append(events, Event{Kind: id.kind, Key: id.key})
		}
	}
	r.missing = missing
	for id, f := range now {
		old, known := r.delivered[id]
		if !known || (old.object != f.object && !equality.Semantic.DeepEqual(old.object, f.object)) {
			events = append(events, Event{Kind: id.kind, Key: id.key, Object: f.object})
		}
	}
	r.delivered = now
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Kind.String(), b.Kind.String()), cmp.Compare(a.Key.Namespace, b.Key.Namespace),
			cmp.Compare(a.Key.Name, b.Key.Name))
	})
	if len(events) > 0 {
		r.sink.Apply(events)
	}
}

// tell gives the sink the status of each kind, where it changed.
func (r *rounds) tell(problems []problem) {
	for i, k := range r.kinds {
		now := Status{Synced: true}
		others := 0
		for _, p := range problems {
			switch {
			case !p.concerns(k.gvk):
			case now.Synced:
				now = Status{Reason: p.text, Hint: mendHint, Hidden: p.kind.Empty()}
			default:
				others++
			}
		}
		if others > 0 {
			now.Reason += fmt.Sprintf(" (and %d more)", others)
		}
		if now.Synced && len(r.missing) > 0 {
			continue // until the next round tells
		}
		if now != r.status[i] {
			r.status[i] = now
			r.sink.Status(k.gvk, now)
		}
	}
}

// report logs what is wrong, each thing once while it lasts.
func (r *rounds) report(problems []problem, doubles []string) {
	told := map[string]bool{}
	warn := func(text string) {
		if !r.told[text] && !told[text] {
			r.d.log.Warn("manifest: " + text)
		}
		told[text] = true
	}
	for _, p := range problems {
		warn(p.text)
	}
	for _, text := range doubles {
		warn(text)
	}
	r.told = told
}

// watch has the directory at a real path watched. A failure costs quickness
// only: everything is read again from time to time.
func (r *rounds) watch(dir string) {
	if err := r.watcher.Add(dir); err != nil {
		r.d.log.Debug("changes are seen late", "dir", dir, "error", err)
	}
}

// name returns a path as people know it.
func (r *rounds) name(path string) string {
	rel, err := filepath.Rel(r.d.abs, path)
	if err != nil {
		return path
	}
	return filepath.Join(r.d.dir, rel)
}

// walk finds the manifest files under a directory, through symbolic links.
type walk struct {
	watch func(dir string) // called before a directory is read, so that no change falls between

	seen       map[string]bool // real paths of directories
	files      []string
	unreadable map[string]error // paths that exist, and why they could not be read
	root       error            // why the first directory could not be read
}

func (w *walk) dir(path string) {
	first := len(w.seen) == 0
	if first {
		w.watch(filepath.Dir(path))
	}
	real, err := filepath.EvalSymlinks(path)
	if err == nil && w.seen[real] {
		return
	}
	var entries []fs.DirEntry
	if err == nil {
		w.seen[real] = true
		w.watch(real)
		entries, err = os.ReadDir(path)
	}
	switch {
	case err != nil && first:
		w.root = cause(err)
		return
	case err != nil:
		w.fails(path, err)
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			w.entry(filepath.Join(path, entry.Name()))
		}
	}
}

func (w *walk) entry(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil && (manifest(path) || !errors.Is(err, fs.ErrNotExist)):
		w.fails(path, err)
	case err != nil:
	case info.IsDir():
		w.dir(path)
	case info.Mode().IsRegular() && manifest(path):
		w.files = append(w.files, path)
	}
}

// fails notes a path that cannot be read, unless it went while it was looked at.
func (w *walk) fails(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) && !linked(path) {
		return
	}
	if w.unreadable == nil {
		w.unreadable = map[string]error{}
	}
	w.unreadable[path] = cause(err)
}

// manifest reports whether a file's name is that of a manifest.
func manifest(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// linked reports whether there is something at path, if only a link to nowhere.
func linked(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// cause leaves out the path, which is told in the user's own spelling.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
