package route53

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

const opChange = "ChangeResourceRecordSets"

// Apply implements [provider.Provider] with one ChangeResourceRecordSets. Each
// change becomes DELETE(Old), which the service refuses unless every field
// agrees, and CREATE(New), which it refuses if anything stands there. The
// service judges them in their order, and does all or nothing.
//
// A change of a set with fields that Signpost does not model is ErrRejected
// before any call.
func (p *Provider) Apply(ctx context.Context, zone dns.Zone, batch dns.Batch) error {
	if err := refuseOpaque(zone, batch); err != nil {
		return err
	}
	return p.change(ctx, zone, batch, changes(batch))
}

// Upsert implements [provider.Provider] with one ChangeResourceRecordSets, or
// none if nothing is left to do.
func (p *Provider) Upsert(ctx context.Context, zone dns.Zone, batch dns.Batch) error {
	if err := refuseOpaque(zone, batch); err != nil {
		return err
	}
	if err := refuseDeletions(zone, batch); err != nil {
		return err
	}
	writes := upserts(batch)
	if len(writes) == 0 {
		return nil
	}
	return p.change(ctx, zone, batch, writes)
}

func (p *Provider) change(ctx context.Context, zone dns.Zone, batch dns.Batch, changes []types.Change) error {
	in := &api.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(zone.ID),
		ChangeBatch:  &types.ChangeBatch{Changes: changes},
	}
	_, err := request(ctx, p, opChange, zone.ID, batch, func(ctx context.Context) (*api.ChangeResourceRecordSetsOutput, error) {
		return p.client.ChangeResourceRecordSets(ctx, in)
	})
	return err
}

// request sends one request at the pace that ctx carries, and turns what the
// service answered into an error of this module.
func request[T any](ctx context.Context, p *Provider, op, zone string, batch dns.Batch, send func(context.Context) (T, error)) (T, error) {
	ctx, done, err := provider.Begin(ctx, zone)
	if err != nil {
		var none T
		return none, err
	}
	out, err := send(ctx)
	if err != nil {
		err = p.fail(op, zone, batch, err)
	}
	done(err)
	return out, err
}

// changes returns the batch as the API takes it: in each group the deletions
// first, since what a name becomes may not fit beside what it was.
func changes(batch dns.Batch) []types.Change {
	var out []types.Change
	for _, group := range batch {
		for _, c := range group {
			if c.Old != nil {
				out = append(out, types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: toWire(*c.Old, c.Old.Listed())})
			}
		}
		for _, c := range group {
			switch {
			case c.New == nil:
			case c.Action() == dns.Assert:
				out = append(out, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: toWire(*c.Old, c.Old.Listed())})
			default:
				out = append(out, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: toWire(*c.New, dns.Listed{})})
			}
		}
	}
	return out
}

// upserts returns the batch without what deletes or only asserts.
func upserts(batch dns.Batch) []types.Change {
	var out []types.Change
	for _, group := range batch {
		for _, c := range group {
			switch c.Action() {
			case dns.Create:
				out = append(out, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: toWire(*c.New, dns.Listed{})})
			case dns.Update:
				out = append(out, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: toWire(*c.New, dns.Listed{})})
			}
		}
	}
	return out
}

func refuseDeletions(zone dns.Zone, batch dns.Batch) error {
	return refuse(zone, batch, errDeletion, func(c dns.Change) string {
		if c.Action() != dns.Delete {
			return ""
		}
		return fmt.Sprintf("%s can go by a deletion only", c.Key())
	})
}

func refuseOpaque(zone dns.Zone, batch dns.Batch) error {
	return refuse(zone, batch, errOpaque, func(c dns.Change) string {
		for _, set := range []*dns.RecordSet{c.Old, c.New} {
			if set != nil && len(set.Opaque()) > 0 {
				return fmt.Sprintf("%s has %v, which Signpost cannot write", set.Key, set.Opaque())
			}
		}
		return ""
	})
}

// refuse returns an ErrRejected that names the groups with a change of which
// why says something; nil if there is none.
func refuse(zone dns.Zone, batch dns.Batch, cause error, why func(dns.Change) string) error {
	var bad []provider.GroupError
	for i, group := range batch {
		for _, c := range group {
			if message := why(c); message != "" {
				bad = append(bad, provider.GroupError{Group: i, Kind: provider.ErrRejected, Message: message})
			}
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &provider.Error{Kind: provider.ErrRejected, Op: opChange, Zone: zone.ID, Groups: bad, Cause: cause}
}
