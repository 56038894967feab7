// Package claim says whose a record set is: it reads and writes the TXT record
// sets by which ExternalDNS marks what it made, in every format that its
// versions left in zones, and writes them as v0.22 does.
//
// It hides the text of a claim ([Claim]) and where claims lie ([Naming], the
// meaning of --txt-prefix, --txt-suffix and --txt-wildcard-replacement). What
// holds:
//
//   - What [Naming.Name] returns lies in the zone, and [Naming.Reads] reads it
//     back; [Naming.Candidates] and Reads are each other's inverse.
//   - A claim of one set is never taken for another's: where a name can be read
//     in two ways, [Naming.For] decides by what the zone holds.
//   - Reading never invents an owner: what ExternalDNS would not read as a
//     claim of some owner is none here.
//
// Where ExternalDNS would write the claim outside the zone (the apex of
// example.com has its claim at a-example.com), and so drops it, Signpost puts
// it below the apex, at the label _signpost-<type> with the affixes around it:
//
//	affixes            claim of example.com A
//	none               _signpost-a.example.com
//	prefix "edns."     edns._signpost-a.example.com
//	suffix "-edns"     _signpost-a-edns.example.com
//
// ExternalDNS takes that for a claim of a name that has no records, and leaves
// it alone. The affixes belong in it: deployments that share a zone and an
// owner id are kept apart by their affixes alone, so that one must not find
// the other's claims; and permissions on claims are often given by affix.
//
// The package is pure and may import dns only.
//
//	naming, err := claim.NewNaming("", "", "")
//	at, err := naming.Name(set.Key, "example.com.")    // a-www.example.com.
//	txt := claim.Set(claim.Claim{Owner: "me", Resource: "service/default/nginx"}, at, set)
//	naming.For([]dns.RecordSet{set, txt}, set, "example.com.") // the claim, and txt
package claim
