package route53

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

const (
	zonePrefix  = "/hostedzone/"
	typePublic  = "public"
	typePrivate = "private"
)

// Zones implements [provider.Provider]: the zones that pass the filters by ID,
// type and domain.
//
// Where listing zones is not permitted, the zone IDs of the filter are taken to
// be complete, and the apex of each is read from its SOA. Its records do not
// say whether a zone is private: it is what the filter by type says, else
// public.
func (p *Provider) Zones(ctx context.Context) ([]dns.Zone, error) {
	zones, crowds, err := p.listZones(ctx)
	if err == nil {
		p.remember(zones)
	}
	if errors.Is(err, provider.ErrDenied) && len(p.zoneIDs()) > 0 && notPermitted(err) {
		zones, err = p.zonesByID(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	all := slices.Clone(zones)
	zones = slices.DeleteFunc(zones, func(z dns.Zone) bool { return !p.chosen(z) })
	if zones, err = p.tagged(ctx, zones); err != nil {
		return nil, err
	}
	if len(zones) == 0 && len(all) > 0 {
		return nil, p.noneChosen(all)
	}
	slices.SortFunc(zones, func(a, b dns.Zone) int { return cmp.Or(a.Name.Compare(b.Name), cmp.Compare(a.ID, b.ID)) })
	p.quotas(ctx, zones, crowds)
	return zones, nil
}

// remember keeps which zones are private, for when listing is not permitted any
// more: a zone that changed its type would change what belongs into it.
func (p *Provider) remember(zones []dns.Zone) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.private = map[string]bool{}
	for _, z := range zones {
		p.private[z.ID] = z.Private
	}
}

// wasPrivate says whether a zone is private, as last listed, and if it never
// was as the filter by type says.
func (p *Provider) wasPrivate(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if private, known := p.private[id]; known {
		return private
	}
	return p.options.ZoneType == typePrivate
}

// noneChosen says that the account has zones, and which, and that the filters
// admit none of them.
func (p *Provider) noneChosen(all []dns.Zone) error {
	const few = 5
	var names []string
	for _, z := range all[:min(len(all), few)] {
		names = append(names, z.Name.Host())
	}
	if len(all) > few {
		names = append(names, fmt.Sprintf("and %d more", len(all)-few))
	}
	return &provider.Error{Kind: provider.ErrNoZone, Op: "ListHostedZones",
		Cause: fmt.Errorf("the filters admit no hosted zone of this account, which has %s", strings.Join(names, ", ")),
		Hint: "name one of the zones with --domain-filter (it chooses zones too: a name below a zone does not choose the zone, " +
			"unless with --aws-zone-match-parent), and check --zone-id-filter, --aws-zone-type and --aws-zone-tags"}
}

// listZones returns all zones, and how many record sets are in those that hold
// many (see manySets), by ID.
func (p *Provider) listZones(ctx context.Context) (zones []dns.Zone, crowds map[string]int64, err error) {
	crowds = map[string]int64{}
	// The SDK's paginator would go on for as long as an answer names a marker,
	// truncated or not.
	for in := (&api.ListHostedZonesInput{}); ; {
		page, err := request(ctx, p, "ListHostedZones", "", nil, func(ctx context.Context) (*api.ListHostedZonesOutput, error) {
			return p.client.ListHostedZones(ctx, in)
		})
		if err != nil {
			return nil, nil, err
		}
		zones = append(zones, hostedZones(page.HostedZones)...)
		for _, z := range page.HostedZones {
			if n := aws.ToInt64(z.ResourceRecordSetCount); n >= manySets {
				crowds[strings.TrimPrefix(aws.ToString(z.Id), zonePrefix)] = n
			}
		}
		if !page.IsTruncated {
			return zones, crowds, nil
		}
		in.Marker = page.NextMarker
	}
}

func hostedZones(listed []types.HostedZone) []dns.Zone {
	var zones []dns.Zone
	for _, z := range listed {
		name, err := dns.ParseOctalName(aws.ToString(z.Name))
		if err != nil {
			continue // no name that DNS knows lies in such a zone
		}
		private := z.Config != nil && z.Config.PrivateZone
		zones = append(zones, dns.Zone{ID: strings.TrimPrefix(aws.ToString(z.Id), zonePrefix), Name: name, Private: private})
	}
	return zones
}

// zonesByID finds the zones that the filter names, without the permission to
// list them.
func (p *Provider) zonesByID(ctx context.Context, denied error) ([]dns.Zone, error) {
	p.wish("route53:ListHostedZones on * would tell whether the zones of --zone-id-filter are private, " +
		"and would let the filter hold the end of an ID")
	var zones []dns.Zone
	for _, id := range p.zoneIDs() {
		id = strings.TrimPrefix(id, zonePrefix)
		apex, err := p.apex(ctx, id)
		if isCode(err, codeNoSuchZone, codeInvalidInput) {
			return nil, p.incomplete(id, denied)
		}
		if err != nil {
			return nil, err
		}
		zones = append(zones, dns.Zone{ID: id, Name: apex, Private: p.wasPrivate(id)})
	}
	return zones, nil
}

// apex returns the owner name of the zone's SOA. A zone's first record sets in
// its own order are those of its apex.
func (p *Provider) apex(ctx context.Context, id string) (dns.Name, error) {
	page, err := p.list(ctx, dns.Zone{ID: id}, place{}, fullPage)
	if err != nil {
		return "", err
	}
	for _, set := range page.sets {
		if set.Type == types.RRTypeSoa {
			return dns.ParseOctalName(aws.ToString(set.Name))
		}
	}
	return "", &provider.Error{Kind: provider.ErrDenied, Op: opList, Zone: id,
		Cause: errors.New("the zone begins without an SOA, so that its name cannot be known"),
		Hint:  "allow route53:ListHostedZones on *"}
}

// incomplete explains that an ID of the filter is no complete ID of a zone.
func (p *Provider) incomplete(id string, denied error) error {
	return &provider.Error{Kind: provider.ErrDenied, Op: "ListHostedZones", Cause: denied,
		Hint: "allow route53:ListHostedZones on *, or give --zone-id-filter a complete ID: there is no zone " + id}
}

func (p *Provider) zoneIDs() []string {
	var ids []string
	for _, id := range p.options.ZoneIDFilter {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *Provider) chosen(z dns.Zone) bool {
	if ids := p.zoneIDs(); len(ids) > 0 {
		ends := func(id string) bool { return strings.HasSuffix(zonePrefix+z.ID, id) }
		if !slices.ContainsFunc(ids, ends) {
			return false
		}
	}
	if t := p.options.ZoneType; t != "" && (t == typePrivate) != z.Private {
		return false
	}
	return p.filter.MatchZone(z.Name) || p.options.ZoneMatchParent && p.filter.MatchParent(z.Name)
}
