package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// emulatorCommand is a Route 53 on this machine, with STS and instance metadata.
type emulatorCommand struct {
	LogOptions
	instanceOptions
	Zones        []string      `name:"zone" group:"emulator" sep:"none" placeholder:"DOMAIN" help:"A public hosted zone to begin with. Repeatable. More can be made through the API."`
	PrivateZones []string      `name:"private-zone" group:"emulator" sep:"none" placeholder:"DOMAIN" help:"A private hosted zone to begin with. Repeatable."`
	HealthChecks []string      `name:"health-check" group:"emulator" sep:"none" placeholder:"ID" help:"A health check that the account has. Repeatable; record sets with others are refused."`
	Address      string        `name:"address" group:"emulator" default:"127.0.0.1:4580" placeholder:"ADDRESS" help:"Loopback address of the API; port 0 is any free one."`
	DNSAddress   string        `name:"dns-address" group:"emulator" default:"127.0.0.1:5053" placeholder:"ADDRESS" help:"Loopback address of DNS, UDP and TCP."`
	Latency      time.Duration `name:"latency" group:"trouble" default:"0s" placeholder:"DURATION" help:"How long every call takes."`
	Rate         float64       `name:"rate" group:"trouble" default:"0" placeholder:"N" help:"Calls a second that are allowed, above which the answer is Throttling; Route 53's own is 5. 0: no limit."`
	SyncDelay    time.Duration `name:"sync-delay" group:"trouble" default:"0s" placeholder:"DURATION" help:"How long a change stays PENDING."`
	IAM          []string      `name:"iam-policy" group:"trouble" sep:"none" comma:"ok" placeholder:"KEY=FILE" help:"Hold the access key to the IAM policy in this JSON file. Repeatable; keys without one may do everything."`
	Faults       []string      `name:"fault" group:"trouble" sep:"none" placeholder:"ACTION:CODE[:N]" help:"Let the next N calls (default 1) of an action fail, such as ChangeResourceRecordSets:Throttling:3. CODE is an error code, cut (the connection ends) or cut-after (it ends when the call has done its work). Repeatable."`
}

func emulatorWord() command {
	return command{
		name:  "emulator",
		brief: "be a strict Route 53 with DNS on this machine, to try things out",
		detail: `Emulates Amazon Route 53's API and its name servers on loopback addresses, with
the service's limits, messages and order. Nothing is kept when it ends. Point
Signpost, ExternalDNS or the AWS CLI at it:

  signpost emulator --zone=example.com &
  export AWS_ENDPOINT_URL=http://127.0.0.1:4580 AWS_DEFAULT_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any
  aws route53 list-hosted-zones
  dig @127.0.0.1 -p 5053 example.com SOA

The same address answers STS, and with --instance the metadata of an EC2
instance (AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:4580).`,
		new: func() runner { return &emulatorCommand{} },
	}
}

// check refuses what no emulator can be.
func (c *emulatorCommand) check() error {
	for flag, d := range map[string]time.Duration{"latency": c.Latency, "sync-delay": c.SyncDelay} {
		if d < 0 {
			return errorf("write a time such as 200ms", "--%s: %s is less than nothing", flag, d)
		}
	}
	if !(c.Rate >= 0) { // nor NaN
		return errorf("write a number of calls a second such as 5, or 0 for no limit", "--rate: %v is no rate", c.Rate)
	}
	return nil
}

// Run serves until ctx ends.
func (c *emulatorCommand) Run(ctx context.Context, call *call) error {
	server := emulator.New(emulator.Config{Latency: c.Latency, Rate: c.Rate, SyncDelay: c.SyncDelay,
		HealthChecks: c.HealthChecks, Log: call.log})
	zones, err := c.addZones(server)
	if err != nil {
		return err
	}
	if err := c.makeTrouble(server); err != nil {
		return err
	}
	if err := c.prepare(server); err != nil {
		return err
	}
	sockets, err := listen(server, c.Address, c.DNSAddress)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Route 53 API  http://%s\nDNS           %s (UDP and TCP)\n%s", sockets.HTTP, sockets.DNS, zones)
	if err := write(call.System, text); err != nil {
		return errors.Join(err, sockets.Close())
	}
	return sockets.Serve(ctx)
}

// addZones makes the first zones and says which they are, one a line.
func (c *emulatorCommand) addZones(server *emulator.Server) (string, error) {
	var text strings.Builder
	add := func(kind, flag string, domains []string, options ...emulator.ZoneOption) error {
		for _, domain := range domains {
			id, err := server.AddZone(domain, options...)
			if err != nil {
				return errorf("write a domain such as example.com", "%s: %w", flag, err)
			}
			fmt.Fprintf(&text, "%-13s %s (%s)\n", kind, domain, id)
		}
		return nil
	}
	err := add("Zone", "--zone", c.Zones)
	if err == nil {
		err = add("Private zone", "--private-zone", c.PrivateZones, emulator.Private("us-east-1", "vpc-1"))
	}
	return text.String(), err
}

// makeTrouble holds access keys to their policies and prepares faults.
func (c *emulatorCommand) makeTrouble(server *emulator.Server) error {
	for _, entry := range c.IAM {
		key, file, ok := strings.Cut(entry, "=")
		if !ok || key == "" || file == "" {
			return errorf("write --iam-policy=ACCESSKEYID=policy.json", "--iam-policy: %q is not KEY=FILE", entry)
		}
		policy, err := os.ReadFile(file)
		if err != nil {
			return errorf("write --iam-policy=ACCESSKEYID=policy.json", "--iam-policy: %w", err)
		}
		if err := server.SetPolicy(key, policy); err != nil {
			return errorf("the file must hold a policy document of IAM as JSON, such as those in deploy/iam",
				"--iam-policy: %s: %w", file, err)
		}
	}
	for _, entry := range c.Faults {
		fault, err := parseFault(entry)
		if err != nil {
			return err
		}
		server.Inject(fault)
	}
	return nil
}

func parseFault(entry string) (emulator.Fault, error) {
	parts := strings.Split(entry, ":")
	bad := errorf("write for example --fault=ChangeResourceRecordSets:Throttling:3", "--fault: %q is not ACTION:CODE or ACTION:CODE:N", entry)
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return emulator.Fault{}, bad
	}
	if !slices.Contains(emulator.Actions(), parts[0]) {
		hint := "the actions are " + strings.Join(emulator.Actions(), ", ")
		for _, action := range emulator.Actions() {
			if strings.EqualFold(action, parts[0]) {
				hint = didYouMean([]string{action})
			}
		}
		return emulator.Fault{}, errorf(hint, "--fault: %q is no action that the emulator knows", parts[0])
	}
	fault := emulator.Fault{Action: parts[0], Times: 1}
	switch parts[1] {
	case "cut":
		fault.Cut = true
	case "cut-after":
		fault.Cut, fault.After = true, true
	default:
		fault.Code = parts[1]
	}
	if len(parts) == 3 {
		n, err := strconv.Atoi(parts[2])
		if err != nil || n < 1 {
			return emulator.Fault{}, bad
		}
		fault.Times = n
	}
	return fault, nil
}

// listen opens the emulator's sockets.
func listen(server *emulator.Server, address, dnsAddress string) (*emulator.Sockets, error) {
	sockets, err := server.Listen(address, dnsAddress)
	switch {
	case err == nil:
		return sockets, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, errorf("choose others with --address and --dns-address; port 0 is any free one", "%w", err)
	default:
		return nil, errorf("write --address and --dns-address like 127.0.0.1:4580", "%w", err)
	}
}

// freely opens the emulator's sockets at the ports wanted, or at others where
// those are taken.
func freely(server *emulator.Server, api, names netip.AddrPort) (*emulator.Sockets, error) {
	sockets, err := server.Listen(api.String(), names.String())
	for _, try := range [][2]uint16{{0, names.Port()}, {api.Port(), 0}, {0, 0}} {
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		sockets, err = server.Listen(netip.AddrPortFrom(api.Addr(), try[0]).String(), netip.AddrPortFrom(names.Addr(), try[1]).String())
	}
	return sockets, err
}
