package dns

import (
	"fmt"
	"strconv"
	"strings"
)

// part is one field of RDATA that mixes numbers, words, character-strings and
// names.
type part int

const (
	octet    part = iota // 0 to 255
	number               // 0 to 65535
	word                 // letters and digits, in lower case
	text                 // a character-string
	hostName             // the last
)

// mixed returns the fields of RDATA of a type, nil for types that are not mixed:
// NAPTR (RFC 3403 section 4.1) and CAA (RFC 8659 section 4.1.1).
func mixed(t Type) (fields []part, form string) {
	switch t {
	case NAPTR:
		return []part{number, number, text, text, text, hostName}, `ORDER PREFERENCE "FLAGS" "SERVICE" "REGEXP" REPLACEMENT`
	case CAA:
		return []part{octet, word, text}, `FLAGS TAG "VALUE"`
	}
	return nil, ""
}

// recode reads mixed RDATA whose escapes have one base and writes it with those
// of another.
func recode(t Type, value string, from, to radix) (string, error) {
	fields, form := mixed(t)
	rest := strings.TrimSpace(value)
	out := make([]string, 0, len(fields))
	for _, f := range fields {
		if rest == "" {
			return "", fmt.Errorf("%s record: %q is not of the form %s", t, value, form)
		}
		token, tail, ok := rest, "", true
		if f != hostName {
			token, tail, ok = cutString(rest, from)
		}
		written, err := f.write(token, from, to)
		if !ok || err != nil {
			return "", fmt.Errorf("%s record: %q is not of the form %s: %w", t, value, form, or(err, errBadStrings))
		}
		out = append(out, written)
		rest = strings.TrimLeft(tail, " \t")
	}
	if rest != "" {
		return "", fmt.Errorf("%s record: %q is not of the form %s: %q is too much", t, value, form, rest)
	}
	return strings.Join(out, " "), nil
}

func or(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// write returns a field in its canonical form.
func (f part) write(token string, from, to radix) (string, error) {
	switch f {
	case octet, number:
		bits := map[part]int{octet: 8, number: 16}[f]
		n, err := strconv.ParseUint(token, 10, bits)
		if err != nil {
			return "", fmt.Errorf("%q is no number from 0 to %d", token, 1<<bits-1)
		}
		return strconv.FormatUint(n, 10), nil
	case word:
		token = strings.ToLower(token)
		if token == "" || strings.Trim(token, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return "", fmt.Errorf("%q is no word of letters and digits", token)
		}
		return token, nil
	case hostName:
		return writeName(token, from, to)
	}
	if len(token) > 255 {
		return "", errBadStrings
	}
	if to == octal {
		return FormatOctalStrings(token), nil
	}
	return FormatStrings(token), nil
}

func writeName(token string, from, to radix) (string, error) {
	read := ParseName
	if from == octal {
		read = ParseOctalName
	}
	n, err := read(token)
	if err == nil && to == octal {
		return n.Octal(), nil
	}
	return string(n), err
}

// CanonicalOctal is [Canonical] for values as Route 53 writes them, with octal
// escapes.
func CanonicalOctal(t Type, value string) (string, error) {
	switch t {
	case TXT:
		strs, err := ParseOctalStrings(value)
		if err != nil {
			return "", err
		}
		return FormatStrings(strs...), nil
	case CNAME, NS, PTR, DNAME:
		return writeName(value, octal, decimal)
	case NAPTR, CAA:
		return recode(t, value, octal, decimal)
	}
	return Canonical(t, value)
}

// FormatOctal is the inverse of [CanonicalOctal]. What is no RDATA of its type
// stays as it is.
func FormatOctal(t Type, data string) string {
	out, err := data, error(nil)
	switch t {
	case TXT:
		var strs []string
		if strs, err = ParseStrings(data); err == nil {
			out = FormatOctalStrings(strs...)
		}
	case CNAME, NS, PTR, DNAME:
		out = Name(data).Octal()
	case NAPTR, CAA:
		out, err = recode(t, data, decimal, octal)
	}
	if err != nil {
		return data
	}
	return out
}
