package benchreserve

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// phaseNames are where the time of a reservation over HTTP goes, in the order in
// which it does. All but the first and the last are what the cloud says in
// Server-Timing: reading is the rest of the handler.
func phaseNames() []string {
	return []string{"reading", "quote", "commit", "hold", "confirm", "pass", "HTTP"}
}

// phases adds up where the time of accepted reservations went.
type phases struct {
	mu      sync.Mutex
	n       int
	all     time.Duration // as the clients saw it
	by      map[string]time.Duration
	cpu     time.Duration // of the cloud's process, for refused ones too
	answers int
}

// note notes one: what its client saw, and the header of its answer.
func (p *phases) note(all time.Duration, header string) error {
	told := map[string]time.Duration{}
	for entry := range strings.SplitSeq(header, ", ") {
		name, dur, ok := strings.Cut(entry, ";dur=")
		ms, err := strconv.ParseFloat(dur, 64)
		if !ok || err != nil {
			return fmt.Errorf("the cloud says in Server-Timing %q", header)
		}
		told[name] = time.Duration(ms * float64(time.Millisecond))
	}
	inside := told["total"]
	told["HTTP"], told["reading"] = all-inside, inside
	for _, name := range phaseNames() {
		if name != "HTTP" && name != "reading" {
			told["reading"] -= told[name]
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by = map[string]time.Duration{}
	}
	for _, name := range phaseNames() {
		p.by[name] += told[name]
	}
	p.all += all
	p.n++
	return nil
}

// spent notes the processor time of a run.
func (p *phases) spent(cpu time.Duration, answers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cpu += cpu
	p.answers += answers
}

// write writes the means, and adds them to the summary.
func (p *phases) write(w *strings.Builder, part string, summary map[string]any) {
	fmt.Fprintf(w, "%-8s", part)
	mean := func(d time.Duration, n int) float64 { return d.Seconds() * 1000 / float64(max(n, 1)) }
	list := map[string]any{}
	for _, name := range phaseNames() {
		v := mean(p.by[name], p.n)
		list[name] = round3(v)
		fmt.Fprintf(w, " %8.2f (%3.0f%%)", v, 100*p.by[name].Seconds()/max(p.all.Seconds(), 1e-9))
	}
	fmt.Fprintf(w, " %8.2f %12.3f\n", mean(p.all, p.n), mean(p.cpu, p.answers))
	summary["phases_ms"], summary["cloud_cpu_ms"] = list, round3(mean(p.cpu, p.answers))
}

func round3(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }
