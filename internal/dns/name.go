package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of RFC 1035 section 2.3.4, in octets. The limit of a name counts its
// length octets and the root, so that 253 characters are what fits in print.
const (
	MaxLabel = 63
	MaxName  = 255
)

// Name is an absolute domain name in canonical form: lower case, final dot,
// presentation format (RFC 1035 section 5.1). Characters that would end or
// change a label are escaped as \X, other octets outside printable ASCII as
// \DDD (decimal). The zero value is no name at all; the root is ".".
//
// Names are comparable with == and fit as map keys. Make one with [ParseName];
// a conversion from a string is right only for text that is already canonical.
type Name string

// Root is the name of the root zone.
const Root Name = "."

var (
	errEmptyName   = errors.New("the name is empty")
	errAddress     = errors.New("it is an IP address")
	errEmptyLabel  = errors.New("a label is empty (two dots in a row, or a dot at the start)")
	errBadEscape   = errors.New(`an escape is not \DDD (000 to 255) or a backslash before one character`)
	errWhiteSpace  = errors.New("it contains white space")
	errLabelTooBig = fmt.Errorf("a label is longer than %d octets", MaxLabel)
	errNameTooBig  = fmt.Errorf("the name is longer than %d octets", MaxName)
)

// ParseName reads a domain name in presentation format, with or without the
// final dot. Letters are folded to lower case, labels outside ASCII become
// A-labels (RFC 5891), escapes are normalised. A name that is an address, has
// an empty label, white space, or exceeds the limits of RFC 1035 is an error
// that quotes the input.
func ParseName(s string) (Name, error) {
	name, err := parseName(s, decimal)
	if err == nil && isAddress(name.Host()) {
		return "", fmt.Errorf("domain name %q: %w", s, errAddress)
	}
	return name, err
}

func isAddress(s string) bool {
	// An address ends in a digit or holds a colon, which few names do.
	if (s[len(s)-1] < '0' || s[len(s)-1] > '9') && !strings.Contains(s, ":") {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

// ParseOctalName reads a name as Amazon Route 53 lists it, where \ooo is octal:
// \052 is an asterisk (DomainNameFormat in the Route 53 developer guide).
func ParseOctalName(s string) (Name, error) {
	return parseName(s, octal)
}

func parseName(s string, base radix) (Name, error) {
	name, err := canonicalName(s, base)
	if err != nil {
		return "", fmt.Errorf("domain name %q: %w", s, err)
	}
	return name, nil
}

func canonicalName(s string, base radix) (Name, error) {
	switch {
	case s == "":
		return "", errEmptyName
	case s == ".":
		return Root, nil
	case plainName(s):
		return Name(s), nil
	}
	var out strings.Builder
	out.Grow(len(s) + 1)
	size := 1 // the root's length octet
	for rest := s; rest != ""; {
		label, tail, err := cutLabel(rest, base)
		if err != nil {
			return "", err
		}
		if len(label) == 0 {
			return "", errEmptyLabel
		}
		if len(label) > MaxLabel {
			return "", errLabelTooBig
		}
		size += len(label) + 1
		writeLabel(&out, label)
		rest = tail
	}
	if size > MaxName {
		return "", errNameTooBig
	}
	return Name(out.String()), nil
}

// plainName reports whether s is a canonical name without escapes, as nearly
// every name is.
func plainName(s string) bool {
	if len(s) >= MaxName || s[len(s)-1] != '.' {
		return false
	}
	start := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if i == start || i-start > MaxLabel {
				return false
			}
			start = i + 1
		case !octalPlain(c) && c != '*':
			return false
		}
	}
	return true
}

// cutLabel returns the octets of the first label of s, folded to lower case,
// and the text behind its dot.
func cutLabel(s string, base radix) (label []byte, rest string, err error) {
	label = make([]byte, 0, MaxLabel)
	foreign := false
	i := 0
	for i < len(s) && s[i] != '.' {
		switch c := s[i]; {
		case c == '\\':
			octet, n, ok := unescape(s[i:], base)
			if !ok {
				return nil, "", errBadEscape
			}
			label = append(label, lower(octet))
			i += n
			continue
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			return nil, "", errWhiteSpace
		case c >= 0x80:
			foreign = true
		}
		label = append(label, lower(s[i]))
		i++
	}
	if foreign {
		ascii, err := aLabel(s[:i])
		if err != nil {
			return nil, "", err
		}
		label = []byte(ascii)
	}
	if i < len(s) {
		i++ // the dot
	}
	return label, s[i:], nil
}

// aLabel converts one label to its A-label. Underscores and other characters
// that host names exclude stay: owner names are wider than host names.
func aLabel(label string) (string, error) {
	if strings.ContainsRune(label, utf8.RuneError) {
		return "", fmt.Errorf("label %q is not UTF-8", label)
	}
	profile := idna.New(idna.MapForLookup(), idna.StrictDomainName(false))
	ascii, err := profile.ToASCII(label)
	if err != nil {
		return "", fmt.Errorf("label %q has no ASCII form: %w", label, err)
	}
	if strings.ContainsAny(ascii, ". \\") || ascii == "" {
		return "", fmt.Errorf("label %q has no ASCII form of one label", label)
	}
	return ascii, nil
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func writeLabel(out *strings.Builder, label []byte) {
	for _, c := range label {
		switch {
		case strings.IndexByte(`.\"();@$`, c) >= 0:
			out.WriteByte('\\')
			out.WriteByte(c)
		case c > ' ' && c < 0x7f:
			out.WriteByte(c)
		default:
			fmt.Fprintf(out, `\%03d`, c)
		}
	}
	out.WriteByte('.')
}

// String returns the name with its final dot.
func (n Name) String() string { return string(n) }

// Host returns the name without its final dot, as people write host names.
func (n Name) Host() string {
	if n == Root {
		return "."
	}
	return strings.TrimSuffix(string(n), ".")
}

// Octal returns the name as Amazon Route 53 writes it: every octet other than
// a-z, 0-9, hyphen and underscore as \ooo, with a final dot.
func (n Name) Octal() string {
	plain := true
	for i := 0; i < len(n) && plain; i++ {
		plain = n[i] == '.' || octalPlain(n[i])
	}
	if plain {
		return string(n)
	}
	var out strings.Builder
	for rest := string(n); rest != "" && rest != "."; {
		label, tail, err := cutLabel(rest, decimal)
		if err != nil {
			return string(n)
		}
		for _, c := range label {
			if octalPlain(c) {
				out.WriteByte(c)
			} else {
				fmt.Fprintf(&out, `\%03o`, c)
			}
		}
		out.WriteByte('.')
		rest = tail
	}
	return out.String()
}

func octalPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// Cut splits the left-most label off: "www.example.com." gives "www" and
// "example.com.". The label stays in presentation format. The root gives "".
func (n Name) Cut() (label string, rest Name) {
	if n == Root || n == "" {
		return "", Root
	}
	i := labelEnd(string(n))
	label, rest = string(n[:i]), n[i+1:]
	if rest == "" {
		rest = Root
	}
	return label, rest
}

// labelEnd returns the index of the dot that ends the first label.
func labelEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++ // what is escaped ends no label, and the digits of \DDD are no dots
		case '.':
			return i
		}
	}
	return len(s)
}

// Wildcard reports whether the left-most label is exactly an asterisk
// (RFC 4592 section 2.1.1).
func (n Name) Wildcard() bool { return n == "*." || strings.HasPrefix(string(n), "*.") }

// Within reports whether n is zone or lies below it, by whole labels.
func (n Name) Within(zone Name) bool {
	if zone == Root {
		return n != ""
	}
	if n == zone {
		return true
	}
	head, ok := strings.CutSuffix(string(n), string(zone))
	if !ok || !strings.HasSuffix(head, ".") {
		return false
	}
	// A dot that is itself escaped separates nothing.
	slashes := len(head) - 1 - len(strings.TrimRight(head[:len(head)-1], `\`))
	return slashes%2 == 0
}

// Compare orders names as RFC 4034 section 6.1 does, by the octets of their
// labels from the right, so that what lies below a name follows it.
func (n Name) Compare(m Name) int {
	if n == m {
		return 0
	}
	a, b := n.labels(), m.labels()
	if strings.IndexByte(a, '\\') < 0 && strings.IndexByte(b, '\\') < 0 {
		a, b = unshared(a, b)
	}
	for a != "" && b != "" {
		var x, y string
		a, x = lastLabel(a)
		b, y = lastLabel(b)
		if x == y {
			continue
		}
		if c := strings.Compare(octets(x), octets(y)); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}

// unshared returns two names without the labels at the end that both have. No
// dot in them is escaped, and they differ.
func unshared(a, b string) (string, string) {
	i, j := len(a), len(b)
	dotA, dotB := i, j
	for i > 0 && j > 0 && a[i-1] == b[j-1] {
		i--
		j--
		if a[i] == '.' {
			dotA, dotB = i, j
		}
	}
	// At the start of one name the other has to have a dot before what it shares.
	switch {
	case i == 0 && j > 0 && b[j-1] == '.':
		return "", b[:j-1]
	case j == 0 && i > 0 && a[i-1] == '.':
		return a[:i-1], ""
	}
	return a[:dotA], b[:dotB]
}

// labels returns the name without its final dot, so that the root has none.
func (n Name) labels() string { return strings.TrimSuffix(string(n), ".") }

// lastLabel splits off the label behind the last dot that is not escaped.
func lastLabel(s string) (rest, label string) {
	for i := len(s); ; {
		i = strings.LastIndexByte(s[:i], '.')
		if i < 0 {
			return "", s
		}
		head := s[:i]
		if slashes := len(head) - len(strings.TrimRight(head, `\`)); slashes%2 == 0 {
			return head, s[i+1:]
		}
	}
}

// octets undoes the escapes of a label.
func octets(label string) string {
	if strings.IndexByte(label, '\\') < 0 {
		return label
	}
	raw, _, err := cutLabel(label, decimal)
	if err != nil {
		return label
	}
	return string(raw)
}
