package source

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
)

// DefaultTTL is the time to live, in seconds, of record sets of objects that
// ask for none.
const DefaultTTL = 300

// parseTTL reads whole seconds, or a Go duration cut to whole seconds.
func parseTTL(s string) (uint32, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		d, derr := time.ParseDuration(s)
		if derr != nil {
			return 0, errors.New("it is neither whole seconds (60) nor a duration (1m30s)")
		}
		seconds = int64(d / time.Second)
	}
	if seconds < 1 || seconds > dns.MaxTTL {
		return 0, fmt.Errorf("a TTL is at least 1 and at most %d seconds", dns.MaxTTL)
	}
	return uint32(seconds), nil
}

var (
	errForm = errors.New("it contains a slash, colon, backslash or control character: give the bare name or address, without scheme, port or path")
	errHost = errors.New("a listener's host name has letters, digits and hyphens only")
	errRoot = errors.New("it is the root, and names nothing here")
	errLast = errors.New("it ends in a number, and so is meant as an IPv4 address, but is none")
	errZone = errors.New("an address with a zone (the part from %) is known on one host only")
)

// parseHost reads a host name as people write it. It takes what DNS can hold
// (RFC 2181 section 11), except what is certainly a slip. Backslashes are such:
// Route 53 reads \052 in octal, master files in decimal.
func parseHost(s string) (dns.Name, error) {
	name, err := dns.ParseName(s)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			return "", cause // the caller quotes the value
		}
		return "", err
	}
	if name == dns.Root {
		return "", errRoot
	}
	if strings.ContainsAny(s, `/:\`) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", errForm
	}
	return name, nil
}

// targets are what names may point to. Both lists may be filled: addresses
// then win.
type targets struct {
	addresses []netip.Addr
	hosts     []dns.Name
}

func (t targets) empty() bool { return len(t.addresses) == 0 && len(t.hosts) == 0 }

func (t *targets) add(o targets) {
	t.addresses = append(t.addresses, o.addresses...)
	t.hosts = append(t.hosts, o.hosts...)
}

// parse adds one target: an address, else a host name.
func (t *targets) parse(s string) error {
	if addr, err := netip.ParseAddr(s); err == nil {
		if addr.Zone() != "" {
			return errZone
		}
		t.addresses = append(t.addresses, addr)
		return nil
	}
	name, err := parseHost(s)
	if err != nil {
		return err
	}
	host := name.Host()
	if last := host[strings.LastIndexByte(host, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return errLast
	}
	t.hosts = append(t.hosts, name)
	return nil
}

// splitList reads a comma-separated list. Spaces are dropped wherever they are,
// as ExternalDNS does, other white space around members only. joined holds the
// members that had spaces inside; empty counts the members without a character.
func splitList(value string) (members, joined []string, empty int) {
	for member := range strings.SplitSeq(value, ",") {
		member = strings.TrimSpace(member)
		if member == "" {
			empty++
			continue
		}
		if strings.Contains(member, " ") {
			joined = append(joined, member)
			member = strings.ReplaceAll(member, " ", "")
		}
		members = append(members, member)
	}
	return members, joined, empty
}
