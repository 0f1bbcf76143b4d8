package wire

import (
	"errors"

	"github.com/openlot/openlot/protocol/id"
)

// Minor is the protocol's minor version that this code speaks. The cloud sends
// a field that a minor version added only to edges that said they know it.
const Minor uint8 = 6

// Hello opens a connection: what the edge is and how far it has come.
type Hello struct {
	Minor     uint8      `cbor:"1,keyasint"`
	Edge      id.Edge    `cbor:"2,keyasint"`
	Journal   id.Journal `cbor:"3,keyasint"`
	Boot      id.Boot    `cbor:"4,keyasint"`
	LastSeq   uint64     `cbor:"5,keyasint"` // newest event in the journal, 0 when it is empty
	AckedSeq  uint64     `cbor:"6,keyasint"` // newest event known to be applied
	AckedHash Hash       `cbor:"7,keyasint"` // running hash at AckedSeq
	Revision  uint64     `cbor:"8,keyasint"` // the cache is complete through this revision, 0 when empty
	Software  string     `cbor:"9,keyasint"`
	Machine   Machine    `cbor:"10,keyasint,omitempty"` // since 1.5
}

// Validate implements the check of every message.
func (h *Hello) Validate() error {
	return errors.Join(
		check(!h.Edge.IsZero() && !h.Journal.IsZero() && !h.Boot.IsZero(), "hello names edge, journal and boot"),
		check(h.AckedSeq <= h.LastSeq, "hello acknowledges more than it holds"),
		text("software", h.Software),
		check(h.Machine <= MachinePriced, "unknown kind of machine"),
	)
}

// Verdict is the cloud's answer to a hello.
type Verdict string

// The verdicts.
const (
	Accepted Verdict = "accepted" // go on after AppliedSeq
	Rewound  Verdict = "rewound"  // this journal is older than what was applied: start a new one
	Retired  Verdict = "retired"  // another journal has replaced this one: start a new one
	Foreign  Verdict = "foreign"  // the edge is not enrolled for this parking: stop talking
)

// Welcome answers a hello.
type Welcome struct {
	Minor       uint8      `cbor:"1,keyasint"` // what the cloud will speak: at most the edge's
	Journal     id.Journal `cbor:"2,keyasint"` // whose hello is answered
	Boot        id.Boot    `cbor:"3,keyasint"`
	Verdict     Verdict    `cbor:"4,keyasint"`
	Epoch       uint32     `cbor:"5,keyasint"` // of this journal; only with Accepted
	AppliedSeq  uint64     `cbor:"6,keyasint"`
	AppliedHash Hash       `cbor:"7,keyasint"`
	ServerTime  int64      `cbor:"8,keyasint"` // Unix milliseconds
	BeatSeconds uint16     `cbor:"9,keyasint"` // how often to send a beat
}

// Validate implements the check of every message.
func (w *Welcome) Validate() error {
	if err := serverTime(w.ServerTime); err != nil {
		return err
	}
	switch w.Verdict {
	case Accepted:
		return check(w.Epoch > 0 && !w.Journal.IsZero() && w.BeatSeconds > 0, "an accepting welcome carries journal, epoch and beat")
	case Rewound, Retired, Foreign:
		return check(!w.Journal.IsZero(), "a welcome names the journal")
	default:
		return check(false, "unknown verdict")
	}
}

// Ack says that every event up to Seq is applied and committed. The edge may
// delete them once its own running hash at Seq is the same.
type Ack struct {
	Journal    id.Journal `cbor:"1,keyasint"`
	Epoch      uint32     `cbor:"2,keyasint"`
	Seq        uint64     `cbor:"3,keyasint"`
	Hash       Hash       `cbor:"4,keyasint"`
	ServerTime int64      `cbor:"5,keyasint"` // Unix milliseconds
}

// Validate implements the check of every message.
func (a *Ack) Validate() error {
	return errors.Join(check(!a.Journal.IsZero() && a.Epoch > 0, "an ack names journal and epoch"), serverTime(a.ServerTime))
}

// ArmState is where a barrier's arm is, by its limit switches.
type ArmState uint8

// The states of an arm.
const (
	ArmUnknown ArmState = 0
	ArmDown    ArmState = 1
	ArmUp      ArmState = 2
	ArmMoving  ArmState = 3
	ArmFault   ArmState = 4
)

// LaneStatus is what one lane looks like now.
type LaneStatus struct {
	Lane   id.Lane  `cbor:"1,keyasint"`
	Arm    ArmState `cbor:"2,keyasint"`
	Arming bool     `cbor:"3,keyasint"` // the arming loop is occupied
	Safety bool     `cbor:"4,keyasint"` // the safety loop is occupied, or not known to be free
	Linked bool     `cbor:"5,keyasint"` // the board answers

	// Since 1.4, to be shown: nothing in the cloud decides by it.
	Far           LoopState `cbor:"6,keyasint,omitempty"` // the loop behind the barrier
	ArmingUnknown bool      `cbor:"7,keyasint,omitempty"`
	SafetyUnknown bool      `cbor:"8,keyasint,omitempty"` // and Safety says occupied
	HeldOpen      bool      `cbor:"9,keyasint,omitempty"`
	OutOfService  bool      `cbor:"10,keyasint,omitempty"`
	Halted        bool      `cbor:"11,keyasint,omitempty"` // nothing is asked of the barrier
	Alarm         bool      `cbor:"12,keyasint,omitempty"` // open for an emergency
	Mode          string    `cbor:"13,keyasint,omitempty"` // open, full, closed or closed_to_all
	Faults        []string  `cbor:"14,keyasint,omitempty"` // in force
	Display       string    `cbor:"15,keyasint,omitempty"` // what the driver reads
	Waiting       int64     `cbor:"16,keyasint,omitempty"` // Unix milliseconds: a vehicle has stood at the reader since
	Direction     Direction `cbor:"17,keyasint,omitempty"`
	Reversible    bool      `cbor:"18,keyasint,omitempty"`
	Passing       bool      `cbor:"19,keyasint,omitempty"` // somebody was let through and has not passed yet

	// Since minor version 6.
	Label  string `cbor:"20,keyasint,omitempty"` // what the owner has set that people call it
	Closed bool   `cbor:"21,keyasint,omitempty"` // an entry outside the opening hours
}

// Beat keeps the edge's lease alive. It is not journalled: a lost one is
// replaced by the next.
type Beat struct {
	Journal     id.Journal   `cbor:"1,keyasint"`
	Boot        id.Boot      `cbor:"2,keyasint"`
	LastSeq     uint64       `cbor:"3,keyasint"`
	Revision    uint64       `cbor:"4,keyasint"`
	Mono        uint64       `cbor:"5,keyasint"`
	Wall        int64        `cbor:"6,keyasint"`
	Uncertainty uint32       `cbor:"7,keyasint"`
	Lanes       []LaneStatus `cbor:"8,keyasint"`

	Machines []MachineStatus `cbor:"9,keyasint,omitempty"` // since 1.6: those that take money
}

// Validate implements the check of every message.
func (b *Beat) Validate() error {
	err := errors.Join(
		check(!b.Journal.IsZero() && !b.Boot.IsZero(), "a beat names journal and boot"),
		check(len(b.Lanes) <= MaxLanes, "at most %d lanes", MaxLanes),
	)
	for _, l := range b.Lanes {
		if err == nil {
			err = errors.Join(lane(l.Lane), check(l.Arm <= ArmFault, "unknown arm state"), l.more())
		}
	}
	return errors.Join(err, b.machines())
}

// Resume asks an edge to say hello again: its shard has a new owner.
type Resume struct {
	ServerTime int64 `cbor:"1,keyasint"`
}

// Validate implements the check of every message.
func (r *Resume) Validate() error { return serverTime(r.ServerTime) }

// serverTime checks a time that an edge takes as its own: beyond what an event
// can carry it could journal nothing any more.
func serverTime(ms int64) error {
	return check(ms >= 0 && ms < 1<<43, "server time out of range")
}
