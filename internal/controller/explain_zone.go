package controller

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/zone"
)

// explainZone says what is known of the name in a zone, and returns who is
// heard before others there.
func (c *Controller) explainZone(v view, name dns.Name, s silence) (z ExplainedZone, winners []string) {
	z = ExplainedZone{ID: v.zone.ID, Name: string(v.zone.Name), Private: v.zone.Private, Holds: []ExplainedSet{}, Trouble: v.trouble}
	if !v.read.IsZero() {
		z.Read = &v.read
	}
	if last, ok := c.ledger.last(v.zone.ID, name); ok {
		z.Last = &ExplainedChange{last.At, last.Changes, last.Batch}
	}
	if !v.due.IsZero() {
		z.Retry = &ExplainedRetry{v.failed, v.due}
	}
	v.look(func(m *zone.Image) {
		if m == nil {
			z.Verdict = strings.TrimSuffix("nothing yet, because the zone has not been read: "+v.trouble, ": ")
			return
		}
		z.Known = true
		in := plan.Input{Zone: v.zone, Names: []dns.Name{name}, Wants: v.wants, Sets: m.At, Hold: v.hold, Frozen: v.stays,
			Keep: c.moving(v.zone)}
		winners = c.explainSets(&z, v, in, name)
		if len(z.Holds) == 0 {
			z.Wildcard = covering(m, v.zone, name).Host()
		}
		z.Verdict = z.happens(c, v.frozen, s)
	})
	return z, winners
}

// moving returns what keeps in a zone what moves to another, as was told.
func (c *Controller) moving(z dns.Zone) func(dns.Key) (plan.Reason, string) {
	return func(key dns.Key) (plan.Reason, string) {
		for _, r := range c.ledger.at(z.ID, key.Name) {
			if r.Reason == plan.Moving && r.Key.Type == key.Type {
				return r.Reason, r.Message
			}
		}
		return "", ""
	}
}

// explainSets says what stands at the name and what a plan makes of it, and
// returns who is heard before others.
func (c *Controller) explainSets(z *ExplainedZone, v view, in plan.Input, name dns.Name) (winners []string) {
	for _, s := range plan.Standings(c.Rules, in, name) {
		set := ExplainedSet{Records: strings.Split(s.Set.String(), "\n"), Managed: s.Managed, Ours: s.Ours}
		for _, said := range s.Claims {
			set.Claims = append(set.Claims, ExplainedClaim{said.At.String(), said.Owner, said.Owner == c.Rules.Owner, said.Resource})
		}
		if s.Says != nil {
			set.Claim = &ExplainedClaim{s.Says.At.String(), s.Says.Owner, s.Says.Owner == c.Rules.Owner, s.Says.Resource}
			if s.About.Name != "" {
				set.Of = strings.TrimSpace(s.About.String())
			}
		}
		z.Holds = append(z.Holds, set)
	}
	p := plan.Compute(c.Rules, in)
	for line := range strings.Lines(plan.Plan{Groups: p.Groups}.String()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "+ ") || strings.HasPrefix(line, "- ") {
			z.Changes = append(z.Changes, line)
		}
	}
	for _, r := range unitedRefusals(c.ledger.at(v.zone.ID, name), p.Refusals, name) {
		if r.Reason == plan.Conflict && len(r.Objects) > 1 {
			winners = append(winners, r.Objects[1].Resource())
			z.contest = r.Objects[1].Resource() + " is heard; " + r.Objects[0].Resource() + " asks for something else and is not"
		}
		z.Refused = append(z.Refused, ExplainedProblem{string(r.Reason), r.Message})
	}
	if slices.ContainsFunc(v.held.Keys, func(k dns.Key) bool { return k.Name == name }) {
		z.Hold = &ExplainedHold{v.held.ID, len(v.held.Keys), v.held.Command}
	} else if v.failed == 0 && !v.due.IsZero() && len(p.Going) > 0 {
		z.Grace = &v.due
	}
	return winners
}

// unitedRefusals returns what was told at a name, and what a plan made now says
// beside it. What was told and is planned otherwise now is over.
func unitedRefusals(told, planned []plan.Refusal, name dns.Name) []plan.Refusal {
	var out []plan.Refusal
	for _, r := range planned {
		if r.Key.Name == name {
			out = append(out, r)
		}
	}
	for _, r := range told {
		outside := r.Reason == plan.Rejected || r.Reason == plan.Oversize || r.Reason == plan.Held || r.Reason == plan.Grace
		if outside && !slices.ContainsFunc(out, func(o plan.Refusal) bool { return o.String() == r.String() }) {
			out = append(out, r)
		}
	}
	return out
}

// happens says what happens at the name in the zone.
func (z ExplainedZone) happens(c *Controller, frozen string, s silence) string {
	switch {
	case z.Hold != nil:
		return fmt.Sprintf("nothing, because too much would be deleted at once: it waits with %d deletions, held as %s, until a person approves",
			z.Hold.Count, z.Hold.ID)
	case z.Grace != nil && len(z.Changes) > 0:
		return "it will be deleted when its grace time is over, unless an object asks for it again"
	case z.contest != "" && len(z.Changes) == 0:
		return "nothing, because " + z.contest
	case len(z.Refused) > 0 && len(z.Changes) == 0:
		return "nothing, because " + z.Refused[0].Message
	case len(z.Changes) > 0 && c.DryRun:
		return "a change is due, which a dry run does not make"
	case len(z.Changes) > 0 && z.Retry != nil && z.Retry.Failed > 0:
		why := z.Trouble
		if len(z.Refused) > 0 {
			why = z.Refused[0].Message
		}
		return strings.TrimSuffix("nothing until the next try, because the last one was in vain: "+why, ": ")
	case len(z.Changes) > 0 && z.Trouble != "":
		return "a change is due, and cannot be made: " + z.Trouble
	case len(z.Changes) > 0:
		return "a change is due"
	case frozen != "":
		return "nothing, because it is unknown what is wanted, and what stands stays: " + frozen
	case s.why == "":
		return "nothing, because the zone holds what is asked for"
	}
	return "nothing, because " + z.stands(s)
}

// stands says what stands at a name for which no object asks.
func (z ExplainedZone) stands(s silence) string {
	for _, set := range z.Holds {
		switch {
		case set.Ours:
			return "what stands there is ours and is kept"
		case set.Claim != nil && set.Claim.Ours && set.Of != "":
			return "what stands there is our claim to " + set.Of
		case set.Claim != nil && set.Of != "":
			return "what stands there is the claim of owner " + strconv.Quote(set.Claim.Owner) + " to " + set.Of
		}
	}
	switch {
	case s.tied:
		return s.why
	case len(z.Holds) > 0:
		return s.why + ", and what stands there is not ours"
	case z.Wildcard != "":
		return s.why + ", and nothing stands there, so that " + z.Wildcard + " answers in its place"
	}
	return s.why + ", and nothing stands there"
}

// covering returns the wildcard that answers for a name at which nothing stands:
// the one below its closest encloser (RFC 4592, section 3.3.1), "" if there is none.
func covering(m *zone.Image, z dns.Zone, n dns.Name) dns.Name {
	encloser := z.Name
	for other := range m.Names() {
		if other.Within(n) {
			return "" // the name exists
		}
		for above := n; len(above) > len(encloser); _, above = above.Cut() {
			if other.Within(above) {
				encloser = above
			}
		}
	}
	if wildcard := "*." + encloser; len(m.At(wildcard)) > 0 {
		return wildcard
	}
	return ""
}
