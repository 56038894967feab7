package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Type is the mnemonic of a resource record type in upper case, as in the IANA
// registry: A, AAAA, CNAME, TXT. Types that Signpost does not know are carried
// as they stand.
type Type string

// The types whose RDATA Signpost makes or reads.
const (
	A     Type = "A"
	AAAA  Type = "AAAA"
	CNAME Type = "CNAME"
	TXT   Type = "TXT"
	NS    Type = "NS"
	SOA   Type = "SOA"
	PTR   Type = "PTR"
	SRV   Type = "SRV"
	MX    Type = "MX"
	DNAME Type = "DNAME"
	NAPTR Type = "NAPTR"
	CAA   Type = "CAA"
)

// ParseType folds s to upper case; an empty or malformed mnemonic is an error.
func ParseType(s string) (Type, error) {
	up := strings.ToUpper(strings.TrimSpace(s))
	if up == "" || strings.ContainsFunc(up, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		return "", fmt.Errorf("record type %q: want a mnemonic such as A, AAAA or CNAME", s)
	}
	return Type(up), nil
}

// Address reports whether sets of this type hold addresses.
func (t Type) Address() bool { return t == A || t == AAAA }

// Canonical returns value as canonical RDATA of type t in presentation format:
// addresses in the form of RFC 5952, names as [Name], numbers without leading
// zeros, character-strings quoted with the shortest escapes, the tag of CAA in
// lower case. RDATA of other
// types is only trimmed.
func Canonical(t Type, value string) (string, error) {
	value = strings.TrimSpace(value)
	switch t {
	case A, AAAA:
		return canonicalAddress(t, value)
	case CNAME, NS, PTR, DNAME:
		name, err := ParseName(value)
		return string(name), err
	case MX:
		return canonicalHost(t, value, "PREFERENCE HOST")
	case SRV:
		return canonicalHost(t, value, "PRIORITY WEIGHT PORT HOST")
	case TXT:
		strs, err := ParseStrings(value)
		if err != nil {
			return "", err
		}
		return FormatStrings(strs...), nil
	case NAPTR, CAA:
		return recode(t, value, decimal, decimal)
	default:
		if value == "" {
			return "", fmt.Errorf("%s record: the value is empty", t)
		}
		return value, nil
	}
}

// canonicalHost reads RDATA of 16-bit numbers with a host name behind them: MX
// (RFC 1035 section 3.3.9) and SRV (RFC 2782).
func canonicalHost(t Type, value, form string) (string, error) {
	fields := strings.Fields(value)
	if len(fields) != len(strings.Fields(form)) {
		return "", fmt.Errorf("%s record: %q is not of the form %s", t, value, form)
	}
	last := len(fields) - 1
	for i, number := range fields[:last] {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return "", fmt.Errorf("%s record: %q in %q is no number from 0 to 65535", t, number, value)
		}
		fields[i] = strconv.FormatUint(n, 10)
	}
	name, err := ParseName(fields[last])
	if err != nil {
		return "", fmt.Errorf("%s record: %w", t, err)
	}
	fields[last] = string(name)
	return strings.Join(fields, " "), nil
}

// Reverse returns the name that PTR records of an address have: in
// in-addr.arpa (RFC 1035 section 3.5) or ip6.arpa (RFC 3596 section 2.5).
func Reverse(a netip.Addr) Name {
	var out strings.Builder
	octets, zone := a.AsSlice(), "ip6.arpa."
	if a.Is4() {
		zone = "in-addr.arpa."
	}
	for _, b := range slices.Backward(octets) {
		if a.Is4() {
			fmt.Fprintf(&out, "%d.", b)
		} else {
			fmt.Fprintf(&out, "%x.%x.", b&0xf, b>>4)
		}
	}
	return Name(out.String() + zone)
}

func canonicalAddress(t Type, value string) (string, error) {
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" || addr.Is4() != (t == A) {
		return "", fmt.Errorf("%s record: %q is not an IPv%s address", t, value, map[Type]string{A: "4", AAAA: "6"}[t])
	}
	return addr.String(), nil
}

var errBadStrings = errors.New(`want character-strings in double quotes, of at most 255 octets each: "one" "two"`)

// ParseStrings reads the RDATA of a TXT record, one or more character-strings
// (RFC 1035 section 3.3.14), quoted or bare, and returns their octets.
func ParseStrings(s string) ([]string, error) { return parseStrings(s, decimal) }

// ParseOctalStrings is [ParseStrings] for values as Route 53 writes them, with
// octal escapes.
func ParseOctalStrings(s string) ([]string, error) { return parseStrings(s, octal) }

func parseStrings(s string, base radix) ([]string, error) {
	var out []string
	for rest := strings.TrimLeft(s, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		octets, tail, ok := cutString(rest, base)
		if !ok || len(octets) > 255 {
			return nil, fmt.Errorf("TXT value %q: %w", s, errBadStrings)
		}
		out = append(out, octets)
		rest = tail
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("TXT value %q: %w", s, errBadStrings)
	}
	return out, nil
}

// cutString returns the octets of the character-string that s starts with, and
// the text behind it.
func cutString(s string, base radix) (text, rest string, ok bool) {
	quoted := s[0] == '"'
	i := 0
	if quoted {
		i = 1
		if end := strings.IndexAny(s[1:], `"\\`); end >= 0 && s[1+end] == '"' {
			return s[1 : 1+end], s[end+2:], true
		}
	}
	octets := make([]byte, 0, len(s))
	for i < len(s) {
		switch c := s[i]; {
		case c == '\\':
			octet, n, ok := unescape(s[i:], base)
			if !ok {
				return "", "", false
			}
			octets = append(octets, octet)
			i += n
			continue
		case quoted && c == '"':
			return string(octets), s[i+1:], true
		case !quoted && (c == ' ' || c == '\t'):
			return string(octets), s[i:], true
		case !quoted && c == '"':
			return "", "", false
		}
		octets = append(octets, s[i])
		i++
	}
	return string(octets), "", !quoted
}

// FormatStrings is the inverse of [ParseStrings]: each string in double quotes.
func FormatStrings(strs ...string) string { return formatStrings(strs, `\%03d`) }

// FormatOctalStrings is the inverse of [ParseOctalStrings].
func FormatOctalStrings(strs ...string) string { return formatStrings(strs, `\%03o`) }

func formatStrings(strs []string, escape string) string {
	size := 0
	for _, s := range strs {
		size += len(s) + len(`"" `)
	}
	var out strings.Builder
	out.Grow(size)
	for i, s := range strs {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteByte('"')
		for _, c := range []byte(s) {
			switch {
			case c == '"' || c == '\\':
				out.WriteByte('\\')
				out.WriteByte(c)
			case c >= ' ' && c < 0x7f:
				out.WriteByte(c)
			default:
				fmt.Fprintf(&out, escape, c)
			}
		}
		out.WriteByte('"')
	}
	return out.String()
}

// canonicalData canonicalises, sorts and uniques RDATA.
func canonicalData(t Type, values []string) ([]string, error) {
	data := make([]string, 0, len(values))
	for _, v := range values {
		c, err := Canonical(t, v)
		if err != nil {
			return nil, err
		}
		data = append(data, c)
	}
	slices.Sort(data)
	return slices.Compact(data), nil
}
