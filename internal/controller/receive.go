package controller

import (
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// receive takes what the feed has delivered into the index and returns the
// names that this touches.
func (c *Controller) receive() []dns.Name {
	events, kinds := c.inbox.fetch()
	thawed := c.learn(kinds)
	var names []dns.Name
	for r, e := range events {
		label := c.label(r)
		intent, ours := plan.Intent{}, false
		if e.Object != nil {
			intent, ours = c.Deriver.Derive(e.Object)
		}
		if ours {
			names = append(names, c.index.set(intent)...)
		} else {
			names = append(names, c.index.remove(label)...)
		}
		c.ledger.problems(label, intent.Problems, intent.Unknown)
	}
	if thawed {
		names = append(names, c.looked()...)
	}
	c.state.setKinds(c.Kinds, c.kinds)
	return unite(nil, names)
}

// looked returns every name that a plan of any zone looks at: a source that is
// read again may release them.
func (c *Controller) looked() []dns.Name {
	var names []dns.Name
	for id, wanted := range c.placed() {
		if w := c.workers[id]; w.Image() != nil {
			names = append(names, w.Names(wanted)...)
		}
	}
	return names
}

// label returns the resource label of an object.
func (c *Controller) label(r ref) string {
	for _, k := range c.Kinds {
		if k.GVK == r.kind {
			return plan.Object{Kind: k.Label, Namespace: r.key.Namespace, Name: r.key.Name}.Resource()
		}
	}
	return r.kind.Kind + "/" + r.key.String()
}
