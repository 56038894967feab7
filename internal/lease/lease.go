package lease

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// The times of the election. A leader that was killed is replaced, at worst, after
// lasts and twice the longest pause between two looks of a standby, which is 2.2
// times retryEvery (client-go's JitterFactor): 14.2 s. One that gives the lease up
// is replaced after one such pause: 1.1 s.
const (
	// lasts is how long a lease that is not renewed keeps others away.
	lasts = 12 * time.Second
	// renewWithin is how long its holder takes it to last.
	renewWithin = 8 * time.Second
	// renewEvery is the pause between two renewals, when they succeed.
	renewEvery = 2 * time.Second
	// retryEvery is the pause between two tries, and between two looks of a
	// standby at the lease.
	retryEvery = 500 * time.Millisecond
	// patience is how long one request may take.
	patience = 2500 * time.Millisecond
	// askAgain is how often a process that was forbidden leases asks again.
	askAgain = 30 * time.Second
)

// Slack is how long a lease lasts, at least, after [Lease.Held] has ceased to be
// true. A write that [Lease.Check] allowed with a margin, and that takes no more
// than margin plus Slack, is over before anybody else may write.
//
// A second is taken off because standbys compare times of renewal by the second,
// so that they may take a renewal for the one before.
const Slack = lasts - renewWithin - time.Second

// Forever is what [Lease.Held] says of a process that writes alone.
const Forever = time.Duration(math.MaxInt64)

// ErrNotHeld is in the chain of what [Lease.Check] returns.
var ErrNotHeld = errors.New("another replica may write")

// Lease is the right to write. All methods may be called at any time.
type Lease interface {
	// Run contends until ctx ends, and calls lead whenever the lease is held.
	// The context of lead ends when the lease is lost or ctx ends; Run waits for
	// lead to return, and renews meanwhile. After a loss it contends again; at
	// the end of ctx it gives the lease up. If lead returns while its context
	// lasts, Run gives the lease up too. It returns what lead returned last, nil
	// if it never led; what lead returns after a loss is only logged. One Run at a
	// time.
	Run(ctx context.Context, lead func(context.Context) error) error

	// Held returns how long the lease is surely held yet, and whether it is.
	Held() (remaining time.Duration, ok bool)

	// Check returns nil if the lease is surely held for margin yet, and else an
	// error of kind [ErrNotHeld]. A writer asks before each write. While all is
	// well at least 5.5 s remain.
	Check(margin time.Duration) error

	// Status says how things stand, for metrics and people.
	Status() Status
}

// Status says how a [Lease] stands.
type Status struct {
	Leading bool   // the lease is held, or there is no other to contend with
	Alone   bool   // there is no lease, and nobody is contended with
	Leader  string // who holds the lease as last seen, "" if nobody or unknown
	Trouble string // why the lease cannot be had or renewed, "" if it can
}

// Options are the flags that say which Lease is contended for.
type Options struct {
	Name      string `name:"lease-name" group:"replicas" placeholder:"NAME" help:"Name of the Lease that replicas contend for, so that one writes. Not given: made from the owner id and what else tells deployments apart; outside a cluster no Lease is used."`
	Namespace string `name:"lease-namespace" group:"replicas" placeholder:"NAME" help:"Namespace of that Lease. Not given: $$POD_NAMESPACE, else that of the Pod's service account."`
}

// account is where a Pod finds what its service account needs
// (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).
const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// Open returns the lease that the options choose, called name unless they name
// another. It is [Alone] where no config is given (objects come from a directory)
// and where the config is not that of the Pod's service account, unless the
// options name a lease. It connects to nothing yet.
func Open(o Options, config *rest.Config, name string, log *slog.Logger) (Lease, error) {
	if !o.used(config) {
		return Alone(), nil
	}
	if o.Name != "" {
		name = o.Name
	}
	namespace, err := o.namespace()
	if err != nil {
		return nil, err
	}
	identity, err := identity()
	if err != nil {
		return nil, err
	}
	return newElection(config, namespace, name, identity, log)
}

// used reports whether there is a Lease to contend for.
func (o Options) used(config *rest.Config) bool {
	return config != nil && (o.Name != "" || config.BearerTokenFile == account+"token")
}

func (o Options) namespace() (string, error) {
	if o.Namespace != "" {
		return o.Namespace, nil
	}
	if ns := os.Getenv("POD_NAMESPACE"); ns != "" {
		return ns, nil
	}
	content, err := os.ReadFile(account + "namespace")
	if ns := strings.TrimSpace(string(content)); err == nil && ns != "" {
		return ns, nil
	}
	return "", &hinted{errors.New("the namespace of the lease is not known: this process runs in no Pod that says its own"),
		"name one with --lease-namespace"}
}

// identity returns a name for this process that no other has, not even a
// container started later in the same Pod.
func identity() (string, error) {
	pod := os.Getenv("POD_NAME")
	if pod == "" {
		var err error
		if pod, err = os.Hostname(); err != nil {
			return "", fmt.Errorf("find a name for this process: %w", err)
		}
	}
	suffix := make([]byte, 4)
	if _, err := rand.Read(suffix); err != nil {
		return "", fmt.Errorf("find a name for this process: %w", err)
	}
	return pod + "_" + hex.EncodeToString(suffix), nil
}

// Alone returns the lease of a process that has no other beside it: always held.
func Alone() Lease { return alone{} }

type alone struct{}

func (alone) Run(ctx context.Context, lead func(context.Context) error) error { return lead(ctx) }
func (alone) Held() (time.Duration, bool)                                     { return Forever, true }
func (alone) Check(time.Duration) error                                       { return nil }
func (alone) Status() Status                                                  { return Status{Leading: true, Alone: true} }

// hinted is an error with what a person can do about it.
type hinted struct {
	error
	hint string
}

func (e *hinted) Hint() string  { return e.hint }
func (e *hinted) Unwrap() error { return e.error }
