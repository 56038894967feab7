package zone

import (
	"context"
	"strings"
	"testing"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// TestSealed writes, changes and deletes claims through a key, in a zone that
// holds a plain one too: it compares every Old with what it holds.
func TestSealed(t *testing.T) {
	seal, err := claim.NewSeal("0123456789abcdef0123456789abcdef", true)
	if err != nil {
		t.Fatal(err)
	}
	z := dns.Zone{ID: "Z1", Name: "example.com."}
	service := memory.New(dns.Traits{Atomic: true}, z)
	p := Sealed(service, seal)
	ctx := context.Background()
	apply := func(c dns.Change) {
		t.Helper()
		if err := p.Apply(ctx, z, dns.Batch{{c}}); err != nil {
			t.Fatal(err)
		}
	}
	at := func(from interface {
		At(context.Context, dns.Zone, []dns.Name) ([]dns.RecordSet, error)
	}, name dns.Name) dns.RecordSet {
		t.Helper()
		sets, err := from.At(ctx, z, []dns.Name{name})
		if err != nil || len(sets) != 1 {
			t.Fatalf("at %s: %v, %v", name, sets, err)
		}
		return sets[0]
	}
	write := func(resource string) dns.RecordSet {
		return seal.Set(claim.Claim{Owner: "me", Resource: resource}, "a-www.example.com.", dns.RecordSet{})
	}

	first, second := write("service/default/a"), write("service/default/b")
	apply(dns.Change{New: &first})
	if held := at(service, first.Name); strings.Contains(held.Data[0], "heritage") {
		t.Errorf("the zone holds %s", held)
	}
	if seen := at(p, first.Name); !seen.Equal(first) {
		t.Errorf("seen is %s", seen)
	}
	// As the image of the zone remembers what was written: without a spelling.
	plain := first.WithListed(dns.Listed{})
	apply(dns.Change{Old: &plain, New: &plain})
	apply(dns.Change{Old: &plain, New: &second})
	seen := at(p, second.Name)
	apply(dns.Change{Old: &seen})

	// One from before encryption goes by the bytes that it has.
	before := claim.Set(claim.Claim{Owner: "me"}, "a-old.example.com.", dns.RecordSet{})
	if err := service.Apply(ctx, z, dns.Batch{{{New: &before}}}); err != nil {
		t.Fatal(err)
	}
	seen = at(p, before.Name)
	apply(dns.Change{Old: &seen, New: &seen})
	if held := at(service, before.Name); !held.Equal(before) {
		t.Errorf("the zone holds %s", held)
	}
	apply(dns.Change{Old: &seen})
}

// speaker is a provider with words for people.
type speaker struct{ *memory.Provider }

func (speaker) Wishes() []string   { return []string{"wish"} }
func (speaker) Warnings() []string { return []string{"warning"} }

// TestSealedPassesWordsOn shows that what a provider says to people is heard with
// encryption too.
func TestSealedPassesWordsOn(t *testing.T) {
	seal, err := claim.NewSeal("0123456789abcdef0123456789abcdef", true)
	if err != nil {
		t.Fatal(err)
	}
	p := Sealed(speaker{memory.New(dns.Traits{})}, seal).(*sealed)
	if w := append(p.Wishes(), p.Warnings()...); len(w) != 2 || w[0] != "wish" || w[1] != "warning" {
		t.Errorf("it says %q", w)
	}
}
