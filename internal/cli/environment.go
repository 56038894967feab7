package cli

import (
	"strings"

	"github.com/alecthomas/kong"
)

// environment adds the settings of variables for flags that were not given. It
// also refuses variables for flags of ExternalDNS that cannot be passed over.
func (s *scan) environment(lookup func(string) (string, bool)) error {
	given := map[string]bool{}
	for _, g := range s.given {
		given[g.flag] = true
	}
	for _, flag := range s.model.all {
		if given[flag.Name] {
			continue
		}
		if from, value := variable(flag.Name, lookup); value != "" {
			s.given = append(s.given, setting{
				flag: flag.Name, values: variableValues(flag, value), from: from, secret: flag.Tag.Has("secret"),
			})
		}
	}
	if !s.model.controller() {
		return nil
	}
	for _, f := range foreignFlags() {
		if from, value := variable(f.name, lookup); value != "" && s.model.flags[f.name] == nil && f.refuses(value) {
			return f.refusal(from)
		}
	}
	return nil
}

// variable returns the name and value of the variable that sets a flag, or "".
// An empty variable counts as not set. So does a _PORT that Kubernetes writes
// into every container beside a Service of the fitting name: tcp://10.0.0.1:53.
func variable(flag string, lookup func(string) (string, bool)) (name, value string) {
	for _, prefix := range []string{"SIGNPOST_", "EXTERNAL_DNS_"} {
		name := prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		value, _ := lookup(name)
		if value == "" || strings.HasSuffix(name, "_PORT") && isServiceLink(value) {
			continue
		}
		return name, value
	}
	return "", ""
}

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
		value = strings.ReplaceAll(value, "\r\n", "\n")
		return strings.Split(strings.TrimSuffix(value, "\n"), "\n")
	}
	if isText(flag) {
		return []string{value}
	}
	return []string{strings.TrimSpace(value)}
}
