package emulator_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// recorder takes an answer in place of a socket.
type recorder struct {
	dns.ResponseWriter
	remote net.Addr
	size   int // of the answer on the wire
	msg    *dns.Msg
}

func (r *recorder) RemoteAddr() net.Addr { return r.remote }

func (r *recorder) WriteMsg(m *dns.Msg) error {
	// What cannot be packed never reaches a client.
	wire, err := m.Pack()
	if err != nil {
		return err
	}
	r.size, r.msg = len(wire), new(dns.Msg)
	return r.msg.Unpack(wire)
}

func ask(t *testing.T, srv *emulator.Server, name, typ string) *dns.Msg {
	t.Helper()
	return exchange(t, srv, new(dns.Msg).SetQuestion(name, dns.StringToType[typ]), &net.TCPAddr{})
}

func exchange(t *testing.T, srv *emulator.Server, q *dns.Msg, from net.Addr) *dns.Msg {
	t.Helper()
	return record(t, srv, q, from).msg
}

func record(t *testing.T, srv *emulator.Server, q *dns.Msg, from net.Addr) *recorder {
	t.Helper()
	w := &recorder{remote: from}
	srv.ServeDNS(w, q)
	if w.msg == nil {
		t.Fatalf("no answer to %v", q)
	}
	return w
}

// lines are records without their class, fields separated by spaces.
func lines(rrs []dns.RR) []string {
	var all []string
	for _, rr := range rrs {
		all = append(all, strings.Replace(strings.Join(strings.Fields(rr.String()), " "), " IN ", " ", 1))
	}
	return all
}

// answering holds zones with everything that TestDNS asks for.
func answering(t *testing.T) (*emulator.Server, string) {
	t.Helper()
	srv, zone := newZone(t, emulator.Config{})
	net2, err := srv.AddZone("example.net")
	if err != nil {
		t.Fatal(err)
	}
	private, err := srv.AddZone("example.com", emulator.Private("us-east-1", "vpc-1"))
	if err != nil {
		t.Fatal(err)
	}
	deep, err := srv.AddZone("deep.example.com", emulator.Private("us-east-1", "vpc-1"))
	if err != nil {
		t.Fatal(err)
	}
	multi := func(id, ip string) emulator.RecordSet {
		s := set("m.example.com", "A", ip)
		s.SetIdentifier, s.MultiValueAnswer = id, true
		return s
	}
	geo := func(id, country, ip string) emulator.RecordSet {
		s := set("g.example.com", "A", ip)
		s.SetIdentifier, s.GeoLocation = id, &emulator.GeoLocation{CountryCode: country}
		return s
	}
	must(t, srv, net2, create(set("t.example.net", "A", "198.51.100.7")))
	must(t, srv, private, create(set("www.example.com", "A", "10.0.0.1")), create(set("only.example.com", "A", "10.0.0.2")))
	must(t, srv, deep, create(set("x.deep.example.com", "A", "10.0.0.3")))
	must(t, srv, zone,
		create(set("www.example.com", "A", "192.0.2.1", "192.0.2.2")),
		create(set("txt.example.com", "TXT", `"a" "b"`, `"q\"u \351"`)),
		create(set("mx.example.com", "MX", "10 mail.example.com")),
		create(set("_s._tcp.example.com", "SRV", "1 2 443 www.example.com")),
		create(set("caa.example.com", "CAA", `0 issue "ca.example.net"`)),
		create(set("c1.example.com", "CNAME", "C2.example.com")), create(set("c2.example.com", "CNAME", "t.example.net.")),
		create(set("out.example.com", "CNAME", "elsewhere.example.org")), create(set("dead.example.com", "CNAME", "none.example.com")),
		create(set("loop1.example.com", "CNAME", "loop2.example.com")), create(set("loop2.example.com", "CNAME", "loop1.example.com")),
		create(set("*.w.example.com", "A", "192.0.2.9")), create(set("a.b.w.example.com", "TXT", `"x"`)),
		create(set("sub.example.com", "NS", "ns.sub.example.com", "ns.example.org")), create(set("ns.sub.example.com", "A", "192.0.2.53")),
		create(alias("al.example.com", "A", zone, "www.example.com")), create(alias("al2.example.com", "A", zone, "al.example.com")),
		create(alias("aln.example.com", "A", net2, "t.example.net")),
		create(alias("lb.example.com", "A", elb, "lb-1.us-east-1.elb.amazonaws.com")), create(alias("lb.example.com", "AAAA", elb, "lb-1.us-east-1.elb.amazonaws.com")),
		create(weighted("0", 0, set("w0.example.com", "A", "192.0.2.30"))), create(weighted("1", 5, set("w0.example.com", "A", "192.0.2.31"))),
		create(failover("a", "SECONDARY", set("f.example.com", "A", "192.0.2.40"))), create(failover("b", "PRIMARY", set("f.example.com", "A", "192.0.2.41"))),
		create(multi("a", "192.0.2.50")), create(multi("b", "192.0.2.51")),
		create(geo("a", "DE", "192.0.2.60")), create(geo("b", "*", "192.0.2.61")))
	return srv, zone
}

func TestDNS(t *testing.T) {
	srv, zone := answering(t)
	soa := "example.com. 900 SOA"
	for _, tc := range []struct {
		name, typ string
		rcode     int
		answer    []string
		authority string // how it begins
	}{
		{"WWW.example.com.", "A", 0, []string{"WWW.example.com. 300 A 192.0.2.1", "WWW.example.com. 300 A 192.0.2.2"}, ""},
		{"www.example.com.", "AAAA", 0, nil, soa},
		{"none.example.com.", "A", 3, nil, soa},
		{"_tcp.example.com.", "A", 0, nil, soa}, // an empty non-terminal exists
		{"example.com.", "SOA", 0, []string{srv.RecordSets(zone)[1].Name + " 900 SOA " + srv.RecordSets(zone)[1].Values[0]}, ""},
		{"txt.example.com.", "TXT", 0, []string{`txt.example.com. 300 TXT "a" "b"`, `txt.example.com. 300 TXT "q\"u \233"`}, ""},
		{"mx.example.com.", "MX", 0, []string{"mx.example.com. 300 MX 10 mail.example.com."}, ""},
		{"_s._tcp.example.com.", "SRV", 0, []string{"_s._tcp.example.com. 300 SRV 1 2 443 www.example.com."}, ""},
		{"caa.example.com.", "CAA", 0, []string{`caa.example.com. 300 CAA 0 issue "ca.example.net"`}, ""},
		{"c1.example.com.", "A", 0, []string{"c1.example.com. 300 CNAME C2.example.com.", "C2.example.com. 300 CNAME t.example.net.", "t.example.net. 300 A 198.51.100.7"}, ""},
		{"c1.example.com.", "CNAME", 0, []string{"c1.example.com. 300 CNAME C2.example.com."}, ""},
		{"out.example.com.", "A", 0, []string{"out.example.com. 300 CNAME elsewhere.example.org."}, ""},
		{"dead.example.com.", "A", 3, []string{"dead.example.com. 300 CNAME none.example.com."}, soa},
		{"loop1.example.com.", "A", 0, []string{"loop1.example.com. 300 CNAME loop2.example.com.", "loop2.example.com. 300 CNAME loop1.example.com."}, ""},
		{"any.w.example.com.", "A", 0, []string{"any.w.example.com. 300 A 192.0.2.9"}, ""},
		{"any.w.example.com.", "TXT", 0, nil, soa},
		{"b.w.example.com.", "A", 0, nil, soa},       // exists, so that the wildcard is not for it
		{"other.b.w.example.com.", "A", 3, nil, soa}, // nor for what is below it
		{"sub.example.com.", "A", 0, nil, "sub.example.com. 300 NS ns.sub.example.com."},
		{"x.sub.example.com.", "A", 0, nil, "sub.example.com. 300 NS ns.sub.example.com."},
		{"al2.example.com.", "A", 0, []string{"al2.example.com. 300 A 192.0.2.1", "al2.example.com. 300 A 192.0.2.2"}, ""},
		{"al.example.com.", "AAAA", 0, nil, soa},
		{"aln.example.com.", "A", 0, []string{"aln.example.com. 300 A 198.51.100.7"}, ""},
		{"w0.example.com.", "A", 0, []string{"w0.example.com. 300 A 192.0.2.31"}, ""},
		{"f.example.com.", "A", 0, []string{"f.example.com. 300 A 192.0.2.41"}, ""},
		{"m.example.com.", "A", 0, []string{"m.example.com. 300 A 192.0.2.50", "m.example.com. 300 A 192.0.2.51"}, ""},
		{"g.example.com.", "A", 0, []string{"g.example.com. 300 A 192.0.2.61"}, ""},
		{"only.example.com.", "A", 0, []string{"only.example.com. 300 A 10.0.0.2"}, ""},
		{"x.deep.example.com.", "A", 0, []string{"x.deep.example.com. 300 A 10.0.0.3"}, ""},
		{"www.example.com.", "ANY", 0, []string{`www.example.com. 60 HINFO "RFC8482" ""`}, ""},
		{"www.example.org.", "A", dns.RcodeRefused, nil, ""},
		{"example.com.", "AXFR", dns.RcodeRefused, nil, ""},
	} {
		m := ask(t, srv, tc.name, tc.typ)
		if d := cmp.Diff(tc.answer, lines(m.Answer)); d != "" || m.Rcode != tc.rcode {
			t.Errorf("%s %s: %s, answer (-want +got):\n%s", tc.name, tc.typ, dns.RcodeToString[m.Rcode], d)
		}
		if ns := strings.Join(lines(m.Ns), "\n"); !strings.HasPrefix(ns, tc.authority) || tc.authority == "" && ns != "" {
			t.Errorf("%s %s: authority %q, want %q", tc.name, tc.typ, ns, tc.authority)
		}
	}
	referral := ask(t, srv, "x.sub.example.com.", "A")
	if d := cmp.Diff([]string{"ns.sub.example.com. 300 A 192.0.2.53"}, lines(referral.Extra)); d != "" || referral.Authoritative {
		t.Errorf("referral: authoritative %t, glue (-want +got):\n%s", referral.Authoritative, d)
	}
	if m := ask(t, srv, "www.example.com.", "A"); !m.Authoritative || m.RecursionAvailable {
		t.Errorf("flags of %v", m.MsgHdr)
	}
}

// TestDocumentationAddresses: an alias to a load balancer answers addresses that lead nowhere, the same every time.
func TestDocumentationAddresses(t *testing.T) {
	answer := func(typ string) []string {
		srv, zone := newZone(t, emulator.Config{})
		must(t, srv, zone, create(alias("lb.example.com", typ, elb, "LB-1.us-east-1.elb.amazonaws.com")))
		var all []string
		for _, rr := range ask(t, srv, "lb.example.com.", typ).Answer {
			if rr.Header().Ttl != 60 {
				t.Errorf("TTL of %v", rr)
			}
			switch rr := rr.(type) {
			case *dns.A:
				all = append(all, rr.A.String())
			case *dns.AAAA:
				all = append(all, rr.AAAA.String())
			}
		}
		return all
	}
	for typ, networks := range map[string][]string{"A": {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"}, "AAAA": {"2001:db8::/32"}} {
		first := answer(typ)
		if len(first) != 1 || !slices.Equal(first, answer(typ)) {
			t.Fatalf("%s: got %v, then %v", typ, first, answer(typ))
		}
		if !slices.ContainsFunc(networks, func(n string) bool {
			_, network, err := net.ParseCIDR(n)
			return err == nil && network.Contains(net.ParseIP(first[0]))
		}) {
			t.Errorf("%s is in none of %v", first[0], networks)
		}
	}
}

// TestTruncation: what does not fit into UDP asks the client to come over TCP.
func TestTruncation(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	must(t, srv, zone, create(set("big.example.com", "A", addresses(100)...)))
	question := func(size uint16) *dns.Msg {
		m := new(dns.Msg).SetQuestion("big.example.com.", dns.TypeA)
		if size > 0 {
			m.SetEdns0(size, false)
		}
		return m
	}
	for _, tc := range []struct {
		from      net.Addr
		size      uint16
		truncated bool
	}{
		{&net.UDPAddr{}, 0, true}, {&net.UDPAddr{}, 1232, true}, {&net.UDPAddr{}, 4096, false}, {&net.TCPAddr{}, 0, false},
	} {
		w := record(t, srv, question(tc.size), tc.from)
		m := w.msg
		if m.Truncated != tc.truncated || !tc.truncated && len(m.Answer) != 100 || (m.IsEdns0() != nil) != (tc.size > 0) {
			t.Errorf("%T with %d octets: truncated %t with %d answers", tc.from, tc.size, m.Truncated, len(m.Answer))
		}
		if limit := max(int(tc.size), 512); tc.truncated && w.size > limit {
			t.Errorf("%d octets, want %d at most", w.size, limit)
		}
	}
}

func TestOddQuestions(t *testing.T) {
	srv, _ := newZone(t, emulator.Config{})
	question := func() *dns.Msg { return new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA) }
	two, notify, chaos, version := question(), question(), question(), question()
	two.Question = append(two.Question, two.Question[0])
	notify.Opcode = dns.OpcodeNotify
	chaos.Question[0].Qclass = dns.ClassCHAOS
	version.SetEdns0(1232, false)
	version.IsEdns0().SetVersion(1)
	for i, tc := range []struct {
		q    *dns.Msg
		want int
	}{{two, dns.RcodeFormatError}, {notify, dns.RcodeNotImplemented}, {chaos, dns.RcodeRefused}, {version, dns.RcodeBadVers}} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if m := exchange(t, srv, tc.q, &net.UDPAddr{}); m.Rcode != tc.want {
				t.Errorf("got %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[tc.want])
			}
		})
	}
}
