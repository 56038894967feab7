package controller

import (
	"fmt"
	"slices"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/zone"
)

// Report is what came of a pass.
type Report struct {
	Zones []zone.Outcome // in the order of the zones
	// Unplaced are the wanted names that no zone holds.
	Unplaced []plan.Refusal
	// Unmanaged are the wanted record sets whose type is not managed, sorted. They
	// are told here and at the object only: whoever leaves a type out means it.
	Unmanaged []plan.Refusal
	// Problems are the mistakes on objects, sorted by object.
	Problems []ObjectProblem
	// Holds are what waits for a person, in the order of the zones.
	Holds []Hold
	// Empty is where no objects were found of the kinds that ask for names, though
	// all could be read; "" if there were some.
	Empty string
}

// ObjectProblem is a mistake on an object.
type ObjectProblem struct {
	Object string // its resource label
	plan.Problem
}

// String returns the object's label, the reason and the message.
func (p ObjectProblem) String() string {
	return fmt.Sprintf("%s: %s: %s", p.Object, p.Reason, p.Message)
}

// Changes counts the record sets that the plans change, claims included.
func (r Report) Changes() int {
	total := 0
	for _, o := range r.Zones {
		n := o.Plan.Count()
		total += n.Create + n.Update + n.Delete
	}
	return total
}

// unmanaged returns what is wanted in vain, since its type is not managed. The
// second family of an object's addresses is left out, which nobody wrote down:
// Kubernetes gave it.
func (c *Controller) unmanaged(names []dns.Name) []plan.Refusal {
	var out []plan.Refusal
	for _, n := range names {
		wants := c.index.at(n)
		for _, w := range wants {
			given := w.Set.Type.Address() && w.By.Kind != endpointLabel && slices.ContainsFunc(wants, func(o plan.Want) bool {
				return o.By == w.By && o.Set.Type.Address() && c.manages(o.Set.Type)
			})
			if c.manages(w.Set.Type) || given || !c.Rules.Filter.Match(n) {
				continue
			}
			out = append(out, plan.Refusal{Key: w.Set.Key, Objects: []plan.Object{w.By}, Reason: plan.NotManaged, Message: notManaged(w.Set.Type)})
		}
	}
	return out
}
