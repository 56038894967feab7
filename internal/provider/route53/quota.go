package route53

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/signpost-dns/signpost/internal/provider"
)

const (
	opLimit = "GetHostedZoneLimit"
	// manySets is from how many record sets on a zone's quota is asked for. It is
	// 10,000 unless Amazon raised it, so that other zones are far from theirs.
	manySets = 8000
	// nearly is which share of its quota, in percent, a zone may hold before that
	// is told.
	nearly = 90
)

// many returns the zones that hold many record sets, as the list of zones says.
func many(zones []types.HostedZone) []types.HostedZone {
	var out []types.HostedZone
	for _, z := range zones {
		if aws.ToInt64(z.ResourceRecordSetCount) >= manySets {
			out = append(out, z)
		}
	}
	return out
}

// quotas finds out which of the zones are nearly full. That it cannot, it wishes
// to be mended; nothing else hangs on it.
func (p *Provider) quotas(ctx context.Context, zones []types.HostedZone) {
	var full []string
	for _, z := range zones {
		id := strings.TrimPrefix(aws.ToString(z.Id), zonePrefix)
		in := &api.GetHostedZoneLimitInput{HostedZoneId: aws.String(id), Type: types.HostedZoneLimitTypeMaxRrsetsByZone}
		out, err := request(ctx, p, opLimit, id, nil, func(ctx context.Context) (*api.GetHostedZoneLimitOutput, error) {
			return p.client.GetHostedZoneLimit(ctx, in)
		})
		if errors.Is(err, provider.ErrDenied) && notPermitted(err) {
			p.wish("route53:" + opLimit + " on " + p.arn("*") + " would tell when a zone is nearly full")
			return
		}
		if err != nil || out.Limit == nil {
			return // the next list of zones asks again
		}
		if limit := aws.ToInt64(out.Limit.Value); out.Count*100 >= limit*nearly {
			full = append(full, fmt.Sprintf("the zone %s (%s) is nearly full: it holds more than %d %% of the %d record sets that it may; %s",
				strings.TrimSuffix(aws.ToString(z.Name), "."), id, nearly, limit, fullHint))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = full
}

// Warnings returns what a person should know of the zones, as of the last list
// of them: which are nearly full.
func (p *Provider) Warnings() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.full...)
}
