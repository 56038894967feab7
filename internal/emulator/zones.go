package emulator

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// maxZonesPage is the largest page of hosted zones.
const maxZonesPage = 100

// pageSize reads maxitems: what is above the limit counts as the limit.
func (q *request) pageSize(limit int) (int, *Error) {
	v := q.query.Get("maxitems")
	if v == "" {
		return limit, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, invalidInput("Invalid value for parameter maxitems: '%s'", v)
	}
	return min(n, limit), nil
}

func (z *zone) document() xmlZone {
	return xmlZone{
		ID: "/hostedzone/" + z.id, Name: z.name.listed, CallerReference: z.reference,
		Config: xmlZoneConfig{Comment: z.comment, Private: z.private}, Count: z.sets.len(),
	}
}

// delegation is nil for a private zone: nobody delegates to it.
func (z *zone) delegation() *xmlDelegation {
	if z.private {
		return nil
	}
	ns := z.sets.get(key{name: z.name, typ: "NS"})
	return &xmlDelegation{NameServers: bare(ns.set.Values)}
}

// bare takes the final dots off names, as delegation sets show them.
func bare(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n
		if l := len(n); l > 0 && n[l-1] == '.' {
			out[i] = n[:l-1]
		}
	}
	return out
}

func (s *Server) listHostedZones(q *request) (any, *Error) {
	size, e := q.pageSize(maxZonesPage)
	if e != nil {
		return nil, e
	}
	kind := q.query.Get("hostedzonetype")
	if kind != "" && kind != "PrivateHostedZone" {
		return nil, invalidInput("Invalid value for parameter hostedzonetype: '%s'", kind)
	}
	doc := xmlListZones{Marker: q.query.Get("marker"), MaxItems: size}
	for _, z := range s.zonesByID() {
		if z.id < doc.Marker || kind != "" && !z.private {
			continue
		}
		if len(doc.Zones.Zones) == size {
			doc.IsTruncated, doc.NextMarker = true, z.id
			break
		}
		doc.Zones.Zones = append(doc.Zones.Zones, z.document())
	}
	return doc, nil
}

func (s *Server) listHostedZonesByName(q *request) (any, *Error) {
	size, e := q.pageSize(maxZonesPage)
	if e != nil {
		return nil, e
	}
	doc := xmlListZonesByName{DNSName: q.query.Get("dnsname"), ZoneID: q.query.Get("hostedzoneid"), MaxItems: size}
	var start name
	if doc.DNSName != "" {
		var err error
		if start, err = parseName(doc.DNSName); err != nil {
			return nil, refuse(http.StatusBadRequest, "InvalidDomainName", "%v", err)
		}
	} else if doc.ZoneID != "" {
		return nil, invalidInput("The parameter hostedzoneid needs dnsname")
	}
	zones := s.zonesByID()
	slices.SortStableFunc(zones, func(a, b *zone) int { return cmp.Compare(a.name.order, b.name.order) })
	for _, z := range zones {
		if z.name.order < start.order || z.name == start && z.id < bareID(doc.ZoneID) {
			continue
		}
		if len(doc.Zones.Zones) == size {
			doc.IsTruncated, doc.NextDNSName, doc.NextZoneID = true, z.name.listed, z.id
			break
		}
		doc.Zones.Zones = append(doc.Zones.Zones, z.document())
	}
	return doc, nil
}

func (s *Server) getHostedZone(q *request) (any, *Error) {
	z := s.zones[q.id]
	if z == nil {
		return nil, noSuchZone(q.id)
	}
	doc := xmlGetZone{Zone: z.document(), Delegation: z.delegation()}
	if z.private {
		doc.VPCs = &xmlVPCs{z.vpcs}
	}
	return doc, nil
}

func (s *Server) createHostedZone(q *request, a *answer) (any, *Error) {
	var in xmlCreateZoneRequest
	if e := decode(q.body, "CreateHostedZoneRequest", "CreateHostedZone", &in,
		func(x *xmlCreateZoneRequest) xml.Name { return x.XMLName }); e != nil {
		return nil, e
	}
	n, err := parseName(in.Name)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "InvalidDomainName", "%v", err)
	}
	if in.CallerReference == "" || len(in.CallerReference) > 128 {
		return nil, invalidInput("CallerReference must have 1 to 128 characters")
	}
	z := &zone{name: n, reference: in.CallerReference, tags: map[string]string{}}
	if in.Config != nil {
		z.comment = in.Config.Comment
	}
	if in.VPC != nil {
		z.private, z.vpcs = true, []xmlVPC{*in.VPC}
	}
	if e := s.conflict(z); e != nil {
		return nil, e
	}
	if err := s.addZone(z); err != nil {
		return nil, invalidInput("%v", err)
	}
	a.status = http.StatusCreated
	a.header.Set("Location", "https://route53.amazonaws.com/2013-04-01/hostedzone/"+z.id)
	return xmlCreateZone{Zone: z.document(), Info: s.submit(""), Delegation: z.delegation(), VPC: in.VPC}, nil
}

// conflict says why z cannot stand beside the zones that are there.
func (s *Server) conflict(z *zone) *Error {
	all := s.zonesByID()
	if slices.ContainsFunc(all, func(o *zone) bool { return o.reference == z.reference }) {
		return refuse(http.StatusConflict, "HostedZoneAlreadyExists",
			"A hosted zone has already been created with the specified caller reference.")
	}
	for _, o := range all {
		if z.private && o.private && o.name == z.name && o.vpcs[0] == z.vpcs[0] {
			return refuse(http.StatusBadRequest, "ConflictingDomainExists",
				"The VPC %s in region %s has already been associated with the hosted zone %s with the same domain name.",
				z.vpcs[0].ID, z.vpcs[0].Region, o.id)
		}
	}
	return nil
}

func (s *Server) deleteHostedZone(q *request) (any, *Error) {
	z := s.zones[q.id]
	if z == nil {
		return nil, noSuchZone(q.id)
	}
	for r := range z.sets.from(key{}) {
		if r.name != z.name || r.typ != "NS" && r.typ != "SOA" {
			return nil, refuse(http.StatusBadRequest, "HostedZoneNotEmpty",
				"The specified hosted zone contains non-required resource record sets and so cannot be deleted.")
		}
	}
	delete(s.zones, q.id)
	return xmlChangeResponse{XMLName: element("DeleteHostedZoneResponse"), Info: s.submit("")}, nil
}

// submit notes a change for GetChange; s.mu is held.
func (s *Server) submit(comment string) xmlChangeInfo {
	id := "C" + base36(s.next())
	s.changes[id] = change{time.Now(), comment}
	info := s.changeInfo(id)
	info.Status = "PENDING" // even without a delay, as the service does
	return info
}

func base36(n uint64) string {
	const width = 13
	t := []byte("0000000000000")
	for i := width - 1; n > 0; i, n = i-1, n/36 {
		t[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[n%36]
	}
	return string(t)
}

func (s *Server) changeInfo(id string) xmlChangeInfo {
	c := s.changes[id]
	status := "PENDING"
	if time.Since(c.submitted) >= s.cfg.SyncDelay {
		status = "INSYNC"
	}
	return xmlChangeInfo{
		ID: "/change/" + id, Status: status, Comment: c.comment,
		SubmittedAt: c.submitted.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

func (s *Server) getChange(q *request) (any, *Error) {
	if _, ok := s.changes[q.id]; !ok {
		return nil, refuse(http.StatusNotFound, "NoSuchChange", "A change with ID %s was not found.", q.id)
	}
	return xmlChangeResponse{XMLName: element("GetChangeResponse"), Info: s.changeInfo(q.id)}, nil
}
