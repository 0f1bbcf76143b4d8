package mqtt

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Register shows how the connection is. It is to be called once.
func (c *Client) Register(r prometheus.Registerer) {
	counter := func(name, help string, v *atomic.Uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(v.Load()) }))
	}
	counter("openlot_mqtt_received_total", "Messages received.", &c.received)
	counter("openlot_mqtt_published_total", "Messages that the broker has confirmed.", &c.sent)
	counter("openlot_mqtt_publish_failures_total", "Messages that the broker did not confirm; they may have arrived.", &c.failed)
	counter("openlot_mqtt_connects_total", "Connections to the broker that were made.", &c.connects)
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "openlot_mqtt_connected", Help: "Whether the connection to the broker stands."}, func() float64 {
		if c.Up() {
			return 1
		}
		return 0
	}))
}
