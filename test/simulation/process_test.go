package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	claims "github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/plan"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/route53"
	"github.com/signpost-dns/signpost/internal/source"
)

// Where a process that is doomed dies.
const (
	nowhere int32 = iota
	beforeWrite
	afterWrite
)

// process is one run of Signpost. It ends with SIGTERM (stop) or SIGKILL (crash), and is then forgotten whole.
type process struct {
	w       *world
	name    string
	began   time.Time
	api     *line
	cloud   *line
	lease   lease.Lease
	cancel  context.CancelFunc
	done    chan struct{}
	doomed  atomic.Int32
	looked  atomic.Bool // at the firewall, since it began to expose Services
	crashed atomic.Bool

	ended atomic.Int64 // in nanoseconds since 1970, 0: it runs

	mu    sync.Mutex
	holds map[string]controller.Hold // by zone ID
}

// start runs a process in the place of a replica.
func (w *world) start(name string) *process {
	w.runs++
	p := &process{w: w, name: fmt.Sprintf("%s.%d", name, w.runs), began: time.Now(), api: newLine(), cloud: newLine(), done: make(chan struct{}),
		holds: map[string]controller.Hold{}}
	c, err := p.controller()
	if err != nil {
		w.t.Fatalf("make a controller: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		if err := c.Run(ctx); err != nil {
			w.fail("%s ended by itself: %v", p.name, err)
		}
	}()
	w.journal("start %s", p.name)
	return p
}

func (p *process) controller() (*controller.Controller, error) {
	w := p.w
	kinds := source.Kinds("service", "ingress")
	var gvks []schema.GroupVersionKind
	for _, k := range kinds {
		gvks = append(gvks, k.GVK)
	}
	config := func() *rest.Config {
		c := w.api.Config()
		c.Transport = apiLine{p.api, c.Transport}
		return c
	}
	log := slog.New(logHandler{w, p.name})
	feed, err := objects.OpenCluster(config(), objects.Options{}, gvks)
	if err != nil {
		return nil, err
	}
	var left controller.Memory
	p.lease = lease.Alone()
	if w.contended {
		p.lease, err = lease.Open(lease.Options{Name: "signpost", Namespace: "dns"}, config(), "", log)
		if err != nil {
			return nil, err
		}
		left = memory{p.lease.(lease.Board)}
	}
	naming, err := claims.NewNaming("", "", "")
	if err != nil {
		return nil, err
	}
	deriver, err := source.New(source.Options{Exposing: w.farm != nil})
	if err != nil {
		return nil, err
	}
	var service provider.Provider
	service, err = route53.NewStatic("https://route53.test", cloudLine{p.cloud, p}, route53.Options{}, dns.Filter{})
	if err != nil {
		return nil, err
	}
	if w.mutant.provider != nil {
		service = w.mutant.provider(service)
	}
	c := controller.Config{
		Feed: feed, Kinds: kinds, Deriver: deriver, Provider: service,
		Rules: plan.Rules{Owner: owner, Claims: &naming, Policy: plan.Sync, Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME},
			Traits: service.Traits(), EvaluateHealth: true},
		Lease: p.lease, Log: log, Metrics: controller.NewMetrics(prometheus.NewRegistry()),
		Grace: 10 * time.Second, Approvals: approvals{w}, OnHold: p.held, Memory: left,
	}
	if w.farm != nil {
		e, err := p.exposer(config(), log)
		if err != nil {
			return nil, err
		}
		c.Lease = beside{Lease: p.lease, work: func(ctx context.Context) error { p.looked.Store(false); return e.Run(ctx) },
			fail: func(err error) { w.fail("%s ended exposing by itself: %v", p.name, err) }}
	}
	if w.mutant.config != nil {
		w.mutant.config(&c)
	}
	return controller.New(c), nil
}

func (p *process) held(h controller.Hold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.ID == "" {
		delete(p.holds, h.Zone.ID)
		return
	}
	p.holds[h.Zone.ID] = h
	p.w.did("holds", "%s holds %d deletions in %s as %s", p.name, len(h.Keys), h.Zone.Name, h.ID)
}

// leads reports whether the process may write now.
func (p *process) leads() bool {
	if p.crashed.Load() {
		return false
	}
	_, ok := p.lease.Held()
	return ok
}

// stop ends the process as SIGTERM does.
func (p *process) stop() {
	p.w.journal("stop %s", p.name)
	p.ended.Store(time.Now().UnixNano())
	p.cancel()
	<-p.done
}

// crash ends the process as SIGKILL does: nothing that it began goes on, but for what is on its way already.
func (p *process) crash(when string) {
	if p.crashed.Swap(true) {
		return
	}
	p.ended.Store(time.Now().UnixNano())
	p.w.did("crashes "+when, "crash %s %s", p.name, when)
	p.api.die()
	p.cloud.die()
	p.cancel()
}

// memory is what guards leave on the Lease, as the command line has it.
type memory struct{ lease.Board }

var _ controller.Memory = memory{}

const guardKey = "signpost.dev/guard"

// Recall implements [controller.Memory].
func (m memory) Recall() (states map[string]plan.GuardState, all bool) {
	text := m.Read(guardKey)
	return states, json.Unmarshal([]byte(text), &states) == nil
}

// Remember implements [controller.Memory].
func (m memory) Remember(states map[string]plan.GuardState) {
	text, err := json.Marshal(states)
	if err != nil {
		panic(err) // numbers and words
	}
	m.Write(guardKey, string(text))
}

// approvals is where the people of the world leave their approvals.
type approvals struct{ w *world }

var _ controller.Approvals = approvals{}

// Given implements [controller.Approvals].
func (a approvals) Given(context.Context) ([]string, error) {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	var ids []string
	for id := range a.w.approved {
		ids = append(ids, id)
	}
	return ids, nil
}

// Spent implements [controller.Approvals].
func (a approvals) Spent(_ context.Context, id string) error {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	delete(a.w.approved, id)
	return nil
}

// Command implements [controller.Approvals].
func (approvals) Command(id string) string { return "approve " + id }

// logHandler writes a process's log into the world's journal.
type logHandler struct {
	w    *world
	name string
}

// Enabled implements slog.Handler.
func (h logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	text := h.name + ": " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	h.w.note(text)
	return nil
}

// WithAttrs implements slog.Handler.
func (h logHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h logHandler) WithGroup(string) slog.Handler { return h }
