package emulator

import "slices"

// RecordSet is a record set as the service lists it.
type RecordSet struct {
	Name          string // as Route 53 spells it: lower case, octal escapes, final dot; any spelling in a Change
	Type          string
	SetIdentifier string
	TTL           int64    // seconds; 0 for an alias, which has none
	Values        []string // as they were sent; empty for an alias
	Alias         *Alias

	// At most one of these is set, and only with a SetIdentifier.
	Weight           *int64
	Region           string
	Failover         string // PRIMARY or SECONDARY
	MultiValueAnswer bool
	GeoLocation      *GeoLocation
	GeoProximity     *GeoProximity
	CIDR             *CIDR

	HealthCheckID           string
	TrafficPolicyInstanceID string
}

// Alias is the target of an alias record set.
type Alias struct {
	HostedZoneID         string `xml:"HostedZoneId"`
	DNSName              string `xml:"DNSName"` // lower case with a final dot once stored
	EvaluateTargetHealth bool   `xml:"EvaluateTargetHealth"`
}

// GeoLocation is a place of geolocation routing; CountryCode "*" is the default place.
type GeoLocation struct {
	ContinentCode   string `xml:"ContinentCode,omitempty"`
	CountryCode     string `xml:"CountryCode,omitempty"`
	SubdivisionCode string `xml:"SubdivisionCode,omitempty"`
}

// GeoProximity is a place of geoproximity routing.
type GeoProximity struct {
	AWSRegion      string       `xml:"AWSRegion,omitempty"`
	LocalZoneGroup string       `xml:"LocalZoneGroup,omitempty"`
	Coordinates    *Coordinates `xml:"Coordinates,omitempty"`
	Bias           int          `xml:"Bias,omitempty"`
}

// Coordinates are degrees in decimal notation.
type Coordinates struct {
	Latitude  string `xml:"Latitude"`
	Longitude string `xml:"Longitude"`
}

// CIDR is a location of IP-based routing.
type CIDR struct {
	CollectionID string `xml:"CollectionId"`
	LocationName string `xml:"LocationName"`
}

// policy names the routing policy in the words of Route 53's messages; "" is simple routing.
func (r *RecordSet) policy() string {
	switch {
	case r.Weight != nil:
		return "weighted"
	case r.Region != "":
		return "latency"
	case r.Failover != "":
		return "failover"
	case r.GeoLocation != nil:
		return "geolocation"
	case r.GeoProximity != nil:
		return "geoproximity"
	case r.CIDR != nil:
		return "cidr"
	case r.MultiValueAnswer:
		return "multivalue answer"
	}
	return ""
}

// same says whether a DELETE that states o names r exactly. The order of values means nothing.
func (r *RecordSet) same(o *RecordSet) bool {
	return r.TTL == o.TTL &&
		slices.Equal(slices.Sorted(slices.Values(r.Values)), slices.Sorted(slices.Values(o.Values))) &&
		same(r.Alias, o.Alias) && same(r.Weight, o.Weight) && r.Region == o.Region && r.Failover == o.Failover &&
		r.MultiValueAnswer == o.MultiValueAnswer && same(r.GeoLocation, o.GeoLocation) && same(r.CIDR, o.CIDR) &&
		r.GeoProximity.same(o.GeoProximity) &&
		r.HealthCheckID == o.HealthCheckID && r.TrafficPolicyInstanceID == o.TrafficPolicyInstanceID
}

func (g *GeoProximity) same(o *GeoProximity) bool {
	if g == nil || o == nil {
		return g == o
	}
	return g.AWSRegion == o.AWSRegion && g.LocalZoneGroup == o.LocalZoneGroup && g.Bias == o.Bias && same(g.Coordinates, o.Coordinates)
}

func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// clone shares nothing with r.
func (r *RecordSet) clone() RecordSet {
	c := *r
	c.Values = slices.Clone(r.Values)
	c.Alias, c.Weight, c.GeoLocation, c.CIDR = copyOf(r.Alias), copyOf(r.Weight), copyOf(r.GeoLocation), copyOf(r.CIDR)
	if c.GeoProximity = copyOf(r.GeoProximity); c.GeoProximity != nil {
		c.GeoProximity.Coordinates = copyOf(r.GeoProximity.Coordinates)
	}
	return c
}

// Change is one change of a batch: Action is CREATE, DELETE or UPSERT.
type Change struct {
	Action string
	Set    RecordSet
}

// ChangeSummary is what the call log keeps of a change: Name is as the request spelled it.
type ChangeSummary struct {
	Action, Name, Type, SetIdentifier string
}
