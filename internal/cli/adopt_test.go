package cli

import (
	"context"
	"io"
	"strings"
	"testing"
)

func TestAffirmed(t *testing.T) {
	for answer, want := range map[string]bool{
		"y\n": true, " YES \n": true, "yes": true, // the last ends without a line end, by Ctrl-D
		"\n": false, "": false, "n\n": false, "yesterday\n": false, "no\ny\n": false,
	} {
		if got := affirmed(t.Context(), strings.NewReader(answer)); got != want {
			t.Errorf("%q: got %t", answer, got)
		}
	}
}

// TestCtrlCIsNoYes ends a question that nobody answers.
func TestCtrlCIsNoYes(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if affirmed(ctx, in) {
		t.Error("nobody has said yes")
	}
}
