package cli

import (
	"context"
	"errors"

	"github.com/signpost-dns/signpost/internal/console"
	"github.com/signpost-dns/signpost/internal/controller"
)

// runCommand is the controller.
type runCommand struct{ engineOptions }

func runWord() command {
	return command{
		name:  "run",
		brief: "keep the record sets as the objects want them",
		detail: `Points DNS names at what runs: reads Services, Ingresses and other objects, and
keeps the record sets that they ask for in the zones. Only what carries our mark
of ownership is ever changed or deleted. ExternalDNS's arguments and environment
work as they are.

  signpost run --source=service --source=ingress --provider=aws \
    --domain-filter=example.com --txt-owner-id=my-cluster

Ask "signpost plan" with the same flags first to see what it would do.

Exit code with --once: 0 all is done, 3 all but what waits for a person
(deletions are held, or a source cannot be read), 1 something went wrong.`,
		new: func() runner { return &runCommand{} },
	}
}

// Run keeps the zones right until ctx ends, or with --once makes one pass.
func (c *runCommand) Run(ctx context.Context, call *call) error {
	tuneMemory()
	call.logConfig()
	c.warnOwnership(call)
	if c.DryRun {
		call.log.Info("running in dry-run mode. No changes to DNS records will be made.")
	}
	if c.Once {
		c.onHold = func(controller.Hold) {} // told at the end, as an error
	}
	e, err := c.build(ctx, call)
	if err != nil {
		return err
	}
	if c.DryRun {
		e.logPreview(ctx, call)
	}
	if c.Once {
		report, err := c.once(ctx, e)
		errs := []error{err}
		for _, hold := range report.Holds {
			errs = append(errs, hold)
		}
		return errors.Join(errs...)
	}
	return e.serve(ctx, call, c.MetricsAddress)
}

// serve runs the engine with its console until ctx ends.
func (e *engine) serve(ctx context.Context, call *call, address string) error {
	at, err := console.Serve(ctx, address, console.Handler(e.metrics, e), call.log)
	if err != nil {
		return &Error{Err: err, Hint: "choose another with --metrics-address=:PORT"}
	}
	call.log.Info("watching "+e.feed.String(), "metrics", "http://"+at.String()+"/metrics", "ready", "http://"+at.String()+"/readyz")
	if e.board != nil {
		writing, stop := context.WithCancel(ctx)
		defer stop()
		go e.board.Run(writing)
	}
	if e.recorder != nil {
		telling, stop := context.WithCancel(ctx)
		defer stop()
		go e.recorder.Run(telling)
	}
	err = e.Run(ctx)
	if ctx.Err() != nil {
		call.log.Info("Terminating main controller loop")
	}
	return err
}
