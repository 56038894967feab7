package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider/route53"
	"github.com/signpost-dns/signpost/internal/publicip"
)

// publishCommand points names at this host, without Kubernetes.
type publishCommand struct {
	LogOptions
	publicip.Options
	Hostnames []string      `name:"hostname" group:"publish" placeholder:"NAME" help:"The name to point at this host. Repeatable. Not given: $ROUTE53_HOSTNAME."`
	ZoneID    string        `name:"zone-id" group:"publish" placeholder:"ID" help:"The hosted zone. Not given: $ROUTE53_ZONE_ID, or else the public zone of the name, which takes the permission route53:ListHostedZones."`
	Family    string        `name:"family" group:"publish" enum:"ipv4,ipv6,both" default:"ipv4" placeholder:"FAMILY" help:"ipv4 (an A record set), ipv6 (AAAA) or both, as far as the host has both."`
	TTL       time.Duration `name:"ttl" group:"publish" default:"60s" placeholder:"DURATION" help:"The record sets' time to live."`
	Watch     bool          `name:"watch" group:"publish" help:"Stay, and follow changes of the address. An address counts once it was seen twice."`
	Interval  time.Duration `name:"interval" group:"publish" default:"30s" placeholder:"DURATION" help:"How often --watch asks for the address."`
	Remove    bool          `name:"remove-on-exit" group:"publish" help:"With --watch: take the record sets away at the end, as far as they still point at this host."`
	DryRun    bool          `name:"dry-run" group:"publish" help:"Say what would change, and change nothing."`
	OwnerID   string        `name:"txt-owner-id" group:"ownership" default:"publish-ip" placeholder:"ID" help:"Whose the record sets are. Hosts that may publish the same name, one after the other, have the same."`
	TXTPrefix string        `name:"txt-prefix" group:"ownership" placeholder:"TEXT" help:"Put before the names of ownership TXT record sets, as everybody does who writes into the zone."`
	TXTSuffix string        `name:"txt-suffix" group:"ownership" placeholder:"TEXT" help:"Put behind the first label of their names; not together with --txt-prefix."`
}

func publishWord() command {
	return command{
		name:  "publish-ip",
		brief: "point names at this host's own public address; needs no Kubernetes",
		detail: `Learns the host's public address, compares it with the zone, and corrects the
record set: once, for an init container, a systemd unit or cron, or with
--watch for as long as it runs. The variables of route53-updater are enough:

  ROUTE53_ZONE_ID=Z1EXAMPLE ROUTE53_HOSTNAME=registry.example.com \
    signpost publish-ip

It needs the permissions route53:ListResourceRecordSets and
route53:ChangeResourceRecordSets on the zone, and no region. A record set that
nobody claims is taken over, one that somebody else claims is left alone.`,
		new: func() runner { return &publishCommand{} },
	}
}

func (c *publishCommand) check() error {
	seconds := c.TTL / time.Second
	switch {
	case c.TTL < 0 || seconds > dns.MaxTTL || c.TTL != seconds*time.Second:
		return errorf("write whole seconds, such as 60s", "--ttl: %s is no time to live", c.TTL)
	case c.Interval < time.Second:
		return errorf("write a time such as 30s", "--interval: %s is less than a second", c.Interval)
	case c.Remove && !c.Watch:
		return errorf("add --watch; without it the command ends as soon as the names are published", "--remove-on-exit: it ends at once")
	}
	if err := claim.ValidateOwner(c.OwnerID); err != nil {
		return errorf("any other text will do that tells these hosts from others that write into the zone", "--txt-owner-id: %w", err)
	}
	return nil
}

// families returns what is published.
func (c *publishCommand) families() []publicip.Family {
	if c.Family == "both" {
		return []publicip.Family{publicip.IPv4, publicip.IPv6}
	}
	return []publicip.Family{publicip.Family(c.Family)}
}

// hosts reads the names from flags, or from route53-updater's variable.
func (c *publishCommand) hosts(lookup func(string) (string, bool)) ([]dns.Name, error) {
	from, texts := "--hostname", c.Hostnames
	if v, _ := lookup("ROUTE53_HOSTNAME"); len(texts) == 0 && v != "" {
		from, texts = "ROUTE53_HOSTNAME", []string{v}
	}
	if len(texts) == 0 {
		return nil, errorf("add --hostname=registry.example.com, or set ROUTE53_HOSTNAME", "missing: --hostname")
	}
	var out []dns.Name
	for _, text := range texts {
		name, err := dns.ParseName(strings.TrimSpace(text))
		if err != nil || name == dns.Root || strings.ContainsAny(text, `/:\`) {
			return nil, errorf("write a domain name such as registry.example.com", "%s: %q is no name of a host", from, text)
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// zone reads the zone's ID from the flag, or from route53-updater's variable; "" if neither says one.
func (c *publishCommand) zone(lookup func(string) (string, bool)) (string, error) {
	from, text := "--zone-id", c.ZoneID
	if text == "" {
		from = "ROUTE53_ZONE_ID"
		text, _ = lookup(from)
	}
	id := strings.TrimPrefix(strings.TrimSpace(text), "/hostedzone/")
	if strings.ContainsFunc(id, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') }) {
		return "", errorf("write it as Route 53 does, such as Z0123456789ABCDEFGHIJ, or leave it out to have the zone found by the name",
			"%s: %q is no ID of a hosted zone", from, text)
	}
	return id, nil
}

// Run publishes once, or until ctx ends.
func (c *publishCommand) Run(ctx context.Context, call *call) error {
	hosts, err := c.hosts(call.LookupEnv)
	if err != nil {
		return err
	}
	finder, err := publicip.New(c.Options, publicip.Host{Env: call.LookupEnv})
	if err != nil {
		return err
	}
	naming, err := claim.NewNaming(c.TXTPrefix, c.TXTSuffix, "")
	if err != nil {
		return errorf("check --txt-prefix and --txt-suffix", "the names of claims: %w", err)
	}
	zoneID, err := c.zone(call.LookupEnv)
	if err != nil {
		return err
	}
	if err = checkEndpoints(call.LookupEnv); err != nil {
		return err
	}
	p, err := route53.New(ctx, route53.Options{}, dns.Filter{}, CurrentBuild().Version)
	if err != nil {
		return err
	}
	job := &publishing{call: call, hosts: hosts, dryRun: c.DryRun, published: map[publicip.Family]netip.Addr{}, told: map[dns.Name]string{},
		to: publicip.Publisher{Provider: p, ZoneID: zoneID, Owner: c.OwnerID, Naming: naming, TTL: uint32(c.TTL / time.Second)}}
	if !c.Watch {
		return job.once(ctx, finder, c.families())
	}
	return job.follow(ctx, finder, c)
}

// publishing is a run of the command.
type publishing struct {
	call      *call
	to        publicip.Publisher
	hosts     []dns.Name
	dryRun    bool
	published map[publicip.Family]netip.Addr
	told      map[dns.Name]string // to where each points, as was said last
}

// once publishes every address that the host has. Of two families one may be missing; one that cannot be learned is an
// error, and keeps the other from nothing.
func (j *publishing) once(ctx context.Context, finder publicip.Finder, families []publicip.Family) error {
	addrs := map[publicip.Family]netip.Addr{}
	var missing, failed []error
	for _, f := range families {
		addr, err := finder.Find(ctx, f)
		switch {
		case err == nil:
			addrs[f] = addr
		case errors.Is(err, publicip.ErrNoAddress) && len(families) > 1:
			j.call.log.Info("the host has no address of this family", "family", f, "reason", err)
			missing = append(missing, fmt.Errorf("learn this host's address: %w", err))
		default:
			failed = append(failed, fmt.Errorf("learn this host's address: %w", err))
		}
	}
	switch {
	case len(addrs) > 0:
		return errors.Join(append([]error{j.publish(ctx, addrs)}, failed...)...)
	case len(failed) > 0:
		return errors.Join(failed...)
	}
	return missing[0]
}

// publish points every host at the addresses. One that fails stops no other.
func (j *publishing) publish(ctx context.Context, addrs map[publicip.Family]netip.Addr) error {
	var errs []error
	for _, host := range j.hosts {
		act := j.to.Publish
		if j.dryRun {
			act = j.to.Plan
		}
		done, err := act(ctx, host, addrs)
		if err != nil {
			errs = append(errs, fmt.Errorf("publish %s: %w", host.Host(), err))
			continue
		}
		if err := j.tell(host, addrs, done); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// tell prints what was done, or what would be.
func (j *publishing) tell(host dns.Name, addrs map[publicip.Family]netip.Addr, done plan.Plan) error {
	var texts []string
	for _, f := range slices.Sorted(maps.Keys(addrs)) {
		texts = append(texts, addrs[f].String())
	}
	to := strings.Join(texts, " and ")
	switch {
	case done.Empty() && j.told[host] == to:
		return nil
	case done.Empty():
		j.told[host] = to
		return write(j.call.System, fmt.Sprintf("%s points at %s already\n", host.Host(), to))
	case j.dryRun:
		_, diff, _ := strings.Cut(done.String(), "\n")
		return write(j.call.System, diff)
	}
	j.told[host] = to
	return write(j.call.System, fmt.Sprintf("%s points at %s now\n", host.Host(), to))
}

// recheck is how often the zone itself is looked at while the address stays.
const recheck = 10 * time.Minute

// follow publishes whatever address the host has until ctx ends.
func (j *publishing) follow(ctx context.Context, finder publicip.Finder, c *publishCommand) error {
	seen := make(chan publicip.Seen)
	done := make(chan struct{})
	go func() {
		defer close(done)
		publicip.Watch(ctx, finder, c.families(), c.Interval, func(s publicip.Seen) {
			select {
			case seen <- s:
			case <-ctx.Done():
			}
		})
	}()
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	failed := map[publicip.Family]string{}
	for {
		select {
		case <-ctx.Done():
			<-done
			return j.leave(ctx, c.Remove)
		case <-tick.C:
		case s := <-seen:
			if s.Err != nil {
				if failed[s.Family] != s.Err.Error() {
					failed[s.Family] = s.Err.Error()
					j.call.log.Warn("the address cannot be learned; what is published stays", "family", s.Family, "error", s.Err, "hint", hintOf(s.Err))
				}
				continue
			}
			delete(failed, s.Family)
			j.published[s.Family] = s.Addr
		}
		if len(j.published) == 0 {
			continue
		}
		if err := j.publish(ctx, j.published); err != nil && ctx.Err() == nil {
			j.call.log.Error("not published; it is tried again", "error", err, "hint", hintOf(err))
			tick.Reset(time.Minute)
		} else {
			tick.Reset(recheck)
		}
	}
}

// farewell is how long taking the names away may take at the end.
const farewell = 10 * time.Second

// leave takes the names away, if that is asked for.
func (j *publishing) leave(ctx context.Context, remove bool) error {
	if !remove || j.dryRun || len(j.published) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	var errs []error
	for _, host := range j.hosts {
		done, err := j.to.Remove(ctx, host, j.published)
		if err != nil {
			errs = append(errs, fmt.Errorf("take %s away: %w", host.Host(), err))
		} else if !done.Empty() {
			errs = append(errs, write(j.call.System, host.Host()+" is taken away\n"))
		}
	}
	return errors.Join(errs...)
}
