package expose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// readMembers reads what a Service notes.
func readMembers(s *corev1.Service) ([]Member, error) {
	text, ok := s.Annotations[membersAnnotation]
	if !ok {
		return nil, nil
	}
	var out []Member
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("%s: annotation %s cannot be read; take it away, and the Service is exposed anew: %w", nameOf(s), membersAnnotation, err)
	}
	return out, nil
}

// prepare puts the finalizer on Services before anything is opened for them.
func (c *Controller) prepare(ctx context.Context, w *world, choices map[string]Choice) error {
	for name, s := range w.services {
		if s.DeletionTimestamp != nil || len(choices[name].Members) == 0 || slices.Contains(s.Finalizers, finalizer) {
			continue
		}
		next := s.DeepCopy()
		next.Finalizers = append(next.Finalizers, finalizer)
		if err := c.update(ctx, w, name, next); err != nil {
			return err
		}
	}
	return nil
}

// update writes an object, as it was read.
func (c *Controller) update(ctx context.Context, w *world, name string, next *corev1.Service) error {
	if err := c.May(); err != nil {
		return err
	}
	written, err := c.Client.CoreV1().Services(next.Namespace).Update(ctx, next, metav1.UpdateOptions{FieldManager: "signpost"})
	if apierrors.IsNotFound(err) && next.DeletionTimestamp != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("update %s: %w", name, err)
	}
	w.services[name] = written
	return nil
}

// write makes a Service hold its members: first the addresses at which it takes traffic, then what names point at.
func (c *Controller) write(ctx context.Context, w *world, name string, k Known, members []Member) (wrote bool, err error) {
	s := w.services[name]
	if next, changed := withStatus(s, k, members); changed {
		if err := c.May(); err != nil {
			return false, err
		}
		written, err := c.Client.CoreV1().Services(s.Namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{FieldManager: "signpost"})
		if err != nil {
			return false, fmt.Errorf("update the status of %s: %w", name, err)
		}
		w.services[name], s, wrote = written, written, true
	}
	next := s.DeepCopy()
	w.note(next, k, members)
	if equality.Semantic.DeepEqual(s, next) {
		return wrote, nil
	}
	return true, c.update(ctx, w, name, next)
}

// withStatus returns the Service with the addresses in its status, if it learns of them there.
func withStatus(s *corev1.Service, k Known, members []Member) (*corev1.Service, bool) {
	if k.Ask == nil || k.Ask.Mode != LoadBalancer {
		return nil, false
	}
	var ingress []corev1.LoadBalancerIngress
	mode := corev1.LoadBalancerIPModeVIP
	for _, a := range Addresses(members) {
		ingress = append(ingress, corev1.LoadBalancerIngress{IP: a.String(), IPMode: &mode})
	}
	if equality.Semantic.DeepEqual(s.Status.LoadBalancer.Ingress, ingress) {
		return nil, false
	}
	next := s.DeepCopy()
	next.Status.LoadBalancer.Ingress = ingress
	return next, true
}

// note writes annotations and spec.externalIPs.
func (w *world) note(s *corev1.Service, k Known, members []Member) {
	if k.Ask == nil && len(members) == 0 && s.DeletionTimestamp == nil {
		delete(s.Annotations, PublishedAnnotation)
	} else if !k.Deleted {
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		s.Annotations[PublishedAnnotation] = texts(Published(members))
	} else {
		delete(s.Annotations, PublishedAnnotation)
	}
	if len(members) == 0 {
		delete(s.Annotations, membersAnnotation)
	} else {
		b, _ := json.Marshal(members) // such values always can be
		s.Annotations[membersAnnotation] = string(b)
	}
	compatible := k.Ask != nil && k.Ask.Mode == ExternalIPs
	if compatible || k.Ask == nil {
		s.Spec.ExternalIPs = w.externalIPs(s, k, members, compatible)
	}
}

// externalIPs keeps what is not ours: what is no address of a node, and once we have members, of a former one.
func (w *world) externalIPs(s *corev1.Service, k Known, members []Member, compatible bool) []string {
	var out []string
	if compatible {
		for _, a := range Addresses(members) {
			out = append(out, a.String())
		}
	}
	var ours []netip.Addr
	ours = append(ours, Addresses(k.Members)...)
	if compatible && len(k.Members) == 0 { // external-ips wrote addresses of nodes, and left no note
		for _, n := range w.nodes {
			ours = append(ours, n.Internal...)
		}
	}
	for _, text := range s.Spec.ExternalIPs {
		a, err := netip.ParseAddr(text)
		if err == nil && slices.Contains(ours, a) || slices.Contains(out, text) {
			continue
		}
		out = append(out, text)
	}
	return out
}

func texts(addrs []netip.Addr) string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = a.String()
	}
	return strings.Join(out, ",")
}

// release takes the finalizer off Services that ask for nothing and for which nothing is open any more.
func (c *Controller) release(ctx context.Context, w *world, known map[string]Known, after map[string][]Member) error {
	for name, k := range known {
		s := w.services[name]
		i := slices.Index(s.Finalizers, finalizer)
		if i < 0 || k.Ask != nil || len(after[name]) > 0 {
			continue
		}
		next := s.DeepCopy()
		next.Finalizers = slices.Delete(next.Finalizers, i, i+1)
		if err := c.update(ctx, w, name, next); err != nil {
			return err
		}
	}
	return nil
}
