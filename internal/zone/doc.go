// Package zone is the engine that makes one hosted zone hold what is wanted.
//
// A [Worker] keeps an [Image], what the zone holds as last read or written,
// plans changed owner names against it, and applies the groups of the plan in
// batches. It hides everything that can go wrong on the way: a refused group
// stops no other, a conflict is read again and planned again, a throttled call
// waits, and a write of unknown outcome is looked up; where even that has no
// answer the names are in doubt, and are read before they are planned again.
// What it cannot do it returns as a [Failure] or an error; it never loses a
// change silently.
//
// The image is written through: between [Worker.Read] and the next no call
// reads what was not in conflict or in doubt. Nothing is planned before the
// first Read is done.
//
// A batch that is denied is not taken apart: permissions that are narrowed to
// some names let one denied name stop its batch, until it is tried again.
//
// A Worker is used by one goroutine. The package may import dns, claim, plan
// and provider, and logs what it changes.
//
//	w := zone.NewWorker(z, p, zone.Account{Governor: governor}, rules, log)
//	err := w.Read(ctx)                       // the whole zone, once
//	outcome := w.Sync(ctx, names, wanted)    // those names, one batch
package zone
