package benchgate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Options are what Run is told.
type Options struct {
	Binary string // the agent, built as it is packaged
	Dir    string // on the disk to be measured
	Quick  bool   // fewer samples: a first look
	Out    io.Writer
}

// Figures are the last line.
type Figures struct {
	Ratio    float64 `json:"p50_vs_two_syncs"`
	P99      float64 `json:"p99_ms"`
	P99Lanes float64 `json:"p99_ms_16_lanes"`
	RSS      float64 `json:"rss_mb"`
	Start    float64 `json:"start_to_decision_ms"`
	Binary   float64 `json:"binary_mb"`
	Bytes    float64 `json:"bytes_per_passage"`
}

// What is measured, at most for how long.
const (
	reservations = 100_000
	manyLanes    = 16
	phase        = 150 * time.Second
)

// Run measures everything and writes a report whose last line is the figures in
// JSON.
func Run(ctx context.Context, o Options) error {
	alternations, each, starts, passages := 5, 2000, 5, 10
	if o.Quick {
		alternations, each, starts, passages = 5, 100, 2, 3
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(o.Out, format+"\n", args...) }
	say("bench-gate: %d cached reservations, link down, %d processors (%s), load %s", reservations, runtime.NumCPU(), runtime.GOARCH, load())
	var f Figures
	info, err := os.Stat(o.Binary)
	if err != nil {
		return err
	}
	f.Binary = mib(float64(info.Size()))

	g, err := newGuests(reservations)
	if err != nil {
		return err
	}
	own := func(name string) (string, error) {
		dir := filepath.Join(o.Dir, name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		return dir, g.fill(ctx, dir)
	}
	dir, err := own("process")
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, phase)
	defer cancel()
	s, err := measure(limited, o.Binary, dir, g, starts, passages)
	if err != nil {
		return fmt.Errorf("the program: %w", err)
	}
	say("start to first decision: median %.0f ms of %d starts", ms(s.start), starts)
	say("memory: %.1f MiB resident, %.1f of it its own, the rest mapped files; highest %.1f", s.rss, s.anon, s.highest)
	say("written: %.0f bytes for each of %d passages one after the other (the kernel counts %.0f, in whole folios)", s.bytes, s.passages, s.dirtied)
	f.RSS, f.Start, f.Bytes = round(s.rss), round(ms(s.start)), math.Round(s.bytes)

	for _, lanes := range []int{1, manyLanes} {
		if dir, err = own(fmt.Sprintf("lanes-%d", lanes)); err != nil {
			return err
		}
		w, err := wait(dir, g, lanes, alternations, each, phase)
		if err != nil {
			return err
		}
		say("%2d lanes, credential to open command: p50 %.3f ms, p99 %.3f ms of %d; two syncs: p50 %.3f ms, p99 %.3f ms of %d; medians' ratio %.2f (%s), load %s", lanes,
			ms(rank(w.gate, .5)), ms(rank(w.gate, .99)), len(w.gate), ms(rank(w.disk, .5)), ms(rank(w.disk, .99)), len(w.disk), w.ratio(), list(w.ratios), load())
		if lanes == 1 {
			f.Ratio, f.P99 = round(w.ratio()), round(ms(rank(w.gate, .99)))
		} else {
			f.P99Lanes = round(ms(rank(w.gate, .99)))
		}
	}
	line, err := json.Marshal(f)
	if err != nil {
		return err
	}
	say("%s", line)
	return nil
}

func list(of []float64) string {
	var out []string
	for _, r := range of {
		out = append(out, fmt.Sprintf("%.2f", r))
	}
	return strings.Join(out, " ")
}

// load is what the kernel says of it.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
func mib(bytes float64) float64  { return round(bytes / (1 << 20)) }
func round(f float64) float64    { return math.Round(f*100) / 100 }
