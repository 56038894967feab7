package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// RoundTripper returns the way to the server within the process. It works inside a testing/synctest bubble if the
// server was made there.
func (s *Server) RoundTripper() http.RoundTripper { return within{s} }

type within struct{ s *Server }

// RoundTrip implements http.RoundTripper.
func (w within) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := w.s.answer(r)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: a.code, Status: fmt.Sprintf("%d %s", a.code, http.StatusText(a.code)), Proto: "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: a.body, ContentLength: a.size, Request: r}, nil
}

// Listen serves HTTP on a free port of the loopback interface until stop is called, which ends all connections. A
// [Refusing] server closes connections as they come.
func (s *Server) Listen() (url string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() error {
		cancel()
		err := server.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}, nil
}
