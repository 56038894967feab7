package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// Explanation is the whole chain for one owner name: who asks for it, who is
// heard, where it lies, what stands there and whose that is, what was done, and
// what will be. Its JSON form is that of GET /explain?output=json.
type Explanation struct {
	Name    string    `json:"name"`
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"` // what happens at the name, or "nothing, because ..."

	Objects []ExplainedObject `json:"objects"`
	Zones   []ExplainedZone   `json:"zones"`
	// Unplaced is why no zone holds the name, "" if one does.
	Unplaced string `json:"unplaced,omitempty"`
	// Sources are those that cannot be read, with why.
	Sources []string `json:"sources,omitempty"`
}

// ExplainedObject is an object that asks for the name, held it when it became
// unknown what it wants, or has a problem with it.
type ExplainedObject struct {
	Object   string             `json:"object"`            // its resource label
	Wants    []string           `json:"wants"`             // record sets in zone-file notation, a record each
	Heard    string             `json:"heard,omitempty"`   // why it is heard, where others ask too
	Refused  []string           `json:"refused,omitempty"` // why it is not
	Unknown  string             `json:"unknown,omitempty"` // why it is unknown what it wants
	Problems []ExplainedProblem `json:"problems,omitempty"`
}

// ExplainedProblem is a reason with its words.
type ExplainedProblem struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// ExplainedZone is what is known of the name in a zone.
type ExplainedZone struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Private bool   `json:"private"`
	Verdict string `json:"verdict"`

	Known   bool           `json:"known"`          // the zone has been read
	Read    *time.Time     `json:"read,omitempty"` // nothing that is known is older, but for what was written since
	Trouble string         `json:"trouble,omitempty"`
	Holds   []ExplainedSet `json:"holds"`
	Changes []string       `json:"changes,omitempty"` // what is to be changed, as a diff

	Last    *ExplainedChange   `json:"lastChange,omitempty"`
	Refused []ExplainedProblem `json:"refused,omitempty"`
	Retry   *ExplainedRetry    `json:"retry,omitempty"`
	Grace   *time.Time         `json:"graceUntil,omitempty"`
	Hold    *ExplainedHold     `json:"hold,omitempty"`
}

// ExplainedSet is a record set that stands at the name.
type ExplainedSet struct {
	Records []string         `json:"records"` // in zone-file notation
	Managed bool             `json:"managed"` // of a managed type
	Ours    bool             `json:"ours"`
	Claims  []ExplainedClaim `json:"claims,omitempty"`
}

// ExplainedClaim is what a claim says.
type ExplainedClaim struct {
	At       string `json:"at"`
	Owner    string `json:"owner"`
	Ours     bool   `json:"ours"`
	Resource string `json:"resource,omitempty"`
}

// ExplainedChange is the last change at the name that was accepted.
type ExplainedChange struct {
	At      time.Time `json:"at"`
	Changes []string  `json:"changes"`
	Batch   int       `json:"batch"` // how many changes were accepted together
}

// ExplainedRetry says when the name is planned again.
type ExplainedRetry struct {
	Failed int       `json:"failed"` // so many tries in a row were in vain
	Due    time.Time `json:"due"`
}

// ExplainedHold is a hold that the name is part of.
type ExplainedHold struct {
	ID      string `json:"id"`
	Count   int    `json:"count"` // deletions in it
	Approve string `json:"approve"`
}

// Explain says all that is known of a name. It makes no call.
func (c *Controller) Explain(name dns.Name) Explanation {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := Explanation{Name: name.Host(), At: time.Now(), Objects: []ExplainedObject{}, Zones: []ExplainedZone{}, Sources: c.frozenSources()}
	views, unplaced := c.views(name)
	e.Unplaced = unplaced
	asked := c.asked(name)
	var winners []string
	for _, v := range views {
		z, heard := c.explainZone(v, name, len(asked.wants) > 0)
		e.Zones = append(e.Zones, z)
		winners = append(winners, heard...)
	}
	e.Objects = append(e.Objects, c.explainObjects(asked, e.Zones, winners)...)
	e.Verdict = c.verdict(e, len(asked.wants) > 0)
	return e
}

// verdict puts together what happens in the zones, or why there is none.
func (c *Controller) verdict(e Explanation, wanted bool) string {
	status := c.Lease.Status()
	switch {
	case !status.Leading && status.Leader != "":
		return "nothing here, because this replica stands by: ask " + status.Leader + ", which leads"
	case !status.Leading:
		return "nothing, because this replica stands by and no leader is known"
	case len(e.Zones) == 0 && !wanted:
		return "nothing, because " + c.unasked(e)
	case len(e.Zones) == 0:
		return "nothing, because " + e.Unplaced
	}
	verdicts := make([]string, len(e.Zones))
	for i, z := range e.Zones {
		verdicts[i] = z.Verdict
		if len(e.Zones) > 1 {
			verdicts[i] = "in " + z.ID + ": " + z.Verdict
		}
	}
	return strings.Join(verdicts, "; ")
}

// unasked says why no object asks.
func (c *Controller) unasked(e Explanation) string {
	for _, o := range e.Objects {
		switch {
		case len(o.Problems) > 0:
			return o.Object + " has a problem: " + o.Problems[0].Message
		case o.Unknown != "":
			return "it is unknown what " + o.Object + " wants: " + o.Unknown
		}
	}
	text := "no object asks for it"
	if len(e.Sources) > 0 {
		text += " as far as is known: " + strings.Join(e.Sources, "; ")
	}
	return text
}

// explainObjects says who asks, and who of them is heard.
func (c *Controller) explainObjects(a asked, zones []ExplainedZone, winners []string) []ExplainedObject {
	byObject := map[string]*ExplainedObject{}
	of := func(label string) *ExplainedObject {
		if byObject[label] == nil {
			byObject[label] = &ExplainedObject{Object: label, Wants: []string{}}
		}
		return byObject[label]
	}
	for _, w := range a.wants {
		o := of(w.By.Resource())
		o.Wants = append(o.Wants, strings.Split(w.Set.String(), "\n")...)
	}
	for label, why := range a.frozen {
		of(label).Unknown = why
	}
	for _, p := range c.ledger.report() {
		if byObject[p.Object] != nil || speaksOf(p.Message, a.name) {
			o := of(p.Object)
			o.Problems = append(o.Problems, ExplainedProblem{string(p.Reason), p.Message})
		}
	}
	askers := askers(a.wants)
	for label, messages := range a.refused {
		of(label).Refused = messages
	}
	if len(askers) > 1 {
		for _, o := range askers {
			if x := of(o.Resource()); len(x.Refused) == 0 {
				x.Heard = c.heard(o, askers, zones, winners)
			}
		}
	}
	var out []ExplainedObject
	for _, label := range slices.Sorted(maps.Keys(byObject)) {
		out = append(out, *byObject[label])
	}
	return out
}

// heard says why an object is heard beside others, or before them.
func (c *Controller) heard(o plan.Object, all []plan.Object, zones []ExplainedZone, winners []string) string {
	if !slices.Contains(winners, o.Resource()) {
		return "it agrees with the others"
	}
	for _, z := range zones {
		for _, set := range z.Holds {
			if set.Ours && len(set.Claims) > 0 && set.Claims[0].Resource == o.Resource() {
				return "it wins: it holds the name already"
			}
		}
	}
	for _, other := range all {
		if other != o && !o.Created.Before(other.Created) {
			return "it wins: it is the first by age, namespace and name"
		}
	}
	return "it wins: it is the oldest"
}

// speaksOf reports whether a message names a host, and no longer name.
func speaksOf(message string, n dns.Name) bool {
	return slices.ContainsFunc(strings.FieldsFunc(message, func(r rune) bool {
		return strings.ContainsRune(" \t\n\"',:;()", r)
	}), func(word string) bool { return strings.TrimSuffix(word, ".") == n.Host() })
}

// explainZone says what is known of the name in a zone, and returns who is
// heard before others there.
func (c *Controller) explainZone(v view, name dns.Name, wanted bool) (z ExplainedZone, winners []string) {
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
	v.look(func(sets func(dns.Name) []dns.RecordSet) {
		if sets == nil {
			z.Verdict = strings.TrimSuffix("nothing yet, because the zone has not been read: "+v.trouble, ": ")
			return
		}
		z.Known = true
		in := plan.Input{Zone: v.zone, Names: []dns.Name{name}, Wants: v.wants, Sets: sets, Hold: v.hold, Frozen: v.stays}
		winners = c.explainSets(&z, v, in, name)
		z.Verdict = z.happens(c, v.frozen, wanted)
	})
	return z, winners
}

// explainSets says what stands at the name and what a plan makes of it, and
// returns who is heard before others.
func (c *Controller) explainSets(z *ExplainedZone, v view, in plan.Input, name dns.Name) (winners []string) {
	for _, s := range plan.Standings(c.Rules, in, name) {
		set := ExplainedSet{Records: strings.Split(s.Set.String(), "\n"), Managed: s.Managed, Ours: s.Ours}
		for _, said := range s.Claims {
			set.Claims = append(set.Claims, ExplainedClaim{said.At.String(), said.Owner, said.Owner == c.Rules.Owner, said.Resource})
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
func (z ExplainedZone) happens(c *Controller, frozen string, wanted bool) string {
	ours := slices.ContainsFunc(z.Holds, func(s ExplainedSet) bool { return s.Ours })
	switch {
	case z.Hold != nil:
		return fmt.Sprintf("nothing, because too much would be deleted at once: it waits with %d deletions, held as %s, until a person approves",
			z.Hold.Count, z.Hold.ID)
	case z.Grace != nil && len(z.Changes) > 0:
		return "it will be deleted when its grace time is over, unless an object asks for it again"
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
	case wanted:
		return "nothing, because the zone holds what is asked for"
	case ours:
		return "nothing, because what stands there is ours and is kept"
	case len(z.Holds) > 0:
		return "nothing, because no object asks for it, and what stands there is not ours"
	}
	return "nothing, because no object asks for it, and nothing stands there"
}
