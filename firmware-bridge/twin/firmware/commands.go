package firmware

import (
	"time"

	"github.com/openlot/openlot/firmware-bridge/board"
	"github.com/openlot/openlot/firmware-bridge/smp"
)

// execute carries one new request out: its answer, or a refusal code other
// than 0, in which case nothing was done.
func (b *Board) execute(now time.Duration, p smp.Packet) ([]byte, uint16) {
	switch {
	case p.ID == board.CmdHello && p.Op == smp.Write:
		var m board.HelloRequest
		if board.Decode(p.Payload, &m) != nil || m.Session == 0 {
			return nil, board.RefuseMalformed
		}
		if m.Session != b.session {
			b.session, b.done = m.Session, nil
		}
		return b.hello(now)
	case p.ID == board.CmdHello:
		return b.hello(now)
	case p.ID == board.CmdSetOutput && p.Op == smp.Write:
		var m board.SetOutput
		if board.Decode(p.Payload, &m) != nil {
			return nil, board.RefuseMalformed
		}
		return nil, b.setOutput(now, m)
	case p.ID == board.CmdGetInputs && p.Op == smp.Read:
		var m board.GetInputs
		if board.Decode(p.Payload, &m) != nil {
			return nil, board.RefuseMalformed
		}
		if m.Gate < 0 || m.Gate >= len(b.gates) {
			return nil, board.RefuseNoSuch
		}
		return encoded(board.InputsResponse(b.gates[m.Gate].inputs))
	case p.ID == board.CmdPresent && p.Op == smp.Write:
		var m board.Present
		if board.Decode(p.Payload, &m) != nil {
			return nil, board.RefuseMalformed
		}
		return nil, b.present(m)
	default:
		return nil, board.RefuseCommand
	}
}

func encoded(message any) ([]byte, uint16) {
	payload, err := board.Encode(message)
	if err != nil {
		return nil, board.RefuseMalformed
	}
	return payload, 0
}

func (b *Board) hello(now time.Duration) ([]byte, uint16) {
	return encoded(board.HelloResponse{
		Session: b.session, ID: b.cfg.ID, Firmware: b.cfg.Version, Gates: len(b.gates), Boot: b.boot,
		Oldest: b.oldest(), UptimeUs: uint64((now - b.started).Microseconds()),
	})
}

func (b *Board) setOutput(now time.Duration, m board.SetOutput) uint16 {
	if m.Boot != b.boot {
		return board.RefuseOtherBoot
	}
	if m.Gate < 0 || m.Gate >= len(b.gates) || m.Output >= board.Outputs {
		return board.RefuseNoSuch
	}
	g := &b.gates[m.Gate]
	if !m.On {
		if g.outputs[m.Output].on {
			b.off(m.Gate, m.Output)
		}
		return 0
	}
	lease := time.Duration(m.LeaseMs) * time.Millisecond
	if m.Pulse && (lease < board.MinPulse || lease > board.MaxPulse) ||
		!m.Pulse && (lease < board.MinLease || lease > board.MaxLease || m.Output == board.Close) {
		return board.RefuseRange
	}
	if m.Output == board.Close && g.outputs[board.Open].on {
		return board.RefuseInterlocked
	}
	if m.Output == board.Close && !g.inputs.Clear(board.Safety) {
		return board.RefuseSafety
	}
	if m.Output == board.Open && g.outputs[board.Close].on {
		b.off(m.Gate, board.Close) // opening outranks closing
	}
	if m.Pulse {
		lease = time.Duration(float64(lease) / b.cfg.PulseScale)
	}
	before := g.outputs[m.Output]
	g.outputs[m.Output] = output{on: true, pulse: m.Pulse, until: now + lease}
	if m.Pulse || !before.on || before.pulse { // else a lease was renewed, which commands nothing new
		b.effects = append(b.effects, Effect{Kind: SwitchedOn, Gate: m.Gate, Output: m.Output})
	}
	return 0
}

func (b *Board) present(m board.Present) uint16 {
	switch {
	case m.Boot != b.boot:
		return board.RefuseOtherBoot
	case m.Gate < 0 || m.Gate >= len(b.gates):
		return board.RefuseNoSuch
	case len(m.Text) > board.MaxText || len(m.Ticket) > board.MaxCredential:
		return board.RefuseRange
	}
	b.effects = append(b.effects, Effect{Kind: Presented, Gate: m.Gate, Text: m.Text, Ticket: m.Ticket})
	return 0
}
