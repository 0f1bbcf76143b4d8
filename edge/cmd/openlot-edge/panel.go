package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openlot/openlot/edge/internal/config"
	"github.com/openlot/openlot/edge/internal/lane"
)

// panel shows inputs as they change: as a table that is drawn anew on a terminal,
// else as a line for each change.
type panel struct {
	out   io.Writer
	json  bool
	table bool
	now   func() time.Time

	mu    sync.Mutex
	lanes []config.Lane
	rows  []*row
	gone  map[string]string // devices that are lost, and why
}

// row is one input of a gate.
type row struct {
	Lane    string    `json:"lane"`
	Input   string    `json:"input"`
	Level   string    `json:"level"` // active, inactive or unknown
	Line    string    `json:"line,omitempty"`
	Changes int       `json:"changes"`
	At      time.Time `json:"at"`

	device string
	gate   int
}

func newPanel(cfg *config.Config, out io.Writer, asJSON bool) *panel {
	p := &panel{out: out, json: asJSON, now: time.Now, lanes: cfg.Lanes, gone: map[string]string{}}
	if f, ok := out.(*os.File); ok && !asJSON {
		info, err := f.Stat()
		p.table = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// gates lists a device's gates that have a lane.
func (p *panel) gates(device string) (out []int) {
	for _, l := range p.lanes {
		if l.Device == device {
			out = append(out, l.Gate)
		}
	}
	return out
}

func (p *panel) lane(device string, gate int) string {
	for _, l := range p.lanes {
		if l.Device == device && l.Gate == gate {
			return string(l.ID)
		}
	}
	return fmt.Sprintf("%s gate %d", device, gate)
}

// set shows the level of an input if it is another than before.
func (p *panel) set(device string, gate int, input string, level lane.Level, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.gone, device)
	text := map[lane.Level]string{lane.On: "active", lane.Off: "inactive", lane.Unknown: "unknown"}[level]
	i := slices.IndexFunc(p.rows, func(r *row) bool { return r.device == device && r.gate == gate && r.Input == input })
	if i < 0 {
		i = len(p.rows)
		p.rows = append(p.rows, &row{Lane: p.lane(device, gate), Input: input, device: device, gate: gate, Changes: -1})
	}
	r := p.rows[i]
	if r.Level == text && r.Line == line {
		return
	}
	r.Level, r.Line, r.At = text, line, p.now()
	r.Changes++
	p.show(*r)
}

// happened shows what is over as soon as it was.
func (p *panel) happened(device string, gate int, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(row{Lane: p.lane(device, gate), Input: what, Level: "event", At: p.now()})
}

// lost shows a device's inputs as unknown.
func (p *panel) lost(device string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rows {
		if r.device == device && r.Level != "unknown" {
			r.Level, r.At = "unknown", p.now()
			r.Changes++
			p.show(*r)
		}
	}
	if why := fmt.Sprint(err); p.gone[device] != why { // it is looked for each second
		p.gone[device] = why
		p.show(row{Lane: device, Input: "device", Level: "lost", Line: why, At: p.now()})
	}
}

func (p *panel) show(r row) {
	switch {
	case p.json:
		_ = json.NewEncoder(p.out).Encode(r) // where else could this be said
	case p.table:
		var b strings.Builder
		b.WriteString("\x1b[H\x1b[J")
		fmt.Fprintf(&b, "%-14s %-11s %-9s %8s  %-12s %s\n", "LANE", "INPUT", "LEVEL", "CHANGES", "SINCE", "LINE")
		for _, r := range p.rows {
			fmt.Fprintf(&b, "%-14s %-11s %-9s %8d  %-12s %s\n", r.Lane, r.Input, r.Level, r.Changes, r.At.Format("15:04:05.000"), r.Line)
		}
		if r.Level == "event" || r.Level == "lost" {
			fmt.Fprintf(&b, "\n%s %s: %s %s %s\n", r.At.Format("15:04:05.000"), r.Lane, r.Input, r.Level, r.Line)
		}
		_, _ = io.WriteString(p.out, b.String())
	default:
		_, _ = fmt.Fprintf(p.out, "%s %s %s %s %s\n", r.At.Format("15:04:05.000"), r.Lane, r.Input, r.Level, r.Line)
	}
}
