package objects

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func podKind() schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind("Pod") }

// genPod draws Pods that differ in little.
func genPod(t *rapid.T) *corev1.Pod {
	word := rapid.SampledFrom([]string{"", "a", "b-1"})
	words := rapid.MapOfN(rapid.SampledFrom([]string{"app", "x/y", "tier"}), word, 0, 3)
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: types.UID(word.Draw(t, "uid")), ResourceVersion: word.Draw(t, "version"),
			Labels: words.Draw(t, "labels"), Annotations: words.Draw(t, "annotations")},
		Spec: corev1.PodSpec{Hostname: word.Draw(t, "hostname"), NodeName: word.Draw(t, "node"), HostNetwork: rapid.Bool().Draw(t, "network")},
		Status: corev1.PodStatus{Phase: corev1.PodPhase(word.Draw(t, "phase")), PodIP: word.Draw(t, "ip"), HostIP: word.Draw(t, "host IP"),
			Message: word.Draw(t, "message")},
	}
	for _, ip := range rapid.SliceOfN(word, 0, 2).Draw(t, "ips") {
		p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip})
	}
	if rapid.Bool().Draw(t, "conditions") {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: "True"},
			{Type: corev1.PodReady, Status: corev1.ConditionStatus(rapid.SampledFrom([]string{"True", "False"}).Draw(t, "ready"))}}
	}
	if rapid.Bool().Draw(t, "going") {
		p.DeletionTimestamp = &metav1.Time{}
	}
	return p
}

// genIngress draws Ingresses that differ in little.
func genIngress(t *rapid.T) *networkingv1.Ingress {
	word := rapid.SampledFrom([]string{"", "a.example.com", "*.b.example.com"})
	words := rapid.MapOfN(rapid.SampledFrom([]string{"app", "x/y", "tier"}), word, 0, 3)
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "i", UID: types.UID(word.Draw(t, "uid")), ResourceVersion: word.Draw(t, "version"),
		Labels: words.Draw(t, "labels"), Annotations: words.Draw(t, "annotations")}}
	if class := word.Draw(t, "class"); class != "" {
		i.Spec.IngressClassName = &class
	}
	if rapid.Bool().Draw(t, "old") {
		i.CreationTimestamp = metav1.Unix(rapid.Int64Range(0, 2).Draw(t, "created"), 0)
	}
	for _, host := range rapid.SliceOfN(word, 2, 3).Draw(t, "hosts") {
		i.Spec.Rules = append(i.Spec.Rules, networkingv1.IngressRule{Host: host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{}}})
	}
	for _, hosts := range rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom([]string{"c", "d"}), 1, 2), 0, 3).Draw(t, "tls") {
		i.Spec.TLS = append(i.Spec.TLS, networkingv1.IngressTLS{Hosts: hosts, SecretName: word.Draw(t, "secret")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "addresses") {
		ip := rapid.SampledFrom([]string{"", "192.0.2.1", "2001:db8::1"}).Draw(t, "ip")
		i.Status.LoadBalancer.Ingress = append(i.Status.LoadBalancer.Ingress, networkingv1.IngressLoadBalancerIngress{IP: ip, Hostname: word.Draw(t, "hostname")})
	}
	return i
}

func TestPackedPod(t *testing.T) {
	testPacked(t, func(t *rapid.T) client.Object { return genPod(t) }, stripPod, packPod)
}

func TestPackedIngress(t *testing.T) {
	testPacked(t, func(t *rapid.T) client.Object { return genIngress(t) }, stripIngress, packIngress)
}

// A packed object unpacks to what was packed, has its metadata, and is like another one exactly if both unpack to the
// same but for their versions.
func testPacked(t *testing.T, gen func(*rapid.T) client.Object, strip func(client.Object), pack func(client.Object) client.Object) {
	empty := cmpopts.EquateEmpty()
	rapid.Check(t, func(t *rapid.T) {
		var unpacked, packed []client.Object
		first := gen(t)
		second := gen(t)
		if rapid.Bool().Draw(t, "another version") {
			second = first.DeepCopyObject().(client.Object)
			second.SetResourceVersion("2")
		}
		for _, o := range []client.Object{first, second} {
			strip(o)
			before := o.DeepCopyObject().(client.Object)
			small := pack(o)
			got := Unpack(small.DeepCopyObject().(client.Object))
			if diff := cmp.Diff(before, got, empty); diff != "" {
				t.Fatalf("unpacked (-packed +unpacked):\n%s", diff)
			}
			meta := func(o client.Object) []any {
				return []any{o.GetNamespace(), o.GetName(), o.GetUID(), o.GetResourceVersion(), o.GetCreationTimestamp(), o.GetDeletionTimestamp(),
					o.GetLabels(), o.GetAnnotations(), o.GetGenerateName(), o.GetFinalizers(), o.GetOwnerReferences()}
			}
			if diff := cmp.Diff(meta(before), meta(small), empty); diff != "" {
				t.Fatalf("metadata (-packed +got):\n%s", diff)
			}
			l, ok := small.(labels.Labels)
			if !ok {
				t.Fatal("its labels cannot be asked for")
			}
			for _, key := range []string{"app", "x/y", "tier", "other"} {
				value, has := before.GetLabels()[key]
				if got, ok := l.Lookup(key); got != value || ok != has || l.Has(key) != has || l.Get(key) != value {
					t.Fatalf("label %s: %q, %t, want %q, %t", key, got, ok, value, has)
				}
			}
			got.SetResourceVersion("")
			unpacked, packed = append(unpacked, got), append(packed, small)
		}
		// When it was made is told by the identity.
		want := cmp.Equal(unpacked[0], unpacked[1], empty, cmpopts.IgnoreFields(metav1.ObjectMeta{}, "CreationTimestamp")) ||
			packed[0].GetResourceVersion() == packed[1].GetResourceVersion() && packed[0].GetUID() == packed[1].GetUID()
		if got := same(packed[0], packed[1]); got != want {
			t.Fatalf("alike: %t, want %t: %v, %v", got, want, unpacked[0], unpacked[1])
		}
	})
}

// A change of a Pod that derivations do not read tells nobody.
func TestClusterPods(t *testing.T) {
	bothWays(t, func(t *testing.T, s *apiServer) {
		p := &corev1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u", Labels: map[string]string{"app": "a"}},
			Spec:       corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "c"}}},
			Status:     corev1.PodStatus{PodIP: "10.0.0.1", Phase: corev1.PodRunning}}
		s.put("pods", p)
		follow(t, s, Options{}, func(r *recorder, settle func() []string) {
			settle()
			if err := r.feed.Add(podKind()); err != nil {
				t.Fatal(err)
			}
			want(t, settle(), "Pod default/p", "Pod: synced")
			got, ok := Unpack(r.objects[identity{kind: podKind(), key: client.ObjectKeyFromObject(p)}]).(*corev1.Pod)
			if !ok || got.Status.PodIP != "10.0.0.1" || got.Labels["app"] != "a" || got.Spec.NodeName != "n1" || got.Spec.Containers != nil {
				t.Errorf("read: %v", got)
			}
			next := p.DeepCopy()
			next.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", RestartCount: 3}}
			s.put("pods", next)
			want(t, settle())
			next = p.DeepCopy()
			next.Labels["app"] = "b"
			s.put("pods", next)
			want(t, settle(), "Pod default/p")
		})
	})
}
