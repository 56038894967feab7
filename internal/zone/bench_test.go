package zone_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider/memory"
	"github.com/signpost-dns/signpost/internal/zone"
)

// BenchmarkSync changes one name in zones of several sizes; the cost shall not
// depend on the size.
func BenchmarkSync(b *testing.B) {
	for _, size := range []int{1_000, 200_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			naming, err := claim.NewNaming("", "", "")
			if err != nil {
				b.Fatal(err)
			}
			p := memory.New(dns.Traits{Atomic: true}, example)
			p.PageSize = size + 2
			for i := range size {
				p.Put(example, dns.RecordSet{Key: dns.Key{Name: name(fmt.Sprint("h", i)), Type: dns.A}, TTL: 60, Data: []string{"192.0.2.1"}})
			}
			rules := plan.Rules{Owner: "me", Claims: &naming, Policy: plan.Sync, Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME}}
			w := zone.NewWorker(example, p, zone.Account{Governor: zone.NewGovernor(zone.GovernorConfig{Rate: 1e9, Burst: 1e9})}, rules, slog.New(slog.DiscardHandler))
			if err := w.Read(b.Context()); err != nil {
				b.Fatal(err)
			}
			want := plan.Want{By: plan.Object{Kind: "service", Namespace: "default", Name: "web"}}
			wanted := zone.Wanted{At: func(n dns.Name) []plan.Want {
				if n != want.Set.Name {
					return nil
				}
				return []plan.Want{want}
			}}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				want.Set = dns.RecordSet{Key: dns.Key{Name: name("www"), Type: dns.A}, TTL: 60, Data: []string{fmt.Sprintf("192.0.2.%d", n%200)}}
				if out := w.Sync(b.Context(), names("www"), wanted); len(out.Applied) == 0 {
					b.Fatal(out.Err, out.Plan)
				}
			}
		})
	}
}

// manySets returns n sets, half of them the claims of the others.
func manySets(b *testing.B, n int) []dns.RecordSet {
	b.Helper()
	naming, err := claim.NewNaming("", "", "")
	if err != nil {
		b.Fatal(err)
	}
	sets := make([]dns.RecordSet, 0, n)
	for i := range n / 2 {
		by := plan.Object{Kind: "ingress", Namespace: "default", Name: fmt.Sprintf("host-%06d", i)}
		set := dns.RecordSet{Key: dns.Key{Name: name(by.Name + ".apps"), Type: dns.A}, TTL: 300, Data: []string{fmt.Sprintf("192.0.2.%d", i%256)}}
		at, err := naming.Name(set.Key, example.Name)
		if err != nil {
			b.Fatal(err)
		}
		sets = append(sets, set, claim.Set(claim.Claim{Owner: "default", Resource: by.Resource()}, at, set))
	}
	return sets
}

// BenchmarkImagePut builds an image; B/set is what it keeps.
func BenchmarkImagePut(b *testing.B) {
	sets := manySets(b, 200_000)
	var kept uint64
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		before := heap()
		b.StartTimer()
		image := zone.NewImage()
		for _, set := range sets {
			image.Put(set)
		}
		b.StopTimer()
		kept = heap() - before
		runtime.KeepAlive(image)
		b.StartTimer()
	}
	b.ReportMetric(float64(kept)/float64(len(sets)), "B/set")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkImageAt(b *testing.B) {
	sets := manySets(b, 200_000)
	image := zone.NewImage()
	for _, set := range sets {
		image.Put(set)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i = (i + 7919) % len(sets)
		if len(image.At(sets[i].Name)) != 1 {
			b.Fatal(sets[i])
		}
	}
}

// BenchmarkKnown asks what has to be read before a name may be planned: of one
// that lies beyond what has been read, and of one that can be planned.
func BenchmarkKnown(b *testing.B) {
	naming, err := claim.NewNaming("", "", "")
	if err != nil {
		b.Fatal(err)
	}
	p := memory.New(dns.Traits{Atomic: true}, example)
	p.PageSize = 2
	for _, n := range []string{"m", "n", "zz"} {
		p.Put(example, dns.RecordSet{Key: dns.Key{Name: name(n), Type: dns.A}, TTL: 60, Data: []string{"192.0.2.1"}})
	}
	rules := plan.Rules{Owner: "me", Claims: &naming, Policy: plan.Sync, Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME}}
	w := zone.NewWorker(example, p, zone.Account{Governor: zone.NewGovernor(zone.GovernorConfig{Rate: 1e9, Burst: 1e9})}, rules, slog.New(slog.DiscardHandler))
	page, err := w.Turn()(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	w.Merge(page)
	for _, tt := range []struct {
		name  string
		known bool
	}{{"k", true}, {"x", false}} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w.Known(name(tt.name)) != tt.known {
					b.Fatalf("Known(%s) is %t", tt.name, !tt.known)
				}
			}
		})
	}
}
