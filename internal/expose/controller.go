package expose

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/signpost-dns/signpost/internal/plan"
)

// Controller keeps Services on the addresses of nodes.
type Controller struct {
	Client    kubernetes.Interface
	Namespace string // of the Services; "" is all
	// Firewall returns the firewall for what the nodes are; it is asked before each pass.
	Firewall func(ctx context.Context, onEC2 bool) (Firewall, error)
	// OnEC2 says whether nodes must be EC2 instances; nil: they must if any is one.
	OnEC2 *bool
	// May is asked before each write whether this process still may.
	May func() error
	Log *slog.Logger
	// Report, if not nil, is told the problems of a Service whenever they change.
	Report func(*corev1.Service, []plan.Problem)

	told map[string]string // problems by Service, as told last
}

// world is what is known of the cluster.
type world struct {
	services map[string]*corev1.Service // by "service/namespace/name"
	nodes    []Node
	slices   []*discoveryv1.EndpointSlice
	onEC2    bool
}

func newWorld(services []*corev1.Service, nodes []*corev1.Node, endpoints []*discoveryv1.EndpointSlice, onEC2 *bool) *world {
	w := &world{services: map[string]*corev1.Service{}, slices: endpoints}
	w.onEC2 = slices.ContainsFunc(nodes, func(n *corev1.Node) bool { return instanceID(n.Spec.ProviderID) != "" })
	if onEC2 != nil {
		w.onEC2 = *onEC2
	}
	for _, n := range nodes {
		w.nodes = append(w.nodes, ReadNode(n, w.onEC2))
	}
	for _, s := range services {
		_, noted := s.Annotations[membersAnnotation]
		if Read(s) != nil || noted || slices.Contains(s.Finalizers, finalizer) {
			w.services[nameOf(s)] = s
		}
	}
	return w
}

func nameOf(s *corev1.Service) string { return "service/" + s.Namespace + "/" + s.Name }

// known reads what the Services ask for and note.
func (w *world) known() (map[string]Known, error) {
	out := map[string]Known{}
	var errs []error
	for name, s := range w.services {
		members, err := readMembers(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out[name] = Known{Ask: Read(s), Members: members, Deleted: s.DeletionTimestamp != nil, Endpoints: w.endpoints(s)}
	}
	return out, errors.Join(errs...)
}

// endpoints returns the nodes with a ready endpoint of a Service.
func (w *world) endpoints(s *corev1.Service) map[string]bool {
	out := map[string]bool{}
	for _, slice := range w.slices {
		if slice.Namespace != s.Namespace || slice.Labels[discoveryv1.LabelServiceName] != s.Name {
			continue
		}
		for _, e := range slice.Endpoints {
			if e.NodeName != nil && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				out[*e.NodeName] = true
			}
		}
	}
	return out
}

// want is what the firewall must let in for these members of the Services.
func (w *world) want(members map[string][]Member) Want {
	var want Want
	for _, name := range slices.Sorted(maps.Keys(w.services)) {
		want.Add(lets(w.services[name]), members[name])
	}
	for _, n := range w.nodes {
		if n.Instance != "" {
			want.Cluster = append(want.Cluster, n.Instance)
		}
	}
	slices.Sort(want.Cluster)
	return want
}

// pass makes things as they shall be, as far as that is possible now, and returns when to look again; zero: when
// something happens.
func (c *Controller) pass(ctx context.Context, w *world) (time.Time, error) {
	known, err := w.known()
	if err != nil {
		return time.Time{}, err
	}
	choices := Decide(time.Now(), known, w.nodes)
	firewall, err := c.Firewall(ctx, w.onEC2)
	if err != nil {
		return time.Time{}, err
	}
	before, after := map[string][]Member{}, map[string][]Member{}
	for name, k := range known {
		before[name] = union(k.Members, choices[name].Members)
	}
	if err := c.prepare(ctx, w, choices); err != nil {
		return time.Time{}, err
	}
	steps, err := firewall.Plan(ctx, w.want(before))
	if err != nil {
		c.tell(w, choices, failAll(known, err))
		return time.Time{}, err
	}
	failed := c.open(ctx, steps.Open)
	wrote := false
	var errs []error
	var again time.Time
	for _, name := range slices.Sorted(maps.Keys(known)) {
		choice := choices[name]
		members := promote(choice.Members, failed[name])
		did, err := c.write(ctx, w, name, known[name], members)
		wrote = wrote || did
		after[name] = members
		if err != nil {
			errs = append(errs, err)
			after[name] = before[name]
		}
		if !choice.Again.IsZero() && (again.IsZero() || choice.Again.Before(again)) {
			again = choice.Again
		}
	}
	c.tell(w, choices, failed)
	errs = append(errs, c.close(ctx, firewall, steps, w.want(after), wrote || len(steps.Open) > 0))
	err = errors.Join(append(errs, joined(failed))...)
	if err == nil {
		err = c.release(ctx, w, known, after)
	}
	return again, err
}

// union is all members, the chosen ones as chosen.
func union(old, chosen []Member) []Member {
	out := slices.Clone(chosen)
	for _, m := range old {
		if !slices.ContainsFunc(out, func(o Member) bool { return o.Node == m.Node && same(o, m) }) {
			out = append(out, m)
		}
	}
	return out
}

// failures are errors by Service, and there by instance, "" being all.
type failures map[string]map[string]error

func failAll(known map[string]Known, err error) failures {
	out := failures{}
	for name := range known {
		out[name] = map[string]error{"": err}
	}
	return out
}

func joined(f failures) error {
	seen := map[error]bool{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(f)) {
		for _, instance := range slices.Sorted(maps.Keys(f[name])) {
			if err := f[name][instance]; !seen[err] {
				seen[err] = true
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// open does the opening steps. One that fails stops only those Services that need it.
func (c *Controller) open(ctx context.Context, steps []Step) failures {
	failed := failures{}
	for _, step := range steps {
		err := c.do(ctx, step)
		if err == nil {
			continue
		}
		for _, name := range step.Services {
			if failed[name] == nil {
				failed[name] = map[string]error{}
			}
			failed[name][step.Instance] = err
		}
	}
	return failed
}

func (c *Controller) do(ctx context.Context, step Step) error {
	if err := c.May(); err != nil {
		return err
	}
	if err := step.Do(ctx); err != nil {
		return fmt.Errorf("%s: %w", strings.TrimLeft(step.Text, "+-! "), err)
	}
	c.Log.Info("firewall: " + step.Text)
	return nil
}

// promote has members serve whose way is open.
func promote(members []Member, failed map[string]error) []Member {
	out := slices.Clone(members)
	for i, m := range out {
		_, all := failed[""]
		if _, bad := failed[m.Instance]; m.State == Opening && !all && !bad {
			out[i].State = Serving
		}
	}
	return out
}

// close does the closing steps; those that were planned before, unless things have changed since.
func (c *Controller) close(ctx context.Context, firewall Firewall, steps Steps, want Want, changed bool) error {
	if changed {
		var err error
		if steps, err = firewall.Plan(ctx, want); err != nil {
			return err
		}
	}
	var errs []error
	for _, step := range steps.Close {
		if err := c.do(ctx, step); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// tell reports the problems that have changed.
func (c *Controller) tell(w *world, choices map[string]Choice, failed failures) {
	if c.told == nil {
		c.told = map[string]string{}
	}
	for name, s := range w.services {
		problems := slices.Clone(choices[name].Problems)
		for _, instance := range slices.Sorted(maps.Keys(failed[name])) {
			problems = append(problems, plan.Problem{Reason: plan.NotOpen, Message: failed[name][instance].Error()})
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
}

// Preview says what a pass would do, one line each, and changes nothing.
func (c *Controller) Preview(ctx context.Context) (string, error) {
	w, err := c.list(ctx)
	if err != nil {
		return "", err
	}
	known, err := w.known()
	if err != nil {
		return "", err
	}
	choices := Decide(time.Now(), known, w.nodes)
	members := map[string][]Member{}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(known)) {
		members[name] = choices[name].Members
		preview(&out, name, known[name].Members, choices[name])
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

func preview(out *strings.Builder, name string, old []Member, choice Choice) {
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
