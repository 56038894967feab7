package cli

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/signpost-dns/signpost/internal/source"
)

// model is what flags a command has.
type model struct {
	kong   *kong.Kong
	all    []*kong.Flag          // in the order of the struct
	flags  map[string]*kong.Flag // by name and alias
	shorts map[string]*kong.Flag
	lists  map[string][]string // the defaults of lists
}

func newModel(target any) (*model, error) {
	m := &model{flags: map[string]*kong.Flag{}, shorts: map[string]*kong.Flag{}, lists: map[string][]string{}}
	vars := kong.Vars{"sources": strings.Join(sourceNames(), ","), "sourcelist": strings.Join(sourceNames(), ", ")}
	if l, ok := target.(logging); ok {
		vars["usuallevel"] = l.usualLevel()
	}
	options := append(valueMappers(), kong.NoDefaultHelp(), kong.Name("signpost"),
		kong.ExplicitGroups(groups()), kong.PostBuild(m.index), vars)
	k, err := kong.New(target, options...)
	if err != nil {
		return nil, err
	}
	m.kong = k
	return m, nil
}

// sourceNames returns the values of --source, the usual ones first.
func sourceNames() []string {
	names := source.Sources()
	slices.SortStableFunc(names, func(a, b string) int { return strings.Count(a, "-") - strings.Count(b, "-") })
	return names
}

// groups returns the topics of help in their order, by the key that the group
// tags of options name: first what single commands have, then what several share.
func groups() []kong.Group {
	return []kong.Group{
		{Key: "output", Title: "Output"},
		{Key: "publish", Title: "What to publish, and how"},
		{Key: "address", Title: "Where the address comes from"},
		{Key: "emulator", Title: "What it serves"},
		{Key: "instance", Title: "The instance it stands for"},
		{Key: "trouble", Title: "Trouble to make"},
		{Key: "sources", Title: "What to publish"},
		{Key: "ingresses", Title: "Ingresses"},
		{Key: "services", Title: "Services"},
		{Key: "nodes", Title: "Nodes and Pods"},
		{Key: "gateways", Title: "Gateway routes"},
		{Key: "templates", Title: "Names from templates"},
		{Key: "targets", Title: "Targets and TTLs"},
		{Key: "provider", Title: "Where to publish"},
		{Key: "route53", Title: "Amazon Route 53"},
		{Key: "changes", Title: "What may change"},
		{Key: "ownership", Title: "Whose record sets"},
		{Key: "expose", Title: "Services without a load balancer"},
		{Key: "site", Title: "The address of the site"},
		{Key: "objects", Title: "Where objects are read from"},
		{Key: "pace", Title: "When"},
		{Key: "replicas", Title: "Several replicas"},
		{Key: "watching", Title: "Logging and metrics"},
		{Key: "rate", Title: "Limits of pace"},
	}
}

// index notes the flags. Lists are never split, so that their defaults, which
// the tag separates by commas, are kept here rather than by kong.
func (m *model) index(k *kong.Kong) error {
	for _, flag := range k.Model.Flags {
		m.all = append(m.all, flag)
		for _, name := range append([]string{flag.Name}, flag.Aliases...) {
			m.flags[name] = flag
		}
		if flag.Short != 0 {
			m.shorts[string(flag.Short)] = flag
		}
		if !flag.IsCumulative() {
			continue
		}
		flag.Tag.Sep, flag.Tag.MapSep = -1, -1
		if flag.HasDefault && flag.Default != "" {
			m.lists[flag.Name] = strings.Split(flag.Default, ",")
		}
		flag.HasDefault, flag.Default = false, ""
	}
	return nil
}

// controller reports whether the command reads ExternalDNS's arguments.
func (m *model) controller() bool { return m.flags["source"] != nil }

func (m *model) names() []string { return slices.Sorted(maps.Keys(m.flags)) }

func (m *model) bools() []string {
	return slices.DeleteFunc(m.names(), func(name string) bool { return !m.flags[name].IsBool() })
}

// positionals returns how many arguments without a flag the command takes, at
// least and at most.
func (m *model) positionals() (least, most int) {
	for _, p := range m.kong.Model.Positional {
		most++
		if p.Required {
			least++
		}
		if p.IsCumulative() {
			most = 1 << 16
		}
	}
	return least, most
}

// usage returns the form of the command line: signpost explain [flags] NAME.
func (m *model) usage(command string) string {
	form := "signpost " + command + " [flags]"
	for _, p := range m.kong.Model.Positional {
		form += " " + strings.ToUpper(p.Name)
		if p.IsCumulative() {
			form += "..."
		}
	}
	return form
}

// arguments returns the settings and the defaults of lists in the one form that
// kong reads without choices of its own.
func (m *model) arguments(given []setting) []string {
	var args []string
	set := map[string]bool{}
	for _, s := range given {
		set[s.flag] = true
		for _, value := range s.values {
			if m.flags[s.flag].IsBool() {
				value = fmt.Sprint(parseBool(value) == yes)
			}
			args = append(args, "--"+s.flag+"="+value)
		}
	}
	for _, flag := range m.all {
		if set[flag.Name] {
			continue
		}
		for _, value := range m.lists[flag.Name] {
			args = append(args, "--"+flag.Name+"="+value)
		}
	}
	return args
}

// check judges the values of one setting, naming where they came from.
func (m *model) check(s setting) error {
	flag := m.flags[s.flag]
	for _, value := range s.values {
		if instead := flag.Tag.Get("full"); instead != "" && value == "" {
			return errorf(instead, "%s is empty", s.where())
		}
		if err := checkComma(flag, s, value); err != nil {
			return err
		}
		if err := checkEnum(flag, s, value); err != nil {
			return err
		}
		if flag.IsBool() {
			if parseBool(value) == neither {
				return errorf(fmt.Sprintf("write --%s or --no-%s", s.flag, s.flag), "%s: %q is neither true nor false", s.where(), value)
			}
			continue
		}
		probe := reflect.New(flag.Target.Type()).Elem()
		ctx := &kong.DecodeContext{Value: flag.Value, Scan: kong.ScanAsType(kong.FlagValueToken, value)}
		if err := flag.Mapper.Decode(ctx, probe); err != nil {
			if s.secret {
				return errorf(hintOf(err), "%s: the value cannot be used", s.where())
			}
			return fmt.Errorf("%s: %w", s.where(), err)
		}
	}
	return nil
}

// checkComma refuses a list in one value, which ExternalDNS takes for one odd
// value and then passes over in silence.
func checkComma(flag *kong.Flag, s setting, value string) error {
	if !flag.IsSlice() || flag.Tag.Get("comma") == "ok" || !strings.Contains(value, ",") {
		return nil
	}
	var each []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			each = append(each, "--"+s.flag+"="+part)
		}
	}
	hint := "give the flag once for each value: " + strings.Join(each, " ")
	if s.from != "" {
		hint = "in a variable, write each value on a line of its own"
	}
	return errorf(hint, "%s: %q holds a comma, and lists are not split at commas", s.where(), value)
}

// checkEnum refuses what is not in a flag's enum tag.
func checkEnum(flag *kong.Flag, s setting, value string) error {
	if flag.Enum == "" {
		return nil
	}
	choices := flag.EnumSlice()
	err := checkChoice(value, choices)
	if err == nil {
		return nil
	}
	if hint := foreignValue(s.flag, value); hint != "" {
		return errorf(hint, "--%s=%s is not in Signpost, which knows %s", s.flag, value, strings.Join(named(choices), ", "))
	}
	return fmt.Errorf("%s: %w", s.where(), err)
}

// checkChoice refuses what is not among the choices.
func checkChoice(value string, choices []string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	choices = named(choices)
	oneOf := "one of " + strings.Join(choices, ", ")
	if len(choices) == 1 {
		oneOf = choices[0]
	}
	hint := ""
	if near := nearest(value, choices); len(near) > 0 {
		hint = didYouMean(near)
	}
	return errorf(hint, "%q is not %s", value, oneOf)
}

// named returns the choices but for the empty one.
func named(choices []string) []string {
	return slices.DeleteFunc(slices.Clone(choices), func(c string) bool { return c == "" })
}
