package controller

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signpost-dns/signpost/internal/zone"
)

// account collects what the governor of the account knows of itself.
type account struct{ metrics *Metrics }

func accountDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName("signpost", "account", name), help, labels, nil)
}

func (account) descs() map[string]*prometheus.Desc {
	return map[string]*prometheus.Desc{
		"limit":     accountDesc("limit_requests_per_second", "How many requests a second the account may make at best."),
		"rate":      accountDesc("requests_per_second", "How many requests a second the account may make at present."),
		"burst":     accountDesc("burst_requests", "How many requests the account may make at once after a rest."),
		"tokens":    accountDesc("tokens", "How many requests could be made at once now."),
		"requests":  accountDesc("requests_total", "Requests sent to the DNS service, by priority.", "priority"),
		"waited":    accountDesc("waited_requests_total", "Requests that had to wait for their turn, by priority.", "priority"),
		"waiting":   accountDesc("waiting_requests", "Requests that wait for their turn now, by priority.", "priority"),
		"throttled": accountDesc("throttled_total", "Answers that the account sends too many requests."),
		"busy":      accountDesc("busy_total", "Answers that a zone is busy with an earlier request."),
		"zones":     accountDesc("busy_zones", "Zones whose requests wait now since the zone was busy."),
	}
}

// Describe implements [prometheus.Collector].
func (a account) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range a.descs() {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (a account) Collect(out chan<- prometheus.Metric) {
	g := a.metrics.governor.Load()
	if g == nil {
		return // no controller has begun
	}
	descs, s := a.descs(), g.Stats()
	send := func(name string, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(descs[name], kind, value, labels...)
	}
	send("limit", prometheus.GaugeValue, s.Limit)
	send("rate", prometheus.GaugeValue, s.Rate)
	send("burst", prometheus.GaugeValue, float64(s.Burst))
	send("tokens", prometheus.GaugeValue, s.Tokens)
	for p := range s.Calls {
		priority := zone.Priority(p).String()
		send("requests", prometheus.CounterValue, float64(s.Calls[p]), priority)
		send("waited", prometheus.CounterValue, float64(s.Waits[p]), priority)
		send("waiting", prometheus.GaugeValue, float64(s.Waiting[p]), priority)
	}
	send("throttled", prometheus.CounterValue, float64(s.Throttled))
	send("busy", prometheus.CounterValue, float64(s.Busy))
	send("zones", prometheus.GaugeValue, float64(len(s.BusyZones)))
}

// standing collects how things stand in the zones.
type standing struct{ metrics *Metrics }

func (standing) descs() (age, frozen, quarantined *prometheus.Desc) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("signpost", "", name), help, labels, nil)
	}
	return desc("audit_age_seconds", "How long ago the oldest part of what is known of a zone was read.", "zone", "zone_id"),
		desc("frozen_names", "Names that stay as they are since an object's wish is unknown."),
		desc("quarantined_names", "Names whose last change was refused or failed, and that wait for another try.")
}

// Describe implements [prometheus.Collector].
func (s standing) Describe(descs chan<- *prometheus.Desc) {
	age, frozen, quarantined := s.descs()
	for _, d := range []*prometheus.Desc{age, frozen, quarantined} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (s standing) Collect(out chan<- prometheus.Metric) {
	c := s.metrics.figures.Load()
	if c == nil {
		return // no controller has begun
	}
	age, frozen, quarantined := s.descs()
	c.mu.RLock()
	defer c.mu.RUnlock()
	failed := 0
	for _, k := range c.keepers {
		failed += k.failed()
		if at := k.read(); !at.IsZero() {
			out <- prometheus.MustNewConstMetric(age, prometheus.GaugeValue, time.Since(at).Seconds(), k.zone.Name.Host(), k.zone.ID)
		}
	}
	out <- prometheus.MustNewConstMetric(frozen, prometheus.GaugeValue, float64(len(c.index.frozen)))
	out <- prometheus.MustNewConstMetric(quarantined, prometheus.GaugeValue, float64(failed))
}

// read returns when the oldest part of what is known of the zone was read, the
// zero time if it has not been read whole.
func (k *keeper) read() time.Time {
	at := k.round.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at)
}

// failed returns how many names were tried in vain.
func (k *keeper) failed() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, t := range k.owed.tries {
		if t.failed > 0 {
			n++
		}
	}
	return n
}
