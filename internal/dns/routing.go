package dns

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Routing says how a service chooses among the sets of one name and type. It
// is a closed set: nil, [Weighted], [Latency], [Failover], [Geolocation],
// [Geoproximity], [MultiValue]. All are comparable with ==. What each may hold
// is that of Amazon Route 53's API reference, ResourceRecordSet.
type Routing interface {
	// Policy returns the name of the policy in lower case.
	Policy() string
	// Check returns what is wrong with the policy's own values, nil if nothing is.
	Check() error
	fields() []field
}

type (
	// Weighted takes each set in proportion to its weight, 0 to 255.
	Weighted struct{ Weight int64 }
	// Latency takes the set whose AWS region answers fastest.
	Latency struct{ Region string }
	// Failover takes the PRIMARY while it is healthy, else the SECONDARY.
	Failover struct{ Role string }
	// Geolocation takes the set for the asker's place: a continent, a country, or a
	// part of one, by their codes; country "*" is the default.
	Geolocation struct{ Continent, Country, Subdivision string }
	// Geoproximity takes the nearest set; exactly one place is given. Coordinates
	// are canonical as [Coordinate] gives them. Bias runs from -99 to 99.
	Geoproximity struct {
		Region, LocalZoneGroup, Latitude, Longitude string
		Bias                                        int32
	}
	// MultiValue answers with up to eight healthy sets.
	MultiValue struct{}
)

func (Weighted) Policy() string     { return "weighted" }
func (Latency) Policy() string      { return "latency" }
func (Failover) Policy() string     { return "failover" }
func (Geolocation) Policy() string  { return "geolocation" }
func (Geoproximity) Policy() string { return "geoproximity" }
func (MultiValue) Policy() string   { return "multivalue" }

// The values of [Failover].
const (
	Primary   = "PRIMARY"
	Secondary = "SECONDARY"
)

const (
	maxWeight = 255
	maxBias   = 99
)

var (
	regionForm = regexp.MustCompile(`^[a-z]{2,5}(-[a-z]+)+-[0-9]+$`)
	// A local zone group is a region with a city: "us-west-2-lax-1".
	groupForm       = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	countryForm     = regexp.MustCompile(`^[A-Z]{2}$`)
	subdivisionForm = regexp.MustCompile(`^[A-Z0-9]{1,3}$`)
	coordinateForm  = regexp.MustCompile(`^[-+]?[0-9]{1,3}(\.[0-9]{0,2})?$`)
)

// Check implements [Routing].
func (w Weighted) Check() error {
	if w.Weight < 0 || w.Weight > maxWeight {
		return fmt.Errorf("a weight is 0 to %d, and not %d", maxWeight, w.Weight)
	}
	return nil
}

// Check implements [Routing]. Which regions there are is the service's to say.
func (l Latency) Check() error { return checkRegion(l.Region) }

func checkRegion(region string) error {
	if !regionForm.MatchString(region) {
		return fmt.Errorf("%q is no AWS region, such as eu-west-1", region)
	}
	return nil
}

// Check implements [Routing].
func (f Failover) Check() error {
	if f.Role != Primary && f.Role != Secondary {
		return fmt.Errorf("%q is neither %s nor %s", f.Role, Primary, Secondary)
	}
	return nil
}

// Check implements [Routing].
func (g Geolocation) Check() error {
	continents := []string{"AF", "AN", "AS", "EU", "NA", "OC", "SA"}
	switch {
	case g == Geolocation{}:
		return errors.New("geolocation wants a continent or a country")
	case g.Continent != "" && g.Country+g.Subdivision != "":
		return errors.New("a continent and a country exclude each other")
	case g.Continent != "" && !slices.Contains(continents, g.Continent):
		return fmt.Errorf("%q is no continent: the codes are %s", g.Continent, strings.Join(continents, ", "))
	case g.Continent != "":
		return nil
	case g.Country == "":
		return errors.New("a subdivision wants its country beside it")
	case g.Country != "*" && !countryForm.MatchString(g.Country):
		return fmt.Errorf("%q is no country: write two letters as in ISO 3166-1, or * for all the rest", g.Country)
	case g.Subdivision != "" && g.Country == "*":
		return errors.New("the default (*) has no subdivisions")
	case g.Subdivision != "" && !subdivisionForm.MatchString(g.Subdivision):
		return fmt.Errorf("%q is no subdivision, such as NY of US", g.Subdivision)
	}
	return nil
}

// Check implements [Routing].
func (g Geoproximity) Check() error {
	places := 0
	for _, there := range []bool{g.Region != "", g.LocalZoneGroup != "", g.Latitude+g.Longitude != ""} {
		if there {
			places++
		}
	}
	switch {
	case places != 1:
		return errors.New("geoproximity wants exactly one place: a region, a local zone group, or coordinates")
	case g.Bias < -maxBias || g.Bias > maxBias:
		return fmt.Errorf("a bias is -%d to %d, and not %d", maxBias, maxBias, g.Bias)
	case g.Region != "":
		return checkRegion(g.Region)
	case g.LocalZoneGroup != "" && !groupForm.MatchString(g.LocalZoneGroup):
		return fmt.Errorf("%q is no local zone group, such as us-west-2-lax-1", g.LocalZoneGroup)
	case g.LocalZoneGroup != "":
		return nil
	}
	if _, err := Coordinate(g.Latitude, MaxLatitude); err != nil {
		return fmt.Errorf("latitude: %w", err)
	}
	if _, err := Coordinate(g.Longitude, MaxLongitude); err != nil {
		return fmt.Errorf("longitude: %w", err)
	}
	return nil
}

// Check implements [Routing]; there is nothing to be wrong.
func (MultiValue) Check() error { return nil }

// Bounds of coordinates, in degrees either way.
const (
	MaxLatitude  = 90
	MaxLongitude = 180
)

// Coordinate reads degrees with up to two decimals, at most limit either way,
// and returns them in their shortest form: "+49.20" is "49.2".
func Coordinate(s string, limit float64) (string, error) {
	if !coordinateForm.MatchString(s) {
		return "", fmt.Errorf("%q is no degrees with up to two decimals, such as 49.22", s)
	}
	// What has the form parses.
	degrees, _ := strconv.ParseFloat(s, 64)
	if degrees < -limit || degrees > limit {
		return "", fmt.Errorf("%q is beyond %v degrees", s, limit)
	}
	if degrees == 0 {
		return "0", nil // and not "-0"
	}
	return strconv.FormatFloat(degrees, 'f', -1, 64), nil
}

// SamePlace reports whether two sets of a name and type with these policies
// would be for one and the same case, so that a service cannot tell which to
// take: two for a region, two PRIMARYs. Weighted and multivalue sets have no
// cases.
func SamePlace(a, b Routing) bool {
	switch a := a.(type) {
	case nil, Weighted, MultiValue:
		return false
	case Geoproximity:
		other, ok := b.(Geoproximity)
		a.Bias, other.Bias = 0, 0
		return ok && a == other
	}
	return a == b
}
