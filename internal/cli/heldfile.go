package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/plan"
)

// heldName is the file in a directory of manifests in which a Signpost that has
// no Lease leaves what it holds to its next start.
const heldName = "signpost-held"

// heldFile keeps the state of guards that hold something in a file: a JSON object
// by deployment, and in that by zone ID. Where nothing is held there is no file.
type heldFile struct {
	path       string
	deployment string // as Leases are named
	log        *slog.Logger

	mu   sync.Mutex
	told bool // that it cannot be written
}

var _ controller.Memory = (*heldFile)(nil)

func heldIn(dir, deployment string, log *slog.Logger) *heldFile {
	return &heldFile{path: filepath.Join(dir, heldName), deployment: deployment, log: log}
}

type heldStates map[string]map[string]plan.GuardState

// Recall implements [controller.Memory]. Of zones in which nothing was held it
// knows nothing.
func (f *heldFile) Recall() (states map[string]plan.GuardState, all bool) {
	left, err := f.read()
	if err != nil {
		f.log.Warn("what the last run left of held deletions cannot be read: all that is pending is judged anew", "error", err)
	}
	return left[f.deployment], false
}

// Remember implements [controller.Memory].
func (f *heldFile) Remember(states map[string]plan.GuardState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := map[string]plan.GuardState{}
	for zone, s := range states {
		if s.Held > 0 {
			held[zone] = s
		}
	}
	err := f.leave(held)
	if err != nil && !f.told {
		f.log.Warn("what is held cannot be left to the next start, which judges anew all that is pending then", "error", err)
	}
	f.told = err != nil
}

// leave writes what this deployment holds beside what others do.
func (f *heldFile) leave(held map[string]plan.GuardState) error {
	all, err := f.read()
	if err != nil && len(held) == 0 {
		return nil // it says nothing, and nothing is to be said
	}
	if len(held) == 0 && len(all[f.deployment]) == 0 {
		return nil
	}
	if all == nil {
		all = heldStates{}
	}
	all[f.deployment] = held
	if len(held) == 0 {
		delete(all, f.deployment)
	}
	if len(all) == 0 {
		return os.Remove(f.path)
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return replaceFile(f.path, append(text, '\n'))
}

func (f *heldFile) read() (heldStates, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all heldStates
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	return all, nil
}

// replaceFile writes a file so that nobody sees a part of it.
func replaceFile(path string, text []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Chmod(0o644), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
