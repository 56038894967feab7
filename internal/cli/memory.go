package cli

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much the heap may grow, in parts of what is in use, before it
// is swept. What a controller uses it keeps, and it makes little garbage: less
// than Go's default of 100 costs it hardly any time, and saves a third of the
// memory.
const gcPercent = 20

// tuneMemory prepares for a long run, unless the user has tuned it by GOGC.
// GOMEMLIMIT works as ever.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
