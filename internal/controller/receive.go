package controller

import (
	"context"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
)

// receive takes what the feed has delivered into the index and returns the
// names that this touches, and when the first of it came.
func (c *Controller) receive() (touched []dns.Name, since time.Time) {
	events, kinds, since := c.inbox.fetch()
	c.mu.Lock()
	defer c.mu.Unlock()
	uncertain := c.lookups.uncertain()
	released := c.learn(kinds)
	c.learnOpened(kinds)
	c.lookups.take(events, kinds)
	understood := false
	for _, r := range c.lookups.fetch() {
		unclear := c.index.unknowns[c.label(r)] != ""
		touched = append(touched, c.derive(r)...)
		understood = understood || unclear && c.index.unknowns[c.label(r)] == ""
	}
	for label := range c.lookups.uncertain() {
		delete(uncertain, label)
	}
	// A source that is read again, with all that it relies on, may release names that
	// only claims tell of, and so may an object that is understood again.
	for _, k := range c.keepers {
		switch {
		case released || len(uncertain) > 0:
			k.replan()
		case understood:
			k.revise()
		}
	}
	c.state.setKinds(c.Kinds, c.kinds, c.lookups.frozen())
	c.version.Add(1)
	return unite(nil, touched), since
}

// derive takes what an object asks for into the index and returns the names
// that this touches.
func (c *Controller) derive(r ref) []dns.Name {
	label := c.label(r)
	intent, ours := c.lookups.derive(c.Deriver, r)
	c.Metrics.derivations.Inc()
	if intent.Unknown == "" || !c.lookups.waits(r) { // what waits for a first reading will be told, if it stays
		c.ledger.problems(label, intent.Problems, intent.Unknown)
	}
	c.standings.derived(r, ours)
	c.unpin(label)
	if !ours {
		return c.index.remove(label)
	}
	return c.index.set(intent)
}

// unpin has the zones look again to which an object has pinned its names so far:
// such a zone need not be one that holds them otherwise.
func (c *Controller) unpin(label string) {
	for _, n := range c.index.held[label] {
		for _, w := range c.index.at(n) {
			if w.Zone == "" || w.By.Resource() != label {
				continue
			}
			if k := c.keepers[w.Zone]; k != nil {
				k.want(time.Time{}, n)
			}
		}
	}
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
			if c.Deriver.Spares(kind) && (now.Denied || now.Hidden) {
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

// label returns the resource label of an object.
func (c *Controller) label(r ref) string {
	for _, k := range c.Kinds {
		if k.GVK == r.kind() {
			return plan.Object{Kind: k.Label, Namespace: r.key.Namespace, Name: r.key.Name}.Resource()
		}
	}
	return r.kind().Kind + "/" + r.key.String()
}
