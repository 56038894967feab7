package expose

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"

	"github.com/signpost-dns/signpost/internal/plan"
)

// Client is what exposure needs of an API server; a kubernetes.Interface is one. To link that for two of its thirty
// groups would make the program a third larger.
type Client interface {
	CoreV1() corev1client.CoreV1Interface
	DiscoveryV1() discoveryv1client.DiscoveryV1Interface
}

// Controller keeps Services on the addresses of nodes.
type Controller struct {
	Client    Client
	Namespace string // of the Services; "" is all
	// Owner tells this deployment from others that expose Services of the cluster: what it makes, it notes as its own, and it
	// undoes nothing that is noted as another's. Without one what names no deployment is its own.
	Owner string
	// Takes reports whether a Service is left to this program; nil: each is. One that no longer is asks for nothing.
	Takes func(*corev1.Service) bool
	// Firewall returns the firewall for what the nodes are; it is asked before each pass.
	Firewall func(ctx context.Context, onEC2 bool) (Firewall, error)
	// OnEC2 says whether nodes must be EC2 instances; nil: they must if any is one.
	OnEC2 *bool
	// LeastTTL is the time to live of names whose Services say none, if it is longer than the usual one.
	LeastTTL time.Duration
	// Prefixes are those of ExternalDNS's annotations, of which ttl says how long names are remembered.
	Prefixes []string
	// May is asked before each write whether this process still may.
	May func() error
	Log *slog.Logger
	// Report, if not nil, is told the problems of a Service whenever they change.
	Report func(*corev1.Service, []plan.Problem)

	told   map[string]string  // problems by Service, as told last
	served map[string]*served // by Service, as the last pass left it
}

// tell reports the problems that have changed.
func (c *Controller) tell(p *pass) {
	if c.told == nil {
		c.told = map[string]string{}
	}
	concerned := maps.Clone(p.services)
	maps.Copy(concerned, p.others)
	for name, s := range concerned {
		problems := slices.Clone(p.choices[name].Problems)
		for _, instance := range slices.Sorted(maps.Keys(p.failed[name])) {
			err := p.failed[name][instance]
			message := err.Error()
			if hint := hintOf(err); hint != "" {
				message += "; " + hint
			}
			problems = append(problems, plan.Problem{Reason: plan.NotOpen, Message: message})
		}
		text := fmt.Sprint(problems)
		if len(problems) == 0 {
			text = ""
		}
		if text == c.told[name] {
			continue
		}
		c.told[name] = text
		for _, p := range problems {
			c.Log.Warn(name+": "+p.Message, "reason", p.Reason)
		}
		if c.Report != nil {
			c.Report(s, problems)
		}
	}
	for name := range c.told {
		if concerned[name] == nil {
			delete(c.told, name)
		}
	}
}

// Preview says what a pass would do, one line each, and changes nothing.
func (c *Controller) Preview(ctx context.Context) (string, error) {
	w, err := c.list(ctx)
	if err != nil {
		return "", err
	}
	known := w.known()
	choices := decide(time.Now(), known, w.nodes)
	members := map[string][]Member{}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(known)) {
		old := known[name]
		if old.Foreign {
			old.Members, choices[name] = nil, decision{Problems: choices[name].Problems}
		}
		members[name] = choices[name].Members
		preview(&out, name, old.Members, choices[name])
	}
	firewall, err := c.Firewall(ctx, w.onEC2)
	if err != nil {
		return out.String(), err
	}
	steps, err := firewall.Plan(ctx, w.want(members))
	if err != nil {
		return out.String(), err
	}
	return out.String() + steps.String(), nil
}

func preview(out *strings.Builder, name string, old []Member, choice decision) {
	line := func(sign string, m Member) {
		fmt.Fprintf(out, "%s %s on node %s (%v, published as %v)\n", sign, name, m.Node, m.Internal, m.Public)
	}
	for _, m := range old {
		if !slices.ContainsFunc(choice.Members, func(n Member) bool { return n.Node == m.Node && n.State != Leaving }) {
			line("-", m)
		}
	}
	for _, m := range choice.Members {
		if m.State == Opening {
			line("+", m)
		}
	}
	for _, p := range choice.Problems {
		fmt.Fprintf(out, "! %s: %s: %s\n", name, p.Reason, p.Message)
	}
}
