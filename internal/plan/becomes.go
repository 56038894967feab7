package plan

import "github.com/signpost-dns/signpost/internal/dns"

// Becomes returns the keys of the record sets that a want shall become where
// nothing stands in its way: none if the provider cannot hold it, two for a
// CNAME that becomes an alias.
func (r Rules) Becomes(w Want) []dns.Key {
	sets, _ := r.resolve(dns.Zone{}, w)
	keys := make([]dns.Key, len(sets))
	for i, set := range sets {
		keys[i] = set.Key
	}
	return keys
}
