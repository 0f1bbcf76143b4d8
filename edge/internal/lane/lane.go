package lane

import (
	"time"

	"github.com/openlot/openlot/protocol/id"
)

// Level is what is known about one input.
type Level uint8

// The levels. The zero value is Unknown.
const (
	Unknown Level = iota
	Off
	On
)

// Inputs are the levels of a lane's inputs.
type Inputs struct {
	Arming, Safety     Level
	ArmOpen, ArmClosed Level
	Fire               Level
	Far                Level // the arming loop on the other side, of a reversible lane
	Stop               Level // of a stop button; unknown: there is none
}

// Config is how long a lane waits for what.
type Config struct {
	EnterWithin   time.Duration // an authorisation expires if nobody enters
	BackOutAfter  time.Duration // the arming loop is left and the safety loop was not reached
	OpenWithin    time.Duration // the arm reaches its open limit after the pulse
	ObstructAfter time.Duration // the safety loop is occupied
	CloseAfter    time.Duration // the safety loop is free and the arm is still up
	CloseWithin   time.Duration // the arm reaches its closed limit after a Close pulse
	SampleEvery   time.Duration // inputs are read again while waiting for the arm to come down
	OpenTries     int           // pulses for one authorisation
	CloseTries    int           // Close pulses for one passage
	SettleAfter   time.Duration // an arm that was found up, after a power cut, is left alone
	RaiseEvery    time.Duration // an arm that is held open and is not up is asked up again
	Gap           time.Duration // between an Open and a Close pulse, whichever comes first
	OutFor        time.Duration // an entry whose arm does not come up is out of service
	Reversible    bool
}

// Defaults are the waits of an ordinary barrier.
func Defaults() Config {
	return Config{
		EnterWithin: 30 * time.Second, BackOutAfter: 5 * time.Second, OpenWithin: 8 * time.Second,
		ObstructAfter: time.Minute, CloseAfter: 5 * time.Second, CloseWithin: 10 * time.Second,
		SampleEvery: 500 * time.Millisecond, OpenTries: 3, CloseTries: 2,
		SettleAfter: 30 * time.Second, RaiseEvery: 2 * time.Second, Gap: 200 * time.Millisecond, OutFor: 5 * time.Minute,
	}
}

// freshSample is how far apart two samples may be and still show that nothing
// came between them.
const freshSample = time.Second

// openRetry is how long a lane waits before it asks again for an opening that
// the board did not carry out.
const openRetry = 300 * time.Millisecond

// Phase is where a lane stands.
type Phase string

// The phases.
const (
	Idle     Phase = "idle"     // no car
	Armed    Phase = "armed"    // a car is on the arming loop
	Deciding Phase = "deciding" // a credential is with admission
	Opening  Phase = "opening"  // authorised; nobody is under the arm yet
	Entering Phase = "entering" // under the arm
	Passing  Phase = "passing"  // under the arm, the arming loop behind it is left
	Cleared  Phase = "cleared"  // passed or backed out; the arm is still up
	Closing  Phase = "closing"  // asked to close
)

// Phases lists them all.
func Phases() []Phase {
	return []Phase{Idle, Armed, Deciding, Opening, Entering, Passing, Cleared, Closing}
}

// InputKind says what an Input is.
type InputKind uint8

// The inputs of the machine.
const (
	Tick        InputKind = iota // time has passed
	Sensed                       // the board reported or was asked: Inputs
	Blinded                      // the board is lost: nothing is known
	Restarted                    // the board has started anew: nothing is known for a moment
	Presented                    // a credential was shown
	Pressed                      // the button was pressed
	Attended                     // somebody of the staff opens for one vehicle, whether the loops see it or not
	Admitted                     // the decision opens and is journalled: Session
	NotAdmitted                  // the decision does not open
	OpenFailed                   // the board surely did not carry out the Open pulse
	OpenInDoubt                  // the board did not say whether it carried out the Open pulse
	RaiseFailed                  // the board did not say that it carried out the Raise pulse
	Commanded                    // somebody of the staff has commanded, and it is journalled: Command
)

// Command is what the staff can have a lane do. Each is journalled before the machine
// hears of it.
type Command uint8

// The commands.
const (
	HoldOpen Command = iota + 1 // the arm stays up
	LetGo                       // it does not any more
	Alarm                       // emergency: the arm stays up until Reset
	Reset                       // the emergency is over
	Halt                        // nothing is asked of the barrier, not even to open
	Resume                      // it is again
	TakeOut                     // out of service: nobody is let through
	PutBack                     // in service again
	Turn                        // a reversible lane leads the other way
)

// Input is one thing that happened.
type Input struct {
	Kind    InputKind
	Inputs  Inputs     // Sensed
	Asked   bool       // Sensed: read just now, and nothing that was reported before waits to be told
	Session id.Session // Admitted
	Command Command    // Commanded
}

// EffectKind says what an Effect is.
type EffectKind uint8

// The effects.
const (
	Decide     EffectKind = iota // take the credential to admission; the answer is Admitted or NotAdmitted
	DriveUp                      // tell the driver to come to the barrier first
	Closed                       // tell the driver that the lane is closed
	Open                         // pulse Open; OpenFailed or OpenInDoubt unless the board says that it did
	Raise                        // pulse Open without a decision: held open, an emergency, or somebody is under a falling arm; RaiseFailed unless the board says that it did
	Close                        // pulse Close
	Sample                       // read the inputs; the answer is Sensed or Blinded
	Passed                       // journal that Session passed; Inferred if it was concluded
	BackedOut                    // journal that Session did not pass
	FaultSet                     // journal that Fault is there
	FaultOver                    // journal that it is gone
	Stray                        // a vehicle that no decision covers has passed: Fault says how, Backward which way
	Unsure                       // nobody can say whether a vehicle has passed
	CannotTurn                   // the lane is not empty, or not reversible: it leads as before
)

// Effect is one thing to be done.
type Effect struct {
	Kind     EffectKind
	Session  id.Session
	Inferred bool
	Fault    string
	Backward bool // Stray: against the lane's direction
}

// The faults of a lane.
const (
	FaultBoard      = "board_lost"
	FaultNotOpening = "not_opening"
	FaultNotClosing = "not_closing"
	FaultObstructed = "obstructed"
	FaultFire       = "fire"         // an alarm, or what is left of it until somebody resets it
	FaultSensor     = "sensor_fault" // both limit switches at once
	FaultArmUp      = "arm_was_up"   // after a start, or a time without the board; never "over"

	// How a vehicle passed without a decision; never "over".
	FaultPassage  = "unexpected_passage"
	FaultTailgate = "tailgate"  // behind one that was let through
	FaultWrongWay = "wrong_way" // against the lane's direction
)

// set is a set of faults that can be over.
type set uint8

// lasting are the faults that can be over, in the order in which they are told.
var lasting = [...]string{FaultBoard, FaultNotOpening, FaultNotClosing, FaultObstructed, FaultFire, FaultSensor}

func bit(fault string) set {
	for i, name := range lasting {
		if name == fault {
			return 1 << i
		}
	}
	return 0
}

// State is a lane at one moment. The zero value is not ready: use New.
type State struct {
	Phase  Phase
	Inputs Inputs

	cfg      Config
	needsCar bool // a credential counts only with a car on the arming loop
	auth     authorisation
	back     Phase // where NotAdmitted leads
	waiting  bool  // a credential was shown while another car was passing
	waitEnds time.Time

	sampled   time.Time // when Inputs were last known to be so
	freeSince time.Time // the safety loop is known to be free since, zero if it is not
	since     time.Time // of Phase Cleared and Closing
	nextLook  time.Time
	closed    int       // Close pulses since the last passage
	lastOpen  time.Time // the last pulses, or zero
	lastClose time.Time
	settled   time.Time // no Close before
	nextRaise time.Time
	fall      fall
	outUntil  time.Time
	stray     stray
	behind    bool // who passes now follows one that was let through
	faults    set

	heldOpen, alarm, halted, outOfService, reversed bool
}

// fall is an arm that may be coming down.
type fall struct {
	at     time.Time // since, zero if it is not
	asked  bool      // by a Close of ours: until it is seen where it stops
	lifted bool      // a pulse to go up was carried out since, or may have been
}

// stray is a vehicle on the safety loop that has no authorisation.
type stray struct {
	there  bool
	fromA  bool // the arming loop was occupied when it came
	heldA  bool // and has been since
	sawA   bool // it was occupied at some time
	unsure bool // a level was unknown
}

// authorisation is a journalled decision to let one vehicle pass.
type authorisation struct {
	session   id.Session
	deadline  time.Time
	reopen    time.Time // when the arm should be up, or the pulse be repeated
	pulses    int
	refused   bool // the board did not say that it carried out the last pulse
	asked     int  // pulses that were carried out, or may have been
	armUp     bool // the arm was not known to be down for a moment
	sawA      bool
	aLeft     time.Time // A was seen on and left, zero if it is occupied
	heldA     bool      // A has been on for all the time that B was
	touchedB  bool      // B was on, and left while A was held
	bSince    time.Time
	blind     bool // A or B was unknown for a moment
	deferred  bool // a pulse waits because it must not be asked for now
	another   bool // A was left while B was on, and is occupied again
	tails     int  // of those, who went on to B
	underOver time.Time
}

// New is the state of a lane of which nothing is known yet. An exit takes a
// credential as proof that somebody is there; an entry wants the arming loop
// occupied, or unknown.
func New(cfg Config, exit bool) State {
	return State{Phase: Idle, cfg: cfg, needsCar: !exit}
}

// Session is the session that is authorised to pass, or zero.
func (s State) Session() id.Session { return s.auth.session }

// Waiting reports whether a credential waits for the car before to pass.
func (s State) Waiting() bool { return s.waiting }

// Authorised reports whether an authorisation is open.
func (s State) Authorised() bool { return !s.auth.session.IsZero() }

// Faults lists the faults that are set.
func (s State) Faults() []string {
	var out []string
	for i, f := range lasting {
		if s.faults&(1<<i) != 0 {
			out = append(out, f)
		}
	}
	return out
}

// Restored is a lane of which nothing is known yet but the commands that hold.
func Restored(cfg Config, exit bool, standing []Command) State {
	s := New(cfg, exit)
	for _, c := range standing {
		switch c {
		case Turn:
			s.reversed, s.needsCar = true, exit
		case HoldOpen:
			s.heldOpen = true
		case Alarm:
			s.alarm = true
		case Halt:
			s.halted = true
		case TakeOut:
			s.outOfService = true
		case LetGo, Reset, Resume, PutBack: // nothing is left of them
		}
	}
	return s
}

// Standing are the commands that hold, for a start after a stop: given to a new
// machine they bring it to where this one is.
func (s State) Standing() []Command {
	var out []Command
	for _, c := range []struct {
		holds bool
		is    Command
	}{{s.reversed, Turn}, {s.heldOpen, HoldOpen}, {s.alarm, Alarm}, {s.halted, Halt}, {s.outOfService, TakeOut}} {
		if c.holds {
			out = append(out, c.is)
		}
	}
	return out
}

// Held reports whether the arm is to stay up.
func (s State) Held() bool { return s.heldOpen || s.alarm }

// HeldOpen reports whether the staff holds the arm up.
func (s State) HeldOpen() bool { return s.heldOpen }

// Alarmed reports whether there is an emergency that nobody has reset.
func (s State) Alarmed() bool { return s.alarm }

// Halted reports whether nothing may be asked of the barrier; a stop button halts, too.
func (s State) Halted() bool { return s.stopped() }

// OutOfService reports whether the staff has taken the lane out of service.
func (s State) OutOfService() bool { return s.outOfService }

// Reversible reports whether the lane can lead either way.
func (s State) Reversible() bool { return s.cfg.Reversible }

// Exit reports whether the lane leads out.
func (s State) Exit() bool { return !s.needsCar }

// stopped reports whether nothing may be asked of the barrier.
func (s State) stopped() bool { return s.halted || s.Inputs.Stop == On }

// Wake is when the lane wants its next Tick. ok is false when it waits for
// nothing.
func (s State) Wake() (at time.Time, ok bool) {
	earliest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	switch s.Phase {
	case Opening:
		earliest(s.auth.deadline)
		earliest(s.auth.reopen)
		if !s.auth.aLeft.IsZero() && !s.auth.blind {
			earliest(s.auth.aLeft.Add(s.cfg.BackOutAfter))
		}
	case Entering, Passing:
		earliest(s.auth.reopen)
		if s.faults&bit(FaultObstructed) == 0 {
			earliest(s.auth.bSince.Add(s.cfg.ObstructAfter))
		}
		earliest(s.auth.underOver)
	case Cleared, Closing:
		earliest(s.nextLook)
	case Idle, Armed, Deciding:
	}
	if s.waiting {
		earliest(s.waitEnds)
	}
	if s.wantsUp() {
		earliest(s.nextRaise)
	}
	return at, !at.IsZero()
}
