package claim_test

import (
	"fmt"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
)

func Example() {
	naming, err := claim.NewNaming("", "", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := dns.NewRecordSet(dns.Key{Name: "www.example.com.", Type: dns.A}, 60, "192.0.2.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	at, err := naming.Name(set.Key, "example.com.")
	if err != nil {
		fmt.Println(err)
		return
	}
	txt := claim.Set(claim.Claim{Owner: "me", Resource: "service/default/nginx"}, at, set)
	fmt.Println(txt)
	for _, found := range naming.For([]dns.RecordSet{set, txt}, set, "example.com.") {
		fmt.Println(set.Key, "belongs to", found.Claim.Owner)
	}
	// Output:
	// a-www.example.com. 300 IN TXT "heritage=external-dns,external-dns/owner=me,external-dns/resource=service/default/nginx"
	// www.example.com A belongs to me
}
