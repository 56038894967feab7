package objects

import (
	"strings"
	"unique"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// packedIngress is what stripIngress leaves of an Ingress, in a third of the memory. Lists are texts: an API server
// lets neither commas nor semicolons nor slashes into host names and addresses.
type packedIngress struct {
	packedMeta
	class     unique.Handle[string] // "" for none
	hosts     string                // of the rules, with commas between
	tls       string                // entries with semicolons between, hosts of each with commas
	addresses string                // "IP/hostname", either may be empty, with commas between
}

// packIngress packs an Ingress that has been stripped.
func packIngress(o client.Object) client.Object {
	i, ok := o.(*networkingv1.Ingress)
	if !ok {
		return o
	}
	var hosts, tls, addresses []string
	for _, r := range i.Spec.Rules {
		hosts = append(hosts, r.Host)
	}
	for _, t := range i.Spec.TLS {
		tls = append(tls, strings.Join(t.Hosts, ","))
	}
	for _, a := range i.Status.LoadBalancer.Ingress {
		addresses = append(addresses, a.IP+"/"+a.Hostname)
	}
	class := ""
	if i.Spec.IngressClassName != nil {
		class = *i.Spec.IngressClassName
	}
	return &packedIngress{packedMeta: packMeta(i.ObjectMeta), class: unique.Make(class), hosts: strings.Join(hosts, ","),
		tls: strings.Join(tls, ";"), addresses: strings.Join(addresses, ",")}
}

// Unpack implements [Packed].
func (i *packedIngress) Unpack() client.Object {
	out := &networkingv1.Ingress{ObjectMeta: i.unpack()}
	if class := i.class.Value(); class != "" {
		out.Spec.IngressClassName = &class
	}
	for _, host := range parts(i.hosts, ",") {
		out.Spec.Rules = append(out.Spec.Rules, networkingv1.IngressRule{Host: host})
	}
	for _, entry := range parts(i.tls, ";") {
		out.Spec.TLS = append(out.Spec.TLS, networkingv1.IngressTLS{Hosts: parts(entry, ",")})
	}
	for _, address := range parts(i.addresses, ",") {
		ip, host, _ := strings.Cut(address, "/")
		out.Status.LoadBalancer.Ingress = append(out.Status.LoadBalancer.Ingress, networkingv1.IngressLoadBalancerIngress{IP: ip, Hostname: host})
	}
	return out
}

// parts takes apart what was joined, but that one empty part is none.
func parts(joined, sep string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, sep)
}

func (i *packedIngress) alike(other client.Object) bool {
	o, ok := other.(*packedIngress)
	return ok && i.packedMeta.alike(&o.packedMeta) && i.class == o.class && i.hosts == o.hosts && i.tls == o.tls && i.addresses == o.addresses
}

// GetObjectKind implements [runtime.Object].
func (i *packedIngress) GetObjectKind() schema.ObjectKind {
	return &metav1.TypeMeta{Kind: "Ingress", APIVersion: networkingv1.SchemeGroupVersion.String()}
}

// DeepCopyObject implements [runtime.Object].
func (i *packedIngress) DeepCopyObject() runtime.Object {
	out := *i
	out.packedMeta = i.copy()
	return &out
}
