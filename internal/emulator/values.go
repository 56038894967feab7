package emulator

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// checkValues holds a set's values to the formats of
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html.
func checkValues(set *RecordSet) error {
	if (set.Type == "CNAME" || set.Type == "SOA") && len(set.Values) > 1 {
		return told("Invalid Resource Record Set: type %s with DNS name %s takes exactly one value, found %d",
			set.Type, set.Name, len(set.Values))
	}
	if len(set.Values) > maxValues {
		return told("Number of values limit of %d exceeded for resource record set '%s %s'", maxValues, set.Type, set.Name)
	}
	seen := make(map[string]bool, len(set.Values))
	for _, v := range set.Values {
		if seen[v] {
			return told("Duplicate Resource Record: '%s'", v)
		}
		seen[v] = true
		if err := checkValue(set.Type, v); err != nil {
			return told("Invalid Resource Record: %v", err)
		}
	}
	return nil
}

func checkValue(typ, v string) error {
	switch typ {
	case "A", "AAAA":
		return checkAddress(typ, v)
	case "CNAME", "NS", "PTR":
		_, err := parseName(v)
		return err
	case "TXT", "SPF":
		return checkStrings(v)
	}
	if _, err := parseRecord(".", typ, 0, v); err != nil {
		return fatal(typ+"RRDATAInvalid", "Value is not valid for the type", v)
	}
	return nil
}

func checkAddress(typ, v string) error {
	if strings.ContainsAny(v, " \t") {
		return fatal(typ+"RRDATANotSingleField", "Value contains spaces", v)
	}
	addr, err := netip.ParseAddr(v)
	switch {
	case typ == "A" && (err != nil || !addr.Is4()):
		return fatal("ARRDATAIllegalIPv4Address", "Value is not a valid IPv4 address", v)
	case typ == "AAAA" && (err != nil || !addr.Is6() || addr.Zone() != ""):
		return fatal("AAAARRDATAIllegalIPv6Address", "Value is not a valid IPv6 address", v)
	}
	return nil
}

// checkStrings wants one or more quoted strings of at most 255 octets each, separated by spaces.
func checkStrings(v string) error {
	rest := v
	for first := true; first || rest != ""; first = false {
		if rest == "" || rest[0] != '"' {
			return fatal("InvalidCharacterString", "Value should be enclosed in quotation marks", v)
		}
		n, octets := 1, 0
		for ; n < len(rest) && rest[n] != '"'; n, octets = n+1, octets+1 {
			switch c := rest[n]; {
			case c == '\\':
				if _, ok := octal(rest[n+1:]); ok {
					n += 3
				} else {
					n++
				}
			case c < ' ' || c >= 0x7f:
				return fatal("UnsupportedCharacter", "Value contains unsupported characters", v)
			}
		}
		if n >= len(rest) {
			return fatal("InvalidCharacterString", "Value should be enclosed in quotation marks", v)
		}
		if octets > 255 {
			return fatal("CharacterStringTooLong", "Value is too long", v)
		}
		after := rest[n+1:]
		if rest = strings.TrimLeft(after, " "); rest != "" && rest == after {
			return fatal("InvalidCharacterString", "Value should be enclosed in quotation marks", v)
		}
	}
	return nil
}

// parseRecord reads a value as Route 53 keeps it: names need no final dot, escapes are octal.
func parseRecord(owner, typ string, ttl int64, value string) (dns.RR, error) {
	if strings.ContainsAny(value, "\r\n") || strings.ContainsAny(value, ";()") && !strings.Contains(value, `"`) {
		return nil, fmt.Errorf("read value %q: zone-file syntax is not allowed", value)
	}
	zp := dns.NewZoneParser(strings.NewReader(fmt.Sprintf("%s %d IN %s %s\n", owner, ttl, typ, decimalEscapes(value))), ".", "")
	rr, ok := zp.Next()
	if err := zp.Err(); err != nil {
		return nil, fmt.Errorf("read value %q: %w", value, err)
	}
	if !ok {
		return nil, fmt.Errorf("read value %q: it is empty", value)
	}
	return rr, nil
}
