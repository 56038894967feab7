package route53

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

//go:embed aliaszones.txt
var aliasZonesText string

// kindCloudFront marks the rows whose targets' health cannot be evaluated: API
// reference, AliasTarget, EvaluateTargetHealth.
const kindCloudFront = "cloudfront"

// aliasZones reads the embedded table of AWS's own host names.
func aliasZones() (map[dns.Name]dns.AliasZone, error) { return parseAliasZones(aliasZonesText) }

// parseAliasZones reads one row a line, "suffix hosted-zone-id kind", with
// comments behind "#".
func parseAliasZones(text string) (map[dns.Name]dns.AliasZone, error) {
	zones := map[dns.Name]dns.AliasZone{}
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
		if _, twice := zones[suffix]; twice {
			return nil, fmt.Errorf("alias zones, line %d: %s stands here twice", number, suffix)
		}
		zones[suffix] = dns.AliasZone{ID: columns[1], NoHealth: columns[2] == kindCloudFront}
	}
	return zones, nil
}
