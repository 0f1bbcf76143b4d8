//go:build hardware

package gpio

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/lane"
)

// eachDriver runs a test with both drivers on chips of their own.
func eachDriver(t *testing.T, lines int, test func(t *testing.T, d Driver, s *sim)) {
	for _, d := range []Driver{Cdev, Periph} {
		t.Run(string(d), func(t *testing.T) { test(t, d, simFor(t, d, lines)) })
	}
}

// periph looks for chips once in a process: its chip is there from then on, and
// the tests share it.
var periphSim = sync.OnceValue(func() *sim { return newSim(&testing.T{}, "periph-lane", 24) })

func simFor(t *testing.T, d Driver, lines int) *sim {
	if d == Cdev {
		return newSim(t, "cdev-lane", lines)
	}
	shared := *periphSim()
	shared.t = t
	for i := range 24 {
		shared.pull(i, gpio.Low)
	}
	shared.clearTrace()
	return &shared
}

// laneOn is a gate on a simulated chip, wired as wired but without the kernel's
// pulls: the simulation takes them for the world's.
func laneOn(s *sim, first int) Gate {
	line := func(n int, low bool) *Line { return &Line{Chip: s.label, Offset: first + n, ActiveLow: low} }
	return Gate{
		Arming: line(0, false), Safety: line(1, false), ArmOpen: line(2, true), ArmClosed: line(3, true), Fire: line(4, false), Stop: line(5, false), Button: line(6, true),
		Open: line(7, true), Close: line(8, false), Green: line(9, false), Red: line(10, true), Far: line(11, false),
	}
}

// laneLines is how many lines laneOn takes.
const laneLines = 12

// atRestOn pulls all lines to where they are inactive, the arm being down.
func atRestOn(s *sim, g Gate) {
	for r := range allRoles {
		l := g.line(r)
		s.pull(l.Offset, !l.active())
	}
	s.pull(g.ArmClosed.Offset, g.ArmClosed.active())
}

// running is a device that runs on a kernel's chip.
type running struct {
	device.Gates
	t    *testing.T
	sim  *sim
	gate Gate
	ran  chan error
	stop context.CancelFunc

	mu     sync.Mutex
	events []device.Event
}

func runOn(t *testing.T, d Driver, s *sim, g Gate) *running {
	t.Helper()
	gates, err := Connect(d, map[int]Gate{0: g}, slog.New(slog.DiscardHandler))(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Gates: gates, t: t, sim: s, gate: g, ran: make(chan error, 1), stop: cancel}
	go func() {
		r.ran <- gates.Run(ctx, func(e device.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		})
	}()
	t.Cleanup(r.end)
	return r
}

// end stops the device, once.
func (r *running) end() {
	r.stop()
	if err, running := <-r.ran; running {
		if err != nil {
			r.t.Errorf("run: %v", err)
		}
		close(r.ran)
	}
}

func (r *running) set(role role, active bool) {
	r.t.Helper()
	l := r.gate.line(role)
	r.sim.pull(l.Offset, l.active() == gpio.Level(active))
}

func (r *running) is(role role) bool {
	r.t.Helper()
	l := r.gate.line(role)
	return r.sim.value(l.Offset) == l.active()
}

func (r *running) settled() lane.Inputs {
	r.t.Helper()
	in, err := r.Inputs(r.t.Context(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return in
}

func (r *running) take() []device.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

func TestNothingMovesAtTheStart(t *testing.T) {
	eachDriver(t, laneLines, func(t *testing.T, d Driver, s *sim) {
		g := laneOn(s, 0)
		atRestOn(s, g)
		s.clearTrace()
		r := runOn(t, d, s, g)
		if in := r.settled(); in != atRest {
			t.Errorf("levels %+v", in)
		}
		for role := open; role < allRoles; role++ {
			l := g.line(role)
			if got := s.pulses(l.Offset, l.active()); len(got) != 0 || r.is(role) {
				t.Errorf("%s moved: %+v", role, s.of(l.Offset))
			}
		}

		if err := r.Open(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if !r.is(open) {
			t.Error("open is not on the line")
		}
		until(t, "the end of the pulse", func() bool { return !r.is(open) })
		got := s.pulses(g.Open.Offset, g.Open.active())
		if len(got) != 1 {
			t.Fatalf("pulses %+v of %+v", got, s.of(g.Open.Offset))
		}
		if d := got[0].to - got[0].from; d < MinPulse || d > MaxPulse {
			t.Errorf("a pulse of %v", d)
		}

		time.Sleep(Gap)
		if err := r.Close(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if !r.is(closing) {
			t.Error("close is not on the line")
		}
		r.end() // in the middle of the pulse
		if r.is(closing) {
			t.Error("close outlives the device")
		}
		if err := r.Open(t.Context(), 0); !errors.Is(err, device.ErrNotAsked) {
			t.Errorf("open after the end: %v", err)
		}
	})
}

// Twenty bounces and a level, half a millisecond apart, are one event; so they are
// with a press.
func TestAStormOnARealLineIsOneEvent(t *testing.T) {
	eachDriver(t, laneLines, func(t *testing.T, d Driver, s *sim) {
		g := laneOn(s, 0)
		atRestOn(s, g)
		r := runOn(t, d, s, g)
		until(t, "the first levels", func() bool { e := r.take(); return len(e) > 0 && e[len(e)-1].Inputs == atRest })
		before := len(r.take())
		storm := func(role role, end bool) {
			for i := range 20 {
				r.set(role, i%2 == 0)
				time.Sleep(500 * time.Microsecond)
			}
			r.set(role, end)
			time.Sleep(300 * time.Millisecond)
		}
		for _, role := range []role{arming, safety, button} {
			storm(role, true)
		}
		got := r.take()[before:]
		if len(got) != 3 || got[0].Inputs.Arming != lane.On || got[0].Inputs.Safety != lane.Off || got[1].Inputs.Safety != lane.On || got[2].Kind != device.Pressed {
			t.Errorf("events %+v", got)
		}
		storm(fire, false)
		if more := r.take()[before+len(got):]; len(more) != 0 {
			t.Errorf("events of nothing lasting: %+v", more)
		}
	})
}

// More edges than the kernel keeps, faster than anybody reads.
func TestTheLevelIsRightAfterAFlood(t *testing.T) {
	eachDriver(t, laneLines, func(t *testing.T, d Driver, s *sim) {
		g := laneOn(s, 0)
		atRestOn(s, g)
		r := runOn(t, d, s, g)
		r.settled()
		for round := range 10 {
			last := round%2 == 0
			for i := range 101 {
				r.set(safety, i%2 == 0 == last)
				r.set(arming, i%2 == 0 == last)
			}
			want := lane.Off
			if last {
				want = lane.On
			}
			until(t, "the levels after a flood", func() bool { in := r.settled(); return in.Safety == want && in.Arming == want })
		}
	})
}

// A vehicle, a cut wire, a stuck or a fluttering line: no close reaches the line,
// and one that is on goes off.
func TestNoCloseOnAVehicleOnARealLine(t *testing.T) {
	eachDriver(t, laneLines, func(t *testing.T, d Driver, s *sim) {
		g := laneOn(s, 0)
		atRestOn(s, g)
		s.pull(g.ArmClosed.Offset, !g.ArmClosed.active()) // the arm is up
		r := runOn(t, d, s, g)
		r.settled()
		refused := func(what string) {
			t.Helper()
			if err := r.Close(t.Context(), 0); !errors.Is(err, ErrSafety) {
				t.Errorf("%s: %v", what, err)
			}
			if r.is(closing) {
				t.Errorf("%s: close is on the line", what)
			}
		}
		for _, role := range []role{safety, fire, stop} {
			r.set(role, true)
			refused(role.String() + " just now")
			time.Sleep(200 * time.Millisecond)
			refused(role.String() + " for a while")
			r.set(role, false)
			refused(role.String() + " gone just now")
			time.Sleep(200 * time.Millisecond)
		}
		flutters, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for on := true; ; on = !on {
				select {
				case <-flutters:
					return
				default:
					s.pull(g.Safety.Offset, gpio.Level(on))
					time.Sleep(5 * time.Millisecond)
				}
			}
		}()
		for range 50 {
			time.Sleep(20 * time.Millisecond)
			refused("fluttering")
		}
		close(flutters)
		<-done
		if got := s.pulses(g.Close.Offset, g.Close.active()); len(got) != 0 {
			t.Errorf("pulses %+v", got)
		}

		r.set(safety, false)
		until(t, "a close that is taken", func() bool { return r.Close(t.Context(), 0) == nil })
		if !r.is(closing) {
			t.Error("close is not on the line")
		}
		r.set(safety, true)
		began := time.Now()
		until(t, "the end of the close", func() bool { return !r.is(closing) })
		if d := time.Since(began); d > 150*time.Millisecond {
			t.Errorf("dropped after %v", d)
		}
	})
}

// A pulled-up line whose wire is cut reads as active.
func TestACutWireIsActive(t *testing.T) {
	eachDriver(t, laneLines, func(t *testing.T, d Driver, s *sim) {
		g := laneOn(s, 0)
		atRestOn(s, g)
		g.Safety.Pull, g.Fire.Pull = PullUp, PullUp // what the simulation does then is what a pull does alone
		r := runOn(t, d, s, g)
		if in := r.settled(); in.Safety != lane.On || in.Fire != lane.On {
			t.Errorf("levels %+v", in)
		}
	})
}

func TestALineHasOneOwner(t *testing.T) {
	eachDriver(t, laneLines, func(t *testing.T, d Driver, s *sim) {
		g := laneOn(s, 0)
		atRestOn(s, g)
		other, err := gpiocdev.RequestLine(chipOf(t, s), g.Red.Offset, gpiocdev.AsInput)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Connect(d, map[int]Gate{0: g}, slog.New(slog.DiscardHandler))(t.Context()); err == nil || !strings.Contains(err.Error(), "red") || !strings.Contains(err.Error(), unix.EBUSY.Error()) {
			t.Errorf("a line that is taken: %v", err)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		r := runOn(t, d, s, g) // nothing was left behind
		r.settled()
		chips, err := Chips()
		if err != nil {
			t.Fatal(err)
		}
		c, err := choose(chips, s.label)
		if err != nil || !c.Lines[g.Open.Offset].Used || c.Lines[g.Safety.Offset].Output || c.Lines[3].Name != "L3" {
			t.Errorf("what is listed: %+v %v", c, err)
		}
	})
}

func chipOf(t *testing.T, s *sim) string {
	t.Helper()
	name, _, err := find(Line{Chip: s.label})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// What go-gpiocdev's lines are as periph's pins.
func TestCdevPinsKeepPeriphsPromises(t *testing.T) {
	s := newSim(t, "pins", 2)
	take := func(offset int) *cdevPin {
		p, err := newCdevPin(Line{Chip: "pins", Offset: offset})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	out := take(0)
	s.pull(0, gpio.High)
	s.clearTrace()
	if err := out.Out(gpio.High); err != nil {
		t.Fatal(err)
	}
	if out.Read() != gpio.High || out.Function() != "OUT" || out.Number() != 0 {
		t.Errorf("an output: %v %s", out.Read(), out.Function())
	}
	for _, e := range s.of(0) {
		if e.what == "0" || e.what == "in" {
			t.Errorf("the line was driven low or released: %+v", s.of(0))
		}
	}

	in := take(1)
	if err := in.In(gpio.Float, gpio.BothEdges); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if in.WaitForEdge(30*time.Millisecond) || time.Since(began) < 30*time.Millisecond {
		t.Errorf("a timeout of 30 ms took %v", time.Since(began))
	}
	seen := make(chan bool)
	go func() { seen <- in.WaitForEdge(-1) }()
	select {
	case got := <-seen:
		t.Fatalf("waiting for ever ended with %v", got)
	case <-time.After(100 * time.Millisecond):
	}
	s.pull(1, gpio.High)
	if !<-seen || in.Read() != gpio.High {
		t.Error("the edge was not seen")
	}
	if l, known := in.Edge(); l != gpio.High || !known {
		t.Errorf("the edge: %v %v", l, known)
	}
	go func() { seen <- in.WaitForEdge(-1) }()
	time.Sleep(10 * time.Millisecond)
	if err := in.Halt(); err != nil {
		t.Fatal(err)
	}
	if <-seen {
		t.Error("Halt is an edge")
	}
	s.pull(1, gpio.Low)
	time.Sleep(50 * time.Millisecond)
	if err := in.In(gpio.Float, gpio.BothEdges); err != nil { // forgets what was
		t.Fatal(err)
	}
	if in.WaitForEdge(30 * time.Millisecond) {
		t.Error("an edge from before In")
	}
}
