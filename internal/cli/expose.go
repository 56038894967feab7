package cli

import (
	"context"
	"log/slog"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"

	"github.com/signpost-dns/signpost/internal/events"
	"github.com/signpost-dns/signpost/internal/expose"
	"github.com/signpost-dns/signpost/internal/expose/ec2"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
)

// exposeOptions are the flags of Services on node addresses.
type exposeOptions struct {
	Expose      bool   `name:"expose" group:"expose" help:"Let Services be reached on the addresses of nodes, without a load balancer: those of the class signpost.dev/node-address, and those with annotations of external-ips."`
	Firewall    string `name:"firewall" group:"expose" enum:",ec2,none" default:"" placeholder:"KIND" help:"With --expose, what lets traffic reach the nodes: ec2 (security groups) or none. Not given: ec2 where nodes are EC2 instances."`
	ClusterName string `name:"cluster-name" group:"expose" placeholder:"NAME" help:"With --firewall=ec2, tells this cluster's security group from others. Not given: what the tags KubernetesCluster or kubernetes.io/cluster/NAME of the instances say."`
}

func (o exposeOptions) check(sources []string) error {
	switch {
	case !o.Expose && (o.Firewall != "" || o.ClusterName != ""):
		return errorf("add --expose", "--firewall and --cluster-name mean nothing without --expose")
	case o.Expose && !slices.Contains(sources, "service"):
		return errorf("add --source=service", "--expose needs the source service, which points names at what is exposed")
	}
	return nil
}

// exposer makes the controller of Services on node addresses; nil if none is asked for.
func (o *engineOptions) exposer(feed objects.Feed, mine lease.Lease, recorder *events.Recorder, call *call) (*expose.Controller, error) {
	if !o.Expose.Expose {
		return nil, nil
	}
	cluster, ok := feed.(*objects.Cluster)
	if !ok {
		return nil, errorf("take --objects away: Services are changed, which a directory cannot follow", "--expose needs an API server")
	}
	client, err := newExposeClient(cluster.Config())
	if err != nil {
		return nil, errorf("check --kubeconfig and --server", "connect for --expose: %w", err)
	}
	c := &expose.Controller{Client: client, Namespace: o.Objects.Namespace, Log: call.log, Firewall: o.Expose.firewall(o.Objects.Namespace, o.exposing()),
		Takes: o.deriver.Takes, Owner: o.exposing(), LeastTTL: o.Source.MinTTL, Prefixes: o.deriver.Prefixes(), May: func() error { return mine.Check(lease.Slack) }}
	if o.Expose.Firewall != "" {
		onEC2 := o.Expose.Firewall == "ec2"
		c.OnEC2 = &onEC2
	}
	if recorder != nil {
		c.Report = func(s *corev1.Service, problems []plan.Problem) {
			about := events.Ref{Kind: corev1.SchemeGroupVersion.WithKind("Service"), Namespace: s.Namespace, Name: s.Name}
			for _, p := range problems {
				recorder.Tell(events.Note{About: about, Reason: string(p.Reason), Action: "Expose", Text: p.Message})
			}
		}
	}
	return c, nil
}

// exposing is the name of this deployment among those that expose Services: what tells their claims apart too. It must not be
// made of what may change while the deployment stays the same, as filters do, or that would forget what it has opened.
func (o *engineOptions) exposing() string {
	return lease.Name(o.OwnerID, o.TXTPrefix, o.TXTSuffix, o.TXTWildcard)
}

// exposeClient is an [expose.Client].
type exposeClient struct {
	core      corev1client.CoreV1Interface
	discovery discoveryv1client.DiscoveryV1Interface
}

func newExposeClient(config *rest.Config) (exposeClient, error) {
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return exposeClient{}, err
	}
	discovery, err := discoveryv1client.NewForConfig(config)
	return exposeClient{core, discovery}, err
}

func (c exposeClient) CoreV1() corev1client.CoreV1Interface                { return c.core }
func (c exposeClient) DiscoveryV1() discoveryv1client.DiscoveryV1Interface { return c.discovery }

// firewall makes the firewall when it is first known which, and keeps it. One that sees the Services of a namespace alone
// has groups of its own.
func (o exposeOptions) firewall(namespace, owner string) func(context.Context, bool) (expose.Firewall, error) {
	var made *ec2.Firewall
	return func(ctx context.Context, onEC2 bool) (expose.Firewall, error) {
		if !onEC2 {
			return expose.None{}, nil
		}
		if made == nil {
			var err error
			if made, err = ec2.New(ctx, ec2.Scope{Cluster: o.ClusterName, Namespace: namespace, Owner: owner}); err != nil {
				return nil, err
			}
		}
		return made, nil
	}
}

// beside is a lease whose holder does other work beside what it is led for.
type beside struct {
	lease.Lease
	work func(context.Context) error
	log  *slog.Logger
}

// Run leads both for as long as the lease lasts, or until what it is led for ends.
func (b beside) Run(ctx context.Context, lead func(context.Context) error) error {
	return b.Lease.Run(ctx, func(leading context.Context) error {
		working, stop := context.WithCancel(leading)
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.keep(working)
		}()
		err := lead(leading)
		stop()
		<-done
		return err
	})
}

// The pauses before work that ended by itself is begun again.
const (
	firstAgain = time.Second
	lastAgain  = time.Minute
)

// keep works until ctx ends. Work that ends before is told, and begun again.
func (b beside) keep(ctx context.Context) {
	for pause := firstAgain; ; pause = min(2*pause, lastAgain) {
		began := time.Now()
		err := b.work(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > lastAgain {
			pause = firstAgain
		}
		b.log.Error("keeping Services on node addresses has ended; they stay as they are until it begins again", "error", err, "again", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
