package zone

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Wanted is what objects want, as far as it is known. See [plan.Input].
type Wanted struct {
	At     func(dns.Name) []plan.Want
	Hold   func(resource string) string
	Frozen func(dns.Name) string
	Guard  Guard // nil: nothing is kept from going

	// Lock, if not nil, is held while a plan is made, and so whenever the
	// functions above are called; never during a call to the service.
	Lock sync.Locker
	// More, if not nil, is asked between two batches for names that have to be
	// planned meanwhile. Their changes go first, and fill up with what is left.
	More func() []dns.Name
	// Accepted, if not nil, is told what was accepted with each batch, assertions
	// left out.
	Accepted func([]dns.Change)
}

// Guard decides which deletions must wait.
type Guard interface {
	// Judge is told of each plan as it would be without the guard.
	Judge(plan.Plan)
	// Keep is [plan.Input.Keep], as of the last judgement.
	Keep(dns.Key) (plan.Reason, string)
	// Applied is told of all that was accepted in a synchronisation: before each
	// further plan of it, and at its end.
	Applied([]dns.Change)
}

// Outcome is what came of a synchronisation.
type Outcome struct {
	Plan    plan.Plan    // what was to be changed at first, and what is refused at last
	Applied []dns.Change // accepted by the service, assertions left out
	Failed  []Failure    // groups that the service refused
	News    []dns.Name   // other names at which something else turned out to stand than was known; they have to be planned
	Err     error        // what kept the rest from being tried; nil if all was tried
}

// Failure is a group that the service did not take.
type Failure struct {
	Group dns.Group
	Names []dns.Name // the owner names that have to be planned for it to be tried again
	Err   error
}

// Worker makes one zone hold what is wanted.
type Worker struct {
	zone     dns.Zone
	provider provider.Provider
	rules    plan.Rules
	log      *slog.Logger
	calls    caller
	doubts   map[dns.Name]bool // names at which a write had no answer, so that the image may be wrong
	walk     walk
	told     struct{ upsert bool } // what was said once
	denied   int                   // batches in a row of which nothing was permitted
	closed   map[dns.Name]bool     // names that were denied while others were permitted
	news     news
	planned  planned   // what the present synchronisation rests on
	sent     time.Time // when the last batch was answered

	mu    sync.RWMutex // held to change the image, and by those who Look at it
	image *Image
}

// NewWorker returns a worker that has not read its zone.
func NewWorker(z dns.Zone, p provider.Provider, account Account, rules plan.Rules, log *slog.Logger) *Worker {
	log = log.With("zoneID", "/hostedzone/"+z.ID, "zoneName", string(z.Name))
	return &Worker{zone: z, provider: p, rules: rules, log: log, calls: caller{log, account}, doubts: map[dns.Name]bool{},
		closed: map[dns.Name]bool{}, news: news{}, image: NewImage(), walk: newWalk()}
}

// Image returns what the zone holds, as far as it has been read.
func (w *Worker) Image() *Image { return w.image }

// Look calls f with what the zone holds, as far as it has been read. Other than
// all other methods it may be called from any goroutine. F must not keep it.
func (w *Worker) Look(f func(*Image)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	f(w.image)
}

// Names returns every owner name that a plan of the whole zone looks at, given
// those that are wanted. The zone must have been read.
func (w *Worker) Names(wanted []dns.Name) []dns.Name {
	return plan.Names(w.rules, w.zone, wanted, slices.Collect(w.image.All()))
}

// Plan plans names against the image, with oversize groups refused. All of them
// must be [Worker.Known].
func (w *Worker) Plan(names []dns.Name, wanted Wanted) (plan.Plan, []dns.Batch) {
	if wanted.Lock != nil {
		wanted.Lock.Lock()
		defer wanted.Lock.Unlock()
	}
	in := plan.Input{
		Zone: w.zone, Names: names, Wants: wanted.At, Sets: w.image.At, Hold: wanted.Hold, Frozen: wanted.Frozen,
	}
	if w.Whole() {
		in.All = w.image.All
	}
	p := plan.Compute(w.rules, in)
	if wanted.Guard != nil {
		wanted.Guard.Judge(p)
		if len(p.Going) > 0 {
			in.Keep = wanted.Guard.Keep
			p = plan.Compute(w.rules, in)
		}
		p.Ours = nil // the guard has counted it
	}
	batches, oversize := plan.Pack(w.rules.Traits, w.zone, p.Groups)
	if len(oversize) > 0 {
		// What fits into no batch is refused, and so is no change.
		p.Refusals = append(p.Refusals, oversize...)
		p.Groups = slices.Concat(batches...)
	}
	return p, batches
}

// Announce logs the changes of a batch in the words that people search for.
func (w *Worker) Announce(batch dns.Batch) {
	words := map[dns.Action]string{dns.Create: "CREATE", dns.Update: "UPSERT", dns.Delete: "DELETE"}
	for _, group := range batch {
		for _, c := range group {
			if word, ok := words[c.Action()]; ok {
				w.log.Info(fmt.Sprintf("Desired change: %s %s %s", word, c.Key().Name.Host(), c.Key().Type))
			}
		}
	}
}

// rounds bounds how often one synchronisation plans anew after conflicts.
const rounds = 3

// Sync makes the names hold what is wanted. All of them must be [Worker.Known].
// When ctx ends, the batch under way is finished and no other begun.
func (w *Worker) Sync(ctx context.Context, names []dns.Name, wanted Wanted) (out Outcome) {
	if guard := wanted.Guard; guard != nil {
		defer func() { guard.Applied(out.Applied) }()
	}
	defer func() { out.News = w.news.take() }()
	err := w.settleDoubts(ctx, names)
	for round, plans := 1, 1; ; round, plans = round+1, plans+1 {
		if plans > 1 && wanted.Guard != nil {
			wanted.Guard.Applied(out.Applied)
		}
		if err != nil {
			wanted.Guard = nil // what the image tells of these names may be wrong
		}
		p, batches := w.Plan(names, wanted)
		w.news.planned(names)
		w.planned = planned{wanted: wanted, at: time.Now()}
		if plans == 1 {
			out.Plan = p
		}
		out.Plan.Refusals = p.Refusals
		if err != nil {
			out.Err = err
			return out
		}
		var conflicts []Failure
		for sent := 1; len(batches) > 0; sent++ {
			var more []Failure
			more, out.Err = w.apply(ctx, without(batches[0], out.Failed), &out)
			conflicts = append(conflicts, more...)
			if out.Err != nil {
				return out
			}
			batches = batches[1:]
			if wanted.More != nil && len(batches) > 0 && sent < manyBatches {
				var urgent []dns.Name
				if urgent, batches, err = w.join(ctx, batches, wanted, &out); err != nil {
					out.Err = err
					return out
				}
				names = append(names, urgent...)
			}
		}
		if len(conflicts) == 0 {
			if !w.planned.outdated {
				return out
			}
			round-- // the zone has contradicted nothing
			continue
		}
		if round == rounds {
			// Reading again has not explained it, so that it is a rejection.
			w.reject(conflicts, &out)
			return out
		}
		var changed []dns.Name
		for _, f := range conflicts {
			changed = append(changed, w.concerns(f.Group)...)
		}
		// What has landed, or is not ours to change after all, plans to nothing.
		err = w.reread(ctx, changed)
	}
}

// manyBatches is after how many batches of one synchronisation no more names are
// let in, so that it comes to an end.
const manyBatches = 50

// join plans what has become urgent, and puts it before the batches that are
// left.
func (w *Worker) join(ctx context.Context, left []dns.Batch, wanted Wanted, out *Outcome) ([]dns.Name, []dns.Batch, error) {
	urgent := wanted.More()
	if len(urgent) == 0 {
		return nil, left, nil
	}
	if err := w.settleDoubts(ctx, urgent); err != nil {
		return urgent, left, err
	}
	if wanted.Guard != nil {
		wanted.Guard.Applied(out.Applied)
	}
	p, _ := w.Plan(urgent, wanted)
	w.news.planned(urgent)
	planned := map[dns.Name]bool{}
	for _, n := range urgent {
		planned[n] = true
	}
	for _, g := range p.Groups {
		for _, n := range w.concerns(g) {
			planned[n] = true
		}
	}
	isPlanned := func(n dns.Name) bool { return planned[n] }
	groups := p.Groups
	for _, b := range left {
		for _, g := range b {
			if !slices.ContainsFunc(w.concerns(g), isPlanned) {
				groups = append(groups, g)
			}
		}
	}
	out.Plan.Groups = append(out.Plan.Groups, p.Groups...)
	out.Plan.Refusals = append(slices.DeleteFunc(out.Plan.Refusals, func(r plan.Refusal) bool { return planned[r.Key.Name] }), p.Refusals...)
	batches, _ := plan.Pack(w.rules.Traits, w.zone, groups)
	return urgent, batches, nil
}

// without leaves out of a batch the groups that the service has refused.
func without(batch dns.Batch, failed []Failure) dns.Batch {
	if len(failed) == 0 {
		return batch
	}
	refused := map[dns.Key]bool{}
	for _, f := range failed {
		for _, c := range f.Group {
			refused[c.Key()] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(batch), func(g dns.Group) bool {
		return slices.ContainsFunc(g, func(c dns.Change) bool { return refused[c.Key()] })
	})
}
