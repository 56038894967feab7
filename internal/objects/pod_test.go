package objects

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
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

// A packed Pod unpacks to what was packed, has its labels, and is like another one
// exactly if both unpack to the same but for their versions.
func TestPackedPod(t *testing.T) {
	empty := cmpopts.EquateEmpty()
	rapid.Check(t, func(t *rapid.T) {
		var unpacked []*corev1.Pod
		var packed []client.Object
		for range 2 {
			p := genPod(t)
			stripPod(p)
			before := p.DeepCopy()
			small := packPod(p)
			got, _ := Unpack(small.DeepCopyObject().(client.Object)).(*corev1.Pod)
			if diff := cmp.Diff(before, got, empty); diff != "" {
				t.Fatalf("unpacked (-packed +unpacked):\n%s", diff)
			}
			if diff := cmp.Diff(before.Labels, small.GetLabels(), empty); diff != "" {
				t.Fatalf("labels (-packed +got):\n%s", diff)
			}
			l, ok := small.(labels.Labels)
			if !ok {
				t.Fatal("its labels cannot be asked for")
			}
			for _, key := range []string{"app", "x/y", "tier", "other"} {
				value, has := before.Labels[key]
				if got, ok := l.Lookup(key); got != value || ok != has || l.Has(key) != has || l.Get(key) != value {
					t.Fatalf("label %s: %q, %t, want %q, %t", key, got, ok, value, has)
				}
			}
			got.ResourceVersion = ""
			unpacked, packed = append(unpacked, got), append(packed, small)
		}
		want := cmp.Equal(unpacked[0], unpacked[1], empty) || packed[0].GetResourceVersion() == packed[1].GetResourceVersion() &&
			packed[0].GetUID() == packed[1].GetUID()
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
