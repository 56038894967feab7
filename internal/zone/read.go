package zone

import (
	"context"
	"fmt"
	"slices"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Read reads the whole zone at once. If it fails the image stays as it was.
func (w *Worker) Read(ctx context.Context) error {
	image := NewImage()
	image.Begin(w.walk.round)
	var cursor provider.Cursor
	for {
		var sets []dns.RecordSet
		var next provider.Cursor
		err := w.calls.read(ctx, Load, func(call context.Context) (err error) {
			sets, next, err = w.provider.Page(call, w.zone, cursor)
			return err
		})
		if err != nil {
			return fmt.Errorf("list record sets in %s: %w", w.zone, err)
		}
		for _, set := range sets {
			image.Put(set)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.compareWhole(image)
	w.image = image
	clear(w.doubts)
	w.walk = walk{round: w.walk.round, reads: w.walk.reads + 1, whole: true, written: map[dns.Name]bool{}, point: map[dns.Name]bool{}}
	return nil
}

const (
	// fewNames is how many names one point read asks for. More of them are read
	// one by one only while the zone has more pages than that.
	fewNames = 20
	pageSize = 300
)

// reread reads names and all names of their claims anew.
func (w *Worker) reread(ctx context.Context, names []dns.Name) error {
	all := slices.Clone(names)
	for _, n := range names {
		all = append(all, w.candidates(n)...)
	}
	slices.SortFunc(all, dns.Name.Compare)
	all = slices.Compact(all)
	if len(all) > fewNames && len(all) > w.image.Len()/pageSize {
		return w.Read(ctx)
	}
	return w.readAt(ctx, all)
}

// candidates returns the names at which claims of sets at a name may lie.
func (w *Worker) candidates(name dns.Name) []dns.Name {
	if w.rules.Claims == nil {
		return nil
	}
	return w.rules.Claims.Candidates(name, w.zone.Name, append([]dns.Type{dns.A, dns.AAAA, dns.CNAME}, w.rules.Types...))
}

// readAt reads exactly these names anew.
func (w *Worker) readAt(ctx context.Context, all []dns.Name) error {
	for some := range slices.Chunk(all, fewNames) {
		sets, err := w.at(ctx, some)
		if err != nil {
			return fmt.Errorf("read %d names in %s again: %w", len(some), w.zone, err)
		}
		w.learn(some, sets)
	}
	return nil
}

// learn puts what was read at these names into the image.
func (w *Worker) learn(names []dns.Name, sets []dns.RecordSet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.compareRead(names, sets)
	w.image.Replace(names, sets)
	for _, n := range names {
		delete(w.doubts, n)
		w.walk.written[n] = true
		if !w.walk.whole {
			w.walk.point[n] = true
		}
	}
}

func (w *Worker) at(ctx context.Context, names []dns.Name) (sets []dns.RecordSet, err error) {
	err = w.calls.read(ctx, PointRead, func(call context.Context) (err error) {
		sets, err = w.provider.At(call, w.zone, names)
		return err
	})
	return sets, err
}

// doubt notes that nobody knows whether a batch happened.
func (w *Worker) doubt(batch dns.Batch) {
	for _, g := range batch {
		for _, n := range w.concerns(g) {
			w.doubts[n] = true
		}
	}
}

// settleDoubts reads those of the names anew at which the image may be wrong.
func (w *Worker) settleDoubts(ctx context.Context, names []dns.Name) error {
	if len(w.doubts) == 0 {
		return nil
	}
	var doubted []dns.Name
	for _, n := range names {
		if w.doubts[n] {
			doubted = append(doubted, n)
		}
	}
	if len(doubted) == 0 {
		return nil
	}
	return w.reread(ctx, doubted)
}

// concerns returns all names that a group has to do with: those at which it
// changes sets, and those of which its claims may speak.
func (w *Worker) concerns(g dns.Group) []dns.Name {
	names := g.Names()
	for _, c := range g {
		if claims(c) && w.rules.Claims != nil {
			for _, r := range w.rules.Claims.Reads(c.Key().Name, w.zone.Name) {
				names = append(names, r.Name)
			}
		}
	}
	slices.SortFunc(names, dns.Name.Compare)
	return slices.Compact(names)
}

// owners returns the names that have to be planned for a group to come about
// again: those of its record sets, and if it has only claims, all that concern it.
func (w *Worker) owners(g dns.Group) []dns.Name {
	if sets := slices.DeleteFunc(slices.Clone(g), claims); len(sets) > 0 {
		return sets.Names()
	}
	return w.concerns(g)
}

// claims reports whether a change is one to a claim.
func claims(c dns.Change) bool {
	set := c.New
	if set == nil {
		set = c.Old
	}
	return set.Type == dns.TXT && slices.ContainsFunc(set.Data, isClaim)
}

func isClaim(rdata string) bool {
	_, ok := claim.Parse(rdata)
	return ok
}
