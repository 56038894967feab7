package cli

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/conditions"
	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/events"
	"github.com/signpost-dns/signpost/internal/expose"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/route53"
	"github.com/signpost-dns/signpost/internal/publicip"
	"github.com/signpost-dns/signpost/internal/site"
	"github.com/signpost-dns/signpost/internal/source"
	"github.com/signpost-dns/signpost/internal/zone"
)

// engineOptions is what run, plan and demo make a controller of.
type engineOptions struct {
	Options
	LogOptions
	Objects objects.Options `embed:""`
	Source  source.Options  `embed:""`
	Route53 route53.Options `embed:""`
	Lease   lease.Options   `embed:""`
	Expose  exposeOptions   `embed:""`
	Site    site.Options    `embed:""`
	Events  events.Options  `embed:""`

	settings Settings
	rules    plan.Rules // but for the provider's traits
	deriver  *source.Deriver
	finder   publicip.Finder       // of the site's public address
	onHold   func(controller.Hold) // nil: the log tells
	forgets  bool                  // leaves nothing to the next start
	registry *prometheus.Registry  // made by count
	counts   *controller.Metrics
}

func (o *engineOptions) check() (err error) {
	if o.settings, err = o.Settings(); err != nil {
		return err
	}
	if err := o.Expose.check(o.settings.Sources); err != nil {
		return err
	}
	if o.rules, err = o.settings.rules(); err != nil {
		return err
	}
	if err = o.writeClaims(&o.rules); err != nil {
		return err
	}
	o.rules.PreferCNAME, o.rules.EvaluateHealth = o.Route53.PreferCNAME, o.Route53.EvaluateTargetHealth
	o.rules.PreferAlias, o.rules.AliasByStack = o.Route53.PreferAlias, o.Route53.AliasByStack
	o.rules.RefusePrivate = o.RefusePrivate
	if err = o.Objects.Validate(); err != nil {
		return err
	}
	if o.Source.CreatePTR && !slices.Contains(o.settings.Types, dns.PTR) {
		return errorf("add --managed-record-types=PTR, beside the types that are managed already",
			"--create-ptr needs PTR among --managed-record-types")
	}
	if o.finder, err = o.Site.Finder(); err != nil {
		return err
	}
	o.rules.ExternalIPs, o.Source.Exposing = o.Expose.Expose, o.Expose.Expose
	o.deriver, err = source.New(o.Source)
	return err
}

// rules returns the settings as the planner knows them.
func (s Settings) rules() (plan.Rules, error) {
	r := plan.Rules{Owner: s.Owner, Policy: plan.Policy(s.Policy), Types: s.Types, Filter: s.Filter}
	if !s.Owned {
		return r, nil
	}
	naming, err := claim.NewNaming(s.Prefix, s.Suffix, s.Wildcard)
	if err != nil {
		return r, errorf("check --txt-prefix, --txt-suffix and --txt-wildcard-replacement", "the names of claims: %w", err)
	}
	r.Claims = &naming
	return r, nil
}

// engine is a controller with what it was made of.
type engine struct {
	*controller.Controller
	feed     objects.Feed
	provider provider.Provider
	metrics  *prometheus.Registry
	recorder *events.Recorder   // nil: there are no Events
	exposer  *expose.Controller // nil: none is asked for
	visit    *lease.Visit       // nil: it contends for the lease, or there is none
	board    *conditions.Board  // nil: no status is written
}

// count returns what is counted, which begins with the first call.
func (o *engineOptions) count() *controller.Metrics {
	if o.counts == nil {
		o.registry = prometheus.NewRegistry()
		registerProcess(o.registry)
		o.counts = controller.NewMetrics(o.registry)
	}
	return o.counts
}

// build makes the engine.
func (o *engineOptions) build(ctx context.Context, call *call) (*engine, error) {
	counts := o.count()
	o.Route53.OnRequest = func(r route53.Request) { counts.Request(r.Operation, r.Result, r.URL, r.Method, r.Status, r.Took) }
	if err := checkEndpoints(call.LookupEnv); err != nil {
		return nil, err
	}
	accounts, err := route53.NewAccounts(ctx, o.Route53, o.settings.Filter, CurrentBuild().Version)
	if err != nil {
		return nil, err
	}
	if len(accounts) == 1 {
		return o.buildFor(accounts[0].Provider, call)
	}
	return o.buildFor(provider.Join(accounts...), call)
}

// buildFor makes the engine for a provider that is there already.
func (o *engineOptions) buildFor(p provider.Provider, call *call) (*engine, error) {
	kinds := source.Kinds(o.settings.Sources...)
	gvks := make([]schema.GroupVersionKind, len(kinds))
	for i, k := range kinds {
		gvks[i] = k.GVK
	}
	o.Objects.Keep = objects.Keep{Labels: o.deriver.ReadsLabels(), Annotation: o.deriver.ReadsAnnotation, Whole: o.deriver.ReadsWhole(kinds)}
	o.Objects.Elsewhere = o.deriver.Elsewhere()
	feed, err := objects.Open(o.Objects, gvks, call.log)
	if err != nil {
		return nil, err
	}
	mine, err := o.lease(feed, call)
	if err != nil {
		return nil, err
	}
	visit, err := o.visit(feed)
	if err != nil {
		return nil, err
	}
	p = zone.Sealed(p, o.rules.Seal)
	counts := o.count()
	recorder, err := o.recorder(feed, mine, counts, call.log)
	if err != nil {
		return nil, err
	}
	exposer, err := o.exposer(feed, mine, recorder, call)
	if err != nil {
		return nil, err
	}
	held := mine
	if exposer != nil && !o.Once && !o.DryRun {
		mine = beside{mine, exposer.Run, call.log}
	}
	board, err := o.statuses(feed, kinds, call.log)
	if err != nil {
		return nil, err
	}
	o.Site.Once = o.Once || o.DryRun
	feed = site.With(feed, o.finder, o.Site, call.log)
	e := &engine{feed: feed, provider: p, metrics: o.registry, recorder: recorder, exposer: exposer, visit: visit, board: board}
	rules := o.rules
	rules.Traits = p.Traits()
	rules.Traits.Batch = o.settings.Batch
	config := controller.Config{
		Feed: feed, Kinds: kinds, Deriver: o.deriver, Provider: p, Rules: rules, Lease: mine,
		Pacing: o.settings.Pacing, DryRun: o.DryRun, Log: call.log, Metrics: counts,
		MaxDeletes: o.settings.MaxDeletes, Grace: o.settings.DeleteGrace, OnHold: o.onHold,
		Approvals: approvals{flags: o.Approve, dir: o.Objects.Objects, once: o.Once, board: boardOf(held, visit), log: call.log},
	}
	if recorder != nil {
		config.Events = recorder
	}
	config.Memory = o.memory(held, visit, call.log)
	if board != nil {
		config.Statuses = board
	}
	e.Controller = controller.New(config)
	return e, nil
}

// once makes one pass, within the time that it may take. Nothing is left undone
// by halves: a batch under way is finished.
func (o *engineOptions) once(ctx context.Context, e *engine) (controller.Report, error) {
	if e.exposer != nil && !o.DryRun {
		if err := e.exposer.Once(ctx); err != nil {
			return controller.Report{}, err
		}
	}
	if e.visit != nil {
		defer e.leave(ctx)
	}
	if o.Timeout == 0 {
		return e.Once(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	report, err := e.Once(limited)
	if limited.Err() != nil && ctx.Err() == nil {
		err = errors.Join(err, errorf("ask again, for what is done stays done; --timeout=1h gives it an hour, --timeout=0 as long as it takes",
			"not all was done within %s", o.Timeout))
	}
	return report, err
}

// look makes a pass that changes nothing. A person at a terminal sees what it waits for. The engine is nil if it could not
// be made.
func (o *engineOptions) look(ctx context.Context, call *call) (*engine, controller.Report, error) {
	o.DryRun = true
	e, err := o.build(ctx, call)
	if err != nil {
		return nil, controller.Report{}, err
	}
	progress := call.progress(ctx)
	defer progress.clear()
	progress.show("reading " + e.feed.String() + " and the zones")
	report, err := o.once(ctx, e)
	return e, report, err
}

// leave leaves on the Lease what a process that made one pass has to say.
func (e *engine) leave(ctx context.Context) {
	if err := e.visit.Leave(ctx); err != nil {
		e.Log.Warn("what is held cannot be left to the next start, which judges anew all that is pending then", "error", err)
	}
}

// memory returns where what is held is left to the next leader or start; nil if
// there is no such place.
func (o *engineOptions) memory(mine lease.Lease, visit *lease.Visit, log *slog.Logger) controller.Memory {
	if o.forgets {
		return nil
	}
	if visit != nil {
		return memory{visit, log, true}
	}
	if board, ok := mine.(lease.Board); ok {
		return memory{board, log, false}
	}
	if o.Objects.Objects != "" {
		return heldIn(o.Objects.Objects, lease.Name(o.OwnerID, o.scope()...), log)
	}
	return nil
}

// recorder returns what writes Events; nil where objects come from no API
// server, and for a command that makes one pass or writes nothing.
func (o *engineOptions) recorder(feed objects.Feed, mine lease.Lease, counts *controller.Metrics, log *slog.Logger) (*events.Recorder, error) {
	cluster, ok := feed.(*objects.Cluster)
	if !ok || o.Once || o.DryRun {
		return nil, nil
	}
	self, _ := events.Pod()
	if named, ok := mine.(lease.Board); ok {
		namespace, name := named.Place()
		self = events.Ref{Kind: coordinationv1.SchemeGroupVersion.WithKind("Lease"), Namespace: namespace, Name: name}
	}
	return events.Open(o.Events, cluster.Config(), self, counts.Event, log)
}

// lease returns the right to write. A command that makes one pass, or writes
// nothing, contends with nobody.
func (o *engineOptions) lease(feed objects.Feed, call *call) (lease.Lease, error) {
	cluster, ok := feed.(*objects.Cluster)
	if !ok {
		return lease.Alone(), nil
	}
	objects.RedirectLogs(call.log)
	if o.Once || o.DryRun {
		return lease.Alone(), nil
	}
	return lease.Open(o.Lease, cluster.Config(), lease.Name(o.OwnerID, o.scope()...), call.log)
}

// visit returns what is read and left on the Lease by a command that does not
// contend for it.
func (o *engineOptions) visit(feed objects.Feed) (*lease.Visit, error) {
	cluster, ok := feed.(*objects.Cluster)
	if !ok || !o.Once && !o.DryRun {
		return nil, nil
	}
	return lease.OpenVisit(o.Lease, cluster.Config(), lease.Name(o.OwnerID, o.scope()...))
}

// scope is what tells deployments of one owner apart: what they read, where
// they write, and how they name their claims. Two that differ in any of it are
// not replicas of each other, and must not wait for each other.
func (o *engineOptions) scope() []string {
	list := func(values []string) string { return strings.Join(slices.Sorted(slices.Values(values)), ",") }
	return []string{
		o.Provider, o.Registry, o.TXTPrefix, o.TXTSuffix, o.TXTWildcard,
		list(o.DomainFilter), list(o.ExcludeDomains), list(o.Route53.ZoneIDFilter), o.Route53.ZoneType,
		list(o.Route53.ZoneTags), list(o.Route53.Profiles), o.Route53.AssumeRole, o.RegexFilter, o.RegexExclusion,
		list(o.Sources), o.Objects.Namespace, o.Source.AnnotationFilter, o.Source.AnnotationPrefix, o.Source.LabelFilter,
		o.Source.GatewayName, o.Source.GatewayNamespace, o.Source.GatewayLabelFilter,
		list(o.Source.IngressClass), list(o.Source.ServiceTypeFilter), list(o.ManagedTypes), list(o.ExcludeTypes),
	}
}

// registerProcess adds what is known of the process and its build.
func registerProcess(reg prometheus.Registerer) {
	registerBuild(reg)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// registerBuild adds what is known of the build, under ExternalDNS's name.
func registerBuild(reg prometheus.Registerer) {
	b := CurrentBuild()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "external_dns", Name: "build_info", Help: "Always 1; the labels say what was built.",
		ConstLabels: prometheus.Labels{"arch": runtime.GOARCH, "go_version": b.Go, "os": runtime.GOOS,
			"revision": b.Commit, "version": b.Version},
	})
	info.Set(1)
	reg.MustRegister(info)
}
