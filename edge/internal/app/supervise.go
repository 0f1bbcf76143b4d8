package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openlot/openlot/edge/internal/uplink"
)

// Supervisor is who started the agent and wants to know how it is.
type Supervisor interface {
	// Watchdog is how long it waits for Alive before it ends the agent; 0: forever.
	Watchdog() time.Duration
	Ready() error
	Alive() error
	Status(text string) error
	Stopping() error
}

// lookEvery is how often it is looked whether the lanes have turned. They do at
// least once a second.
const lookEvery = time.Second

// runSupervised tells the supervisor that the agent is ready once every lane's
// loop has turned (the store is open by then), and that it is alive whenever all
// of them have turned again since it said so last. No timer vouches for a lane:
// one loop that stands still, in a device, in the store or in a lock, ends the
// feeding.
func (a *Agent) runSupervised(ctx context.Context) error {
	s := a.cfg.Supervisor
	if s == nil {
		return nil
	}
	every := lookEvery
	if w := s.Watchdog(); w > 0 {
		every = min(every, w/4)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	seen, ready, status := make([]int64, len(a.gates)), false, ""
	for {
		select {
		case <-ctx.Done():
			a.said(s.Stopping())
			return nil
		case <-tick.C:
		}
		if a.allTurned(seen) {
			if !ready {
				a.said(s.Ready())
				ready = true
			}
			a.said(s.Alive())
		}
		if now := a.summary(); now != status {
			a.said(s.Status(now))
			status = now
		}
	}
}

// allTurned reports whether every lane has turned since it reported so last;
// seen is when each had by then.
func (a *Agent) allTurned(seen []int64) bool {
	now := make([]int64, len(a.gates))
	for i, g := range a.gates {
		if now[i] = g.turned.Load(); now[i] == seen[i] {
			return false
		}
	}
	copy(seen, now)
	return true
}

// said logs that the supervisor could not be told. It will act on its own.
func (a *Agent) said(err error) {
	if err != nil {
		a.log.Warn("the service manager could not be told", "err", err)
	}
}

// summary is the agent in one line, for a list of services.
func (a *Agent) summary() string {
	parts := []string{fmt.Sprintf("%d lanes", len(a.gates)), "board connected"}
	if !a.linked() {
		parts[1] = "board lost"
	}
	if a.uplink != nil {
		link := a.uplink.Link()
		parts = append(parts, "cloud "+string(link))
		if p := a.rec.Position(); link != uplink.Online && p.LastSeq > p.AckedSeq {
			parts = append(parts, "events waiting")
		}
	}
	var faults []string
	for _, g := range a.gates {
		if l := g.shown.Load(); len(l.Faults) > 0 {
			faults = append(faults, string(l.Lane)+" "+strings.Join(l.Faults, "+"))
		}
	}
	if len(faults) > 0 {
		slices.Sort(faults)
		parts = append(parts, "faults: "+strings.Join(faults, ", "))
	}
	if a.rec.Failed() != nil {
		parts = append(parts, "STORE FAILED")
	}
	return strings.Join(parts, "; ")
}
