package fleet

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the service does.
type Metrics struct {
	applied   prometheus.Counter
	repeated  prometheus.Counter
	malformed prometheus.Counter
	dropped   prometheus.Counter
	syncs     *prometheus.CounterVec
	shards    prometheus.Gauge
	live      prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		applied:   prometheus.NewCounter(prometheus.CounterOpts{Name: "openlot_fleet_events_applied_total", Help: "Journal events applied."}),
		repeated:  prometheus.NewCounter(prometheus.CounterOpts{Name: "openlot_fleet_batches_repeated_total", Help: "Batches in which everything had been applied before."}),
		malformed: prometheus.NewCounter(prometheus.CounterOpts{Name: "openlot_fleet_messages_malformed_total", Help: "Messages that could not be read."}),
		dropped:   prometheus.NewCounter(prometheus.CounterOpts{Name: "openlot_fleet_messages_dropped_total", Help: "Messages dropped because their queue was full."}),
		syncs:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "openlot_fleet_syncs_total", Help: "Syncs sent to edges."}, []string{"kind"}),
		shards:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "openlot_fleet_shards", Help: "Shards held by this instance."}),
		live:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "openlot_fleet_edges_live", Help: "Edges of this instance whose lease runs."}),
	}
	r.MustRegister(m.applied, m.repeated, m.malformed, m.dropped, m.syncs, m.shards, m.live)
	return m
}

// heardWithin are the ages by which edges are counted. A series for each edge
// would be fifty thousand; which edges are silent is in the log and at their
// parkings.
var heardWithin = []struct {
	name string
	age  time.Duration
}{{"10s", 10 * time.Second}, {"1m", time.Minute}, {"10m", 10 * time.Minute}, {"1h", time.Hour}, {"longer", 1<<63 - 1}}

// neverHeard are the edges of whom this instance has heard nothing since it took
// their shard.
const neverHeard = "never"

// heard counts the edges of an instance by when they were last heard.
type heard struct {
	s             *Service
	edges, oldest *prometheus.Desc
}

// Register shows when the edges were last heard. It is to be called once.
func (s *Service) Register(r prometheus.Registerer) {
	r.MustRegister(heard{
		s:      s,
		edges:  prometheus.NewDesc("openlot_fleet_edges", "Edges of this instance, by how long ago they were last heard; never: not since their shard was taken.", []string{"heard"}, nil),
		oldest: prometheus.NewDesc("openlot_fleet_oldest_heard_seconds", "How long ago the edge was heard that is silent for longest, of those heard since their shard was taken.", nil, nil),
	})
}

// Describe implements prometheus.Collector.
func (h heard) Describe(out chan<- *prometheus.Desc) { out <- h.edges; out <- h.oldest }

// Collect implements prometheus.Collector.
func (h heard) Collect(out chan<- prometheus.Metric) {
	counts := make([]int, len(heardWithin))
	never, oldest, now := 0, time.Duration(0), h.s.o.Now()
	h.s.mu.Lock()
	for _, w := range h.s.workers {
		at := w.seen.Load()
		if at == 0 {
			never++
			continue
		}
		age := max(now.Sub(time.Unix(at, 0)), 0)
		oldest = max(oldest, age)
		for i, b := range heardWithin {
			if age <= b.age {
				counts[i]++
				break
			}
		}
	}
	h.s.mu.Unlock()
	for i, b := range heardWithin {
		out <- prometheus.MustNewConstMetric(h.edges, prometheus.GaugeValue, float64(counts[i]), b.name)
	}
	out <- prometheus.MustNewConstMetric(h.edges, prometheus.GaugeValue, float64(never), neverHeard)
	out <- prometheus.MustNewConstMetric(h.oldest, prometheus.GaugeValue, oldest.Seconds())
}
