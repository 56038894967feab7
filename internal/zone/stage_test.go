package zone_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider/memory"
	"github.com/signpost-dns/signpost/internal/zone"
)

var example = dns.Zone{ID: "Z1", Name: "example.com."}

// stage is a worker on a service in memory, and what is wanted of it.
type stage struct {
	*zone.Worker
	t     *testing.T
	p     *memory.Provider
	wants map[dns.Name][]plan.Want
	hold  string // why nothing may be deleted
	log   bytes.Buffer
	calls []string // operations since the last look, in order
}

func newStage(t *testing.T) *stage { return newStageFor(t, plan.Sync, dns.Traits{Atomic: true}) }

func newStageFor(t *testing.T, policy plan.Policy, traits dns.Traits) *stage {
	t.Helper()
	naming, err := claim.NewNaming("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, p: memory.New(traits, example), wants: map[dns.Name][]plan.Want{}}
	s.faults(nil, nil)
	rules := plan.Rules{Owner: "me", Claims: &naming, Policy: policy, Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME}, Traits: traits}
	s.Worker = zone.NewWorker(example, s.p, zone.Account{Governor: zone.NewGovernor(zone.GovernorConfig{})}, rules, slog.New(slog.NewTextHandler(&s.log, nil)))
	return s
}

// faults sets what is asked before and after each call; nil is no fault.
func (s *stage) faults(before, after func(context.Context, memory.Call) error) {
	s.p.Before = func(ctx context.Context, c memory.Call) error {
		s.calls = append(s.calls, c.Op)
		if before == nil {
			return nil
		}
		return before(ctx, c)
	}
	s.p.After = after
}

// first returns a fault that strikes the first n calls of an operation.
func first(n int, op string, err error) func(context.Context, memory.Call) error {
	return func(_ context.Context, c memory.Call) error {
		if c.Op != op || n == 0 {
			return nil
		}
		n--
		return err
	}
}

// took returns the operations since the last time: "Page 2, Apply 1".
func (s *stage) took() string {
	var out []string
	for _, op := range s.calls {
		if len(out) == 0 || out[len(out)-1] != op {
			out = append(out, op)
		}
	}
	s.calls = nil
	return strings.Join(out, " ")
}

func (s *stage) read() {
	s.t.Helper()
	if err := s.Read(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// want asks for an A set at each name: "www=192.0.2.1". No address withdraws it.
func (s *stage) want(wants ...string) {
	s.t.Helper()
	for _, w := range wants {
		host, address, _ := strings.Cut(w, "=")
		n := name(host)
		delete(s.wants, n)
		if address == "" {
			continue
		}
		set, err := dns.NewRecordSet(dns.Key{Name: n, Type: dns.A}, 300, strings.Split(address, ",")...)
		if err != nil {
			s.t.Fatal(err)
		}
		s.wants[n] = []plan.Want{{By: plan.Object{Kind: "service", Namespace: "default", Name: host}, Set: set}}
	}
}

func name(host string) dns.Name { return dns.Name(host + "." + string(example.Name)) }

func names(hosts ...string) []dns.Name {
	var out []dns.Name
	for _, h := range hosts {
		out = append(out, name(h))
	}
	return out
}

func (s *stage) wanted() zone.Wanted {
	return zone.Wanted{
		At:     func(n dns.Name) []plan.Want { return s.wants[n] },
		Hold:   func(string) string { return s.hold },
		Frozen: func(dns.Name) string { return "" },
	}
}

func (s *stage) sync(hosts ...string) zone.Outcome {
	return s.Sync(s.t.Context(), names(hosts...), s.wanted())
}

// clean fails the test if anything was left undone.
func (s *stage) clean(out zone.Outcome) {
	s.t.Helper()
	if out.Err != nil || len(out.Failed) > 0 {
		s.t.Errorf("want all done, got error %v, failed %v", out.Err, out.Failed)
	}
}

// holds compares the A sets of the zone, "www=192.0.2.1", and checks that each
// set of ours has its claim and each claim its set, and that the image is what
// the zone holds.
func (s *stage) holds(want ...string) {
	s.t.Helper()
	var have []string
	claims := map[dns.Name]bool{}
	for _, set := range s.p.Sets(example) {
		if set.Type == dns.TXT {
			claims[set.Name] = true
		}
	}
	for _, set := range s.p.Sets(example) {
		if set.Type != dns.A {
			continue
		}
		host := strings.TrimSuffix(string(set.Name), "."+string(example.Name))
		have = append(have, host+"="+strings.Join(set.Data, ","))
		delete(claims, "a-"+set.Name)
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(want, have) {
		s.t.Errorf("the zone holds %q, want %q", have, want)
	}
	if len(claims) > 0 {
		s.t.Errorf("claims without their sets: %v", claims)
	}
	s.imageIsZone()
}

func (s *stage) imageIsZone() {
	s.t.Helper()
	n := 0
	for _, set := range s.p.Sets(example) {
		n++
		if !slices.ContainsFunc(s.Image().At(set.Name), set.Equal) {
			s.t.Errorf("the image lacks %s", set)
		}
	}
	if n != s.Image().Len() {
		s.t.Errorf("the image holds %d sets, and the zone %d", s.Image().Len(), n)
	}
}

// put makes the zone hold an A set of a stranger.
func (s *stage) put(host, address string) {
	s.p.Put(example, dns.RecordSet{Key: dns.Key{Name: name(host), Type: dns.A}, TTL: 60, Data: []string{address}})
}
