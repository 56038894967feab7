package cli

import (
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
)

// PaceOptions say when. ExternalDNS's are obeyed where they are given; where
// they are not, its defaults do not hold, which come from listing every zone
// again for every change. A nil pointer is a flag that was not given.
type PaceOptions struct {
	Interval     *time.Duration `name:"interval" group:"pace" placeholder:"DURATION" help:"Audit all zones this often, as far as the rate allows, and never less often than once a minute; with --no-events also how long changes are gathered."`
	Events       *bool          `name:"events" group:"pace" help:"Act on changes of objects as they come; so it is if not given. --no-events: gather them, and write them once each --interval."`
	MinEventSync *time.Duration `name:"min-event-sync-interval" group:"pace" placeholder:"DURATION" help:"Begin no two synchronisations within this time. Not given: 0."`
	Window       time.Duration  `name:"batch-window" group:"pace" default:"20ms" placeholder:"DURATION" help:"Write when no object has changed for this long."`
	WindowCap    time.Duration  `name:"batch-window-cap" group:"pace" default:"200ms" placeholder:"DURATION" help:"Write this long after the first change, though others follow."`

	BatchChanges  *int           `name:"aws-batch-change-size" group:"rate" placeholder:"N" help:"Most record sets of a batch, 1000 at most. Not given: Route 53's own limits."`
	BatchChars    *int           `name:"aws-batch-change-size-bytes" group:"rate" placeholder:"N" help:"Most characters in the values of a batch, 32000 at most."`
	BatchValues   *int           `name:"aws-batch-change-size-values" group:"rate" placeholder:"N" help:"Most values of a batch, 1000 at most."`
	BatchInterval *time.Duration `name:"aws-batch-change-interval" group:"rate" placeholder:"DURATION" help:"Pause between two batches of a zone. Not given: 0."`
	Retries       *int           `name:"aws-api-retries" group:"rate" placeholder:"N" help:"How often in all a throttled call is made before that counts as an error. Not given, or 0: as often as it takes."`
	ZoneList      *time.Duration `name:"aws-zones-cache-duration" group:"rate" placeholder:"DURATION" help:"How long a list of zones is trusted, a minute or more. Not given: 4m."`

	TXTCache      time.Duration `name:"txt-cache-interval" group:"rate" placeholder:"DURATION" help:"Accepted without effect: nothing is listed twice."`
	ProviderCache time.Duration `name:"provider-cache-time" group:"rate" placeholder:"DURATION" help:"Accepted without effect: nothing is listed twice."`
}

// usualInterval is how often ExternalDNS looks where nobody says how often.
const usualInterval = time.Minute

// pacing judges the options and returns what they mean.
func (o *PaceOptions) pacing() (controller.Pacing, error) {
	if err := o.checkPace(); err != nil {
		return controller.Pacing{}, err
	}
	p := controller.Pacing{
		// To the controller 0 is what is usual.
		Window:   controller.Window{Idle: max(o.Window, 1), Cap: max(o.WindowCap, 1)},
		Apart:    value(o.MinEventSync),
		Pause:    value(o.BatchInterval),
		Tries:    value(o.Retries),
		ZoneList: value(o.ZoneList),
	}
	if o.ZoneList != nil {
		p.ZoneList = max(p.ZoneList, 1)
	}
	if o.Interval != nil {
		p.Rotation = min(o.interval(), usualInterval) // audits are never slowed down
	}
	if o.Events != nil && !*o.Events {
		p.Gather = o.interval()
	}
	return p, nil
}

// interval returns the interval that is given, else ExternalDNS's. Nobody looks
// more often than once a second.
func (o *PaceOptions) interval() time.Duration {
	if o.Interval == nil {
		return usualInterval
	}
	return max(*o.Interval, time.Second)
}

// batch returns what a batch may hold.
func (o *PaceOptions) batch() dns.BatchSize {
	return dns.BatchSize{Changes: value(o.BatchChanges), Values: value(o.BatchValues), Chars: value(o.BatchChars)}
}

func (o *PaceOptions) checkPace() error {
	times := []struct {
		flag string
		time time.Duration
	}{
		{"interval", value(o.Interval)}, {"min-event-sync-interval", value(o.MinEventSync)},
		{"batch-window", o.Window}, {"batch-window-cap", o.WindowCap},
		{"aws-batch-change-interval", value(o.BatchInterval)}, {"aws-zones-cache-duration", value(o.ZoneList)},
	}
	for _, t := range times {
		if t.time < 0 {
			return errorf("write a time such as 1m", "--%s: %s is less than nothing", t.flag, t.time)
		}
	}
	if o.WindowCap < o.Window {
		return errorf("raise the cap or lower the window", "--batch-window-cap=%s is less than --batch-window=%s", o.WindowCap, o.Window)
	}
	if n := value(o.Retries); n < 0 {
		return errorf("write 0 for as often as it takes", "--aws-api-retries: %d is less than nothing", n)
	}
	sizes := []struct {
		flag string
		size *int
	}{
		{"aws-batch-change-size", o.BatchChanges}, {"aws-batch-change-size-bytes", o.BatchChars}, {"aws-batch-change-size-values", o.BatchValues},
	}
	for _, s := range sizes {
		if s.size != nil && *s.size < 1 {
			return errorf("leave it out for Route 53's own limits", "--%s: a batch of at most %d holds nothing", s.flag, *s.size)
		}
	}
	return nil
}

// value returns what p points to, or zero.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
