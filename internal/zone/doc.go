// Package zone is the engine that makes one hosted zone hold what is wanted.
//
// A [Worker] keeps an [Image], what the zone holds as last read or written,
// plans changed owner names against it, and applies the groups of the plan in
// batches. It hides everything that can go wrong on the way: a refused group
// stops no other, a conflict is read again and planned again, a throttled call
// waits, and a write of unknown outcome is looked up; where even that has no
// answer the names are in doubt, and are read before they are planned again. A
// batch that is denied is taken apart, since permissions can be narrowed to names
// and actions. What it cannot do it returns as a [Failure] or an error; it never
// loses a change silently.
//
// The image is written through, and goes on being compared with the zone page by
// page ([Worker.Turn], [Worker.Merge]). What a page tells never counts for more
// than what was written since it was asked for. Until the first round is done
// only names that are [Worker.Known] may be planned, and nothing may be deleted.
//
// A Worker is used by one goroutine; only what Turn returns, and [Worker.Look],
// may run beside it. All calls of an account go through its [Governor]. The
// package may import dns, claim, plan and provider, and logs what it changes.
//
//	w := zone.NewWorker(z, p, zone.Account{Governor: governor}, rules, log)
//	page, err := w.Turn()(ctx)               // in the background
//	changed, done := w.Merge(page)           // what others have changed
//	outcome := w.Sync(ctx, names, wanted)    // those names, one batch
package zone
