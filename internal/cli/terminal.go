package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Colours of ANSI terminals, as parameters of SGR (ECMA-48 section 8.3.117).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	cyan   = "36"
	grey   = "90"
	bold   = "1"
)

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// wantsColour honours NO_COLOR (https://no-color.org) and dumb terminals.
func wantsColour(lookup func(string) (string, bool)) bool {
	no, _ := lookup("NO_COLOR")
	return no == "" && !dumb(lookup)
}

// dumb reports whether the terminal says that it obeys no control sequences.
func dumb(lookup func(string) (string, bool)) bool {
	kind, _ := lookup("TERM")
	return kind == "dumb"
}

// painter returns what wraps text in a colour, or leaves it as it is.
func painter(colour bool) func(code, text string) string {
	if !colour {
		return func(_, text string) string { return text }
	}
	return func(code, text string) string { return "\x1b[" + code + "m" + text + "\x1b[0m" }
}

// columns returns the width to wrap text at.
func columns(w io.Writer) int {
	const usual, widest = 80, 100
	f, ok := w.(*os.File)
	if !ok {
		return usual
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		return usual
	}
	return min(width, widest)
}
