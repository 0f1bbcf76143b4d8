package firmware

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/firmware-bridge/board"
	"github.com/openlot/openlot/firmware-bridge/smp"
)

const (
	known = board.Arming | board.Safety | board.ArmOpen | board.ArmClosed | board.Fire | board.Button
	boot1 = 0x1111
	boot2 = 0x2222
)

// host is a test's end of the line.
type host struct {
	t interface {
		Fatalf(string, ...any)
		Helper()
	}
	b   *Board
	now time.Duration
	seq uint8
}

func newHost(t interface {
	Fatalf(string, ...any)
	Helper()
}, gates int,
) *host {
	in := make([]board.Inputs, gates)
	for i := range in {
		in[i] = board.Inputs{Valid: known}
	}
	h := &host{t: t, b: New(Config{ID: "b", Version: "v", PulseScale: 1}, boot1, 0, in)}
	h.b.Take()
	return h
}

// call sends a request and returns its refusal code, 0 for none.
func (h *host) call(id uint8, op smp.Op, m any) uint16 {
	h.seq++
	return h.repeat(id, op, m)
}

// repeat sends a request with the sequence number of the one before.
func (h *host) repeat(id uint8, op smp.Op, m any) uint16 {
	h.t.Helper()
	payload, err := board.Encode(m)
	if err != nil {
		h.t.Fatalf("%v", err)
	}
	h.b.Receive(h.now, smp.Packet{Op: op, Group: board.Group, Seq: h.seq, ID: id, Payload: payload})
	out, _ := h.b.Take()
	for _, p := range out {
		if p.IsResponse() && p.Seq == h.seq && p.ID == id {
			var r board.Refusal
			if len(p.Payload) > 0 {
				if err := board.Decode(p.Payload, &r); err != nil {
					h.t.Fatalf("%v", err)
				}
			}
			return r.Err.Code
		}
	}
	h.t.Fatalf("command %d was not answered", id)
	return 0
}

func (h *host) set(boot uint32, gate int, o board.Output, on bool, lease time.Duration, pulse bool) uint16 {
	h.t.Helper()
	return h.call(board.CmdSetOutput, smp.Write, board.SetOutput{Boot: boot, Gate: gate, Output: o, On: on, LeaseMs: uint32(lease.Milliseconds()), Pulse: pulse})
}

func (h *host) on(o board.Output) bool {
	on, _ := h.b.Output(0, o)
	return on
}

func TestSetOutputRefusals(t *testing.T) {
	pulse := 500 * time.Millisecond
	for _, tt := range []struct {
		name  string
		boot  uint32
		gate  int
		out   board.Output
		lease time.Duration
		pulse bool
		want  uint16
	}{
		{"pulse", boot1, 0, board.Open, pulse, true, 0},
		{"held", boot1, 0, board.Red, 5 * time.Second, false, 0},
		{"close", boot1, 0, board.Close, pulse, true, 0},
		{"another boot", boot2, 0, board.Open, pulse, true, board.RefuseOtherBoot},
		{"no such gate", boot1, 1, board.Open, pulse, true, board.RefuseNoSuch},
		{"negative gate", boot1, -1, board.Open, pulse, true, board.RefuseNoSuch},
		{"no such output", boot1, 0, board.Outputs, pulse, true, board.RefuseNoSuch},
		{"pulse too short", boot1, 0, board.Open, 299 * time.Millisecond, true, board.RefuseRange},
		{"pulse too long", boot1, 0, board.Open, 1001 * time.Millisecond, true, board.RefuseRange},
		{"lease too long", boot1, 0, board.Open, 11 * time.Second, false, board.RefuseRange},
		{"close held", boot1, 0, board.Close, pulse, false, board.RefuseRange},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t, 1)
			if got := h.set(tt.boot, tt.gate, tt.out, true, tt.lease, tt.pulse); got != tt.want {
				t.Errorf("refusal code %d, want %d", got, tt.want)
			}
			for o := range board.Output(board.Outputs) {
				if on := h.on(o); on != (tt.want == 0 && o == tt.out) {
					t.Errorf("%v is on: %v", o, on)
				}
			}
		})
	}
}

func TestMalformedChangesNothing(t *testing.T) {
	h := newHost(t, 1)
	for _, p := range []smp.Packet{
		{Op: smp.Write, Group: board.Group, ID: board.CmdSetOutput},
		{Op: smp.Write, Group: board.Group, ID: board.CmdSetOutput, Payload: []byte{0xa1, 0x61, 'g', 0x61, 'x'}},
		{Op: smp.Write, Group: board.Group, ID: 99},
		{Op: smp.Read, Group: board.Group, ID: board.CmdPresent},
		{Op: smp.Write, Group: board.Group, ID: board.CmdHello},
	} {
		h.b.Receive(0, p)
		out, effects := h.b.Take()
		if len(effects) != 0 || len(out) != 1 || !out[0].IsResponse() {
			t.Errorf("%+v brought about %+v and %+v", p, out, effects)
			continue
		}
		var r board.Refusal
		if err := board.Decode(out[0].Payload, &r); err != nil || r.Err.Code == 0 {
			t.Errorf("%+v was answered with %x", p, out[0].Payload)
		}
	}
	h.b.Receive(0, smp.Packet{Op: smp.Write, Group: 1, ID: 5})
	if out, _ := h.b.Take(); len(out) != 0 {
		t.Error("another group's packet was answered")
	}
}

func TestLeaseEndsByItself(t *testing.T) {
	h := newHost(t, 1)
	h.set(boot1, 0, board.Open, true, time.Second, false)
	h.now = 900 * time.Millisecond
	h.set(boot1, 0, board.Open, true, time.Second, false) // renewed
	h.b.Tick(1899 * time.Millisecond)
	if !h.on(board.Open) {
		t.Fatal("dropped before its lease ended")
	}
	h.b.Tick(1900 * time.Millisecond)
	if h.on(board.Open) {
		t.Error("still on after its lease")
	}
}

func TestCloseYieldsToTheSafetyLoop(t *testing.T) {
	for name, in := range map[string]board.Inputs{
		"occupied": {Active: board.Safety, Valid: known},
		"unknown":  {Valid: known &^ board.Safety},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, 1)
			h.set(boot1, 0, board.Close, true, time.Second, true)
			h.b.SetInputs(0, 0, in)
			if h.on(board.Close) {
				t.Error("close stays on")
			}
			if got := h.set(boot1, 0, board.Close, true, time.Second, true); got != board.RefuseSafety {
				t.Errorf("refusal code %d, want %d", got, board.RefuseSafety)
			}
		})
	}
}

func TestOpenOutranksClose(t *testing.T) {
	h := newHost(t, 1)
	h.set(boot1, 0, board.Close, true, time.Second, true)
	if got := h.set(boot1, 0, board.Open, true, time.Second, true); got != 0 || h.on(board.Close) || !h.on(board.Open) {
		t.Errorf("code %d, close %v, open %v", got, h.on(board.Close), h.on(board.Open))
	}
	if got := h.set(boot1, 0, board.Close, true, time.Second, true); got != board.RefuseInterlocked {
		t.Errorf("refusal code %d, want %d", got, board.RefuseInterlocked)
	}
}

func TestRepeatedRequestIsCarriedOutOnce(t *testing.T) {
	h := newHost(t, 1)
	m := board.SetOutput{Boot: boot1, Output: board.Open, On: true, LeaseMs: 500, Pulse: true}
	h.call(board.CmdSetOutput, smp.Write, m)
	h.b.Tick(500 * time.Millisecond)
	h.now = 600 * time.Millisecond
	if got := h.repeat(board.CmdSetOutput, smp.Write, m); got != 0 {
		t.Fatalf("refusal code %d", got)
	}
	if h.on(board.Open) {
		t.Error("the repetition opened again")
	}
	h.call(board.CmdHello, smp.Write, board.HelloRequest{Session: 7}) // another agent may use any number
	h.seq--
	h.repeat(board.CmdSetOutput, smp.Write, m)
	if !h.on(board.Open) {
		t.Error("a new session's command was taken for the old one's")
	}
}

func TestResetReleasesAndForgets(t *testing.T) {
	h := newHost(t, 1)
	m := board.SetOutput{Boot: boot1, Output: board.Open, On: true, LeaseMs: 5000}
	h.call(board.CmdSetOutput, smp.Write, m)
	h.b.Reset(boot2, time.Second, []board.Inputs{{Valid: known}})
	out, _ := h.b.Take()
	restarted := out[0] // the slice is the board's again with the next call
	if h.on(board.Open) {
		t.Error("open is on after a reset")
	}
	if h.repeat(board.CmdSetOutput, smp.Write, m) != board.RefuseOtherBoot || h.on(board.Open) {
		t.Error("a command for the boot before was carried out")
	}
	var first board.EventMessage
	if err := board.Decode(restarted.Payload, &first); err != nil || first.Kind != board.Restarted || first.Seq != 1 || first.Boot != boot2 {
		t.Errorf("the first event is %+v, %v", first, err)
	}
}

// Any commands, levels, losses and pauses: the interlock holds, no output
// outlives its lease, and a host that takes events by the book gets all of them
// in order, or is told that some were lost.
func TestRandomWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost(t, 1)
		in := board.Inputs{Valid: known}
		var until [board.Outputs]time.Duration
		emitted, next, lostTold := uint32(2), uint32(1), false // restarted, inputs
		shown := 0
		take := func(deliver bool) {
			out, _ := h.b.Take()
			for _, p := range out {
				if p.ID != board.CmdEvent || !deliver {
					continue
				}
				var e board.EventMessage
				if err := board.Decode(p.Payload, &e); err != nil {
					t.Fatalf("%v", err)
				}
				if e.Oldest > next {
					next = e.Oldest
				}
				if e.Seq != next {
					continue
				}
				next++
				lostTold = lostTold || e.Kind == board.Fault && e.Fault == "events_lost"
				payload, _ := board.Encode(board.Ack{Boot: boot1, Seq: e.Seq})
				h.b.Receive(h.now, smp.Packet{Op: smp.Write, Group: board.Group, ID: board.CmdAck, Payload: payload})
			}
		}
		listening := true
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			h.now += time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Millisecond
			h.b.Tick(h.now)
			take(listening)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				o := board.Output(rapid.IntRange(0, board.Outputs-1).Draw(t, "output"))
				lease := time.Duration(rapid.IntRange(100, 2000).Draw(t, "lease")) * time.Millisecond
				if h.set(boot1, 0, o, true, lease, rapid.Bool().Draw(t, "pulse")) == 0 {
					until[o] = h.now + lease
				}
			case 2:
				was := in
				in.Active = board.Input(rapid.IntRange(0, int(known)).Draw(t, "levels")) & known
				in.Valid = known
				if rapid.Bool().Draw(t, "safety unknown") {
					in.Valid &^= board.Safety
				}
				h.b.SetInputs(h.now, 0, in)
				if in != was {
					emitted++
				}
			case 3, 4:
				h.b.Read(h.now, 0, "c")
				emitted++
				shown++
			case 5:
				listening = rapid.Bool().Draw(t, "listening")
			}
			take(listening)
			if h.on(board.Open) && h.on(board.Close) {
				t.Fatalf("open and close together")
			}
			if h.on(board.Close) && !in.Clear(board.Safety) {
				t.Fatalf("close on an occupied or unknown loop")
			}
			for o := range board.Output(board.Outputs) {
				if h.on(o) && until[o] <= h.now {
					t.Fatalf("%v is on %v after its lease", o, h.now-until[o])
				}
			}
			if len(h.b.events) > heldEvents {
				t.Fatalf("%d events held", len(h.b.events))
			}
		}
		for i := 0; i < 200 && h.b.Wake() != Never; i++ {
			h.now = h.b.Wake()
			h.b.Tick(h.now)
			take(true)
		}
		if next != h.b.seq+1 {
			t.Fatalf("events up to %d arrived of %d", next-1, h.b.seq)
		}
		if h.b.seq > emitted && !lostTold {
			t.Fatalf("events were lost and nobody was told")
		}
		if h.b.Wake() != Never {
			t.Fatalf("the board does not come to rest")
		}
	})
}
