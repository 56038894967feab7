package simulation

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/expose"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
)

// mutant is a Signpost that is broken in one way, so that the checks can show that they find it.
type mutant struct {
	name     string
	twice    bool // two replicas, always
	provider func(provider.Provider) provider.Provider
	config   func(*controller.Config)
	firewall func(expose.Firewall) expose.Firewall // in worlds with exposure only
	caught   string                                // what the broken invariant says
	from     uint64                                // the first seed to try, so that it does not take long
}

var mutants = []mutant{
	{
		name:     "writes sets without their claims",
		provider: func(p provider.Provider) provider.Provider { return claimless{p} },
		caught:   "without a claim of ours",
	},
	{
		name:     "compares nothing before it swaps",
		provider: func(p provider.Provider) provider.Provider { return careless{p} },
		caught:   "which is not ours",
		from:     2,
	},
	{
		name:     "says that it wrote what it did not write",
		provider: func(p provider.Provider) provider.Provider { return forgetful{p} },
		caught:   "not as the objects say",
	},
	{
		name:   "has no guard",
		config: func(c *controller.Config) { c.MaxDeletes = plan.Unlimited() },
		caught: "nobody approved it",
	},
	{
		name:   "takes a kind that it cannot read for one without objects",
		config: func(c *controller.Config) { c.Feed, c.MaxDeletes = credulous{c.Feed}, plan.Unlimited() },
		caught: "cannot have been able to read",
		from:   10,
	},
	{
		name:   "goes on writing when its lease is lost",
		twice:  true,
		config: func(c *controller.Config) { c.Lease = unfenced{c.Lease} },
		caught: "holds the lease",
	},
	{
		name:     "says that it opened what it did not open",
		firewall: func(f expose.Firewall) expose.Firewall { return lazy{f, true} },
		caught:   "names of",
	},
	{
		name:     "closes nodes before their names are forgotten",
		firewall: func(f expose.Firewall) expose.Firewall { return hasty{f} },
		caught:   "names of",
	},
	{
		name:     "says that it closed what it did not close",
		firewall: func(f expose.Firewall) expose.Firewall { return lazy{f, false} },
		caught:   "is open, and no Service asks for it",
	},
}

// TestMutants lets broken Signposts live in the same worlds, until the invariant is broken that each of them breaks.
func TestMutants(t *testing.T) {
	if racing {
		t.Skip("what this shows does not depend on the race detector, and takes long under it")
	}
	const most = 60
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for s := m.from; s < m.from+most; s++ {
				if _, verdict := live(t, s, 2*time.Hour, m); strings.Contains(verdict, m.caught) {
					t.Logf("seed %d %s", s, verdict)
					return
				}
			}
			t.Errorf("in %d worlds nothing was noticed", most)
		})
	}
}

// claimless drops claims.
type claimless struct{ provider.Provider }

// Apply implements [provider.Provider].
func (p claimless) Apply(ctx context.Context, z dns.Zone, b dns.Batch) error {
	return p.Provider.Apply(ctx, z, only(b, func(c dns.Change) bool { return c.Key().Type != dns.TXT }))
}

// only keeps some of the changes of a batch.
func only(b dns.Batch, keep func(dns.Change) bool) dns.Batch {
	var kept dns.Batch
	for _, g := range b {
		g = slices.DeleteFunc(slices.Clone(g), func(c dns.Change) bool { return !keep(c) })
		if len(g) > 0 {
			kept = append(kept, g)
		}
	}
	return kept
}

// forgetful writes no IPv6 addresses, and says that it did.
type forgetful struct{ provider.Provider }

// Apply implements [provider.Provider].
func (p forgetful) Apply(ctx context.Context, z dns.Zone, b dns.Batch) error {
	b = only(b, func(c dns.Change) bool {
		return c.Key().Type != dns.AAAA && !strings.HasPrefix(string(c.Key().Name), "aaaa-")
	})
	if len(b) == 0 {
		return nil
	}
	return p.Provider.Apply(ctx, z, b)
}

// careless takes whatever stands for what it expected.
type careless struct{ provider.Provider }

// Apply implements [provider.Provider].
func (p careless) Apply(ctx context.Context, z dns.Zone, b dns.Batch) error {
	var names []dns.Name
	for _, g := range b {
		names = append(names, g.Names()...)
	}
	sets, err := p.At(ctx, z, names)
	if err != nil {
		return err
	}
	var blind dns.Batch
	for _, g := range b {
		var group dns.Group
		for _, c := range g {
			now := dns.Change{New: c.New}
			if i := slices.IndexFunc(sets, func(s dns.RecordSet) bool { return s.Key == c.Key() }); i >= 0 {
				now.Old = &sets[i]
			}
			if now.Old != nil || now.New != nil {
				group = append(group, now)
			}
		}
		blind = append(blind, group)
	}
	return p.Provider.Apply(ctx, z, blind)
}

// credulous is a feed by which every kind has been read.
type credulous struct{ objects.Feed }

// Run implements [objects.Feed].
func (f credulous) Run(ctx context.Context, sink objects.Sink) error {
	return f.Feed.Run(ctx, trusting{sink})
}

type trusting struct{ objects.Sink }

// Status implements [objects.Sink].
func (s trusting) Status(kind schema.GroupVersionKind, _ objects.Status) {
	s.Sink.Status(kind, objects.Status{Synced: true})
}

// lazy is a firewall that does not open, or does not close, and says that it did.
type lazy struct {
	expose.Firewall
	opens bool
}

// Plan implements [expose.Firewall].
func (f lazy) Plan(ctx context.Context, want expose.Want) (expose.Steps, error) {
	steps, err := f.Firewall.Plan(ctx, want)
	idle := steps.Close
	if f.opens {
		idle = steps.Open
	}
	for i := range idle {
		idle[i].Do = func(context.Context) error { return nil }
	}
	return steps, err
}

// hasty is a firewall that closes nodes that Services are about to leave.
type hasty struct{ expose.Firewall }

// Plan implements [expose.Firewall].
func (f hasty) Plan(ctx context.Context, want expose.Want) (expose.Steps, error) {
	maps.DeleteFunc(want.Instances, func(id string, _ []string) bool { return want.Leaving[id] })
	return f.Firewall.Plan(ctx, want)
}

// unfenced is a lease that nobody minds who has had it once.
type unfenced struct{ lease.Lease }

// Run implements [lease.Lease].
func (l unfenced) Run(ctx context.Context, lead func(context.Context) error) error {
	return l.Lease.Run(ctx, func(context.Context) error { return lead(ctx) })
}

// Check implements [lease.Lease].
func (unfenced) Check(time.Duration) error { return nil }
