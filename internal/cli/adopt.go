package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/signpost-dns/signpost/internal/controller"
)

// adoptCommand claims record sets that nobody claims.
type adoptCommand struct {
	planCommand
	Yes bool `name:"yes" short:"y" group:"changes" help:"Adopt without asking."`
}

func adoptWord() command {
	return command{
		name:  "adopt",
		brief: "make record sets ours that stand already, as objects want them",
		detail: `Reads objects and zones as "signpost run" with the same flags would, and claims
the record sets that nobody claims and that have the values which objects want:
those that were made by hand, or by ExternalDNS without ownership. It prints
what it would change as a diff, and asks before it does (or is given --yes). It
does nothing else: no other name changes.

A record set is left alone, and told of in a line that begins with "!", if it
differs from what is wanted, or if a TXT whose name contains its host is
somebody's claim or cannot be read: it may be that of another deployment.

Exit code: 0 all that can be adopted is, 1 something went wrong, 2 nothing was
adopted since nobody said yes, or because of --dry-run.`,
		new: func() runner { return &adoptCommand{} },
	}
}

// Run adopts.
func (c *adoptCommand) Run(ctx context.Context, call *call) error {
	if !c.settings.Owned {
		return errorf("leave --registry out", "--registry=noop: without claims nothing can be adopted, and everything is ours")
	}
	c.rules.Adopt = true
	c.Expose.Expose = false // to adopt is to change the zone alone
	dry := c.DryRun
	_, report, err := c.look(ctx, call)
	if printErr := c.print(call, report, ""); printErr != nil {
		return printErr
	}
	if err != nil || report.Changes() == 0 {
		return err
	}
	if dry {
		return &Error{Code: exitChanges}
	}
	if yes, err := c.agreed(ctx, call); err != nil {
		return err
	} else if !yes {
		return &Error{Code: exitChanges}
	}
	c.DryRun, c.Once = false, true
	c.onHold = func(controller.Hold) {} // nothing is deleted that waits
	e, err := c.build(ctx, call)
	if err != nil {
		return err
	}
	if report, err = c.once(ctx, e); err != nil {
		return err
	}
	return write(call.System, fmt.Sprintf("Adopted: %s.\n", counted(report.Changes(), "record set has changed", "record sets have changed")))
}

// agreed asks, unless --yes has been given.
func (c *adoptCommand) agreed(ctx context.Context, call *call) (bool, error) {
	if c.Yes {
		return true, nil
	}
	if call.Stdin == nil || !isTerminal(call.Stdin) {
		return false, errorf("add --yes if that is what you want", "nobody can be asked, since the input is no terminal")
	}
	if _, err := fmt.Fprint(call.Stderr, "Adopt these? [y/N] "); err != nil {
		return false, fmt.Errorf("ask: %w", err)
	}
	return affirmed(ctx, call.Stdin), nil
}

// affirmed reports whether a person answers yes. What ends early is none, nor is Ctrl-C, though nobody may be reading the
// answer then.
func affirmed(ctx context.Context, in io.Reader) bool {
	line := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(in).ReadString('\n')
		line <- answer
	}()
	select {
	case answer := <-line:
		answer = strings.ToLower(strings.TrimSpace(answer))
		return answer == "y" || answer == "yes"
	case <-ctx.Done():
		return false
	}
}

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
