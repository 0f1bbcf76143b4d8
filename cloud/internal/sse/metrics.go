package sse

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Register shows the server's figures. It is to be called once.
func (s *Server) Register(r prometheus.Registerer) {
	gauge := func(name, help string, v *atomic.Int64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(v.Load()) }))
	}
	counter := func(name, help string, v *atomic.Int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(v.Load()) }))
	}
	gauge("openlot_sse_connections", "Streams that are open.", &s.open)
	gauge("openlot_sse_blocked", "Streams without a goroutine that wait for their client to read.", &s.blocking)
	counter("openlot_sse_handed_total", "Streams taken over from net/http.", &s.handed)
	counter("openlot_sse_early_total", "Streams taken over before net/http saw them.", &s.early)
	counter("openlot_sse_blocks_total", "Times that a client took only a part of a frame.", &s.blocked)
	counter("openlot_sse_evictions_total", "Streams ended because their client did not read.", &s.evicted)
	counter("openlot_sse_writes_total", "Writes to streams.", &s.writes)
	counter("openlot_sse_bytes_total", "Bytes written to streams.", &s.bytes)
}
