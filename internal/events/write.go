package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record/util"
)

const (
	// seriesTime is how long the same note again counts up the Event that told it,
	// and seriesMost how many Events are remembered for that.
	seriesTime = 6 * time.Minute
	seriesMost = 1000

	tries      = 8
	firstPause = time.Second
	// mostText is what an Event's note may hold
	// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/).
	mostText = 1024
)

// written is an Event that may become a series.
type written struct {
	note      Note
	namespace string
	name      string
	count     int32
	last      time.Time
}

// write makes an Event of a note. A server that does not answer is asked again,
// with growing pauses; then the note is given up.
func (r *Recorder) write(ctx context.Context, n Note) {
	for try, pause := 1, firstPause; ; try, pause = try+1, 2*pause {
		err := r.try(ctx, n)
		switch {
		case err == nil:
			return
		case apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
			r.forbid(err)
			return
		case answered(err) || try == tries || ctx.Err() != nil:
			r.count("failed")
			r.log.Debug("an Event could not be written", "object", n.About.Name, "reason", n.Reason, "error", err)
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// answered reports whether the same request would be answered alike another time.
func answered(err error) bool {
	return apierrors.ReasonForError(err) != metav1.StatusReasonUnknown && !apierrors.IsTooManyRequests(err) &&
		!apierrors.IsServerTimeout(err) && !apierrors.IsTimeout(err) && !apierrors.IsServiceUnavailable(err) &&
		!apierrors.IsInternalError(err)
}

func (r *Recorder) forbid(err error) {
	r.count("failed")
	if r.forbidden {
		return
	}
	r.forbidden = true
	r.log.Warn("Events may not be written: what is refused is told in the log, in metrics and by signpost explain only", "error", err,
		"hint", `add this rule to the ClusterRole: {apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"]}`)
}

func (r *Recorder) try(ctx context.Context, n Note) error {
	now := time.Now()
	r.recent = slices.DeleteFunc(r.recent, func(w written) bool { return now.Sub(w.last) > seriesTime })
	if i := slices.IndexFunc(r.recent, func(w written) bool { return w.note == n }); i >= 0 {
		err := r.again(ctx, &r.recent[i], now)
		if !apierrors.IsNotFound(err) {
			return err
		}
		r.recent = slices.Delete(r.recent, i, i+1)
	}
	regarding, there, err := r.regarding(ctx, n.About)
	if err != nil || !there {
		return err
	}
	event := r.event(n, regarding, now)
	if _, err := r.events.Events(event.Namespace).Create(ctx, event, metav1.CreateOptions{}); err != nil {
		return err
	}
	r.count("written")
	if len(r.recent) == seriesMost {
		r.recent = slices.Delete(r.recent, 0, 1)
	}
	r.recent = append(r.recent, written{n, event.Namespace, event.Name, 1, now})
	return nil
}

// again counts up an Event.
func (r *Recorder) again(ctx context.Context, w *written, now time.Time) error {
	series := eventsv1.EventSeries{Count: w.count + 1, LastObservedTime: metav1.NewMicroTime(now)}
	patch, err := json.Marshal(map[string]any{"series": series})
	if err != nil {
		return fmt.Errorf("count up an Event: %w", err)
	}
	if _, err := r.events.Events(w.namespace).Patch(ctx, w.name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return err
	}
	r.count("written")
	w.count, w.last = series.Count, now
	return nil
}

// regarding looks up the object, since "kubectl describe" shows only Events that
// name its UID; there is false if it is gone. Who may not look writes without.
func (r *Recorder) regarding(ctx context.Context, about Ref) (ref corev1.ObjectReference, there bool, err error) {
	version, kind := about.Kind.ToAPIVersionAndKind()
	ref = corev1.ObjectReference{APIVersion: version, Kind: kind, Namespace: about.Namespace, Name: about.Name}
	resource, _ := meta.UnsafeGuessKindToResource(about.Kind)
	object, err := r.objects.Resource(resource).Namespace(about.Namespace).Get(ctx, about.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err):
		return ref, true, nil
	case apierrors.IsNotFound(err):
		return ref, false, nil
	case err != nil:
		return ref, false, err
	}
	ref.UID = object.UID
	return ref, true, nil
}

// event returns the Event that tells a note, under a name that no other has.
func (r *Recorder) event(n Note, regarding corev1.ObjectReference, now time.Time) *eventsv1.Event {
	r.serial = max(r.serial+1, now.UnixNano())
	e := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: regarding.Namespace, Name: util.GenerateEventName(regarding.Name, r.serial)},
		EventTime:  metav1.NewMicroTime(now), ReportingController: controller, ReportingInstance: short(r.instance, 128),
		Action: n.Action, Reason: n.Reason, Regarding: regarding, Note: short(n.Text, mostText), Type: corev1.EventTypeWarning,
	}
	if e.Namespace == "" {
		e.Namespace = metav1.NamespaceDefault
	}
	if n.Good {
		e.Type = corev1.EventTypeNormal
	}
	return e
}

// short cuts a text to a number of bytes, between two characters.
func short(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const more = "..."
	end := 0
	for i := range text {
		if i > most-len(more) {
			break
		}
		end = i
	}
	return text[:end] + more
}
