package expose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pass is one turn of the controller: from what is known to what shall be, as far as that is possible now.
//
// Of every Service, what it had and what it shall have is opened; then it is written; then what nobody needs any more is
// closed. What fails for one Service stops no other.
type pass struct {
	*Controller
	*world
	services      map[string]*corev1.Service // of the world, as written since
	known         map[string]standing
	choices       map[string]decision
	before, after map[string][]Member // what must be open before Services are written, and after
	failed        failures
	reached       map[string][]string // see [Steps]
	wrote         bool
}

// failures are errors by Service, and there by instance, "" being all.
type failures map[string]map[string]error

func (f failures) add(name, instance string, err error) {
	if f[name] == nil {
		f[name] = map[string]error{}
	}
	f[name][instance] = err
}

// joined returns each error once.
func (f failures) joined() error {
	seen := map[string]bool{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(f)) {
		for _, instance := range slices.Sorted(maps.Keys(f[name])) {
			if err := f[name][instance]; !seen[err.Error()] {
				seen[err.Error()] = true
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// pass makes one, and returns when to look again; zero: when something happens.
func (c *Controller) pass(ctx context.Context, w *world) (time.Time, error) {
	p := &pass{Controller: c, world: w, services: maps.Clone(w.services), known: w.known(), before: map[string][]Member{}, after: map[string][]Member{}, failed: failures{}}
	p.choices = decide(time.Now(), p.known, w.nodes)
	again := p.miss(time.Now())
	err := p.run(ctx)
	p.remember()
	p.tell(p)
	for _, choice := range p.choices {
		if !choice.Again.IsZero() && (again.IsZero() || choice.Again.Before(again)) {
			again = choice.Again
		}
	}
	return again, errors.Join(p.failed.joined(), err)
}

func (p *pass) run(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(p.services))
	failAll := func(err error) {
		for _, name := range names {
			p.failed.add(name, "", err)
		}
	}
	firewall, err := p.Firewall(ctx, p.onEC2)
	if err != nil {
		failAll(err)
		return nil
	}
	for _, name := range names {
		p.prepare(ctx, name)
	}
	steps, err := firewall.Plan(ctx, p.want(p.before))
	if err != nil {
		failAll(err)
		return nil
	}
	p.reached = steps.Reached
	p.open(ctx, steps.Open)
	for _, name := range names {
		p.serve(ctx, name)
	}
	open, litter := p.close(ctx, firewall, steps)
	if open != nil {
		return errors.Join(open, litter)
	}
	errs := []error{litter}
	for _, name := range names {
		errs = append(errs, p.release(ctx, name))
	}
	return errors.Join(errs...)
}

// prepare puts the finalizer on a Service, and whose it is, before anything is opened for it. One that cannot have them stays
// as it is.
func (p *pass) prepare(ctx context.Context, name string) {
	if s := p.services[name]; len(p.choices[name].Members) > 0 && !p.marked(s) {
		next := s.DeepCopy()
		if !slices.Contains(next.Finalizers, finalizer) {
			next.Finalizers = append(next.Finalizers, finalizer)
		}
		if p.owner != "" {
			metav1.SetMetaDataAnnotation(&next.ObjectMeta, ownerAnnotation, p.owner)
		}
		if err := p.update(ctx, name, next); err != nil {
			p.failed.add(name, "", err)
			p.choices[name] = decision{Members: p.known[name].Members, Problems: p.choices[name].Problems}
		}
	}
	p.before[name] = union(p.known[name].Members, p.choices[name].Members)
}

// marked reports whether a Service may have something open: it waits for us when it is deleted, and others see whose it is.
func (p *pass) marked(s *corev1.Service) bool {
	return s.DeletionTimestamp != nil || slices.Contains(s.Finalizers, finalizer) && s.Annotations[ownerAnnotation] == p.owner
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

// open does the opening steps. One that fails stops only those Services that need it, and for them what follows.
func (p *pass) open(ctx context.Context, steps []Step) {
	for _, step := range steps {
		if !slices.ContainsFunc(step.Services, func(name string) bool { return p.failed[name][""] == nil }) {
			continue
		}
		err := p.do(ctx, step)
		p.wrote = p.wrote || err == nil
		for _, name := range step.Services {
			if err != nil && p.failed[name][""] == nil {
				p.failed.add(name, step.Instance, err)
			}
		}
	}
}

func (p *pass) do(ctx context.Context, step Step) error {
	if err := p.May(); err != nil {
		return err
	}
	switch err := step.Do(ctx); {
	case err != nil && strings.HasPrefix(step.Text, "!"):
		return err // which is the text
	case err != nil:
		return fmt.Errorf("%s: %w", strings.TrimLeft(step.Text, "+- "), err)
	}
	p.Log.Info("firewall: " + step.Text)
	return nil
}

// serve writes on a Service what it has now. If that fails it has what it had.
func (p *pass) serve(ctx context.Context, name string) {
	members := promote(p.choices[name].Members, p.failed[name], p.reached[name])
	if len(members) > 0 && !p.marked(p.services[name]) { // which failed
		p.after[name] = p.before[name]
		return
	}
	wrote, err := p.write(ctx, name, members)
	p.wrote = p.wrote || wrote
	p.after[name] = members
	if err != nil {
		p.failed.add(name, "", err)
		p.after[name] = p.before[name]
	}
}

// promote has members serve whose way is open. Those that served before us go on where what reached them then stands, though our
// own way could not be opened: names that stand, and answer, do not go for that.
func promote(members []Member, failed map[string]error, reached []string) []Member {
	out := slices.Clone(members)
	for i, m := range out {
		open := failed[""] == nil && failed[m.Instance] == nil
		if m.State == Opening && (open || m.guessed && slices.Contains(reached, m.Instance)) {
			out[i].State = Serving
		}
	}
	return out
}

// close does the closing steps; those that were planned before, unless things have changed since. It returns why
// something is still open, and why something that is not still lies about.
func (p *pass) close(ctx context.Context, firewall Firewall, steps Steps) (open, litter error) {
	if p.wrote {
		var err error
		if steps, err = firewall.Plan(ctx, p.want(p.after)); err != nil {
			return err, nil
		}
	}
	if len(steps.Close) == 0 {
		return nil, nil
	}
	if err := p.current(ctx); err != nil {
		return err, nil
	}
	for _, step := range steps.Close {
		err := p.do(ctx, step)
		if step.Litter {
			litter = errors.Join(litter, err)
		} else {
			open = errors.Join(open, err)
		}
	}
	return open, litter
}

// current is an error if what is known of Services is not what the API server holds. What is written is compared there;
// what is closed must be compared here, or a cache that lags would close what this process itself has published.
func (p *pass) current(ctx context.Context) error {
	list, err := p.Client.CoreV1().Services(p.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list services before ports are closed: %w", err)
	}
	for i := range list.Items {
		now := &list.Items[i]
		known := p.services[nameOf(now)]
		if !p.concerns(now) && known == nil {
			continue
		}
		if known == nil || known.UID != now.UID || known.Annotations[membersAnnotation] != now.Annotations[membersAnnotation] ||
			known.Annotations[ownerAnnotation] != now.Annotations[ownerAnnotation] ||
			!lets(known).equal(lets(now)) {
			return fmt.Errorf("%s has changed meanwhile: nothing is closed before it is looked at again", nameOf(now))
		}
	}
	return nil
}
