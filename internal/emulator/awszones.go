package emulator

import (
	_ "embed"
	"strings"
)

//go:embed awszones.txt
var awsZonesText string

// readAWSZones returns the hosted zones of AWS itself, in which load balancers, distributions and the like have their
// names: the suffixes of each zone's names by its ID.
func readAWSZones() map[string][]name {
	zones := map[string][]name{}
	for line := range strings.Lines(awsZonesText) {
		suffix, id, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := parseName(suffix); ok && suffix != "#" && err == nil {
			zones[id] = append(zones[id], n)
		}
	}
	return zones
}

// The zones of CloudFront, and of CloudFront in China.
const (
	cloudFront   = "Z2FDTNDATAQYW2"
	cloudFrontCN = "Z3RFFRIM2A3IF5"
)

// awsTarget holds what is asked of an alias into a zone of AWS itself; see
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html. Which load balancers there are nobody
// can know here.
func (j *judge) awsTarget(r *record, target name) error {
	a := r.set.Alias
	within := false
	for _, suffix := range j.server.awsZones[a.HostedZoneID] {
		within = within || target.within(suffix)
	}
	tried := triedAlias(r)
	switch distribution := a.HostedZoneID == cloudFront || a.HostedZoneID == cloudFrontCN; {
	case !within:
		j.messages = append(j.messages, tried+outsideTarget)
		return told("%s, but that target was not found", tried)
	case r.typ != "A" && r.typ != "AAAA" && r.typ != "HTTPS": // those hold addresses only, CloudFront's also HTTPS
		return told("%s, but that target was not found", tried)
	case distribution && a.EvaluateTargetHealth:
		return told("RRSet with DNS name %s, type %s cannot be created as EvaluateTargetHealth must be false for an alias to a "+
			"CloudFront distribution.", r.name.listed, r.typ)
	case distribution && j.zone.private:
		return told("RRSet with DNS name %s, type %s cannot be created as a private hosted zone has no alias to a CloudFront "+
			"distribution.", r.name.listed, r.typ)
	}
	return nil
}
