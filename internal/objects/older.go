package objects

import (
	"context"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
)

// versions lists and watches a kind in the newest of its versions that the
// server has. It asks anew each time, for a server may gain or lose one.
type versions []toolscache.ListerWatcherWithContext

// ListWithContext implements the interface. If no version is there, the error is
// that of the newest.
func (v versions) ListWithContext(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
	list, first := v[0].ListWithContext(ctx, opts)
	for _, older := range v[1:] {
		if !apierrors.IsNotFound(first) {
			break
		}
		if l, err := older.ListWithContext(ctx, opts); !apierrors.IsNotFound(err) {
			return l, err
		}
	}
	return list, first
}

// WatchWithContext implements the interface, in the same way.
func (v versions) WatchWithContext(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	w, first := v[0].WatchWithContext(ctx, opts)
	for _, older := range v[1:] {
		if !apierrors.IsNotFound(first) {
			break
		}
		if w, err := older.WatchWithContext(ctx, opts); !apierrors.IsNotFound(err) {
			return w, err
		}
	}
	return w, first
}

// readOlder returns what reads a kind in its older versions, into the Go type of
// the newest.
func readOlder(k kind, config *rest.Config, http *http.Client, namespace string) (versions, error) {
	var all versions
	for _, version := range k.older {
		gv := schema.GroupVersion{Group: k.gvk.Group, Version: version}
		scheme := runtime.NewScheme()
		scheme.AddKnownTypeWithName(gv.WithKind(k.gvk.Kind), k.object)
		scheme.AddKnownTypeWithName(gv.WithKind(k.gvk.Kind+"List"), k.list)
		metav1.AddToGroupVersion(scheme, gv)

		config := rest.CopyConfig(config)
		config.GroupVersion, config.APIPath = &gv, "/apis"
		config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
		client, err := rest.RESTClientForConfigAndClient(config, http)
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", k.resource, gv, err)
		}
		all = append(all, toolscache.ToListerWatcherWithContext(
			toolscache.NewListWatchFromClient(client, k.resource, namespace, fields.Everything())))
	}
	return all, nil
}
