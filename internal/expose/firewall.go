package expose

import (
	"context"
	"net/netip"
	"slices"
	"strings"
)

// Rule lets a port in from somewhere.
type Rule struct {
	Port   Port
	Source netip.Prefix
}

func (r Rule) String() string { return r.Port.String() + " from " + r.Source.String() }

// Want is what the firewall shall let in, and where.
type Want struct {
	Rules     map[Rule][]string   // with the Services that ask for each
	Instances map[string][]string // ids of EC2 instances, with the Services on each
	Leaving   map[string]bool     // those of Instances that Services are about to leave: they may be gone
	Cluster   []string            // ids of all the cluster's instances
	Others    []string            // Services that are exposed, and not by this deployment
}

// Add notes what one Service needs.
func (w *Want) Add(ask *Ask, members []Member) {
	if w.Rules == nil {
		w.Rules, w.Instances, w.Leaving = map[Rule][]string{}, map[string][]string{}, map[string]bool{}
	}
	if len(members) == 0 {
		return
	}
	for _, p := range ask.Ports {
		for _, s := range ask.Sources {
			r := Rule{p, s}
			w.Rules[r] = append(w.Rules[r], ask.String())
		}
	}
	for _, m := range members {
		if m.Instance == "" { // chosen when nodes were no EC2 instances
			continue
		}
		if _, known := w.Instances[m.Instance]; !known || m.State != Leaving {
			w.Leaving[m.Instance] = m.State == Leaving
		}
		w.Instances[m.Instance] = append(w.Instances[m.Instance], ask.String())
	}
}

// sort makes a want the same, however it was gathered.
func (w *Want) sort() {
	for _, services := range w.Rules {
		slices.Sort(services)
	}
	for _, services := range w.Instances {
		slices.Sort(services)
	}
	slices.Sort(w.Cluster)
}

// Firewall decides what reaches the nodes.
type Firewall interface {
	// Plan reads what stands and returns what makes it as wanted. It changes nothing.
	Plan(ctx context.Context, want Want) (Steps, error)
}

// Step is one change of a firewall.
type Step struct {
	Text     string   // what it does, for people: "+ allow 6315/udp from 0.0.0.0/0 in sg-1"
	Services []string // that cannot be reached without it
	Instance string   // the only one concerned; "" if it concerns all
	Litter   bool     // it only takes away what lets nobody in any more: no Service waits for it
	Do       func(context.Context) error
}

// Steps are changes in their order. What opens must be done before a Service relies on it, what closes when none does
// any more.
type Steps struct {
	Open, Close []Step
	// Reached are ids of instances by Service, on which what stands lets in all its ports already, as it was before this firewall.
	Reached map[string][]string
}

// String prints the steps one a line.
func (s Steps) String() string {
	var out strings.Builder
	for _, step := range slices.Concat(s.Open, s.Close) {
		out.WriteString(step.Text + "\n")
	}
	return out.String()
}

// None is where nothing needs to be opened, as on bare metal.
type None struct{}

// Plan returns nothing to do.
func (None) Plan(context.Context, Want) (Steps, error) { return Steps{}, nil }
