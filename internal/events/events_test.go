package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

var web = Ref{schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}, "shop", "web"}

// server is as much of an API server as Events need. It is called in place of
// the network.
type server struct {
	mu     sync.Mutex
	events map[string]*eventsv1.Event
	asked  []string
	refuse func(r *http.Request) int // 0 is to serve
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(time.Microsecond) // an Event's name is made of the time, which stands still in a bubble
	s.mu.Lock()
	defer s.mu.Unlock()
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	code := 0
	if s.refuse != nil {
		code = s.refuse(r)
	}
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch {
	case code != 0:
		w.WriteHeader(code)
		reason := map[int]metav1.StatusReason{403: metav1.StatusReasonForbidden, 404: metav1.StatusReasonNotFound}[code]
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: fmt.Sprint("refused with ", code)})
	case r.Method == http.MethodGet:
		_ = json.NewEncoder(w).Encode(metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{Kind: "PartialObjectMetadata", APIVersion: "meta.k8s.io/v1"},
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-of-" + "web"}})
	case r.Method == http.MethodPost:
		var e eventsv1.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			return nil, err
		}
		s.events[e.Name] = &e
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(e)
	case r.Method == http.MethodPatch:
		if err := json.NewDecoder(r.Body).Decode(s.events[name]); err != nil {
			return nil, err
		}
		_ = json.NewEncoder(w).Encode(s.events[name])
	}
	return w.Result(), nil
}

// told returns the Events that were written: "Ingress shop/web Warning NotOwned Publish x1: text".
func (s *server) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, e := range s.events {
		n := int32(1)
		if e.Series != nil {
			n = e.Series.Count
		}
		lines = append(lines, fmt.Sprintf("%s %s/%s (%s) %s %s %s x%d: %s", e.Regarding.Kind, e.Namespace, e.Regarding.Name, e.Regarding.UID,
			e.Type, e.Reason, e.Action, n, e.Note))
	}
	return strings.Join(lines, "\n")
}

// world runs a recorder on a server, in a bubble.
func world(t *testing.T, o Options) (*Recorder, *server, *bytes.Buffer, map[string]int) {
	t.Helper()
	s, log, counts := &server{events: map[string]*eventsv1.Event{}}, &bytes.Buffer{}, map[string]int{}
	var mu sync.Mutex
	r, err := Open(o, &rest.Config{Host: "http://server", Transport: s,
		ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, Ref{}, func(result string) {
		mu.Lock()
		defer mu.Unlock()
		counts[result]++
	}, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	go r.Run(t.Context())
	return r, s, log, counts
}

func TestNoteBecomesEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _, counts := world(t, Options{})
		refused := Note{About: web, Reason: "NotOwned", Action: "Publish", Text: "somebody else's"}
		r.Tell(refused)
		wait(time.Second)
		if got, want := s.told(), "Ingress shop/web (uid-of-web) Warning NotOwned Publish x1: somebody else's"; got != want {
			t.Errorf("told:\n%s\nwant:\n%s", got, want)
		}
		// The same again counts up, other words are news.
		r.Tell(refused)
		r.Tell(refused)
		wait(time.Second)
		if got := s.told(); !strings.HasSuffix(got, "x3: somebody else's") {
			t.Errorf("told three times:\n%s", got)
		}
		refused.Text = "held by another"
		r.Tell(refused)
		wait(time.Second)
		if got := s.told(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "x1: held by another") {
			t.Errorf("other words:\n%s", got)
		}
		// After some minutes it is a new Event.
		wait(time.Hour)
		r.Tell(refused)
		wait(time.Second)
		if got := s.told(); strings.Count(got, "x1: held by another") != 2 {
			t.Errorf("an hour later:\n%s", got)
		}
		r.Tell(Note{Reason: "Failed", Text: "of this process, for which nothing stands"})
		r.Tell(Note{About: web, Good: true, Reason: RecordReady, Text: "not asked for"})
		wait(time.Second)
		if counts["written"] != 5 || counts["dropped"]+counts["failed"] != 0 {
			t.Errorf("counted %v, want 5 written", counts)
		}
	})
}

// Good news is told at most ten times a second, as much of it as the queue holds,
// and keeps no bad news waiting.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _, counts := world(t, Options{Emit: []string{RecordReady}})
		for i := range 5000 {
			r.Tell(Note{About: web, Good: true, Reason: RecordReady, Text: fmt.Sprint(i)})
		}
		r.Tell(Note{About: web, Reason: "NotOwned", Text: "bad"})
		wait(time.Second)
		if got := s.told(); !strings.Contains(got, "bad") || strings.Count(got, "RecordReady") != goodRate {
			t.Errorf("told within a second:\n%s", got)
		}
		wait((room/goodRate + 1) * time.Second)
		if got := strings.Count(s.told(), "RecordReady"); got < room || got+counts["dropped"] != 5000 || len(s.asked) != 2*(got+1) {
			t.Errorf("%d were told, counted %v, with %d requests", got, counts, len(s.asked))
		}
		for i := range 10 * room {
			r.Tell(Note{About: web, Reason: "NotOwned", Text: fmt.Sprint("bad ", i)}) // never waits
		}
		wait(time.Hour)
		if n := strings.Count(s.told(), "NotOwned"); n < room-clientRate || n > room+clientRate {
			t.Errorf("%d of a flood were told, want about what the queue holds, %d", n, room)
		}
	})
}

func TestFailures(t *testing.T) {
	note := func(i int) Note { return Note{About: web, Reason: "NotOwned", Text: fmt.Sprint("text ", i)} }
	onWrite := func(code int) func(*http.Request) int {
		return func(r *http.Request) int {
			if r.Method == http.MethodPost {
				return code
			}
			return 0
		}
	}
	t.Run("forbidden is told once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, s, log, counts := world(t, Options{})
			s.refuse = onWrite(403)
			r.Tell(note(1))
			r.Tell(note(2))
			wait(time.Hour)
			if n := strings.Count(log.String(), `{apiGroups: [\"events.k8s.io\"], resources: [\"events\"], verbs: [\"create\", \"patch\"]}`); n != 1 || counts["failed"] != 2 {
				t.Errorf("told %d times, counted %v:\n%s", n, counts, log)
			}
			s.mu.Lock()
			s.refuse = nil
			s.mu.Unlock()
			r.Tell(note(3))
			wait(time.Second)
			if !strings.Contains(s.told(), "text 3") {
				t.Error("what may be written again is not written")
			}
		})
	})
	t.Run("an outage passes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, s, _, _ := world(t, Options{})
			s.refuse = onWrite(503)
			r.Tell(note(1))
			wait(10 * time.Second)
			s.mu.Lock()
			s.refuse = nil
			s.mu.Unlock()
			wait(time.Minute)
			if !strings.Contains(s.told(), "text 1") {
				t.Errorf("told: %s", s.told())
			}
		})
	})
	t.Run("an object that is gone hears nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, s, _, _ := world(t, Options{})
			s.refuse = func(r *http.Request) int {
				if r.Method == http.MethodGet {
					return 404
				}
				return 0
			}
			r.Tell(note(1))
			wait(time.Minute)
			if got := strings.Join(s.asked, " "); got != "GET /apis/networking.k8s.io/v1/namespaces/shop/ingresses/web" {
				t.Errorf("asked: %s", got)
			}
		})
	})
	t.Run("who may not look writes without the UID", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, s, _, _ := world(t, Options{})
			s.refuse = func(r *http.Request) int {
				if r.Method == http.MethodGet {
					return 403
				}
				return 0
			}
			r.Tell(note(1))
			wait(time.Minute)
			if got := s.told(); !strings.HasPrefix(got, "Ingress shop/web () Warning") {
				t.Errorf("told: %s", got)
			}
		})
	})
}

func TestShort(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("a", mostText), strings.Repeat("ü", mostText), strings.Repeat("a", mostText-1) + "üü"} {
		got := short(text, mostText)
		if len(got) > mostText || len(text) <= mostText && got != text || !strings.HasPrefix(text, strings.TrimSuffix(got, "...")) {
			t.Errorf("%d bytes are cut to %d: %q", len(text), len(got), got[max(0, len(got)-10):])
		}
	}
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
