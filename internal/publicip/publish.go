package publicip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
)

// ObjectKind is the first word of the resource label of claims that a [Publisher] writes, as in
// "host/registry.example.com". No source reads objects of this kind, so that none can say that one is gone.
const ObjectKind = "host"

// Publisher points names at addresses.
type Publisher struct {
	Provider provider.Provider
	ZoneID   string // "": the public zone with the longest apex that holds the name, which takes the permission to list zones
	Owner    string
	Naming   claim.Naming
	TTL      uint32 // seconds
}

// RefusedError says why a name cannot be published.
type RefusedError struct{ Refusals []plan.Refusal }

// Error returns the refusals, one a line.
func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Refusals))
	for i, r := range e.Refusals {
		lines[i] = fmt.Sprintf("%s: %s: %s", r.Key, r.Reason, r.Message)
	}
	return strings.Join(lines, "\n")
}

// Hint returns what a person can do.
func (e *RefusedError) Hint() string {
	for _, r := range e.Refusals {
		if r.Reason == plan.NotOwned {
			return "choose another name; a name that was published with another --txt-owner-id is published with that one again"
		}
	}
	return ""
}

// Publish points host at the addresses, and returns what it did. Sets of families that are not given stay as they are.
// What hinders only for a moment is tried again, for some seconds.
func (p *Publisher) Publish(ctx context.Context, host dns.Name, addrs map[Family]netip.Addr) (plan.Plan, error) {
	todo, err := p.persist(ctx, func() (plan.Plan, error) { return p.Plan(ctx, host, addrs) })
	if errors.Is(err, provider.ErrRejected) && p.ZoneID != "" {
		err = errorf("does "+host.Host()+" belong into the zone "+p.ZoneID+"? --zone-id names the zone", "%w", err)
	}
	return todo, err
}

// Remove deletes what Publish made at host, as far as it still points at these addresses: another host that publishes
// the same name may have taken it over.
func (p *Publisher) Remove(ctx context.Context, host dns.Name, addrs map[Family]netip.Addr) (plan.Plan, error) {
	return p.persist(ctx, func() (plan.Plan, error) {
		zone, sets, err := p.read(ctx, host, families(addrs))
		if err != nil {
			return plan.Plan{}, err
		}
		var left []dns.Type
		for f, addr := range addrs {
			key := dns.Key{Name: host, Type: f.Type()}
			if slices.ContainsFunc(sets, func(s dns.RecordSet) bool { return s.Key == key && slices.Equal(s.Data, []string{addr.String()}) }) {
				left = append(left, f.Type())
			}
		}
		return p.compute(zone, host, left, sets, nil), nil
	})
}

// requestTime is how long one request may take, for a service that accepts it and never answers.
const requestTime = 10 * time.Second

// timed gives each request to the DNS service its time.
func timed(ctx context.Context) context.Context {
	return provider.WithPace(ctx, func(ctx context.Context, _ string) (context.Context, func(error), error) {
		ctx, cancel := context.WithTimeout(ctx, requestTime)
		return ctx, func(error) { cancel() }, nil
	})
}

// delays are how long to wait before trying again.
func delays() []time.Duration { return []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} }

// persist plans and applies until that succeeds or will not.
func (p *Publisher) persist(ctx context.Context, compute func() (plan.Plan, error)) (plan.Plan, error) {
	waits := delays()
	for {
		todo, err := compute()
		if err == nil && !todo.Empty() {
			err = p.Provider.Apply(timed(ctx), todo.Zone, todo.Groups)
		}
		if err == nil || !transient(err) || len(waits) == 0 {
			return todo, err
		}
		t := time.NewTimer(waits[0])
		waits = waits[1:]
		select {
		case <-ctx.Done():
			t.Stop()
			return todo, err
		case <-t.C:
		}
	}
}

// transient reports whether an error may be gone on the next try: everything but what the service refuses, and what
// is refused before it is asked.
func transient(err error) bool {
	var refused *RefusedError
	var own *hinted
	var answered *provider.Error
	switch {
	case errors.As(err, &refused), errors.As(err, &own):
		return false
	case errors.As(err, &answered):
		return errors.Is(err, provider.ErrConflict) || errors.Is(err, provider.ErrThrottled)
	}
	return !errors.Is(err, context.Canceled)
}

// Plan returns what Publish would do, or a [RefusedError].
//
// A set that nobody claims is replaced, though only if it is of the kind that is published (no alias, no routing): a
// person has named this very name, and older programs left no claims.
func (p *Publisher) Plan(ctx context.Context, host dns.Name, addrs map[Family]netip.Addr) (plan.Plan, error) {
	zone, sets, err := p.read(ctx, host, families(addrs))
	if err != nil {
		return plan.Plan{}, err
	}
	wants, err := p.wants(host, addrs)
	if err != nil {
		return plan.Plan{}, err
	}
	if err := foreignHeritage(host, sets); err != nil {
		return plan.Plan{}, err
	}
	var types []dns.Type
	orphans := map[dns.Key]*dns.RecordSet{}
	var known []dns.RecordSet
	for _, w := range wants {
		types = append(types, w.Set.Type)
	}
	for _, set := range sets {
		if set.Name == host && slices.Contains(types, set.Type) && p.orphan(set, sets, zone) {
			orphans[set.Key] = &set
			continue
		}
		known = append(known, set)
	}
	todo := p.compute(zone, host, types, known, wants)
	for _, g := range todo.Groups {
		for i, c := range g {
			if old := orphans[c.Key()]; old != nil && c.Old == nil {
				g[i].Old = old
			}
		}
	}
	if len(todo.Refusals) > 0 {
		return todo, &RefusedError{todo.Refusals}
	}
	return todo, nil
}

// orphan reports whether a set is nobody's and can be replaced.
func (p *Publisher) orphan(set dns.RecordSet, sets []dns.RecordSet, zone dns.Zone) bool {
	return set.SetID == "" && set.Alias == nil && set.Routing == nil && set.HealthCheckID == "" && len(set.Opaque()) == 0 &&
		len(p.Naming.For(sets, set, zone.Name)) == 0
}

// foreignHeritage refuses a name at which a program that is not of ExternalDNS's kind has left a mark of its own, such
// as openfresh/external-ips.
func foreignHeritage(host dns.Name, sets []dns.RecordSet) error {
	for _, set := range sets {
		if set.Name != host || set.Type != dns.TXT {
			continue
		}
		for _, value := range set.Data {
			c, ours := claim.Parse(value)
			if text, err := dns.ParseStrings(value); (!ours || c.Heritage != "") && err == nil && strings.HasPrefix(strings.Join(text, ""), "heritage=") {
				return &RefusedError{[]plan.Refusal{{Key: set.Key, Reason: plan.NotOwned,
					Message: fmt.Sprintf("the TXT %s is the mark of another program; delete it by hand if that program is gone", value)}}}
			}
		}
	}
	return nil
}

func families(addrs map[Family]netip.Addr) []Family {
	var out []Family
	for _, f := range []Family{IPv4, IPv6} {
		if addrs[f].IsValid() {
			out = append(out, f)
		}
	}
	return out
}

func (p *Publisher) wants(host dns.Name, addrs map[Family]netip.Addr) ([]plan.Want, error) {
	var out []plan.Want
	for _, f := range families(addrs) {
		set, err := dns.NewRecordSet(dns.Key{Name: host, Type: f.Type()}, p.TTL, addrs[f].String())
		if err != nil {
			return nil, err
		}
		out = append(out, plan.Want{By: plan.Object{Kind: ObjectKind, Name: host.Host()}, Set: set})
	}
	return out, nil
}

// compute plans the one name.
func (p *Publisher) compute(zone dns.Zone, host dns.Name, types []dns.Type, sets []dns.RecordSet, wants []plan.Want) plan.Plan {
	rules := plan.Rules{Owner: p.Owner, Claims: &p.Naming, Policy: plan.Sync, Types: types, Traits: p.Provider.Traits()}
	return plan.Compute(rules, plan.Input{
		Zone: zone, Names: []dns.Name{host},
		Wants: func(n dns.Name) []plan.Want {
			if n != host {
				return nil
			}
			return wants
		},
		Sets: func(n dns.Name) []dns.RecordSet {
			return slices.DeleteFunc(slices.Clone(sets), func(s dns.RecordSet) bool { return s.Name != n })
		},
		Hold: func(resource string) string {
			if resource == "" || strings.HasPrefix(resource, ObjectKind+"/") {
				return ""
			}
			return resource + " holds it"
		},
	})
}

// read returns the zone of host, with all that the zone holds there and where its claims may lie.
//
// Where only the ID of the zone is known, its name need not be asked for: what matters to claims is whether host is the
// apex, and that its SOA tells.
func (p *Publisher) read(ctx context.Context, host dns.Name, of []Family) (dns.Zone, []dns.RecordSet, error) {
	ctx = timed(ctx)
	zone, err := p.zone(ctx, host)
	if err != nil {
		return zone, nil, err
	}
	sets, err := p.Provider.At(ctx, zone, []dns.Name{host})
	if err != nil {
		return zone, nil, fmt.Errorf("read %s: %w", host.Host(), err)
	}
	alias := false
	for _, s := range sets {
		if s.Type == dns.SOA {
			zone.Name = host
		}
		alias = alias || s.Alias != nil
	}
	names := p.claimNames(zone, host, of, alias)
	more, err := p.Provider.At(ctx, zone, names)
	if err != nil {
		return zone, nil, fmt.Errorf("read the claims of %s: %w", host.Host(), err)
	}
	sets = append(sets, more...)
	// A claim's name may speak of another name too; whose it is depends on what stands there.
	names = append(names, host)
	var others []dns.Name
	for _, s := range sets {
		if _, ok := claimIn(s); !ok {
			continue
		}
		for _, r := range p.Naming.Reads(s.Name, zone.Name) {
			if !slices.Contains(names, r.Name) && !slices.Contains(others, r.Name) {
				others = append(others, r.Name)
			}
		}
	}
	if len(others) == 0 {
		return zone, sets, nil
	}
	if more, err = p.Provider.At(ctx, zone, others); err != nil {
		return zone, nil, fmt.Errorf("read what shares a claim with %s: %w", host.Host(), err)
	}
	return zone, append(sets, more...), nil
}

// claimNames returns where claims of sets of these families at host may lie, host itself aside. What ExternalDNS once
// called the claim of an alias only matters to an alias.
func (p *Publisher) claimNames(zone dns.Zone, host dns.Name, of []Family, alias bool) []dns.Name {
	var types []dns.Type
	for _, f := range of {
		types = append(types, f.Type())
	}
	names := p.Naming.Candidates(host, zone.Name, types)
	var out []dns.Name
	for _, n := range names {
		onlyAlias := !slices.ContainsFunc(p.Naming.Reads(n, zone.Name), func(r claim.Reading) bool {
			return r.Name == host && r.Type != dns.CNAME
		})
		if n != host && (alias || !onlyAlias) {
			out = append(out, n)
		}
	}
	return out
}

func claimIn(set dns.RecordSet) (claim.Claim, bool) {
	if set.Type == dns.TXT {
		for _, value := range set.Data {
			if c, ok := claim.Parse(value); ok {
				return c, true
			}
		}
	}
	return claim.Claim{}, false
}

// zone returns where host belongs.
func (p *Publisher) zone(ctx context.Context, host dns.Name) (dns.Zone, error) {
	if p.ZoneID != "" {
		_, parent := host.Cut()
		return dns.Zone{ID: p.ZoneID, Name: parent}, nil
	}
	zones, err := p.Provider.Zones(ctx)
	if err != nil {
		return dns.Zone{}, fmt.Errorf("find the zone of %s: %w", host.Host(), err)
	}
	for _, z := range dns.ZonesFor(host, zones) {
		if !z.Private {
			return z, nil
		}
	}
	return dns.Zone{}, errorf("name the zone with --zone-id", "no public hosted zone of this account holds %s", host.Host())
}
