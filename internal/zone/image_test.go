package zone_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/zone"
)

// drawSet draws a set at one of few names, so that keys meet.
func drawSet(t *rapid.T) dns.RecordSet {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	set := dns.RecordSet{Key: dns.Key{
		Name:  name(pick("name", "a", "b", "*.c", `\195\188.d`, "e")),
		Type:  dns.Type(pick("type", "A", "AAAA", "CNAME", "TXT", "TYPE65280")),
		SetID: pick("identifier", "", "", "", "blue", "green"),
	}, TTL: rapid.Uint32Max(dns.MaxTTL).Draw(t, "ttl")}
	if rapid.Bool().Draw(t, "alias") {
		set.Alias = &dns.Alias{
			Zone: pick("zone", "Z1", "Z2"), Target: dns.Name(pick("target", "lb.example.net.", "lb2.example.net.")),
			EvaluateHealth: rapid.Bool().Draw(t, "health"),
		}
	} else {
		value := rapid.OneOf(rapid.String(), rapid.Map(rapid.String(), func(s string) string {
			return `"heritage=external-dns,external-dns/owner=me,external-dns/resource=` + s
		}))
		set.Data = rapid.SliceOfN(value, 1, 3).Draw(t, "data")
	}
	if set.SetID != "" {
		set.Routing = rapid.SampledFrom([]dns.Routing{dns.Weighted{Weight: 3}, dns.MultiValue{}, dns.Geolocation{Country: "*"}}).Draw(t, "routing")
		set.HealthCheckID = pick("health check", "", "h1")
	}
	if pick("spelling", "", "", "other") != "" {
		set = set.WithListed(dns.Listed{Name: "X.example.com.", Values: []string{rapid.String().Draw(t, "listed")}})
	}
	if pick("fields", "", "", "more") != "" {
		set = set.WithOpaque(map[string]string{"CidrRoutingConfig": rapid.String().Draw(t, "opaque")})
	}
	return set
}

func same(a, b dns.RecordSet) bool { return a.Equal(b) && cmp.Equal(a.Listed(), b.Listed()) }

func sameSets(a, b []dns.RecordSet) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(s dns.RecordSet) bool {
		return !slices.ContainsFunc(b, func(o dns.RecordSet) bool { return same(s, o) })
	})
}

// What is put is what is returned, byte for byte, whatever happens around it.
func TestImageProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		image, model := zone.NewImage(), map[dns.Key]dns.RecordSet{}
		seen, rotation := map[dns.Name]uint32{}, uint32(0)
		at := func(n dns.Name) []dns.RecordSet {
			var sets []dns.RecordSet
			for key, set := range model {
				if key.Name == n {
					sets = append(sets, set)
				}
			}
			return sets
		}
		put := func(set dns.RecordSet) { model[set.Key], seen[set.Name] = set, rotation }
		remove := func(key dns.Key) {
			delete(model, key)
			if len(at(key.Name)) == 0 {
				delete(seen, key.Name)
			}
		}
		var before []dns.RecordSet // what At returned, and what it was then
		then := fmt.Sprint(before)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				set := drawSet(t)
				image.Put(set)
				put(set)
			},
			"drop": func(t *rapid.T) {
				key := drawSet(t).Key
				image.Drop(key)
				remove(key)
			},
			"replace": func(t *rapid.T) {
				set, other := drawSet(t), drawSet(t)
				image.Replace([]dns.Name{set.Name, other.Name}, []dns.RecordSet{set})
				for key := range maps.Clone(model) {
					if key.Name == set.Name || key.Name == other.Name {
						remove(key)
					}
				}
				put(set)
			},
			"apply": func(t *rapid.T) {
				next := drawSet(t)
				c := dns.Change{New: &next}
				if old, ok := model[next.Key]; ok {
					c.Old = &old
				}
				if c.Old != nil && rapid.Bool().Draw(t, "delete") {
					c.New = nil
				}
				image.Apply(dns.Batch{{c}})
				switch c.Action() {
				case dns.Create, dns.Update:
					put(next.WithListed(dns.Listed{}))
				case dns.Delete:
					remove(next.Key)
				}
			},
			"begin": func(*rapid.T) {
				rotation++
				image.Begin(rotation)
			},
			"see": func(t *rapid.T) {
				set := drawSet(t)
				image.Seen(set.Name, rotation)
				if len(at(set.Name)) > 0 {
					seen[set.Name] = rotation
				}
			},
			"look": func(t *rapid.T) {
				before = image.At(drawSet(t).Name)
				then = fmt.Sprint(before)
			},
			"": func(t *rapid.T) {
				if all := slices.Collect(image.All()); !sameSets(all, slices.Collect(maps.Values(model))) || image.Len() != len(model) {
					t.Fatalf("%d sets, %v, want %v", image.Len(), all, model)
				}
				for key := range model {
					if have := image.At(key.Name); !sameSets(have, at(key.Name)) {
						t.Fatalf("at %s there is %v, want %v", key.Name, have, at(key.Name))
					}
				}
				if now := fmt.Sprint(before); now != then {
					t.Fatalf("what At returned has changed from %s to %s", then, now)
				}
				var unseen []dns.Name
				for n, r := range seen {
					if r != rotation {
						unseen = append(unseen, n)
					}
				}
				slices.Sort(unseen)
				if have := slices.Sorted(slices.Values(image.Unseen(rotation))); !slices.Equal(have, unseen) {
					t.Fatalf("unseen in rotation %d: %v, want %v", rotation, have, unseen)
				}
			},
		})
	})
}

// Beyond so many owners the texts of claims are written out.
func TestImageOfManyOwners(t *testing.T) {
	image := zone.NewImage()
	set := func(i int) dns.RecordSet {
		return dns.RecordSet{Key: dns.Key{Name: name(fmt.Sprint("h", i)), Type: dns.TXT}, TTL: 300,
			Data: []string{fmt.Sprintf(`"heritage=external-dns,external-dns/owner=o%d,external-dns/resource=service/a/b%d"`, i, i)}}
	}
	for i := range 3000 {
		image.Put(set(i))
	}
	for i := range 3000 {
		if have := image.At(set(i).Name); len(have) != 1 || !have[0].Equal(set(i)) {
			t.Fatalf("have %v, want %v", have, set(i))
		}
	}
}
