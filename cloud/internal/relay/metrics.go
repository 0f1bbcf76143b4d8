package relay

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Register shows how the relay gets on. It is to be called once.
func (r *Relay) Register(to prometheus.Registerer) {
	counter := func(name, help string, v *atomic.Uint64) {
		to.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(v.Load()) }))
	}
	counter("openlot_relay_events_total", "Events over which this instance has moved the relay's cursor.", &r.events)
	counter("openlot_relay_jobs_total", "Jobs that this instance has made of events.", &r.jobs)
	counter("openlot_relay_failures_total", "Steps of the relay that failed; each is made again.", &r.failures)
	to.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "openlot_relay_idle_seconds", Help: "Since the relay last looked at the feed and nothing failed; -1 before the first time.",
	}, func() float64 {
		at := r.moved.Load()
		if at == 0 {
			return -1
		}
		return time.Since(time.Unix(at, 0)).Seconds()
	}))
}
