package controller

import (
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signpost-dns/signpost/internal/zone"
)

// Metrics are what the controller counts. Those of ExternalDNS keep their names
// where they mean the same, so that dashboards and alerts go on working. Each is
// explained in docs/metrics.md. All methods may be called concurrently.
type Metrics struct {
	lastReconcile, lastSync, softErrors     prometheus.Gauge
	registryEndpoints, sourceEndpoints      prometheus.Gauge
	noOps, registryErrors, sourceErrors     prometheus.Counter
	verified, registryRecords, sourceRecord *prometheus.GaugeVec
	http                                    *prometheus.SummaryVec

	leading               prometheus.Gauge
	derivations, planned  prometheus.Counter
	changes, events       *prometheus.CounterVec
	refused, held, frozen *prometheus.GaugeVec
	waits, requests       *prometheus.HistogramVec
	batches, latency      prometheus.Histogram

	governor atomic.Pointer[zone.Governors]
	figures  atomic.Pointer[Controller]
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{}
	m.registerExternalDNS(family{reg, "external_dns"})
	m.register(family{reg, "signpost"})
	reg.MustRegister(account{m}, standing{m})
	return m
}

// registerExternalDNS registers what ExternalDNS has too.
func (m *Metrics) registerExternalDNS(f family) {
	wanted, zones := &collectors{}, &collectors{}
	ofObjects, ofZones := family{wanted, f.namespace}, family{zones, f.namespace}
	m.lastReconcile = ofZones.gauge("controller_last_reconcile_timestamp_seconds", "When a part of a zone was asked for at last.")
	m.lastSync = ofZones.gauge("controller_last_sync_timestamp_seconds", "When a part of a zone was read or changed at last while nothing was failing there.")
	m.softErrors = f.gauge("controller_consecutive_soft_errors", "Reads and changes that failed since all was well.")
	m.noOps = f.counter("controller_no_op_runs_total", "Passes that had nothing to change.")
	m.registryEndpoints = ofZones.gauge("registry_endpoints_total", "Record sets in the zones.")
	m.sourceEndpoints = ofObjects.gauge("source_endpoints_total", "Record sets that objects ask for.")
	m.registryErrors = f.counter("registry_errors_total", "Calls to the DNS service that failed.")
	m.sourceErrors = f.counter("source_errors_total", "Times that a source could not be read.")
	m.verified = ofZones.gauges("controller_verified_records", "Record sets that are asked for and stand in a zone, by type.", "record_type")
	m.registryRecords = ofZones.gauges("registry_records", "Record sets in the zones, by type.", "record_type")
	m.sourceRecord = ofObjects.gauges("source_records", "Record sets that objects ask for, by type.", "record_type")
	m.http = prometheus.NewSummaryVec(prometheus.SummaryOpts{Namespace: f.namespace, Name: "http_request_duration_seconds",
		Help:       "How long HTTP requests to the DNS service took.",
		Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
	}, []string{"handler", "scheme", "host", "path", "method", "status"})
	f.MustRegister(m.http, measured{m, wanted.all, zones.all, &sync.Mutex{}, new(uint64), &time.Time{}})
}

func (m *Metrics) register(f family) {
	m.leading = f.gauge("leading", "1 while this replica writes, 0 while it stands by.")
	m.derivations = f.counter("derivations_total", "Times that it was worked out what an object asks for.")
	m.planned = f.counter("planned_names_total", "Times that it was worked out what to change at a name of a zone.")
	m.changes = f.counters("changes_total", "Accepted changes to record sets, claims included, by action.", "action")
	m.refused = f.gauges("refusals", "Things asked for and not done at present, by reason.", "reason")
	m.held = f.gauges("held_deletions", "Deletions that wait until a person approves, by zone.", "zone", "zone_id")
	m.events = f.counters("events_total", "Kubernetes Events: written, failed, or dropped since there were too many.", "result")
	m.frozen = f.gauges("source_frozen", "1 while the source cannot be read, so that what its objects hold stays as it is.", "source")
	m.waits = f.histograms("request_wait_seconds", "How long requests to the DNS service waited for their turn, by priority.",
		[]float64{0, .05, .2, .5, 1, 2, 5, 10, 30, 60}, "priority")
	m.requests = f.histograms("request_duration_seconds", "How long requests to the DNS service took, by operation and result.",
		[]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "operation", "result")
	m.batches = f.histogram("batch_changes", "Changes to record sets, claims included, in one accepted batch.",
		[]float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000})
	m.latency = f.histogram("event_to_accepted_seconds", "How long it took from the event on an object until the service accepted the change that it asked for.",
		[]float64{.05, .1, .15, .2, .3, .4, .6, 1, 2, 5, 10, 30, 60, 300})
}

// collectors gathers collectors in place of a registry.
type collectors struct {
	prometheus.Registerer
	all []prometheus.Collector
}

// MustRegister implements [prometheus.Registerer].
func (c *collectors) MustRegister(all ...prometheus.Collector) { c.all = append(c.all, all...) }

// family registers metrics whose names begin alike.
type family struct {
	prometheus.Registerer
	namespace string
}

func (f family) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: f.namespace, Name: name, Help: help})
	f.MustRegister(g)
	return g
}

func (f family) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: f.namespace, Name: name, Help: help}, labels)
	f.MustRegister(v)
	return v
}

func (f family) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: f.namespace, Name: name, Help: help})
	f.MustRegister(c)
	return c
}

func (f family) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: f.namespace, Name: name, Help: help}, labels)
	f.MustRegister(v)
	return v
}

func (f family) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: f.namespace, Name: name, Help: help, Buckets: buckets})
	f.MustRegister(h)
	return h
}

func (f family) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: f.namespace, Name: name, Help: help, Buckets: buckets}, labels)
	f.MustRegister(v)
	return v
}

// waited notes how long a request waited for its turn.
func (m *Metrics) waited(p zone.Priority, d time.Duration) {
	m.waits.WithLabelValues(p.String()).Observe(d.Seconds())
}

// Request notes an HTTP request to the DNS service, the operation that it was
// for, and what came of it: "ok", the service's own code, or "no answer". The
// status is 0 if there was no answer.
func (m *Metrics) Request(operation, result string, url *url.URL, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, result).Observe(took.Seconds())
	// As ExternalDNS labels it: the path is the word for what is listed or changed.
	last := "hostedzone"
	if strings.HasSuffix(strings.TrimSuffix(url.Path, "/"), "/rrset") {
		last = "rrset"
	}
	m.http.WithLabelValues("instrumented_http", url.Scheme, url.Host, last, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// sourceFrozen notes whether a source cannot be read.
func (m *Metrics) sourceFrozen(source string, frozen bool) {
	value := 0.0
	if frozen {
		value = 1
	}
	m.frozen.WithLabelValues(source).Set(value)
}

// Event counts an Event of Kubernetes that was written, dropped or failed.
func (m *Metrics) Event(result string) { m.events.WithLabelValues(result).Inc() }

// batch notes how many changes the service accepted together.
func (m *Metrics) batch(changes int) { m.batches.Observe(float64(changes)) }

// accepted notes how long it took from an event to the change that it asked for.
func (m *Metrics) accepted(took time.Duration) { m.latency.Observe(took.Seconds()) }
