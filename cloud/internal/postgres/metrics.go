package postgres

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Register shows the pool under a name. Each pool is to be registered once.
func (db *DB) Register(r prometheus.Registerer, name string) {
	labels := prometheus.Labels{"pool": name}
	gauge := func(what, help string, v func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "openlot_pg_pool_" + what, Help: help, ConstLabels: labels}, v))
	}
	counter := func(what, help string, v func() float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "openlot_pg_pool_" + what, Help: help, ConstLabels: labels}, v))
	}
	gauge("connections", "Connections that are open.", func() float64 { return float64(db.pool.Stat().TotalConns()) })
	gauge("connections_used", "Connections that somebody uses.", func() float64 { return float64(db.pool.Stat().AcquiredConns()) })
	gauge("connections_max", "Connections that there may be.", func() float64 { return float64(db.pool.Stat().MaxConns()) })
	counter("acquires_total", "Times that a connection was taken.", func() float64 { return float64(db.pool.Stat().AcquireCount()) })
	counter("waits_total", "Times that somebody had to wait for one.", func() float64 { return float64(db.pool.Stat().EmptyAcquireCount()) })
	counter("wait_seconds_total", "Time spent waiting for one.", func() float64 { return db.pool.Stat().EmptyAcquireWaitTime().Seconds() })
	counter("given_up_total", "Times that somebody stopped waiting for one.", func() float64 { return float64(db.pool.Stat().CanceledAcquireCount()) })
}

// committerMetrics count what a committer does. They are there whether or not
// anybody looks.
type committerMetrics struct {
	batches  *prometheus.CounterVec
	requests prometheus.Histogram
	seconds  prometheus.Histogram
	stale    prometheus.Counter
}

func newCommitterMetrics() committerMetrics {
	m := committerMetrics{
		batches:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "openlot_committer_batches_total", Help: "Batches sent to the database: committed, opposed (a row was stale and all is sent again) or failed."}, []string{"outcome"}),
		requests: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "openlot_committer_batch_requests", Help: "Requests in a batch.", Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "openlot_committer_commit_seconds", Help: "From sending a batch to its being committed, or not.",
			Buckets: []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .125, .25, .5, 1, 2, 5},
		}),
		stale: prometheus.NewCounter(prometheus.CounterOpts{Name: "openlot_committer_stale_parkings_total", Help: "Parkings left out of a committed batch because another instance had changed their rows."}),
	}
	for _, outcome := range []string{"committed", "opposed", "failed"} {
		m.batches.WithLabelValues(outcome)
	}
	return m
}

// sent counts a batch that was answered.
func (m *committerMetrics) sent(f *flight, took time.Duration) {
	m.requests.Observe(float64(f.requests()))
	m.seconds.Observe(took.Seconds())
	switch {
	case f.err == nil:
		m.batches.WithLabelValues("committed").Inc()
		for _, h := range f.heads {
			if h.problem != "" {
				m.stale.Inc()
			}
		}
	case errors.Is(f.err, errOpposed):
		m.batches.WithLabelValues("opposed").Inc()
	default:
		m.batches.WithLabelValues("failed").Inc()
	}
}

// Register shows the committer's figures. It is to be called once.
func (c *Committer) Register(r prometheus.Registerer) {
	m := &c.metrics
	r.MustRegister(m.batches, m.requests, m.seconds, m.stale,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "openlot_committer_queue", Help: "Requests that wait for a batch."}, func() float64 {
			n := 0
			for i := range c.shards {
				n += len(c.shards[i].queue)
			}
			return float64(n)
		}))
}
