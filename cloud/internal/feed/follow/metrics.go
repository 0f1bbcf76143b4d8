package follow

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Register shows how the follower gets on. It is to be called once.
func (f *Follower) Register(r prometheus.Registerer) {
	counter := func(name, help string, labels prometheus.Labels, v *atomic.Uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(v.Load()) }))
	}
	const events = "Events handed out in this process: read from the database, or its own that it did not have to read."
	counter("openlot_feed_events_total", events, prometheus.Labels{"source": "read"}, &f.read)
	counter("openlot_feed_events_total", events, prometheus.Labels{"source": "own"}, &f.own)
	counter("openlot_feed_gaps_total", "Revisions that were missing in the feed. Never anything but 0.", nil, &f.gaps)
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "openlot_feed_lag_seconds", Help: "How old the instant is up to which everything that was committed has been handed out. About a second at most while all is well; -1 before the start.",
	}, func() float64 {
		at := f.CurrentAt()
		if at.IsZero() {
			return -1
		}
		return time.Since(at).Seconds()
	}))
}
