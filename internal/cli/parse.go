package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// parsed is a command line that was read without fault.
type parsed struct {
	given                []setting // sorted by flag
	warnings             []string
	help, version, print bool
}

// parse fills the command's fields. It reads arguments and environment itself,
// in the manner of ExternalDNS, and leaves to kong what kong is good at: types,
// embedded structs, defaults and validation.
func parse(cmd command, into runner, args []string, sys System) (parsed, error) {
	model, err := newModel(into)
	if err != nil {
		return parsed{}, fmt.Errorf("the flags of %s: %w", cmd.name, err)
	}
	s := scan{command: cmd.name, model: model, foreigners: map[string]bool{}}
	if model.controller() {
		s.table = foreignFlags()
	}
	if err := s.read(args); err != nil {
		return parsed{}, err
	}
	out := parsed{help: s.help, version: s.version, print: s.print}
	if s.help || s.version {
		return out, nil
	}
	if err := s.environment(sys.LookupEnv); err != nil {
		return parsed{}, err
	}
	if sys.Environ != nil {
		read := prefixes()
		if !model.controller() {
			read = read[:1] // ExternalDNS's variables mean its controller
		}
		warnings, err := strangers(read, s.offered(), sys.Environ())
		if err != nil {
			return parsed{}, err
		}
		s.warnings = append(s.warnings, warnings...)
	}
	for _, given := range s.given {
		if err := model.check(given); err != nil {
			return parsed{}, err
		}
		if instead := model.flags[given.flag].Tag.Get("deprecated"); instead != "" {
			s.warn("%s is deprecated: %s", given.where(), instead)
		}
	}
	if _, err := model.kong.Parse(append(model.arguments(s.given), s.positional()...)); err != nil {
		return parsed{}, err
	}
	slices.SortFunc(s.given, func(a, b setting) int { return strings.Compare(a.flag, b.flag) })
	out.given, out.warnings = s.given, s.warnings
	return out, nil
}

// setting is one flag that was set.
type setting struct {
	flag   string
	values []string // one, unless the flag is a list
	from   string   // the variable's name, "" for the command line
	secret bool
}

// where names a setting in an error.
func (s setting) where() string {
	if s.from == "" {
		return "--" + s.flag
	}
	return fmt.Sprintf("--%s (from %s)", s.flag, s.from)
}

// printed returns the values, masked if they are secret.
func (s setting) printed() []string {
	if !s.secret {
		return s.values
	}
	return []string{"******"}
}

func (s setting) print() string { return strings.Join(s.printed(), " ") }

// scan reads arguments one by one.
type scan struct {
	command  string
	model    *model
	args     []string // not read yet
	given    []setting
	rest     []string // no flags
	warnings []string

	table      []foreignFlag
	foreigners map[string]bool // flags of the table that were given

	help, version, print bool
}

func (s *scan) read(args []string) error {
	expanded, err := expandFiles(args)
	if err != nil {
		return err
	}
	s.args = expanded
	for len(s.args) > 0 {
		arg := s.args[0]
		s.args = s.args[1:]
		switch {
		case arg == "--":
			s.rest, s.args = append(s.rest, s.args...), nil
		case strings.HasPrefix(arg, "--"):
			err = s.long(arg[2:])
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			err = s.short(arg[1:])
		default:
			s.rest = append(s.rest, arg)
		}
		if err != nil {
			return err
		}
		if s.help || s.version {
			return nil
		}
	}
	least, most := s.model.positionals()
	switch {
	case len(s.rest) > most:
		return s.unexpected(s.rest[most])
	case len(s.rest) < least:
		missing := s.model.kong.Model.Positional[len(s.rest)]
		return errorf(s.form(), "missing: %s (%s)", strings.ToUpper(missing.Name), strings.TrimSuffix(missing.Help, "."))
	}
	return nil
}

// form is a hint that shows the form of the command line.
func (s *scan) form() string { return "the form is: " + s.model.usage(s.command) }

func (s *scan) long(text string) error {
	name, value, hasValue := strings.Cut(text, "=")
	switch name {
	case "help", "help-long", "help-man":
		s.help = true
		return nil
	case "version":
		s.version = true
		return nil
	case "print-config":
		s.print = true
		return nil
	}
	if flag := s.model.flags[name]; flag != nil {
		return s.value(flag, "--"+name, value, hasValue)
	}
	if flag := s.model.flags[strings.TrimPrefix(name, "no-")]; flag != nil {
		return s.negated(flag, name, hasValue)
	}
	if handled, err := s.foreign(name, value, hasValue); handled || err != nil {
		return err
	}
	return s.unknown("--" + name)
}

// value takes a flag's value from behind its = or from the next argument.
func (s *scan) value(flag *kong.Flag, as, value string, hasValue bool) error {
	if flag.IsBool() {
		if !hasValue {
			value = "true"
		}
		return s.add(flag, value)
	}
	if !hasValue {
		var err error
		if value, err = s.next(as, flag.Tag.Has("secret")); err != nil {
			return err
		}
	}
	return s.add(flag, value)
}

// next takes the next argument as a value. One that is secret stands in no error.
func (s *scan) next(as string, secret bool) (string, error) {
	if len(s.args) == 0 {
		return "", errorf(fmt.Sprintf("write %s=VALUE", as), "%s: the value is missing", as)
	}
	value := s.args[0]
	if strings.HasPrefix(value, "-") && value != "-" {
		if secret {
			return "", errorf(fmt.Sprintf("a value that begins with - is written behind an equals sign: %s=-VALUE", as), "%s: the value is missing", as)
		}
		return "", errorf(fmt.Sprintf("a value that begins with - is written behind an equals sign: %s=%s", as, value),
			"%s: the value is missing, the next argument is %s", as, value)
	}
	s.args = s.args[1:]
	return value, nil
}

func (s *scan) negated(flag *kong.Flag, name string, hasValue bool) error {
	if !flag.IsBool() {
		return errorf(fmt.Sprintf("leave --%s out for its default", flag.Name),
			"unknown flag --%s: --%s takes a value and has no opposite", name, flag.Name)
	}
	if hasValue {
		return errorf(fmt.Sprintf("write --%s or --%s", name, flag.Name), "--%s takes no value", name)
	}
	return s.add(flag, "false")
}

// short reads -o json, -o=json and -ojson. ExternalDNS has no short flags.
func (s *scan) short(text string) error {
	if text == "h" && s.model.shorts["h"] == nil {
		s.help = true
		return nil
	}
	name, value := text[:1], text[1:]
	flag := s.model.shorts[name]
	if flag == nil {
		return s.unknown("-" + strings.SplitN(text, "=", 2)[0])
	}
	return s.value(flag, "-"+name, strings.TrimPrefix(value, "="), value != "")
}

// add notes one use of a flag.
func (s *scan) add(flag *kong.Flag, value string) error {
	i := slices.IndexFunc(s.given, func(g setting) bool { return g.flag == flag.Name })
	if i < 0 {
		s.given = append(s.given, setting{flag: flag.Name, values: []string{value}, secret: flag.Tag.Has("secret")})
		return nil
	}
	if flag.IsCumulative() {
		s.given[i].values = append(s.given[i].values, value)
		return nil
	}
	hint := "keep one of them"
	if chart := chartValue(flag.Name); chart != "" {
		hint += fmt.Sprintf("; ExternalDNS's Helm chart writes --%s itself: set its value %s, not extraArgs", flag.Name, chart)
	}
	return errorf(hint, "--%s is given twice", flag.Name)
}

// unexpected explains an argument that is no flag.
func (s *scan) unexpected(arg string) error {
	hint := s.form() + "; the value of a flag is written as --flag=value"
	switch {
	case slices.ContainsFunc(commands(), func(c command) bool { return c.name == arg }):
		hint = fmt.Sprintf("the command comes first: signpost %s ...", arg)
	case arg == "true" || arg == "false":
		hint = "a flag that is on or off takes its value behind an equals sign: --events=" + arg
	case s.model.flags[arg] != nil:
		hint = didYouMean([]string{"--" + arg})
	}
	return errorf(hint, "unexpected argument %q", arg)
}

// unknown explains a flag that neither Signpost nor ExternalDNS has.
func (s *scan) unknown(flag string) error {
	word := strings.TrimLeft(flag, "-")
	near := nearest(word, append(s.offered(), "help", "version", "print-config"))
	no := strings.HasPrefix(word, "no-")
	if len(near) == 0 && no {
		near = nearest(strings.TrimPrefix(word, "no-"), s.model.bools())
	} else {
		no = false
	}
	for i := range near {
		if no {
			near[i] = "no-" + near[i]
		}
		near[i] = "--" + near[i]
	}
	hint := fmt.Sprintf("signpost %s --help lists the flags", s.command)
	if len(near) > 0 {
		hint = didYouMean(near)
	}
	return errorf(hint, "unknown flag %s", flag)
}

// offered returns the flags that the command reads, but for those that are only
// there to be refused.
func (s *scan) offered() []string {
	names := s.model.names()
	for _, f := range s.table {
		if f.hint == "" {
			names = append(names, f.name)
		}
	}
	return names
}

// positional returns what kong shall read as positional arguments.
func (s *scan) positional() []string {
	if len(s.rest) == 0 {
		return nil
	}
	return append([]string{"--"}, s.rest...)
}
