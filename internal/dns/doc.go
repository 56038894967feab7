// Package dns holds the words that every other room of Signpost speaks:
// names, types, record sets, changes, zones, and what a DNS service can hold.
//
// It is pure: no I/O, no clock, no logger, and nothing of Kubernetes or of any
// provider. Everything in it is a value. What the constructors return is
// canonical, so that two values mean the same thing exactly if they are equal:
//
//   - a [Name] is absolute, in lower case, in presentation format (RFC 1035
//     section 5.1) with the shortest escapes;
//   - the RDATA of a [RecordSet] is in presentation format, canonical for the
//     types Signpost knows (2001:DB8:0::1 and 2001:db8::1 are the same
//     address), sorted and unique;
//   - the spelling in which a service listed a record set travels with it where
//     it differs ([RecordSet.Listed]), because a deletion must repeat it.
//
// The package may import the standard library and the IDNA tables only.
//
//	name, err := dns.ParseName("WWW.Example.com")   // "www.example.com."
//	set, err := dns.NewRecordSet(dns.Key{Name: name, Type: dns.A}, 300, "192.0.2.1")
//	fmt.Println(set)                                // www.example.com. 300 IN A 192.0.2.1
package dns
