// Package providertest holds an implementation of [provider.Provider] to what
// the interface's comments promise, by one narrated script of zone states.
//
// Each step says what happens and shows the zone afterwards in zone-file
// notation; after each step the zone is read back, by pages and by names, and
// must be exactly that. Steps that a service's traits rule out are skipped, with
// the reason. The package may import dns, provider and the testing packages.
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, func(t *testing.T) (provider.Provider, dns.Zone) {
//			zone := dns.Zone{ID: "Z1", Name: "example.com."}
//			return memory.New(traits, zone), zone
//		})
//	}
package providertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Run runs the script. The function returns a provider and one of its zones for
// the script alone; it is called once for each part of the script. The zone may
// hold record sets in spellings that the provider would not choose: the script
// begins by asserting and then deleting them as they were listed. If the
// provider has a private zone too, that is tried beside it.
func Run(t *testing.T, newProvider func(t *testing.T) (p provider.Provider, zone dns.Zone)) {
	t.Run("script", func(t *testing.T) {
		w := newWorld(t, newProvider)
		w.part(t, "the zone as it was given", w.given)
		for _, s := range script {
			if !t.Run(s.says, func(t *testing.T) { w.step(t, s) }) {
				t.FailNow()
			}
		}
	})
	for name, part := range map[string]func(*world, *testing.T){
		"zones":         (*world).zones,
		"limits":        (*world).limits,
		"pages":         (*world).pages,
		"point reads":   (*world).pointReads,
		"passed":        (*world).passed,
		"upserts":       (*world).upserts,
		"no such zone":  (*world).noSuchZone,
		"cancelled":     (*world).cancelled,
		"concurrent":    (*world).concurrent,
		"private zones": (*world).privateZones,
	} {
		t.Run(name, func(t *testing.T) { part(newWorld(t, newProvider), t) })
	}
}

// world is the provider under test and the zone that the script tells of.
type world struct {
	p    provider.Provider
	zone dns.Zone
	// Placeholders of the script's text: LB a load balancer's host name, LBZONE
	// and ZONE hosted zone IDs.
	text *strings.Replacer
}

func newWorld(t *testing.T, newProvider func(*testing.T) (provider.Provider, dns.Zone)) *world {
	t.Helper()
	p, zone := newProvider(t)
	balancer, id := dns.Name("none.invalid."), "none"
	for suffix, z := range p.Traits().Aliases {
		if id == "none" || dns.Name("lb."+suffix).Compare(balancer) < 0 {
			balancer, id = dns.Name("lb."+suffix), z.ID
		}
	}
	return &world{p, zone, strings.NewReplacer("LBZONE", id, "LB", string(balancer), "ZONE", zone.ID)}
}

func (w *world) part(t *testing.T, says string, part func(*testing.T)) {
	t.Helper()
	if !t.Run(says, part) {
		t.FailNow()
	}
}

// parse reads the script's zone-file notation.
func (w *world) parse(t *testing.T, text string) []dns.RecordSet {
	t.Helper()
	sets, err := dns.Parse(w.zone.Name, w.text.Replace(text))
	if err != nil {
		t.Fatalf("the script itself: %v", err)
	}
	return sets
}

// read returns what the zone holds besides the SOA and NS of its apex, sorted.
// Pages and point reads must agree.
func (w *world) read(t *testing.T) []dns.RecordSet {
	t.Helper()
	all := w.readPages(t, w.zone)
	var names []dns.Name
	for _, set := range all {
		names = append(names, set.Name)
	}
	at, err := w.p.At(t.Context(), w.zone, names)
	if err != nil {
		t.Fatalf("At: %v", err)
	}
	if diff := cmp.Diff(w.format(all), w.format(at)); diff != "" {
		t.Fatalf("pages (-) and point reads (+) differ:\n%s", diff)
	}
	for i := range all {
		if !all[i].Equal(at[i]) || !reflect.DeepEqual(all[i].Listed(), at[i].Listed()) {
			t.Fatalf("pages and point reads differ in %s: %+v and %+v", all[i].Key, all[i], at[i])
		}
	}
	return slices.DeleteFunc(all, func(s dns.RecordSet) bool {
		return s.Name == w.zone.Name && (s.Type == dns.SOA || s.Type == dns.NS)
	})
}

// readPages returns all pages of a zone in key order; no set may come twice.
func (w *world) readPages(t *testing.T, zone dns.Zone) []dns.RecordSet {
	t.Helper()
	var all []dns.RecordSet
	for cursor := provider.Cursor(""); ; {
		sets, next, err := w.p.Page(t.Context(), zone, cursor)
		if err != nil {
			t.Fatalf("Page %q: %v", cursor, err)
		}
		all = append(all, sets...)
		if cursor = next; cursor == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
	for i := 1; i < len(all); i++ {
		if all[i].Key == all[i-1].Key {
			t.Fatalf("pages hold %s twice", all[i].Key)
		}
	}
	return all
}

func (w *world) format(sets []dns.RecordSet) string { return dns.Format(w.zone.Name, sets) }

// is holds the zone against what it should be.
func (w *world) is(t *testing.T, want []dns.RecordSet) {
	t.Helper()
	have := w.read(t)
	if diff := cmp.Diff(w.format(want), w.format(have)); diff != "" {
		t.Fatalf("the zone should be (-) and is (+):\n%s", diff)
	}
	slices.SortFunc(want, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) })
	for i := range want {
		if !want[i].Equal(have[i]) {
			t.Fatalf("%s prints as it should and differs: %+v", want[i].Key, have[i])
		}
	}
}

// towards returns the batch that makes one state of another: a group for each
// owner name, in the order in which wanted names them, after the names that go.
func towards(have, want []dns.RecordSet) dns.Batch {
	var order []dns.Name
	groups := map[dns.Name]dns.Group{}
	add := func(c dns.Change) {
		name := c.Key().Name
		if groups[name] == nil {
			order = append(order, name)
		}
		groups[name] = append(groups[name], c)
	}
	for _, old := range have {
		if find(want, old.Key) == nil {
			add(dns.Change{Old: &old})
		}
	}
	for _, new := range want {
		old := find(have, new.Key)
		if old == nil || !old.Equal(new) {
			add(dns.Change{Old: old, New: &new})
		}
	}
	var batch dns.Batch
	for _, name := range order {
		batch = append(batch, groups[name])
	}
	return batch
}

func find(sets []dns.RecordSet, key dns.Key) *dns.RecordSet {
	for _, set := range sets {
		if set.Key == key {
			return &set
		}
	}
	return nil
}

// apply makes the batch, which must go well.
func (w *world) apply(t *testing.T, batch dns.Batch) {
	t.Helper()
	if len(batch) == 0 {
		return
	}
	if err := w.p.Apply(t.Context(), w.zone, batch); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

// becomes changes the zone to this state in one batch, and looks.
func (w *world) becomes(t *testing.T, want []dns.RecordSet) {
	t.Helper()
	w.apply(t, towards(w.read(t), want))
	w.is(t, want)
}

// refused applies a batch that must be refused with this kind, naming these
// groups, and that must leave the zone alone.
func (w *world) refused(t *testing.T, batch dns.Batch, kind error, named []int) {
	t.Helper()
	before := w.read(t)
	err := w.p.Apply(t.Context(), w.zone, batch)
	if err := refusal(err, kind, named); err != nil {
		t.Fatal(err)
	}
	w.is(t, before)
}

// refusal holds an error against the kind and the groups that it should name.
func refusal(err, kind error, named []int) error {
	for _, k := range []error{provider.ErrConflict, provider.ErrRejected, provider.ErrDenied, provider.ErrThrottled} {
		if errors.Is(err, k) != (k == kind) {
			return fmt.Errorf("want %q, got: %v", kind, err)
		}
	}
	var e *provider.Error
	if !errors.As(err, &e) || e.Op == "" || e.Cause == nil {
		return fmt.Errorf("want a provider.Error with operation and cause, got: %#v", err)
	}
	var groups []int
	for _, g := range e.Groups {
		if g.Message == "" || g.Kind != provider.ErrConflict && g.Kind != provider.ErrRejected {
			return fmt.Errorf("group %d is named without message or kind: %+v", g.Group, g)
		}
		groups = append(groups, g.Group)
	}
	if groups = slices.Compact(groups); named != nil && !slices.Equal(groups, named) {
		return fmt.Errorf("want the groups %v to be named, got %v: %v", named, groups, err)
	}
	return nil
}

// cancel returns a context that has ended.
func cancel(t *testing.T) context.Context {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	return ctx
}
