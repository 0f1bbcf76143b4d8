//go:build hardware

package gpio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/openlot/openlot/edge/internal/cloudtest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/wire"
)

const (
	program          = "/openlot-edge"
	address          = "127.0.0.1:8090"
	dresden          = id.Parking("dresden-altmarkt")
	secret           = "not-a-real-secret"
	entryGate        = 0
	exitGate         = 1
	parkLines        = 2 * laneLines
	operatorMoves    = 300 * time.Millisecond
	operatorClosesIn = 400 * time.Millisecond
)

// park is an entry and an exit on the lines of one chip, with a barrier at each
// and the real program between them.
type park struct {
	t     *testing.T
	sim   *sim
	gates [2]Gate
	cloud *cloudtest.Cloud
	args  []string
	data  string

	cmd *exec.Cmd
	log bytes.Buffer

	barriers [2]*barrier
}

func newPark(t *testing.T, d Driver, s *sim) *park {
	t.Helper()
	dir := t.TempDir()
	edge := id.New[id.Edge](time.Now())
	b := cloudtest.StartBroker(t, dresden, edge, secret)
	p := &park{t: t, sim: s, cloud: cloudtest.StartCloud(t, b, dresden), data: filepath.Join(dir, "data")}
	key, err := pass.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	p.cloud.Signs(key)
	p.cloud.Snapshot(&wire.Sync{
		Kind: wire.Snapshot, Through: 1, Parts: 1, Keys: []wire.PassKey{wire.PassKey(key.Public())},
		Allotments: []wire.Allotment{{SpaceType: id.Standard, Version: 1, Units: 1, Until: time.Now().Add(time.Hour).Unix()}},
	})
	for i := range p.gates {
		p.gates[i] = laneOn(s, i*laneLines)
		atRestOn(s, p.gates[i])
		p.barriers[i] = newBarrier(s, p.gates[i])
		t.Cleanup(p.barriers[i].end)
	}
	s.write(filepath.Join(dir, "secret"), secret)
	s.write(filepath.Join(dir, "gpio.yaml"), wiringYAML(d, p.gates))
	p.args = []string{
		"run", "--parking", string(dresden), "--edge-id", edge.String(), "--secret-file", filepath.Join(dir, "secret"), "--mqtt", "tcp://" + b.Addr,
		"--data-dir", p.data, "--http", address, "--gpio", filepath.Join(dir, "gpio.yaml"), "--lanes", "entry-1:entry:0,exit-1:exit:1",
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s", p.log.Bytes())
		}
	})
	s.clearTrace()
	return p
}

// wiringYAML is the wiring as an installer writes it.
func wiringYAML(d Driver, gates [2]Gate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "driver: %s\ngates:\n", d)
	for n, g := range gates {
		fmt.Fprintf(&b, "  %d:\n", n)
		for r := range allRoles {
			l := g.line(r)
			fmt.Fprintf(&b, "    %s: {chip: %s, name: L%d, active_low: %v}\n", r, l.Chip, l.Offset, l.ActiveLow)
		}
	}
	return b.String()
}

// start starts the program and waits until its lanes see their inputs.
func (p *park) start() {
	p.t.Helper()
	p.cmd = exec.CommandContext(p.t.Context(), program, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	until(p.t, "the lanes", func() bool {
		s, err := state()
		return err == nil && len(s.Lanes) == 2 && s.Lanes[0].Safety == "free" && s.Lanes[1].Safety == "free"
	})
}

// online waits until the program may let walk-ins in: it has its allotment, and the
// mark that it journals when it is first sure of the time has come.
func (p *park) online() {
	p.t.Helper()
	p.cloud.Wait("the allotment", func(c *cloudtest.Cloud) bool { return len(c.Syncs) > 0 })
	p.cloud.Wait("the time", func(c *cloudtest.Cloud) bool {
		return slices.ContainsFunc(c.Applied, func(e wire.Event) bool { return e.Kind == wire.TimeMark })
	})
}

// report is what /state says, as far as the tests look at it.
type report struct {
	Lanes []struct {
		Arming string `json:"arming"`
		Safety string `json:"safety"`
	} `json:"lanes"`
}

func state() (s report, err error) {
	r, err := http.Get("http://" + address + "/state")
	if err != nil {
		return s, err
	}
	defer func() { _ = r.Body.Close() }()
	return s, json.NewDecoder(r.Body).Decode(&s)
}

// kill kills the program in the middle of whatever it does.
func (p *park) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

// stop ends the program as systemd does.
func (p *park) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the program ended with %v", err)
	}
	p.cmd = nil
}

// stored is what `openlot-edge inspect` says, as far as the tests look at it.
type stored struct {
	Clean    bool   `json:"ended_cleanly"`
	Sessions int    `json:"sessions"`
	LastSeq  uint64 `json:"last_seq"`
}

func (p *park) inspect() (s stored) {
	p.t.Helper()
	out, err := exec.CommandContext(p.t.Context(), program, "inspect", "--data-dir", p.data).Output()
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		p.t.Fatalf("inspect: %v\n%s", err, out)
	}
	return s
}

// to makes an input active or not, bouncing on the way as contacts do.
func (p *park) to(gate int, r role, active bool) {
	p.t.Helper()
	l := p.gates[gate].line(r)
	for i := range 21 {
		p.sim.pull(l.Offset, l.active() == gpio.Level(active == (i%2 == 0)))
		time.Sleep(500 * time.Microsecond)
	}
}

// arrive brings a car before a gate and waits until the agent has seen it.
func (p *park) arrive(gate int) {
	p.t.Helper()
	p.to(gate, arming, true)
	until(p.t, "the car to be seen", func() bool {
		s, err := state()
		return err == nil && s.Lanes[gate].Arming == "occupied"
	})
}

func (p *park) press(gate int) {
	p.t.Helper()
	p.to(gate, button, true)
	time.Sleep(80 * time.Millisecond)
	p.to(gate, button, false)
}

// drive moves the car at a gate under the arm and away.
func (p *park) drive(gate int) {
	p.t.Helper()
	for _, s := range []struct {
		r      role
		active bool
	}{{safety, true}, {arming, false}, {safety, false}} {
		p.to(gate, s.r, s.active)
		time.Sleep(250 * time.Millisecond)
	}
}

// pulses are what was asked of a gate's barrier since the last clearTrace.
func (p *park) pulses(gate int, r role) []pulse {
	p.t.Helper()
	l := p.gates[gate].line(r)
	return p.sim.pulses(l.Offset, l.active())
}

// atRest says whether no output carries a command.
func (p *park) atRest() bool {
	p.t.Helper()
	for _, g := range p.gates {
		for r := open; r < allRoles; r++ {
			if l := g.line(r); p.sim.value(l.Offset) == l.active() {
				return false
			}
		}
	}
	return true
}

// applied are the events of a kind that the cloud has.
func (p *park) applied(kind wire.EventKind) (out []wire.Event) {
	p.cloud.Look(func(c *cloudtest.Cloud) {
		out = slices.DeleteFunc(slices.Clone(c.Applied), func(e wire.Event) bool { return e.Kind != kind })
	})
	return out
}

// barrier is an arm with its operator, which sees the same safety loop, closes by
// itself behind a car and obeys its two inputs.
type barrier struct {
	sim  *sim
	gate Gate
	quit chan struct{}
	done chan struct{}

	mu    sync.Mutex
	up    bool
	stuck bool // up, whatever is asked
}

func newBarrier(s *sim, g Gate) *barrier {
	b := &barrier{sim: s, gate: g, quit: make(chan struct{}), done: make(chan struct{})}
	go b.run()
	return b
}

func (b *barrier) end() {
	close(b.quit)
	<-b.done
}

func (b *barrier) active(r role) bool {
	l := b.gate.line(r)
	return b.sim.value(l.Offset) == l.active()
}

func (b *barrier) run() {
	defer close(b.done)
	var left time.Time // when the last car left
	occupied := false
	for tick := time.NewTicker(2 * time.Millisecond); ; {
		select {
		case <-b.quit:
			tick.Stop()
			return
		case <-tick.C:
		}
		now := b.active(safety)
		if occupied && !now {
			left = time.Now()
		}
		occupied = now
		b.mu.Lock()
		switch {
		case !b.up && b.active(open):
			b.move(true)
			left = time.Time{}
		case b.up && !b.stuck && !occupied && (b.active(closing) || !left.IsZero() && time.Since(left) > operatorClosesIn):
			b.move(false)
		}
		b.mu.Unlock()
	}
}

// move moves the arm and its limit switches.
func (b *barrier) move(up bool) {
	set := func(r role, active bool) {
		l := b.gate.line(r)
		b.sim.pull(l.Offset, l.active() == gpio.Level(active))
	}
	set(armOpen, false)
	set(armClosed, false)
	time.Sleep(operatorMoves)
	if up {
		set(armOpen, true)
	} else {
		set(armClosed, true)
	}
	b.up = up
}

func (b *barrier) isUp() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.up
}

// jam keeps the arm up.
func (b *barrier) jam(stuck bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stuck = stuck
}

// lower brings the arm down by hand.
func (b *barrier) lower() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up {
		b.move(false)
	}
}
