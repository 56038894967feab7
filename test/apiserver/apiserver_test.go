package apiserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/signpost-dns/signpost/test/apiserver"
)

func service(name string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
}

func ingress(name, host string) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: host}}}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func clientset(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	must(t, err)
	return c
}

func TestObjectsThroughGoAndHTTP(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	c := clientset(t, s.Config()).CoreV1().Services("default")
	made := service("web")
	must(t, s.Create(made))
	read, err := c.Get(t.Context(), "web", metav1.GetOptions{})
	must(t, err)
	if read.ResourceVersion != made.ResourceVersion || read.UID == "" || read.UID != made.UID || read.CreationTimestamp.IsZero() {
		t.Errorf("got %v, made %v", read.ObjectMeta, made.ObjectMeta)
	}

	read.Spec.ExternalName = "a.example.net"
	read, err = c.Update(t.Context(), read, metav1.UpdateOptions{})
	must(t, err)
	if _, err := c.Update(t.Context(), made, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("update of what has changed meanwhile: %v", err)
	}
	if err := s.Update(made); !apierrors.IsConflict(err) {
		t.Errorf("update of what has changed meanwhile: %v", err)
	}
	made.ResourceVersion, made.UID = "", "another"
	if err := s.Update(made); !apierrors.IsConflict(err) {
		t.Errorf("update of what was made anew meanwhile: %v", err)
	}
	if err := s.Create(service("web")); !apierrors.IsAlreadyExists(err) {
		t.Errorf("create what is there: %v", err)
	}
	must(t, s.Patch(made, `{"spec": {"externalName": null, "externalIPs": ["192.0.2.1"]}}`))
	if made.Spec.ExternalName != "" || !slices.Equal(made.Spec.ExternalIPs, []string{"192.0.2.1"}) || made.UID != read.UID {
		t.Errorf("patched: %v", made)
	}
	if _, err := c.Patch(t.Context(), "web", "application/apply-patch+yaml", []byte("{}"), metav1.PatchOptions{}); !apierrors.IsUnsupportedMediaType(err) {
		t.Errorf("a patch in a form that is not known: %v", err)
	}

	status := made.DeepCopy()
	status.Spec.ExternalName, status.Status.LoadBalancer.Ingress = "stays.out", []corev1.LoadBalancerIngress{{IP: "192.0.2.7"}}
	status, err = c.UpdateStatus(t.Context(), status, metav1.UpdateOptions{})
	must(t, err)
	if status.Spec.ExternalName != "" || len(status.Status.LoadBalancer.Ingress) != 1 {
		t.Errorf("after an update of the status: %v", status)
	}

	must(t, c.Delete(t.Context(), "web", metav1.DeleteOptions{}))
	if err := s.Get(service("web")); !apierrors.IsNotFound(err) {
		t.Errorf("get what is gone: %v", err)
	}
	if err := s.Delete(service("web")); !apierrors.IsNotFound(err) {
		t.Errorf("delete what is gone: %v", err)
	}
}

func TestNamespaces(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	c := clientset(t, s.Config())
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{GenerateName: "web."}, Reason: "Published"}
	if _, err := c.CoreV1().Events("shop").Create(t.Context(), event, metav1.CreateOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("create in a namespace that is not there: %v", err)
	}
	in := service("web")
	in.Namespace = "shop"
	must(t, s.Create(in))
	event, err := c.CoreV1().Events("shop").Create(t.Context(), event, metav1.CreateOptions{})
	must(t, err)
	event, err = c.CoreV1().Events("shop").Patch(t.Context(), event.Name, "application/strategic-merge-patch+json", []byte(`{"count": 2}`), metav1.PatchOptions{})
	must(t, err)
	if event.Count != 2 || event.Reason != "Published" {
		t.Errorf("patched Event: %v", event)
	}
	must(t, s.Create(service("other")))
	must(t, c.CoreV1().Namespaces().Delete(t.Context(), "shop", metav1.DeleteOptions{}))
	left, err := c.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(left.Items) != 1 || left.Items[0].Name != "other" || s.Count("events") != 0 {
		t.Errorf("left after the namespace went: %v, %d Events", left.Items, s.Count("events"))
	}
}

func TestListInPages(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	for i := range 25 {
		must(t, s.Create(service(fmt.Sprintf("s%02d", i))))
	}
	c := clientset(t, s.Config()).CoreV1().Services("default")
	var names []string
	first, err := c.List(t.Context(), metav1.ListOptions{Limit: 10})
	must(t, err)
	must(t, s.Delete(service("s24"))) // a list shows one moment
	for page := first; ; {
		for _, item := range page.Items {
			names = append(names, item.Name)
		}
		if page.ResourceVersion != first.ResourceVersion {
			t.Errorf("a page of version %s in a list of version %s", page.ResourceVersion, first.ResourceVersion)
		}
		if page.Continue == "" {
			break
		}
		page, err = c.List(t.Context(), metav1.ListOptions{Limit: 10, Continue: page.Continue})
		must(t, err)
	}
	if len(names) != 25 || !slices.IsSorted(names) {
		t.Errorf("listed %q", names)
	}
	page, err := c.List(t.Context(), metav1.ListOptions{Limit: 10})
	must(t, err)
	s.Expire("services")
	if _, err := c.List(t.Context(), metav1.ListOptions{Limit: 10, Continue: page.Continue}); !apierrors.IsResourceExpired(err) {
		t.Errorf("the rest of a list that is forgotten: %v", err)
	}
	whole, err := c.List(t.Context(), metav1.ListOptions{Limit: 10, ResourceVersion: "0"})
	must(t, err)
	if len(whole.Items) != 24 {
		t.Errorf("any version: %d items", len(whole.Items))
	}
}

func TestSelectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apiserver.New(apiserver.Options{})
		c := clientset(t, s.Config()).CoreV1().Services("")
		w, err := c.Watch(t.Context(), metav1.ListOptions{LabelSelector: "dns=yes"})
		must(t, err)
		defer w.Stop()
		o := service("web")
		must(t, s.Create(o))
		o.Labels = map[string]string{"dns": "yes"}
		must(t, s.Update(o))
		o.Spec.ExternalIPs = []string{"192.0.2.1"}
		must(t, s.Update(o))
		list, err := c.List(t.Context(), metav1.ListOptions{LabelSelector: "dns=yes"})
		must(t, err)
		if len(list.Items) != 1 {
			t.Errorf("listed %v", list.Items)
		}
		o.Labels = nil
		must(t, s.Update(o))
		must(t, s.Delete(o))
		var got []string
		for range 3 {
			e := <-w.ResultChan()
			got = append(got, string(e.Type))
		}
		synctest.Wait()
		select {
		case e := <-w.ResultChan():
			t.Errorf("one event more: %v", e)
		default:
		}
		if diff := cmp.Diff([]string{"ADDED", "MODIFIED", "DELETED"}, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		list, err = c.List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=web"})
		must(t, err)
		if len(list.Items) != 0 {
			t.Errorf("listed %v", list.Items)
		}
		if _, err := c.List(t.Context(), metav1.ListOptions{FieldSelector: "spec.type=LoadBalancer"}); !apierrors.IsBadRequest(err) {
			t.Errorf("a field that is not supported: %v", err)
		}
	})
}

func TestCustomKindComesLater(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	kind := schema.GroupVersionKind{Group: "externaldns.k8s.io", Version: "v1alpha1", Kind: "DNSEndpoint"}
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	o.SetNamespace("default")
	o.SetName("extra")
	if err := s.Create(o); !apierrors.IsNotFound(err) {
		t.Errorf("create what has no definition: %v", err)
	}
	path := "/apis/externaldns.k8s.io/v1alpha1/dnsendpoints"
	if code, _ := get(t, s, path); code != http.StatusNotFound {
		t.Errorf("list what has no definition: %d", code)
	}
	s.Serve(apiserver.Resource{GroupVersionKind: kind, Plural: "dnsendpoints"})
	must(t, s.Create(o))
	if code, body := get(t, s, path); code != http.StatusOK || !strings.Contains(body, `"name":"extra"`) || !strings.Contains(body, `"kind":"DNSEndpointList"`) {
		t.Errorf("list: %d %s", code, body)
	}
	groups, lists, err := clientset(t, s.Config()).Discovery().ServerGroupsAndResources()
	must(t, err)
	if len(groups) == 0 || !slices.ContainsFunc(lists, func(l *metav1.APIResourceList) bool {
		return l.GroupVersion == kind.GroupVersion().String() && l.APIResources[0].Kind == "DNSEndpoint"
	}) {
		t.Errorf("discovered %v and %v", groups, lists)
	}
}

func get(t *testing.T, s *apiserver.Server, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://apiserver.test"+path, nil)
	must(t, err)
	resp, err := s.RoundTripper().RoundTrip(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body)
}

// TestLeaderElection lets client-go's elector work on a Lease: one of two leads, and the other when it goes.
func TestLeaderElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apiserver.New(apiserver.Options{})
		leads := make(chan string, 10)
		contend := func(name string) (leave func()) {
			ctx, cancel := context.WithCancel(t.Context())
			elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
				Lock: &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Namespace: "default", Name: "election"},
					Client: clientset(t, s.Config()).CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: name}},
				LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second, ReleaseOnCancel: true,
				Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { leads <- name }, OnStoppedLeading: func() {}},
			})
			must(t, err)
			done := make(chan struct{})
			go func() {
				defer close(done)
				elector.Run(ctx)
			}()
			return func() { cancel(); <-done }
		}
		leave := contend("a")
		if got := <-leads; got != "a" {
			t.Errorf("%s leads", got)
		}
		defer contend("b")()
		time.Sleep(time.Hour)
		if len(leads) > 0 {
			t.Errorf("%s leads beside a", <-leads)
		}
		var lease coordinationv1.Lease
		lease.Namespace, lease.Name = "default", "election"
		must(t, s.Get(&lease))
		if *lease.Spec.HolderIdentity != "a" {
			t.Errorf("the lease is %s's", *lease.Spec.HolderIdentity)
		}
		leave()
		if got := <-leads; got != "b" {
			t.Errorf("%s leads", got)
		}
	})
}

func TestListen(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	must(t, s.Create(ingress("web", "web.example.com")))
	url, stop, err := s.Listen()
	must(t, err)
	c := clientset(t, &rest.Config{Host: url})
	list, err := c.NetworkingV1().Ingresses("").List(t.Context(), metav1.ListOptions{})
	must(t, err)
	w, err := c.NetworkingV1().Ingresses("").Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	must(t, err)
	must(t, s.Create(ingress("api", "api.example.com")))
	if e := <-w.ResultChan(); e.Type != "ADDED" || e.Object.(client.Object).GetName() != "api" {
		t.Errorf("event %v", e)
	}
	s.SetState(apiserver.Refusing)
	if e, ok := <-w.ResultChan(); ok {
		t.Errorf("an event in an outage: %v", e)
	}
	if resp, err := http.Get(url + "/version"); err == nil {
		resp.Body.Close()
		t.Errorf("an answer in an outage: %s", resp.Status)
	}
	s.SetState(apiserver.Up)
	w, err = c.NetworkingV1().Ingresses("").Watch(t.Context(), metav1.ListOptions{})
	must(t, err)
	if e := <-w.ResultChan(); e.Type != "ADDED" || e.Object.(client.Object).GetName() != "api" {
		t.Errorf("the first event after the outage: %v", e)
	}
	must(t, stop())
}

func TestManyObjectsAreCheap(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	const n = 5000
	for i := range n {
		must(t, s.Create(ingress(fmt.Sprintf("web-%05d", i), "web.example.com")))
	}
	code, body := get(t, s, "/apis/networking.k8s.io/v1/ingresses")
	var list networkingv1.IngressList
	must(t, json.Unmarshal([]byte(body), &list))
	if code != http.StatusOK || len(list.Items) != n || list.Items[n-1].Name != fmt.Sprintf("web-%05d", n-1) {
		t.Errorf("code %d, %d items", code, len(list.Items))
	}
	verbs := map[string]int{}
	for _, r := range s.Requests() {
		verbs[r.Verb+" "+r.Resource]++
	}
	if diff := cmp.Diff(map[string]int{"list ingresses": 1}, verbs); diff != "" {
		t.Errorf("requests (-want +got):\n%s\n%v", diff, slices.Collect(maps.Keys(verbs)))
	}
}

func BenchmarkCreate(b *testing.B) {
	s := apiserver.New(apiserver.Options{})
	b.ReportAllocs()
	for i := range b.N {
		if err := s.Create(ingress(fmt.Sprintf("web-%07d", i), "web.example.com")); err != nil {
			b.Fatal(err)
		}
	}
}
