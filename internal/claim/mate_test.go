package claim_test

import (
	"testing"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

func TestMate(t *testing.T) {
	for _, test := range []struct {
		group  string
		values []string
	}{
		{"blue", []string{`"mate:blue"`}},
		{"a:b", []string{`"mate:a:b"`}},
		{"blue", []string{`"heritage=mate"`, `"mate/record-group-id=blue"`}},
		{"blue", []string{`"heritage=mate,mate/record-group-id=blue"`}},
		{"", []string{`"mate:"`}},
		{"", []string{`"checkmate:blue"`}},
		{"", []string{`"heritage=mate"`}},
		{"", []string{`"mate/record-group-id=blue"`}},
		{"", []string{`"heritage=external-dns,external-dns/owner=blue"`}},
	} {
		set := dns.RecordSet{Key: dns.Key{Name: "www.example.com.", Type: dns.TXT}, TTL: 300, Data: test.values}
		if group, ok := claim.Mate(set); ok != (test.group != "") || ok && group != test.group {
			t.Errorf("Mate(%q) = %q, %t, want %q", test.values, group, ok, test.group)
		}
	}
}
