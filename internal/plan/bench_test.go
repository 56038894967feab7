package plan_test

import (
	"fmt"
	"testing"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// bigZone is a zone of n names, each with an A, an AAAA and their claims, as it
// is wanted.
func bigZone(b *testing.B, n int) (plan.Rules, plan.Input, []dns.Name, []dns.RecordSet) {
	b.Helper()
	naming, err := claim.NewNaming("", "", "")
	if err != nil {
		b.Fatal(err)
	}
	rules := plan.Rules{Owner: "me", Claims: &naming, Policy: plan.Sync, Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME},
		Traits: dns.Traits{Aliases: aliases, MaxValues: 1000, MaxChars: 32000}}
	held, wants := map[dns.Name][]dns.RecordSet{}, map[dns.Name][]plan.Want{}
	var names []dns.Name
	var all []dns.RecordSet
	for i := range n {
		name := dns.Name(fmt.Sprintf("host-%05d.apps.example.com.", i))
		names = append(names, name)
		by := plan.Object{Kind: "service", Namespace: "default", Name: fmt.Sprint("host-", i)}
		for t, data := range map[dns.Type]string{dns.A: "192.0.2.1", dns.AAAA: "2001:db8::1"} {
			set := dns.RecordSet{Key: dns.Key{Name: name, Type: t}, TTL: 300, Data: []string{data}}
			at, err := naming.Name(set.Key, zone.Name)
			if err != nil {
				b.Fatal(err)
			}
			txt := claim.Set(claim.Claim{Owner: "me", Resource: by.Resource()}, at, set)
			held[name] = append(held[name], set)
			held[at] = append(held[at], txt)
			all = append(all, set, txt)
			wants[name] = append(wants[name], plan.Want{By: by, Set: set})
		}
	}
	return rules, plan.Input{Zone: zone,
		Wants: func(n dns.Name) []plan.Want { return wants[n] },
		Sets:  func(n dns.Name) []dns.RecordSet { return held[n] },
	}, names, all
}

func BenchmarkComputeOneName(b *testing.B) {
	rules, in, names, _ := bigZone(b, 20000)
	in.Names = names[777:778]
	b.ReportAllocs()
	for b.Loop() {
		if p := plan.Compute(rules, in); len(p.Groups) != 0 {
			b.Fatal(p)
		}
	}
}

func BenchmarkComputeZone(b *testing.B) {
	rules, in, names, all := bigZone(b, 20000)
	b.ReportAllocs()
	for b.Loop() {
		in.Names = plan.Names(rules, zone, names, all)
		if p := plan.Compute(rules, in); len(p.Groups) != 0 {
			b.Fatal(p)
		}
	}
}

// BenchmarkComputeNewZone plans a zone that holds nothing yet.
func BenchmarkComputeNewZone(b *testing.B) {
	rules, in, names, _ := bigZone(b, 20000)
	in.Names, in.Sets = names, func(dns.Name) []dns.RecordSet { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if p := plan.Compute(rules, in); len(p.Groups) != len(names) {
			b.Fatal(len(p.Groups))
		}
	}
}

func BenchmarkPack(b *testing.B) {
	rules, in, names, _ := bigZone(b, 10000)
	in.Names, in.Sets = names, func(dns.Name) []dns.RecordSet { return nil }
	groups := plan.Compute(rules, in).Groups
	b.ReportAllocs()
	for b.Loop() {
		if batches, _ := plan.Pack(rules.Traits, zone, groups); len(batches) == 0 {
			b.Fatal("no batches")
		}
	}
}
