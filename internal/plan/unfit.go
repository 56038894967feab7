package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signpost-dns/signpost/internal/dns"
)

// maxSetID is how many characters a set identifier may have (Route 53 API
// reference, ResourceRecordSet).
const maxSetID = 128

// unfit returns why the service would refuse a set whatever else the zone holds,
// or why it must not be published.
func (d *decision) unfit(want *desired) (Reason, string) {
	set := want.set
	if types := d.Traits.Types; types != nil && !slices.Contains(types, set.Type) {
		return NotSupported, fmt.Sprintf("this DNS service has no %s record sets", set.Type)
	}
	if limit := d.Traits.MaxSetValues; exceeds(len(set.Data), limit) {
		return NotSupported, fmt.Sprintf("it has %d values, and a set may have %d; give the name fewer targets", len(set.Data), limit)
	}
	if message := unroutable(set); message != "" {
		return NotSupported, message
	}
	if private := d.privateTargets(set); len(private) > 0 {
		return PrivateTarget, fmt.Sprintf("%s is public, and --refuse-private-targets keeps %s out of it", d.Zone.Name.Host(), strings.Join(private, ", "))
	}
	if inside(d.Zone, &set) {
		return d.noTarget(set)
	}
	return "", ""
}

// unroutable returns what is wrong with the routing of a set by itself.
func unroutable(set dns.RecordSet) string {
	if set.Routing == nil {
		return ""
	}
	policy := set.Routing.Policy()
	if err := set.Routing.Check(); err != nil {
		return fmt.Sprintf("%s routing: %v", policy, err)
	}
	if n := utf8.RuneCountInString(set.SetID); n > maxSetID {
		return fmt.Sprintf("its identifier has %d characters, and may have %d", n, maxSetID)
	}
	if slices.Contains([]dns.Type{dns.NS, dns.SOA, "DS"}, set.Type) {
		return fmt.Sprintf("%s sets have no routing policies", set.Type)
	}
	if _, many := set.Routing.(dns.MultiValue); many && (set.Type == dns.CNAME || set.Alias != nil) {
		return "multivalue routing takes addresses only, and this is a host name; let the object point to addresses, or ask for another policy"
	}
	return ""
}

// privateTargets returns the addresses of a set that have no place in a public
// zone.
func (d *decision) privateTargets(set dns.RecordSet) []string {
	if !d.RefusePrivate || d.Zone.Private || !set.Type.Address() {
		return nil
	}
	var private []string
	for _, value := range set.Data {
		if addr, err := netip.ParseAddr(value); err == nil && isPrivate(addr) {
			private = append(private, value)
		}
	}
	return private
}

// isPrivate reports whether an address means something inside of some network
// only: RFC 1918, RFC 4193, RFC 6598 (shared by carriers), loopback, link-local.
func isPrivate(addr netip.Addr) bool {
	addr = addr.Unmap()
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || shared.Contains(addr)
}

// noTarget returns why an alias inside the zone would point to nothing.
func (d *decision) noTarget(set dns.RecordSet) (Reason, string) {
	at := set.Alias.Target
	switch {
	case at == set.Name:
		return NotSupported, "an alias cannot point to itself"
	case !at.Within(d.Zone.Name):
		return NotSupported, fmt.Sprintf("%s does not lie in the zone %s that the alias names", at.Host(), d.Zone.ID)
	case !d.comes(target(&set)):
		return NotSupported, fmt.Sprintf("%s has no %s set in this zone for an alias to point to; ask for a CNAME with the annotation alias: \"false\"",
			at.Host(), set.Type)
	}
	return "", ""
}

// crowded returns why a routed set does not fit beside those of its name and
// type that will stand with it.
func (d *decision) crowded(want *desired) (Reason, string) {
	if want.set.Routing == nil {
		return "", ""
	}
	policy := want.set.Routing.Policy()
	beside := 0
	for _, other := range d.beside(want) {
		beside++
		if _, weighted := want.set.Routing.(dns.Weighted); weighted && other.Alias == nil && want.set.Alias == nil && other.TTL != want.set.TTL {
			return Conflict, fmt.Sprintf("weighted sets of one name have one TTL: %s has %d, and this %d; give all their objects the same ttl",
				other.Key, other.TTL, want.set.TTL)
		}
	}
	if limit := d.Traits.MaxRouted[policy]; limit > 0 && beside >= limit {
		return NotSupported, fmt.Sprintf("a name and type may have %d sets of %s routing, and there are as many; use another name", limit, policy)
	}
	return "", ""
}

// beside returns the sets of a wanted set's name and type that will stand with
// it: those that are wanted too, and those that stay. Of two that are both to
// change only the one whose object is younger sees the other.
func (d *decision) beside(want *desired) []dns.RecordSet {
	key := want.set.Key
	var out []dns.RecordSet
	for _, k := range sortedKeys(d.wanted) {
		other := d.wanted[k]
		if other == want || k.Name != key.Name || k.Type != key.Type || other.refused != "" {
			continue
		}
		if s := d.standing[k]; s != nil && s.set.Equal(other.set) || cmp.Or(other.askers[0].older(want.askers[0]), k.Compare(key)) < 0 {
			out = append(out, other.set)
		}
	}
	for _, set := range d.Sets(key.Name) {
		if set.Type != key.Type || set.Key == key {
			continue
		}
		if other := d.wanted[set.Key]; other != nil && other.refused == "" {
			continue
		}
		if s := d.standing[set.Key]; s != nil && s.ours {
			if reason, _ := d.stays(s, d.displaced(s.set)); reason == "" {
				continue
			}
		}
		out = append(out, set)
	}
	return out
}
