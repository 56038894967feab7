package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner is who the test is in managedFields, as kubectl is for a person.
const fieldOwner = client.FieldOwner("signpost-test")

// Namespace is one test's place in a cluster. Its methods act as the admin and fail the test if they do not succeed,
// so that a test reads as a story. Objects are named as kubectl names them, "service/nginx" or "nodes/worker-1"; those
// of namespaced kinds are looked for in this namespace.
type Namespace struct {
	*Cluster
	Name string

	t       testing.TB
	applied []*unstructured.Unstructured // to be deleted at the end, last first
	users   int
}

var notALabel = regexp.MustCompile(`[^a-z0-9]+`)

// Namespace makes a namespace that bears t's name. All that its methods put into the cluster, also in other
// namespaces, is deleted when t ends.
func (c *Cluster) Namespace(t testing.TB) *Namespace {
	t.Helper()
	name := notALabel.ReplaceAllString(strings.ToLower(t.Name()), "-")
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: name[:min(len(name), 40)] + "-"}}
	if err := c.Client.Create(t.Context(), ns); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	n := &Namespace{Cluster: c, Name: ns.Name, t: t}
	// The namespace itself stays: the controller that would finish its deletion does not run.
	t.Cleanup(n.clean)
	return n
}

// clean deletes what was applied. Finalizers are taken off first: the program that would do so is over.
func (n *Namespace) clean() {
	// The test's own context is over by now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.t.Context()), time.Minute)
	defer cancel()
	free := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	for _, obj := range slices.Backward(n.applied) {
		err := n.Client.Patch(ctx, obj, free)
		if err == nil {
			err = n.Client.Delete(ctx, obj)
		}
		if client.IgnoreNotFound(err) != nil {
			n.t.Errorf("delete %s after the test: %v", describe(obj), err)
		}
	}
}

// Apply makes the objects of a YAML stream be as it says, by server-side apply: a field that an earlier Apply of this
// test set and this one omits, such as an annotation, is removed. Lists are taken apart. Objects of namespaced kinds
// that name no namespace go into this one. A status in the YAML is written too, so that a manifest can hold what a
// load balancer's controller would fill in. Apply returns when the permissions of role bindings are in force.
func (n *Namespace) Apply(manifests string) {
	n.t.Helper()
	objs, err := parse(strings.NewReader(manifests))
	if err != nil {
		n.t.Fatal(err)
	}
	n.applyAll(objs)
}

// ApplyFile is Apply for files.
func (n *Namespace) ApplyFile(paths ...string) {
	n.t.Helper()
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			n.t.Fatal(err)
		}
		objs, err := parse(f)
		f.Close()
		if err != nil {
			n.t.Fatalf("%s: %v", path, err)
		}
		n.applyAll(objs)
	}
}

func (n *Namespace) applyAll(objs []*unstructured.Unstructured) {
	n.t.Helper()
	for _, obj := range objs {
		if err := n.apply(obj); err != nil {
			n.t.Fatalf("apply %s: %v", describe(obj), err)
		}
	}
	for _, obj := range objs {
		if err := n.awaitPermissions(obj); err != nil {
			n.t.Fatalf("apply %s: %v", describe(obj), err)
		}
	}
}

// apply applies one object, then its status. It sets obj's namespace.
func (n *Namespace) apply(obj *unstructured.Unstructured) error {
	namespaced, err := n.Client.IsObjectNamespaced(obj)
	if err != nil {
		return err
	}
	if namespaced && obj.GetNamespace() == "" {
		obj.SetNamespace(n.Name)
	}
	n.applied = append(n.applied, obj)
	main := obj.DeepCopy()
	unstructured.RemoveNestedField(main.Object, "status")
	err = n.Client.Apply(n.t.Context(), client.ApplyConfigurationFromUnstructured(main), fieldOwner, client.ForceOwnership)
	if err != nil {
		return err
	}
	status, ok := obj.Object["status"]
	if !ok {
		return nil
	}
	return n.applyStatus(obj, status)
}

// applyStatus makes status what this test wants of obj's.
func (n *Namespace) applyStatus(obj *unstructured.Unstructured, status any) error {
	sub := &unstructured.Unstructured{Object: map[string]any{"status": status}}
	sub.SetGroupVersionKind(obj.GroupVersionKind())
	sub.SetNamespace(obj.GetNamespace())
	sub.SetName(obj.GetName())
	return n.Client.Status().Apply(n.t.Context(), client.ApplyConfigurationFromUnstructured(sub), fieldOwner, client.ForceOwnership)
}

// LoadBalancer sets status.loadBalancer of a Service or an Ingress, as its controller would: one entry for each
// address, which is an IP address or else a host name. Without addresses the load balancer is gone.
func (n *Namespace) LoadBalancer(object string, addresses ...string) {
	n.t.Helper()
	entries := []any{}
	for _, a := range addresses {
		key := "hostname"
		if _, err := netip.ParseAddr(a); err == nil {
			key = "ip"
		}
		entries = append(entries, map[string]any{key: a})
	}
	n.Status(object, map[string]any{"loadBalancer": map[string]any{"ingress": entries}})
}

// Status sets the status of an object to a value of JSON's shapes.
func (n *Namespace) Status(object string, status map[string]any) {
	n.t.Helper()
	obj, err := n.find(object)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.applyStatus(obj, status); err != nil {
		n.t.Fatalf("set the status of %s: %v", object, err)
	}
}

// Get reads an object, status and all, into, for example, a *corev1.Service.
func (n *Namespace) Get(object string, into client.Object) {
	n.t.Helper()
	obj, err := n.find(object)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.Client.Get(n.t.Context(), client.ObjectKeyFromObject(obj), into); err != nil {
		n.t.Fatalf("get %s: %v", object, err)
	}
}

// Annotate sets an annotation of an object, whoever set it before; the empty value removes it.
func (n *Namespace) Annotate(object, key, value string) {
	n.t.Helper()
	obj, err := n.find(object)
	if err != nil {
		n.t.Fatal(err)
	}
	var want any // null removes (RFC 7396)
	if value != "" {
		want = value
	}
	patch, err := runtime.Encode(unstructured.UnstructuredJSONScheme, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": obj.GetAPIVersion(), "kind": obj.GetKind(),
		"metadata": map[string]any{"annotations": map[string]any{key: want}},
	}})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.Client.Patch(n.t.Context(), obj, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		n.t.Fatalf("annotate %s: %v", object, err)
	}
}

// Delete deletes an object, which must be there.
func (n *Namespace) Delete(object string) {
	n.t.Helper()
	obj, err := n.find(object)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.Client.Delete(n.t.Context(), obj); err != nil {
		n.t.Fatalf("delete %s: %v", object, err)
	}
}

// find returns the kind, namespace and name that "resource/name" stands for; the object need not exist.
func (n *Namespace) find(object string) (*unstructured.Unstructured, error) {
	resource, name, ok := strings.Cut(object, "/")
	if !ok || name == "" {
		return nil, fmt.Errorf("%q names no object: want resource/name, as service/nginx", object)
	}
	gr := schema.ParseGroupResource(strings.ToLower(resource)) // also "ingress.networking.k8s.io"
	gvk, err := n.Client.RESTMapper().KindFor(gr.WithVersion(""))
	if err != nil {
		return nil, fmt.Errorf("find the kind of %s: %w", object, err)
	}
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(gvk)
	obj.SetName(name)
	namespaced, err := n.Client.IsObjectNamespaced(obj)
	if err != nil {
		return nil, fmt.Errorf("find the kind of %s: %w", object, err)
	}
	if namespaced {
		obj.SetNamespace(n.Name)
	}
	return obj, nil
}

// parse reads a stream of YAML documents. Empty ones are left out.
func parse(r io.Reader) ([]*unstructured.Unstructured, error) {
	var objs []*unstructured.Unstructured
	for d := yaml.NewYAMLOrJSONDecoder(r, 4096); ; {
		obj := &unstructured.Unstructured{}
		err := d.Decode(&obj.Object)
		switch {
		case errors.Is(err, io.EOF):
			return objs, nil
		case err != nil:
			return nil, fmt.Errorf("parse manifests: %w", err)
		case len(obj.Object) == 0:
		case obj.IsList():
			err := obj.EachListItem(func(item runtime.Object) error {
				objs = append(objs, item.(*unstructured.Unstructured))
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("parse manifests: %w", err)
			}
		default:
			objs = append(objs, obj)
		}
	}
}

// describe names obj in messages.
func describe(obj *unstructured.Unstructured) string {
	return strings.TrimPrefix(fmt.Sprintf("%s %s/%s", obj.GetKind(), obj.GetNamespace(), obj.GetName()), " ")
}
