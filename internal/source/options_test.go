package source_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/source"
)

func TestOptionsFlags(t *testing.T) {
	got := options(t, "--annotation-filter=a=b", "--annotation-prefix=dns.example.com/", "--label-filter=c",
		"--ingress-class=a,b", "--ingress-class=c", "--ignore-ingress-tls-spec", "--ignore-ingress-rules-spec",
		"--no-ignore-ingress-rules-spec", "--publish-internal-services", "--service-type-filter=NodePort")
	want := source.Options{
		AnnotationFilter: "a=b", AnnotationPrefix: "dns.example.com/", LabelFilter: "c",
		IngressClass: []string{"a,b", "c"}, IgnoreIngressTLSSpec: true, PublishInternal: true,
		ServiceTypeFilter: []string{"NodePort"}, ExcludeUnschedulable: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(source.Options{ExcludeUnschedulable: true}, options(t)); diff != "" {
		t.Errorf("without flags (-want +got):\n%s", diff)
	}
}

func TestOptionsValidate(t *testing.T) {
	tests := []struct {
		name string
		give source.Options
		want []string // parts of the error; none: valid
	}{
		{name: "zero"},
		{name: "all types", give: source.Options{ServiceTypeFilter: []string{"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}}},
		{name: "empty type", give: source.Options{ServiceTypeFilter: []string{""}}},
		{name: "selectors", give: source.Options{AnnotationFilter: "!a,b in (c,d)", LabelFilter: "e!=f,g notin (h)"}},
		{name: "class and another filter", give: source.Options{IngressClass: []string{"nginx"}, AnnotationFilter: "team=web"}},
		{name: "unknown type", give: source.Options{ServiceTypeFilter: []string{"loadbalancer"}},
			want: []string{"--service-type-filter=loadbalancer", "choose from ClusterIP, NodePort, LoadBalancer and ExternalName"}},
		{name: "types in one flag", give: source.Options{ServiceTypeFilter: []string{"ClusterIP,NodePort"}},
			want: []string{"--service-type-filter=ClusterIP,NodePort", "one a flag"}},
		{name: "label selector", give: source.Options{LabelFilter: "a=="}, want: nil},
		{name: "bad label selector", give: source.Options{LabelFilter: "a in"}, want: []string{"--label-filter=a in", "team=web"}},
		{name: "bad annotation selector", give: source.Options{AnnotationFilter: "a=b/c"}, want: []string{"--annotation-filter=a=b/c", "team=web"}},
		{name: "prefix without slash", give: source.Options{AnnotationPrefix: "dns.example.com"},
			want: []string{"--annotation-prefix=dns.example.com", "slash", "external-dns.kubernetes.io/"}},
		{name: "prefix of nothing", give: source.Options{AnnotationPrefix: "/"}, want: []string{"--annotation-prefix=/"}},
		{name: "class twice", give: source.Options{IngressClass: []string{"nginx"}, AnnotationFilter: "kubernetes.io/ingress.class=nginx"},
			want: []string{"--ingress-class", "kubernetes.io/ingress.class", "keep --ingress-class"}},
		{name: "an address as a network", give: source.Options{TargetNetFilter: []string{"192.0.2.1"}},
			want: []string{"--target-net-filter=192.0.2.1", "is no network", "192.0.2.0/24"}},
		{name: "networks in one flag", give: source.Options{ExcludeTargetNets: []string{"192.0.2.0/24,10.0.0.0/8"}},
			want: []string{"--exclude-target-net=192.0.2.0/24,10.0.0.0/8", "one a flag"}},
		{name: "networks", give: source.Options{TargetNetFilter: []string{"192.0.2.1/24", "2001:db8::/32"}, NAT64Networks: []string{"64:ff9b::/96"}}},
		{name: "NAT64 of another size", give: source.Options{NAT64Networks: []string{"64:ff9b::/64"}}, want: []string{"--nat64-networks", "96 bits"}},
		{name: "NAT64 of IPv4", give: source.Options{NAT64Networks: []string{"192.0.2.0/24"}}, want: []string{"--nat64-networks", "IPv6"}},
		{name: "TTL below zero", give: source.Options{MinTTL: -time.Second}, want: []string{"--min-ttl=-1s", "not negative"}},
		{name: "TTL too large", give: source.Options{MinTTL: 1 << 31 * time.Second}, want: []string{"--min-ttl", "at most 2147483647"}},
		{name: "bad default target", give: source.Options{DefaultTargets: []string{"http://x"}}, want: []string{"--default-targets=http://x"}},
		{name: "forced without defaults", give: source.Options{ForceDefaultTargets: true}, want: []string{"--force-default-targets", "give --default-targets too"}},
		{name: "bad template", give: source.Options{FQDNTemplate: []string{"{{.Name"}}, want: []string{"--fqdn-template", "{{.Name}}.example.com"}},
		{name: "unknown function", give: source.Options{FQDNTargetTemplate: []string{"{{upper .Name}}"}}, want: []string{"--fqdn-target-template", "upper"}},
		{name: "no annotation and no template", give: source.Options{IgnoreHostname: true}, want: []string{"--ignore-hostname-annotation", "give --fqdn-template too"}},
		{name: "bad domain of Pods", give: source.Options{PodSourceDomain: "a..b"}, want: []string{"--pod-source-domain=a..b"}},
		{name: "all at once", give: source.Options{LabelFilter: "a in", AnnotationPrefix: "x", ServiceTypeFilter: []string{"x"}},
			want: []string{"--label-filter", "--annotation-prefix", "--service-type-filter"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := source.New(tt.give)
			if (err != nil) != (len(tt.want) > 0) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			for _, part := range tt.want {
				if got := told(t, err); !strings.Contains(got, part) {
					t.Errorf("%q lacks %q", got, part)
				}
			}
		})
	}
}

// told is what an error and its hints say.
func told(t *testing.T, err error) string {
	t.Helper()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, one := range joined.Unwrap() {
			all = append(all, told(t, one))
		}
		return strings.Join(all, "\n")
	}
	hinted, ok := err.(interface{ Hint() string })
	if !ok || hinted.Hint() == "" {
		t.Fatalf("%v has no hint", err)
	}
	return err.Error() + "; " + hinted.Hint()
}

func TestKinds(t *testing.T) {
	var got []string
	for _, k := range source.Kinds("ingress", "service", "ingress", "nonsense") {
		got = append(got, strings.Join([]string{k.Source, k.Label, k.Resource, k.GVK.GroupVersion().String(), k.GVK.Kind}, " "))
	}
	want := []string{"service service services v1 Service", "ingress ingress ingresses networking.k8s.io/v1 Ingress"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := source.Sources(); !slices.Equal(got, []string{"crd", "gateway-grpcroute", "gateway-httproute", "gateway-tcproute",
		"gateway-tlsroute", "gateway-udproute", "ingress", "node", "pod", "service"}) {
		t.Errorf("Sources() = %q", got)
	}
}

// What is not read is not even kept: each prefix counts.
func TestReadsAnnotation(t *testing.T) {
	d, err := source.New(source.Options{AnnotationFilter: "team=web"})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{
		"external-dns.kubernetes.io/hostname": true, "external-dns.alpha.kubernetes.io/hostname": true, "signpost.dev/target": true,
		"external-ips.alpha.openfresh.github.io/hostname": true, "kubernetes.io/ingress.class": true, "team": true, "example.com/hostname": false,
	} {
		if got := d.ReadsAnnotation(key); got != want {
			t.Errorf("%s is read: %t, want %t", key, got, want)
		}
	}
}
