package emulator

import (
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxUDP is the largest answer sent over UDP, whatever the client says it can take.
const maxUDP = 4096

// ServeDNS answers for the zones, with authority and without recursion. It serves public and private zones alike:
// a question goes to the zone with the longest matching name, and of zones with the same name to the public one,
// unless only the private one has the name asked for.
func (s *Server) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := s.reply(r)
	size := dns.MaxMsgSize
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size = dns.MinMsgSize
		if opt := r.IsEdns0(); opt != nil {
			size = min(max(int(opt.UDPSize()), dns.MinMsgSize), maxUDP)
		}
	}
	m.Truncate(size)
	if err := w.WriteMsg(m); err != nil && s.cfg.Log != nil {
		s.cfg.Log.Debug("DNS client went away", "error", err)
	}
}

func (s *Server) reply(r *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(r)
	m.Compress = true
	if opt := r.IsEdns0(); opt != nil {
		m.SetEdns0(maxUDP, false)
		if opt.Version() != 0 {
			m.Rcode = dns.RcodeBadVers
			return m
		}
	}
	switch {
	case r.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
		return m
	case len(r.Question) != 1:
		m.Rcode = dns.RcodeFormatError
		return m
	}
	q := r.Question[0]
	if q.Qclass != dns.ClassINET || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		m.Rcode = dns.RcodeRefused
		return m
	}
	n, err := questionName(q.Name)
	if err != nil {
		m.Rcode = dns.RcodeFormatError
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zoneOf(n)
	if z == nil {
		m.Rcode = dns.RcodeRefused
		return m
	}
	l := lookup{server: s, msg: m, qtype: q.Qtype}
	l.follow(z, n, q.Name)
	return m
}

// zoneOf finds the zone that answers for a name, or nil.
func (s *Server) zoneOf(n name) *zone {
	var all []*zone
	for _, z := range s.zones {
		if n.within(z.name) {
			all = append(all, z)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b *zone) int {
		if d := len(b.name.listed) - len(a.name.listed); d != 0 {
			return d
		}
		if a.private != b.private {
			if b.private {
				return -1
			}
			return 1
		}
		return int(a.seq) - int(b.seq)
	})
	for _, z := range all {
		if z.name == all[0].name && z.find(n) != nil {
			return z
		}
	}
	return all[0]
}

// exists says whether a name has record sets or names below it (an empty non-terminal, RFC 4592 section 2.2.2).
func (z *zone) exists(n name) bool {
	for r := range z.sets.from(key{name: n}) {
		if r.name.within(n) {
			return true
		}
		if !strings.HasPrefix(r.name.order, n.order) {
			return false
		}
	}
	return false
}

// find gives the record sets that answer for a name, through a wildcard if there is one for it (RFC 4592 section 3.3).
// It answers nil if the name does not exist, and an empty list if it has no record sets of its own.
func (z *zone) find(n name) []*record {
	if z.exists(n) {
		return append([]*record{}, z.sets.at(n)...)
	}
	for up := n; up != z.name; {
		up = up.parent()
		if z.exists(up) { // the closest encloser
			wildcard := up.child(`\052`, "*")
			if z.exists(wildcard) {
				return append([]*record{}, z.sets.at(wildcard)...)
			}
			return nil
		}
	}
	return nil
}

// cut finds the delegation that a name lies at or below, or nil.
func (z *zone) cut(n name) *record {
	var found *record
	for ; n != z.name; n = n.parent() {
		if r := z.sets.get(key{name: n, typ: "NS"}); r != nil {
			found = r // the highest wins
		}
	}
	return found
}

// lookup makes one answer.
type lookup struct {
	server *Server
	msg    *dns.Msg
	qtype  uint16
	seen   []name // owners of the CNAMEs followed
}

// follow answers for one name; spelled is the owner name to answer with, in the case of the question.
func (l *lookup) follow(z *zone, n name, spelled string) {
	l.msg.Authoritative = true
	if c := z.cut(n); c != nil && !(c.name == n && l.qtype == dns.TypeDS) {
		l.refer(z, c)
		return
	}
	sets := z.find(n)
	if sets == nil {
		l.msg.Rcode = dns.RcodeNameError
		l.deny(z)
		return
	}
	if l.qtype == dns.TypeANY {
		// RFC 8482 section 4.2: a small answer in place of everything.
		l.msg.Answer = append(l.msg.Answer, &dns.HINFO{
			Hdr: dns.RR_Header{Name: spelled, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 60}, Cpu: "RFC8482"})
		return
	}
	rrs := l.server.records(z, choose(sets, dns.TypeToString[l.qtype]), spelled, 0)
	if len(rrs) > 0 {
		l.msg.Answer = append(l.msg.Answer, rrs...)
		return
	}
	cname := l.server.records(z, choose(sets, "CNAME"), spelled, 0)
	if len(cname) == 0 || l.qtype == dns.TypeCNAME {
		l.deny(z)
		return
	}
	l.msg.Answer = append(l.msg.Answer, cname...)
	target := cname[0].(*dns.CNAME).Target
	next, err := questionName(target)
	l.seen = append(l.seen, n)
	if err != nil || slices.Contains(l.seen, next) {
		return
	}
	if z := l.server.zoneOf(next); z != nil {
		l.follow(z, next, target)
	}
}

// refer answers with a delegation and what addresses the zone holds for its servers.
func (l *lookup) refer(z *zone, c *record) {
	l.msg.Authoritative = len(l.msg.Answer) > 0
	ns := l.server.records(z, []*record{c}, c.name.presentation(), 0)
	l.msg.Ns = append(l.msg.Ns, ns...)
	for _, rr := range ns {
		target := rr.(*dns.NS).Ns
		n, err := questionName(target)
		if err != nil || !n.within(z.name) {
			continue
		}
		for _, typ := range []string{"A", "AAAA"} {
			l.msg.Extra = append(l.msg.Extra, l.server.records(z, choose(z.sets.at(n), typ), target, 0)...)
		}
	}
}

// deny adds the SOA that says how long a name or type may be taken as absent (RFC 2308 section 3).
func (l *lookup) deny(z *zone) {
	soa := l.server.records(z, choose(z.sets.at(z.name), "SOA"), z.name.presentation(), 0)
	for _, rr := range soa {
		if s, ok := rr.(*dns.SOA); ok {
			s.Hdr.Ttl = min(s.Hdr.Ttl, s.Minttl)
		}
	}
	l.msg.Ns = append(l.msg.Ns, soa...)
}
