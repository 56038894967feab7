package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Error is an error for a person. Other rooms need not know it: an error of
// theirs with a method Hint() string is printed in the same way, and so is a
// [provider.Error].
type Error struct {
	Err  error  // what is wrong; nil prints nothing and only sets the exit code
	Hint string // what to do about it, "" if nothing is known
	Code int    // the exit code; 0 stands for 1, or 3 (see [exitCode])
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

// The exit codes that are neither well nor wrong.
const (
	exitChanges = 2 // a plan would change something
	exitWaits   = 3 // all is done but what waits for a person: deletions are held, or a source is frozen
)

func exitCode(err error) int {
	var e *Error
	if errors.As(err, &e) && e.Code != 0 {
		return e.Code
	}
	for _, one := range apart(err) {
		_, frozen := one.(*controller.FrozenError)
		if _, held := one.(controller.Hold); !frozen && !held {
			return 1
		}
	}
	return exitWaits
}

// hintOf returns the first hint in err's chain.
func hintOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Hint
	}
	return provider.Hint(err)
}

// printError writes err to stderr: each of joined errors with its own hint.
// Writing is the last act of the process, so that a failure of it has nobody
// left to be told to.
func printError(sys System, err error) {
	var e *Error
	if errors.As(err, &e) && e.Err == nil {
		return
	}
	paint := painter(isTerminal(sys.Stderr) && wantsColour(sys.LookupEnv))
	var text strings.Builder
	for _, one := range unite(apart(err)) {
		text.WriteString(paint(red, "error:") + " " + indent(message(one), "       ") + "\n")
		if hint := hintOf(one); hint != "" {
			text.WriteString(paint(cyan, "hint:") + "  " + indent(hint, "       ") + "\n")
		}
	}
	_, _ = fmt.Fprint(sys.Stderr, text.String())
}

// apart returns the errors that [errors.Join] put together.
func apart(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var texts []string
	var all []error
	for _, one := range joined.Unwrap() {
		texts = append(texts, one.Error())
		all = append(all, apart(one)...)
	}
	if strings.Join(texts, "\n") != err.Error() {
		return []error{err} // it says more than its parts do
	}
	return all
}

// unite makes one error of all that say the same of several sources, such as a
// manifest that could be an object of any kind.
func unite(errs []error) []error {
	var out []error
	sources := map[objects.Status][]string{}
	for _, err := range errs {
		if f, ok := err.(*controller.FrozenError); ok {
			sources[f.Status] = append(sources[f.Status], f.Source)
		}
	}
	for _, err := range errs {
		if f, ok := err.(*controller.FrozenError); ok {
			names := sources[f.Status]
			delete(sources, f.Status)
			if len(names) == 0 {
				continue
			}
			err = &controller.FrozenError{Source: strings.Join(names, " and "), Status: f.Status}
		}
		out = append(out, err)
	}
	return out
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
