package route53

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/signpost-dns/signpost/internal/dns"
)

const (
	opTags = "ListTagsForResources"
	// tagPage is how many zones one call asks about: the most that it takes.
	tagPage = 10
)

// tagged returns the zones that have all tags of the filter.
func (p *Provider) tagged(ctx context.Context, zones []dns.Zone) ([]dns.Zone, error) {
	wanted := p.zoneTags()
	if len(wanted) == 0 {
		return zones, nil
	}
	var out []dns.Zone
	for some := range slices.Chunk(zones, tagPage) {
		tags, err := p.tags(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, z := range some {
			if !slices.ContainsFunc(wanted, func(w tag) bool { return !w.among(tags[z.ID]) }) {
				out = append(out, z)
			}
		}
	}
	return out, nil
}

// tags returns the tags of at most tagPage zones by their IDs.
func (p *Provider) tags(ctx context.Context, zones []dns.Zone) (map[string][]types.Tag, error) {
	in := &api.ListTagsForResourcesInput{ResourceType: types.TagResourceTypeHostedzone}
	for _, z := range zones {
		in.ResourceIds = append(in.ResourceIds, z.ID)
	}
	answer, err := request(ctx, p, opTags, "", nil, func(ctx context.Context) (*api.ListTagsForResourcesOutput, error) {
		return p.client.ListTagsForResources(ctx, in)
	})
	if err != nil {
		return nil, err
	}
	out := map[string][]types.Tag{}
	for _, set := range answer.ResourceTagSets {
		out[strings.TrimPrefix(aws.ToString(set.ResourceId), zonePrefix)] = set.Tags
	}
	return out, nil
}

// tag is what a zone must have: a key, with any value or this one.
type tag struct {
	key, value string
	any        bool
}

func (p *Provider) zoneTags() []tag {
	var out []tag
	for _, text := range p.options.ZoneTags {
		if text == "" {
			continue
		}
		key, value, ok := strings.Cut(text, "=")
		out = append(out, tag{key, value, !ok})
	}
	return out
}

func (w tag) among(tags []types.Tag) bool {
	return slices.ContainsFunc(tags, func(t types.Tag) bool {
		return aws.ToString(t.Key) == w.key && (w.any || aws.ToString(t.Value) == w.value)
	})
}
