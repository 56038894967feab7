package simulation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
)

// watchedWrites is a way to the API server after each write of a Service on which the farm is looked at, whatever became of it.
type watchedWrites struct {
	to http.RoundTripper
	f  *farm
}

// RoundTrip implements http.RoundTripper.
func (l watchedWrites) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.to.RoundTrip(r)
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/services/") {
		l.f.count("writes of exposed Services")
		l.f.look()
	}
	return resp, err
}

// firewallLine is the way to EC2. What is on it when its process dies does not arrive: EC2 compares nothing before it swaps, so that
// what arrives late is beyond anybody's care.
type firewallLine struct {
	*line
	p *process
}

// RoundTrip implements http.RoundTripper.
func (l firewallLine) RoundTrip(r *http.Request) (*http.Response, error) {
	w := l.p.w
	content, err := body(r)
	if err != nil {
		return nil, err
	}
	c, breaks := l.begin()
	switch c {
	case cut:
		return nil, errRefused
	case stuck:
		return nil, hang(r.Context(), breaks)
	}
	form, err := url.ParseQuery(string(content))
	if err != nil {
		return nil, err
	}
	if !l.p.looked.Swap(true) {
		w.farm.begins()
	}
	write := !strings.HasPrefix(form.Get("Action"), "Describe")
	there, back := w.trip()
	if write && l.p.doomed.Load() == beforeWrite {
		there += time.Second // and then it dies
		go l.p.crash("before a write")
	}
	if err := wait(r.Context(), breaks, there); err != nil {
		return nil, err
	}
	resp, err := w.farm.deliver(r, content, form.Get("Action"), write)
	if write && l.p.doomed.Load() == afterWrite {
		back += time.Second
		go l.p.crash("after a write")
	}
	if lost := wait(r.Context(), breaks, back); lost != nil {
		return nil, lost
	}
	return resp, err
}

// deliver lets EC2 answer, while nothing else happens, and judges what it did.
func (f *farm) deliver(r *http.Request, content []byte, action string, write bool) (*http.Response, error) {
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(content))
	f.mu.Lock()
	defer f.mu.Unlock()
	resp, err := f.cloud.RoundTripper().RoundTrip(r)
	if write {
		f.writes++
		f.count("EC2 calls: " + action)
		f.judgeNames()
	}
	return resp, err
}

// look judges the names as things are now.
func (f *farm) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.judgeNames()
}

// mends is within how long a process sees what people did to a firewall: it looks every 5 minutes, and a look takes its time.
const mends = 10 * time.Minute

func (f *farm) tamper() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tampered = time.Now()
}

func (f *farm) begins() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = time.Now()
}

// patience is how long ports stay open for a Service that a process has seen, and that is not listed any more.
const patience = 15 * time.Minute

// forgotten reports whether ports of a Service may be closed since lists of Services come back empty: a process has begun since, they
// have for longer than it waits, or the Service asks for nothing any more.
func (f *farm) forgotten(s *corev1.Service) bool {
	var since, until time.Time       // until is zero while it lasts
	for _, spell := range f.spells { // in the order in which they began
		if spell.hides != "services" {
			continue
		}
		if since.IsZero() || until.Add(reconnects).Before(spell.from) {
			since = spell.from
		}
		until = spell.until
	}
	if since.IsZero() || !until.IsZero() && time.Since(until) > reconnects {
		return false
	}
	return f.looked.After(since) || time.Since(since) > patience || expose.Read(s) == nil
}

// refresh reads the Services, notes what they publish, and finishes the deletion of those that nobody holds any more.
func (f *farm) refresh() {
	clear(f.services)
	now := map[pair]bool{}
	for n := range most {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("exp-%d", n)}}
		if f.api.Get(s) != nil {
			continue
		}
		if s.DeletionTimestamp != nil && len(s.Finalizers) == 0 {
			f.must(f.api.Delete(s))
			f.count("exposed Services gone")
			continue
		}
		f.services["service/shop/"+s.Name] = s
		for _, a := range published(s) {
			p := pair{string(s.UID), a}
			now[p] = true
			f.left[p] = time.Time{}
		}
	}
	for p, at := range f.left {
		switch {
		case at.IsZero() && !now[p]:
			f.left[p] = time.Now()
		case !at.IsZero() && time.Since(at) > time.Hour:
			delete(f.left, p)
			delete(f.answers, p)
			delete(f.excused, p)
		}
	}
}

func published(s *corev1.Service) []string {
	return slices.DeleteFunc(strings.Split(s.Annotations[expose.PublishedAnnotation], ","), func(a string) bool { return a == "" })
}

func ttlOf(s *corev1.Service) time.Duration {
	for _, prefix := range []string{"signpost.dev/", "external-ips.alpha.openfresh.github.io/"} {
		if n, err := strconv.Atoi(s.Annotations[prefix+"ttl"]); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	return 0
}

// groups are the security groups of Signpost.
func (f *farm) groups() []emulator.SecurityGroup {
	return slices.DeleteFunc(f.cloud.SecurityGroups(), func(g emulator.SecurityGroup) bool { return g.Tags["signpost.dev/cluster"] != cluster })
}

// closed returns why nothing comes through to a Service at an address, "" if it does, or if the instance is no more.
func (f *farm) closed(groups []emulator.SecurityGroup, s *corev1.Service, address string) string {
	i, ok := f.cloud.Instance(f.at[address])
	if !ok || i.PublicIP.String() != address {
		return ""
	}
	port := s.Spec.Ports[0].Port
	why := "its node is in no security group of ours"
	for _, g := range groups {
		if !slices.Contains(i.Groups, g.ID) {
			continue
		}
		why = ""
		for _, source := range []string{"0.0.0.0/0", "::/0"} {
			if !slices.ContainsFunc(g.Rules, func(r emulator.Rule) bool { return r.From == int(port) && r.Source.String() == source }) {
				why = fmt.Sprintf("port %d is not open from %s", port, source)
			}
		}
		if why == "" {
			break
		}
	}
	return why
}

// judgeNames judges that names lead only to nodes that are open: each address that a Service publishes, or published until a TTL ago,
// and that resolvers may have from a zone. w.mu is held.
//
// It may be closed within 10 minutes after people changed the firewall or a port, while the API server says that there are no
// Services as far as a process may have forgotten them, and where replicas act side by side since leases are denied them; and from then on until it
// is seen open again. A Service that is deleted is closed at once, an instance that is gone cannot be. An address that a Service ceased to publish a TTL ago is not waited for, though
// it may still stand in a zone that could not be written.
func (f *farm) judgeNames() {
	f.refresh()
	groups := f.groups()
	excuse := time.Since(f.tampered) < mends || f.contended && time.Now().Before(f.severally())
	for resource, s := range f.services {
		if s.DeletionTimestamp != nil {
			continue
		}
		standing := f.standing(s)
		for p, left := range f.left {
			if p.uid != string(s.UID) {
				continue
			}
			if standing[p.address] {
				f.count("names on nodes")
				f.answers[p] = time.Now().Add(ttlOf(s))
			}
			why := f.closed(groups, s, p.address)
			switch {
			case why == "":
				delete(f.excused, p)
			case excuse || f.forgotten(s):
				f.excused[p] = true
			case f.excused[p]:
			case time.Now().Before(f.answers[p]) && (left.IsZero() || time.Since(left) < ttlOf(s)):
				f.fail("names of %s may lead to %s, and %s", resource, p.address, why)
			}
		}
	}
}

// standing are the addresses in our record sets for a Service.
func (f *farm) standing(s *corev1.Service) map[string]bool {
	all := map[string]bool{}
	for _, z := range f.zones {
		k := key{exposedHost(s.Name) + ".", "A", ""}
		set, ok := z.now()[k]
		if of, resource := z.ownerOf(z.now(), k); ok && of == owner && resource == "service/shop/"+s.Name {
			for _, v := range set.Values {
				all[v] = true
			}
		}
	}
	return all
}

// ask adds what the Services of the farm ask for to what others do.
func (f *farm) ask(asked map[place][]*object) {
	f.refresh()
	for _, s := range f.services {
		o := &object{namespace: s.Namespace, name: s.Name, hosts: []string{exposedHost(s.Name)}, ttl: int(ttlOf(s) / time.Second),
			wish: wish{v4: published(s)}}
		if _, noted := s.Annotations[expose.PublishedAnnotation]; !noted {
			continue
		}
		for _, z := range f.zonesOf(o.hosts[0]) {
			if p := (place{z.id, listed(o.hosts[0])}); len(o.sets(z, p.name)) > 0 {
				asked[p] = append(asked[p], o)
			}
		}
	}
}

// wants reports whether a Service publishes something at a name.
func (f *farm) wants(name string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(f.services)), func(s *corev1.Service) bool {
		return listed(exposedHost(s.Name)) == name && len(published(s)) > 0
	})
}

// judgement compares what is open with what is asked for, once all trouble has ended: no port is open, and no instance in a group,
// without a Service that asks for it there; a Service that can be on a node is; what was deleted or withdrawn is closed.
func (f *farm) judgement() []string {
	f.refresh()
	var wrong []string
	broken := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	groups := f.groups()
	rules, members, taken := map[string]bool{}, map[string]bool{}, map[string]bool{}
	older := slices.SortedFunc(maps.Values(f.services), func(a, b *corev1.Service) int {
		if c := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, s := range older {
		at := published(s)
		switch {
		case s.DeletionTimestamp != nil:
			broken("%s is not gone", s.Name)
			continue
		case expose.Read(s) == nil:
			if len(at)+len(s.Spec.ExternalIPs)+len(s.Finalizers) > 0 || s.Annotations["signpost.dev/nodes"] != "" {
				broken("%s asks for nothing, and has %v, %v, %v", s.Name, at, s.Spec.ExternalIPs, s.Annotations)
			}
			continue
		}
		if why := f.placed(s, at, taken); why != "" {
			broken("%s is on %v: %s", s.Name, at, why)
		}
		for _, a := range at {
			if why := f.closed(groups, s, a); why != "" {
				broken("%s publishes %s, and %s", s.Name, a, why)
			}
			taken[fmt.Sprint(a, s.Spec.Ports[0].Port)], members[f.at[a]] = true, true
			for _, source := range []string{"0.0.0.0/0", "::/0"} {
				rules[fmt.Sprintf("%d from %s", s.Spec.Ports[0].Port, source)] = true
			}
		}
	}
	for _, g := range groups {
		for _, r := range g.Rules {
			if port := fmt.Sprintf("%d from %s", r.From, r.Source); !rules[port] {
				broken("port %s is open, and no Service asks for it", port)
			}
		}
		for node := range f.nodes {
			if i, ok := f.cloud.Instance(instanceOf(node)); ok && slices.Contains(i.Groups, g.ID) && !members[i.ID] {
				broken("%s is in a security group, and no Service is on it", i.ID)
			}
		}
	}
	return wrong
}

// placed returns why a Service that asks is not on as many fit nodes as it can be. Where none is fit it stays where it is.
func (f *farm) placed(s *corev1.Service, at []string, taken map[string]bool) string {
	var fit []string
	for name, address := range f.nodes {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		f.must(f.api.Get(n))
		if n.Status.Conditions[0].Status == corev1.ConditionTrue && !n.Spec.Unschedulable && !taken[fmt.Sprint(address, s.Spec.Ports[0].Port)] {
			fit = append(fit, address)
		}
	}
	limit, err := strconv.Atoi(s.Annotations["external-ips.alpha.openfresh.github.io/maxips"] + s.Annotations["signpost.dev/maxips"])
	f.must(err)
	want := len(fit)
	if limit > 0 {
		want = min(limit, want)
	}
	switch {
	case want > 0 && len(at) != want:
		return fmt.Sprintf("%v are fit, and it may have %d", fit, limit)
	case want > 0 && slices.ContainsFunc(at, func(a string) bool { return !slices.Contains(fit, a) }):
		return fmt.Sprintf("only %v are fit", fit)
	}
	return ""
}
