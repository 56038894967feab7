package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// prefixes are what the names of variables begin with, the winning one first.
func prefixes() []string { return []string{"SIGNPOST_", "EXTERNAL_DNS_"} }

// environment adds the settings of variables for flags that were not given, and
// judges those for flags of ExternalDNS's that Signpost does not act on.
func (s *scan) environment(lookup func(string) (string, bool)) error {
	for _, flag := range s.model.all {
		if s.has(flag.Name) {
			continue
		}
		if from, value := variable(flag.Name, lookup); value != "" {
			s.given = append(s.given, setting{
				flag: flag.Name, values: variableValues(flag, value), from: from, secret: flag.Tag.Has("secret"),
			})
		}
	}
	for _, f := range s.table {
		if s.model.flags[f.name] != nil || s.foreigners[f.name] || f.hint != "" {
			continue
		}
		from, value := variable(f.name, lookup)
		if value == "" {
			continue
		}
		if f.kind != "" {
			value = strings.TrimSpace(value)
		}
		values := []string{value}
		if f.kind == "list" || f.kind == "map" {
			values = lines(value)
		}
		if err := s.passOver(f, setting{flag: f.name, values: values, from: from}); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the flag has been set.
func (s *scan) has(flag string) bool {
	return slices.ContainsFunc(s.given, func(g setting) bool { return g.flag == flag })
}

// variable returns the name and value of the variable that sets a flag, or "".
// An empty variable counts as not set. So does a _PORT that Kubernetes writes
// into every container beside a Service of the fitting name: tcp://10.0.0.1:53.
func variable(flag string, lookup func(string) (string, bool)) (name, value string) {
	for _, prefix := range prefixes() {
		name := prefix + variableName(flag)
		value, _ := lookup(name)
		if value == "" || strings.HasSuffix(name, "_PORT") && isServiceLink(value) {
			continue
		}
		return name, value
	}
	return "", ""
}

func variableName(flag string) string { return strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }

func flagName(variable string) string { return strings.ToLower(strings.ReplaceAll(variable, "_", "-")) }

func isServiceLink(value string) bool {
	for _, scheme := range []string{"tcp://", "udp://", "sctp://"} {
		if strings.HasPrefix(value, scheme) {
			return true
		}
	}
	return false
}

// variableValues splits a list at line ends, the last of which may be missing.
// Text is taken as it is; elsewhere white space around the value, such as the
// line end of a Secret, means nothing.
func variableValues(flag *kong.Flag, value string) []string {
	if flag.IsCumulative() {
		return lines(value)
	}
	if isText(flag) {
		return []string{value}
	}
	return []string{strings.TrimSpace(value)}
}

func lines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// strangers returns a warning for each variable that looks like a flag's and is
// that of no command, in order. ExternalDNS passes over them in silence. What may
// have been meant is looked for among the flags that are offered.
func strangers(prefixes, offered, environ []string) ([]string, error) {
	known, err := everyFlag()
	if err != nil {
		return nil, err
	}
	var warnings []string
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(pair, "=")
		for _, prefix := range prefixes {
			rest, ours := strings.CutPrefix(name, prefix)
			if !ours || value == "" || isServiceVariable(name, value) {
				continue
			}
			if hint := strange(prefix, rest, known, offered); hint != "" {
				warnings = append(warnings, "the variable "+name+" means nothing: "+hint)
			}
		}
	}
	return warnings, nil
}

// everyFlag returns the names of all flags, of whatever command.
func everyFlag() ([]string, error) {
	var names []string
	for _, cmd := range commands() {
		m, err := newModel(cmd.new())
		if err != nil {
			return nil, fmt.Errorf("the flags of %s: %w", cmd.name, err)
		}
		names = append(names, m.names()...)
	}
	for _, f := range foreignFlags() {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// strange says what may have been meant by a variable, "" if it is known.
func strange(prefix, rest string, known, offered []string) string {
	flag := flagName(rest)
	switch {
	case rest == variableName(flag) && slices.Contains(known, flag):
		return ""
	case rest == "HELP" || rest == "VERSION" || rest == "CLI":
		return "" // without effect in ExternalDNS too
	}
	if bare, negated := strings.CutPrefix(flag, "no-"); negated && slices.Contains(known, bare) {
		return "write " + prefix + variableName(bare) + "=false"
	}
	near := nearest(flag, offered)
	if len(near) == 0 {
		return "there is no flag --" + flag
	}
	for i := range near {
		near[i] = prefix + variableName(near[i])
	}
	return didYouMean(near)
}

// isServiceVariable reports whether Kubernetes writes such a variable into
// containers, beside a Service called external-dns for example.
func isServiceVariable(name, value string) bool {
	if strings.HasSuffix(name, "_SERVICE_HOST") || strings.Contains(name, "_SERVICE_PORT") {
		return true
	}
	_, port, found := strings.Cut(name, "_PORT")
	return found && (isServiceLink(value) || strings.Contains(port, "_TCP") || strings.Contains(port, "_UDP") || strings.Contains(port, "_SCTP"))
}
