package emulator

import (
	"crypto/sha256"
	"net"

	"github.com/miekg/dns"
)

const (
	maxAliasDepth   = 8
	aliasTTL        = 60 // of answers for a target outside our zones
	maxMultiAnswers = 8
)

// choose picks what answers for a type. The service weighs, measures and asks health checks; the emulator always picks
// the same: PRIMARY, the default location, else the first set by identifier whose weight is not 0.
func choose(sets []*record, typ string) []*record {
	var of []*record
	for _, r := range sets {
		if r.typ == typ {
			of = append(of, r)
		}
	}
	if len(of) == 0 {
		return nil
	}
	if of[0].set.MultiValueAnswer {
		return of[:min(len(of), maxMultiAnswers)]
	}
	for _, r := range of {
		s := &r.set
		if s.Failover == "PRIMARY" || s.Weight != nil && *s.Weight > 0 ||
			s.GeoLocation != nil && s.GeoLocation.CountryCode == "*" || s.CIDR != nil && s.CIDR.LocationName == "*" {
			return []*record{r}
		}
	}
	return of[:1]
}

// records turns record sets into resource records with the given owner, following aliases. Values were checked when
// they were stored, so that every one can be read.
func (s *Server) records(z *zone, sets []*record, owner string, depth int) []dns.RR {
	var all []dns.RR
	for _, r := range sets {
		if r.set.Alias != nil {
			all = append(all, s.alias(r, owner, depth)...)
			continue
		}
		for _, v := range r.set.Values {
			if rr, err := parseRecord(".", r.typ, r.set.TTL, v); err == nil {
				rr.Header().Name = owner
				all = append(all, rr)
			}
		}
	}
	return all
}

// alias answers with what an alias stands for: a set of a zone we hold, with its own TTL, or documentation addresses.
func (s *Server) alias(r *record, owner string, depth int) []dns.RR {
	if depth == maxAliasDepth {
		return nil
	}
	a := r.set.Alias
	if z := s.zones[a.HostedZoneID]; z != nil {
		n, err := parseName(a.DNSName)
		if err != nil {
			return nil
		}
		return s.records(z, choose(z.find(n), r.typ), owner, depth+1)
	}
	return documentation(a.DNSName, r.typ, owner)
}

// documentation makes addresses for a load balancer that exists nowhere: the same for the same name, out of the ranges
// of RFC 5737 and RFC 3849, so that they never lead to a host.
func documentation(target, typ, owner string) []dns.RR {
	sum := sha256.Sum256([]byte(target))
	h := dns.RR_Header{Name: owner, Rrtype: dns.StringToType[typ], Class: dns.ClassINET, Ttl: aliasTTL}
	switch typ {
	case "A":
		ip := [][]byte{{192, 0, 2}, {198, 51, 100}, {203, 0, 113}}[sum[0]%3]
		return []dns.RR{&dns.A{Hdr: h, A: net.IPv4(ip[0], ip[1], ip[2], 1+sum[1]%254)}}
	case "AAAA":
		ip := append(net.IP{0x20, 0x01, 0x0d, 0xb8}, sum[:12]...)
		return []dns.RR{&dns.AAAA{Hdr: h, AAAA: ip}}
	}
	return nil
}

// testDNSAnswer is the API's way to ask a zone; s.mu is held.
func (s *Server) testDNSAnswer(q *request) (any, *Error) {
	id := q.zone()
	z := s.zones[id]
	if z == nil {
		return nil, noSuchZone(id)
	}
	n, err := parseName(q.query.Get("recordname"))
	if err != nil || !n.within(z.name) {
		return nil, invalidInput("The record name '%s' is not in the hosted zone %s", q.query.Get("recordname"), z.name.listed)
	}
	typ := q.query.Get("recordtype")
	if !knownType(typ) {
		return nil, outside(typ, "recordType", typeSet())
	}
	m := new(dns.Msg)
	l := lookup{server: s, msg: m, qtype: dns.StringToType[typ]}
	l.follow(z, n, n.presentation())
	doc := xmlTestAnswer{RecordName: n.listed, RecordType: typ, Code: dns.RcodeToString[m.Rcode], Protocol: "UDP"}
	if ns := z.sets.get(key{name: z.name, typ: "NS"}); ns != nil {
		doc.Nameserver = bare(ns.set.Values)[0]
	}
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == l.qtype {
			doc.Data = append(doc.Data, rr.String()[len(rr.Header().String()):])
		}
	}
	return doc, nil
}
