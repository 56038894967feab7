package emulator

// maxSetsPage is the largest page of record sets.
const maxSetsPage = 300

func (s *Server) listResourceRecordSets(q *request) (any, *Error) {
	z := s.zones[q.id]
	if z == nil {
		return nil, noSuchZone(q.id)
	}
	size, e := q.pageSize(maxSetsPage)
	if e != nil {
		return nil, e
	}
	start, e := q.start()
	if e != nil {
		return nil, e
	}
	doc := xmlListRecordSets{MaxItems: size}
	for r := range z.sets.from(start) {
		if len(doc.Sets.Sets) == size {
			doc.IsTruncated = true
			doc.NextName, doc.NextType, doc.NextID = r.name.listed, r.typ, r.id
			break
		}
		doc.Sets.Sets = append(doc.Sets.Sets, toXML(&r.set))
	}
	return doc, nil
}

// start is where a listing begins: at a name, at one of its types, or at one of that type's identifiers. The name
// need not exist, nor lie in the zone.
func (q *request) start() (key, *Error) {
	k := key{typ: q.query.Get("type"), id: q.query.Get("identifier")}
	domain := q.query.Get("name")
	if domain == "" {
		if k.typ != "" {
			return key{}, invalidInput("Invalid request: a start type needs a start name")
		}
		if k.id != "" {
			return key{}, invalidInput("Invalid request: a start identifier needs a start name and type")
		}
		return key{}, nil
	}
	if k.typ == "" && k.id != "" {
		return key{}, invalidInput("Invalid request: a start identifier needs a start type")
	}
	if k.typ != "" && !knownType(k.typ) {
		return key{}, outside(k.typ, "type", typeSet())
	}
	n, err := parseName(domain)
	if err != nil {
		return key{}, invalidInput("%v", err)
	}
	k.name = n
	return k, nil
}
