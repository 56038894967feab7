package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

func TestPlacesAreZonesFor(t *testing.T) {
	names := rapid.SampledFrom([]dns.Name{"example.com.", "a.example.com.", "b.a.example.com.", "com.", ".", "*.a.example.com.", "a.example.org."})
	zones := rapid.Map(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dns.Zone {
		return dns.Zone{Name: names.Draw(t, "apex"), Private: rapid.Bool().Draw(t, "private")}
	}), 0, 8), func(zones []dns.Zone) []dns.Zone {
		for i := range zones {
			zones[i].ID = fmt.Sprint("Z", (i*5)%8)
		}
		return zones
	})
	rapid.Check(t, func(t *rapid.T) {
		list, name := zones.Draw(t, "zones"), names.Draw(t, "name")
		places := newPlaces(list, places{})
		for _, z := range list {
			if tie := places.tie(z); len(tie) > 1 {
				if places.undecided(z.Name) != true {
					t.Fatalf("%s is decided among %v", z.Name, tie)
				}
				places.decide(slices.MinFunc(tie, func(a, b dns.Zone) int { return strings.Compare(a.ID, b.ID) }))
			}
		}
		want := dns.ZonesFor(name, list)
		if got := places.of(name); !slices.Equal(got, want) {
			t.Fatalf("of(%s) in %v: got %v, want %v", name, list, got, want)
		}
		for _, z := range list {
			if got := places.hold(z, name); got != slices.Contains(want, z) {
				t.Fatalf("hold(%s, %s) is %v", z, name, got)
			}
		}
	})
}

// What was decided between two zones of one name stays so while both are there.
func TestDecidedStaysDecided(t *testing.T) {
	one, two := dns.Zone{ID: "Z1", Name: "example.com."}, dns.Zone{ID: "Z2", Name: "example.com."}
	p := newPlaces([]dns.Zone{two}, places{})
	p = newPlaces([]dns.Zone{one, two}, p)
	if got := p.of("www.example.com."); !slices.Equal(got, []dns.Zone{two}) || p.used(one) {
		t.Errorf("a new zone takes over: %v", got)
	}
	p = newPlaces([]dns.Zone{one}, p)
	if got := p.of("www.example.com."); !slices.Equal(got, []dns.Zone{one}) {
		t.Errorf("the only zone is not used: %v", got)
	}
}

// Pauses grow up to the limit, and names that failed as often fall due together.
func TestOwed(t *testing.T) {
	o := newOwed()
	now := time.Date(2026, 1, 1, 0, 0, 0, 123456, time.UTC)
	var last time.Duration
	for i := range 12 {
		o.tried(now, nil, []dns.Name{"a."}, 10*time.Minute)
		at, ok := o.next()
		pause := at.Sub(now)
		nominal := backOff(i, 10*time.Minute)
		if !ok || pause < nominal/2 || pause > nominal*3/2 {
			t.Errorf("try %d: pause %v, want about %v", i, pause, nominal)
		}
		if len(o.due(now)) > 0 || len(o.due(at)) != 1 {
			t.Errorf("try %d: due %v before its time, %v then", i, o.due(now), o.due(at))
		}
		last, now = pause, at
	}
	if last < 5*time.Minute || last > 15*time.Minute {
		t.Errorf("the last pause is %v, want about ten minutes", last)
	}
	for i := range 1000 {
		now = now.Add(time.Millisecond)
		o.tried(now, nil, []dns.Name{dns.Name(fmt.Sprintf("n%d.", i))}, time.Minute)
	}
	dues := map[time.Time]bool{}
	for _, t := range o.tries {
		dues[t.due] = true
	}
	if len(dues) > 3 {
		t.Errorf("a thousand names within a second fall due at %d times", len(dues))
	}
	o.tried(now, []dns.Name{"n1.", "n2."}, []dns.Name{"n2."}, time.Minute)
	if got := o.tries["n2."].failed; len(o.names()) != 1000 || got != 2 {
		t.Errorf("%d names are owed, n2 after %d failures; want 1000 and 2", len(o.names()), got)
	}
	if _, ok := newOwed().next(); ok {
		t.Error("something is due where nothing is owed")
	}
}

// Labels of claims that do not name one object exactly are held by any object
// that they may name.
func TestUnknownByLabel(t *testing.T) {
	x := newIndex()
	x.set(plan.Intent{By: plan.Object{Kind: "service", Namespace: "default", Name: "a-long-name"}, Unknown: "no idea"})
	x.set(plan.Intent{By: plan.Object{Kind: "service", Namespace: "default", Name: "known"}})
	for label, held := range map[string]bool{
		"service/default/a-long-name":          true,
		"service/default/a-lo~0a1b2c3d":        true,
		"service/default/b-lo~0a1b2c3d":        false,
		"service/default/known":                false,
		"service/default/a-long":               false,
		"":                                     true,
		"ingress/default/a-long-name":          false,
		"service/default/a-long-name-and-more": false,
	} {
		if why := x.unknown(label); (why != "") != held || held && !strings.Contains(why, "a-long-name: no idea") {
			t.Errorf("%q: held because %q, want held: %v", label, why, held)
		}
	}
	x.remove("service/default/a-long-name")
	if why := x.unknown(""); why != "" || len(x.held)+len(x.unknowns)+len(x.frozen) > 0 {
		t.Errorf("an object that is gone is not forgotten: %q, %v", why, x)
	}
}
