package model

import (
	"math"
	"time"

	"github.com/openlot/openlot/firmware-bridge/board"
)

// Never is the wake-up of a lane that waits for nothing.
const Never = time.Duration(math.MaxInt64)

// The lane, in metres from the near edge of the arming loop. A vehicle's
// position is that of its front.
const (
	StartAt   = -4.0
	ArmingEnd = 2.0
	StopLine  = 2.5
	SafetyAt  = 3.0
	ArmAt     = 4.0
	SafetyEnd = 5.0
	GoneAt    = 17.0
	Length    = 4.2 // of a vehicle

	driving = 3.0 // m/s
	backing = 2.0 // m/s
)

// How long things take at speed 1.
const (
	armTravel  = 1500 * time.Millisecond
	closeDelay = 500 * time.Millisecond // safety loop free before the arm comes down
	reaction   = 300 * time.Millisecond // of a driver, before showing something and before driving on
	pressing   = 250 * time.Millisecond // on the ticket button
)

// Input is what was done to a lane at one moment.
type Input struct {
	Open        bool     // the board gave an open command
	Close       bool     // the board gave a close command
	HeldOpen    bool     // level: the open output is on and is no pulse
	Fire        bool     // level
	SafetyFault bool     // level: the safety loop's detector is out of order
	Text        string   // new text for the display
	Ticket      string   // handed to the driver
	Arrive      *Arrival // joins the queue
}

// Arrival is a vehicle that wants to pass.
type Arrival struct {
	ID         uint64
	Credential string // what the driver will show; empty: presses the button
	Waits      bool   // shows and presses nothing: somebody else has the arm opened
	Patience   time.Duration
}

// Kind says what happened.
type Kind uint8

// What can happen in a lane.
const (
	InputsChanged Kind = iota // Inputs are the levels now
	Arrived                   // the vehicle is on the arming loop
	Shown                     // Credential was shown, or the button pressed
	Commanded                 // the first open command after Shown, or for who waits
	ArmOpen                   // the arm is up for the vehicle
	Entered                   // the vehicle is on the safety loop
	Cleared                   // it has left the safety loop beyond the arm
	BackedOut                 // it has left the lane backwards
)

// Happening is one thing that happened, in order.
type Happening struct {
	Kind       Kind
	At         time.Duration // may lie before the step's time by as much as it came late
	Inputs     board.Inputs  // of InputsChanged
	Vehicle    uint64        // of all others
	Credential string        // of Shown
	Text       string        // of Cleared and BackedOut: the last text shown to this driver
	Ticket     string        // of Cleared and BackedOut: the ticket handed to this driver
}

// phase is where a driver is in passing the gate.
type phase uint8

const (
	approaching phase = iota
	stopped           // at the line, about to show something
	waiting           // has shown it
	starting          // the arm is up, about to drive
	passing
	leaving // beyond the safety loop
	retreating
)

type vehicle struct {
	Arrival
	phase      phase
	x          float64 // at since
	v          float64 // m per second of the model
	since      time.Duration
	act        time.Duration // the driver's next own act, or Never
	deadline   time.Duration // end of patience, or Never
	authorised bool
	onArming   bool
	onSafety   bool
	text       string
	ticket     string
}

func (c *vehicle) at(now time.Duration) float64 { return c.x + c.v*(now-c.since).Seconds() }

func (c *vehicle) move(now time.Duration, v float64) {
	c.x, c.since, c.v = c.at(now), now, v
}

// Lane is one lane. It is for one goroutine.
type Lane struct {
	speed float64
	now   time.Duration
	in    Input // its levels are kept

	arm      float64 // position at armSince: 0 down, 1 up
	armV     float64 // per second
	armSince time.Duration
	armed    bool          // the safety loop was occupied since the last open command
	closeAt  time.Duration // the operator's own closing, or Never

	buttonUntil time.Duration // or Never
	cars        []*vehicle    // in the lane, first one first
	queue       []*vehicle    // behind it
	inputs      board.Inputs
	text        string
	out         []Happening
}

// New makes an empty lane with its arm down. speed scales all movement; at
// speed 1 the arm takes 1.5 s.
func New(speed float64) *Lane {
	l := &Lane{speed: speed, closeAt: Never, buttonUntil: Never}
	l.inputs = l.levels()
	return l
}

// Inputs are the levels that the board sees.
func (l *Lane) Inputs() board.Inputs { return l.inputs }

// Waiting is the number of vehicles in the lane and behind it.
func (l *Lane) Waiting() int { return len(l.cars) + len(l.queue) }

func (l *Lane) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / l.speed)
}

// Step brings the lane to now, applies in, and returns what happened since the
// last step, in order, and when to step again (Never: not before somebody does
// something). The slice is valid until the next step.
func (l *Lane) Step(now time.Duration, in Input) ([]Happening, time.Duration) {
	l.out = l.out[:0]
	for {
		at := l.next()
		if at > now {
			break
		}
		l.now = max(l.now, at)
		l.happen()
		l.settle()
	}
	l.now = max(l.now, now)
	l.apply(in)
	l.settle()
	// What apply started may be due at once, at very high speeds.
	return l.out, l.next()
}

// apply does to the lane what in says.
func (l *Lane) apply(in Input) {
	released := (l.in.HeldOpen || l.in.Fire) && !in.HeldOpen && !in.Fire
	l.in = in
	if released && l.armed && l.inputs.Clear(board.Safety) {
		l.closeAt = l.now + l.scaled(closeDelay)
	}
	if in.Text != "" {
		l.text = in.Text
	}
	if c := l.head(); c != nil && c.phase != leaving && c.phase != retreating {
		if in.Text != "" && c.phase >= waiting {
			c.text = in.Text
		}
		if in.Ticket != "" {
			c.ticket = in.Ticket
		}
		if (c.phase == waiting || c.Waits && c.phase < waiting) && !c.authorised && in.Open {
			c.authorised = true
			l.tell(Commanded, c)
		}
	}
	if in.Arrive != nil {
		l.queue = append(l.queue, &vehicle{Arrival: *in.Arrive, act: Never, deadline: Never})
	}
	if in.Open {
		l.armed, l.closeAt = false, Never
		l.swing(1)
	}
	if in.Close && l.mayClose() {
		l.closeAt = Never
		l.swing(-1)
	}
}

// head is the vehicle at the front of the lane that has not passed yet.
func (l *Lane) head() *vehicle {
	for _, c := range l.cars {
		if c.phase != leaving {
			return c
		}
	}
	return nil
}

// settle draws the consequences of a new state, until there are none.
func (l *Lane) settle() {
	l.admit()
	if l.in.HeldOpen || l.in.Fire {
		l.swing(1)
	}
	if c := l.head(); c != nil && c.phase == waiting {
		if l.in.HeldOpen || l.in.Fire {
			c.authorised = true
		}
		if c.authorised && l.armAt(l.now) == 1 {
			c.phase, c.act, c.deadline = starting, l.now+l.scaled(reaction), Never
			l.tell(ArmOpen, c)
		}
	}
	levels := l.levels()
	if l.inputs == levels {
		return
	}
	before := l.inputs
	l.inputs = levels
	l.out = append(l.out, Happening{Kind: InputsChanged, At: l.now, Inputs: levels})
	l.operate(before, levels)
}

// operate is the barrier's own logic on a change of the safety loop.
func (l *Lane) operate(before, after board.Inputs) {
	was, is := !before.Clear(board.Safety), !after.Clear(board.Safety)
	switch {
	case is && !was:
		l.closeAt = Never
		if l.armAt(l.now) > 0 {
			l.armed = true
		}
		if l.armV < 0 {
			l.swing(1)
		}
	case was && !is && l.armed:
		l.closeAt = l.now + l.scaled(closeDelay)
	}
}

func (l *Lane) mayClose() bool {
	return l.inputs.Clear(board.Safety) && !l.in.HeldOpen && !l.in.Fire
}

// admit lets the next vehicle drive up when the one before has passed.
func (l *Lane) admit() {
	if len(l.queue) == 0 || l.head() != nil {
		return
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	l.text = ""
	c.x, c.since, c.v = StartAt, l.now, driving*l.speed
	l.cars = append(l.cars, c)
}

func (l *Lane) armAt(now time.Duration) float64 {
	return min(1, max(0, l.arm+l.armV*(now-l.armSince).Seconds()))
}

// swing sets the arm moving up (1), down (-1) or stops it (0).
func (l *Lane) swing(direction float64) {
	l.arm, l.armSince = l.armAt(l.now), l.now
	l.armV = direction * l.speed / armTravel.Seconds()
	if l.arm == (direction+1)/2 {
		l.armV = 0
	}
}

func (l *Lane) levels() board.Inputs {
	in := board.Inputs{Valid: board.Arming | board.Safety | board.ArmOpen | board.ArmClosed | board.Fire | board.Button}
	for _, c := range l.cars {
		if c.onArming {
			in.Active |= board.Arming
		}
		if c.onSafety {
			in.Active |= board.Safety
		}
	}
	switch l.armAt(l.now) {
	case 1:
		in.Active |= board.ArmOpen
	case 0:
		if l.armV <= 0 {
			in.Active |= board.ArmClosed
		}
	}
	if l.in.Fire {
		in.Active |= board.Fire
	}
	if l.buttonUntil != Never {
		in.Active |= board.Button
	}
	if l.in.SafetyFault {
		in.Valid &^= board.Safety
		in.Active &^= board.Safety
	}
	return in
}

func (l *Lane) tell(k Kind, c *vehicle) {
	h := Happening{Kind: k, At: l.now, Vehicle: c.ID}
	switch k {
	case Shown:
		h.Credential = c.Credential
	case Cleared, BackedOut:
		h.Text, h.Ticket = c.text, c.ticket
	case InputsChanged, Arrived, Commanded, ArmOpen, Entered:
	}
	l.out = append(l.out, h)
}
