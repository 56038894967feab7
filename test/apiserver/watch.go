package apiserver

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// bookmarkEvery is how often a watch that allows it is told how far it has come, as an API server does.
const bookmarkEvery = time.Minute

// stream is the body of a watch: reading it waits for events. It needs no goroutine.
type stream struct {
	s         *Server
	table     *table
	selection selection
	ctx       context.Context // of the request
	closed    chan struct{}   // the reader hung up
	close     sync.Once
	end       *ending
	lasts     time.Time // zero: for ever
	bookmarks bool

	// The rest belongs to the reader.
	at      *event    // the last event that was looked at
	first   []*object // to be shown before anything else
	initial bool      // after them a bookmark ends the initial list
	told    uint64    // the version that the reader knows of
	next    time.Time // bookmark
	gone    bool      // 410, and over
	over    bool
	buf     []byte
}

// watch opens a watch.
func (s *Server) watch(ctx context.Context, q query) (answer, error) {
	t := q.table
	w := &stream{s: s, table: t, selection: q.selection, ctx: ctx, closed: make(chan struct{}), end: t.end, at: t.last,
		told: s.version, bookmarks: q.params.Get("allowWatchBookmarks") == "true", next: time.Now().Add(bookmarkEvery)}
	seconds, err := strconv.Atoi(cmp.Or(q.params.Get("timeoutSeconds"), "0"))
	if err != nil {
		return answer{}, apierrors.NewBadRequest("timeoutSeconds: " + err.Error())
	}
	if seconds > 0 {
		w.lasts = time.Now().Add(time.Duration(seconds) * time.Second)
	}
	since, err := strconv.ParseUint(cmp.Or(q.params.Get("resourceVersion"), "0"), 10, 64)
	if err != nil {
		return answer{}, apierrors.NewBadRequest("resourceVersion: " + err.Error())
	}
	switch {
	case q.params.Get("sendInitialEvents") == "true":
		if s.options.NoStreamingLists {
			return answer{}, invalid("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
		}
		if q.params.Get("resourceVersionMatch") != string(metav1.ResourceVersionMatchNotOlderThan) {
			return answer{}, invalid("resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
		}
		w.first, w.initial = t.shown(q.selection), w.bookmarks
	case since == 0:
		w.first = t.shown(q.selection)
	case since < t.floor:
		w.gone = true
	default:
		w.at = t.oldest
		for w.at.next != nil && w.at.next.object.version <= since {
			w.at = w.at.next
		}
		w.told = since
	}
	return answer{code: http.StatusOK, body: w, size: -1}, nil
}

func invalid(message string) error {
	return refusal(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "ListOptions.meta.k8s.io \"\" is invalid: "+message)
}

// Read gives the next events, each a line of JSON.
func (w *stream) Read(p []byte) (int, error) {
	for len(w.buf) == 0 {
		if w.over {
			return 0, io.EOF
		}
		changed, silent := w.collect()
		if len(w.buf) > 0 || w.over {
			continue
		}
		if err := w.wait(changed, silent); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.buf)
	if w.buf = w.buf[n:]; len(w.buf) == 0 {
		w.buf = nil
	}
	return n, nil
}

// Close ends the watch.
func (w *stream) Close() error {
	w.close.Do(func() { close(w.closed) })
	return nil
}

// enough is how much is collected at once.
const enough = 64 << 10

// collect takes what has happened, and returns a channel that is closed when more has, or when a server that is silent
// speaks again.
func (w *stream) collect() (changed <-chan struct{}, silent bool) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if silent := w.s.faults.silence(); silent != nil {
		return silent, true
	}
	if w.gone {
		w.expire()
		return nil, false
	}
	for len(w.first) > 0 && len(w.buf) < enough {
		w.add("ADDED", w.first[0].json)
		w.first = w.first[1:]
	}
	if len(w.first) > 0 {
		return nil, false
	}
	if w.initial {
		w.initial = false
		w.bookmark(w.told, `,"annotations":{"`+metav1.InitialEventsAnnotationKey+`":"true"}`)
	}
	for w.at.next != nil && len(w.buf) < enough {
		w.at = w.at.next
		w.show(w.at)
	}
	now := time.Now()
	ends := !w.lasts.IsZero() && !now.Before(w.lasts)
	if w.at.next == nil && w.bookmarks && (ends || !now.Before(w.next)) {
		w.next = now.Add(bookmarkEvery)
		if w.told < w.s.version {
			w.told = w.s.version
			w.bookmark(w.told, "")
		}
	}
	w.over = w.over || ends
	return w.table.changed, false
}

// show adds an event as the selection sees it: an object may come into sight or leave it with a change of its labels.
func (w *stream) show(e *event) {
	now, before := e.kind != "DELETED" && w.selection.shows(e.object), w.selection.shows(e.before)
	switch {
	case now && before:
		w.add("MODIFIED", e.object.json)
	case now:
		w.add("ADDED", e.object.json)
	case before:
		w.add("DELETED", e.object.json)
	default:
		return
	}
	w.told = e.object.version
}

func (w *stream) add(kind string, object []byte) {
	w.buf = fmt.Appendf(w.buf, `{"type":%q,"object":%s}`+"\n", kind, object)
}

func (w *stream) bookmark(version uint64, more string) {
	w.add("BOOKMARK", fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"%d","creationTimestamp":null%s}}`,
		w.table.Kind, w.table.GroupVersion(), version, more))
}

// expire ends the watch with 410: what it asks for is forgotten.
func (w *stream) expire() {
	told := apierrors.NewResourceExpired("too old resource version").Status()
	told.TypeMeta = statusType
	a := encoded(http.StatusOK, told)
	text, err := io.ReadAll(a.body)
	if err == nil {
		w.add("ERROR", text)
	}
	w.over = true
}

// wait returns when it may be worth while to collect again, or why the connection ended.
func (w *stream) wait(changed <-chan struct{}, silent bool) error {
	var at time.Time
	if w.bookmarks {
		at = w.next
	}
	if !w.lasts.IsZero() && (at.IsZero() || w.lasts.Before(at)) {
		at = w.lasts
	}
	var wake <-chan time.Time
	told := w.end.told
	if silent {
		at, told = time.Time{}, nil
	}
	if !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		wake = timer.C
	}
	select {
	case <-changed:
	case <-wake:
	case <-told:
		if w.end.gone {
			w.gone = true
		} else {
			w.over = true
		}
	case <-w.closed:
		return io.ErrClosedPipe
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	return nil
}
