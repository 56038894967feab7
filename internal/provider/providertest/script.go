package providertest

import "github.com/signpost-dns/signpost/internal/provider"

// script is the story of one zone. It begins empty.
var script = []step{
	{says: "a name comes with its claim", zone: `
www   300 IN A   192.0.2.1
a-www 300 IN TXT "heritage=external-dns,external-dns/owner=me"`},
	{says: "values and TTL change, and another type comes", zone: `
www   60  IN A    192.0.2.1
www   60  IN A    192.0.2.2
www   300 IN AAAA 2001:db8::1
a-www 300 IN TXT  "heritage=external-dns,external-dns/owner=me"`},
	{says: "a change with its unchanged claim", groups: []group{{
		old: `
www   300 IN AAAA 2001:db8::1
a-www 300 IN TXT  "heritage=external-dns,external-dns/owner=me"`,
		new: `
www   300 IN AAAA 2001:db8::2
a-www 300 IN TXT  "heritage=external-dns,external-dns/owner=me"`}}, zone: `
www   60  IN A    192.0.2.1
www   60  IN A    192.0.2.2
www   300 IN AAAA 2001:db8::2
a-www 300 IN TXT  "heritage=external-dns,external-dns/owner=me"`},

	// Compare-and-swap.
	{says: "refused: a change whose claim is another's by now", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		old: `
www   300 IN AAAA 2001:db8::2
a-www 300 IN TXT  "heritage=external-dns,external-dns/owner=you"`,
		new: `
www   300 IN AAAA 2001:db8::3
a-www 300 IN TXT  "heritage=external-dns,external-dns/owner=you"`}}},
	{says: "refused: an update of what has other values", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		old: `www 60 IN A 192.0.2.1`, new: `www 60 IN A 192.0.2.9`}}},
	{says: "refused: a deletion of what has another TTL", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		old: `www 301 IN AAAA 2001:db8::2`}}},
	{says: "refused: an update of what is not there", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		old: `gone 60 IN A 192.0.2.1`, new: `gone 60 IN A 192.0.2.9`}}},
	{says: "refused: a deletion of what is not there", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		old: `gone 60 IN A 192.0.2.1`}}},
	{says: "refused: a creation of what is there with other values", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		new: `www 60 IN A 192.0.2.9`}}},
	{says: "refused: a creation of exactly what is there", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		new: `www 300 IN AAAA 2001:db8::2`}}},
	{says: "refused: a CNAME beside addresses", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		new: `www 300 IN CNAME elsewhere.example.net.`}}},

	// One group swaps what cannot stand together.
	{says: "addresses give way to a CNAME", groups: []group{{
		old: `
www 60  IN A    192.0.2.1
www 60  IN A    192.0.2.2
www 300 IN AAAA 2001:db8::2`,
		new: `www 300 IN CNAME elsewhere.example.net.`}}, zone: `
www   300 IN CNAME elsewhere.example.net.
a-www 300 IN TXT   "heritage=external-dns,external-dns/owner=me"`},
	{says: "refused: an address beside a CNAME", fails: provider.ErrConflict, named: []int{0}, groups: []group{{
		new: `www 300 IN A 192.0.2.1`}}},
	{says: "the CNAME gives way to an address, and the claim goes", zone: `
www 300 IN A 192.0.2.1`},
	{says: "nothing is left", zone: ``},

	// Names.
	{says: "wildcards, underscores, and octets that need escapes", zone: `
*           300 IN A     192.0.2.1
*.apps      300 IN CNAME www.example.net.
_dmarc      300 IN TXT   "v=DMARC1; p=none"
_sip._tcp   300 IN CNAME *.sip.example.net.
caf\195\169 300 IN A     192.0.2.2
dotted\.one 300 IN A     192.0.2.3
at\@sign    300 IN A     192.0.2.4`},
	{says: "they change", zone: `
*           60 IN A     192.0.2.1
*.apps      60 IN CNAME www.example.net.
_dmarc      60 IN TXT   "v=DMARC1; p=none"
caf\195\169 60 IN A     192.0.2.2
dotted\.one 60 IN A     192.0.2.3
at\@sign    60 IN A     192.0.2.4`},
	{says: "capitals mean the same as small letters", zone: `
WWW.Deep.Down 300 IN A 192.0.2.1
ALIAS         300 IN CNAME WWW.Example.NET.`},
	{says: "the apex has addresses and texts", zone: `
@ 300 IN A   192.0.2.1
@ 300 IN TXT "v=spf1 -all"`},
	{says: "deep below, with nothing between", zone: `
a.b.c.d.e.f 300 IN A 192.0.2.1`},

	// Values.
	{says: "texts of every kind", zone: `
plain   300 IN TXT "one"
several 300 IN TXT "one" "two" "three"
empty   300 IN TXT ""
quotes  300 IN TXT "she said \"yes\"" "back\\slash" "semi;colon"
octets  300 IN TXT "caf\195\169 \000\127\255" "\009tab"
records 300 IN TXT "first"
records 300 IN TXT "second" "part"
records 300 IN TXT "third"`},
	{says: "texts change", zone: `
plain   300 IN TXT "two"
several 300 IN TXT "one two three"
empty   300 IN TXT "full"
quotes  300 IN TXT "she said \"no\"" "back\\slash" "semi;colon"
octets  300 IN TXT "caf\195\169"
records 300 IN TXT "first"
records 300 IN TXT "third"`},
	{says: "other types, and the limits of the TTL", zone: `
zero  0          IN A   192.0.2.1
most  2147483647 IN A   192.0.2.1
mail  300        IN MX  10 mx1.example.net.
mail  300        IN MX  20 mx2.example.net.
srv   300        IN SRV 1 10 5269 xmpp.example.net.
sub   300        IN NS  ns1.example.net.
sub   300        IN NS  ns2.example.net.
v6    300        IN AAAA 2001:db8::1
v6    300        IN AAAA ::ffff:192.0.2.1`},

	// What no zone may hold.
	{says: "a quiet zone", zone: `
calm 300 IN A 192.0.2.1`},
	{says: "refused: a name outside of the zone", fails: provider.ErrRejected, named: []int{0}, groups: []group{{
		new: `www.outside.invalid. 300 IN A 192.0.2.1`}}},
	{says: "refused: a CNAME at the apex", fails: provider.ErrRejected, named: []int{0}, groups: []group{{
		new: `@ 300 IN CNAME www.example.net.`}}},
	{says: "refused: two records of one CNAME", fails: provider.ErrRejected, groups: []group{{
		new: "two 300 IN CNAME a.example.net.\ntwo 300 IN CNAME b.example.net."}}},

	// Groups stand and fall together, in their order.
	{says: "deletions go first wherever they stand in a group", groups: []group{{
		new: "calm 300 IN CNAME www.example.net.", old: `calm 300 IN A 192.0.2.1`}}, zone: `
calm 300 IN CNAME www.example.net.`},
	{says: "refused: one bad group leaves nothing of the others", needs: atomic,
		fails: provider.ErrConflict, named: []int{1}, groups: []group{
			{new: `first 300 IN A 192.0.2.1`},
			{old: `calm 300 IN CNAME other.example.net.`, new: `calm 300 IN A 192.0.2.1`},
			{new: `third 300 IN A 192.0.2.1`}}},
	{says: "refused: two bad groups are both named", needs: atomic,
		fails: provider.ErrConflict, named: []int{0, 2}, groups: []group{
			{new: `calm 300 IN CNAME other.example.net.`},
			{new: `second 300 IN A 192.0.2.1`},
			{old: `third 300 IN A 192.0.2.1`}}},
	{says: "refused: a rejection is not hidden by a conflict", needs: atomic,
		fails: provider.ErrRejected, named: []int{0, 1}, groups: []group{
			{old: `gone 300 IN A 192.0.2.1`},
			{new: `www.outside.invalid. 300 IN A 192.0.2.1`},
			{new: `third 300 IN A 192.0.2.1`}}},
	{says: "a later group builds on an earlier one", groups: []group{
		{old: `calm 300 IN CNAME www.example.net.`},
		{new: `www 300 IN CNAME calm.example.net.`}}, zone: `
www 300 IN CNAME calm.example.net.`},

	// Aliases.
	{says: "aliases of a load balancer", needs: aliases, zone: `
shop ALIAS A    LB zone=LBZONE health=false
shop ALIAS AAAA LB zone=LBZONE health=false
@    ALIAS A    LB zone=LBZONE health=false`},
	{says: "refused: an update of an alias with another target", needs: aliases,
		fails: provider.ErrConflict, named: []int{0}, groups: []group{{
			old: `shop ALIAS A x.LB zone=LBZONE health=false`, new: `shop ALIAS A y.LB zone=LBZONE health=false`}}},
	{says: "one becomes an address, one gets another target", needs: aliases, zone: `
shop 300 IN A  192.0.2.1
shop ALIAS AAAA other.LB zone=LBZONE health=false`},
	{says: "an alias inside the zone comes after its target", needs: aliases, groups: []group{
		{old: `shop 300 IN A  192.0.2.1`, new: `shop 60 IN A 192.0.2.2`},
		{new: `target 300 IN A 192.0.2.3`},
		{new: `inside ALIAS A target zone=ZONE health=true`}}, zone: `
shop   60 IN A 192.0.2.2
shop   ALIAS AAAA other.LB zone=LBZONE health=false
target 300 IN A 192.0.2.3
inside ALIAS A target zone=ZONE health=true`},
	{says: "refused: an alias inside the zone before its target", needs: aliases,
		fails: provider.ErrRejected, named: []int{0}, groups: []group{
			{new: `early ALIAS A late zone=ZONE health=true`},
			{new: `late 300 IN A 192.0.2.3`}}},
	{says: "refused: an alias whose target has another type", needs: aliases,
		fails: provider.ErrRejected, named: []int{0}, groups: []group{
			{new: `early ALIAS AAAA target zone=ZONE health=true`}}},
	{says: "the alias goes, then its target", needs: aliases, groups: []group{
		{old: `inside ALIAS A target zone=ZONE health=true`},
		{old: `target 300 IN A 192.0.2.3`}}, zone: `
shop 60 IN A 192.0.2.2
shop ALIAS AAAA other.LB zone=LBZONE health=false`},

	// Routed sets.
	{says: "routed sets of every policy", needs: routing, zone: `
w 300 IN A 192.0.2.1 ;! id=blue weight=10
w 300 IN A 192.0.2.2 ;! id="green one" weight=0
l 300 IN A 192.0.2.1 ;! id=us region=us-east-1
l 300 IN A 192.0.2.2 ;! id=eu region=eu-west-1
f 300 IN CNAME one.example.net. ;! id=one failover=PRIMARY
f 300 IN CNAME two.example.net. ;! id=two failover=SECONDARY
g 300 IN A 192.0.2.1 ;! id=rest country=*
g 300 IN A 192.0.2.2 ;! id=ny country=US subdivision=NY
g 300 IN A 192.0.2.3 ;! id=eu continent=EU
m 300 IN A 192.0.2.1 ;! id=1 multivalue=true
m 300 IN A 192.0.2.2 ;! id=2 multivalue=true`},
	{says: "a weight changes, and one set goes", needs: routing, zone: `
w 300 IN A 192.0.2.1 ;! id=blue weight=20
w 300 IN A 192.0.2.2 ;! id="green one" weight=0
l 300 IN A 192.0.2.1 ;! id=us region=us-east-1`},
	{says: "refused: an update of a set with another weight", needs: routing,
		fails: provider.ErrConflict, named: []int{0}, groups: []group{{
			old: `w 300 IN A 192.0.2.1 ;! id=blue weight=21`, new: `w 300 IN A 192.0.2.1 ;! id=blue weight=22`}}},
	{says: "refused: a simple set beside routed ones", needs: routing,
		fails: provider.ErrConflict, named: []int{0}, groups: []group{{new: `w 300 IN A 192.0.2.1`}}},
	{says: "refused: another policy beside weights", needs: routing,
		fails: provider.ErrConflict, named: []int{0}, groups: []group{{new: `w 300 IN A 192.0.2.1 ;! id=us region=us-east-1`}}},
	{says: "the policy of a name changes in one group", needs: routing, zone: `
w 300 IN A 192.0.2.1 ;! id=blue failover=PRIMARY
w 300 IN A 192.0.2.2 ;! id="green one" failover=SECONDARY
l 300 IN A 192.0.2.1`},
	{says: "refused: a routed set beside a simple one", needs: routing,
		fails: provider.ErrConflict, named: []int{0}, groups: []group{
			{new: `l 300 IN A 192.0.2.9 ;! id=us region=us-east-1`}}},
	{says: "a set far from its claim in the zone's order", zone: `
www     300 IN A   192.0.2.1
a-www   300 IN TXT "claim"
www-2   300 IN A   192.0.2.1
www.sub 300 IN A   192.0.2.1
wwwa    300 IN A   192.0.2.1`},
	{says: "the zone is empty again", zone: ``},
}
