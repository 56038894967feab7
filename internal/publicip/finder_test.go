package publicip_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/publicip"
)

// web answers by host with a body, or with an error's status after a colon; "" hangs.
type web map[string]string

func (w web) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := w[r.URL.Host]
	if body == "" && ok {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	status := http.StatusOK
	if !ok {
		return nil, errors.New("connection refused")
	}
	if body == "500" {
		status = http.StatusInternalServerError
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body + "\n")), Request: r}, nil
}

// machine is a host with nothing but what the test gives it.
func machine(h publicip.Host, env map[string]string) publicip.Host {
	if h.Interfaces == nil {
		h.Interfaces = func() ([]publicip.Interface, error) { return nil, nil }
	}
	if h.Files == nil {
		h.Files = fstest.MapFS{}
	}
	if h.Transport == nil {
		h.Transport = func(publicip.Family) http.RoundTripper { return web{} }
	}
	if h.Metadata == nil {
		h.Metadata = web{}
	}
	h.Env = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	return h
}

func find(t *testing.T, o publicip.Options, h publicip.Host, f publicip.Family) (string, error) {
	t.Helper()
	finder, err := publicip.New(o, h)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := finder.Find(t.Context(), f)
	if err != nil {
		return "", err
	}
	return addr.String(), nil
}

func TestEcho(t *testing.T) {
	services := []string{"https://one", "https://two", "https://three"}
	for _, tc := range []struct {
		name    string
		web     web
		family  publicip.Family
		want    string
		message string
	}{
		{"agree", web{"one": "8.8.8.8", "two": " 8.8.8.8 ", "three": "8.8.8.8"}, publicip.IPv4, "8.8.8.8", ""},
		{"two against one", web{"one": "9.9.9.9", "two": "8.8.8.8", "three": "8.8.8.8"}, publicip.IPv4, "8.8.8.8", ""},
		{"one hangs", web{"one": "", "two": "8.8.8.8", "three": "8.8.8.8"}, publicip.IPv4, "8.8.8.8", ""},
		{"IPv6", web{"one": "2606:4700:4700::1111", "two": "2606:4700:4700:0::1111"}, publicip.IPv6, "2606:4700:4700::1111", ""},
		{"disagree", web{"one": "8.8.8.8", "two": "9.9.9.9", "three": "1.1.1.1"}, publicip.IPv4, "", "one: 8.8.8.8; three: 1.1.1.1; two: 9.9.9.9"},
		{"all hang", web{"one": "", "two": "", "three": ""}, publicip.IPv4, "", "one: no answer within 5s; three: no answer within 5s"},
		{"HTML", web{"one": "8.8.8.8", "two": "<html><body>8.8.8.8</body></html>", "three": "<!doctype html>"}, publicip.IPv4, "",
			`three: answered "<!doctype html>", which is no address; two: answered "<html><body>8.8.8.8</body></html>", which is no address`},
		{"private", web{"one": "192.168.1.2", "two": "192.168.1.2"}, publicip.IPv4, "", "one: answered 192.168.1.2, which the internet cannot reach"},
		{"behind a carrier's NAT", web{"one": "100.64.1.2", "two": "100.64.1.2"}, publicip.IPv4, "", "which the internet cannot reach"},
		{"reserved", web{"one": "203.0.113.7", "two": "203.0.113.7"}, publicip.IPv4, "", "which the internet cannot reach"},
		{"the wrong family", web{"one": "2606:4700::1", "two": "2606:4700::1"}, publicip.IPv4, "", "one: answered 2606:4700::1, which is not ipv4"},
		{"mapped", web{"one": "::ffff:8.8.8.8", "two": "::ffff:8.8.8.8"}, publicip.IPv6, "", "which is not ipv6"},
		{"broken", web{"one": "500", "two": "500", "three": "8.8.8.8"}, publicip.IPv4, "", "one: status 500"},
		{"nobody", web{}, publicip.IPv4, "", "connection refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := machine(publicip.Host{Transport: func(publicip.Family) http.RoundTripper { return tc.web }}, nil)
				got, err := find(t, publicip.Options{From: "https", EchoServices: services}, h, tc.family)
				if tc.want != got {
					t.Errorf("got %q, %v, want %q", got, err, tc.want)
				}
				if tc.want == "" && (!strings.Contains(err.Error(), tc.message) || provider.Hint(err) == "") {
					t.Errorf("got %v (%s), want it to say %q and to have a hint", err, provider.Hint(err), tc.message)
				}
				if errors.Is(err, publicip.ErrNoAddress) {
					t.Error("not to know is not to have none")
				}
			})
		})
	}
}

// failing has an error for each host.
type failing map[string]error

func (f failing) RoundTrip(r *http.Request) (*http.Response, error) { return nil, f[r.URL.Host] }

// TestEchoWithoutFamily tells a host that has no IPv6 from one whose line is down.
func TestEchoWithoutFamily(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp6", Err: err} }
	routeless, refused := dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	homeless := dial(os.NewSyscallError("connect", syscall.EADDRNOTAVAIL))
	nameless := dial(&net.AddrError{Err: "no suitable address found", Addr: "one"})
	unknown := dial(&net.DNSError{Err: "no such host", Name: "one", IsNotFound: true})
	unasked := dial(&net.DNSError{Err: "server misbehaving", Name: "one", IsTemporary: true})
	for _, tc := range []struct {
		name string
		web  failing
		none bool
	}{
		{"no route", failing{"one": routeless, "two": routeless, "three": routeless}, true},
		{"no route, no address, and a service without", failing{"one": nameless, "two": homeless, "three": routeless}, true},
		{"one refuses", failing{"one": routeless, "two": refused, "three": routeless}, false},
		{"services without", failing{"one": nameless, "two": nameless, "three": nameless}, false},
		{"no route, and a service that the resolver finds no address of", failing{"one": unknown, "two": routeless, "three": routeless}, true},
		{"nobody knows the names", failing{"one": unknown, "two": unknown, "three": unknown}, false},
		{"the resolver is out of order", failing{"one": unasked, "two": routeless, "three": routeless}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := machine(publicip.Host{Transport: func(publicip.Family) http.RoundTripper { return tc.web }}, nil)
			_, err := find(t, publicip.Options{From: "https", EchoServices: []string{"https://one", "https://two", "https://three"}}, h, publicip.IPv6)
			if errors.Is(err, publicip.ErrNoAddress) != tc.none || provider.Hint(err) == "" {
				t.Errorf("got %v (%s), want it to be certain: %t", err, provider.Hint(err), tc.none)
			}
		})
	}
}

// restless fails from another port each time.
type restless struct{ port atomic.Int32 }

func (r *restless) RoundTrip(q *http.Request) (*http.Response, error) {
	port := int(r.port.Add(1))
	broken := &net.OpError{Op: "read", Net: "udp", Source: &net.UDPAddr{IP: net.IPv4(10, 0, 0, 5), Port: port}, Addr: &net.UDPAddr{IP: net.IPv4(10, 96, 0, 10), Port: 53},
		Err: os.NewSyscallError("read", syscall.ECONNREFUSED)}
	if q.URL.Host == "one" {
		return nil, broken
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp4", Err: &net.DNSError{Err: broken.Error(), Name: q.URL.Host, Server: "10.96.0.10:53"}}
}

// TestEchoSaysTheSame of the same trouble, so that whoever asks each minute can tell that it is.
func TestEchoSaysTheSame(t *testing.T) {
	network := &restless{}
	h := machine(publicip.Host{Transport: func(publicip.Family) http.RoundTripper { return network }}, nil)
	var said []string
	for range 2 {
		_, err := find(t, publicip.Options{From: "https", EchoServices: []string{"https://one", "https://two"}}, h, publicip.IPv4)
		said = append(said, fmt.Sprint(err))
	}
	want := "no two echo services agree on the ipv4 address: one: read: connection refused; two: its name cannot be looked up"
	if d := cmp.Diff([]string{want, want}, said); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, tc := range []struct {
		o    publicip.Options
		env  map[string]string
		want string
	}{
		{publicip.Options{From: "dns"}, nil, `--from: "dns" is no way`},
		{publicip.Options{From: "ec2=eth0"}, nil, `--from: "ec2=eth0" is no way`},
		{publicip.Options{From: "interface="}, nil, `--from: "interface=" is no way`},
		{publicip.Options{From: "https", EchoServices: []string{"https://one"}}, nil, "1 service is not enough"},
		{publicip.Options{From: "https", EchoServices: []string{"https://one/ip", "https://one/address"}}, nil, "one is given twice"},
		{publicip.Options{From: "https", EchoServices: []string{"one", "two"}}, nil, `"one" is no URL`},
		{publicip.Options{From: "ec2"}, map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "metadata"}, `"metadata" is no URL`},
	} {
		_, err := publicip.New(tc.o, machine(publicip.Host{}, tc.env))
		if err == nil || !strings.Contains(err.Error(), tc.want) || provider.Hint(err) == "" {
			t.Errorf("%+v: got %v, want %q with a hint", tc.o, err, tc.want)
		}
	}
}

func TestMetadata(t *testing.T) {
	public, v6 := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")
	for _, tc := range []struct {
		name   string
		host   *emulator.Host
		env    map[string]string
		faults []emulator.Fault
		family publicip.Family
		want   string
		err    string // message and hint
		none   bool
	}{
		{name: "IPv4", host: &emulator.Host{PublicIPv4: public}, family: publicip.IPv4, want: "203.0.113.7"},
		{name: "IPv6", host: &emulator.Host{IPv6: v6}, family: publicip.IPv6, want: "2001:db8::7"},
		{name: "behind kube2iam", host: &emulator.Host{PublicIPv4: public, VersionOne: true}, family: publicip.IPv4, want: "203.0.113.7"},
		{name: "a pod within the hop limit", host: &emulator.Host{PublicIPv4: public, Hops: 2, HopLimit: 2}, family: publicip.IPv4, want: "203.0.113.7"},
		{name: "a pod beyond it", host: &emulator.Host{PublicIPv4: public, Hops: 2}, family: publicip.IPv4, err: "no answer from http://169.254.169.254 within 1s|hostNetwork: true"},
		{name: "no public address", host: &emulator.Host{}, family: publicip.IPv4, err: "the EC2 instance has none|Elastic IP", none: true},
		{name: "no IPv6", host: &emulator.Host{PublicIPv4: public}, family: publicip.IPv6, err: "the EC2 instance has none|assign the instance an IPv6", none: true},
		{name: "a private IPv6 address", host: &emulator.Host{IPv6: netip.MustParseAddr("fd00:ec2:1::7")}, family: publicip.IPv6,
			err: "the EC2 instance has fd00:ec2:1::7 only, which the internet cannot reach|of the internet", none: true},
		{name: "switched off", host: &emulator.Host{Disabled: true}, family: publicip.IPv4, err: "switched off for this instance|--http-endpoint enabled"},
		{name: "switched off here", host: &emulator.Host{PublicIPv4: public}, env: map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, family: publicip.IPv4,
			err: "AWS_EC2_METADATA_DISABLED is set|unset AWS_EC2_METADATA_DISABLED"},
		{name: "unreachable", host: &emulator.Host{PublicIPv4: public}, faults: []emulator.Fault{{Action: emulator.ActionToken, Cut: true}}, family: publicip.IPv4,
			err: "no answer from http://169.254.169.254: connection reset by peer|--from=interface"},
		{name: "unreachable later", host: &emulator.Host{PublicIPv4: public}, faults: []emulator.Fault{{Action: emulator.ActionMetadata, Cut: true}}, family: publicip.IPv4,
			err: "no answer from http://169.254.169.254: connection reset by peer|--from=interface"},
		{name: "broken", host: &emulator.Host{PublicIPv4: public}, faults: []emulator.Fault{{Action: emulator.ActionMetadata, Code: "InternalFailure"}}, family: publicip.IPv4,
			err: "answered with status 500|"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := emulator.New(emulator.Config{})
				if err := srv.SetHost(*tc.host); err != nil {
					t.Fatal(err)
				}
				srv.Inject(tc.faults...)
				got, err := find(t, publicip.Options{From: "ec2"}, machine(publicip.Host{Metadata: srv.RoundTripper()}, tc.env), tc.family)
				if tc.err == "" && (err != nil || got != tc.want) {
					t.Errorf("got %q, %v, want %q", got, err, tc.want)
				}
				message, hint, _ := strings.Cut(tc.err, "|")
				if tc.err != "" && (err == nil || !strings.Contains(err.Error(), message) || !strings.Contains(provider.Hint(err), hint)) {
					t.Errorf("got %v, hint %q, want %q", err, provider.Hint(err), tc.err)
				}
				if errors.Is(err, publicip.ErrNoAddress) != tc.none {
					t.Errorf("%v: certain that there is none: %t, want %t", err, !tc.none, tc.none)
				}
			})
		})
	}
}

func card(name string, addrs ...string) publicip.Interface {
	i := publicip.Interface{Name: name}
	for _, a := range addrs {
		i.Addresses = append(i.Addresses, netip.MustParseAddr(a))
	}
	return i
}

func TestInterface(t *testing.T) {
	cards := []publicip.Interface{
		card("lo", "127.0.0.1", "::1"),
		card("eth0", "10.0.0.7", "8.8.8.8", "fe80::1", "2606:4700::1", "2606:4700::2"),
		card("eth1", "9.9.9.9", "fd00::1"),
	}
	temporary := fstest.MapFS{"proc/net/if_inet6": {Data: []byte(
		"26064700000000000000000000000001 02 40 00 01     eth0\n" +
			"26064700000000000000000000000002 02 40 00 80     eth0\n")}}
	for _, tc := range []struct {
		name, from string
		family     publicip.Family
		files      fstest.MapFS
		want, err  string
	}{
		{"any", "interface", publicip.IPv4, nil, "8.8.8.8", ""},
		{"by name", "interface=eth1", publicip.IPv4, nil, "9.9.9.9", ""},
		{"IPv6", "interface", publicip.IPv6, nil, "2606:4700::1", ""},
		{"IPv6 that lasts", "interface", publicip.IPv6, temporary, "2606:4700::2", ""},
		{"only a local one", "interface=eth1", publicip.IPv6, nil, "", "no global ipv6 address on interface eth1"},
		{"none", "interface=lo", publicip.IPv4, nil, "", "no global ipv4 address on interface lo"},
		{"no such", "interface=wlan0", publicip.IPv4, nil, "", "--from=interface=wlan0: there is no such interface"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := publicip.Host{Interfaces: func() ([]publicip.Interface, error) { return cards, nil }}
			if tc.files != nil {
				h.Files = tc.files
			}
			got, err := find(t, publicip.Options{From: tc.from}, machine(h, nil), tc.family)
			if got != tc.want || (tc.err != "") != (err != nil) || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %q, %v, want %q, %q", got, err, tc.want, tc.err)
			}
		})
	}
	if _, err := find(t, publicip.Options{From: "interface=lo"}, publicip.Host{}, publicip.IPv4); err == nil {
		t.Error("the machine's own loopback interface has a global address")
	}
}

func TestAuto(t *testing.T) {
	world := web{"checkip.amazonaws.com": "8.8.8.8", "icanhazip.com": "8.8.8.8"}
	nitro := fstest.MapFS{"sys/class/dmi/id/sys_vendor": {Data: []byte("Amazon EC2\n")}}
	xen := fstest.MapFS{"sys/hypervisor/uuid": {Data: []byte("ec2e1916-9099-7caf-fd21-012345abcdef\n")}}
	other := fstest.MapFS{"sys/class/dmi/id/sys_vendor": {Data: []byte("QEMU\n")}}
	for _, tc := range []struct {
		name   string
		files  fstest.MapFS
		cards  []publicip.Interface
		public string
		want   string
	}{
		{"an EC2 instance", nitro, nil, "203.0.113.7", "203.0.113.7"},
		{"an older one", xen, nil, "203.0.113.7", "203.0.113.7"},
		{"an EC2 instance behind a NAT gateway", nitro, nil, "", ""},
		{"a host with its own address", other, []publicip.Interface{card("eth0", "9.9.9.9")}, "203.0.113.7", "9.9.9.9"},
		{"a host at home", fstest.MapFS{}, []publicip.Interface{card("wlan0", "192.168.1.2")}, "", "8.8.8.8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := emulator.New(emulator.Config{})
			host := emulator.Host{}
			if tc.public != "" {
				host.PublicIPv4 = netip.MustParseAddr(tc.public)
			}
			if err := srv.SetHost(host); err != nil {
				t.Fatal(err)
			}
			h := machine(publicip.Host{
				Interfaces: func() ([]publicip.Interface, error) { return tc.cards, nil },
				Files:      tc.files, Metadata: srv.RoundTripper(),
				Transport: func(publicip.Family) http.RoundTripper { return world },
			}, nil)
			if got, err := find(t, publicip.Options{From: "auto"}, h, publicip.IPv4); got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

// script answers one after the other, and then the last again.
type script []string

func (s *script) String() string { return "script" }

func (s *script) Find(context.Context, publicip.Family) (netip.Addr, error) {
	text := (*s)[0]
	if len(*s) > 1 {
		*s = (*s)[1:]
	}
	if text == "" {
		return netip.Addr{}, errors.New("no answer")
	}
	return netip.MustParseAddr(text), nil
}

// TestWatch believes an address that was seen twice, and asks sooner for the second time.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := &script{"1.1.1.1", "1.1.1.1", "2.2.2.2", "1.1.1.1", "", "2.2.2.2", "2.2.2.2", "", "2.2.2.2"}
		var got []string
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		publicip.Watch(ctx, answers, []publicip.Family{publicip.IPv4}, time.Minute, func(s publicip.Seen) {
			text := s.Addr.String()
			if s.Err != nil {
				text = s.Err.Error()
			}
			got = append(got, time.Since(begin).String()+" "+text)
		})
		want := []string{"5s 1.1.1.1", "2m10s no answer", "3m15s 2.2.2.2", "4m15s no answer"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
	})
}
