package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// printOverview is what "signpost" alone says.
func printOverview(sys System) error {
	paint := painter(isTerminal(sys.Stdout) && wantsColour(sys.LookupEnv))
	var b strings.Builder
	b.WriteString("Signpost points DNS names at what runs: it turns Kubernetes objects into DNS\n" +
		"record sets, Amazon Route 53 first, and keeps them right.\n\n")
	b.WriteString(paint(bold, "To begin") + "\n")
	b.WriteString("  signpost demo        see it at work, with nothing but this machine\n" +
		"  signpost run --help  what can be published, and every flag\n\n")
	b.WriteString(paint(bold, "Commands") + "\n")
	for _, cmd := range commands() {
		fmt.Fprintf(&b, "  %-*s  %s\n", longestCommand(), cmd.name, cmd.brief)
	}
	b.WriteString("\n\"signpost COMMAND --help\" says more. Flags alone mean run, so that ExternalDNS's\n" +
		"arguments work as they are.\n")
	return write(sys, b.String())
}

func longestCommand() (width int) {
	for _, cmd := range commands() {
		width = max(width, len(cmd.name))
	}
	return width
}

// printHelp prints what the command is for, then its flags by topic.
func (cmd command) printHelp(sys System) error {
	model, err := newModel(cmd.new())
	if err != nil {
		return fmt.Errorf("the flags of %s: %w", cmd.name, err)
	}
	paint := painter(isTerminal(sys.Stdout) && wantsColour(sys.LookupEnv))
	width := columns(sys.Stdout)
	var b strings.Builder
	b.WriteString(cmd.detail + "\n\n" + paint(bold, "Usage") + "\n  " + model.usage(cmd.name) + "\n")
	for _, topic := range topics(model) {
		b.WriteString("\n" + paint(bold, topic.title) + "\n")
		for _, flag := range topic.flags {
			writeColumns(&b, width, flagSyntax(flag), flagHelp(model, flag))
		}
	}
	b.WriteString("\n" + paint(bold, "General") + "\n")
	writeColumns(&b, width, "--print-config", "Print what is set, and by which variable, and exit.")
	writeColumns(&b, width, "--version", "Print which build this is, and exit.")
	writeColumns(&b, width, "-h, --help", "Print this and exit.")
	if len(model.all) > 0 {
		b.WriteString("\n" + strings.Join(wrap(environmentHelp(model.all[0].Name), 80), "\n") + "\n")
	}
	if model.controller() {
		b.WriteString("\nFlags of ExternalDNS for what Signpost lacks, or does not need, are accepted\n" +
			"with a warning, or refused where records would be lost without them.\n")
	}
	var others []string
	for _, other := range commands() {
		if other.name != cmd.name {
			others = append(others, other.name)
		}
	}
	text := "Other commands: " + strings.Join(others, ", ") + ". \"signpost help\" says what each is for."
	b.WriteString("\n" + strings.Join(wrap(text, 80), "\n") + "\n")
	return write(sys, b.String())
}

func environmentHelp(flag string) string {
	return fmt.Sprintf("Every flag can stand in the environment instead: --%s is %s%s or, as for ExternalDNS, %s%s; a list has one value a line. "+
		"A flag wins over its variables. @FILE stands for the arguments in a file, one a line.",
		flag, prefixes()[0], variableName(flag), prefixes()[1], variableName(flag))
}

type topic struct {
	title string
	flags []*kong.Flag
}

// topics puts the flags under their group tag: first those of a command alone,
// then the groups in their order, then others as they appear.
func topics(m *model) []topic {
	out := []topic{{title: "Flags"}}
	for _, group := range groups() {
		out = append(out, topic{title: group.Title})
	}
	for _, flag := range m.all {
		if flag.Hidden {
			continue
		}
		title := out[0].title
		if flag.Group != nil {
			title = flag.Group.Title
		}
		i := slices.IndexFunc(out, func(t topic) bool { return t.title == title })
		if i < 0 {
			i, out = len(out), append(out, topic{title: title})
		}
		out[i].flags = append(out[i].flags, flag)
	}
	return slices.DeleteFunc(out, func(t topic) bool { return len(t.flags) == 0 })
}

func flagSyntax(flag *kong.Flag) string {
	syntax := "--" + flag.Name
	if flag.IsBool() {
		syntax = "--[no-]" + flag.Name
	}
	if flag.Short != 0 {
		syntax = "-" + string(flag.Short) + ", " + syntax
	}
	if flag.IsBool() {
		return syntax
	}
	if flag.PlaceHolder != "" {
		return syntax + "=" + flag.PlaceHolder
	}
	return syntax + "=" + strings.ToUpper(flag.Name[strings.LastIndex(flag.Name, "-")+1:])
}

// flagHelp is a flag's help with its default, where that says something.
func flagHelp(m *model, flag *kong.Flag) string {
	value := flag.Default
	if flag.IsCumulative() {
		value = strings.Join(m.lists[flag.Name], ", ")
	}
	if flag.IsBool() {
		value = strings.TrimPrefix(value, "false")
		value = strings.Replace(value, "true", "on", 1)
	}
	if value == "" || flag.Tag.Has("secret") {
		return flag.Help
	}
	return flag.Help + " (default:" + unbreakable + strings.ReplaceAll(value, " ", unbreakable) + ")"
}

// writeColumns writes a flag and its help, wrapped, in two columns.
func writeColumns(b *strings.Builder, width int, left, right string) {
	const gap = 34
	lines := wrap(right, width-gap)
	if len(left) > gap-4 {
		fmt.Fprintf(b, "  %s\n", left)
	} else {
		fmt.Fprintf(b, "  %-*s%s\n", gap-2, left, lines[0])
		lines = lines[1:]
	}
	for _, line := range lines {
		fmt.Fprintf(b, "%*s%s\n", gap, "", line)
	}
}

// unbreakable is a blank at which no line ends (U+00A0).
const unbreakable = "\u00a0"

// wrap breaks text at blanks into lines of at most width runes, where it can.
func wrap(text string, width int) []string {
	lines := []string{""}
	for word := range strings.SplitSeq(text, " ") {
		word = strings.ReplaceAll(word, unbreakable, " ")
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// write prints what a command has to say.
func write(sys System, text string) error {
	if _, err := fmt.Fprint(sys.Stdout, text); err != nil {
		return fmt.Errorf("print the output: %w", err)
	}
	return nil
}
