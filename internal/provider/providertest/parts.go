package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// zones: the zone is listed as it was given, and the list is sorted.
func (w *world) zones(t *testing.T) {
	zones, err := w.p.Zones(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(zones, w.zone) {
		t.Errorf("%v lacks %v", zones, w.zone)
	}
	if !slices.IsSortedFunc(zones, func(a, b dns.Zone) int {
		if c := a.Name.Compare(b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	}) {
		t.Errorf("%v are not sorted by apex and ID", zones)
	}
}

// limits: a batch of exactly the limits is taken, one beyond is rejected.
func (w *world) limits(t *testing.T) {
	t.Run("values", func(t *testing.T) {
		limit := w.p.Traits().MaxValues
		if limit == 0 {
			t.Skip("the service does not bound the values of a batch")
		}
		many := w.numbered(limit, "192.0.2.1")
		w.refused(t, append(many, w.numbered(1, "192.0.2.2")[0]), provider.ErrRejected, nil)
		w.apply(t, many)
		if n := len(w.read(t)); n < limit {
			t.Errorf("the zone has %d record sets after the creation of %d", n, limit)
		}
	})
	t.Run("characters", func(t *testing.T) {
		limit := w.p.Traits().MaxChars
		if limit == 0 {
			t.Skip("the service does not bound the characters of a batch")
		}
		text := `"` + strings.Repeat("x", 248) + `"`
		var batch dns.Batch
		for i := range limit/len(text) + 1 {
			name := dns.Name(fmt.Sprintf("text%d.%s", i, w.zone.Name))
			batch = append(batch, dns.Group{{New: must(t, dns.Key{Name: name, Type: dns.TXT}, text)}})
		}
		w.refused(t, batch, provider.ErrRejected, nil)
		w.apply(t, batch[:len(batch)-1])
	})
}

// numbered returns the creation of n record sets, a group each.
func (w *world) numbered(n int, address string) dns.Batch {
	batch := make(dns.Batch, 0, n)
	for i := range n {
		key := dns.Key{Name: dns.Name(fmt.Sprintf("n%d.%s", i, w.zone.Name)), Type: dns.A}
		batch = append(batch, dns.Group{{New: &dns.RecordSet{Key: key, TTL: 300, Data: []string{address}}}})
	}
	return batch
}

func must(t *testing.T, key dns.Key, value string) *dns.RecordSet {
	t.Helper()
	set, err := dns.NewRecordSet(key, 300, value)
	if err != nil {
		t.Fatal(err)
	}
	return &set
}

// pages: a zone of many pages is read whole, with routed sets of one name
// across a page's end where the service has them.
func (w *world) pages(t *testing.T) {
	const names = 320
	w.apply(t, w.numbered(names, "192.0.2.1"))
	want := names
	if w.p.Traits().Routing {
		var group dns.Group
		for i := range 80 {
			key := dns.Key{Name: dns.Name("n2." + string(w.zone.Name)), Type: dns.TXT, SetID: fmt.Sprintf("set %d", i)}
			set := must(t, key, `"routed"`)
			set.Routing = dns.Weighted{Weight: int64(i)}
			group = append(group, dns.Change{New: set})
		}
		w.apply(t, dns.Batch{group})
		want += len(group)
	}
	before := len(w.readPages(t, w.zone)) - len(w.read(t))
	if n := len(w.readPages(t, w.zone)) - before; n < want {
		t.Errorf("pages give %d record sets, want at least %d", n, want)
	}
	last, err := w.p.At(t.Context(), w.zone, []dns.Name{dns.Name("n2." + string(w.zone.Name))})
	if err != nil || len(last) != want-names+1 {
		t.Errorf("a name with %d record sets: got %d, %v", want-names+1, len(last), err)
	}
}

// pointReads: names with several types, absent names between present ones,
// doubles, wildcards, and names whose text begins alike.
func (w *world) pointReads(t *testing.T) {
	w.becomes(t, w.parse(t, `
www      300 IN A    192.0.2.1
www      300 IN AAAA 2001:db8::1
www      300 IN TXT  "text"
a-www    300 IN TXT  "claim"
www-2    300 IN A    192.0.2.2
*.apps   300 IN A    192.0.2.3
x.apps   300 IN A    192.0.2.4
below.www 300 IN A   192.0.2.5`))
	at := func(labels ...string) {
		t.Helper()
		var names []dns.Name
		var want []dns.RecordSet
		for _, label := range labels {
			names = append(names, dns.Name(label+"."+string(w.zone.Name)))
		}
		for _, set := range w.read(t) {
			if slices.Contains(names, set.Name) {
				want = append(want, set)
			}
		}
		have, err := w.p.At(t.Context(), w.zone, names)
		if err != nil {
			t.Fatalf("At %q: %v", labels, err)
		}
		if w.format(have) != w.format(want) {
			t.Errorf("At %q: want\n%s\ngot\n%s", labels, w.format(want), w.format(have))
		}
		if !slices.IsSortedFunc(have, func(a, b dns.RecordSet) int { return a.Key.Compare(b.Key) }) {
			t.Errorf("At %q: not sorted by key", labels)
		}
	}
	at()
	at("www")
	at("none")
	at("www", "www", "www")
	at("a-www", "cname-www", "www", "aaaa-www", "zzz")
	at("*.apps", "x.apps", "y.apps", "apps", "*")
	at("www-2", "www", "below.www", "www-1", "ww", "wwww")
	for i := range 40 {
		at(fmt.Sprintf("absent%d", i), "www")
	}
}

// passed: what a cursor has behind it was on the pages before, whole; and a name
// of letters and digits that was on them, whole, is behind it.
func (w *world) passed(t *testing.T) {
	w.apply(t, w.numbered(700, "192.0.2.1"))
	w.apply(t, dns.Batch{{
		{New: must(t, dns.Key{Name: "*." + w.zone.Name, Type: dns.A}, "192.0.2.1")},
		{New: must(t, dns.Key{Name: "*.n5." + w.zone.Name, Type: dns.A}, "192.0.2.1")},
		{New: must(t, dns.Key{Name: "below.n5." + w.zone.Name, Type: dns.A}, "192.0.2.1")},
		{New: must(t, dns.Key{Name: "n5-a." + w.zone.Name, Type: dns.A}, "192.0.2.1")},
		{New: must(t, dns.Key{Name: `caf\195\169.` + w.zone.Name, Type: dns.A}, "192.0.2.1")},
		{New: must(t, dns.Key{Name: "_tcp." + w.zone.Name, Type: dns.A}, "192.0.2.1")},
	}})
	all := w.readPages(t, w.zone)
	ambiguous := func(n dns.Name) bool { return strings.ContainsAny(string(n), `*\_`) }
	seen := map[dns.Name]bool{}
	for cursor := provider.Cursor(""); ; {
		for _, set := range all {
			if passed := w.p.Passed(cursor, set.Name); passed && !seen[set.Name] {
				t.Errorf("%s is said to lie before the cursor %q and has not come yet", set.Name, cursor)
			}
		}
		sets, next, err := w.p.Page(t.Context(), w.zone, cursor)
		if err != nil {
			t.Fatal(err)
		}
		if next == "" {
			break
		}
		rest, _, err := w.p.Page(t.Context(), w.zone, next)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range sets {
			seen[set.Name] = true
		}
		delete(seen, rest[0].Name) // its sets may go on
		for name := range seen {
			if !w.p.Passed(next, name) && !ambiguous(name) {
				t.Errorf("%s came before the cursor %q and is not said to lie there", name, next)
			}
		}
		cursor = next
	}
	for _, absent := range []string{"a", "n", "n5.n5", "zz"} {
		name := dns.Name(absent + "." + string(w.zone.Name))
		if w.p.Passed("", name) {
			t.Errorf("%s is said to lie before the start", name)
		}
	}
}

// upserts: an update writes over what stands, an assertion asserts nothing, a
// creation still wants the place free, and a deletion is refused.
func (w *world) upserts(t *testing.T) {
	w.becomes(t, w.parse(t, `
www   300 IN A   192.0.2.1
a-www 300 IN TXT "claim"`))
	set := func(text string) *dns.RecordSet {
		if text == "" {
			return nil
		}
		return &w.parse(t, text)[0]
	}
	change := func(old, new string) dns.Change { return dns.Change{Old: set(old), New: set(new)} }
	stale := `www 300 IN A 192.0.2.77`
	claim := `a-www 300 IN TXT "another claim"`
	if err := w.p.Upsert(t.Context(), w.zone, dns.Batch{
		{change(stale, `www 60 IN A 192.0.2.2`), change(claim, claim)},
		{change("", `new 300 IN A 192.0.2.3`)},
	}); err != nil {
		t.Fatalf("Upsert: %v", err)
	}
	w.is(t, w.parse(t, `
new   300 IN A   192.0.2.3
www   60  IN A   192.0.2.2
a-www 300 IN TXT "claim"`))
	if err := w.p.Upsert(t.Context(), w.zone, dns.Batch{{change(claim, claim)}}); err != nil {
		t.Errorf("Upsert of nothing but an assertion: %v", err)
	}
	before := w.read(t)
	err := w.p.Upsert(t.Context(), w.zone, dns.Batch{{change("", `other 300 IN A 192.0.2.3`)}, {change(`www 60 IN A 192.0.2.2`, "")}})
	if err := refusal(err, provider.ErrRejected, []int{1}); err != nil {
		t.Errorf("a deletion: %v", err)
	}
	err = w.p.Upsert(t.Context(), w.zone, dns.Batch{{change("", `new 300 IN A 192.0.2.4`)}})
	if err := refusal(err, provider.ErrConflict, []int{0}); err != nil {
		t.Errorf("a creation of what is there: %v", err)
	}
	w.is(t, before)
}

// noSuchZone: a zone that is gone is a person's matter, not a conflict.
func (w *world) noSuchZone(t *testing.T) {
	gone := dns.Zone{ID: "ZGONE0000000000", Name: w.zone.Name}
	_, _, page := w.p.Page(t.Context(), gone, "")
	_, at := w.p.At(t.Context(), gone, []dns.Name{gone.Name})
	apply := w.p.Apply(t.Context(), gone, w.numbered(1, "192.0.2.1"))
	for what, err := range map[string]error{"Page": page, "At": at, "Apply": apply} {
		if err := refusal(err, provider.ErrDenied, nil); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// cancelled: a call without an answer is no answer of the service.
func (w *world) cancelled(t *testing.T) {
	ctx := cancel(t)
	_, zones := w.p.Zones(ctx)
	_, _, page := w.p.Page(ctx, w.zone, "")
	_, at := w.p.At(ctx, w.zone, []dns.Name{w.zone.Name})
	apply := w.p.Apply(ctx, w.zone, w.numbered(1, "192.0.2.1"))
	for what, err := range map[string]error{"Zones": zones, "Page": page, "At": at, "Apply": apply} {
		var e *provider.Error
		if !errors.Is(err, context.Canceled) || errors.As(err, &e) {
			t.Errorf("%s: want context.Canceled alone, got %#v", what, err)
		}
	}
}

// concurrent: calls may overlap; of two that create one set, one wins.
func (w *world) concurrent(t *testing.T) {
	var wg sync.WaitGroup
	outcomes := make([]error, 8)
	for i := range outcomes {
		wg.Go(func() {
			outcomes[i] = w.p.Apply(t.Context(), w.zone, w.numbered(1, fmt.Sprintf("192.0.2.%d", i)))
			if _, _, err := w.p.Page(t.Context(), w.zone, ""); err != nil {
				t.Errorf("Page: %v", err)
			}
		})
	}
	wg.Wait()
	won := 0
	for _, err := range outcomes {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, provider.ErrConflict) && !errors.Is(err, provider.ErrThrottled):
			t.Errorf("want success, conflict or throttling, got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d creations of one set went well, want 1", won)
	}
}

// privateZones: what is written to a private zone stands in it alone.
func (w *world) privateZones(t *testing.T) {
	zones, err := w.p.Zones(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(zones, func(z dns.Zone) bool { return z.Private })
	if i < 0 {
		t.Skip("the provider under test offers no private zone")
	}
	inside := &world{w.p, zones[i], w.text}
	before := w.read(t)
	for _, set := range inside.read(t) {
		inside.apply(t, dns.Batch{{{Old: &set}}})
	}
	inside.becomes(t, inside.parse(t, "secret 300 IN A 10.0.0.1"))
	w.is(t, before)
}
