package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/objects"
)

// How long a change took counts from when the first of what asks for it came, also
// if no object has changed since long ago.
func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, kind := newInbox(), schema.GroupVersionKind{Version: "v1", Kind: "Service"}
		event := []objects.Event{{Kind: kind, Key: types.NamespacedName{Namespace: "default", Name: "web"}}}
		for what, comes := range map[string]func(){
			"an event":   func() { b.Apply(event) },
			"a status":   func() { b.Status(kind, objects.Status{Synced: true}) },
			"an address": b.ring,
		} {
			came := time.Now()
			comes()
			time.Sleep(time.Second)
			b.Apply(event)
			if _, _, since := b.fetch(); !since.Equal(came) {
				t.Errorf("%s: since %v, want %v", what, since, came)
			}
			time.Sleep(time.Hour)
		}
	})
}
