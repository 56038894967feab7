package route53

import (
	"slices"
	"unique"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/signpost-dns/signpost/internal/dns"
)

// fromWire returns the sets that the service listed. One whose owner name is
// beyond DNS (an empty label, say) is left out: no plan can be about it.
func fromWire(listed []types.ResourceRecordSet) []dns.RecordSet {
	sets := make([]dns.RecordSet, 0, len(listed))
	for _, in := range listed {
		name, err := dns.ParseOctalName(aws.ToString(in.Name))
		if err != nil {
			continue
		}
		sets = append(sets, recordSet(name, in))
	}
	return sets
}

func recordSet(name dns.Name, in types.ResourceRecordSet) dns.RecordSet {
	set := dns.RecordSet{
		Key: dns.Key{Name: name, Type: dns.Type(intern(string(in.Type))), SetID: aws.ToString(in.SetIdentifier)},
		// The API's TTL is 0 to 2147483647.
		TTL:           uint32(aws.ToInt64(in.TTL)),
		Routing:       routing(in),
		HealthCheckID: aws.ToString(in.HealthCheckId),
	}
	var spelled dns.Listed
	if aws.ToString(in.Name) != name.Octal() {
		spelled.Name = aws.ToString(in.Name)
	}
	if g, ok := set.Routing.(dns.Geoproximity); ok {
		set.Routing, spelled.Latitude, spelled.Longitude = coordinates(g)
	}
	if in.AliasTarget != nil {
		set.Alias, spelled.AliasTarget = alias(*in.AliasTarget)
	} else {
		set.Data, spelled.Values = values(set.Type, in.ResourceRecords)
	}
	set = set.WithListed(spelled)
	if opaque := unmodelled(in); opaque != nil {
		set = set.WithOpaque(opaque)
	}
	return set
}

// coordinates returns the place with canonical coordinates, and those that were
// listed where they are spelled otherwise.
func coordinates(g dns.Geoproximity) (out dns.Geoproximity, latitude, longitude string) {
	out = g
	if c, err := dns.Coordinate(g.Latitude, dns.MaxLatitude); err == nil && c != g.Latitude {
		out.Latitude, latitude = c, g.Latitude
	}
	if c, err := dns.Coordinate(g.Longitude, dns.MaxLongitude); err == nil && c != g.Longitude {
		out.Longitude, longitude = c, g.Longitude
	}
	return out, latitude, longitude
}

// unmodelled returns the fields that a change could not repeat.
func unmodelled(in types.ResourceRecordSet) map[string]string {
	switch {
	case in.TrafficPolicyInstanceId != nil:
		return map[string]string{"TrafficPolicyInstanceId": *in.TrafficPolicyInstanceId}
	case in.CidrRoutingConfig != nil:
		return map[string]string{"CidrRoutingConfig": aws.ToString(in.CidrRoutingConfig.CollectionId) + " " +
			aws.ToString(in.CidrRoutingConfig.LocationName)}
	case in.SetIdentifier != nil && routing(in) == nil:
		return map[string]string{"SetIdentifier": "with a routing policy that is not known"}
	}
	return nil
}

func alias(in types.AliasTarget) (*dns.Alias, string) {
	out := &dns.Alias{Zone: intern(aws.ToString(in.HostedZoneId)), EvaluateHealth: in.EvaluateTargetHealth}
	listed := aws.ToString(in.DNSName)
	target, err := dns.ParseOctalName(listed)
	if err != nil {
		// A target that is no name is carried as it stands: it can still be
		// compared, and deleted.
		out.Target = dns.Name(listed)
		return out, ""
	}
	out.Target = target
	if listed == target.Octal() {
		listed = ""
	}
	return out, listed
}

// values returns canonical RDATA, and the listed bytes if a change could not
// tell them from the canonical ones.
func values(t dns.Type, records []types.ResourceRecord) (data, listed []string) {
	same := true
	for _, r := range records {
		value := aws.ToString(r.Value)
		canonical := readValue(t, value)
		data = append(data, canonical)
		listed = append(listed, value)
		same = same && writeValue(t, canonical) == value
	}
	slices.Sort(data)
	data = slices.Compact(data)
	if same && len(data) == len(listed) {
		return data, nil
	}
	return data, listed
}

// readValue returns a listed value as canonical RDATA. Names and
// character-strings have octal escapes here (developer guide,
// ResourceRecordTypes). What is no RDATA of its type is carried as it stands.
func readValue(t dns.Type, value string) string {
	if canonical, err := dns.CanonicalOctal(t, value); err == nil {
		return canonical
	}
	return value
}

// writeValue is the inverse of readValue.
func writeValue(t dns.Type, data string) string { return dns.FormatOctal(t, data) }

// toWire returns the set as a change states it, in the spelling given: the one
// that was listed, or none for the canonical one.
func toWire(set dns.RecordSet, spelled dns.Listed) *types.ResourceRecordSet {
	out := &types.ResourceRecordSet{
		Name: aws.String(or(spelled.Name, set.Name.Octal())),
		Type: types.RRType(set.Type),
	}
	if set.SetID != "" {
		out.SetIdentifier = aws.String(set.SetID)
	}
	if set.HealthCheckID != "" {
		out.HealthCheckId = aws.String(set.HealthCheckID)
	}
	routing := set.Routing
	if g, ok := routing.(dns.Geoproximity); ok {
		g.Latitude, g.Longitude = or(spelled.Latitude, g.Latitude), or(spelled.Longitude, g.Longitude)
		routing = g
	}
	setRouting(out, routing)
	if a := set.Alias; a != nil {
		out.AliasTarget = &types.AliasTarget{HostedZoneId: aws.String(a.Zone),
			DNSName: aws.String(or(spelled.AliasTarget, a.Target.Octal())), EvaluateTargetHealth: a.EvaluateHealth}
		return out
	}
	out.TTL = aws.Int64(int64(set.TTL))
	wire := spelled.Values
	if wire == nil {
		for _, d := range set.Data {
			wire = append(wire, writeValue(set.Type, d))
		}
	}
	for _, value := range wire {
		out.ResourceRecords = append(out.ResourceRecords, types.ResourceRecord{Value: aws.String(value)})
	}
	return out
}

func routing(in types.ResourceRecordSet) dns.Routing {
	switch {
	case in.Weight != nil:
		return dns.Weighted{Weight: *in.Weight}
	case in.Region != "":
		return dns.Latency{Region: intern(string(in.Region))}
	case in.Failover != "":
		return dns.Failover{Role: intern(string(in.Failover))}
	case in.GeoLocation != nil:
		g := in.GeoLocation
		return dns.Geolocation{Continent: intern(aws.ToString(g.ContinentCode)),
			Country: intern(aws.ToString(g.CountryCode)), Subdivision: intern(aws.ToString(g.SubdivisionCode))}
	case in.GeoProximityLocation != nil:
		g := in.GeoProximityLocation
		out := dns.Geoproximity{Region: aws.ToString(g.AWSRegion), LocalZoneGroup: aws.ToString(g.LocalZoneGroup), Bias: aws.ToInt32(g.Bias)}
		if c := g.Coordinates; c != nil {
			out.Latitude, out.Longitude = aws.ToString(c.Latitude), aws.ToString(c.Longitude)
		}
		return out
	case aws.ToBool(in.MultiValueAnswer):
		return dns.MultiValue{}
	}
	return nil
}

func setRouting(out *types.ResourceRecordSet, routing dns.Routing) {
	switch r := routing.(type) {
	case dns.Weighted:
		out.Weight = aws.Int64(r.Weight)
	case dns.Latency:
		out.Region = types.ResourceRecordSetRegion(r.Region)
	case dns.Failover:
		out.Failover = types.ResourceRecordSetFailover(r.Role)
	case dns.Geolocation:
		out.GeoLocation = &types.GeoLocation{ContinentCode: optional(r.Continent),
			CountryCode: optional(r.Country), SubdivisionCode: optional(r.Subdivision)}
	case dns.Geoproximity:
		g := &types.GeoProximityLocation{AWSRegion: optional(r.Region), LocalZoneGroup: optional(r.LocalZoneGroup)}
		if r.Bias != 0 {
			g.Bias = aws.Int32(r.Bias)
		}
		if r.Latitude != "" || r.Longitude != "" {
			g.Coordinates = &types.Coordinates{Latitude: aws.String(r.Latitude), Longitude: aws.String(r.Longitude)}
		}
		out.GeoProximityLocation = g
	case dns.MultiValue:
		out.MultiValueAnswer = aws.Bool(true)
	}
}

// intern keeps one copy of what many record sets of a zone share.
func intern(s string) string { return unique.Make(s).Value() }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
