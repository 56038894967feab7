package emulator

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of one ChangeResourceRecordSets; see
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets.
const (
	maxBatchRecords = 1000
	maxBatchChars   = 32_000
	maxValues       = 400  // in one record set
	maxValueChars   = 4000 // in one value
	maxTTL          = 1<<31 - 1
)

// batch is a ChangeResourceRecordSets, as it was sent.
type batch struct {
	comment string
	changes []xmlChange
}

func readBatch(body []byte) (batch, *Error) {
	var in xmlChangeRequest
	const root = "ChangeResourceRecordSetsRequest"
	if e := decode(body, root, "ChangeBatch", &in, func(x *xmlChangeRequest) xml.Name { return x.XMLName }); e != nil {
		return batch{}, e
	}
	if in.Batch == nil {
		return batch{}, invalidInput("Invalid XML ; cvc-complex-type.2.4.b: The content of element '%s' is not complete. "+
			"One of '{\"%s\":ChangeBatch}' is expected.", root, namespace)
	}
	return batch{in.Batch.Comment, in.Batch.Changes}, nil
}

func (b batch) summary() []ChangeSummary {
	var all []ChangeSummary
	for _, c := range b.changes {
		sum := ChangeSummary{Action: c.Action}
		if c.Set != nil {
			r := c.Set.recordSet()
			sum.Name, sum.Type, sum.SetIdentifier = r.Name, r.Type, r.SetIdentifier
		}
		all = append(all, sum)
	}
	return all
}

func (s *Server) changeResourceRecordSets(q *request) (any, *Error) {
	if q.bad != nil {
		return nil, q.bad
	}
	if e := s.apply(q.id, q.batch); e != nil {
		return nil, e
	}
	return xmlChangeResponse{XMLName: element("ChangeResourceRecordSetsResponse"), Info: s.submit(q.batch.comment)}, nil
}

// apply does a batch whole or not at all; s.mu is held.
func (s *Server) apply(zoneID string, b batch) *Error {
	z := s.zones[zoneID]
	if z == nil {
		return noSuchZone(zoneID)
	}
	if e := b.checkStructure(); e != nil {
		return e
	}
	if e := s.checkHealthChecks(b); e != nil {
		return e
	}
	if messages := append(b.twice(), b.tooBig()...); len(messages) > 0 {
		return invalidBatch(messages...)
	}
	j := judge{server: s, zone: z}
	for _, c := range b.changes {
		if err := j.change(c.Action, c.Set.recordSet()); err != nil {
			j.messages = append(j.messages, err.Error())
		}
	}
	j.finish()
	if len(j.messages) > 0 {
		j.undo()
		return invalidBatch(j.messages...)
	}
	return nil
}

// checkHealthChecks wants health checks that there are, of which the service tells by an error of its own.
func (s *Server) checkHealthChecks(b batch) *Error {
	for _, c := range b.changes {
		id := c.Set.recordSet().HealthCheckID
		if c.Action != "DELETE" && id != "" && !slices.Contains(s.cfg.HealthChecks, id) {
			return refuse(http.StatusNotFound, "NoSuchHealthCheck", "No health check exists with the specified ID: %s", id)
		}
	}
	return nil
}

// checkStructure is what can be said of each change on its own; such mistakes are InvalidInput.
func (b batch) checkStructure() *Error {
	if len(b.changes) == 0 {
		return invalidInput("Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Changes' is not complete. "+
			"One of '{\"%s\":Change}' is expected.", namespace)
	}
	if utf8.RuneCountInString(b.comment) > 256 {
		return invalidInput("Comment must have at most 256 characters")
	}
	for _, c := range b.changes {
		if !slices.Contains([]string{"CREATE", "DELETE", "UPSERT"}, c.Action) {
			return outside(c.Action, "action", "CREATE, DELETE, UPSERT")
		}
		if c.Set == nil {
			return invalidInput("Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Change' is not complete. "+
				"One of '{\"%s\":ResourceRecordSet}' is expected.", namespace)
		}
		if e := c.Set.checkStructure(c.Action); e != nil {
			return e
		}
	}
	return nil
}

// outside is a value that is not in the enumeration of its field.
func outside(value, field, set string) *Error {
	return invalidInput("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
		"Member must satisfy enum value set: [%s]", value, field, set)
}

func outOfRange(value int64, field string, least, most int64) *Error {
	return invalidInput("1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: "+
		"Member must have value between %d and %d", value, field, least, most)
}

func (x *xmlRecordSet) checkStructure(action string) *Error {
	id := "null"
	if x.SetIdentifier != nil {
		id = *x.SetIdentifier
	}
	where := fmt.Sprintf("Change with [Action=%s, Name=%s, Type=%s, SetIdentifier=%s]", action, x.Name, x.Type, id)
	if x.Type == "" {
		return invalidInput("Invalid request: Missing field 'Type' in %s", where)
	}
	if !knownType(x.Type) {
		return outside(x.Type, "type", typeSet())
	}
	if x.SetIdentifier != nil && (id == "" || utf8.RuneCountInString(id) > 128) {
		return invalidInput("Invalid request: SetIdentifier must have 1 to 128 characters in %s", where)
	}
	if e := x.checkContent(where); e != nil {
		return e
	}
	return x.checkRouting(where)
}

// checkContent wants either an alias or a TTL with values.
func (x *xmlRecordSet) checkContent(where string) *Error {
	const expected = "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], " +
		"or TrafficPolicyInstanceId], but found %s in %s"
	values := x.Records != nil && len(x.Records.Values) > 0
	switch {
	case x.Alias != nil && (x.TTL != nil || values || x.TrafficPolicyID != ""):
		return invalidInput(expected, "more than one", where)
	case x.Alias == nil && x.TrafficPolicyID == "" && (x.TTL == nil || !values):
		return invalidInput(expected, "none", where)
	case x.TTL != nil && (*x.TTL < 0 || *x.TTL > maxTTL):
		return outOfRange(*x.TTL, "ttl", 0, maxTTL)
	case x.Alias != nil && x.Alias.HostedZoneID == "":
		return invalidInput("Invalid request: Missing field 'HostedZoneId' in %s", where)
	}
	if values {
		for _, v := range x.Records.Values {
			if utf8.RuneCountInString(v.Value) > maxValueChars {
				return invalidInput("Invalid request: a value has more than %d characters in %s", maxValueChars, where)
			}
		}
	}
	return nil
}

// checkRouting wants a set identifier with exactly one policy, or neither.
func (x *xmlRecordSet) checkRouting(where string) *Error {
	policies := 0
	for _, there := range []bool{x.Weight != nil, x.Region != "", x.Failover != "", x.GeoLocation != nil,
		x.MultiValueAnswer, x.CIDR != nil, x.GeoProximity != nil} {
		if there {
			policies++
		}
	}
	const expected = "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], " +
		"but found %s in %s"
	switch {
	case x.SetIdentifier == nil && policies > 0:
		return invalidInput("Invalid request: Missing field 'SetIdentifier' in %s", where)
	case x.SetIdentifier != nil && policies == 0:
		return invalidInput(expected, "none", where)
	case policies > 1:
		return invalidInput(expected, "more than one", where)
	case policies == 1 && slices.Contains([]string{"NS", "SOA", "DS"}, x.Type):
		return invalidInput("Invalid request: routing policies are not allowed for type %s in %s", x.Type, where)
	case x.MultiValueAnswer && (x.Type == "CNAME" || x.Alias != nil):
		return invalidInput("Invalid request: MultiValueAnswer is not allowed for CNAME and alias record sets in %s", where)
	case x.Weight != nil && (*x.Weight < 0 || *x.Weight > 255):
		return outOfRange(*x.Weight, "weight", 0, 255)
	case x.Region != "" && !slices.Contains(regions(), x.Region):
		return outside(x.Region, "region", strings.Join(regions(), ", "))
	case x.Failover != "" && x.Failover != "PRIMARY" && x.Failover != "SECONDARY":
		return outside(x.Failover, "failover", "PRIMARY, SECONDARY")
	}
	return nil
}

// twice finds record sets that are changed more than once, but for a DELETE that a CREATE follows.
func (b batch) twice() []string {
	seen := map[key]string{}
	var messages []string
	for _, c := range b.changes {
		n, err := parseName(c.Set.Name)
		if err != nil {
			continue // the judge will say so
		}
		k := key{n, c.Set.Type, c.Set.recordSet().SetIdentifier}
		before := seen[k]
		seen[k] = before + c.Action
		if before != "" && (before != "DELETE" || c.Action != "CREATE") {
			messages = append(messages,
				fmt.Sprintf("The request contains an invalid set of changes for a resource record set '%s %s'", k.typ, n.listed))
		}
	}
	return slices.Compact(messages)
}

// tooBig counts ResourceRecord elements and the characters of their values; an UPSERT counts twice, an alias as one element.
func (b batch) tooBig() []string {
	records, chars := 0, 0
	for _, c := range b.changes {
		times := 1
		if c.Action == "UPSERT" {
			times = 2
		}
		if c.Set.Records == nil {
			records += times
			continue
		}
		for _, v := range c.Set.Records.Values {
			records += times
			chars += times * utf8.RuneCountInString(v.Value)
		}
	}
	var messages []string
	if records > maxBatchRecords {
		messages = append(messages, fmt.Sprintf("Number of records limit of %d exceeded.", maxBatchRecords))
	}
	if chars > maxBatchChars {
		messages = append(messages, fmt.Sprintf("Number of characters limit of %d exceeded.", maxBatchChars))
	}
	return messages
}

// recordTypes are those of the API's RRType.
func recordTypes() []string {
	return []string{"SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA", "DS",
		"TLSA", "SSHFP", "SVCB", "HTTPS"}
}

// regions are those of the API's ResourceRecordSetRegion.
func regions() []string {
	return strings.Fields("us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 eu-west-1 eu-west-2 eu-west-3 eu-central-1 eu-central-2 " +
		"ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-northeast-1 ap-northeast-2 ap-northeast-3 eu-north-1 sa-east-1 cn-north-1 " +
		"cn-northwest-1 ap-east-1 me-south-1 me-central-1 ap-south-1 ap-south-2 af-south-1 eu-south-1 eu-south-2 ap-southeast-4 " +
		"il-central-1 ca-west-1 ap-southeast-5 mx-central-1 ap-southeast-7 us-gov-east-1 us-gov-west-1 ap-east-2 ap-southeast-6 " +
		"eusc-de-east-1")
}

func knownType(t string) bool { return slices.Contains(recordTypes(), t) }

func typeSet() string { return strings.Join(recordTypes(), ", ") }
