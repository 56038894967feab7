package expose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/plan"
)

// State is how far a member has come.
type State string

// The states, in their order.
const (
	Opening State = "opening" // chosen; no name points at it yet
	Serving State = "serving" // names point at it
	Leaving State = "leaving" // names point at it no more, and will be forgotten by Until
)

// Member is a node that serves a Service.
type Member struct {
	Node     string       `json:"node"`
	Instance string       `json:"instance,omitempty"`
	Internal []netip.Addr `json:"internal"`
	Public   []netip.Addr `json:"public"`
	State    State        `json:"state"`
	Until    time.Time    `json:"until,omitzero"`

	guessed bool // nothing notes that its way was opened by us
}

// slack is how much longer than its TTL a name is taken to be remembered: DNS itself takes a moment to change.
const slack = 30 * time.Second

// standing is what stands for one Service: its ask, nil if it asks for nothing any more, and the members that it notes.
type standing struct {
	Ask     *Ask
	Members []Member
	Deleted bool          // it waits to be gone: nothing is left to wait for
	Foreign bool          // another deployment exposes it: its members stay, and Ask is what they take
	TTL     time.Duration // for which its names may be remembered
	// Endpoints are the names of nodes with a ready endpoint of the Service; nil if it does not matter.
	Endpoints map[string]bool
}

// decision is what shall be of one Service.
type decision struct {
	Members  []Member // sorted by node
	Problems []plan.Problem
	Again    time.Time // when the next member can go; zero if none waits
}

// decide chooses the nodes of every Service, by its name as [Ask] prints it. What it decides is done by
// [Controller]; a member is [Serving] only when that has opened its way.
//
// Nodes that serve a Service go on to as long as they are fit, so that names change as little as can be. Of Services
// that want the same port of one node the older has it.
func decide(now time.Time, known map[string]standing, nodes []node) map[string]decision {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, older)
	var order []*Ask
	out := map[string]decision{}
	for name, k := range known {
		if k.Deleted {
			out[name] = decision{}
			continue
		}
		if k.Ask == nil {
			out[name] = settle(now, k, nil)
			continue
		}
		order = append(order, k.Ask)
	}
	slices.SortFunc(order, (*Ask).older)
	taken := map[string]map[Port]string{} // by node
	for _, ask := range order {
		k := known[ask.String()]
		var choice decision
		switch {
		case k.Foreign:
			choice = decision{Members: k.Members, Problems: ask.Problems}
		case ask.Blocked:
			choice = stay(now, k)
			choice.Problems = ask.Problems
		default:
			choice = choose(now, k, nodes, taken)
		}
		for _, m := range choice.Members {
			if taken[m.Node] == nil {
				taken[m.Node] = map[Port]string{}
			}
			for _, p := range ask.Ports {
				taken[m.Node][p] = ask.String()
			}
		}
		out[ask.String()] = choice
	}
	return out
}

// choose takes nodes for one Service.
func choose(now time.Time, k standing, nodes []node, taken map[string]map[Port]string) decision {
	ask := k.Ask
	var fit []node
	var unfit, conflicts []string
	for _, n := range nodes {
		if !ask.Selector.Matches(n.Labels) {
			continue
		}
		if n.Unfit != "" {
			unfit = append(unfit, n.Name+": "+n.Unfit)
			continue
		}
		if why := conflict(ask, taken[n.Name]); why != "" {
			conflicts = append(conflicts, n.Name+": "+why)
			continue
		}
		fit = append(fit, n)
	}
	problems := ask.Problems
	add := func(reason plan.Reason, format string, args ...any) {
		problems = append(slices.Clone(problems), plan.Problem{Reason: reason, Message: fmt.Sprintf(format, args...)})
	}
	switch {
	case len(fit) > 0:
	case len(conflicts) > 0:
		add(plan.PortConflict, "every fit node serves another Service on a port of this one (%s); use another port, or more nodes", list(conflicts))
	case len(unfit) > 0:
		add(plan.NoNode, "no node is fit (%s); what stands stays", list(unfit))
	default:
		add(plan.NoNode, "no node matches the selector %q; what stands stays", ask.Selector)
	}
	if len(fit) == 0 && len(conflicts) == 0 {
		choice := stay(now, k)
		choice.Problems = problems
		return choice
	}
	fit = reached(fit, k)
	rank(fit, k)
	if ask.Max > 0 && len(fit) > ask.Max {
		fit = fit[:ask.Max]
	}
	choice := settle(now, k, fit)
	choice.Problems = problems
	return choice
}

func conflict(ask *Ask, taken map[Port]string) string {
	for _, p := range ask.Ports {
		if by := taken[p]; by != "" {
			return fmt.Sprintf("%s has port %s", by, p)
		}
	}
	return ""
}

// list shows the first of many.
func list(texts []string) string {
	const few = 3
	if len(texts) > few {
		texts = append(slices.Clone(texts[:few]), fmt.Sprintf("and %d more", len(texts)-few))
	}
	return strings.Join(texts, "; ")
}

// reached leaves, with externalTrafficPolicy Local, only nodes with an endpoint of the Service: others drop what comes.
// While none has one, as when the only Pod is replaced, those stay that serve.
func reached(fit []node, k standing) []node {
	if !k.Ask.Local {
		return fit
	}
	only := func(keep func(node) bool) []node {
		return slices.DeleteFunc(slices.Clone(fit), func(n node) bool { return !keep(n) })
	}
	if with := only(func(n node) bool { return k.Endpoints[n.Name] }); len(with) > 0 {
		return with
	}
	if serving := only(k.serves); len(serving) > 0 {
		return serving
	}
	return fit
}

// serves reports whether a node is a member that stays.
func (k standing) serves(n node) bool {
	return slices.ContainsFunc(k.Members, func(m Member) bool { return m.Node == n.Name && m.State != Leaving })
}

// rank puts nodes first that serve, then the oldest.
func rank(fit []node, k standing) {
	class := func(n node) int {
		if k.serves(n) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(fit, func(a, b node) int { return class(a) - class(b) })
}

// stay has those members go on that serve, and the others go.
func stay(now time.Time, k standing) decision {
	var choice decision
	for _, m := range k.Members {
		if m.State == Serving || m.State == Leaving && now.Before(m.Until) {
			choice.keep(m)
		}
	}
	return choice
}

// keep keeps a member, and what it is waited for.
func (c *decision) keep(m Member) {
	if m.State == Leaving && (c.Again.IsZero() || m.Until.Before(c.Again)) {
		c.Again = m.Until
	}
	c.Members = append(c.Members, m)
}

// settle makes members of the chosen nodes, and has the others leave. While a chosen one is not open yet the others
// stay where they are: names must point somewhere.
func settle(now time.Time, k standing, chosen []node) decision {
	var choice decision
	opening := false
	for _, n := range chosen {
		m := Member{Node: n.Name, Instance: n.Instance, Internal: n.Internal, Public: n.Public, State: Opening}
		i := slices.IndexFunc(k.Members, func(old Member) bool { return old.Node == n.Name })
		if i >= 0 && same(k.Members[i], m) && k.Members[i].State == Serving {
			if m.guessed = k.Members[i].guessed; !m.guessed {
				m.State = Serving
			}
		}
		opening = opening || m.State == Opening
		choice.Members = append(choice.Members, m)
	}
	for _, m := range k.Members {
		if slices.ContainsFunc(chosen, func(n node) bool { return n.Name == m.Node }) {
			continue
		}
		switch {
		case m.State == Opening: // no name ever pointed at it
			continue
		case m.State == Serving && opening:
		case m.State == Serving:
			m.State, m.Until = Leaving, now.Add(k.TTL+slack)
		case !now.Before(m.Until):
			continue
		}
		choice.keep(m)
	}
	slices.SortFunc(choice.Members, func(a, b Member) int { return strings.Compare(a.Node, b.Node) })
	return choice
}

// same reports whether a member is still at the same addresses.
func same(a, b Member) bool {
	return a.Instance == b.Instance && slices.Equal(a.Internal, b.Internal) && slices.Equal(a.Public, b.Public)
}

// published returns the addresses at which names shall point, sorted.
func published(members []Member) []netip.Addr {
	var out []netip.Addr
	for _, m := range members {
		if m.State == Serving {
			out = append(out, m.Public...)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// addresses returns those at which the Service takes traffic, sorted: also where names still may lead.
func addresses(members []Member) []netip.Addr {
	var out []netip.Addr
	for _, m := range members {
		out = append(out, m.Internal...)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
