package benchreserve

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// ratio compares the medians of two measurements of a part.
type ratio struct {
	key, part, name, base string
	target                float64
}

func ratios() []ratio {
	return []ratio{
		{"single_vs_pgbench", "single", "committer, 1 client", "pgbench, 1 client", 0.95},
		{"batch_vs_pgbench", "uniform", "committer, 256 clients", "pgbench, 32 clients", 6},
		{"batch_vs_bulk", "uniform", "committer, 256 clients", "pgbench, 64 in a statement, 4 clients", 0.75},
		{"hot_vs_unbatched", "hot", "committer, 256 clients", "conditional update, 256 clients", 30},
		{"hot4_vs_unbatched", "hot", "four committers, 256 clients", "conditional update, 256 clients", 12},
		{"soldout_vs_unbatched", "soldout", "committer, answers", "conditional update, answers", 40},
		{"fanout_ratio", "fanout", "notifier and listing", "nobody told", 0.95},
		{"standby_ratio", "standby", "synchronous standby", "standby not waited for", 0.9},
	}
}

// hotP99 is the target for accepted reservations at the hot parking, in
// milliseconds.
const hotP99 = 25

func (b *bench) find(part, name string) *row {
	for i := range b.rows {
		if b.rows[i].part == part && b.rows[i].name == name {
			return &b.rows[i]
		}
	}
	return nil
}

func (r *row) rates() []float64 {
	var out []float64
	for _, x := range r.runs {
		out = append(out, x.perSecond)
	}
	return out
}

func (r *row) latencies() []time.Duration {
	var out []time.Duration
	for _, x := range r.runs {
		out = append(out, x.took...)
	}
	return out
}

// report writes the table and, last, the ratios as one line of JSON.
func (b *bench) report(w io.Writer) error {
	summary := map[string]any{}
	for _, r := range ratios() {
		a, base := b.find(r.part, r.name), b.find(r.part, r.base)
		if a == nil || base == nil {
			continue
		}
		v := median(a.rates()) / median(base.rates())
		// The ratio of each alternation says how much it swings.
		var each []float64
		for i := range a.runs {
			each = append(each, a.runs[i].perSecond/base.runs[i].perSecond)
		}
		summary[r.key] = round(v)
		if _, err := fmt.Fprintf(w, "%-22s %7.2f  target %5.2f  %-6s alternations %.2f to %.2f\n",
			r.key, v, r.target, verdict(v >= r.target), slices.Min(each), slices.Max(each)); err != nil {
			return err
		}
	}
	if hot := b.find("hot", "committer, 256 clients"); hot != nil {
		p := percentile(hot.latencies(), 0.99)
		summary["hot_p99_ms"] = round(p)
		if _, err := fmt.Fprintf(w, "%-22s %7.2f  target %5.2f  %-6s %d accepted\n", "hot_p99_ms", p, float64(hotP99), verdict(p < hotP99), len(hot.latencies())); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(w, "\n%-8s %-40s %10s %23s %9s %9s %8s %8s\n", "part", "what", "median/s", "lowest to highest", "accepted", "answers", "p50 ms", "p99 ms"); err != nil {
		return err
	}
	for i := range b.rows {
		if err := b.rows[i].write(w); err != nil {
			return err
		}
	}
	line, err := json.Marshal(summary)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", line)
	return err
}

func (r *row) write(w io.Writer) error {
	rates := r.rates()
	accepted, answers := 0, 0
	for _, x := range r.runs {
		accepted += x.accepted
		answers += x.answers
	}
	p50, p99 := "-", "-"
	if l := r.latencies(); len(l) > 0 {
		p50 = fmt.Sprintf("%.2f", percentile(l, 0.5))
		if len(l) >= 10_000 { // fewer say nothing about the slowest hundredth
			p99 = fmt.Sprintf("%.2f", percentile(l, 0.99))
		}
	}
	_, err := fmt.Fprintf(w, "%-8s %-40s %10.0f %10.0f to %9.0f %9d %9d %8s %8s\n",
		r.part, r.name, median(rates), slices.Min(rates), slices.Max(rates), accepted, answers, p50, p99)
	return err
}

func verdict(reached bool) string {
	if reached {
		return "yes"
	}
	return "MISSED"
}

func round(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }
