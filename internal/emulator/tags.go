package emulator

import (
	"encoding/xml"
	"maps"
	"slices"
)

// maxTagIDs is how many resources one ListTagsForResources may name.
const maxTagIDs = 10

func (s *Server) tagSet(kind, id string) (xmlTagSet, *Error) {
	if kind != "hostedzone" {
		return xmlTagSet{}, invalidInput("Resource type '%s' is not supported: the emulator tags hosted zones", kind)
	}
	z := s.zones[bareID(id)]
	if z == nil {
		return xmlTagSet{}, noSuchZone(id)
	}
	set := xmlTagSet{Type: kind, ID: z.id}
	for _, k := range slices.Sorted(maps.Keys(z.tags)) {
		set.Tags.Tags = append(set.Tags.Tags, xmlTag{k, z.tags[k]})
	}
	return set, nil
}

func (s *Server) listTagsForResource(q *request) (any, *Error) {
	set, e := s.tagSet(q.kind, q.id)
	if e != nil {
		return nil, e
	}
	return xmlTagsForResource{Set: set}, nil
}

// tagIDs are the resources that a ListTagsForResources names.
func (q *request) tagIDs() ([]string, *Error) {
	var in xmlTagsRequest
	if e := decode(q.body, "ListTagsForResourcesRequest", "ListTagsForResources", &in,
		func(x *xmlTagsRequest) xml.Name { return x.XMLName }); e != nil {
		return nil, e
	}
	if len(in.IDs) == 0 || len(in.IDs) > maxTagIDs {
		return nil, invalidInput("ResourceIds must have 1 to %d members, found %d", maxTagIDs, len(in.IDs))
	}
	return in.IDs, nil
}

func (s *Server) listTagsForResources(q *request) (any, *Error) {
	ids, e := q.tagIDs()
	if e != nil {
		return nil, e
	}
	var doc xmlTagsForResources
	for _, id := range ids {
		set, e := s.tagSet(q.kind, id)
		if e != nil {
			return nil, e
		}
		doc.Sets = append(doc.Sets, set)
	}
	return doc, nil
}

func (s *Server) changeTagsForResource(q *request) (any, *Error) {
	if _, e := s.tagSet(q.kind, q.id); e != nil {
		return nil, e
	}
	var in xmlChangeTagsRequest
	if e := decode(q.body, "ChangeTagsForResourceRequest", "ChangeTagsForResource", &in,
		func(x *xmlChangeTagsRequest) xml.Name { return x.XMLName }); e != nil {
		return nil, e
	}
	if len(in.Add)+len(in.Remove) == 0 {
		return nil, invalidInput("One of AddTags and RemoveTagKeys is required")
	}
	tags := s.zones[q.id].tags
	for _, t := range in.Add {
		tags[t.Key] = t.Value
	}
	for _, k := range in.Remove {
		delete(tags, k)
	}
	return struct {
		XMLName xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ChangeTagsForResourceResponse"`
	}{}, nil
}

func (s *Server) getHostedZoneLimit(q *request) (any, *Error) {
	z := s.zones[q.id]
	if z == nil {
		return nil, noSuchZone(q.id)
	}
	switch {
	case q.kind == "MAX_RRSETS_BY_ZONE":
		return xmlLimit{Type: q.kind, Value: s.cfg.MaxRecordSets, Count: z.sets.len()}, nil
	case q.kind == "MAX_VPCS_ASSOCIATED_BY_ZONE" && z.private:
		return xmlLimit{Type: q.kind, Value: 300, Count: len(z.vpcs)}, nil
	case q.kind == "MAX_VPCS_ASSOCIATED_BY_ZONE":
		return nil, refuse(400, "HostedZoneNotPrivate", "The hosted zone %s is not private", z.id)
	}
	return nil, invalidInput("Invalid limit type '%s'", q.kind)
}
