package river

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openlot/openlot/cloud/internal/relay"
)

// metrics count what this process's workers do.
type metrics struct {
	jobs        *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	ticks       *prometheus.CounterVec
	tickSeconds *prometheus.HistogramVec
}

func newMetrics() *metrics {
	buckets := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	return &metrics{
		jobs:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "openlot_jobs_total", Help: "Jobs worked: done, waits (too early), failed (done again), lost (failed for the last time) or stopped (never to be done again)."}, []string{"kind", "outcome"}),
		seconds:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "openlot_job_seconds", Help: "Time that a job took.", Buckets: buckets}, []string{"kind"}),
		ticks:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "openlot_clock_runs_total", Help: "Runs of the clock's tasks."}, []string{"task", "outcome"}),
		tickSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "openlot_clock_run_seconds", Help: "Time that a run took.", Buckets: buckets}, []string{"task"}),
	}
}

func (m *metrics) worked(kind string, took time.Duration, err error, last bool) {
	var stop relay.Stop
	var wait relay.Wait
	outcome := "failed"
	switch {
	case err == nil:
		outcome = "done"
	case errors.As(err, &stop):
		outcome = "stopped"
	case errors.As(err, &wait):
		outcome = "waits"
	case last:
		outcome = "lost"
	}
	m.jobs.WithLabelValues(kind, outcome).Inc()
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
}

func (m *metrics) ticked(task string, took time.Duration, err error) {
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	m.ticks.WithLabelValues(task, outcome).Inc()
	m.tickSeconds.WithLabelValues(task).Observe(took.Seconds())
}

// Register shows what the workers do, and whether this instance is the one whose
// clock ticks. It is to be called once.
func (w *Workers) Register(r prometheus.Registerer) {
	r.MustRegister(w.metrics.jobs, w.metrics.seconds, w.metrics.ticks, w.metrics.tickSeconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "openlot_jobs_leader", Help: "1 on the instance whose clock ticks; -1 while the database does not say.",
		}, w.leads))
}

// leadLimit bounds a look at who leads: a scrape must not hang on the database.
const leadLimit = 2 * time.Second

func (w *Workers) leads() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), leadLimit)
	defer cancel()
	var yes bool
	err := w.pool.QueryRow(ctx, `select exists (select from `+schema+`.river_leader where leader_id = $1 and expires_at > now())`, w.client.ID()).Scan(&yes)
	switch {
	case err != nil:
		return -1
	case yes:
		return 1
	}
	return 0
}
