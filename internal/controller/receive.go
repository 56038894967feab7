package controller

import (
	"context"
	"log/slog"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
)

// receive takes what the feed has delivered into the index and returns the
// names that this touches.
func (c *Controller) receive() []dns.Name {
	events, kinds := c.inbox.fetch()
	thawed := c.learn(kinds)
	c.learnOpened(kinds)
	c.lookups.take(events, kinds)
	var names []dns.Name
	for _, r := range c.lookups.fetch() {
		names = append(names, c.derive(r)...)
	}
	if thawed {
		names = append(names, c.looked()...)
	}
	c.state.setKinds(c.Kinds, c.kinds, c.lookups.frozen())
	return unite(nil, names)
}

// derive takes what an object asks for into the index and returns the names
// that this touches.
func (c *Controller) derive(r ref) []dns.Name {
	label := c.label(r)
	intent, ours := c.lookups.derive(c.Deriver, r)
	c.Metrics.derivations.Inc()
	c.ledger.problems(label, intent.Problems, intent.Unknown)
	if !ours {
		return c.index.remove(label)
	}
	return c.index.set(intent)
}

// learnOpened tells how the kinds fare that are read for others' sake only.
func (c *Controller) learnOpened(kinds map[schema.GroupVersionKind]objects.Status) {
	for _, kind := range c.lookups.opened {
		old, now := c.lookups.status[kind], kinds[kind]
		if _, chosen := c.lookups.chosen[kind]; chosen || now == old {
			continue
		}
		switch {
		case now.Frozen():
			c.Metrics.sourceErrors.Inc()
			level := slog.LevelWarn
			if c.Deriver.Spares(kind) && now.Denied {
				level = slog.LevelInfo
			}
			attrs := []any{"kind", kind.Kind, "reason", now.Reason}
			if now.Hint != "" {
				attrs = append(attrs, "hint", now.Hint)
			}
			c.Log.Log(context.Background(), level, kind.Kind+" objects cannot be read", attrs...)
		case now.Synced && old.Frozen():
			c.Log.Info(kind.Kind + " objects are read again")
		}
	}
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
