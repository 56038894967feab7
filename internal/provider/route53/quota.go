package route53

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/signpost-dns/signpost/internal/dns"
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
	// quotaLasts is how long a zone's quota is trusted: it changes when a person
	// asks for a higher one.
	quotaLasts = time.Hour
)

// quota is how many record sets a zone may hold.
type quota struct {
	sets  int64
	asked time.Time
}

// quotas finds out which of the zones are nearly full; crowds is how many record
// sets are in those that hold many. That it cannot, it wishes to be mended;
// nothing else hangs on it.
func (p *Provider) quotas(ctx context.Context, zones []dns.Zone, crowds map[string]int64) {
	var full []string
	for _, z := range zones {
		if crowds[z.ID] == 0 {
			continue
		}
		limit, err := p.quota(ctx, z)
		if errors.Is(err, provider.ErrDenied) && notPermitted(err) {
			p.wish("route53:" + opLimit + " on " + p.arn("*") + " would tell when a zone is nearly full")
			return
		}
		if err != nil {
			return // the next list of zones asks again
		}
		if limit > 0 && crowds[z.ID]*100 >= limit*nearly {
			full = append(full, fmt.Sprintf("the zone %s (%s) is nearly full: it holds more than %d %% of the %d record sets that it may; %s",
				z.Name.Host(), z.ID, nearly, limit, fullHint))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = full
}

// quota returns how many record sets a zone may hold; 0 is not known.
func (p *Provider) quota(ctx context.Context, z dns.Zone) (int64, error) {
	p.mu.Lock()
	known, ok := p.limits[z.ID]
	p.mu.Unlock()
	if ok && time.Since(known.asked) < quotaLasts {
		return known.sets, nil
	}
	in := &api.GetHostedZoneLimitInput{HostedZoneId: aws.String(z.ID), Type: types.HostedZoneLimitTypeMaxRrsetsByZone}
	out, err := request(ctx, p, opLimit, z.ID, nil, func(ctx context.Context) (*api.GetHostedZoneLimitOutput, error) {
		return p.client.GetHostedZoneLimit(ctx, in)
	})
	if err != nil || out.Limit == nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits[z.ID] = quota{aws.ToInt64(out.Limit.Value), time.Now()}
	return p.limits[z.ID].sets, nil
}

// Warnings returns what a person should know of the zones, as of the last list
// of them: which are nearly full.
func (p *Provider) Warnings() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.full...)
}
