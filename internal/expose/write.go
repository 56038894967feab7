package expose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// readMembers reads what a Service notes; false if it notes nothing that can be read.
func readMembers(s *corev1.Service) (out []Member, ok bool) {
	text, noted := s.Annotations[membersAnnotation]
	return out, noted && json.Unmarshal([]byte(text), &out) == nil
}

// writeWithin is how long the API server may take for a write: what it notes, that nodes are let go at a certain time, must
// not come late. It is part of [slack].
const writeWithin = 10 * time.Second

// update writes an object, as it was read.
func (p *pass) update(ctx context.Context, name string, next *corev1.Service) error {
	if err := p.May(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	written, err := p.Client.CoreV1().Services(next.Namespace).Update(ctx, next, metav1.UpdateOptions{FieldManager: "signpost"})
	if apierrors.IsNotFound(err) && next.DeletionTimestamp != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("update %s: %w", name, err)
	}
	p.services[name] = written
	return nil
}

// write makes a Service hold its members: first the addresses at which it takes traffic, then what names point at.
func (p *pass) write(ctx context.Context, name string, members []Member) (wrote bool, err error) {
	s, k := p.services[name], p.known[name]
	if next, changed := withStatus(s, k, members); changed {
		if err := p.May(); err != nil {
			return false, err
		}
		within, cancel := context.WithTimeout(ctx, writeWithin)
		defer cancel()
		written, err := p.Client.CoreV1().Services(s.Namespace).UpdateStatus(within, next, metav1.UpdateOptions{FieldManager: "signpost"})
		if err != nil {
			return false, fmt.Errorf("update the status of %s: %w", name, err)
		}
		p.services[name], s, wrote = written, written, true
	}
	next := s.DeepCopy()
	members = leaveNow(time.Now(), k, members)
	note(next, k, members)
	if equality.Semantic.DeepEqual(s, next) {
		return wrote, nil
	}
	return true, p.update(ctx, name, next)
}

// leaveNow counts the time of those that leave with this write from now on: what was decided may have waited for EC2.
func leaveNow(now time.Time, k standing, members []Member) []Member {
	out := slices.Clone(members)
	for i, m := range out {
		if m.State == Leaving && slices.ContainsFunc(k.Members, func(old Member) bool { return old.Node == m.Node && old.State == Serving }) {
			out[i].Until = now.Add(k.TTL + slack)
		}
	}
	return out
}

// withStatus returns the Service with the addresses in its status, if it learns of them there.
func withStatus(s *corev1.Service, k standing, members []Member) (*corev1.Service, bool) {
	if k.Ask == nil || k.Ask.Mode != LoadBalancer {
		return nil, false
	}
	var ingress []corev1.LoadBalancerIngress
	mode := corev1.LoadBalancerIPModeVIP
	for _, a := range addresses(members) {
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
func note(s *corev1.Service, k standing, members []Member) {
	if k.Ask == nil && len(members) == 0 && s.DeletionTimestamp == nil {
		delete(s.Annotations, PublishedAnnotation)
	} else if !k.Deleted {
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		s.Annotations[PublishedAnnotation] = texts(published(members))
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
		s.Spec.ExternalIPs = externalIPs(s, k, members, compatible)
	}
}

// externalIPs keeps what is not ours: what is no address of a member, now or before.
func externalIPs(s *corev1.Service, k standing, members []Member, compatible bool) []string {
	var out []string
	if compatible {
		for _, a := range addresses(members) {
			out = append(out, a.String())
		}
	}
	ours := addresses(k.Members)
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

// release takes the finalizer off a Service that asks for nothing and for which nothing is open any more, and that it was ours.
func (p *pass) release(ctx context.Context, name string) error {
	s := p.services[name]
	if !slices.Contains(s.Finalizers, finalizer) || p.known[name].Ask != nil || len(p.after[name]) > 0 {
		return nil
	}
	next := s.DeepCopy()
	next.Finalizers = slices.DeleteFunc(next.Finalizers, func(f string) bool { return f == finalizer })
	delete(next.Annotations, ownerAnnotation)
	return p.update(ctx, name, next)
}
