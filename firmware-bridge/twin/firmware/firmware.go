// Package firmware is the board's side of the lane I/O group: leases, interlock,
// events that are sent until acknowledged. Package board's comment is its
// specification.
//
// It is pure: a Board takes packets, levels and the time, and gives packets,
// effects and the time at which it wants to be woken. It has no goroutine, no
// clock and no port, so it can be reset in the middle of anything.
package firmware

import (
	"bytes"
	"math"
	"time"

	"github.com/openlot/openlot/firmware-bridge/board"
	"github.com/openlot/openlot/firmware-bridge/smp"
)

// Never is the wake-up of a board that waits for nothing.
const Never = time.Duration(math.MaxInt64)

const (
	remembered  = 32 // requests
	heldEvents  = 64
	firstResend = 100 * time.Millisecond
	lastResend  = time.Second
)

// Config is what a board is born with.
type Config struct {
	ID      string
	Version string
	// PulseScale divides the length of pulses. A pulse belongs to the
	// machinery, so it shrinks when a twin's machinery runs faster; the lease of
	// a held output belongs to the link and does not.
	PulseScale float64
}

// EffectKind says what a request brought about.
type EffectKind uint8

// The effects.
const (
	SwitchedOn EffectKind = iota // Output was commanded on: another pulse, or held from now on
	SwitchedOff
	Presented // Text and perhaps Ticket
)

// Effect is what a request or the passing of time did to a gate.
type Effect struct {
	Kind   EffectKind
	Gate   int
	Output board.Output
	Text   string
	Ticket string
}

type output struct {
	on    bool
	pulse bool
	until time.Duration
}

type gate struct {
	outputs [board.Outputs]output
	inputs  board.Inputs
}

// answered is a request that has been dealt with.
type answered struct {
	request  smp.Packet
	response smp.Packet
}

// Board is one boot after another of one board. It is for one goroutine.
type Board struct {
	cfg     Config
	boot    uint32
	started time.Duration
	gates   []gate

	session uint32 // 0 before the first hello (write) of this boot
	done    []answered

	events   []board.EventMessage // not acknowledged, oldest first
	seq      uint32               // of the newest event
	sent     int                  // how many of events are under way
	resendAt time.Duration
	resendIn time.Duration

	out     []smp.Packet
	effects []Effect
}

// New makes a board with a gate for each of inputs, and boots it.
func New(cfg Config, boot uint32, now time.Duration, inputs []board.Inputs) *Board {
	b := &Board{cfg: cfg}
	b.Reset(boot, now, inputs)
	return b
}

// Reset boots the board anew: everything it knew is gone, outputs are off. It
// reports no effects; whoever resets it knows that all outputs are released.
func (b *Board) Reset(boot uint32, now time.Duration, inputs []board.Inputs) {
	*b = Board{cfg: b.cfg, boot: boot, started: now, resendAt: Never, resendIn: firstResend}
	b.emit(now, board.EventMessage{Kind: board.Restarted})
	for i, in := range inputs {
		b.gates = append(b.gates, gate{inputs: in})
		b.emitInputs(now, i)
	}
}

// Boot is the number of the running boot.
func (b *Board) Boot() uint32 { return b.boot }

// Output says whether an output is on, and whether as a pulse.
func (b *Board) Output(gate int, o board.Output) (on, pulse bool) {
	s := b.gates[gate].outputs[o]
	return s.on, s.pulse
}

// Take returns the packets to send and the effects since the last Take. They
// are valid until the next call of any other method.
func (b *Board) Take() ([]smp.Packet, []Effect) {
	out, effects := b.out, b.effects
	b.out, b.effects = b.out[:0], b.effects[:0]
	return out, effects
}

// SetInputs tells the board its levels. A change is an event; an occupied or
// unknown safety loop drops close at once.
func (b *Board) SetInputs(now time.Duration, gate int, in board.Inputs) {
	g := &b.gates[gate]
	if g.inputs == in {
		return
	}
	g.inputs = in
	if g.outputs[board.Close].on && !in.Clear(board.Safety) {
		b.off(gate, board.Close)
	}
	b.emitInputs(now, gate)
}

// Read tells the board what was shown to a gate's reader.
func (b *Board) Read(now time.Duration, gate int, credential string) {
	b.emit(now, board.EventMessage{Kind: board.Credential, Gate: gate, Credential: credential})
}

// Wake is when the board has something to do by itself, or Never.
func (b *Board) Wake() time.Duration {
	at := b.resendAt
	for i := range b.gates {
		for _, o := range b.gates[i].outputs {
			if o.on {
				at = min(at, o.until)
			}
		}
	}
	return at
}

// Tick lets the board do what is due.
func (b *Board) Tick(now time.Duration) {
	for i := range b.gates {
		for o := range b.gates[i].outputs {
			if s := b.gates[i].outputs[o]; s.on && s.until <= now {
				b.off(i, board.Output(o))
			}
		}
	}
	if b.resendAt <= now {
		b.sent = 0
		b.resendIn = min(2*b.resendIn, lastResend)
		b.pump(now)
	}
}

func (b *Board) off(gate int, o board.Output) {
	b.gates[gate].outputs[o] = output{}
	b.effects = append(b.effects, Effect{Kind: SwitchedOff, Gate: gate, Output: o})
}

func (b *Board) emitInputs(now time.Duration, gate int) {
	in := b.gates[gate].inputs
	b.emit(now, board.EventMessage{Kind: board.InputsChanged, Gate: gate, Active: in.Active, Valid: in.Valid})
}

// emit queues an event and sends it if there is room on the way.
func (b *Board) emit(now time.Duration, m board.EventMessage) {
	b.push(now, m)
	if len(b.events) > heldEvents {
		// Two go, one comes: the fault takes the place of the second.
		b.forget(2)
		b.push(now, board.EventMessage{Kind: board.Fault, Gate: m.Gate, Fault: "events_lost"})
	}
	b.pump(now)
}

func (b *Board) push(now time.Duration, m board.EventMessage) {
	b.seq++
	m.Boot, m.Seq = b.boot, b.seq
	m.UptimeUs = uint64((now - b.started).Microseconds())
	b.events = append(b.events, m)
}

func (b *Board) forget(n int) {
	b.events = append(b.events[:0], b.events[n:]...)
	b.sent = max(0, b.sent-n)
}

// pump sends what may be sent.
func (b *Board) pump(now time.Duration) {
	for b.sent < min(len(b.events), board.EventWindow) {
		m := b.events[b.sent]
		m.Oldest = b.events[0].Seq
		payload, err := board.Encode(m)
		if err != nil { // a credential that is no UTF-8
			m.Credential = ""
			payload, _ = board.Encode(m)
		}
		b.out = append(b.out, smp.Packet{Op: smp.Write, Group: board.Group, Seq: uint8(m.Seq), ID: board.CmdEvent, Payload: payload})
		b.sent++
	}
	switch {
	case len(b.events) == 0:
		b.resendAt = Never
	case b.resendAt == Never || b.resendAt <= now:
		b.resendAt = now + b.resendIn
	}
}

func (b *Board) oldest() uint32 {
	if len(b.events) > 0 {
		return b.events[0].Seq
	}
	return b.seq + 1
}

// Receive deals with one packet from the host.
func (b *Board) Receive(now time.Duration, p smp.Packet) {
	if p.Group != board.Group || p.IsResponse() {
		return
	}
	if p.ID == board.CmdAck {
		b.acknowledge(now, p)
		return
	}
	if r, ok := b.again(p); ok {
		b.out = append(b.out, r)
		return
	}
	payload, refused := b.execute(now, p)
	if refused != 0 {
		payload, _ = board.Encode(board.Refusal{Err: board.RefusalCode{Group: board.Group, Code: refused}})
	}
	r := p.Response(payload)
	if p.Op == smp.Write {
		b.remember(p, r)
	}
	// The answer goes before the events that a hello sets free.
	b.out = append(b.out, r)
	if p.ID == board.CmdHello && p.Op == smp.Write && refused == 0 {
		b.sent, b.resendAt, b.resendIn = 0, Never, firstResend
		b.pump(now)
	}
}

func (b *Board) acknowledge(now time.Duration, p smp.Packet) {
	var a board.Ack
	if board.Decode(p.Payload, &a) != nil || a.Boot != b.boot || a.Seq > b.seq {
		return
	}
	n := 0
	for n < len(b.events) && b.events[n].Seq <= a.Seq {
		n++
	}
	if n == 0 {
		return
	}
	b.forget(n)
	b.resendAt, b.resendIn = Never, firstResend
	b.pump(now)
}

// again finds the answer to a request that has been dealt with.
func (b *Board) again(p smp.Packet) (smp.Packet, bool) {
	for _, a := range b.done {
		if q := a.request; q.Seq == p.Seq && q.ID == p.ID && q.Op == p.Op && bytes.Equal(q.Payload, p.Payload) {
			return a.response, true
		}
	}
	return smp.Packet{}, false
}

func (b *Board) remember(p, r smp.Packet) {
	if len(b.done) == remembered {
		b.done = append(b.done[:0], b.done[1:]...)
	}
	b.done = append(b.done, answered{p, r})
}
