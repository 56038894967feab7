package controller

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/lease"
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
	// Wildcard is the name that answers in its place, where nothing stands at it.
	Wildcard string   `json:"wildcard,omitempty"`
	Changes  []string `json:"changes,omitempty"` // what is to be changed, as a diff

	Last    *ExplainedChange   `json:"lastChange,omitempty"`
	Refused []ExplainedProblem `json:"refused,omitempty"`
	Retry   *ExplainedRetry    `json:"retry,omitempty"`
	Grace   *time.Time         `json:"graceUntil,omitempty"`
	Hold    *ExplainedHold     `json:"hold,omitempty"`

	contest string // who is heard before whom
}

// ExplainedSet is a record set that stands at the name.
type ExplainedSet struct {
	Records []string         `json:"records"` // in zone-file notation
	Managed bool             `json:"managed"` // of a managed type
	Ours    bool             `json:"ours"`
	Claims  []ExplainedClaim `json:"claims,omitempty"`
	Claim   *ExplainedClaim  `json:"claim,omitempty"` // what it says, if it is a claim itself
	Of      string           `json:"of,omitempty"`    // and what it claims then
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
	s := c.silence(asked, e.Sources)
	var winners []string
	for _, v := range views {
		z, heard := c.explainZone(v, name, s)
		e.Zones = append(e.Zones, z)
		winners = append(winners, heard...)
	}
	e.Objects = append(e.Objects, c.explainObjects(asked, e.Zones, winners)...)
	e.Verdict = c.verdict(e, s)
	return e
}

// verdict puts together what happens in the zones, or why there is none.
func (c *Controller) verdict(e Explanation, s silence) string {
	status := c.Lease.Status()
	switch {
	case !status.Leading && status.Leader != "":
		return "nothing here, because this replica stands by: ask " + c.leader(status.Leader) + ", which leads"
	case !status.Leading:
		return "nothing, because this replica stands by and no leader is known"
	case len(e.Zones) == 0 && s.why != "":
		return "nothing, because " + s.why
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

// leader says where the leader is, given its identity in the Lease: its Pod's name
// with what tells processes apart.
func (c *Controller) leader(identity string) string {
	i := strings.LastIndex(identity, "_")
	board, ok := c.Lease.(lease.Board)
	if !ok || i < 0 {
		return identity
	}
	namespace, _ := board.Place()
	return identity[:i] + " (kubectl -n " + namespace + " port-forward pod/" + identity[:i] + " 7979)"
}

// silence is why no object is heard at a name. The zero silence is that one is.
type silence struct {
	why  string
	tied bool // an object would ask, and cannot
}

func (c *Controller) silence(a asked, sources []string) silence {
	if slices.ContainsFunc(a.wants, func(w plan.Want) bool { return c.manages(w.Set.Type) }) {
		return silence{}
	}
	if len(a.wants) > 0 {
		return silence{notManaged(a.wants[0].Set.Type), true}
	}
	for _, p := range c.ledger.report() {
		if speaksOf(p.Message, a.name) {
			return silence{p.Object + " has a problem: " + p.Message, true}
		}
	}
	for _, object := range slices.Sorted(maps.Keys(a.frozen)) {
		return silence{"it is unknown what " + object + " wants: " + a.frozen[object], true}
	}
	text := "no object asks for it"
	if len(sources) > 0 {
		text += " as far as is known (" + strings.Join(sources, "; ") + ")"
	}
	return silence{why: text}
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
	for _, w := range a.wants {
		o, refused := of(w.By.Resource()), string(plan.NotManaged)+": "+notManaged(w.Set.Type)
		if !c.manages(w.Set.Type) && !slices.Contains(o.Refused, refused) {
			o.Refused = append(o.Refused, refused)
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
