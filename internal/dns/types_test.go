package dns

import "testing"

func TestRegistered(t *testing.T) {
	for typ, want := range map[Type]bool{
		A: true, AAAA: true, CNAME: true, TXT: true, NS: true, SOA: true, PTR: true, SRV: true, MX: true, DNAME: true, NAPTR: true, CAA: true,
		"HTTPS": true, "TLSA": true, "TYPE65280": true, "TYPE65536": false, "TYPE0": false, "TYPE": false, "TYPEX": false,
		"BOGUS": false, "ANY": false, "AXFR": false, "ALIAS": false, "a": false, "": false,
	} {
		if got := typ.Registered(); got != want {
			t.Errorf("%s: %t, want %t", typ, got, want)
		}
	}
}
