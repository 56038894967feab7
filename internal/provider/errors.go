package provider

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of error, by what to do next. Test with errors.Is.
var (
	// ErrConflict: the zone holds something other than believed. Read again now.
	ErrConflict = errors.New("the zone holds something else")
	// ErrThrottled: too many requests of the account. Wait.
	ErrThrottled = errors.New("the service asks to wait")
	// ErrBusy, an ErrThrottled: one zone is not ready for the next request. Wait
	// with that zone.
	ErrBusy = fmt.Errorf("%w until the zone is ready", ErrThrottled)
	// ErrDenied: credentials or permissions are missing. Tell a person, retry slowly.
	// A permission may be missing for some groups of a batch only, since it can be
	// narrowed by name, type and action.
	ErrDenied = errors.New("access denied")
	// ErrNoZone: no zone is there, or the filters admit none. Nothing can be written.
	ErrNoZone = errors.New("no hosted zone can be seen")
	// ErrRejected: the named groups are wrong; the rest of the batch may go on.
	ErrRejected = errors.New("the change was refused")
	// ErrFull, an ErrRejected: the zone holds as many record sets as it may. No
	// creation can go on, whichever it is; deletions and updates can.
	ErrFull = fmt.Errorf("%w: the zone is full", ErrRejected)
)

// Error is what a DNS service answered.
type Error struct {
	Kind  error  // one of ErrConflict, ErrThrottled, ErrBusy, ErrDenied, ErrRejected, ErrFull
	Op    string // the act, as the service's API names it: "ChangeResourceRecordSets"
	Zone  string // ID of the zone, "" where there is none
	Hint  string // what a person can do, "" if nothing is known
	Cause error  // the service's own words

	// Groups says which groups of the batch the service named, for ErrRejected,
	// ErrConflict and ErrDenied, in the batch's order; a group is named once for
	// each message. Empty: it named none that could be found. If any group is
	// rejected the error's kind is ErrRejected, since reading again mends a
	// conflict but no rejection. An ErrFull names none but those that were wrong
	// for another reason too.
	Groups []GroupError
}

// GroupError is what the service said of one group.
type GroupError struct {
	Group   int    // index in the batch
	Kind    error  // ErrConflict, ErrRejected or ErrDenied: an [Error] of kind ErrRejected may list the first two
	Message string // the service's own words
}

// Error returns the act, the zone and the service's words.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Zone != "" {
		b.WriteString(" in zone " + e.Zone)
	}
	b.WriteString(": ")
	if e.Cause != nil {
		b.WriteString(e.Cause.Error())
	} else {
		b.WriteString(e.Kind.Error())
	}
	return b.String()
}

// Unwrap gives errors.Is both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Hint returns what a person can do about err: the hint of the first [Error] in
// its chain that has one, else that of the first error with a Hint method, else
// "".
func Hint(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Hint
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}
