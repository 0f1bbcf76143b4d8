package board

import (
	"fmt"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/openlot/openlot/protocol/fault"
)

// Group is the SMP group of lane I/O.
const Group = 64

// Commands of the group.
const (
	CmdHello     = 0
	CmdSetOutput = 1
	CmdGetInputs = 2
	CmdEvent     = 3
	CmdAck       = 4
	CmdPresent   = 5
)

// Limits on both sides.
const (
	MaxName       = 32  // bytes of a board's name or version
	MaxGates      = 16  // gates of one board
	MaxCredential = 700 // bytes of a credential or a ticket
	MaxText       = 120 // bytes of a text for the display
	EventWindow   = 8   // events sent and not yet acknowledged

	MinPulse = 300 * time.Millisecond
	MaxPulse = 1000 * time.Millisecond
	MinLease = 100 * time.Millisecond
	MaxLease = 10 * time.Second
)

// Refusal codes of the group, as they stand in "rc".
const (
	RefuseMalformed   = 2
	RefuseCommand     = 8
	RefuseNoSuch      = 10
	RefuseInterlocked = 11
	RefuseSafety      = 12
	RefuseOtherBoot   = 13
	RefuseRange       = 14
)

// What can go wrong with a command. A caller branches with errors.Is.
var (
	ErrLinkLost    = fault.New(fault.Unavailable, "board_link_lost", "The board does not answer. Check its cable and power.")
	ErrTimeout     = fault.New(fault.Unavailable, "board_timeout", "The board did not answer in time. Whether it carried the command out is not known.")
	ErrRestarted   = fault.New(fault.Conflict, "board_restarted", "The board has restarted; its outputs are released. Nothing was done.")
	ErrNoSuch      = fault.New(fault.NotFound, "board_no_such_gate", "The board has no such gate or output.")
	ErrInterlocked = fault.New(fault.Conflict, "board_interlocked", "The barrier is being told to open and cannot be told to close. Nothing was done.")
	ErrSafety      = fault.New(fault.Conflict, "board_safety_occupied", "The safety loop is occupied or not known. The barrier was not told to close.")
	ErrRange       = fault.New(fault.Invalid, "board_out_of_range", "The duration, text or ticket is outside what a board takes. Nothing was done.")
	ErrRefused     = fault.New(fault.Internal, "board_refused", "The board did not understand the command. Its firmware and this program do not fit each other.")
	ErrPortBusy    = fault.New(fault.Conflict, "serial_port_busy", "Another program is using this serial port.")
	ErrPortMissing = fault.New(fault.NotFound, "serial_port_missing", "There is no such serial port.")
)

// Info is what a board says about itself.
type Info struct {
	ID       string
	Firmware string
	Gates    int    // gates count from 0
	Boot     uint32 // random, another one after each start of the board
}

// Input is a set of a gate's inputs.
type Input uint16

// The inputs of a gate.
const (
	Arming    Input = 1 << iota // the loop in front of the barrier
	Safety                      // the loop under the arm
	ArmOpen                     // open limit
	ArmClosed                   // closed limit
	Fire                        // the fire alarm asks for an open gate
	Button                      // the walk-in's ticket button is held down

	allInputs = Button<<1 - 1
)

// String names the inputs in the set.
func (i Input) String() string {
	var names []string
	for n, name := range [...]string{"arming", "safety", "arm_open", "arm_closed", "fire", "button"} {
		if i&(1<<n) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, "+")
}

// Inputs are the levels of a gate's inputs. A bit that is not in Valid is
// unknown; treat it as occupied.
type Inputs struct {
	Active Input
	Valid  Input
}

// Has says that an input is known and active.
func (i Inputs) Has(in Input) bool { return i.Active&i.Valid&in == in }

// Clear says that an input is known and not active. Unknown is not clear.
func (i Inputs) Clear(in Input) bool { return i.Valid&in == in && i.Active&in == 0 }

// Output is one of a gate's outputs.
type Output uint8

// The outputs of a gate.
const (
	Open Output = iota
	Close
	Red
	Green

	// Outputs is their number.
	Outputs = 4
)

// String names the output.
func (o Output) String() string {
	if o < Outputs {
		return [...]string{"open", "close", "red", "green"}[o]
	}
	return fmt.Sprintf("output %d", uint8(o))
}

// EventKind says what an event is about.
type EventKind uint8

// The kinds of event.
const (
	InputsChanged EventKind = 1 // Inputs are the levels after the change
	Credential    EventKind = 2 // Credential is what was shown
	Fault         EventKind = 3 // Fault names it
	Restarted     EventKind = 4 // the board has started: outputs released, all that was before is void
)

// String names the kind.
func (k EventKind) String() string {
	switch k {
	case InputsChanged:
		return "inputs_changed"
	case Credential:
		return "credential"
	case Fault:
		return "fault"
	case Restarted:
		return "restarted"
	default:
		return fmt.Sprintf("event kind %d", uint8(k))
	}
}

// Event is something that happened at the board. Boot and Seq identify it.
type Event struct {
	Seq        uint32
	Boot       uint32
	Uptime     time.Duration // of the board, when it happened
	Gate       int           // -1 for Restarted, which concerns them all
	Kind       EventKind
	Inputs     Inputs // of InputsChanged
	Credential string // of Credential
	Fault      string // of Fault
}

// The messages of the group, field by field as in the package comment.
type (
	// HelloRequest begins a session.
	HelloRequest struct {
		Session uint32 `cbor:"n"`
	}
	// HelloResponse describes the board and the session it is in.
	HelloResponse struct {
		Session  uint32 `cbor:"n"`
		ID       string `cbor:"id"`
		Firmware string `cbor:"fw"`
		Gates    int    `cbor:"g"`
		Boot     uint32 `cbor:"b"`
		Oldest   uint32 `cbor:"s"`
		UptimeUs uint64 `cbor:"t"`
	}
	// SetOutput switches an output.
	SetOutput struct {
		Boot    uint32 `cbor:"b"`
		Gate    int    `cbor:"g"`
		Output  Output `cbor:"o"`
		On      bool   `cbor:"v"`
		LeaseMs uint32 `cbor:"l"`
		Pulse   bool   `cbor:"p"`
	}
	// GetInputs asks for a gate's inputs.
	GetInputs struct {
		Gate int `cbor:"g"`
	}
	// InputsResponse carries them.
	InputsResponse struct {
		Active Input `cbor:"a"`
		Valid  Input `cbor:"v"`
	}
	// EventMessage carries an event.
	EventMessage struct {
		Boot       uint32    `cbor:"b"`
		Seq        uint32    `cbor:"s"`
		Oldest     uint32    `cbor:"o"`
		UptimeUs   uint64    `cbor:"t"`
		Gate       int       `cbor:"g,omitempty"`
		Kind       EventKind `cbor:"k"`
		Active     Input     `cbor:"a,omitempty"`
		Valid      Input     `cbor:"v,omitempty"`
		Credential string    `cbor:"c,omitempty"`
		Fault      string    `cbor:"f,omitempty"`
	}
	// Ack acknowledges all events up to Seq.
	Ack struct {
		Boot uint32 `cbor:"b"`
		Seq  uint32 `cbor:"s"`
	}
	// Present tells the driver something.
	Present struct {
		Boot   uint32 `cbor:"b"`
		Gate   int    `cbor:"g"`
		Text   string `cbor:"x"`
		Ticket string `cbor:"k,omitempty"`
	}
	// Refusal is the response to a request that was not carried out.
	Refusal struct {
		Err RefusalCode `cbor:"err"`
	}
	// RefusalCode is the reason, by the group that gave it.
	RefusalCode struct {
		Group uint16 `cbor:"group"`
		Code  uint16 `cbor:"rc"`
	}
)

var (
	encMode = must(cbor.EncOptions{Sort: cbor.SortCoreDeterministic}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:       cbor.DupMapKeyEnforcedAPF,
		IndefLength:     cbor.IndefLengthForbidden,
		TagsMd:          cbor.TagsForbidden,
		MaxNestedLevels: 4,
		MaxMapPairs:     32,
		UTF8:            cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[M any](m M, err error) M {
	if err != nil {
		panic("board: " + err.Error())
	}
	return m
}

// Encode makes the payload of a message of the group.
func Encode(message any) ([]byte, error) { return encMode.Marshal(message) }

// Decode reads a payload into message, strictly but for unknown keys.
func Decode(payload []byte, message any) error { return decMode.Unmarshal(payload, message) }

func event(m EventMessage) (Event, error) {
	e := Event{
		Seq: m.Seq, Boot: m.Boot, Uptime: time.Duration(m.UptimeUs) * time.Microsecond,
		Gate: m.Gate, Kind: m.Kind, Inputs: Inputs{Active: m.Active & m.Valid & allInputs, Valid: m.Valid & allInputs},
		Credential: m.Credential, Fault: m.Fault,
	}
	if m.Kind == Restarted {
		e.Gate = -1
	}
	if m.Seq == 0 || m.Boot == 0 || m.Oldest == 0 || m.Oldest > m.Seq || len(m.Credential) > MaxCredential {
		return Event{}, fmt.Errorf("event %d of boot %d, oldest %d: out of range", m.Seq, m.Boot, m.Oldest)
	}
	return e, nil
}

// refusal is the error that a refusal code stands for.
func refusal(c RefusalCode) error {
	if c.Group == Group {
		switch c.Code {
		case RefuseNoSuch:
			return ErrNoSuch
		case RefuseInterlocked:
			return ErrInterlocked
		case RefuseSafety:
			return ErrSafety
		case RefuseOtherBoot:
			return ErrRestarted
		case RefuseRange:
			return ErrRange
		}
	}
	return fault.Wrap(fmt.Errorf("group %d, code %d", c.Group, c.Code), fault.Internal, ErrRefused.Code, ErrRefused.Detail)
}
