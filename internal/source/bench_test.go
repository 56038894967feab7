package source_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/signpost-dns/signpost/internal/source"
)

// BenchmarkDerive derives the two objects that there are most of.
func BenchmarkDerive(b *testing.B) {
	d, err := source.New(source.Options{})
	if err != nil {
		b.Fatal(err)
	}
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{"external-dns.kubernetes.io/ttl": "60"}}
	ingress := &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: "web.example.com"}}}}
	ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: "web-1234567890.eu-west-1.elb.amazonaws.com"}}
	service := &corev1.Service{ObjectMeta: *meta.DeepCopy(), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}}
	service.Annotations["external-dns.kubernetes.io/hostname"] = "web.example.com"
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}
	for name, object := range map[string]source.Object{"Ingress": ingress, "Service": service} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if intent, _ := d.Derive(object, store{}); len(intent.Wants) == 0 {
					b.Fatalf("%+v", intent)
				}
			}
		})
	}
}
