package emulator

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// name is an owner name as Route 53 keeps it.
type name struct {
	// listed is how answers spell it: lower case, final dot, every byte other than a-z 0-9 - _ as a three-digit
	// octal escape. Dots in it only separate labels, so that suffixes of it are domains.
	listed string
	// order is the unescaped labels in reverse, each followed by a dot: record sets are listed in its byte order.
	order string
}

const (
	maxLabel = 63
	maxName  = 255 // octets on the wire, the root's zero octet included (RFC 1035 section 3.1)
)

// fatal words a refusal of a name or value as Route 53 does.
func fatal(code, why, value string) error {
	return told("FATAL problem: %s (%s) encountered with '%s'", code, why, value)
}

// refusal is a message of the service, to be answered word by word.
type refusal string

func (r refusal) Error() string { return string(r) }

func told(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// parseName reads a name in a request: the final dot is optional, escapes are octal.
// See https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html.
func parseName(s string) (name, error) {
	if s == "" || s == "." {
		return name{}, fatal("DomainNameEmpty", "Domain name is empty", s)
	}
	var labels []string
	var label []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			if len(label) == 0 {
				return name{}, fatal("DomainLabelEmpty", "Domain label is empty", s)
			}
			labels = append(labels, string(label))
			label = label[:0]
			continue
		case c == '\\':
			octet, ok := octal(s[i+1:])
			if !ok {
				return name{}, fatal("UnsupportedCharacter", "Value contains unsupported characters", s)
			}
			c = octet
			i += 3
		case c <= ' ' || c >= 0x7f:
			return name{}, fatal("UnsupportedCharacter", "Value contains unsupported characters", s)
		}
		label = append(label, lower(c))
	}
	if len(label) > 0 {
		labels = append(labels, string(label))
	}
	return nameOf(labels, s)
}

func nameOf(labels []string, spelled string) (name, error) {
	size := 1
	for _, l := range labels {
		if len(l) > maxLabel {
			return name{}, fatal("DomainLabelTooLong", "Domain label is too long", spelled)
		}
		size += len(l) + 1
	}
	if size > maxName {
		return name{}, fatal("DomainNameTooLong", "Domain name is too long", spelled)
	}
	var listed, order strings.Builder
	for i, l := range labels {
		for j := range len(l) {
			escapeOctal(&listed, l[j])
		}
		listed.WriteByte('.')
		order.WriteString(labels[len(labels)-1-i])
		order.WriteByte('.')
	}
	return name{listed.String(), order.String()}, nil
}

func escapeOctal(b *strings.Builder, c byte) {
	if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
		b.WriteByte(c)
		return
	}
	fmt.Fprintf(b, `\%03o`, c)
}

// octal reads the three digits after a backslash.
func octal(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	v := 0
	for i := range 3 {
		if s[i] < '0' || s[i] > '7' {
			return 0, false
		}
		v = v<<3 | int(s[i]-'0')
	}
	return byte(v), v <= 0xff
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// within says whether n is zone itself or a name below it.
func (n name) within(zone name) bool {
	return n.listed == zone.listed || strings.HasSuffix(n.listed, "."+zone.listed)
}

// wildcard says whether the left-most label is an asterisk and nothing else (RFC 4592 section 2.1.1).
func (n name) wildcard() bool { return strings.HasPrefix(n.listed, `\052.`) }

// parent is n without its left-most label; the zero name is the root.
func (n name) parent() name {
	first, rest, _ := strings.Cut(n.listed, ".")
	octets := len(first) - 3*strings.Count(first, `\`)
	return name{rest, n.order[:len(n.order)-octets-1]}
}

// child is the name one label (listed form, no dot) below n.
func (n name) child(listed string, octets string) name {
	return name{listed + "." + n.listed, n.order + octets + "."}
}

// presentation is the name in the zone-file notation of RFC 1035 section 5.1, whose escapes are decimal.
func (n name) presentation() string {
	if n.listed == "" {
		return "."
	}
	return decimalEscapes(n.listed)
}

// decimalEscapes turns Route 53's octal escapes into the decimal ones of RFC 1035.
func decimalEscapes(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if c, ok := octal(s[i+1:]); ok {
			fmt.Fprintf(&b, `\%03d`, c)
			i += 3
			continue
		}
		b.WriteByte(s[i])
		if i++; i < len(s) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// questionName reads a name in zone-file notation, as questions come.
func questionName(s string) (name, error) {
	wire := make([]byte, maxName+1)
	n, err := dns.PackDomainName(dns.Fqdn(s), wire, 0, nil, false)
	if err != nil {
		return name{}, fmt.Errorf("read name %q: %w", s, err)
	}
	var labels []string
	for i := 0; i < n && wire[i] != 0; i += int(wire[i]) + 1 {
		label := wire[i+1 : i+1+int(wire[i])]
		for j := range label {
			label[j] = lower(label[j])
		}
		labels = append(labels, string(label))
	}
	return nameOf(labels, s)
}
