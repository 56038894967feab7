package publicip

import (
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Interface is a network interface that is up, with its addresses in the system's order.
type Interface struct {
	Name      string
	Addresses []netip.Addr
}

func interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	var out []Interface
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list addresses of interface %s: %w", i.Name, err)
		}
		at := Interface{Name: i.Name}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				at.Addresses = append(at.Addresses, p.Addr().Unmap())
			}
		}
		out = append(out, at)
	}
	return out, nil
}

// card finds the global address of an interface, or of the first that has one.
type card struct {
	name string
	host Host
}

func (c *card) String() string {
	if c.name == "" {
		return "interface"
	}
	return "interface=" + c.name
}

// Find returns the first global address; one that the system will change (RFC 8981) or give up soon only if there is no
// other.
func (c *card) Find(_ context.Context, f Family) (netip.Addr, error) {
	all, err := c.host.Interfaces()
	if err != nil {
		return netip.Addr{}, err
	}
	passing := c.passing()
	var names []string
	var second netip.Addr
	seen := false
	for _, i := range all {
		names = append(names, i.Name)
		if c.name != "" && i.Name != c.name {
			continue
		}
		seen = true
		for _, a := range i.Addresses {
			switch {
			case !f.has(a) || !global(a):
			case !passing[a]:
				return a, nil
			case !second.IsValid():
				second = a
			}
		}
	}
	if !seen && c.name != "" {
		return netip.Addr{}, errorf("those that are up: "+strings.Join(names, ", "), "--from=%s: there is no such interface", c)
	}
	if !second.IsValid() {
		return netip.Addr{}, errorf("a host behind a router learns the router's address with --from=https; in a container use the host's network",
			"%w: no global %s address on %s", ErrNoAddress, f, c.place())
	}
	return second, nil
}

func (c *card) place() string {
	if c.name == "" {
		return "any interface"
	}
	return "interface " + c.name
}

// Flags of /proc/net/if_inet6 (linux/if_addr.h).
const (
	flagTemporary  = 0x01
	flagDeprecated = 0x20
	flagTentative  = 0x40
)

// passing returns the IPv6 addresses that will not last, as far as the system tells.
func (c *card) passing() map[netip.Addr]bool {
	text, err := fs.ReadFile(c.host.Files, "proc/net/if_inet6")
	if err != nil {
		return nil
	}
	out := map[netip.Addr]bool{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		octets, err := hex.DecodeString(fields[0])
		addr, ok := netip.AddrFromSlice(octets)
		flags, badFlags := strconv.ParseUint(fields[4], 16, 32)
		if err == nil && ok && badFlags == nil && flags&(flagTemporary|flagDeprecated|flagTentative) != 0 {
			out[addr] = true
		}
	}
	return out
}
