package fleet

import "github.com/prometheus/client_golang/prometheus"

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
