package simulation

import (
	"fmt"
	"strings"
	"time"
)

// keptLines is how much of the journal a failure shows.
const keptLines = 120

// did counts what happened and, if there are words for it, writes it into the journal.
func (w *world) did(what, format string, args ...any) {
	w.count(what)
	if format != "" {
		w.journal(format, args...)
	}
}

func (w *world) count(what string) {
	w.book.Lock()
	defer w.book.Unlock()
	w.counts[what]++
}

// most keeps the largest of a number.
func (w *world) most(what string, n int) {
	w.book.Lock()
	defer w.book.Unlock()
	w.counts[largest+what] = max(w.counts[largest+what], n)
}

// largest marks counts of which the largest counts, not the sum.
const largest = "most "

func (w *world) journal(format string, args ...any) { w.note(fmt.Sprintf(format, args...)) }

func (w *world) note(text string) {
	w.book.Lock()
	defer w.book.Unlock()
	if len(w.lines) >= 2*keptLines && !*whole {
		w.lines = append([]string(nil), w.lines[keptLines:]...)
	}
	w.lines = append(w.lines, fmt.Sprintf("%12s  %s", time.Since(w.began).Round(time.Millisecond), text))
}

// fail notes that an invariant is broken. The first counts: what follows may follow from it.
func (w *world) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.book.Lock()
	first := w.broken == ""
	if first {
		w.broken = fmt.Sprintf("after %s: %s", time.Since(w.began).Round(time.Millisecond), text)
	}
	w.book.Unlock()
	if first {
		w.note("BROKEN: " + text)
	}
}

// verdict is which invariant was broken, "" if none was.
func (w *world) verdict() string {
	w.book.Lock()
	defer w.book.Unlock()
	return w.broken
}

// story is the end of the journal, and the zones as they stand.
func (w *world) story() string {
	w.book.Lock()
	defer w.book.Unlock()
	var b strings.Builder
	lines := w.lines
	if len(lines) > keptLines && !*whole {
		lines = lines[len(lines)-keptLines:]
	}
	b.WriteString(strings.Join(lines, "\n"))
	for _, z := range w.zones {
		fmt.Fprintf(&b, "\n%s holds\n%s", z, z.listing())
	}
	return b.String()
}
