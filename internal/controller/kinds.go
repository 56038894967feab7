package controller

import (
	"errors"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/source"
)

// learn notes the status of the kinds and reports whether one became synced.
func (c *Controller) learn(kinds map[schema.GroupVersionKind]objects.Status) (thawed bool) {
	for _, k := range c.Kinds {
		old, now := c.kinds[k.GVK], kinds[k.GVK]
		if now == old {
			continue
		}
		thawed = thawed || now.Synced
		c.Metrics.sourceFrozen(k.Source, now.Frozen())
		switch {
		case now.Frozen():
			c.Metrics.sourceErrors.Inc()
			attrs := []any{"source", k.Source, "reason", now.Reason}
			if now.Hint != "" {
				attrs = append(attrs, "hint", now.Hint)
			}
			c.Log.Warn("source "+k.Source+" is frozen: what its objects hold stays as it is", attrs...)
		case now.Synced && old.Frozen():
			c.Log.Info("source " + k.Source + " is read again")
		}
		c.kinds[k.GVK] = now
	}
	return thawed
}

// settled reports whether every kind has been read, or tried to the end, and so
// have those that were asked for by then. Once it is true it stays so.
func (c *Controller) settled() bool {
	if c.lookups.begun {
		return true
	}
	for _, k := range c.Kinds {
		if s := c.kinds[k.GVK]; !s.Synced && !s.Frozen() {
			return false
		}
	}
	c.lookups.begun = c.lookups.settled()
	return c.lookups.begun
}

// hold returns why nothing may be concluded from the absence of an object.
func (c *Controller) hold(resource string) string {
	if why := c.index.unknown(resource); why != "" {
		return why
	}
	label, _, _ := strings.Cut(resource, "/")
	if resource != "" && !c.reads(label) {
		return "no source of this program reads objects of the kind " + label + ", so that nobody can tell whether it is gone"
	}
	for _, k := range c.Kinds {
		s := c.kinds[k.GVK]
		if s.Synced || resource != "" && k.Label != label {
			continue
		}
		if s.Reason == "" {
			return "source " + k.Source + " has not been read yet"
		}
		return "source " + k.Source + " is frozen: " + s.Reason
	}
	return c.lookups.hold(label)
}

// uncertain returns the labels of which nothing absent is certain.
func (l *lookups) uncertain() map[string]bool {
	labels := map[string]bool{}
	for _, kind := range l.opened {
		if l.status[kind].Synced {
			continue
		}
		for of, relied := range l.relied {
			if relied[kind] > 0 {
				labels[of] = true
			}
		}
	}
	return labels
}

// reads reports whether some source, chosen or not, reads objects of a kind. What other programs and "signpost publish-ip"
// claim under an owner id that is also ours is not.
func (c *Controller) reads(label string) bool {
	known := func(k source.Kind) bool { return k.Label == label }
	return slices.ContainsFunc(c.Kinds, known) || slices.ContainsFunc(source.Kinds(source.Sources()...), known)
}

func (c *Controller) frozenKinds() error {
	var errs []error
	for _, k := range c.Kinds {
		if s := c.kinds[k.GVK]; s.Frozen() {
			errs = append(errs, &FrozenError{Source: k.Source, Status: s})
		}
	}
	for _, kind := range c.lookups.opened {
		if s := c.lookups.status[kind]; s.Frozen() && c.lookups.reliedOn(kind) {
			errs = append(errs, &FrozenError{Source: strings.ToLower(kind.Kind), Status: s})
		}
	}
	return errors.Join(errs...)
}

// FrozenError says that a source could not be read, or a kind of object that
// others depend on.
type FrozenError struct {
	Source string // or the kind
	Status objects.Status
}

func (e *FrozenError) Error() string { return "read source " + e.Source + ": " + e.Status.Reason }

// Hint returns what a person can do about it.
func (e *FrozenError) Hint() string { return e.Status.Hint }
