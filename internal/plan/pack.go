package plan

import (
	"fmt"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Pack puts groups into batches within the limits of the provider, each as
// full as the order allows. The order is that of the plan, but that the target
// of an alias is made before the alias and removed after it. A group that fits
// into no batch is refused, by each of its sets that is no claim.
func Pack(t dns.Traits, zone dns.Zone, groups []dns.Group) ([]dns.Batch, []Refusal) {
	var batches []dns.Batch
	var refusals []Refusal
	values, chars := 0, 0
	for _, g := range orderGroups(zone, groups) {
		v, c := g.Size()
		if exceeds(v, t.MaxValues) || exceeds(c, t.MaxChars) {
			refusals = append(refusals, oversize(g, t)...)
			continue
		}
		if len(batches) == 0 || exceeds(values+v, t.MaxValues) || exceeds(chars+c, t.MaxChars) {
			batches = append(batches, nil)
			values, chars = 0, 0
		}
		last := len(batches) - 1
		batches[last] = append(batches[last], g)
		values, chars = values+v, chars+c
	}
	return batches, refusals
}

func exceeds(n, limit int) bool { return limit > 0 && n > limit }

func oversize(g dns.Group, t dns.Traits) []Refusal {
	v, c := g.Size()
	var limits []string
	if t.MaxValues > 0 {
		limits = append(limits, fmt.Sprintf("%d values", t.MaxValues))
	}
	if t.MaxChars > 0 {
		limits = append(limits, fmt.Sprintf("%d characters", t.MaxChars))
	}
	var out []Refusal
	for _, change := range g {
		set := change.New
		if set == nil {
			set = change.Old
		}
		if _, isClaim := readClaim(*set); isClaim {
			continue
		}
		out = append(out, Refusal{Key: set.Key, Reason: Oversize, Message: fmt.Sprintf(
			"the change holds %d values of %d characters in all, more than one batch may (%s); give the name fewer targets",
			v, c, strings.Join(limits, ", "))})
	}
	return out
}
