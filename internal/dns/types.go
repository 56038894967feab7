package dns

import (
	"slices"
	"strconv"
	"strings"
)

// Registered reports whether there are record sets of this type: whether it has a
// mnemonic for data in the IANA registry of DNS parameters, or is written as a
// number (RFC 3597, section 5: TYPE65280).
func (t Type) Registered() bool {
	if digits, ok := strings.CutPrefix(string(t), "TYPE"); ok {
		n, err := strconv.ParseUint(digits, 10, 16)
		return err == nil && n > 0
	}
	return slices.Contains(strings.Fields(registered), string(t))
}

// registered is the types of data, without those for queries and for transport
// (QTYPEs and Meta-TYPEs, RFC 6895, section 3.1).
// https://www.iana.org/assignments/dns-parameters
const registered = `A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP-PTR SIG KEY PX GPOS AAAA LOC NXT
EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3 NSEC3PARAM TLSA SMIMEA HIP NINFO RKEY
TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS DSYNC HHIT BRID SPF UINFO UID GID UNSPEC NID L32 L64 LP EUI48 EUI64
URI CAA AVC DOA AMTRELAY RESINFO WALLET CLA IPN TA DLV`
