package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// create parses records and makes each a group of its own.
func create(t *testing.T, records string) []dns.Group {
	t.Helper()
	sets, err := dns.Parse(zone.Name, records)
	if err != nil {
		t.Fatal(err)
	}
	var groups []dns.Group
	for i := range sets {
		groups = append(groups, dns.Group{{New: &sets[i]}})
	}
	return groups
}

func TestPack(t *testing.T) {
	for _, tt := range []struct {
		name, records string
		traits        dns.Traits
		want          string
	}{
		{"no limits", "a 1 A 192.0.2.1\nb 1 A 192.0.2.2\n", dns.Traits{}, "batch 1\n\ta.example.com A\n\tb.example.com A\n"},
		{"characters", "a 1 A 192.0.2.1\nb 1 A 192.0.2.2\nc 1 TXT \"123456789\"\nd 1 A 192.0.2.3\n", dns.Traits{MaxChars: 10},
			"batch 1\n\ta.example.com A\nbatch 2\n\tb.example.com A\nbatch 3\n\td.example.com A\n" +
				"! c.example.com TXT: Oversize: the change holds 1 values of 11 characters in all, more than one batch may (10 characters); give the name fewer targets\n"},
		{"wanted characters", "a 1 A 192.0.2.1\nb 1 A 192.0.2.2\nc 1 TXT \"123456789\"\nd 1 A 192.0.2.3\n", dns.Traits{Batch: dns.BatchSize{Chars: 10}},
			"batch 1\n\ta.example.com A\nbatch 2\n\tb.example.com A\nbatch 3\n\tc.example.com TXT\nbatch 4\n\td.example.com A\n"},
		{"wanted values", "a 1 A 192.0.2.1\na 1 A 192.0.2.2\nb 1 A 192.0.2.2\nc 1 A 192.0.2.3\n", dns.Traits{Batch: dns.BatchSize{Values: 2}},
			"batch 1\n\ta.example.com A\nbatch 2\n\tb.example.com A\n\tc.example.com A\n"},
		{"wanted changes", "a 1 A 192.0.2.1\na 1 A 192.0.2.2\nb 1 A 192.0.2.2\nc 1 A 192.0.2.3\n", dns.Traits{Batch: dns.BatchSize{Changes: 2}},
			"batch 1\n\ta.example.com A\n\tb.example.com A\nbatch 2\n\tc.example.com A\n"},
		{"alias to routed sets", "a ALIAS A b.example.com. zone=Z1 health=false\nb 1 A 192.0.2.1 ;! id=x weight=1\n", dns.Traits{},
			"batch 1\n\tb.example.com A [x]\n\ta.example.com A\n"},
		{"alias of another zone", "a ALIAS A b.example.com. zone=Z2 health=false\nb 1 A 192.0.2.1\n", dns.Traits{},
			"batch 1\n\ta.example.com A\n\tb.example.com A\n"},
		{"alias of another type", "a ALIAS AAAA b.example.com. zone=Z1 health=false\nb 1 A 192.0.2.1\n", dns.Traits{},
			"batch 1\n\ta.example.com AAAA\n\tb.example.com A\n"},
		{"a circle", "a ALIAS A b.example.com. zone=Z1 health=false\nb ALIAS A a.example.com. zone=Z1 health=false\nc 1 A 192.0.2.1\n", dns.Traits{},
			"batch 1\n\tb.example.com A\n\ta.example.com A\n\tc.example.com A\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, printBatches(plan.Pack(tt.traits, zone, create(t, tt.records)))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestPlanPrintsAsDiff(t *testing.T) {
	old, next := create(t, "b 60 A 192.0.2.1\n")[0][0].New, create(t, "b 300 A 192.0.2.1\nb 300 A 192.0.2.2\n")[0][0].New
	gone, asserted := create(t, "c 60 CNAME b\n")[0][0].New, create(t, "d 60 A 192.0.2.1\n")[0][0].New
	p := plan.Plan{
		Zone: zone,
		Groups: []dns.Group{
			create(t, "a ALIAS A lb.example.net. zone=Z2 health=true\n")[0],
			{{Old: gone}, {Old: old, New: next}, {Old: asserted, New: asserted}},
		},
		Refusals: []plan.Refusal{
			{Key: old.Key, Reason: plan.Oversize, Message: "it is too big"},
			{Key: old.Key, Reason: plan.Conflict, Message: "they differ", Objects: []plan.Object{object("node/n1"), object("service/default/a")}},
		},
	}
	want := `example.com. (Z1): 1 to create, 1 to change, 1 to delete
+ a.example.com. ALIAS A lb.example.net. zone=Z2 health=true
- c.example.com. 60 IN CNAME b.example.com.
- b.example.com. 60 IN A 192.0.2.1
+ b.example.com. 300 IN A 192.0.2.1
+ b.example.com. 300 IN A 192.0.2.2
! b.example.com A: Oversize: it is too big
! b.example.com A: Conflict: they differ (node/n1, service/default/a)
`
	if d := cmp.Diff(want, p.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if p.Empty() || !(plan.Plan{Groups: []dns.Group{{{Old: asserted, New: asserted}}}}).Empty() {
		t.Error("a plan is empty exactly if it changes nothing")
	}
	if strings.Contains(p.String(), "d.example.com") {
		t.Error("an assertion is shown")
	}
}
