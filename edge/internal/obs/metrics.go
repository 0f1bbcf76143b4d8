package obs

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const prefix = "openlot_edge_"

// Metrics are what the agent counts, and how it looks when it is asked. Labels
// are lanes, phases, faults, reason codes and versions: sets that are small and
// that say nothing about a person.
type Metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	decision  prometheus.Histogram
	write     prometheus.Histogram
	failures  prometheus.Counter
}

// Look is how the agent looks now.
type Look struct {
	Lanes       []LaneLook
	Board       bool
	Link        string        // of Links
	Links       []string      // that there are
	LastSeq     uint64        // of the journal
	AckedSeq    uint64        // by the cloud
	AckAge      time.Duration // since the cloud acknowledged something or nothing was left to acknowledge
	StoreBytes  int64
	StoreFailed bool
	Uncertainty time.Duration // half of the interval in which the time lies; negative: no bound
	Version     string
	Trial       bool
	Inside      int
	SpansLost   uint64 // of traces: dropped, not sent
}

// LaneLook is how a lane looks now.
type LaneLook struct {
	Lane, Phase string
	Phases      []string // that there are
	Faults      []string
}

// NewMetrics makes the metrics of a version of the agent; look is asked at each
// scrape.
func NewMetrics(version string, look func() Look) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "decisions_total", Help: "Decisions at a lane, by reason code.",
		}, []string{"lane", "reason"}),
		decision: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "decision_seconds", Help: "From a credential to its journalled verdict.",
			Buckets: []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .125, .25, .5, 1, 2},
		}),
		write: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "journal_write_seconds", Help: "From a fact to its being synced to the disk.",
			Buckets: []float64{.0001, .0002, .0005, .001, .002, .004, .008, .016, .032, .064, .125, .25, .5, 1, 2},
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "journal_write_errors_total", Help: "Facts that could not be written or synced.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: prefix + "build_info", Help: "1, for the version that runs.", ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.decisions, m.decision, m.write, m.failures, build, looker(look),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Decided counts a decision.
func (m *Metrics) Decided(lane, reason string, took time.Duration) {
	m.decisions.WithLabelValues(lane, reason).Inc()
	m.decision.Observe(took.Seconds())
}

// Recorded counts a write to the journal.
func (m *Metrics) Recorded(took time.Duration, err error) {
	if err != nil {
		m.failures.Inc()
		return
	}
	m.write.Observe(took.Seconds())
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 5 * time.Second})
}

// looker turns a Look into metrics.
type looker func() Look

// Describe implements prometheus.Collector: nothing in advance, because which
// faults there are shows only at a scrape.
func (looker) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (l looker) Collect(out chan<- prometheus.Metric) {
	look := l()
	gauge := func(name, help string, value float64, labels ...string) {
		var names, values []string
		for i := 0; i < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(prefix+name, help, names, nil), prometheus.GaugeValue, value, values...)
	}
	for _, lane := range look.Lanes {
		for _, phase := range lane.Phases {
			gauge("lane_phase", "1 for the phase in which a lane is.", is(phase == lane.Phase), "lane", lane.Lane, "phase", phase)
		}
		for _, f := range lane.Faults {
			gauge("lane_fault", "1 for each fault that a lane has.", 1, "lane", lane.Lane, "fault", f)
		}
	}
	for _, link := range look.Links {
		gauge("cloud_link", "1 for the state of the link to the cloud.", is(link == look.Link), "state", link)
	}
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(prefix+"spans_dropped_total", "Spans that no collector of traces has got.", nil, nil),
		prometheus.CounterValue, float64(look.SpansLost))
	gauge("board_connected", "Whether the gates' board answers.", is(look.Board))
	gauge("journal_last_seq", "Number of the newest event.", float64(look.LastSeq))
	gauge("journal_unacknowledged", "Events that the cloud has not acknowledged.", float64(look.LastSeq-look.AckedSeq))
	gauge("journal_ack_age_seconds", "Since the cloud acknowledged an event, or had all of them.", look.AckAge.Seconds())
	gauge("store_bytes", "Size of the store's files.", float64(look.StoreBytes))
	gauge("store_failed", "Whether the store takes nothing more until a restart.", is(look.StoreFailed))
	gauge("sessions_inside", "Vehicles inside.", float64(look.Inside))
	gauge("version_on_trial", "Whether the running version has yet to show that it works.", is(look.Trial))
	gauge("clock_known", "Whether the time has an upper bound.", is(look.Uncertainty >= 0))
	if look.Uncertainty >= 0 {
		gauge("clock_uncertainty_seconds", "How far the time may be off.", look.Uncertainty.Seconds())
	}
}

func is(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
