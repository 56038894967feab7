package source

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// Keys of Route 53's routing and aliases, behind the prefix. In a DNSEndpoint
// they are provider-specific properties, "aws/weight" for "aws-weight".
const (
	setIdentifierKey = "set-identifier"
	aliasKey         = "alias"
	evaluateKey      = "aws-evaluate-target-health"
	targetZoneKey    = "aws-target-hosted-zone"
	zoneKey          = "aws-hosted-zone-id"
	healthCheckKey   = "aws-health-check-id"
	weightKey        = "aws-weight"
	regionKey        = "aws-region"
	failoverKey      = "aws-failover"
	multiValueKey    = "aws-multi-value-answer"
	continentKey     = "aws-geolocation-continent-code"
	countryKey       = "aws-geolocation-country-code"
	subdivisionKey   = "aws-geolocation-subdivision-code"
	nearRegionKey    = "aws-geoproximity-region"
	nearGroupKey     = "aws-geoproximity-local-zone-group"
	coordinatesKey   = "aws-geoproximity-coordinates"
	biasKey          = "aws-geoproximity-bias"
)

// Annotations of the AWS load balancer controller that say which families a load
// balancer has.
const (
	ingressStackKey = "alb.ingress.kubernetes.io/ip-address-type"
	serviceStackKey = "service.beta.kubernetes.io/aws-load-balancer-ip-address-type"
)

// shapesSets reports whether a key says how record sets are routed, or what an
// alias is.
func shapesSets(key string) bool {
	switch key {
	case setIdentifierKey, aliasKey, evaluateKey, targetZoneKey, zoneKey, healthCheckKey:
		return true
	}
	for _, p := range policies() {
		for _, k := range p.keys {
			if k == key {
				return true
			}
		}
	}
	return false
}

// policy is a routing policy by the keys that ask for it.
type policy struct {
	keys []string
	read func(annotations) (dns.Routing, error)
}

func policies() []policy {
	return []policy{
		{[]string{weightKey}, readWeight},
		{[]string{regionKey}, readLatency},
		{[]string{failoverKey}, readFailover},
		{[]string{continentKey, countryKey, subdivisionKey}, readGeolocation},
		{[]string{nearRegionKey, nearGroupKey, coordinatesKey, biasKey}, readGeoproximity},
		{[]string{multiValueKey}, readMultiValue},
	}
}

// route fills in what the annotations say of routing and aliases. A value that
// cannot be told makes the intent unknown: an object that asks for a part of the
// traffic must not get all of it, or none.
func (r *draft) route(w *plan.Want) {
	id, _ := r.notes.get(setIdentifierKey)
	check, _ := r.notes.get(healthCheckKey)
	w.Set.SetID, w.Set.HealthCheckID = id.value, check.value
	w.Set.Routing = r.routing()
	w.AliasZone, w.Zone = r.zoneID(targetZoneKey), r.zoneID(zoneKey)
	w.Alias, w.EvaluateHealth, w.Stack = r.alias(), r.evaluateHealth(), r.stack
}

// routing returns the policy that the annotations ask for, nil for none.
func (r *draft) routing() dns.Routing {
	var found dns.Routing
	var by []string
	for _, p := range policies() {
		routing, err := p.read(r.notes)
		if routing != nil && err == nil {
			err = routing.Check()
		}
		switch {
		case err != nil:
			r.giveUp(plan.BadAnnotation, "%s: %v; what the object holds stays as it is", r.notes.where(p.keys...), err)
			return nil
		case routing == nil:
		case found != nil:
			r.giveUp(plan.BadAnnotation, "the annotations ask for %s and %s routing at once: leave one of them; what the object holds stays as it is",
				found.Policy(), routing.Policy())
			return nil
		default:
			found, by = routing, p.keys
		}
	}
	switch id, ok := r.notes.get(setIdentifierKey); {
	case found != nil && !ok:
		r.giveUp(plan.BadAnnotation, "%s: %s routing wants a set identifier, which tells the record sets of the name apart: add %s; what the object holds stays as it is",
			r.notes.where(by...), found.Policy(), r.notes.beside(by, "the annotation set-identifier", "setIdentifier"))
	case found == nil && ok:
		r.giveUp(plan.BadAnnotation, "%s: a set identifier goes with a routing policy: add %s, or leave the identifier out; what the object holds stays as it is",
			id.where(), r.notes.beside([]string{setIdentifierKey}, "one, such as the annotation aws-weight", "one to providerSpecific, such as aws/weight"))
	}
	if g, ok := found.(dns.Geolocation); ok && g.Continent != "" {
		for _, key := range []string{countryKey, subdivisionKey} {
			if n, ok := r.notes.get(key); ok {
				r.problem(plan.BadAnnotation, "%s is not used: beside a continent no country counts", n.where())
			}
		}
	}
	return found
}

// where names those of the annotations that are there.
func (a annotations) where(keys ...string) string {
	var there []string
	for _, key := range keys {
		if n, ok := a.byKey[key]; ok {
			text := n.where()
			if len(there) > 0 {
				text = n.key
			}
			there = append(there, text)
		}
	}
	return strings.Join(there, ", ")
}

// beside returns what one of the annotations wants beside it: an annotation, or
// where they are fields, one of these.
func (a annotations) beside(keys []string, annotation, field string) string {
	if slices.ContainsFunc(keys, func(key string) bool { return a.byKey[key].field }) {
		return field
	}
	return annotation
}

func readWeight(a annotations) (dns.Routing, error) {
	n, ok := a.get(weightKey)
	if !ok {
		return nil, nil
	}
	weight, err := strconv.ParseInt(strings.TrimSpace(n.value), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s is no whole number", quote(n.value))
	}
	return dns.Weighted{Weight: weight}, nil
}

func readLatency(a annotations) (dns.Routing, error) {
	n, ok := a.get(regionKey)
	if !ok {
		return nil, nil
	}
	return dns.Latency{Region: strings.ToLower(strings.TrimSpace(n.value))}, nil
}

func readFailover(a annotations) (dns.Routing, error) {
	n, ok := a.get(failoverKey)
	if !ok {
		return nil, nil
	}
	return dns.Failover{Role: strings.ToUpper(strings.TrimSpace(n.value))}, nil
}

// readMultiValue: to ExternalDNS the annotation's presence is enough.
func readMultiValue(a annotations) (dns.Routing, error) {
	n, ok := a.byKey[multiValueKey]
	switch {
	case !ok, strings.EqualFold(n.value, "false"):
		return nil, nil
	case n.value == "", strings.EqualFold(n.value, "true"):
		return dns.MultiValue{}, nil
	}
	return nil, fmt.Errorf("%s is neither \"true\" nor \"false\"", quote(n.value))
}

// readGeolocation: beside a continent ExternalDNS reads no country.
func readGeolocation(a annotations) (dns.Routing, error) {
	code := func(key string) string {
		n, _ := a.get(key)
		return strings.ToUpper(strings.TrimSpace(n.value))
	}
	g := dns.Geolocation{Continent: code(continentKey)}
	if g.Continent == "" {
		g.Country, g.Subdivision = code(countryKey), code(subdivisionKey)
	}
	if g == (dns.Geolocation{}) {
		return nil, nil
	}
	return g, nil
}

func readGeoproximity(a annotations) (dns.Routing, error) {
	region, hasRegion := a.get(nearRegionKey)
	group, hasGroup := a.get(nearGroupKey)
	coordinates, hasCoordinates := a.get(coordinatesKey)
	bias, hasBias := a.get(biasKey)
	if !hasRegion && !hasGroup && !hasCoordinates && !hasBias {
		return nil, nil
	}
	g := dns.Geoproximity{Region: strings.TrimSpace(region.value), LocalZoneGroup: strings.TrimSpace(group.value)}
	if hasBias {
		n, err := strconv.ParseInt(strings.TrimSpace(bias.value), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s is no whole number", quote(bias.value))
		}
		g.Bias = int32(n)
	}
	if !hasCoordinates {
		return g, nil
	}
	latitude, longitude, ok := strings.Cut(coordinates.value, ",")
	if !ok {
		return nil, errors.New("coordinates are a latitude and a longitude: \"49.22,-74.01\"")
	}
	var err error
	if g.Latitude, err = dns.Coordinate(strings.TrimSpace(latitude), dns.MaxLatitude); err != nil {
		return nil, err
	}
	if g.Longitude, err = dns.Coordinate(strings.TrimSpace(longitude), dns.MaxLongitude); err != nil {
		return nil, err
	}
	return g, nil
}

var zoneIDForm = regexp.MustCompile(`^[A-Z0-9]{1,32}$`)

// zoneID reads the ID of a hosted zone, with or without its path.
func (r *draft) zoneID(key string) string {
	n, ok := r.notes.get(key)
	if !ok {
		return ""
	}
	id := strings.TrimPrefix(strings.TrimSpace(n.value), "/hostedzone/")
	if !zoneIDForm.MatchString(id) {
		r.giveUp(plan.BadAnnotation, "%s: %s is no ID of a hosted zone, such as Z35SXDOTRQ7X7K; what the object holds stays as it is", n.where(), quote(n.value))
		return ""
	}
	return id
}

func (r *draft) alias() plan.AliasMode {
	n, ok := r.notes.get(aliasKey)
	modes := map[string]plan.AliasMode{"true": plan.AliasAlways, "false": plan.AliasNever, "A": plan.AliasA, "AAAA": plan.AliasAAAA}
	mode, known := modes[n.value]
	if ok && !known {
		r.problem(plan.BadAnnotation, "%s: %s is not used: write \"true\", \"false\", \"A\" or \"AAAA\"", n.where(), quote(n.value))
	}
	return mode
}

func (r *draft) evaluateHealth() *bool {
	n, ok := r.notes.get(evaluateKey)
	if !ok {
		return nil
	}
	yes := strings.EqualFold(n.value, "true")
	if !yes && !strings.EqualFold(n.value, "false") {
		r.problem(plan.BadAnnotation, "%s: %s is not used: write \"true\" or \"false\"", n.where(), quote(n.value))
		return nil
	}
	return &yes
}

// stackOf returns what an object says of its load balancer's addresses.
func stackOf(o metav1.Object) plan.Stack {
	said := ""
	switch o := o.(type) {
	case *networkingv1.Ingress:
		said = o.Annotations[ingressStackKey]
	case *corev1.Service:
		if said = o.Annotations[serviceStackKey]; said != "" {
			break
		}
		for _, family := range o.Spec.IPFamilies {
			if family == corev1.IPv6Protocol {
				return plan.StackDual
			}
			said = "ipv4"
		}
	}
	switch strings.ToLower(strings.TrimSpace(said)) {
	case "ipv4":
		return plan.StackIPv4
	case "dualstack", "dualstack-without-public-ipv4", "ipv6":
		return plan.StackDual
	}
	return plan.StackUnknown
}
