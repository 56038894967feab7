package publicip

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Family is a version of the Internet Protocol.
type Family string

// The families.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Type returns the type of the record set that holds an address of this family.
func (f Family) Type() dns.Type {
	if f == IPv6 {
		return dns.AAAA
	}
	return dns.A
}

// has reports whether an address is of this family.
func (f Family) has(a netip.Addr) bool { return a.IsValid() && a.Is4() == (f == IPv4) && !a.Is4In6() }

// Finder is a way to learn the host's public address.
type Finder interface {
	// Find returns the address of a family. An error is [ErrNoAddress] if it is certain that there is none, and any
	// other if it could not be told.
	Find(ctx context.Context, f Family) (netip.Addr, error)
	// String returns the way as --from names it.
	String() string
}

// ErrNoAddress means that the host has no public address of the family.
var ErrNoAddress = errors.New("no public address")

// hinted is an error with what a person can do about it.
type hinted struct {
	error
	hint string
}

func (h *hinted) Hint() string  { return h.hint }
func (h *hinted) Unwrap() error { return h.error }

func errorf(hint, format string, args ...any) error {
	return &hinted{fmt.Errorf(format, args...), hint}
}

// Options choose a way.
type Options struct {
	From         string   `name:"from" group:"address" default:"auto" placeholder:"WAY" help:"Where the address is learned: ec2 (instance metadata), interface or interface=NAME (the host's own global addresses), https (echo services), or auto: what fits the host."`
	EchoServices []string `name:"echo-service" group:"address" placeholder:"URL" help:"A service that answers with the address from which it was asked, for --from=https. Repeatable; at least two must agree. Not given: four that are known for it."`
}

// defaultEcho are services of independent operators, reachable over both families where they have them.
func defaultEcho() []string {
	return []string{"https://checkip.amazonaws.com", "https://icanhazip.com", "https://ifconfig.me/ip", "https://api64.ipify.org"}
}

// Host is what a finder touches of the machine. The zero value is the machine itself.
type Host struct {
	Interfaces func() ([]Interface, error)    // nil: the network interfaces of the machine
	Files      fs.FS                          // nil: the machine's files, from the root
	Env        func(string) (string, bool)    // nil: the environment
	Transport  func(Family) http.RoundTripper // nil: the network, over that family only
	Metadata   http.RoundTripper              // nil: the network
}

func (h Host) complete() Host {
	if h.Interfaces == nil {
		h.Interfaces = interfaces
	}
	if h.Files == nil {
		h.Files = os.DirFS("/")
	}
	if h.Env == nil {
		h.Env = os.LookupEnv
	}
	if h.Transport == nil {
		h.Transport = overFamily
	}
	if h.Metadata == nil {
		h.Metadata = &http.Transport{Proxy: nil}
	}
	return h
}

// overFamily returns a transport that connects over one family, whose address the far end will see. It uses no proxy:
// the far end would see the proxy's.
func overFamily(f Family) http.RoundTripper {
	network := "tcp4"
	if f == IPv6 {
		network = "tcp6"
	}
	var dialer net.Dialer
	return &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		DisableKeepAlives: true,
	}
}

// New returns the finder that the options choose.
func New(o Options, host Host) (Finder, error) {
	host = host.complete()
	echo, err := newEcho(o.EchoServices, host)
	if err != nil {
		return nil, err
	}
	way, name, named := strings.Cut(o.From, "=")
	switch {
	case way == "interface" && (!named || name != ""):
		return &card{name: name, host: host}, nil
	case named:
	case way == "ec2":
		return newMetadata(host)
	case way == "https":
		return echo, nil
	case way == "auto" || way == "":
		return newAuto(echo, host)
	}
	return nil, errorf("the ways are auto, ec2, interface, interface=eth0 and https", "--from: %q is no way to learn an address", o.From)
}

// auto tries what fits the host.
type auto struct {
	ec2  Finder // nil: this is no EC2 instance
	card Finder
	echo Finder
}

func newAuto(echo Finder, host Host) (Finder, error) {
	a := &auto{card: &card{host: host}, echo: echo}
	if onEC2(host) {
		var err error
		if a.ec2, err = newMetadata(host); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *auto) String() string { return "auto" }

// Find asks the instance metadata on an EC2 instance: what they do not know is no address of this host, even where the
// world sees one (a NAT gateway's). Elsewhere a global address of an interface is the host's own, and behind a router
// of a home or an office the world sees the router's.
func (a *auto) Find(ctx context.Context, f Family) (netip.Addr, error) {
	if a.ec2 != nil {
		return a.ec2.Find(ctx, f)
	}
	addr, err := a.card.Find(ctx, f)
	if !errors.Is(err, ErrNoAddress) {
		return addr, err
	}
	addr, err = a.echo.Find(ctx, f)
	if err != nil {
		return addr, fmt.Errorf("no interface has a global address, and %w", err)
	}
	return addr, nil
}

// onEC2 reports whether the machine says that it is an EC2 instance, or somebody says where metadata are.
// See https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html.
func onEC2(host Host) bool {
	if v, _ := host.Env("AWS_EC2_METADATA_SERVICE_ENDPOINT"); v != "" {
		return true
	}
	if vendor, err := fs.ReadFile(host.Files, "sys/class/dmi/id/sys_vendor"); err == nil {
		return strings.HasPrefix(string(vendor), "Amazon EC2")
	}
	uuid, err := fs.ReadFile(host.Files, "sys/hypervisor/uuid")
	return err == nil && strings.HasPrefix(string(uuid), "ec2")
}

// baseURL reads the address of a service, "http" or "https".
func baseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no URL", text)
	}
	return u, nil
}
