package plan

// Decide is [Compute] that takes nothing for settled.
func Decide(r Rules, in Input) Plan { return compute(r, in, false) }
