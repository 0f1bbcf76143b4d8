//go:build hardware

package gpio

import (
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/protocol/wire"
)

func eachPark(t *testing.T, test func(t *testing.T, p *park)) {
	eachDriver(t, parkLines, func(t *testing.T, d Driver, s *sim) { test(t, newPark(t, d, s)) })
}

// A walk-in comes and goes, through the real program, over real lines that
// bounce: each operation of a contact is one event and each authorisation one
// pulse.
func TestACarComesAndGoesOverRealLines(t *testing.T) {
	eachPark(t, func(t *testing.T, p *park) {
		p.start()
		p.online()
		if got := p.sim.trace(); !p.atRest() || slices.ContainsFunc([]role{open, closing, green, red}, func(r role) bool {
			return len(p.pulses(entryGate, r))+len(p.pulses(exitGate, r)) > 0
		}) {
			t.Errorf("an output moved at the start: %+v", got)
		}

		p.arrive(entryGate)
		p.press(entryGate)
		until(t, "the arm", p.barriers[entryGate].isUp)
		p.drive(entryGate)
		until(t, "the entry in the journal", func() bool { return len(p.applied(wire.Entered)) == 1 })
		until(t, "the arm down", func() bool { return !p.barriers[entryGate].isUp() })

		p.arrive(entryGate) // the only unit is taken
		p.press(entryGate)
		until(t, "the refusal", func() bool { return len(p.applied(wire.Refused)) == 1 })
		until(t, "the red lamp", func() bool { return len(p.pulses(entryGate, red)) == 1 })
		p.to(entryGate, arming, false)

		p.arrive(exitGate)
		p.press(exitGate)
		until(t, "the arm", p.barriers[exitGate].isUp)
		p.drive(exitGate)
		until(t, "the exit in the journal", func() bool { return len(p.applied(wire.Exited)) == 1 })
		until(t, "the arm down", func() bool { return !p.barriers[exitGate].isUp() })

		for gate := range p.gates {
			got := p.pulses(gate, open)
			if len(got) != 1 || got[0].to-got[0].from < MinPulse || got[0].to-got[0].from > MaxPulse {
				t.Errorf("gate %d: open pulses %+v", gate, got)
			}
			if got := p.pulses(gate, closing); len(got) != 0 {
				t.Errorf("gate %d: close pulses %+v though the operator closes by itself", gate, got)
			}
		}
		for kind, n := range map[wire.EventKind]int{wire.Admitted: 1, wire.Released: 1, wire.Entered: 1, wire.Exited: 1, wire.Refused: 1, wire.BackedOut: 0, wire.LaneFault: 0} {
			if got := p.applied(kind); len(got) != n {
				t.Errorf("%d events %v, want %d: %+v", len(got), kind, n, got)
			}
		}
		if in, out := p.applied(wire.Entered)[0], p.applied(wire.Exited)[0]; in.Inferred || out.Inferred || in.Session != out.Session {
			t.Errorf("in %+v, out %+v", in, out)
		}

		p.stop()
		if got := p.inspect(); !got.Clean || got.Sessions != 0 || got.LastSeq < 6 {
			t.Errorf("what is stored: %+v", got)
		}
		if !p.atRest() {
			t.Error("an output outlives the program")
		}
	})
}

// Without any network, and from the first start on: nobody comes in, and
// everybody out.
func TestNobodyIsKeptInWithoutANetwork(t *testing.T) {
	eachPark(t, func(t *testing.T, p *park) {
		for i, a := range p.args {
			if a == "--mqtt" {
				p.args[i+1] = "tcp://127.0.0.1:1"
			}
		}
		p.start()
		p.arrive(entryGate)
		p.press(entryGate)
		until(t, "the red lamp", func() bool { return len(p.pulses(entryGate, red)) == 1 })
		p.arrive(exitGate)
		p.press(exitGate)
		until(t, "the arm", p.barriers[exitGate].isUp)
		p.drive(exitGate)
		until(t, "the arm down", func() bool { return !p.barriers[exitGate].isUp() })
		p.stop()
		if got := len(p.pulses(entryGate, open)); got != 0 {
			t.Errorf("%d pulses at the entry", got)
		}
		if got := p.inspect(); !got.Clean || got.Sessions != 0 || got.LastSeq < 4 { // started, refused, released, exited
			t.Errorf("what is stored: %+v", got)
		}
	})
}

// The program is killed at any moment between a press and the end of the pulse.
// Every pulse has its decision in the journal, no command outlives the program,
// and none comes from its start.
func TestKilledAtABadMoment(t *testing.T) {
	eachPark(t, func(t *testing.T, p *park) {
		const lives = 14
		withPulse := 0
		for life := range lives {
			p.start()
			before := len(p.pulses(exitGate, open))
			p.arrive(exitGate)
			time.Sleep(150 * time.Millisecond)
			p.to(exitGate, button, true)
			time.Sleep(time.Duration(life) * 25 * time.Millisecond)
			p.kill()
			if !p.atRest() {
				t.Errorf("life %d: a command outlives the program", life)
			}
			after := len(p.pulses(exitGate, open))
			if after > before+1 {
				t.Errorf("life %d: %d pulses for one press", life, after-before)
			}
			withPulse += after - before
			p.to(exitGate, button, false)
			p.to(exitGate, arming, false)
			time.Sleep(2 * operatorMoves)
			p.barriers[exitGate].lower()
			if got := len(p.pulses(exitGate, open)); got != after || !p.atRest() {
				t.Errorf("life %d: a pulse without a program", life)
			}
		}
		p.start()
		time.Sleep(2 * time.Second)
		if got := len(p.pulses(exitGate, open)); got != withPulse {
			t.Errorf("%d pulses in the end, %d before", got, withPulse)
		}
		if withPulse < 3 || withPulse == lives {
			t.Errorf("%d of %d lives came to a pulse: the moments are badly chosen", withPulse, lives)
		}
		until(t, "the end of every release", func() bool {
			return len(p.applied(wire.Started)) == lives+1 && len(p.applied(wire.Released)) == len(p.applied(wire.Exited))+len(p.applied(wire.BackedOut))
		})
		if got := len(p.applied(wire.Released)); got < withPulse {
			t.Errorf("%d pulses, and %d decisions in the journal", withPulse, got)
		}
		for gate := range p.gates {
			if n := len(p.pulses(gate, closing)) + len(p.pulses(entryGate, open)); n != 0 {
				t.Errorf("gate %d: %d commands that nobody asked for", gate, n)
			}
		}
		p.stop()
	})
}

// An arm that stays up is asked to close; not over a loop whose wire is cut. A
// program that is killed while it asks leaves no command.
func TestAnArmThatStaysUp(t *testing.T) {
	eachPark(t, func(t *testing.T, p *park) {
		p.start()
		for _, gate := range []int{exitGate, entryGate} {
			p.barriers[gate].jam(true)
		}
		p.online()
		p.arrive(exitGate)
		p.press(exitGate)
		until(t, "the arm", p.barriers[exitGate].isUp)
		p.drive(exitGate)
		until(t, "the exit in the journal", func() bool { return len(p.applied(wire.Exited)) == 1 })
		p.to(exitGate, safety, true) // the wire is cut

		p.arrive(entryGate)
		p.press(entryGate)
		until(t, "the arm", p.barriers[entryGate].isUp)
		p.drive(entryGate)
		until(t, "a close", func() bool { return p.barriers[entryGate].active(closing) })
		p.kill()
		if !p.atRest() {
			t.Error("the close outlives the program")
		}
		if got := p.pulses(exitGate, closing); len(got) != 0 {
			t.Errorf("a close over a loop that is not known to be free: %+v", got)
		}
		if got := p.pulses(entryGate, closing); len(got) != 1 {
			t.Errorf("close pulses %+v", got)
		}
	})
}
