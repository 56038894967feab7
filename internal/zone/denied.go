package zone

import (
	"context"
	"errors"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Permissions may be narrowed to names, types and actions
// (route53:ChangeResourceRecordSetsActions and its like), and the service does not
// always say which change of a batch it denies.
const (
	// deniedTries bounds how many denied answers one batch may cost.
	deniedTries = 20
	// deniedAll is after how many of them, if nothing landed, all is given up.
	deniedAll = 7
	// denied as a whole, a zone's next batches are taken apart only now and then.
	deniedAgain = 4
)

// denials finds the groups of a batch that are denied.
type denials struct {
	w      *Worker
	tries  int
	landed bool // some part of the batch was accepted
	failed []Failure
}

// part says what to try in place of a batch that was denied: its creations, its
// updates and its deletions apart, then updates without deleting the old set,
// then halves. What remains denied, it notes. An error is what became of the
// batch instead.
func (d *denials) part(ctx context.Context, b dns.Batch, denied error, out *Outcome) ([]dns.Batch, error) {
	d.tries++
	if parts := byAction(b); len(parts) > 1 && !d.hopeless() {
		return parts, nil
	}
	if replaces(b) && (d.landed || !d.hopeless()) {
		switch done, err := d.w.upsert(ctx, b, out); {
		case err != nil && !errors.Is(err, provider.ErrDenied):
			return nil, err
		case done:
			d.landed = true
			return nil, nil
		}
	}
	if len(b) > 1 && !d.hopeless() {
		return []dns.Batch{b[:len(b)/2], b[len(b)/2:]}, nil
	}
	d.fail(b, denied)
	return nil, nil
}

// hopeless reports whether trying on would be a waste of calls.
func (d *denials) hopeless() bool {
	switch {
	case d.tries >= deniedTries:
		return true
	case d.landed:
		return false
	}
	return d.tries >= deniedAll || d.tries > 0 && d.w.denied%deniedAgain > 0
}

func (d *denials) fail(b dns.Batch, denied error) {
	for _, g := range b {
		d.failed = append(d.failed, Failure{g, d.w.owners(g), denied})
	}
}

// note remembers what was denied beside something that was permitted.
func (d *denials) note() {
	for _, f := range d.failed {
		for _, n := range f.Names {
			d.w.closed[n] = true
		}
	}
}

// again reports whether all of these were denied before while others were
// permitted, so that it says nothing of the zone as a whole.
func (d *denials) again() bool {
	return !slices.ContainsFunc(d.failed, func(f Failure) bool {
		return !slices.ContainsFunc(f.Names, func(n dns.Name) bool { return d.w.closed[n] })
	})
}

// byAction parts a batch by the permissions that its groups need.
func byAction(b dns.Batch) []dns.Batch {
	kinds := [3]dns.Batch{}
	for _, g := range b {
		kind := 0
		for _, c := range g {
			switch c.Action() {
			case dns.Delete:
				kind = 2
			case dns.Update, dns.Assert:
				kind = max(kind, 1)
			}
		}
		kinds[kind] = append(kinds[kind], g)
	}
	var parts []dns.Batch
	for _, k := range kinds {
		if len(k) > 0 {
			parts = append(parts, k)
		}
	}
	return parts
}

// replaces reports whether every group replaces sets and deletes none.
func replaces(b dns.Batch) bool {
	for _, g := range b {
		updates := false
		for _, c := range g {
			switch c.Action() {
			case dns.Delete:
				return false
			case dns.Update:
				updates = true
			}
		}
		if !updates {
			return false
		}
	}
	return len(b) > 0
}

// upsert replaces sets without comparing, after having read that they still
// stand, and reports whether it did. What does not stand any more is left to be
// planned again.
func (w *Worker) upsert(ctx context.Context, b dns.Batch, out *Outcome) (bool, error) {
	var names []dns.Name
	for _, g := range b {
		names = append(names, g.Names()...)
	}
	sets, err := w.at(ctx, names)
	if err != nil {
		return false, err
	}
	w.learn(names, sets)
	for _, g := range b {
		for _, c := range g {
			if c.Old != nil && !w.stands(*c.Old) {
				return false, nil
			}
		}
	}
	if !w.told.upsert {
		w.told.upsert = true
		w.log.Warn("record sets may not be deleted, so that changes are made without comparing; allow DELETE in " +
			"route53:ChangeResourceRecordSetsActions to have every change checked against what the zone holds")
	}
	// It was announced when it was denied. What is not compared is not sent twice without a look between.
	if err := w.send(ctx, b, sending{w.provider.Upsert, 1, func() {}}); err != nil {
		return false, err
	}
	w.accept(b, out)
	return true, nil
}

// stands reports whether the image holds exactly this set.
func (w *Worker) stands(set dns.RecordSet) bool {
	for _, s := range w.image.At(set.Name) {
		if s.Equal(set) {
			return true
		}
	}
	return false
}
