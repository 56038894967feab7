package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/lease"
)

// approvals is where a Signpost finds approvals: among its own arguments, in a
// file beside its manifests, and on the Lease of its deployment.
type approvals struct {
	flags []string
	dir   string             // of the manifests, "" if there are none
	board func() lease.Board // of the Lease on which people write, nil if none is read now; may be nil
	once  bool
	log   *slog.Logger
}

var _ controller.Approvals = approvals{}

// Given implements [controller.Approvals].
func (a approvals) Given(context.Context) ([]string, error) {
	if board := a.onLease(); board != nil {
		return append(slices.Clone(a.flags), splitIDs(board.Read(approveKey))...), nil
	}
	if a.dir == "" {
		return a.flags, nil
	}
	left, err := approvalsIn(a.dir).read()
	return append(slices.Clone(a.flags), left...), err
}

// Spent implements [controller.Approvals].
func (a approvals) Spent(_ context.Context, id string) error {
	if !a.once && slices.Contains(a.flags, id) {
		a.log.Warn("take --approve=" + id + " out of the arguments: it has been acted on, and after a restart it would approve the same again")
	}
	if board := a.onLease(); board != nil {
		left := splitIDs(board.Read(approveKey))
		if slices.Contains(left, id) {
			board.Write(approveKey, joinIDs(slices.DeleteFunc(left, func(other string) bool { return other == id })))
		}
		return nil
	}
	if a.dir == "" {
		return nil
	}
	return approvalsIn(a.dir).remove(id)
}

// Command implements [controller.Approvals].
func (a approvals) Command(id string) string {
	if board := a.onLease(); board != nil {
		namespace, name := board.Place()
		return "kubectl -n " + namespace + " annotate --overwrite lease " + name + " " + approveKey + "=" + id
	}
	if a.dir == "" {
		return "signpost run ... --approve=" + id
	}
	return "signpost approve " + id + " --objects=" + a.dir
}

func (a approvals) onLease() lease.Board {
	if a.board == nil {
		return nil
	}
	return a.board()
}

// boardOf returns the board of the lease, or of the Lease that a process visits;
// nil where there is none, or where leases are forbidden, so that nothing on it is
// read.
func boardOf(l lease.Lease, visit *lease.Visit) func() lease.Board {
	return func() lease.Board {
		if visit != nil {
			if visit.Err() != nil {
				return nil
			}
			return visit
		}
		board, ok := l.(lease.Board)
		if !ok || l.Status().Alone {
			return nil
		}
		return board
	}
}

// approvalName is the file with approvals in a directory of manifests.
const approvalName = "signpost-approve"

// approvalFile is a file with approvals: an ID a line; lines that begin with #
// mean nothing.
type approvalFile string

func approvalsIn(dir string) approvalFile { return approvalFile(filepath.Join(dir, approvalName)) }

// read returns the IDs in the file, none if there is no file.
func (f approvalFile) read() ([]string, error) {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read approvals: %w", err)
	}
	var ids []string
	for line := range bytes.Lines(text) {
		if id := strings.TrimSpace(string(line)); id != "" && !strings.HasPrefix(id, "#") {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// add writes IDs into the file.
func (f approvalFile) add(ids []string) error {
	text, err := os.ReadFile(string(f))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	return os.WriteFile(string(f), append(text, strings.Join(ids, "\n")+"\n"...), 0o644)
}

// remove takes an ID out of the file, and the file away with the last.
func (f approvalFile) remove(id string) error {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take back an approval: %w", err)
	}
	var left []byte
	found := false
	for line := range bytes.Lines(text) {
		if strings.TrimSpace(string(line)) == id {
			found = true
			continue
		}
		left = append(left, line...)
	}
	switch {
	case !found:
		return nil
	case len(bytes.TrimSpace(left)) == 0:
		err = os.Remove(string(f))
	default:
		err = os.WriteFile(string(f), left, 0o644)
	}
	if err != nil {
		return fmt.Errorf("take back an approval: %w", err)
	}
	return nil
}
