package expose_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/expose"
)

func publishedBy(s *corev1.Service) []string {
	return slices.DeleteFunc(strings.Split(s.Annotations[expose.PublishedAnnotation], ","), func(a string) bool { return a == "" })
}

// closed returns why nothing comes through to a Service at an address, "" if it does. An instance that is gone is nobody's
// fault.
func (w *simulated) closed(s *corev1.Service, addr string) string {
	i, ok := w.aws.Instance(instanceOf(int(addr[len(addr)-1] - '0')))
	g := w.group()
	if !ok {
		return ""
	}
	if g.ID == "" || !slices.Contains(i.Groups, g.ID) {
		return "its node is not in the group"
	}
	for _, source := range []string{"0.0.0.0/0", "::/0"} {
		if !slices.ContainsFunc(g.Rules, func(r emulator.Rule) bool { return r.From == int(s.Spec.Ports[0].Port) && r.Source.String() == source }) {
			return fmt.Sprintf("port %d is not open from %s", s.Spec.Ports[0].Port, source)
		}
	}
	return ""
}

// wroteService looks at what is published after each write: what is new must be open.
func (w *simulated) wroteService(r *http.Request) {
	if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/services/") {
		return
	}
	for _, s := range w.services() {
		id := string(s.UID)
		w.mu.Lock()
		known := maps.Clone(w.shown[id])
		handMade := time.Since(w.tampered) < 10*time.Minute
		w.mu.Unlock()
		now := map[string]time.Time{}
		for _, addr := range publishedBy(s) {
			now[addr] = time.Time{} // as long as it is published
			if until, ok := known[addr]; ok && until.IsZero() || handMade {
				continue
			}
			if why := w.closed(s, addr); why != "" {
				w.fail("%s publishes %s, and %s", s.Name, addr, why)
			}
		}
		for addr, until := range known {
			if _, still := now[addr]; still {
				continue
			}
			if until.IsZero() {
				until = time.Now().Add(ttlOf(s))
			}
			if time.Now().Before(until) {
				now[addr] = until
			}
		}
		w.mu.Lock()
		w.shown[id] = now
		w.mu.Unlock()
	}
	w.reap()
}

func ttlOf(s *corev1.Service) time.Duration {
	for _, prefix := range []string{compat, "signpost.dev/"} {
		if n, err := strconv.Atoi(s.Annotations[prefix+"ttl"]); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	return 0
}

// changedFirewall looks at what the world remembers after each change of the firewall: it must still be open, unless
// somebody has just changed what the Service asks for, or the firewall.
func (w *simulated) changedFirewall(*http.Request) {
	for _, s := range w.services() {
		w.mu.Lock()
		known := maps.Clone(w.shown[string(s.UID)])
		skip := time.Since(w.tampered) < 10*time.Minute || time.Since(w.altered[string(s.UID)]) < 10*time.Minute
		w.mu.Unlock()
		if s.DeletionTimestamp != nil || skip {
			continue
		}
		for addr, until := range known {
			if why := w.closed(s, addr); why != "" && (until.IsZero() || time.Now().Before(until)) {
				w.fail("names of %s may lead to %s, and %s", s.Name, addr, why)
			}
		}
	}
}

// judge compares what stands with what is asked for.
func (w *simulated) judge() {
	rules, members := map[string]bool{}, map[string]bool{}
	taken := map[string]bool{}
	for _, s := range w.services() {
		asked := expose.Read(s) != nil
		port := s.Spec.Ports[0].Port
		switch published := publishedBy(s); {
		case s.DeletionTimestamp != nil:
			w.fail("%s is not gone", s.Name)
		case !asked && (len(published)+len(s.Spec.ExternalIPs)+len(s.Finalizers) > 0 || s.Annotations["signpost.dev/nodes"] != ""):
			w.fail("%s asks for nothing, and has %v, %v, %v", s.Name, published, s.Spec.ExternalIPs, s.Finalizers)
		case asked:
			w.judgeOne(s, published, taken)
			for _, addr := range published {
				taken[fmt.Sprint(addr, port)] = true
				members["i-"+addr[len(addr)-1:]] = true
				rules[fmt.Sprintf("%d 0.0.0.0/0", port)], rules[fmt.Sprintf("%d ::/0", port)] = true, true
			}
		}
	}
	g := w.group()
	for _, r := range g.Rules {
		if at := fmt.Sprintf("%d %s", r.From, r.Source); !rules[at] {
			w.fail("%s is open, and nobody asks for it", at)
		}
	}
	for n := range 5 {
		if i, ok := w.aws.Instance(instanceOf(n)); ok && g.ID != "" && slices.Contains(i.Groups, g.ID) && !members[i.ID] {
			w.fail("%s is in the group, and no Service is on it", i.ID)
		}
	}
	if len(rules) == 0 && g.ID != "" {
		w.fail("the group is left")
	}
}

// judgeOne checks a Service that asks: it is on nodes that are fit, if there are such, and open there. A node stays its
// own where none is fit.
func (w *simulated) judgeOne(s *corev1.Service, published []string, taken map[string]bool) {
	var fit []string
	for n := range 4 {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", n)}}
		addr := fmt.Sprintf("54.1.1.%d", n)
		if w.api.Get(node) == nil && node.Status.Conditions[0].Status == corev1.ConditionTrue && !node.Spec.Unschedulable &&
			!taken[fmt.Sprint(addr, s.Spec.Ports[0].Port)] {
			fit = append(fit, addr)
		}
	}
	for _, addr := range published {
		if why := w.closed(s, addr); why != "" {
			w.fail("in the end %s publishes %s, and %s", s.Name, addr, why)
		}
		if len(fit) > 0 && !slices.Contains(fit, addr) {
			w.fail("%s is on %s, which is not fit; %v are", s.Name, addr, fit)
		}
	}
	limit, err := strconv.Atoi(s.Annotations[compat+"maxips"] + s.Annotations["signpost.dev/maxips"])
	w.try(err)
	want := len(fit)
	if limit > 0 {
		want = min(limit, want)
	}
	// With the policy Local, and no endpoint anywhere, those stay that serve.
	if local := s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal; want > 0 && len(published) != want && (!local || len(published) == 0) {
		w.fail("%s is on %v; %v are fit, and it may have %d", s.Name, published, fit, limit)
	}
}
