package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Options are the flags that say which objects are read, and what of them. The
// names, types and meanings are ExternalDNS's. The zero value reads every
// object, under both annotation prefixes.
type Options struct {
	AnnotationFilter       string   `name:"annotation-filter" group:"sources" placeholder:"SELECTOR" help:"Read only objects whose annotations match this selector (the syntax of label selectors, full keys)."`
	AnnotationPrefix       string   `name:"annotation-prefix" group:"sources" placeholder:"PREFIX/" full:"leave it out for both external-dns.kubernetes.io/ and external-dns.alpha.kubernetes.io/" help:"Read annotations under this prefix only. Without it both external-dns.kubernetes.io/ and external-dns.alpha.kubernetes.io/ are read; where they differ the former wins."`
	LabelFilter            string   `name:"label-filter" group:"sources" placeholder:"SELECTOR" help:"Read only objects whose labels match this selector."`
	IngressClass           []string `name:"ingress-class" group:"sources" sep:"none" placeholder:"CLASS" help:"Read only Ingresses of this class: spec.ingressClassName, or where that is empty the annotation kubernetes.io/ingress.class. Repeatable."`
	IgnoreIngressTLSSpec   bool     `name:"ignore-ingress-tls-spec" group:"sources" negatable:"" help:"Take no names from spec.tls of Ingresses."`
	IgnoreIngressRulesSpec bool     `name:"ignore-ingress-rules-spec" group:"sources" negatable:"" help:"Take no names from spec.rules of Ingresses."`
	PublishInternal        bool     `name:"publish-internal-services" group:"sources" negatable:"" help:"Point the hostname annotation of ClusterIP Services to their cluster IP."`
	ServiceTypeFilter      []string `name:"service-type-filter" group:"sources" sep:"none" placeholder:"TYPE" help:"Read only Services of this type: ClusterIP, NodePort, LoadBalancer or ExternalName. Repeatable; an empty value lifts the filter."`
}

// New returns a Deriver for the options. The error joins one for each value
// that cannot be meant, each with its remedy.
func New(o Options) (*Deriver, error) {
	var errs []error
	selector := func(flag, text string) labels.Selector {
		s, err := labels.Parse(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s=%s: %w; write it like a kubectl label selector, for example team=web,env!=test", flag, text, err))
			return labels.Nothing()
		}
		return s
	}
	prefixes, err := prefixes(o.AnnotationPrefix)
	errs = append(errs, err)
	types, err := serviceTypes(o.ServiceTypeFilter)
	errs = append(errs, err)
	d := &Deriver{
		prefixes:        prefixes,
		labels:          selector("label-filter", o.LabelFilter),
		annotations:     selector("annotation-filter", o.AnnotationFilter),
		types:           types,
		classes:         slices.Clone(o.IngressClass),
		ignoreTLS:       o.IgnoreIngressTLSSpec,
		ignoreRules:     o.IgnoreIngressRulesSpec,
		publishInternal: o.PublishInternal,
	}
	if len(d.classes) > 0 && selects(d.annotations, classAnnotation) {
		errs = append(errs, fmt.Errorf("--ingress-class and --annotation-filter on %s exclude each other: keep --ingress-class, it reads that annotation too",
			classAnnotation))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return d, nil
}

// prefixes returns the annotation prefixes to read, the winning one first.
func prefixes(given string) ([]string, error) {
	if given == "" {
		return []string{newPrefix, oldPrefix}, nil
	}
	if !strings.HasSuffix(given, "/") || given == "/" {
		return nil, fmt.Errorf("--annotation-prefix=%s: a prefix is a domain with a slash at its end, for example %s", given, newPrefix)
	}
	return []string{given}, nil
}

// serviceTypes returns the types to read, nil for all.
func serviceTypes(given []string) ([]corev1.ServiceType, error) {
	all := []corev1.ServiceType{corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort,
		corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName}
	var types []corev1.ServiceType
	for _, t := range given {
		if t != "" && !slices.Contains(all, corev1.ServiceType(t)) {
			return nil, fmt.Errorf("--service-type-filter=%s: no such Service type; choose from ClusterIP, NodePort, LoadBalancer, ExternalName (one a flag, case matters)", t)
		}
		types = append(types, corev1.ServiceType(t))
	}
	if slices.Contains(types, "") {
		return nil, nil
	}
	return types, nil
}

func selects(s labels.Selector, key string) bool {
	requirements, _ := s.Requirements()
	return slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return r.Key() == key })
}
