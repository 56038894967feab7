package controller

import (
	"fmt"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
)

// What is forgotten is what was changed longest ago.
func TestHistory(t *testing.T) {
	h := newHistory()
	change := func(host string) {
		n := dns.Name(host + ".example.com.")
		h.add("Z1", []dns.Change{{New: &dns.RecordSet{Key: dns.Key{Name: n, Type: dns.A}, TTL: 60, Data: []string{"192.0.2.1"}}}})
	}
	remembered := func(host string) bool {
		_, ok := h.at("Z1", dns.Name(host+".example.com."))
		return ok
	}
	change("early")
	change("often")
	for i := range manyChanges {
		if i == manyChanges/2 {
			change("often")
		}
		change(fmt.Sprintf("h%d", i))
	}
	if !remembered("often") {
		t.Error("a name is forgotten that was changed later than others that are remembered")
	}
	if remembered("early") || remembered("h0") || !remembered("h1") {
		t.Error("what was changed first is not what is forgotten")
	}
	if n := len(h.last); n != manyChanges {
		t.Errorf("%d names are remembered, want %d", n, manyChanges)
	}
}
