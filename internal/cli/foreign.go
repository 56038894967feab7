package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// foreignFlag is a flag that ExternalDNS has or had and that Signpost does not
// act on. What becomes of it follows from what would happen without it.
type foreignFlag struct {
	name string
	kind foreignKind
	foreignRow
}

// foreignKind says which values a flag of ExternalDNS's takes: bool, int, int64
// (digits only), duration, list, map (k=v or k:v), the values of an enumeration
// separated by |, or, empty, any text.
type foreignKind string

func (k foreignKind) isBool() bool { return k == "bool" }

// check judges one value.
func (k foreignKind) check(value string) (err error) {
	switch k {
	case "", "list":
	case "bool":
		if parseBool(value) == neither {
			err = errorf("write true or false", "%q is neither true nor false", value)
		}
	case "int":
		_, err = parseInt(value)
	case "int64":
		_, err = parseInt64(value)
	case "duration":
		_, err = parseDuration(value)
	case "map":
		if !strings.ContainsAny(value, "=:") {
			err = errorf("write KEY=VALUE", "%q has no value", value)
		}
	default:
		err = checkChoice(value, strings.Split(string(k), "|"))
	}
	return err
}

// nothing reports whether the value means the same as leaving the flag out.
func (k foreignKind) nothing(value string) bool {
	switch k {
	case "bool":
		return parseBool(value) == no
	case "duration":
		d, err := parseDuration(value)
		return err == nil && d == time.Duration(0)
	}
	return value == ""
}

// foreignFlags returns a flag for each that stands in [foreignRows].
func foreignFlags() []foreignFlag {
	var flags []foreignFlag
	for _, row := range foreignRows() {
		for word := range strings.FieldsSeq(row.flags) {
			name, kind, _ := strings.Cut(word, ":")
			flags = append(flags, foreignFlag{name, foreignKind(kind), row})
		}
	}
	return flags
}

// foreign notes a flag of that table.
func (s *scan) foreign(name, value string, hasValue bool) (handled bool, err error) {
	if !s.model.controller() {
		return false, nil
	}
	i := slices.IndexFunc(s.table, func(f foreignFlag) bool { return f.name == name })
	if i < 0 {
		bare, negated := strings.CutPrefix(name, "no-")
		i = slices.IndexFunc(s.table, func(f foreignFlag) bool { return f.name == bare && f.kind.isBool() })
		if !negated || hasValue || i < 0 {
			return false, nil
		}
		value, hasValue = "false", true
	}
	f := s.table[i]
	switch {
	case f.kind.isBool() && !hasValue:
		value = "true"
	case !hasValue:
		if value, err = s.next("--"+name, true); err != nil {
			return false, err
		}
	}
	return true, s.passOver(f, setting{flag: f.name, values: []string{value}})
}

// passOver judges one use of a flag that Signpost does not act on.
func (s *scan) passOver(f foreignFlag, g setting) error {
	s.foreigners[f.name] = true
	nothing := true
	for _, value := range g.values {
		if err := f.kind.check(value); err != nil {
			return fmt.Errorf("%s: %w", g.where(), err)
		}
		nothing = nothing && f.kind.nothing(value)
	}
	switch {
	case f.hint != "":
		return errorf(f.hint, "unknown flag --%s: ExternalDNS had it once", f.name)
	case f.becomes != "":
		return s.rename(f, g, nothing)
	case f.refused && nothing:
	case f.refused:
		return errorf("without it Signpost would do something else than ExternalDNS did, so that it does not start; "+
			"leave it out if nothing depends on it", "%s is not in Signpost yet", g.where())
	case f.of != "":
		s.warn("%s has no effect: it belongs to ExternalDNS's %s", g.where(), f.of)
	default:
		s.warn("%s has no effect: %s", g.where(), f.why)
	}
	return nil
}

// rename sets the flag that stands for an older one.
func (s *scan) rename(f foreignFlag, g setting, nothing bool) error {
	name, value, fixed := strings.Cut(f.becomes, "=")
	if fixed {
		g.values = []string{value}
	}
	s.warn("%s is an old name: write --%s", g.where(), f.becomes)
	if fixed && nothing || g.from != "" && s.has(name) {
		return nil
	}
	if err := s.add(s.model.flags[name], g.values[0]); err != nil {
		return err
	}
	s.given[len(s.given)-1].from = g.from
	return nil
}

// warn notes a warning once.
func (s *scan) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.warnings, text) {
		s.warnings = append(s.warnings, text)
	}
}

// foreignValue explains a value that ExternalDNS has or had and Signpost has
// not; "" if ExternalDNS never had it either.
func foreignValue(flag, value string) string {
	if !slices.Contains(strings.Fields(foreignValues()[flag]), value) {
		return ""
	}
	switch flag {
	case "source":
		return "leave it out only if its records may go: under --policy=sync they are deleted"
	case "registry":
		return "ownership is kept in TXT records (--registry=txt), or nowhere (--registry=noop); " +
			"records that another registry marks are not taken for ours"
	}
	return "ExternalDNS can stay for the zones of " + value + ", beside Signpost"
}

// chartValue returns the value of ExternalDNS's Helm chart that always becomes
// this flag, which therefore cannot stand in extraArgs as well; "" if none does.
func chartValue(flag string) string {
	return map[string]string{
		"log-level":  "logLevel",
		"log-format": "logFormat",
		"interval":   "interval",
		"policy":     "policy",
		"registry":   "registry",
		"provider":   "provider.name",
	}[flag]
}
