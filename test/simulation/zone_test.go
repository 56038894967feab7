package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// owner is the owner id of the deployment under test, stranger that of another's.
const (
	owner    = "me"
	stranger = "other"
)

// key names a record set. Names are as Route 53 lists them.
type key struct{ name, typ, id string }

func (k key) String() string {
	if k.id != "" {
		return k.name + " " + k.typ + " (" + k.id + ")"
	}
	return k.name + " " + k.typ
}

func (k key) compare(l key) int { return strings.Compare(k.String(), l.String()) }

// zone is a hosted zone of the world.
type zone struct {
	id, apex string // the apex with its final dot
	private  bool
	current  atomic.Pointer[contents]
	gone     []departure // what processes deleted with nothing of ours in its place, unasked
	lost     []departure // what of ours went otherwise
}

// now returns what the zone holds. Anybody may look; it is set under the world's mutex.
func (z *zone) now() contents { return *z.current.Load() }

func (z *zone) set(c contents) { z.current.Store(&c) }

func (z *zone) String() string {
	if z.private {
		return z.apex + " (private)"
	}
	return z.apex
}

// contents is what a zone holds. It is never changed, but made anew.
type contents map[key]emulator.RecordSet

func read(sets []emulator.RecordSet) contents {
	c := make(contents, len(sets))
	for _, s := range sets {
		c[key{s.Name, s.Type, s.SetIdentifier}] = s
	}
	return c
}

// text is a record set's content in words, equal for equal content.
func text(s emulator.RecordSet) string {
	if s.Alias != nil {
		return fmt.Sprintf("-> %s %s %t", s.Alias.HostedZoneID, s.Alias.DNSName, s.Alias.EvaluateTargetHealth)
	}
	return fmt.Sprintf("%d %s", s.TTL, strings.Join(slices.Sorted(slices.Values(s.Values)), " "))
}

// claimAt is where the claim of a record set lies, by the names that ExternalDNS gives claims when it has no affixes.
func (z *zone) claimAt(k key) key {
	mark := strings.ToLower(k.typ)
	if k.name == z.apex {
		return key{"_signpost-" + mark + "." + z.apex, "TXT", k.id}
	}
	return key{mark + "-" + k.name, "TXT", k.id}
}

const heritage = `"heritage=external-dns,`

// claim reads a TXT record set as a claim.
func claim(s emulator.RecordSet) (of, resource string, ok bool) {
	if s.Type != "TXT" || len(s.Values) != 1 || !strings.HasPrefix(s.Values[0], heritage) {
		return "", "", false
	}
	for item := range strings.SplitSeq(strings.Trim(s.Values[0], `"`), ",") {
		name, value, _ := strings.Cut(item, "=")
		switch name {
		case "external-dns/owner":
			of = value
		case "external-dns/resource":
			resource = value
		}
	}
	return of, resource, true
}

// claimFor is the claim of an owner as ExternalDNS writes it.
func claimFor(at key, of, resource string) emulator.RecordSet {
	return emulator.RecordSet{Name: at.name, Type: "TXT", SetIdentifier: at.id, TTL: 300,
		Values: []string{heritage + "external-dns/owner=" + of + ",external-dns/resource=" + resource + `"`}}
}

func isClaim(s emulator.RecordSet) bool {
	_, _, ok := claim(s)
	return ok
}

// ownerOf tells whose a record set is: a claim that stands where it belongs.
func (z *zone) ownerOf(c contents, k key) (of, resource string) {
	if s, ok := c[z.claimAt(k)]; ok {
		of, resource, _ = claim(s)
	}
	return of, resource
}

// ours lists the names and types at which something of ours stands.
func (z *zone) ours(c contents) map[key]bool {
	all := map[key]bool{}
	for k, s := range c {
		if of, _ := z.ownerOf(c, k); of == owner && !isClaim(s) {
			all[key{k.name, k.typ, ""}] = true
		}
	}
	return all
}

func (c contents) sorted() []key {
	return slices.SortedFunc(maps.Keys(c), key.compare)
}

// listing shows a zone for people.
func (z *zone) listing() string {
	var b strings.Builder
	for _, k := range z.now().sorted() {
		if k.name == z.apex && (k.typ == "NS" || k.typ == "SOA") {
			continue
		}
		fmt.Fprintf(&b, "  %s %s\n", k, text(z.now()[k]))
	}
	return b.String()
}
