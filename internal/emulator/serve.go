package emulator

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// maxBody is well above what the largest legal batch needs.
const maxBody = 4 << 20

// errCut is what a client of RoundTripper sees of a connection that a fault cut.
var errCut = errors.New("connection reset by peer")

// answer is what goes back to the client.
type answer struct {
	service   string
	status    int
	requestID string
	header    http.Header // beyond what every answer has
	body      []byte
	cut       bool // nothing goes back
	lost      bool // nothing goes back, and the client is left to wait
}

// plain is a document that is no XML.
type plain struct {
	mediaType string
	text      string
}

// ServeHTTP answers the REST API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := s.answer(r)
	if a.cut {
		cut(w)
		return
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	if _, err := w.Write(a.body); err != nil && s.cfg.Log != nil {
		s.cfg.Log.Debug("client went away", "requestId", a.requestID, "error", err)
	}
}

// cut closes the connection without an answer. Where that is impossible, as in HTTP/2, an empty 502 is the nearest.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	conn.Close()
}

// RoundTripper calls the API in-process, without sockets or goroutines. Whatever the host in the URL, this server answers.
func (s *Server) RoundTripper() http.RoundTripper { return roundTripper{s} }

type roundTripper struct{ s *Server }

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	a := t.s.answer(r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if a.cut {
		return nil, errCut
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode:    a.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        a.header,
		Body:          io.NopCloser(bytes.NewReader(a.body)),
		ContentLength: int64(len(a.body)),
		Request:       r,
	}, nil
}

// answer runs one call from its headers to its log line.
func (s *Server) answer(r *http.Request) answer {
	s.mu.Lock()
	id := s.next()
	s.mu.Unlock()
	a := answer{requestID: fmt.Sprintf("00000000-0000-4000-8000-%012x", id), status: http.StatusOK, header: http.Header{}}
	c := Call{Time: time.Now()}
	doc, e := s.call(r, &c, &a)
	if e != nil {
		a.status = e.Status
		doc = e.document(a.service, a.requestID, s.cfg.MessageList)
		c.Code, c.Message = e.Code, e.Message
	}
	if a.cut {
		c.Cut = true
	} else {
		a.write(doc)
		c.Status = a.status
	}
	s.log(c)
	return a
}

// write makes the body and the headers of a document.
func (a *answer) write(doc any) {
	text, ok := doc.(plain)
	if !ok {
		text.mediaType = "text/xml"
		a.header.Set("X-Amzn-RequestId", a.requestID)
		body, err := xml.Marshal(doc)
		if err != nil { // only if a document's type is wrong
			a.status, body = http.StatusInternalServerError, []byte(err.Error())
		}
		text.text = xml.Header + string(body)
	}
	a.body = []byte(text.text)
	a.header.Set("Content-Type", text.mediaType)
	a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
}

// call authenticates, delays, throttles, authorises and runs a request, in that order, with the faults that hit it.
func (s *Server) call(r *http.Request, c *Call, a *answer) (any, *Error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
			return nil, refuse(http.StatusBadRequest, "MalformedInput", "The body could not be read: %v", err)
		}
	}
	q, known := route(r, body)
	if !known {
		return nil, refuse(http.StatusNotFound, "UnknownOperationException", "%s %s is no operation of this API", r.Method, r.URL.Path)
	}
	a.service, c.Action, c.Zone, c.Changes = q.service, q.action, q.zone(), q.batch.summary()
	if e := s.authenticate(q, r.Header); e != nil {
		return nil, e
	}
	c.AccessKeyID = q.key

	f := s.admit(q)
	if f.err != nil && !f.after {
		return nil, f.err
	}
	if f.cut && !f.after {
		a.cut = true
		return nil, nil
	}
	defer s.done(q, f)
	before := s.cfg.Latency
	if q.service == serviceMetadata {
		before = 0 // it is on the host itself
	}
	if !f.after {
		before += f.latency
	}
	if e := wait(r.Context(), before); e != nil {
		return nil, e
	}
	doc, e := s.run(q, a)
	if a.lost {
		<-r.Context().Done()
		a.cut = true
		return nil, nil
	}
	c.Applied = e == nil
	if !f.after {
		return doc, e
	}
	if slow := wait(r.Context(), f.latency); slow != nil {
		return nil, slow
	}
	if a.cut = f.cut; f.err != nil {
		return nil, f.err
	}
	return doc, e
}

func wait(ctx context.Context, d time.Duration) *Error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return refuse(http.StatusServiceUnavailable, "RequestCanceled", "%v", ctx.Err())
	}
}

// run authorises a request and does what it asks, as one step.
func (s *Server) run(q *request, a *answer) (any, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.authorise(q); e != nil {
		return nil, e
	}
	switch q.service {
	case serviceMetadata:
		return s.metadata(q, a)
	case serviceSTS:
		return s.sts(q, a)
	case serviceEC2:
		return s.runEC2(q, a)
	}
	switch q.action {
	case "ListHostedZones":
		return s.listHostedZones(q)
	case "ListHostedZonesByName":
		return s.listHostedZonesByName(q)
	case "GetHostedZone":
		return s.getHostedZone(q)
	case "CreateHostedZone":
		return s.createHostedZone(q, a)
	case "DeleteHostedZone":
		return s.deleteHostedZone(q)
	case "ListResourceRecordSets":
		return s.listResourceRecordSets(q)
	case "ChangeResourceRecordSets":
		return s.changeResourceRecordSets(q)
	case "GetChange":
		return s.getChange(q)
	case "ListTagsForResource":
		return s.listTagsForResource(q)
	case "ListTagsForResources":
		return s.listTagsForResources(q)
	case "ChangeTagsForResource":
		return s.changeTagsForResource(q)
	case "GetHostedZoneLimit":
		return s.getHostedZoneLimit(q)
	default:
		return s.testDNSAnswer(q)
	}
}
