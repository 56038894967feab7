package controller

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signpost-dns/signpost/internal/zone"
)

// Metrics are what the controller counts. Those of ExternalDNS keep their names
// where they mean the same, so that dashboards and alerts go on working.
type Metrics struct {
	lastReconcile, lastSync, softErrors     prometheus.Gauge
	registryEndpoints, sourceEndpoints      prometheus.Gauge
	noOps, registryErrors, sourceErrors     prometheus.Counter
	verified, registryRecords, sourceRecord *prometheus.GaugeVec

	leading       prometheus.Gauge
	derivations   prometheus.Counter
	changes       *prometheus.CounterVec
	refused, held *prometheus.GaugeVec
	waits         *prometheus.HistogramVec

	governor atomic.Pointer[zone.Governor]
	figures  atomic.Pointer[Controller]
	latency  prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counted := measured{mu: &sync.Mutex{}, version: new(uint64), pause: &time.Time{}}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "external_dns", Name: name, Help: help})
		if strings.HasPrefix(name, "controller_") {
			reg.MustRegister(g)
		} else {
			counted.all = append(counted.all, g)
		}
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "external_dns", Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	byType := func(name, help string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "external_dns", Name: name, Help: help}, []string{"record_type"})
		counted.all = append(counted.all, v)
		return v
	}
	m := &Metrics{
		lastReconcile:     gauge("controller_last_reconcile_timestamp_seconds", "When the last pass over the zones began."),
		lastSync:          gauge("controller_last_sync_timestamp_seconds", "When the last pass over the zones ended well."),
		softErrors:        gauge("controller_consecutive_soft_errors", "Passes in a row that were not whole."),
		noOps:             counter("controller_no_op_runs_total", "Passes that had nothing to change."),
		registryEndpoints: gauge("registry_endpoints_total", "Record sets in the zones."),
		sourceEndpoints:   gauge("source_endpoints_total", "Record sets that objects ask for."),
		registryErrors:    counter("registry_errors_total", "Calls to the DNS service that failed."),
		sourceErrors:      counter("source_errors_total", "Times that a source could not be read."),
		verified:          byType("controller_verified_records", "Record sets that are asked for and stand in a zone, by type."),
		registryRecords:   byType("registry_records", "Record sets in the zones, by type."),
		sourceRecord:      byType("source_records", "Record sets that objects ask for, by type."),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "signpost", Name: "changes_total",
			Help: "Accepted changes to record sets, claims included, by action."}, []string{"action"}),
		refused: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "signpost", Name: "refusals",
			Help: "Things asked for and not done at present, by reason."}, []string{"reason"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "signpost", Name: "held_deletions",
			Help: "Deletions that wait until a person approves, by zone."}, []string{"zone", "zone_id"}),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "signpost", Name: "request_wait_seconds",
			Help:    "How long requests to the DNS service waited for their turn, by priority.",
			Buckets: []float64{0, .05, .2, .5, 1, 2, 5, 10, 30, 60}}, []string{"priority"}),
	}
	m.leading = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "signpost", Name: "leading",
		Help: "1 while this replica writes, 0 while it stands by."})
	m.derivations = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "signpost", Name: "derivations_total",
		Help: "Times that it was worked out what an object asks for."})
	m.latency = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "signpost", Name: "event_to_accepted_seconds",
		Help:    "How long it took from the event on an object until the service accepted the change that it asked for.",
		Buckets: []float64{.05, .1, .15, .2, .4, 1, 2, 5, 10, 30, 60, 300}})
	counted.metrics = m
	reg.MustRegister(m.leading, m.derivations, m.changes, m.refused, m.held, m.waits, m.latency, counted, account{m})
	return m
}

// accepted notes how long it took from an event to the change that it asked for.
func (m *Metrics) accepted(took time.Duration) { m.latency.Observe(took.Seconds()) }

// waited notes how long a request waited for its turn.
func (m *Metrics) waited(p zone.Priority, d time.Duration) {
	m.waits.WithLabelValues(p.String()).Observe(d.Seconds())
}

// account collects what the governor of the account knows of itself.
type account struct{ metrics *Metrics }

func (a account) describe() (rate, requests, throttled, busy *prometheus.Desc) {
	name := func(n string) string { return prometheus.BuildFQName("signpost", "account", n) }
	return prometheus.NewDesc(name("requests_per_second"), "How many requests a second the account may make at present.", nil, nil),
		prometheus.NewDesc(name("requests_total"), "Requests sent to the DNS service, by priority.", []string{"priority"}, nil),
		prometheus.NewDesc(name("throttled_total"), "Answers that the account sends too many requests.", nil, nil),
		prometheus.NewDesc(name("busy_total"), "Answers that a zone is busy with an earlier request.", nil, nil)
}

// Describe implements [prometheus.Collector].
func (a account) Describe(descs chan<- *prometheus.Desc) {
	rate, requests, throttled, busy := a.describe()
	for _, d := range []*prometheus.Desc{rate, requests, throttled, busy} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (a account) Collect(out chan<- prometheus.Metric) {
	g := a.metrics.governor.Load()
	if g == nil {
		return // no controller has begun
	}
	rate, requests, throttled, busy := a.describe()
	s := g.Stats()
	out <- prometheus.MustNewConstMetric(rate, prometheus.GaugeValue, s.Rate)
	for p, n := range s.Calls {
		out <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, float64(n), zone.Priority(p).String())
	}
	out <- prometheus.MustNewConstMetric(throttled, prometheus.CounterValue, float64(s.Throttled))
	out <- prometheus.MustNewConstMetric(busy, prometheus.CounterValue, float64(s.Busy))
}
