package controller

import (
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/events"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/source"
)

// Events is where people are told of their objects, besides the log. Tell never
// waits. [events.Recorder] is one.
type Events interface{ Tell(events.Note) }

// notes puts into words for Events what becomes of objects. A replica that
// stands by tells nothing: the one that leads does.
type notes struct {
	to    Events // nil: nobody is told
	lease lease.Lease
	kinds map[string]schema.GroupVersionKind // by the kind in resource labels
}

func newNotes(to Events, l lease.Lease, kinds []source.Kind) notes {
	n := notes{to: to, lease: l, kinds: map[string]schema.GroupVersionKind{}}
	for _, k := range kinds {
		if k.Label != "" {
			n.kinds[k.Label] = k.GVK
		}
	}
	return n
}

// tell tells of the object that a resource label names; "" is this process.
func (n notes) tell(resource string, note events.Note) {
	if n.to == nil {
		return
	}
	if _, leads := n.lease.Held(); !leads {
		return
	}
	if resource != "" {
		var known bool
		if note.About, known = n.ref(resource); !known {
			return
		}
	}
	n.to.Tell(note)
}

func (n notes) ref(resource string) (events.Ref, bool) {
	parts := strings.Split(resource, "/")
	kind, known := n.kinds[parts[0]]
	switch {
	case !known:
		return events.Ref{}, false
	case len(parts) == 2:
		return events.Ref{Kind: kind, Name: parts[1]}, true
	case len(parts) == 3:
		return events.Ref{Kind: kind, Namespace: parts[1], Name: parts[2]}, true
	}
	return events.Ref{}, false
}

func (n notes) problem(object string, p plan.Problem) {
	n.tell(object, events.Note{Good: p.Reason == plan.NoTarget, Reason: string(p.Reason), Action: "Derive", Text: p.Message})
}

// refusal tells who was refused: of those who contradict each other the first,
// and the others that he asks for what is theirs; of those who agree all.
func (n notes) refusal(r plan.Refusal) {
	told := r.Objects
	if r.Reason == plan.Conflict {
		told = told[:1]
		for _, o := range r.Objects[1:] {
			n.tell(o.Resource(), events.Note{Good: true, Reason: string(r.Reason), Action: "Publish",
				Text: r.Key.String() + ": " + told[0].Resource() + " asks for something else there, and does not get it; the name stays with this object"})
		}
	}
	for _, o := range told {
		n.tell(o.Resource(), events.Note{Reason: string(r.Reason), Action: "Publish", Text: r.Key.String() + ": " + r.Message})
	}
}

func (n notes) failure(text string) {
	n.tell("", events.Note{Reason: "Failed", Action: "Publish", Text: text})
}

// hold tells of what is held in a zone now, or that nothing is any more.
func (n notes) hold(h Hold) {
	if h.ID == "" {
		return
	}
	n.tell("", events.Note{Reason: string(plan.Held), Action: "Delete", Text: h.Error() + "; " + h.Hint()})
}

// changes tells the objects of what the service accepted, if they are known:
// asker returns the resource label of the object for whom a set stands or stood.
func (n notes) changes(owner string, changes []dns.Change, asker func(dns.Change) string) {
	if n.to == nil {
		return
	}
	for _, c := range changes {
		note := events.Note{Good: true, Reason: events.RecordReady}
		set := c.New
		switch c.Action() {
		case dns.Create:
			note.Action = "Created"
		case dns.Update:
			note.Action = "Updated"
		case dns.Delete:
			note.Action, note.Reason, set = "Deleted", events.RecordDeleted, c.Old
		default:
			continue
		}
		if plan.IsClaim(*set) {
			continue
		}
		if who := asker(c); who != "" {
			note.Text = describe(*set, owner)
			n.tell(who, note)
		}
	}
}

// describe returns a record set in the words of ExternalDNS's Events.
func describe(set dns.RecordSet, owner string) string {
	targets := strings.Join(set.Data, ",")
	if set.Alias != nil {
		targets = set.Alias.Target.Host()
	}
	return "(external-dns) record:" + set.Name.Host() + ",owner:" + owner + ",type:" + string(set.Type) +
		",ttl:" + strconv.FormatUint(uint64(set.TTL), 10) + ",targets:" + targets
}

// tell counts what the service has accepted in a zone, and tells of it. The
// caller holds the controller's lock.
func (c *Controller) tell(z dns.Zone, accepted []dns.Change) {
	for _, change := range accepted {
		c.Metrics.changes.WithLabelValues(string(change.Action())).Inc()
	}
	c.ledger.changed(z, accepted)
	claimants := sync.OnceValue(func() map[dns.Key]string { return c.Rules.Claimants(z, accepted) })
	c.ledger.notes.changes(c.Rules.Owner, accepted, func(change dns.Change) string {
		if change.New != nil {
			if by := askers(c.index.at(change.Key().Name)); len(by) > 0 {
				return by[0].Resource()
			}
		}
		return claimants()[change.Key()]
	})
}
