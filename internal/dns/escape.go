package dns

// radix is the base of a numeric escape: master files use decimal (RFC 1035
// section 5.1), Route 53 octal.
type radix int

const (
	decimal radix = 10
	octal   radix = 8
)

// unescape reads the escape at the start of s, \NNN in the given base or \X.
// It returns the octet and how many characters it took.
func unescape(s string, base radix) (octet byte, n int, ok bool) {
	if len(s) < 2 || s[0] != '\\' {
		return 0, 0, false
	}
	if s[1] < '0' || s[1] > '9' {
		return s[1], 2, true
	}
	if len(s) < 4 {
		return 0, 0, false
	}
	value := 0
	for _, c := range []byte(s[1:4]) {
		digit := int(c) - '0'
		if digit < 0 || digit >= int(base) {
			return 0, 0, false
		}
		value = value*int(base) + digit
	}
	if value > 0xff {
		return 0, 0, false
	}
	return byte(value), 4, true
}
