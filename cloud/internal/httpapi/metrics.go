package httpapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts requests, by the route's template: an address holds ids, and a
// label with ids in it has no end.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	running  prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "openlot_http_requests_total", Help: "Requests that were answered; a stream when it ended, or was handed over."}, []string{"method", "route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "openlot_http_request_seconds", Help: "From a request's header to the end of its answer; streams are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "openlot_http_requests_running", Help: "Requests that are being answered, streams of the ordinary handler among them."}),
	}
	r.MustRegister(m.requests, m.seconds, m.running)
	return m
}

func (m *Metrics) begun() {
	if m != nil {
		m.running.Inc()
	}
}

// ended counts a request. method and route are from closed sets.
func (m *Metrics) ended(c *gin.Context, method, route string, status int, took time.Duration) {
	if m == nil {
		return
	}
	m.running.Dec()
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	if !strings.HasPrefix(c.Writer.Header().Get("Content-Type"), "text/event-stream") {
		m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
	}
}
