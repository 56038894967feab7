package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/zone"
)

// Statuses is where it is written down what became of DNSEndpoints. Neither
// method waits. [conditions.Board] is one.
type Statuses interface {
	Put(*dnsendpoint.DNSEndpoint, dnsendpoint.Status)
	Forget(types.NamespacedName) // the object is gone, or not ours to judge
}

// The conditions of a DNSEndpoint, and the reasons of them that are no
// [plan.Reason].
const (
	acceptedCondition   = "Accepted"
	programmedCondition = "Programmed"
	pendingReason       = "Pending" // a change is due, and has failed so far
)

// endpointLabel is the word of DNSEndpoints in resource labels.
const endpointLabel = "crd"

// standings has it written down what became of DNSEndpoints: of those that
// changed, and of those whose names were planned, once a moment has passed in
// which more of that comes. A replica that stands by writes nothing, and all is
// looked at when it leads.
type standings struct {
	to   Statuses      // nil: nothing is written
	wake chan struct{} // holds a token while something is dirty

	mu      sync.Mutex
	ours    map[types.NamespacedName]bool // that are read
	objects map[types.NamespacedName]bool // dirty ones
	names   map[dns.Name]bool             // whose askers are dirty
}

// moment is how long standings waits for more.
const moment = time.Second

func newStandings(to Statuses) *standings {
	return &standings{to: to, wake: make(chan struct{}, 1), ours: map[types.NamespacedName]bool{},
		objects: map[types.NamespacedName]bool{}, names: map[dns.Name]bool{}}
}

// derived notes an object that was derived, and whether it is read.
func (s *standings) derived(r ref, ours bool) {
	if s.to == nil || r.kind() != dnsendpoint.GVK() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ours {
		delete(s.ours, r.key)
		delete(s.objects, r.key)
		s.to.Forget(r.key)
		return
	}
	s.ours[r.key], s.objects[r.key] = true, true
	s.ring()
}

// planned notes names that were planned.
func (s *standings) planned(names []dns.Name) {
	if s.to == nil || len(names) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		s.names[n] = true
	}
	s.ring()
}

// all has every object looked at.
func (s *standings) all() {
	if s.to == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.objects, s.ours)
	s.ring()
}

func (s *standings) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take takes out what is dirty.
func (s *standings) take(askers func(dns.Name) []plan.Want) []types.NamespacedName {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.names {
		for _, w := range askers(n) {
			if key := (types.NamespacedName{Namespace: w.By.Namespace, Name: w.By.Name}); w.By.Kind == endpointLabel && s.ours[key] {
				s.objects[key] = true
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(s.objects), func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	s.names, s.objects = map[dns.Name]bool{}, map[types.NamespacedName]bool{}
	return keys
}

// startStandings has them written until stop is called, which waits for the last.
func (c *Controller) startStandings(ctx context.Context) (stop func()) {
	writing, still := context.WithCancel(ctx)
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		c.writeStandings(writing)
	}()
	return func() {
		still()
		<-wrote
	}
}

// writeStandings writes down what became of DNSEndpoints until ctx ends.
func (c *Controller) writeStandings(ctx context.Context) {
	s := c.standings
	if s.to == nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		timer.Reset(moment)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		_, leads := c.Lease.Held()
		c.mu.RLock()
		dirty := s.take(c.index.at)
		c.mu.RUnlock()
		for _, key := range dirty {
			if leads {
				c.writeStanding(key)
			}
		}
	}
}

func (c *Controller) writeStanding(key types.NamespacedName) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o, ok := c.lookups.objects[shelf{kind: dnsendpoint.GVK()}][key].(*dnsendpoint.DNSEndpoint)
	if !ok {
		return
	}
	label := plan.Object{Kind: endpointLabel, Namespace: key.Namespace, Name: key.Name}.Resource()
	accepted := c.acceptance(label)
	programmed, known := c.programming(label, accepted)
	if !known {
		return // what is planned next tells
	}
	accepted.Type, programmed.Type = acceptedCondition, programmedCondition
	accepted.ObservedGeneration, programmed.ObservedGeneration = o.Generation, o.Generation
	c.standings.to.Put(o, dnsendpoint.Status{ObservedGeneration: o.Generation, Conditions: []metav1.Condition{accepted, programmed}})
}

// mostTold is how many problems a condition tells.
const mostTold = 5

func told(messages []string) string {
	if more := len(messages) - mostTold; more > 0 {
		messages = append(slices.Clone(messages[:mostTold]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(messages, "; ")
}

// acceptance says whether all that an object asks for can be read, and may be
// asked for.
func (c *Controller) acceptance(label string) metav1.Condition {
	problems := c.ledger.reportOf(label)
	switch unknown := c.index.unknowns[label]; {
	case len(problems) > 0:
		var messages []string
		for _, p := range problems {
			messages = append(messages, p.Message)
		}
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: string(problems[0].Reason), Message: told(messages)}
	case unknown != "":
		return metav1.Condition{Status: metav1.ConditionUnknown, Reason: string(plan.Frozen), Message: unknown}
	}
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: acceptedCondition, Message: "all that is asked for can be read"}
}

// programming says whether all that an object asks for stands in DNS; known is
// false while that cannot be told.
func (c *Controller) programming(label string, accepted metav1.Condition) (condition metav1.Condition, known bool) {
	var reason string
	var messages []string
	sets := 0
	for _, n := range c.index.held[label] {
		for _, w := range c.index.at(n) {
			if w.By.Resource() != label {
				continue
			}
			sets++
			why, message, known := c.stands(w)
			if !known {
				return condition, false
			}
			if why == "" {
				continue
			}
			if reason == "" {
				reason = why
			}
			if text := w.Set.Key.String() + ": " + message; !slices.Contains(messages, text) {
				messages = append(messages, text)
			}
		}
	}
	switch {
	case len(messages) > 0:
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: told(messages)}, true
	case accepted.Status != metav1.ConditionTrue:
		return metav1.Condition{Status: accepted.Status, Reason: accepted.Reason,
			Message: stand(sets) + ", and not all that is asked for is accepted"}, true
	}
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: programmedCondition, Message: stand(sets)}, true
}

func stand(sets int) string {
	switch sets {
	case 0:
		return "no record set stands in DNS"
	case 1:
		return "1 record set stands in DNS"
	}
	return fmt.Sprintf("%d record sets stand in DNS", sets)
}

// manages reports whether what is wanted of a type is acted on: a CNAME may become an alias, which is an address.
func (c *Controller) manages(t dns.Type) bool {
	return slices.Contains(c.Rules.Types, t) || t == dns.CNAME && slices.ContainsFunc(c.Rules.Types, dns.Type.Address)
}

func notManaged(t dns.Type) string { return fmt.Sprintf("%s is not among --managed-record-types", t) }

// stands returns why what is wanted does not stand in DNS, "" if it does; known
// is false if it is on its way, or that cannot be told.
func (c *Controller) stands(w plan.Want) (reason, message string, known bool) {
	n := w.Set.Name
	if !c.manages(w.Set.Type) {
		return string(plan.NotManaged), notManaged(w.Set.Type), true
	}
	for _, r := range c.ledger.at("", n) {
		if concerns(r, w) {
			return string(r.Reason), r.Message, true
		}
	}
	views, unplaced := c.views(n)
	if len(views) == 0 {
		return string(plan.NoZone), unplaced, !c.Rules.Filter.Match(n)
	}
	for _, v := range views {
		if reason, message, known = c.standsIn(v, w); reason != "" || !known {
			return reason, message, known
		}
	}
	return "", "", true
}

// concerns reports whether a refusal is about what an object wants: of those who
// contradict each other the first is refused.
func concerns(r plan.Refusal, w plan.Want) bool {
	who := r.Objects
	if r.Reason == plan.Conflict && len(who) > 1 {
		who = who[:1]
	}
	return r.Key.Name == w.Set.Name && (r.Key.Type == w.Set.Type || w.Set.Type == dns.CNAME) && r.Key.SetID == w.Set.SetID &&
		slices.ContainsFunc(who, func(o plan.Object) bool { return o.Resource() == w.By.Resource() })
}

func (c *Controller) standsIn(v view, w plan.Want) (reason, message string, known bool) {
	n := w.Set.Name
	v.look(func(m *zone.Image) {
		if m == nil {
			return
		}
		in := plan.Input{Zone: v.zone, Names: []dns.Name{n}, Wants: v.wants, Sets: m.At, Hold: v.hold, Frozen: v.stays, Keep: c.moving(v.zone)}
		p := plan.Compute(c.Rules, in)
		for _, r := range unitedRefusals(c.ledger.at(v.zone.ID, n), p.Refusals, n) {
			if concerns(r, w) {
				reason, message, known = string(r.Reason), r.Message, true
				return
			}
		}
		switch {
		case v.frozen != "":
			reason, message, known = string(plan.Frozen), v.frozen, true
		case len(p.Groups) == 0:
			known = true
		case v.trouble != "":
			reason, message, known = pendingReason, v.trouble, true
		case v.failed > 0:
			reason, message, known = pendingReason, "the change has failed so far, and is tried again", true
		}
	})
	return reason, message, known
}
