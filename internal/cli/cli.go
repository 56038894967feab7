// Package cli is the command line: it turns arguments and environment into the
// options of one command, runs it, and turns what it returns into an exit code.
//
// It hides how ExternalDNS's command line is read: --name=value, --name value,
// --no-name, repeated flags, @file, and the variables SIGNPOST_<FLAG> and
// EXTERNAL_DNS_<FLAG>. Options live beside their owners, as structs with kong
// tags that a command embeds; each command is one file, listed in [commands].
// As the wiring of the program it may import every other room; none imports it.
//
// What holds for every command line:
//
//   - a flag wins over the environment, the environment over the default; a
//     variable that a flag overrides is not even read;
//   - a flag that takes one value is given at most once; nothing is split at
//     commas, and a list with a comma in it is an error;
//   - nothing that is misspelled, misplaced or unknown is passed over in
//     silence;
//   - an error is printed as "error: ..." and, where something can be done
//     about it, "hint: ...".
//
// Flags that ExternalDNS has and Signpost lacks stand in one table, with what
// becomes of them; a flag that a room comes to have overrides its row.
//
// Tags beyond kong's own: comma:"ok" on a list whose values may contain a
// comma, secret:"" on a flag whose value must not be printed, full:"" on a flag
// that may be left out but not be empty, with what to do instead,
// deprecated:"..." on a flag that is warned about. A new command:
//
//	type planCommand struct {
//		Options
//		LogOptions
//		Output string `short:"o" enum:"text,json" default:"text" help:"Form of the plan."`
//	}
//
//	func (c *planCommand) Run(ctx context.Context, call *call) error { ... }
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// System is the part of the operating system that a command line touches.
type System struct {
	Stdin          io.Reader // answers to questions; nil: nobody can be asked
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
	Environ        func() []string // every variable, as NAME=VALUE; nil: none but those that are looked up
}

// OS returns the streams and the environment of this process.
func OS() System {
	return System{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv, Environ: os.Environ}
}

// Main runs one command line (without the program's name) and returns the exit
// code: 0, 1 for an error, or what the command's [Error] says. A command ends
// early, and well, when ctx does.
func Main(ctx context.Context, args []string, sys System) int {
	err := dispatch(ctx, args, sys)
	if err == nil {
		return 0
	}
	printError(sys, err)
	return exitCode(err)
}

// dispatch finds the command. Flags alone mean run, so that ExternalDNS's
// arguments work as they are; so does ExternalDNS's environment alone. Only
// --help alone asks for more than the help of run.
func dispatch(ctx context.Context, args []string, sys System) error {
	if len(args) == 0 && !configuredByEnvironment(sys.LookupEnv) || len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		return printOverview(sys)
	}
	name := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && !strings.HasPrefix(args[0], "@") {
		name, args = args[0], args[1:]
	}
	if name == "help" {
		return help(args, sys)
	}
	cmd, err := findCommand(name)
	if err != nil {
		return err
	}
	return cmd.execute(ctx, args, sys)
}

// help serves "signpost help" and "signpost help plan".
func help(args []string, sys System) error {
	if len(args) == 0 {
		return printOverview(sys)
	}
	cmd, err := findCommand(args[0])
	if err != nil {
		return err
	}
	if len(args) > 1 {
		return errorf("the form is: signpost help COMMAND", "unexpected argument %q", args[1])
	}
	return cmd.printHelp(sys)
}

// configuredByEnvironment reports whether variables choose a source or a
// provider, as in a Deployment without arguments.
func configuredByEnvironment(lookup func(string) (string, bool)) bool {
	for _, flag := range []string{"source", "provider"} {
		if _, value := variable(flag, lookup); value != "" {
			return true
		}
	}
	return false
}

func findCommand(name string) (command, error) {
	var names []string
	for _, cmd := range commands() {
		if cmd.name == name {
			return cmd, nil
		}
		names = append(names, cmd.name)
	}
	hint := fmt.Sprintf("the commands are %s; flags alone mean run", strings.Join(names, ", "))
	if near := nearest(name, names); len(near) > 0 {
		hint = didYouMean(near)
	}
	return command{}, &Error{Err: fmt.Errorf("unknown command %q", name), Hint: hint}
}
