package conditions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/test/apiserver"
)

// desk is a board that runs on a server in a bubble.
type desk struct {
	*Board
	t      *testing.T
	server *apiserver.Server
	log    *bytes.Buffer
}

// pruning is a server whose definition has no conditions.
type pruning struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (p pruning) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		var o map[string]any
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			return nil, err
		}
		delete(o["status"].(map[string]any), "conditions")
		body, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	return p.RoundTripper.RoundTrip(r)
}

func inBubble(t *testing.T, prunes bool, play func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := apiserver.New(apiserver.Options{})
		s.Serve(apiserver.Resource{GroupVersionKind: dnsendpoint.GVK(), Plural: dnsendpoint.Resource})
		config, log := s.Config(), &bytes.Buffer{}
		if prunes {
			config.Transport = pruning{config.Transport}
		}
		b, err := Open(config, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			b.Run(ctx)
			close(ended)
		}()
		play(&desk{b, t, s, log})
		cancel()
		<-ended
	})
}

// object makes an object on the server and returns it as a watch would.
func (d *desk) object(name string) *dnsendpoint.DNSEndpoint {
	d.t.Helper()
	o := &dnsendpoint.DNSEndpoint{TypeMeta: metav1.TypeMeta{APIVersion: dnsendpoint.GVK().GroupVersion().String(), Kind: dnsendpoint.Kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Generation: 1},
		Spec:       dnsendpoint.Spec{Endpoints: []*dnsendpoint.Endpoint{{DNSName: name}}}}
	if err := d.server.Create(o); err != nil {
		d.t.Fatal(err)
	}
	return o
}

func (d *desk) get(name string) *dnsendpoint.DNSEndpoint {
	d.t.Helper()
	o := &dnsendpoint.DNSEndpoint{TypeMeta: metav1.TypeMeta{APIVersion: dnsendpoint.GVK().GroupVersion().String(), Kind: dnsendpoint.Kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if err := d.server.Get(o); err != nil {
		d.t.Fatal(err)
	}
	return o
}

// writes counts the writes of statuses since the last time, with their codes.
func (d *desk) writes(before *int) string {
	var codes []string
	requests := d.server.Requests()
	for _, r := range requests[*before:] {
		if r.Verb == "update" {
			codes = append(codes, fmt.Sprint(r.Code))
		}
	}
	*before = len(requests)
	return strings.Join(codes, " ")
}

func status(generation int64, conditions ...metav1.Condition) dnsendpoint.Status {
	for i := range conditions {
		conditions[i].ObservedGeneration = generation
	}
	return dnsendpoint.Status{ObservedGeneration: generation, Conditions: conditions}
}

func condition(typ string, s metav1.ConditionStatus) metav1.Condition {
	return metav1.Condition{Type: typ, Status: s, Reason: "Because", Message: "of that"}
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// What is said is written once: what the object says already is not, and what was
// written is not written again, whatever became of it.
func TestWrittenOnce(t *testing.T) {
	inBubble(t, false, func(d *desk) {
		o, seen := d.object("a"), 0
		d.writes(&seen)
		d.Put(o, status(1, condition("Accepted", "True"), condition("Programmed", "False")))
		wait(time.Second)
		began := metav1.NewTime(time.Now().Add(-time.Second).Truncate(time.Second))
		if got := d.writes(&seen); got != "200" {
			d.t.Fatalf("answers: %q", got)
		}
		now := d.get("a")
		if now.Status.ObservedGeneration != 1 || len(now.Status.Conditions) != 2 || len(now.Spec.Endpoints) != 1 ||
			now.Status.Conditions[0].LastTransitionTime.Before(&began) {
			d.t.Fatalf("written: %+v", now)
		}

		d.Put(now, status(1, condition("Programmed", "False"), condition("Accepted", "True"))) // said already
		d.Put(o, status(1, condition("Accepted", "True"), condition("Programmed", "False")))   // the event is late
		wait(time.Hour)
		now.Status.Conditions = append(now.Status.Conditions, metav1.Condition{Type: "Other", Status: "True", Reason: "X", LastTransitionTime: began})
		if err := d.server.Update(now); err != nil {
			d.t.Fatal(err)
		}
		seen = len(d.server.Requests())
		now = d.get("a")
		d.Put(now, status(2, condition("Accepted", "True"), condition("Programmed", "True")))
		wait(time.Second)
		if got := d.writes(&seen); got != "200" {
			d.t.Fatalf("answers: %q", got)
		}
		after := d.get("a").Status.Conditions
		if len(after) != 3 || !after[0].LastTransitionTime.Equal(&now.Status.Conditions[0].LastTransitionTime) ||
			after[1].LastTransitionTime.Equal(&now.Status.Conditions[1].LastTransitionTime) || after[2].Type != "Other" {
			d.t.Errorf("conditions: %+v", after)
		}

		emptied := d.get("a")
		emptied.Status = dnsendpoint.Status{}
		if err := d.server.Update(emptied); err != nil {
			d.t.Fatal(err)
		}
		seen = len(d.server.Requests())
		d.Put(d.get("a"), status(2, condition("Accepted", "True"), condition("Programmed", "True")))
		wait(time.Hour)
		if got := d.writes(&seen); got != "" {
			d.t.Errorf("it quarrels with somebody: %q", got)
		}
	})
}

// Many at once go at a pace, and of one object only the newest.
func TestPace(t *testing.T) {
	inBubble(t, false, func(d *desk) {
		seen := 0
		var all []*dnsendpoint.DNSEndpoint
		for i := range 100 {
			all = append(all, d.object(fmt.Sprintf("o%02d", i)))
		}
		d.writes(&seen)
		d.Put(all[0], status(1, condition("Accepted", "True"))) // it is under way when the others come
		synctest.Wait()
		for _, s := range []metav1.ConditionStatus{"Unknown", "False", "True"} {
			for _, o := range slices.Backward(all[1:]) {
				d.Put(o, status(1, condition("Accepted", s)))
			}
		}
		wait(5 * time.Second)
		if n := len(strings.Fields(d.writes(&seen))); n < 45 || n > 55 {
			d.t.Errorf("%d writes in 5 seconds", n)
		}
		wait(6 * time.Second)
		d.writes(&seen)
		for _, o := range all {
			now := d.get(o.Name).Status
			if len(now.Conditions) != 1 || now.Conditions[0].Status != "True" {
				d.t.Fatalf("%s: %+v", o.Name, now)
			}
		}
		wait(time.Hour)
		if got := d.writes(&seen); got != "" {
			d.t.Errorf("written afterwards: %q", got)
		}
	})
}

func TestFailures(t *testing.T) {
	inBubble(t, false, func(d *desk) {
		seen := 0
		stale, gone, good := d.object("stale"), d.object("gone"), d.object("good")
		newer := d.get("stale")
		newer.Generation = 2
		if err := d.server.Update(newer); err != nil {
			d.t.Fatal(err)
		}
		if err := d.server.Delete(d.get("gone")); err != nil {
			d.t.Fatal(err)
		}
		seen = len(d.server.Requests())
		d.Put(stale, status(1, condition("Accepted", "True")))
		d.Put(gone, status(1, condition("Accepted", "True")))
		wait(time.Hour)
		if got := d.writes(&seen); got != "409 404" {
			d.t.Errorf("answers: %q", got)
		}

		d.server.Deny("update", dnsendpoint.Resource)
		d.Put(good, status(1, condition("Accepted", "True")))
		wait(time.Hour)
		d.Put(good, status(1, condition("Accepted", "False")))
		wait(time.Hour)
		if got := d.writes(&seen); got != "403 403" {
			d.t.Errorf("answers: %q", got)
		}
		if text := d.log.String(); strings.Count(text, "dnsendpoints/status") != 1 {
			d.t.Errorf("the log: %s", text)
		}
		d.server.Allow("update", dnsendpoint.Resource)

		d.server.SetState(apiserver.Unavailable)
		d.Put(good, status(1, condition("Accepted", "False")))
		wait(10 * time.Minute)
		d.server.SetState(apiserver.Up)
		tried := len(d.server.Requests()) - seen
		wait(10 * time.Minute)
		if now := d.get("good").Status; len(now.Conditions) != 1 || now.Conditions[0].Status != "False" {
			d.t.Errorf("after the server came back: %+v", now)
		}
		if tried > 12 {
			d.t.Errorf("%d tries in ten minutes", tried)
		}
		again := d.get("good")
		d.server.SetState(apiserver.Unavailable)
		d.Put(again, status(1, condition("Accepted", "Unknown")))
		wait(time.Second)
		d.Forget(types.NamespacedName{Namespace: "default", Name: "good"})
		d.server.SetState(apiserver.Up)
		seen = len(d.server.Requests())
		wait(time.Hour)
		if got := d.writes(&seen); got != "" {
			d.t.Errorf("written of an object that is forgotten: %q", got)
		}
	})
}

// Where the definition has no conditions the generation is written, and no more.
func TestDefinitionWithoutConditions(t *testing.T) {
	inBubble(t, true, func(d *desk) {
		seen := 0
		d.object("a")
		d.object("b")
		d.writes(&seen)
		d.Put(d.get("a"), status(1, condition("Accepted", "False")))
		wait(time.Hour)
		d.Put(d.get("a"), status(1, condition("Accepted", "True")))
		d.Put(d.get("b"), status(1, condition("Accepted", "True")))
		wait(time.Hour)
		d.Put(d.get("b"), status(1, condition("Accepted", "False")))
		wait(time.Hour)
		if got := d.writes(&seen); got != "200 200" {
			d.t.Errorf("answers: %q", got)
		}
		if diff := cmp.Diff(dnsendpoint.Status{ObservedGeneration: 1}, d.get("b").Status); diff != "" {
			d.t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A version that differs in nothing that is read, of which nobody hears, keeps no status from being written.
func TestStaleVersion(t *testing.T) {
	inBubble(t, false, func(d *desk) {
		o, seen := d.object("a"), 0
		annotated := d.get("a")
		annotated.Annotations = map[string]string{"note": "of a person"}
		if err := d.server.Update(annotated); err != nil {
			d.t.Fatal(err)
		}
		d.writes(&seen)
		d.Put(o, status(1, condition("Accepted", "True")))
		wait(time.Second)
		if got := d.writes(&seen); got != "409 200" {
			d.t.Errorf("answers: %q", got)
		}
		if now := d.get("a"); len(now.Status.Conditions) != 1 || now.Annotations["note"] == "" {
			d.t.Errorf("written: %+v", now)
		}
		d.Put(o, status(1, condition("Accepted", "False"))) // by now the status is another's too: that will be heard of
		wait(time.Second)
		if got := d.writes(&seen); got != "409" {
			d.t.Errorf("answers: %q", got)
		}
	})
}
