package dns

import "strings"

// logicalLine is one record of a master file: its fields, whether it began
// with white space (and so has no owner name), and the attributes behind ";!".
type logicalLine struct {
	number     int
	indented   bool
	fields     []string
	attributes []string
}

// logicalLines splits a master file (RFC 1035 section 5.1) into records.
// Quoted strings stay whole with their quotes; parentheses join lines.
func logicalLines(text string) []logicalLine {
	var out []logicalLine
	var current *logicalLine
	depth := 0
	for i, line := range strings.Split(text, "\n") {
		if current == nil {
			current = &logicalLine{number: i + 1, indented: strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")}
		}
		fields, attributes, delta := splitLine(strings.TrimSuffix(line, "\r"))
		current.fields = append(current.fields, fields...)
		current.attributes = append(current.attributes, attributes...)
		depth += delta
		if depth > 0 {
			continue
		}
		depth = 0
		if len(current.fields) > 0 {
			out = append(out, *current)
		}
		current = nil
	}
	if current != nil && len(current.fields) > 0 {
		out = append(out, *current)
	}
	return out
}

// splitLine returns the fields of one line, its attributes, and by how much it
// opens parentheses.
func splitLine(line string) (fields, attributes []string, depth int) {
	into := &fields
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == ';' && into == &fields:
			if !strings.HasPrefix(line[i:], ";!") {
				return fields, attributes, depth
			}
			into = &attributes
			i += 2
		case c == '(' && into == &fields:
			depth++
			i++
		case c == ')' && into == &fields:
			depth--
			i++
		default:
			end := tokenEnd(line, i, into == &fields)
			*into = append(*into, line[i:end])
			i = end
		}
	}
	return fields, attributes, depth
}

// tokenEnd returns where the token that starts at i ends. Quotes protect
// everything, a backslash the next character.
func tokenEnd(line string, i int, special bool) int {
	quoted := false
	for ; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ' ' || c == '\t':
			return i
		case special && (c == ';' || c == '(' || c == ')'):
			return i
		}
	}
	return min(i, len(line))
}
