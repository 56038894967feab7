package controller_test

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/source"
)

// endpoint is one of a DNSEndpoint: name, type, targets.
func endpoint(name, typ string, targets ...string) *dnsendpoint.Endpoint {
	return &dnsendpoint.Endpoint{DNSName: name, RecordType: typ, Targets: targets}
}

func dnsEndpoint(name string, generation int64, endpoints ...*dnsendpoint.Endpoint) *dnsendpoint.DNSEndpoint {
	return &dnsendpoint.DNSEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Generation: generation},
		Spec: dnsendpoint.Spec{Endpoints: endpoints}}
}

// endpointsOnly makes a world of DNSEndpoints, with more types than usual.
func endpointsOnly(c *controller.Config) {
	c.Kinds = source.Kinds("crd")
	c.Rules.Types = append(c.Rules.Types, dns.MX, dns.TXT)
}

// TestUnclearNames: what cannot be told of one name freezes that name, and the
// object's others go on.
func TestUnclearNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(example)
		w, _ := newWorld(t, cloud, endpointsOnly)
		w.run()
		w.apply(dnsEndpoint("a", 1, endpoint("mail.example.com", "MX", "10 a.example.net"), endpoint("www.example.com", "A", "192.0.2.1"),
			endpoint("old.example.com", "A", "192.0.2.1")))
		w.status(dnsendpoint.GVK(), synced)
		wait(time.Second)
		holds(t, cloud, example, "mail MX 10 a.example.net.", "www A 192.0.2.1", "old A 192.0.2.1")

		w.apply(dnsEndpoint("a", 2, endpoint("mail.example.com", "MX", "ten a.example.net"), endpoint("www.example.com", "A", "192.0.2.2"),
			endpoint("new.example.com", "A", "nonsense.256")))
		wait(time.Second)
		holds(t, cloud, example, "mail MX 10 a.example.net.", "www A 192.0.2.2")

		w.apply(dnsEndpoint("a", 3, endpoint("mail.example.com", "MX", "20 a.example.net"), endpoint("new.example.com", "A", "192.0.2.3")))
		wait(time.Second)
		holds(t, cloud, example, "mail MX 20 a.example.net.", "new A 192.0.2.3")
	})
}
