package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/signpost-dns/signpost/internal/provider"
)

// Error is an error for a person. Other rooms need not know it: an error of
// theirs with a method Hint() string is printed in the same way, and so is a
// [provider.Error].
type Error struct {
	Err  error  // what is wrong; nil prints nothing and only sets the exit code
	Hint string // what to do about it, "" if nothing is known
	Code int    // the exit code: 2 for a plan with changes, 3 for what waits for a person; 0 stands for 1
}

// Error returns what is wrong, without the hint.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// errorf makes an [Error] from a hint and a message.
func errorf(hint, format string, args ...any) *Error {
	return &Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

func exitCode(err error) int {
	var e *Error
	if errors.As(err, &e) && e.Code != 0 {
		return e.Code
	}
	return 1
}

// hintOf returns the first hint in err's chain.
func hintOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Hint
	}
	var other interface{ Hint() string }
	if errors.As(err, &other) && other.Hint() != "" {
		return other.Hint()
	}
	return provider.Hint(err)
}

// printError writes err to stderr. Writing is the last act of the process, so
// that a failure of it has nobody left to be told to.
func printError(sys System, err error) {
	var e *Error
	if errors.As(err, &e) && e.Err == nil {
		return
	}
	paint := painter(isTerminal(sys.Stderr) && wantsColour(sys.LookupEnv))
	text := paint(red, "error:") + " " + indent(message(err), "       ") + "\n"
	if hint := hintOf(err); hint != "" {
		text += paint(cyan, "hint:") + "  " + indent(hint, "       ") + "\n"
	}
	_, _ = fmt.Fprint(sys.Stderr, text)
}

// message returns err's text; kong's wrapper adds nothing to read.
func message(err error) string {
	var p *kong.ParseError
	if errors.As(err, &p) {
		return p.Unwrap().Error()
	}
	return err.Error()
}

func indent(s, by string) string {
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+by)
}
