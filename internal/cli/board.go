package cli

import (
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/plan"
)

// The annotations on the Lease of a deployment.
const (
	// approveKey is where people leave IDs of what they approve, separated by
	// spaces or commas.
	approveKey = "signpost.dev/approve"
	// guardKey is where a leader leaves the state of its guards to the next: a
	// JSON object, by zone ID.
	guardKey = "signpost.dev/guard"
)

func splitIDs(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func joinIDs(ids []string) string { return strings.Join(ids, ",") }

// memory keeps the state of guards on a Lease.
type memory struct {
	board lease.Board
	log   *slog.Logger
	terse bool // where nothing was left before, nothing is said that means as much
}

var _ controller.Memory = memory{}

// Recall implements [controller.Memory].
func (m memory) Recall() (map[string]plan.GuardState, bool) {
	text := m.board.Read(guardKey)
	if text == "" {
		return nil, false
	}
	states, err := parseGuards(text)
	if err != nil {
		m.log.Warn("what the last leader left of held deletions cannot be read: all that is pending is judged anew",
			"annotation", guardKey, "error", err)
		return nil, false
	}
	return states, true
}

// Remember implements [controller.Memory].
func (m memory) Remember(states map[string]plan.GuardState) {
	if m.terse && len(states) == 0 && m.board.Read(guardKey) == "" {
		return
	}
	text, err := json.Marshal(states)
	if err != nil {
		m.log.Error("what is held cannot be left to the next leader", "error", err)
		return
	}
	m.board.Write(guardKey, string(text))
}

// parseGuards reads what a leader left; nothing is no state.
func parseGuards(text string) (map[string]plan.GuardState, error) {
	if text == "" {
		return nil, nil
	}
	var states map[string]plan.GuardState
	err := json.Unmarshal([]byte(text), &states)
	return states, err
}
