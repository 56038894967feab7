package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// answer is what goes back. The body of a watch gives events as they come.
type answer struct {
	code int
	body io.ReadCloser
	size int64 // of the body; -1: it is a stream
}

// answer answers a request, or returns the error of a connection on which no answer comes.
func (s *Server) answer(r *http.Request) (answer, error) {
	s.mu.Lock()
	q, err := s.parse(r)
	fate := s.faults.befall(q)
	s.mu.Unlock()
	if err := s.faults.reach(r.Context(), fate); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.note(q, 0)
		return answer{}, err
	}
	if err == nil {
		err = negotiate(r, &q)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.faults.permit(q)
	}
	if err == nil && !fate.after {
		err = fate.err
	}
	var a answer
	if err == nil {
		a, err = s.act(r.Context(), q)
	}
	if err == nil && fate.after {
		err = fate.err
	}
	if fate.cut {
		s.note(q, 0)
		return answer{}, errCut
	}
	if err != nil {
		a = failure(err)
	}
	s.note(q, a.code)
	return a, nil
}

// act does what q asks for.
func (s *Server) act(ctx context.Context, q query) (answer, error) {
	if q.table == nil {
		return s.discover(q.verb)
	}
	t := q.table
	switch q.verb {
	case "list":
		return s.list(q)
	case "watch":
		return s.watch(ctx, q)
	case "get":
		if held := t.objects[path(q.namespace, q.name)]; held != nil {
			return plain(http.StatusOK, held.json), nil
		}
		return answer{}, notFound(t, q.name)
	case "patch":
		held, err := s.patch(t, path(q.namespace, q.name), q.body, q.subresource)
		if err != nil {
			return answer{}, err
		}
		return plain(http.StatusOK, held.json), nil
	case "delete":
		return s.delete(q)
	}
	return s.store(q)
}

// store answers a create or an update.
func (s *Server) store(q query) (answer, error) {
	t := q.table
	o, err := decode(q.body)
	if err != nil {
		return answer{}, err
	}
	if q.namespace != "" {
		o.SetNamespace(q.namespace)
		if s.table(namespaces).objects[q.namespace] == nil {
			return answer{}, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, q.namespace)
		}
	} else if !t.Cluster {
		return answer{}, apierrors.NewBadRequest("an object of a namespaced kind is written below its namespace")
	}
	code, write := http.StatusCreated, s.create
	if q.verb == "update" {
		code, write = http.StatusOK, s.update
		if o.GetName() != q.name {
			return answer{}, apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", o.GetName(), q.name))
		}
		if held := t.objects[key(o)]; q.subresource == "status" && held != nil {
			whole, err := decode(held.json)
			if err != nil {
				return answer{}, err
			}
			whole.Object["status"] = o.Object["status"]
			whole.SetResourceVersion(o.GetResourceVersion())
			o = whole
		}
	}
	if err := write(t, o); err != nil {
		return answer{}, err
	}
	return plain(code, t.objects[key(o)].json), nil
}

func (s *Server) delete(q query) (answer, error) {
	held := q.table.objects[path(q.namespace, q.name)]
	if held == nil {
		return answer{}, notFound(q.table, q.name)
	}
	o, err := decode(held.json)
	if err != nil {
		return answer{}, err
	}
	var options metav1.DeleteOptions
	if len(q.body) > 0 {
		if err := json.Unmarshal(q.body, &options); err != nil {
			return answer{}, apierrors.NewBadRequest(err.Error())
		}
	}
	if p := options.Preconditions; p != nil {
		if p.UID != nil && *p.UID != o.GetUID() || p.ResourceVersion != nil && *p.ResourceVersion != o.GetResourceVersion() {
			return answer{}, apierrors.NewConflict(q.table.resource(), q.name, errors.New("the precondition failed"))
		}
	}
	if err := s.remove(q.table, o); err != nil {
		return answer{}, err
	}
	return encoded(http.StatusOK, metav1.Status{TypeMeta: statusType, Status: metav1.StatusSuccess,
		Details: &metav1.StatusDetails{Name: q.name, Group: q.table.Group, Kind: q.table.Plural, UID: types.UID(o.GetUID())}}), nil
}

var statusType = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}

// failure is the answer that tells of an error.
func failure(err error) answer {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		status = apierrors.NewInternalError(err)
	}
	told := status.Status()
	told.TypeMeta = statusType
	return encoded(int(told.Code), told)
}

func encoded(code int, o any) answer {
	text, err := json.Marshal(o)
	if err != nil {
		code, text = http.StatusInternalServerError, []byte(err.Error())
	}
	return plain(code, text)
}

func plain(code int, text []byte) answer {
	return answer{code: code, body: io.NopCloser(bytes.NewReader(text)), size: int64(len(text))}
}

// send writes an answer to a connection.
func send(w http.ResponseWriter, a answer) {
	defer a.body.Close()
	w.Header().Set("Content-Type", "application/json")
	if a.size >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(a.size, 10))
	}
	w.WriteHeader(a.code)
	if a.size >= 0 {
		_, _ = io.Copy(w, a.body) // a client that went away needs no answer
		return
	}
	out := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for out.Flush() == nil {
		n, err := a.body.Read(buf)
		if _, failed := w.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}

// pause waits, and returns the context's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
