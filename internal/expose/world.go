package expose

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/signpost-dns/signpost/internal/plan"
)

// world is what is known of the cluster.
type world struct {
	owner     string                     // of what this deployment notes; "": nobody tells deployments apart
	services  map[string]*corev1.Service // by "service/namespace/name"; those that ask, or note something of ours
	others    map[string]*corev1.Service // those that another deployment exposes, or that are left to one
	absent    map[string]*served         // those that were served and have vanished
	nodes     []node                     // the oldest first
	endpoints map[string]map[string]bool // by Service that cares where they are: names of nodes with a ready one
	onEC2     bool
	takes     func(*corev1.Service) bool
	leastTTL  time.Duration
	prefixes  []string
}

func (c *Controller) newWorld(services []*corev1.Service, nodes []*corev1.Node, endpoints []*discoveryv1.EndpointSlice) *world {
	w := &world{owner: c.Owner, services: map[string]*corev1.Service{}, others: map[string]*corev1.Service{}, endpoints: map[string]map[string]bool{},
		absent: c.missing(services), takes: c.Takes, leastTTL: c.LeastTTL, prefixes: c.Prefixes}
	w.onEC2 = slices.ContainsFunc(nodes, func(n *corev1.Node) bool { return instanceID(n.Spec.ProviderID) != "" })
	if c.OnEC2 != nil {
		w.onEC2 = *c.OnEC2
	}
	for _, n := range nodes {
		w.nodes = append(w.nodes, readNode(n, w.onEC2))
	}
	slices.SortFunc(w.nodes, older)
	for _, s := range services {
		switch {
		case w.concerns(s):
			w.services[nameOf(s)] = s
		case w.foreign(s), Read(s) != nil:
			w.others[nameOf(s)] = s
		}
		if ask := w.ask(s); ask != nil && ask.Local {
			w.endpoints[nameOf(s)] = map[string]bool{}
		}
	}
	for _, slice := range endpoints {
		on, ok := w.endpoints["service/"+slice.Namespace+"/"+slice.Labels[discoveryv1.LabelServiceName]]
		for _, e := range slice.Endpoints {
			if ok && e.NodeName != nil && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				on[*e.NodeName] = true
			}
		}
	}
	return w
}

// concerns reports whether a Service asks for something, or something of ours may be open for it.
func (w *world) concerns(s *corev1.Service) bool {
	return !w.foreign(s) && (w.ask(s) != nil || noted(s))
}

// noted reports whether something may be open for a Service.
func noted(s *corev1.Service) bool {
	_, ok := s.Annotations[membersAnnotation]
	return ok || slices.Contains(s.Finalizers, finalizer)
}

// foreign reports whether another deployment exposes a Service, by what that has noted. What names no deployment counts as
// ours: notes were once without.
func (w *world) foreign(s *corev1.Service) bool {
	by := s.Annotations[ownerAnnotation]
	return by != "" && by != w.owner && noted(s)
}

// like reports whether a pass would find nothing in one world that it does not find in the other. A Service counts as
// another after any change, for it has few.
func (w *world) like(other *world) bool {
	return w.onEC2 == other.onEC2 && maps.Equal(w.services, other.services) && maps.Equal(w.others, other.others) && len(w.absent) == len(other.absent) &&
		reflect.DeepEqual(w.nodes, other.nodes) && reflect.DeepEqual(w.endpoints, other.endpoints)
}

func nameOf(s *corev1.Service) string { return "service/" + s.Namespace + "/" + s.Name }

// ask returns what a Service asks of this program, nil for nothing.
func (w *world) ask(s *corev1.Service) *Ask {
	if w.takes != nil && !w.takes(s) {
		return nil
	}
	return Read(s)
}

// known reads what the Services ask for and note. Those of other deployments only take ports.
func (w *world) known() map[string]standing {
	out := map[string]standing{}
	for name, s := range w.others {
		if members, ok := readMembers(s); ok && w.foreign(s) {
			out[name] = standing{Ask: w.left(s), Members: w.credible(s, members), Foreign: true}
		}
	}
	for name, s := range w.services {
		out[name] = standing{Ask: w.ask(s), Members: w.members(s), Deleted: s.DeletionTimestamp != nil,
			TTL: remembered(s, w.leastTTL, w.prefixes), Endpoints: w.endpoints[name]}
	}
	return out
}

// left returns what another deployment's Service lets in, with the problem that it is another's if it would be ours.
func (w *world) left(s *corev1.Service) *Ask {
	a := lets(s)
	a.Problems = nil
	if w.ask(s) != nil {
		a.problem(plan.ExposedByOther, "the deployment %s exposes it, and this one, %s, leaves it as it is; if that one is gone for good, take it over: "+
			"kubectl annotate --overwrite --namespace=%s service/%s %s=%s",
			s.Annotations[ownerAnnotation], w.owner, s.Namespace, s.Name, ownerAnnotation, w.owner)
	}
	return a
}

// members returns what a Service notes. One that notes nothing legible is on those nodes that its addresses say, as
// external-ips left it: they stay if they are fit, and names that still lead there are waited for.
func (w *world) members(s *corev1.Service) []Member {
	members, ok := readMembers(s)
	ask := w.ask(s)
	if ok {
		return w.credible(s, members)
	}
	if ask == nil {
		return nil
	}
	at := reachedAt(s, ask.Mode)
	var out []Member
	for _, n := range w.nodes {
		if slices.ContainsFunc(n.Internal, func(a netip.Addr) bool { return slices.Contains(at, a.String()) }) {
			out = append(out, Member{Node: n.Name, Instance: n.Instance, Internal: n.Internal, Public: n.Public, State: Serving, guessed: true})
		}
	}
	return out
}

// reachedAt returns where a Service takes traffic besides its cluster IP.
func reachedAt(s *corev1.Service, mode Mode) []string {
	if mode != LoadBalancer {
		return s.Spec.ExternalIPs
	}
	var at []string
	for _, i := range s.Status.LoadBalancer.Ingress {
		at = append(at, i.IP)
	}
	return at
}

// credible leaves out addresses that are no node's and at which the Service is not yet. Whoever may edit a Service may
// edit its note, and need not be permitted to have packets for any address sent to it.
func (w *world) credible(s *corev1.Service, members []Member) []Member {
	at := slices.Concat(reachedAt(s, ExternalIPs), reachedAt(s, LoadBalancer))
	var out []Member
	for _, m := range members {
		m.Internal = slices.DeleteFunc(m.Internal, func(a netip.Addr) bool {
			return !slices.Contains(at, a.String()) && !slices.ContainsFunc(w.nodes, func(n node) bool {
				return n.Name == m.Node && slices.Contains(n.Internal, a)
			})
		})
		if len(m.Internal) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// want is what the firewall must let in for these members of the Services.
func (w *world) want(members map[string][]Member) Want {
	var want Want
	for name, s := range w.services {
		want.Add(lets(s), members[name])
	}
	for _, s := range w.absent {
		s.addTo(&want)
	}
	want.Others = slices.Sorted(maps.Keys(w.others))
	for _, n := range w.nodes {
		if n.Instance != "" {
			want.Cluster = append(want.Cluster, n.Instance)
		}
	}
	want.sort()
	return want
}
