package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// Sockets are where a Server listens.
type Sockets struct {
	HTTP netip.AddrPort // the API
	DNS  netip.AddrPort // UDP and TCP

	server *Server
	api    net.Listener
	tcp    net.Listener
	udp    net.PacketConn
}

// Listen opens sockets for the API and for DNS at addresses such as "127.0.0.1:0", where port 0 is any free port. It
// refuses addresses that are not loopback: the emulator lets everybody in. Nothing is answered until Serve.
func (s *Server) Listen(httpAddr, dnsAddr string) (*Sockets, error) {
	api, err := loopback(httpAddr)
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	names, err := loopback(dnsAddr)
	if err != nil {
		return nil, fmt.Errorf("listen for DNS: %w", err)
	}
	k := &Sockets{server: s}
	if k.api, err = net.Listen("tcp", api.String()); err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	if err := k.listenDNS(names); err != nil {
		k.Close()
		return nil, fmt.Errorf("listen for DNS: %w", err)
	}
	k.HTTP = k.api.Addr().(*net.TCPAddr).AddrPort()
	k.DNS = k.tcp.Addr().(*net.TCPAddr).AddrPort()
	return k, nil
}

// loopback reads an address and port, "localhost" being 127.0.0.1.
func loopback(addr string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return netip.AddrPort{}, fmt.Errorf("%s is no loopback address; the emulator has no locks, so it serves this machine only "+
			"(use 127.0.0.1 or ::1)", addr)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s has no valid port: %w", addr, err)
	}
	return netip.AddrPortFrom(ip, uint16(n)), nil
}

// listenDNS opens one port for UDP and TCP. A free TCP port may be taken for UDP, so with port 0 it tries a few.
func (k *Sockets) listenDNS(at netip.AddrPort) error {
	var err error
	for range 10 {
		if k.tcp, err = net.Listen("tcp", at.String()); err != nil {
			return err
		}
		if k.udp, err = net.ListenPacket("udp", k.tcp.Addr().String()); err == nil {
			return nil
		}
		k.tcp.Close()
		k.tcp = nil
		if at.Port() != 0 {
			break
		}
	}
	return err
}

// Close ends the sockets of a Server that will not Serve on them.
func (k *Sockets) Close() error {
	var errs []error
	if k.api != nil {
		errs = append(errs, k.api.Close())
	}
	if k.tcp != nil {
		errs = append(errs, k.tcp.Close())
	}
	if k.udp != nil {
		errs = append(errs, k.udp.Close())
	}
	return errors.Join(errs...)
}

// grace is how long calls in progress have to end when Serve stops.
const grace = time.Second

// Serve answers until ctx ends, then closes the sockets and returns nil; it returns an error if a socket fails before.
func (k *Sockets) Serve(ctx context.Context) error {
	api := &http.Server{Handler: k.server, ReadHeaderTimeout: 10 * time.Second}
	tcp := &dns.Server{Listener: k.tcp, Handler: k.server}
	udp := &dns.Server{PacketConn: k.udp, Handler: k.server}
	services := map[string]func() error{
		"serve the API":      func() error { return api.Serve(k.api) },
		"serve DNS over TCP": tcp.ActivateAndServe,
		"serve DNS over UDP": udp.ActivateAndServe,
	}
	ended := make(chan error, len(services))
	for what, serve := range services {
		go func() { ended <- fmt.Errorf("%s: %w", what, cmp.Or(serve(), net.ErrClosed)) }()
	}
	var first error
	waiting := len(services)
	select {
	case <-ctx.Done():
	case first = <-ended:
		waiting--
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if api.Shutdown(stop) != nil {
		api.Close()
	}
	// A DNS server that has not begun yet refuses to shut down; closing its socket ends it then. Errors of sockets that
	// are closed already mean nothing.
	_ = tcp.ShutdownContext(stop)
	_ = udp.ShutdownContext(stop)
	_ = k.Close()
	for range waiting {
		<-ended
	}
	return first
}
