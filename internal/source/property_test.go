package source_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/source"
)

// text draws what people and templates write: pieces of names, addresses and
// lists, and now and then anything at all.
func text() *rapid.Generator[string] {
	pieces := rapid.SampledFrom([]string{"", "www", ".", "..", ",", " ", "\t", "\n", "*", "_sip", "Example.COM", "münchen.example.org",
		"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "fe80::1%eth0", "300.1", "http://", "/", `\052`, `\`, "<no value>", "\x00", "\xff", "。",
		strings.Repeat("a", 63), strings.Repeat("b", 64), strings.Repeat("c.", 100), "60", "-1", "1m", "true", "false", "annotation-only"})
	return rapid.OneOf(
		rapid.Map(rapid.SliceOfN(pieces, 0, 6), func(p []string) string { return strings.Join(p, "") }),
		rapid.String(),
	)
}

func objects() *rapid.Generator[runtime.Object] {
	return rapid.Custom(func(t *rapid.T) runtime.Object {
		keys := rapid.SampledFrom([]string{"hostname", "internal-hostname", "target", "ttl", "ingress-hostname-source", "alias",
			"set-identifier", "aws-evaluate-target-health", "aws-weight", "access", "endpoints-type", "record-type"})
		prefix := rapid.SampledFrom([]string{"external-dns.kubernetes.io/", "external-dns.alpha.kubernetes.io/"})
		meta := metav1.ObjectMeta{Namespace: "ns", Name: "o", Annotations: map[string]string{}}
		for range rapid.IntRange(0, 6).Draw(t, "annotations") {
			meta.Annotations[prefix.Draw(t, "prefix")+keys.Draw(t, "key")] = text().Draw(t, "value")
		}
		texts := rapid.SliceOfN(text(), 0, 3)
		addresses := rapid.SliceOfN(rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "2001:db8::1", ""}), 0, 3)
		if rapid.Bool().Draw(t, "ingress") {
			i := &networkingv1.Ingress{ObjectMeta: meta}
			for _, host := range texts.Draw(t, "rules") {
				i.Spec.Rules = append(i.Spec.Rules, networkingv1.IngressRule{Host: host})
			}
			i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: texts.Draw(t, "tls")}}
			for _, ip := range addresses.Draw(t, "status") {
				i.Status.LoadBalancer.Ingress = append(i.Status.LoadBalancer.Ingress,
					networkingv1.IngressLoadBalancerIngress{IP: ip, Hostname: text().Draw(t, "host")})
			}
			return i
		}
		s := &corev1.Service{ObjectMeta: meta}
		s.Spec.Type = corev1.ServiceType(rapid.SampledFrom([]string{"", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "New"}).Draw(t, "type"))
		s.Spec.ClusterIP = rapid.SampledFrom([]string{"", "None", "10.0.0.1", "fd00::1"}).Draw(t, "cluster IP")
		s.Spec.ExternalIPs = addresses.Draw(t, "external IPs")
		s.Spec.ExternalName = text().Draw(t, "external name")
		for _, host := range texts.Draw(t, "status") {
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{Hostname: host, IP: text().Draw(t, "ip")})
		}
		return s
	})
}

func TestDeriveInvariants(t *testing.T) {
	d, err := source.New(source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		obj := objects().Draw(t, "object")
		before := obj.DeepCopyObject()
		intent, _ := d.Derive(obj, store{})
		again, _ := d.Derive(obj, store{})
		if diff := cmp.Diff(intent, again, cmp.AllowUnexported(dns.RecordSet{})); diff != "" {
			t.Fatalf("derived twice, two answers:\n%s", diff)
		}
		if diff := cmp.Diff(before, obj); diff != "" {
			t.Fatalf("the object changed:\n%s", diff)
		}
		check(t, intent)
	})
}

func check(t interface{ Fatalf(string, ...any) }, in plan.Intent) {
	if in.Unknown != "" && len(in.Wants) > 0 {
		t.Fatalf("unknown (%s), and yet it wants %v", in.Unknown, in.Wants)
	}
	seen := map[dns.Key]bool{}
	for i, w := range in.Wants {
		set := w.Set
		canonical, err := dns.NewRecordSet(set.Key, set.TTL, set.Data...)
		canonical.Routing, canonical.HealthCheckID = set.Routing, set.HealthCheckID
		if err != nil || !set.Equal(canonical) {
			t.Fatalf("not canonical: %v (%v)", set, err)
		}
		if (set.SetID == "") != (set.Routing == nil) {
			t.Fatalf("an identifier without a policy, or a policy without one: %v", set)
		}
		if name, err := dns.ParseName(string(set.Name)); err != nil || name != set.Name || name == dns.Root {
			t.Fatalf("bad owner name %q: %v", set.Name, err)
		}
		if set.TTL < 1 || set.TTL > dns.MaxTTL || w.By != in.By || seen[set.Key] {
			t.Fatalf("bad TTL, wrong asker or asked for twice: %+v", w)
		}
		if set.Type == dns.CNAME && (len(set.Data) != 1 || set.Data[0] == string(set.Name)) {
			t.Fatalf("a CNAME is one record and leads elsewhere: %v", set)
		}
		seen[set.Key] = true
		if i > 0 && in.Wants[i-1].Set.Key.Compare(set.Key) >= 0 {
			t.Fatalf("not in order: %v before %v", in.Wants[i-1].Set, set)
		}
	}
	for key := range seen {
		if key.Type == dns.CNAME && (seen[dns.Key{Name: key.Name, Type: dns.A}] || seen[dns.Key{Name: key.Name, Type: dns.AAAA}]) {
			t.Fatalf("%s stands beside addresses", key)
		}
	}
	for _, p := range in.Problems {
		if p.Reason == "" || p.Message == "" || len(p.Message) > 500 {
			t.Fatalf("a problem nobody can read: %+v", p)
		}
	}
}

func FuzzDerive(f *testing.F) {
	f.Add("www.example.com, *.Example.com", "192.0.2.1, 2001:db8::1, lb.example.net.", "60", "false")
	f.Add("a,,b. c", "\t", "1h2m", "true")
	f.Add("münchen.example.org", "", "0.5s", "")
	d, err := source.New(source.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, hostname, target, ttl, alias string) {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s", Annotations: map[string]string{
			"external-dns.kubernetes.io/hostname": hostname,
			"external-dns.kubernetes.io/target":   target,
			"external-dns.kubernetes.io/ttl":      ttl,
			"external-dns.kubernetes.io/alias":    alias,
		}}}
		intent, ours := d.Derive(s, store{})
		if !ours {
			t.Fatalf("not read")
		}
		check(t, intent)
	})
}
