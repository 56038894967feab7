package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/signpost-dns/signpost/examples"
	"github.com/signpost-dns/signpost/internal/console"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/provider/route53"
)

// demoCommand is the real controller on manifests, against the emulator.
type demoCommand struct {
	LogOptions
	Objects string `name:"objects" group:"objects" placeholder:"DIR" help:"Directory of manifests to play with. Not given: examples/demo if it is there, else a copy of it in a new directory."`
}

func demoWord() command {
	return command{
		name:  "demo",
		brief: "see it at work on this machine: no cloud, no cluster, no trace",
		detail: `Runs the real controller on a directory of manifests against an emulated Route
53 with DNS, all on this machine. It prints the record sets that it made and the
dig lines to try, follows your edits of the manifests, and ends with Ctrl-C.
Neither credentials nor AWS settings of the environment are looked at.`,
		new: func() runner { return &demoCommand{} },
	}
}

const (
	demoDomain  = "example.com"
	demoOwner   = "demo"
	demoForeign = "alias1." + demoDomain // somebody else's
)

// The ports that are tried first; others are taken where these are in use.
const (
	demoAPIPort     = 4580
	demoDNSPort     = 5053
	demoConsolePort = 7979
)

// usualLevel leaves out of the log what the demo tells in its own words.
func (*demoCommand) usualLevel() string { return "warning" }

// Run plays the demo until ctx ends.
func (c *demoCommand) Run(ctx context.Context, call *call) error {
	server, err := demoAccount()
	if err != nil {
		return err
	}
	return c.play(ctx, call, server)
}

func (c *demoCommand) play(parent context.Context, call *call, server *emulator.Server) (err error) {
	dir, remove, err := c.manifests()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	s, err := c.stage(ctx, call, dir, server)
	if err != nil {
		return err
	}
	if err := write(call.System, demoIntroduction(dir)); err != nil {
		return errors.Join(err, s.sockets.Close())
	}
	var parts sync.WaitGroup
	for _, part := range []func(context.Context) error{s.sockets.Serve, s.engine.Run} {
		parts.Go(func() { stop(part(ctx)) })
	}
	if awaitMade(ctx, s.engine) {
		if err := s.teller.begin(s, dir); err != nil {
			stop(err)
		}
	}
	<-ctx.Done()
	parts.Wait()
	if parent.Err() == nil {
		return context.Cause(ctx)
	}
	return write(call.System, "\nThe demo has ended; nothing is left of it.\n")
}

// stage is what a demo plays on.
type stage struct {
	engine  *engine
	teller  *teller
	sockets *emulator.Sockets // of the emulated Route 53
	console net.Addr
}

// stage sets everything up; nothing runs yet but the console.
func (c *demoCommand) stage(ctx context.Context, call *call, dir string, server *emulator.Server) (*stage, error) {
	options, err := demoEngine(dir, c.LogOptions)
	if err != nil {
		return nil, err
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	sockets, err := freely(server, netip.AddrPortFrom(loopback, demoAPIPort), netip.AddrPortFrom(loopback, demoDNSPort))
	if err != nil {
		return nil, fmt.Errorf("start the emulated Route 53: %w", err)
	}
	s := &stage{sockets: sockets}
	p, err := route53.NewStatic("http://"+sockets.HTTP.String(), nil, options.Route53, options.settings.Filter)
	if err == nil {
		s.teller = newTeller(p, call)
		options.onHold = s.teller.hold
		s.engine, err = options.buildFor(s.teller, call)
	}
	if err == nil {
		s.console, err = demoConsole(ctx, call, s.engine, loopback)
	}
	if err != nil {
		return nil, errors.Join(err, sockets.Close())
	}
	return s, nil
}

// manifests returns the directory to play with, and what to do when the demo is
// over: a copy goes with it.
func (c *demoCommand) manifests() (dir string, remove func() error, err error) {
	keep := func() error { return nil }
	if c.Objects != "" {
		return c.Objects, keep, nil
	}
	usual := filepath.Join("examples", "demo")
	if info, err := os.Stat(usual); err == nil && info.IsDir() {
		return usual, keep, nil
	}
	root, err := os.MkdirTemp("", "signpost-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a directory for the demo's manifests: %w", err)
	}
	remove = func() error {
		if err := os.RemoveAll(root); err != nil {
			return fmt.Errorf("remove the demo's manifests: %w", err)
		}
		return nil
	}
	dir = filepath.Join(root, "demo")
	files, err := fs.Sub(examples.Demo, "demo")
	if err == nil {
		err = os.CopyFS(dir, files)
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("copy the demo's manifests: %w", err), remove())
	}
	return dir, remove, nil
}

// demoAccount is an account with one zone, in which somebody else has a record
// set already.
func demoAccount() (*emulator.Server, error) {
	server := emulator.New(emulator.Config{})
	id, err := server.AddZone(demoDomain)
	if err == nil {
		err = server.Change(id, emulator.Change{Action: "CREATE",
			Set: emulator.RecordSet{Name: demoForeign, Type: "A", TTL: 300, Values: []string{"203.0.113.80"}}})
	}
	if err != nil {
		return nil, fmt.Errorf("make the demo's zone: %w", err)
	}
	return server, nil
}

// demoEngine is what a user would give as flags, but that deletions do not keep
// one waiting.
func demoEngine(dir string, log LogOptions) (*engineOptions, error) {
	var run runCommand
	args := []string{"--source=service", "--source=ingress", "--objects=" + dir, "--provider=aws", "--policy=sync",
		"--delete-grace=0", "--txt-owner-id=" + demoOwner}
	nothing := System{LookupEnv: func(string) (string, bool) { return "", false }}
	if _, err := parse(runWord(), &run, args, nothing); err != nil {
		return nil, err
	}
	run.LogOptions, run.forgets = log, true
	return &run.engineOptions, run.check()
}

// demoConsole serves the console at the usual port, or at another.
func demoConsole(ctx context.Context, call *call, e *engine, host netip.Addr) (net.Addr, error) {
	handler := console.Handler(e.metrics, e)
	at, err := console.Serve(ctx, netip.AddrPortFrom(host, demoConsolePort).String(), handler, call.log)
	if errors.Is(err, syscall.EADDRINUSE) {
		at, err = console.Serve(ctx, netip.AddrPortFrom(host, 0).String(), handler, call.log)
	}
	return at, err
}

// awaitMade returns true when what the manifests ask for is made, or told why it is not, and false if ctx ends before.
func awaitMade(ctx context.Context, e *engine) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !e.made() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// made reports whether the zones have been brought up to date once, and well: a call that fails is made again later.
func (e *engine) made() bool {
	overview := e.Overview()
	for _, check := range overview.Checks {
		if !check.OK {
			return false
		}
	}
	if len(overview.Refusals) > 0 {
		return true
	}
	families, err := e.metrics.Gather()
	if err != nil {
		return true // the page of metrics tells it
	}
	counts := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			counts[f.GetName()] += m.GetGauge().GetValue()
		}
	}
	return counts["external_dns_controller_verified_records"] >= counts["external_dns_source_records"]
}
