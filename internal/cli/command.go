package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// command is one word of the command line.
type command struct {
	name   string
	brief  string        // one line of the overview
	detail string        // what its help begins with: what it is for
	new    func() runner // a pointer to a struct with kong tags
}

// runner is a command whose fields were filled from the command line.
type runner interface {
	Run(ctx context.Context, call *call) error
}

// commands returns every command, in the order of the overview.
func commands() []command {
	return []command{
		runWord(),
		planWord(),
		explainWord(),
		approveWord(),
		adoptWord(),
		publishWord(),
		demoWord(),
		emulatorWord(),
		versionWord(),
	}
}

// call is what a command gets besides its own fields.
type call struct {
	System
	log      *slog.Logger
	given    []setting // what was set by flag or environment, sorted by name
	terminal bool      // stderr is a terminal
	colour   bool      // and wants colours
}

// Optional parts of a runner.
type (
	// checker is a command that can judge its fields before anything begins.
	checker interface{ check() error }
	// logging is a command that writes a log.
	logging interface {
		logOptions() LogOptions
		usualLevel() string
	}
)

func (cmd command) execute(ctx context.Context, args []string, sys System) error {
	run := cmd.new()
	parsed, err := parse(cmd, run, args, sys)
	if err != nil {
		return err
	}
	switch {
	case parsed.help:
		return cmd.printHelp(sys)
	case parsed.version:
		return (&versionCommand{Output: "text"}).Run(ctx, &call{System: sys})
	}
	if c, ok := run.(checker); ok {
		if err := c.check(); err != nil {
			return err
		}
	}
	c := &call{
		System:   sys,
		log:      slog.New(slog.DiscardHandler),
		given:    parsed.given,
		terminal: isTerminal(sys.Stderr),
	}
	c.colour = c.terminal && wantsColour(sys.LookupEnv)
	if l, ok := run.(logging); ok && !parsed.print {
		c.log = l.logOptions().logger(sys.Stderr, c.terminal, c.colour)
		for _, warning := range parsed.warnings {
			c.log.Warn(warning)
		}
	} else {
		for _, warning := range parsed.warnings {
			if _, err := fmt.Fprintln(sys.Stderr, "warning: "+warning); err != nil {
				return fmt.Errorf("print a warning: %w", err)
			}
		}
	}
	if parsed.print {
		return printSettings(sys.Stdout, parsed.given)
	}
	return run.Run(ctx, c)
}

// set reports whether a flag was given, by itself or by a variable.
func (c *call) set(flag string) bool {
	return slices.ContainsFunc(c.given, func(s setting) bool { return s.flag == flag })
}

// logConfig logs what was set, with secrets masked.
func (c *call) logConfig() {
	attrs := make([]any, 0, len(c.given))
	for _, s := range c.given {
		attrs = append(attrs, slog.String(s.flag, s.print()))
	}
	c.log.Info("config", attrs...)
}

// printSettings prints what was set and where, one flag a line.
func printSettings(w io.Writer, given []setting) error {
	for _, s := range given {
		for _, value := range s.printed() {
			line := "--" + s.flag + "=" + value
			if s.from != "" {
				line += "  # " + s.from
			}
			if _, err := fmt.Fprintln(w, line); err != nil {
				return fmt.Errorf("print the configuration: %w", err)
			}
		}
	}
	return nil
}
