package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// samples are durations of one kind.
type samples struct {
	mu  sync.Mutex
	all []time.Duration
}

func (s *samples) add(d time.Duration) {
	s.mu.Lock()
	s.all = append(s.all, d)
	s.mu.Unlock()
}

func (s *samples) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// summary describes samples.
type summary struct {
	count              int
	p50, p95, p99, max time.Duration
}

func (s *samples) summary() summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	sorted := slices.Sorted(slices.Values(s.all))
	n := len(sorted)
	if n == 0 {
		return summary{}
	}
	return summary{n, rank(sorted, .50), rank(sorted, .95), rank(sorted, .99), sorted[n-1]}
}

// rank is the percentile by nearest rank: the least sample that is not below
// the share p of all.
func rank(sorted []time.Duration, p float64) time.Duration {
	// Rounding must not push an exact rank up by one.
	i := int(math.Ceil(p*float64(len(sorted))-1e-9)) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

type row struct {
	name string
	summary
}

// table writes one row for each.
func table(w io.Writer, rows []row) {
	_, _ = fmt.Fprintf(w, "%-46s %9s %10s %10s %10s %10s\n", "milliseconds", "samples", "p50", "p95", "p99", "max")
	_, _ = fmt.Fprintln(w, strings.Repeat("-", 100))
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%-46s %9d %10.2f %10.2f %10.2f %10.2f\n", r.name, r.count, ms(r.p50), ms(r.p95), ms(r.p99), ms(r.max))
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
