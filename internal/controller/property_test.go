package controller_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
)

// step is one thing that happens in a random world.
type step struct {
	what   string // "object", "gone", "unclear", "foreign", "strangers leave", "freeze", "thaw", "faults", "restart"
	kind   string // "service", "ingress"
	name   string
	hosts  []string
	target []string
	faults []string
	pause  time.Duration
}

func steps() *rapid.Generator[[]step] {
	pauses := []time.Duration{0, 10 * time.Millisecond, 30 * time.Millisecond, 3 * time.Second, 70 * time.Second}
	hosts := rapid.SampledFrom([]string{"1", "www", "a-www", "*", "x.y", "example.com"})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		s := step{
			what: rapid.SampledFrom([]string{"object", "object", "object", "gone", "unclear", "foreign", "strangers leave",
				"freeze", "thaw", "faults", "faults", "restart"}).Draw(t, "what"),
			kind:  rapid.SampledFrom([]string{"service", "ingress"}).Draw(t, "kind"),
			name:  rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "name"),
			hosts: rapid.SliceOfNDistinct(hosts, 1, 2, rapid.ID[string]).Draw(t, "hosts"),
			target: rapid.SampledFrom([][]string{{"192.0.2.1"}, {"192.0.2.2"}, {"192.0.2.3", "2001:db8::1"},
				{"lb.elb.amazonaws.com"}, {"other.example.net"}, nil}).Draw(t, "target"),
			pause: rapid.SampledFrom(pauses).Draw(t, "pause"),
		}
		if s.what == "faults" {
			s.faults = rapid.SliceOfN(rapid.SampledFrom([]string{"", "throttled", "cut before", "cut after", "denied", "rejected",
				"conflict"}), 1, 8).Draw(t, "faults")
		}
		return s
	}), 1, 25)
}

// saga plays steps in a world and keeps what should come of them.
type saga struct {
	cloud   *cloud
	world   *world
	objects map[string]client.Object // at the end of the story, by kind and name
	unclear map[string]bool
	foreign map[dns.Key]dns.RecordSet
	faults  []string
	stamp   int
}

// Whatever happens on the way: strangers' sets are never touched, nothing of
// ours stands without its claim, and when the faults are over the zone is as the
// objects want it and a new controller has nothing to do.
func TestAnyStoryEndsWell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		story := steps().Draw(rt, "story")
		var errs []error
		synctest.Test(t, func(t *testing.T) {
			errs = play(t, story)
		})
		if len(errs) > 0 {
			rt.Fatal(errors.Join(errs...))
		}
	})
}

func play(t *testing.T, story []step) []error {
	s := &saga{cloud: newCloud(example), objects: map[string]client.Object{}, unclear: map[string]bool{}, foreign: map[dns.Key]dns.RecordSet{}}
	s.cloud.faults(s.before, s.after)
	s.start(t)
	for i, step := range story {
		s.act(t, step)
		wait(step.pause)
		if errs := s.invariants(); len(errs) > 0 {
			return append(errs, fmt.Errorf("after step %d: %+v", i, step))
		}
	}
	s.stage(func() { s.faults = nil })
	for id := range s.unclear {
		s.world.remove(s.objects[id])
		delete(s.objects, id)
	}
	s.world.status(serviceKind, synced)
	s.world.status(ingressKind, synced)
	wait(10 * time.Minute)
	errs := append(s.invariants(), s.done()...)
	if err := s.world.stop(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, s.fixed(t)...)
	return errs
}

// stage changes what the faults of the cloud look at.
func (s *saga) stage(change func()) {
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	change()
}

func (s *saga) next(word string) bool {
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	if len(s.faults) == 0 || strings.HasSuffix(s.faults[0], "after") != (word == "after") {
		return false
	}
	return true
}

func (s *saga) pop() (fault string) {
	s.stage(func() { fault, s.faults = s.faults[0], s.faults[1:] })
	return fault
}

func (s *saga) before(c memory.Call) error {
	if !s.next("before") {
		return nil
	}
	kinds := map[string]error{"throttled": provider.ErrThrottled, "denied": provider.ErrDenied,
		"rejected": provider.ErrRejected, "conflict": provider.ErrConflict}
	switch fault := s.pop(); {
	case fault == "cut before":
		return errCut
	case kinds[fault] != nil && (c.Op == "Apply" || fault == "throttled" || fault == "denied"):
		return &provider.Error{Kind: kinds[fault], Op: c.Op, Cause: errors.New(fault)}
	}
	return nil
}

func (s *saga) after(memory.Call) error {
	if s.next("after") {
		s.pop()
		return errCut
	}
	return nil
}

// start runs a controller on the objects that there are.
func (s *saga) start(t *testing.T) {
	yes := &consent{} // somebody approves whatever is held
	s.world, _ = newWorld(t, s.cloud, func(c *controller.Config) {
		c.Grace, c.Approvals, c.OnHold = 2*time.Second, yes, func(h controller.Hold) { yes.give(h.ID) }
	})
	s.world.begin(slices.Collect(maps.Values(s.objects))...)
}

func (s *saga) act(t *testing.T, st step) {
	id := st.kind + "/" + st.name
	kind := serviceKind
	if st.kind == "ingress" {
		kind = ingressKind
	}
	switch st.what {
	case "object", "unclear":
		var hosts []string
		for _, h := range st.hosts {
			hosts = append(hosts, strings.TrimSuffix(h+".example.com", ".example.com.example.com"))
		}
		delete(s.unclear, id)
		s.objects[id] = object(st.kind, st.name, hosts, st.target)
		if st.what == "unclear" {
			s.unclear[id] = true
			s.objects[id].SetAnnotations(map[string]string{"external-dns.kubernetes.io/hostname": hosts[0],
				"external-dns.kubernetes.io/target": "not a target"})
		}
		s.world.apply(s.objects[id])
	case "gone":
		if o := s.objects[id]; o != nil {
			delete(s.objects, id)
			delete(s.unclear, id)
			s.world.remove(o)
		}
	case "foreign":
		s.stranger(st.hosts[0])
	case "strangers leave":
		for key := range s.foreign {
			s.cloud.Remove(example, key)
			delete(s.foreign, key)
		}
	case "freeze":
		s.world.status(kind, objects.Status{Reason: "the API server does not answer"})
	case "thaw":
		s.world.status(kind, synced)
	case "faults":
		s.stage(func() { s.faults = append(s.faults, st.faults...) })
	case "restart":
		if err := s.world.stop(); err != nil {
			t.Error(err)
		}
		s.start(t)
	}
}

// object asks for hosts as a Service, or as an Ingress.
func object(kind, name string, hosts, target []string) client.Object {
	if kind == "service" {
		return service(name, strings.Join(hosts, ","), target...)
	}
	i := ingress(name, "", nil...)
	i.Annotations = map[string]string{"external-dns.kubernetes.io/hostname": strings.Join(hosts, ",")}
	if len(target) > 0 {
		i.Annotations["external-dns.kubernetes.io/target"] = strings.Join(target, ",")
	}
	return i
}

// stranger makes or changes a set by hand, where nothing of ours is.
func (s *saga) stranger(host string) {
	k := key(example, host)
	if host == "example.com" {
		k.Name = example.Name
	}
	if _, theirs := s.foreign[k]; !theirs {
		for _, set := range s.cloud.Sets(example) {
			about := set.Name == k.Name && set.Type != dns.SOA && set.Type != dns.NS
			if about && !isClaim(set) || isClaim(set) && strings.HasSuffix(string(set.Name), strings.TrimPrefix(string(k.Name), "*")) {
				return
			}
		}
	}
	s.stamp++
	set := dns.RecordSet{Key: k, TTL: 60, Data: []string{fmt.Sprintf("198.51.100.%d", s.stamp)}}
	s.foreign[k] = set
	s.cloud.Put(example, set)
}

// invariants hold at any time.
func (s *saga) invariants() []error {
	var errs []error
	claims := strings.Join(claims(s.cloud, example, "me"), "\n") + "\n"
	for _, set := range s.cloud.Sets(example) {
		if set.Type == dns.SOA || set.Type == dns.NS || isClaim(set) {
			continue
		}
		if theirs, ok := s.foreign[set.Key]; ok {
			if !theirs.Equal(set) {
				errs = append(errs, fmt.Errorf("the stranger's %s became %s", theirs, set))
			}
			continue
		}
		at := strings.ToLower(string(set.Type)) + "-" + strings.TrimSuffix(string(set.Name), ".example.com.") + ": "
		if set.Name == example.Name {
			at = "_signpost-" + strings.ToLower(string(set.Type)) + ": "
		}
		if !strings.Contains("\n"+claims, "\n"+at) {
			errs = append(errs, fmt.Errorf("%s has no claim at %s; there are\n%s", set, at, claims))
		}
	}
	for key, set := range s.foreign {
		if !slices.ContainsFunc(s.cloud.Sets(example), set.Equal) {
			errs = append(errs, fmt.Errorf("the stranger's %s is gone", key))
		}
	}
	return errs
}

// done holds at the end: what one object alone wants is there, and what nobody
// wants is not.
func (s *saga) done() []error {
	want := map[string][][]string{} // targets, by host
	for id, o := range s.objects {
		notes := o.GetAnnotations()
		target := strings.Split(notes["external-dns.kubernetes.io/target"], ",")
		if strings.HasPrefix(id, "service") {
			target = s.serviceTargets(o)
		}
		if len(target) == 0 || target[0] == "" {
			continue
		}
		for host := range strings.SplitSeq(notes["external-dns.kubernetes.io/hostname"], ",") {
			want[host] = append(want[host], target)
		}
	}
	var errs []error
	have := map[string][]string{}
	for _, set := range s.cloud.Sets(example) {
		if _, theirs := s.foreign[set.Key]; theirs || isClaim(set) || set.Type == dns.SOA || set.Type == dns.NS {
			continue
		}
		have[set.Name.Host()] = append(have[set.Name.Host()], valueOf(set))
	}
	for host, values := range have {
		if len(want[host]) == 0 {
			errs = append(errs, fmt.Errorf("nobody wants %s %q", host, values))
		}
	}
	for host, targets := range want {
		_, taken := s.foreign[dns.Key{Name: dns.Name(host + "."), Type: dns.A}]
		cname := targets[0][0] == "other.example.net"
		if len(targets) != 1 || taken || cname && host == "example.com" || strings.Contains(host, "www") && s.cnames() {
			continue // who wins, and what a CNAME at a claim's name forbids, is the plan's own business
		}
		if got := slices.Sorted(slices.Values(have[host])); !slices.Equal(got, wish(targets[0])) {
			errs = append(errs, fmt.Errorf("%s has %q, want %q", host, got, wish(targets[0])))
		}
	}
	return errs
}

// cnames reports whether any object asks for a CNAME.
func (s *saga) cnames() bool {
	for id, o := range s.objects {
		target := []string{o.GetAnnotations()["external-dns.kubernetes.io/target"]}
		if strings.HasPrefix(id, "service") {
			target = s.serviceTargets(o)
		}
		if slices.Contains(target, "other.example.net") {
			return true
		}
	}
	return false
}

// serviceTargets returns what a Service's load balancer reports.
func (s *saga) serviceTargets(o client.Object) []string {
	var out []string
	for _, i := range serviceStatus(o) {
		out = append(out, i.IP+i.Hostname)
	}
	return out
}

func valueOf(set dns.RecordSet) string {
	if set.Alias != nil {
		return string(set.Type) + " " + set.Alias.Target.Host()
	}
	return string(set.Type) + " " + strings.TrimSuffix(strings.Join(set.Data, ","), ".")
}

// wish returns the sets for targets as valueOf prints them.
func wish(targets []string) []string {
	var out []string
	for _, t := range targets {
		switch {
		case strings.Contains(t, "elb"):
			out = append(out, "A "+t, "AAAA "+t)
		case strings.Contains(t, ":"):
			out = append(out, "AAAA "+t)
		case strings.Contains(t, "example"):
			out = append(out, "CNAME "+t)
		default:
			out = append(out, "A "+t)
		}
	}
	slices.Sort(out)
	return out
}

// fixed holds after the end: a new controller finds nothing to do.
func (s *saga) fixed(t *testing.T) []error {
	w, _ := newWorld(t, s.cloud, func(c *controller.Config) { c.DryRun = true })
	report, err := once(t.Context(), w, synced, slices.Collect(maps.Values(s.objects))...)
	if err != nil {
		return []error{err}
	}
	if report.Changes() > 0 {
		return []error{fmt.Errorf("a new controller would change something:\n%s", report.Zones[0].Plan)}
	}
	return nil
}
