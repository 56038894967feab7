package controller

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/zone"
)

// measured collects what is counted only when somebody asks, since it takes
// going through all that is wanted and all that the zones hold. What is about
// zones is left out while this replica stands by: a figure that stands still
// would look like trouble.
type measured struct {
	metrics       *Metrics
	wanted, zones []prometheus.Collector

	mu      *sync.Mutex
	version *uint64    // of what was counted last
	pause   *time.Time // until which the last figures are good enough
}

// Describe implements [prometheus.Collector].
func (m measured) Describe(descs chan<- *prometheus.Desc) {
	for _, c := range slices.Concat(m.wanted, m.zones) {
		c.Describe(descs)
	}
}

// patience is how many times as long as counting takes it is not done again.
const patience = 50

// Collect implements [prometheus.Collector].
func (m measured) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	shown := slices.Concat(m.wanted, m.zones)
	if c := m.metrics.figures.Load(); c != nil {
		if !c.Lease.Status().Leading {
			shown = m.wanted
		}
		now, version := time.Now(), c.version.Load()
		if version != *m.version && !now.Before(*m.pause) {
			c.measure()
			*m.version, *m.pause = version, now.Add(patience*time.Since(now))
		}
	}
	for _, c := range shown {
		c.Collect(out)
	}
}

// measure counts what is wanted and what the zones hold. A want counts as what
// it becomes, and as verified where each zone that holds its name has it.
func (c *Controller) measure() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	listed, wanted, verified := map[dns.Type]int{}, map[dns.Type]int{}, map[dns.Type]int{}
	total, asked := 0, 0
	for _, k := range c.keepers {
		k.worker.Look(func(m *zone.Image) {
			total += m.Len()
			for set := range m.All() {
				listed[set.Type]++
			}
		})
	}
	for n := range c.index.names() {
		standing := c.standing(n)
		keys := map[dns.Key]bool{} // objects may want the same
		for _, want := range c.index.at(n) {
			for _, key := range c.Rules.Becomes(want) {
				keys[key] = true
			}
		}
		for key := range keys {
			asked++
			wanted[key.Type]++
			if standing != nil && !slices.ContainsFunc(standing, func(have map[dns.Key]bool) bool { return !have[key] }) {
				verified[key.Type]++
			}
		}
	}
	m := c.Metrics
	m.registryEndpoints.Set(float64(total))
	m.sourceEndpoints.Set(float64(asked))
	fill(m.registryRecords, listed)
	fill(m.sourceRecord, wanted)
	fill(m.verified, verified)
}

// standing returns what each zone that holds a name has there.
func (c *Controller) standing(n dns.Name) []map[dns.Key]bool {
	var out []map[dns.Key]bool
	for _, z := range c.zonesOf(n) {
		have := map[dns.Key]bool{}
		if k := c.keepers[z.ID]; k != nil {
			k.worker.Look(func(m *zone.Image) {
				for _, set := range m.At(n) {
					have[set.Key] = true
				}
			})
		}
		out = append(out, have)
	}
	return out
}

func fill(v *prometheus.GaugeVec, counts map[dns.Type]int) {
	v.Reset()
	for t, n := range counts {
		v.WithLabelValues(strings.ToLower(string(t))).Set(float64(n))
	}
}
