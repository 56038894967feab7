package zone

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Wanted is what objects want, as far as it is known. See [plan.Input].
type Wanted struct {
	Names  func() []dns.Name // every name of this zone that is wanted
	At     func(dns.Name) []plan.Want
	Hold   func(resource string) string
	Frozen func(dns.Name) string
}

// Outcome is what came of a synchronisation.
type Outcome struct {
	Plan    plan.Plan    // what was to be changed, and every refusal
	Applied []dns.Change // accepted by the service, assertions left out
	Failed  []Failure    // groups that the service refused
	Err     error        // what kept the rest from being tried; nil if all was tried
}

// Failure is a group that the service did not take.
type Failure struct {
	Group dns.Group
	Err   error
}

// Worker makes one zone hold what is wanted.
type Worker struct {
	zone     dns.Zone
	provider provider.Provider
	rules    plan.Rules
	log      *slog.Logger
	image    *Image // nil until the zone has been read
}

// NewWorker returns a worker that has not read its zone.
func NewWorker(z dns.Zone, p provider.Provider, rules plan.Rules, log *slog.Logger) *Worker {
	return &Worker{zone: z, provider: p, rules: rules,
		log: log.With("zoneID", "/hostedzone/"+z.ID, "zoneName", string(z.Name))}
}

// Zone returns the zone that the worker keeps.
func (w *Worker) Zone() dns.Zone { return w.zone }

// Image returns what the zone holds, nil before the first [Worker.Read].
func (w *Worker) Image() *Image { return w.image }

// Read reads the whole zone. If it fails the image stays as it was.
func (w *Worker) Read(ctx context.Context) error {
	image := NewImage()
	var cursor provider.Cursor
	for {
		var sets []dns.RecordSet
		err := patiently(ctx, func(call context.Context) (err error) {
			sets, cursor, err = w.provider.Page(call, w.zone, cursor)
			return err
		})
		if err != nil {
			return fmt.Errorf("list record sets in %s: %w", w.zone, err)
		}
		for _, set := range sets {
			image.Put(set)
		}
		if cursor == "" {
			w.image = image
			return nil
		}
	}
}

// Names returns every owner name that a plan of the whole zone looks at.
func (w *Worker) Names(wanted Wanted) []dns.Name {
	return plan.Names(w.rules, w.zone, wanted.Names(), slices.Collect(w.image.All()))
}

// Plan plans names against the image, with oversize groups refused.
func (w *Worker) Plan(names []dns.Name, wanted Wanted) (plan.Plan, []dns.Batch) {
	p := plan.Compute(w.rules, plan.Input{
		Zone: w.zone, Names: names, Wants: wanted.At, Sets: w.image.At, Hold: wanted.Hold, Frozen: wanted.Frozen,
	})
	batches, oversize := plan.Pack(w.rules.Traits, w.zone, p.Groups)
	p.Refusals = append(p.Refusals, oversize...)
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

// Sync makes the names hold what is wanted. The zone must have been read.
func (w *Worker) Sync(ctx context.Context, names []dns.Name, wanted Wanted) Outcome {
	var out Outcome
	for round := range rounds {
		p, batches := w.Plan(names, wanted)
		if round == 0 {
			out.Plan = p
		} else {
			out.Plan.Refusals = mergeRefusals(out.Plan.Refusals, p.Refusals, names)
		}
		var again []Failure
		for _, batch := range batches {
			w.Announce(batch)
			conflicts, err := w.apply(ctx, batch, &out)
			again = append(again, conflicts...)
			if err != nil {
				out.Err = err
				return out
			}
		}
		if len(again) == 0 {
			return out
		}
		names = ownerNames(again)
		if round == rounds-1 {
			// Reading again has not explained it, so that it is a rejection.
			out.Failed = append(out.Failed, again...)
			return out
		}
		if err := w.reread(ctx, names); err != nil {
			out.Err = err
			return out
		}
	}
	return out
}

// mergeRefusals replaces the refusals at the given names by newer ones.
func mergeRefusals(old, newer []plan.Refusal, names []dns.Name) []plan.Refusal {
	kept := slices.DeleteFunc(slices.Clone(old), func(r plan.Refusal) bool { return slices.Contains(names, r.Key.Name) })
	return append(kept, newer...)
}

func ownerNames(failures []Failure) []dns.Name {
	var names []dns.Name
	for _, f := range failures {
		names = append(names, f.Group.Names()...)
	}
	slices.SortFunc(names, dns.Name.Compare)
	return slices.Compact(names)
}

// fewNames is up to how many names are read one by one rather than by listing
// the zone, whose pages hold 300 sets each.
const fewNames = 20

// reread reads names and all names of their claims anew.
func (w *Worker) reread(ctx context.Context, names []dns.Name) error {
	all := slices.Clone(names)
	if w.rules.Claims != nil {
		for _, n := range names {
			all = append(all, w.rules.Claims.Candidates(n, w.zone.Name, w.rules.Types)...)
		}
	}
	slices.SortFunc(all, dns.Name.Compare)
	all = slices.Compact(all)
	if len(all) > fewNames && len(all) > w.image.Len()/300 {
		return w.Read(ctx)
	}
	var sets []dns.RecordSet
	err := patiently(ctx, func(call context.Context) (err error) {
		sets, err = w.provider.At(call, w.zone, all)
		return err
	})
	if err != nil {
		return fmt.Errorf("read %d names in %s again: %w", len(all), w.zone, err)
	}
	w.image.Replace(all, sets)
	return nil
}
