package plan

import (
	"fmt"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Pack puts groups into batches within the limits of the provider, each as
// full as the order allows. The order is that of the plan, but that the target
// of an alias is made before the alias and removed after it. A group that fits
// into no batch is refused, by each of its sets that is no claim; one that only
// [dns.Traits.Batch] has no room for goes alone.
func Pack(t dns.Traits, zone dns.Zone, groups []dns.Group) ([]dns.Batch, []Refusal) {
	var batches []dns.Batch
	var refusals []Refusal
	hard := dns.BatchSize{Values: t.MaxValues, Chars: t.MaxChars}
	var full dns.BatchSize
	for _, g := range orderGroups(zone, groups) {
		size := sizeOf(g)
		if beyond(size, hard) {
			refusals = append(refusals, oversize(g, t)...)
			continue
		}
		sum := dns.BatchSize{Changes: full.Changes + size.Changes, Values: full.Values + size.Values, Chars: full.Chars + size.Chars}
		if len(batches) == 0 || beyond(sum, hard) || beyond(sum, t.Batch) {
			batches = append(batches, nil)
			sum = size
		}
		last := len(batches) - 1
		batches[last] = append(batches[last], g)
		full = sum
	}
	return batches, refusals
}

func sizeOf(g dns.Group) dns.BatchSize {
	var size dns.BatchSize
	size.Values, size.Chars = g.Size()
	for _, c := range g {
		if c.Action() != dns.Assert {
			size.Changes++
		}
	}
	return size
}

func beyond(size, limit dns.BatchSize) bool {
	return exceeds(size.Changes, limit.Changes) || exceeds(size.Values, limit.Values) || exceeds(size.Chars, limit.Chars)
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
