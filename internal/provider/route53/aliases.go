package route53

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

//go:embed aliaszones.txt
var aliasZonesText string

// Kinds of rows with rules of their own (API reference, AliasTarget): the health
// of a CloudFront distribution cannot be evaluated, and no private zone has an
// alias to one; a bucket's website and an environment of Elastic Beanstalk have
// IPv4 addresses only, and an alias to a website names no bucket.
const (
	kindCloudFront = "cloudfront"
	kindWebsite    = "s3-website"
	kindBeanstalk  = "elasticbeanstalk"
)

// aliasZones reads the embedded table of AWS's own host names.
func aliasZones() (map[dns.Name]dns.AliasZone, error) { return parseAliasZones(aliasZonesText) }

// automatic are the kinds of which ExternalDNS makes aliases unasked. A CNAME to
// a host of another kind stays one: that is what stands in its users' zones.
func automatic(kind string) bool {
	return slices.Contains([]string{"elb", "nlb", kindCloudFront, "globalaccelerator", "vpce", "execute-api"}, kind)
}

// parseAliasZones reads one row a line, "suffix hosted-zone-id kind", with
// comments behind "#".
func parseAliasZones(text string) (map[dns.Name]dns.AliasZone, error) {
	zones, seen := map[dns.Name]dns.AliasZone{}, map[dns.Name]bool{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		columns := strings.Fields(line)
		if len(columns) == 0 {
			continue
		}
		if len(columns) != 3 {
			return nil, fmt.Errorf("alias zones, line %d: want SUFFIX ZONE-ID KIND", number)
		}
		suffix, err := dns.ParseName(columns[0])
		if err != nil {
			return nil, fmt.Errorf("alias zones, line %d: %w", number, err)
		}
		if seen[suffix] {
			return nil, fmt.Errorf("alias zones, line %d: %s stands here twice", number, suffix)
		}
		seen[suffix] = true
		kind := columns[2]
		to := dns.AliasZone{ID: columns[1], NoHealth: kind == kindCloudFront, PublicOnly: kind == kindCloudFront,
			IPv4Only: kind == kindWebsite || kind == kindBeanstalk, OnDemand: !automatic(kind)}
		if kind == kindWebsite {
			to.Target = suffix
		}
		zones[suffix] = to
	}
	return zones, nil
}
