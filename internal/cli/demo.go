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
	"slices"
	"strings"
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
		brief: "see it at work on this machine: no cloud, no cluster, no trace afterwards",
		detail: `Runs the real controller on a directory of manifests against an emulated Route 53
with DNS, all on this machine, prints what it did, and follows your edits until
Ctrl-C. Credentials in the environment are not looked at.`,
		new: func() runner { return &demoCommand{} },
	}
}

const (
	demoDomain = "example.com"
	demoOwner  = "demo"
)

// demoPorts are tried first; others are taken where they are in use.
var demoPorts = struct{ api, dns, console uint16 }{4580, 5053, 7979}

// Run plays the demo until ctx ends.
func (c *demoCommand) Run(ctx context.Context, call *call) error {
	dir, temporary, err := c.manifests()
	if err != nil {
		return err
	}
	if temporary {
		defer os.RemoveAll(filepath.Dir(dir))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	server, zoneID, err := demoAccount()
	if err != nil {
		return err
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	sockets, err := freely(server, netip.AddrPortFrom(loopback, demoPorts.api), netip.AddrPortFrom(loopback, demoPorts.dns))
	if err != nil {
		return fmt.Errorf("start the emulated Route 53: %w", err)
	}
	emulated := make(chan error, 1)
	go func() { emulated <- sockets.Serve(ctx) }()

	options := demoEngine(dir, c.LogOptions)
	if err := options.check(); err != nil {
		return err
	}
	p, err := route53.NewStatic("http://"+sockets.HTTP.String(), nil, options.Route53, options.settings.Filter)
	if err != nil {
		return err
	}
	e, err := options.buildFor(p, call)
	if err != nil {
		return err
	}
	at, err := demoConsole(ctx, call, e, loopback)
	if err != nil {
		return err
	}
	if err := write(call.System, demoIntroduction(dir)); err != nil {
		return err
	}
	controlled := make(chan error, 1)
	go func() { controlled <- e.Run(ctx) }()
	if err := awaitReady(ctx, e, controlled); err != nil {
		return err
	}
	if err := write(call.System, demoInstructions(server.RecordSets(zoneID), sockets.DNS, at, dir)); err != nil {
		return err
	}
	select {
	case err = <-controlled:
	case err = <-emulated:
	}
	stop()
	if ctxErr := context.Cause(ctx); err == nil && errors.Is(ctxErr, context.Canceled) {
		return write(call.System, "\nThe demo has ended; nothing is left of it.\n")
	}
	return err
}

// manifests returns the directory to play with, and whether it is a copy that
// goes with the demo.
func (c *demoCommand) manifests() (dir string, temporary bool, err error) {
	if c.Objects != "" {
		return c.Objects, false, nil
	}
	usual := filepath.Join("examples", "demo")
	if info, err := os.Stat(usual); err == nil && info.IsDir() {
		return usual, false, nil
	}
	root, err := os.MkdirTemp("", "signpost-demo-")
	if err != nil {
		return "", false, fmt.Errorf("make a directory for the demo's manifests: %w", err)
	}
	files, err := fs.Sub(examples.Demo, "demo")
	if err == nil {
		dir = filepath.Join(root, "demo")
		err = os.CopyFS(dir, files)
	}
	if err != nil {
		return "", false, errors.Join(fmt.Errorf("copy the demo's manifests: %w", err), os.RemoveAll(root))
	}
	return dir, true, nil
}

// demoAccount is an account with one zone, in which somebody else has a record
// set already.
func demoAccount() (*emulator.Server, string, error) {
	server := emulator.New(emulator.Config{})
	id, err := server.AddZone(demoDomain)
	if err == nil {
		err = server.Change(id, emulator.Change{Action: "CREATE",
			Set: emulator.RecordSet{Name: "alias1." + demoDomain, Type: "A", TTL: 300, Values: []string{"203.0.113.80"}}})
	}
	if err != nil {
		return nil, "", fmt.Errorf("make the demo's zone: %w", err)
	}
	return server, id, nil
}

// demoEngine is what a user would give as flags.
func demoEngine(dir string, log LogOptions) *engineOptions {
	o := &engineOptions{LogOptions: log}
	o.Sources, o.Provider, o.Policy, o.Registry = []string{"service", "ingress"}, "aws", "sync", "txt"
	o.OwnerID, o.DomainFilter, o.ManagedTypes = demoOwner, []string{demoDomain}, []string{"A", "AAAA", "CNAME"}
	o.Interval = time.Minute
	o.Objects.Objects = dir
	o.Route53.EvaluateTargetHealth = true
	return o
}

// demoConsole serves the console at the usual port, or at another.
func demoConsole(ctx context.Context, call *call, e *engine, host netip.Addr) (net.Addr, error) {
	handler := console.Handler(e.metrics, e.Checks)
	at, err := console.Serve(ctx, netip.AddrPortFrom(host, demoPorts.console).String(), handler, call.log)
	if errors.Is(err, syscall.EADDRINUSE) {
		at, err = console.Serve(ctx, netip.AddrPortFrom(host, 0).String(), handler, call.log)
	}
	return at, err
}

// awaitReady returns when the first pass is done.
func awaitReady(ctx context.Context, e *engine, ended <-chan error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ready := true
		for _, check := range e.Checks() {
			ready = ready && check.OK
		}
		if ready {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func demoIntroduction(dir string) string {
	return fmt.Sprintf("Signpost's demo: the real controller on the manifests in %s,\n"+
		"against an emulated Route 53 with the zone %s. What it does:\n\n", dir, demoDomain)
}

// demoInstructions says what can be tried now.
func demoInstructions(sets []emulator.RecordSet, at netip.AddrPort, metrics net.Addr, dir string) string {
	var b strings.Builder
	b.WriteString("\nAsk for the names:\n")
	var names []string
	for _, set := range sets {
		if slices.Contains([]string{"A", "AAAA", "CNAME"}, set.Type) && !slices.Contains(names, set.Name) {
			names = append(names, set.Name)
		}
	}
	for _, name := range names {
		fmt.Fprintf(&b, "  dig @%s -p %d +short %s\n", at.Addr(), at.Port(), strings.TrimSuffix(name, "."))
	}
	fmt.Fprintf(&b, "See who owns what:\n  dig @%s -p %d +short TXT a-dev1.%s\n", at.Addr(), at.Port(), demoDomain)
	fmt.Fprintf(&b, "Edit, add or delete a manifest in %s, and ask again: the answer has changed.\n", dir)
	fmt.Fprintf(&b, "Look inside:\n  http://%s/metrics\n  http://%s/readyz\n", metrics, metrics)
	b.WriteString("End it with Ctrl-C.\n\n")
	return b.String()
}
