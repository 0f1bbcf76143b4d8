package benchgate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/app"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/protocol/id"
)

// agent is an agent with a board in memory.
type agent struct {
	app   *app.Agent
	board *board
	idle  []string // how each lane looks at rest
	stop  func() error
}

func start(dir string, lanes int) (*agent, error) {
	a := &agent{board: newBoard(lanes)}
	cfg := app.Config{
		Parking: parking, DataDir: dir, Zone: time.UTC, Built: time.Now().Add(-time.Hour), Software: "bench-gate", Devices: map[string]device.Connect{"board": a.board.connect},
	}
	for i := range lanes {
		cfg.Lanes = append(cfg.Lanes, app.LaneConfig{
			Lane: admission.Lane{ID: id.Lane(fmt.Sprintf("entry-%d", i)), Direction: admission.Entry, SpaceType: id.Standard}, Device: "board", Gate: i,
		})
	}
	var err error
	if a.app, err = app.Open(cfg, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- a.app.Run(ctx) }()
	a.stop = func() error {
		cancel()
		return <-ran
	}
	for until := time.Now().Add(patience); len(a.idle) < lanes; time.Sleep(pause) {
		if l := a.app.Lanes(); l[len(a.idle)].Linked {
			a.idle = append(a.idle, fmt.Sprint(l[len(a.idle)].Phase))
		} else if time.Now().After(until) {
			return nil, errors.Join(errors.New("the lanes do not see the board"), a.stop())
		}
	}
	return a, nil
}

// through lets one car in, and returns when its lane is at rest again.
func (a *agent) through(gate int, text string) (time.Duration, error) {
	took, err := a.board.visit(gate, text)
	if err != nil {
		return 0, err
	}
	a.board.drive(gate)
	for until := time.Now().Add(patience); ; time.Sleep(pause) {
		l := a.app.Lanes()[gate]
		if fmt.Sprint(l.Phase) == a.idle[gate] && l.Safety == "free" {
			return took, nil
		}
		if time.Now().After(until) {
			return 0, fmt.Errorf("gate %d does not come to rest: %v", gate, l.Phase)
		}
	}
}

// block lets cars in at all lanes at once, as many as there are passes, until the
// deadline.
func (a *agent) block(texts []string, deadline time.Time) ([]time.Duration, error) {
	var mu sync.Mutex
	var out []time.Duration
	var failed error
	next := 0
	var lanes sync.WaitGroup
	for gate := range a.board.gates {
		lanes.Go(func() {
			for {
				mu.Lock()
				if next == len(texts) || failed != nil || time.Now().After(deadline) {
					mu.Unlock()
					return
				}
				text := texts[next]
				next++
				mu.Unlock()
				took, err := a.through(gate, text)
				mu.Lock()
				if err != nil {
					failed = err
				} else {
					out = append(out, took)
				}
				mu.Unlock()
			}
		})
	}
	lanes.Wait()
	return out, failed
}

// twoSyncs is what a page that is written and synced twice, in place, costs on the
// disk of a directory: the floor of a commit with two syncs.
func twoSyncs(dir string, n int, deadline time.Time) (out []time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "reference.page"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	page := make([]byte, 4096)
	for range 2 { // the page's own blocks are there from then on
		if err := writeSynced(f, page); err != nil {
			return nil, err
		}
	}
	for range n {
		if time.Now().After(deadline) {
			break
		}
		began := time.Now()
		if err := errors.Join(writeSynced(f, page), writeSynced(f, page)); err != nil {
			return nil, err
		}
		out = append(out, time.Since(began))
	}
	return out, nil
}

func writeSynced(f *os.File, page []byte) error {
	if _, err := f.WriteAt(page, 0); err != nil {
		return err
	}
	return datasync(f)
}

// waited is what one number of lanes gave.
type waited struct {
	lanes      int
	gate, disk []time.Duration
	ratios     []float64 // of the medians, of each alternation
}

// wait measures: blocks of cars, and blocks of the reference in between.
func wait(dir string, g *guests, lanes, alternations, each int, limit time.Duration) (w waited, err error) {
	w.lanes = lanes
	a, err := start(dir, lanes)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	deadline := time.Now().Add(limit)
	warm, err := g.passes(50 * lanes)
	if err != nil {
		return w, err
	}
	if _, err := a.block(warm, deadline); err != nil {
		return w, err
	}
	for range alternations {
		texts, err := g.passes(each)
		if err != nil {
			return w, err
		}
		disk, err := twoSyncs(dir, each, deadline)
		if err != nil {
			return w, err
		}
		gate, err := a.block(texts, deadline)
		if err != nil {
			return w, err
		}
		if len(gate) < each || len(disk) < each {
			return w, fmt.Errorf("%d lanes: the time of this phase, %v, is over after %d samples", lanes, limit, len(w.gate)+len(gate))
		}
		w.gate, w.disk = append(w.gate, gate...), append(w.disk, disk...)
		w.ratios = append(w.ratios, float64(rank(gate, .5))/float64(rank(disk, .5)))
	}
	return w, nil
}

// rank is a percentile by nearest rank.
func rank(of []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	i := int(math.Ceil(p*float64(len(sorted))-1e-9)) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// ratio is the median of the alternations.
func (w waited) ratio() float64 {
	sorted := slices.Sorted(slices.Values(w.ratios))
	return sorted[len(sorted)/2]
}
