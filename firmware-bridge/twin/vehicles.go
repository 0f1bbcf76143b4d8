package twin

import (
	"slices"
	"time"

	"github.com/openlot/openlot/firmware-bridge/twin/model"
)

const (
	keptVehicles = 4096    // that are done and can still be asked for
	keptSamples  = 1 << 17 // of credential-to-open
	keptInside   = 4096    // cars in the parking
	shownRecent  = 8
)

// Outcome is how a vehicle's visit to a gate ended.
type Outcome string

// The outcomes.
const (
	Waiting   Outcome = "waiting" // not over yet
	Passed    Outcome = "passed"
	Refused   Outcome = "refused"    // left backwards after the display had told the driver something
	BackedOut Outcome = "backed_out" // left backwards without having been told anything
)

// Timeline holds microseconds on the twin's monotonic clock; 0 is not yet.
type Timeline struct {
	Arrived     int64 `json:"arrived_us,omitempty"`
	Presented   int64 `json:"presented_us,omitempty"`
	OpenCommand int64 `json:"open_command_us,omitempty"`
	ArmOpen     int64 `json:"arm_open_us,omitempty"`
	Entered     int64 `json:"entered_us,omitempty"`
	Cleared     int64 `json:"cleared_us,omitempty"`
}

// Vehicle is one visit to a gate.
type Vehicle struct {
	ID               string   `json:"id"`
	Gate             string   `json:"gate"`
	Plate            string   `json:"plate"`
	Outcome          Outcome  `json:"outcome"`
	Ticket           string   `json:"ticket,omitempty"`
	Display          string   `json:"display,omitempty"`
	Timeline         Timeline `json:"timeline"`
	CredentialToOpen int64    `json:"credential_to_open_us,omitempty"`

	number     uint64
	gate       *gate
	credential string
	done       chan struct{} // closed when the visit is over
}

// Inside is a car in the parking.
type Inside struct {
	Plate      string `json:"plate"`
	Credential string `json:"credential"` // what it shows at the exit: its ticket, else its pass
	Since      int64  `json:"since_us"`
}

// sample is one credential-to-open.
type sample struct {
	us     int64
	gate   int
	button bool
}

// vehicles keeps all visits. It belongs to the loop.
type vehicles struct {
	last     uint64
	byNumber map[uint64]*Vehicle
	finished []uint64 // oldest first
	inside   []Inside // oldest first
	samples  []sample // a ring once it is full
	taken    int      // samples ever
	outcomes map[Outcome]int
}

func newVehicles() vehicles {
	return vehicles{byNumber: make(map[uint64]*Vehicle), outcomes: make(map[Outcome]int)}
}

// add registers a vehicle that is about to join the queue at a gate.
func (v *vehicles) add(g *gate, plate, credential string) *Vehicle {
	v.last++
	if plate == "" {
		plate = defaultPlate(v.last)
	}
	c := &Vehicle{
		ID: vehicleID(v.last), Gate: g.Name, Plate: plate, Outcome: Waiting,
		number: v.last, gate: g, credential: credential, done: make(chan struct{}),
	}
	v.byNumber[c.number] = c
	return c
}

// happened takes note of what a vehicle did.
func (v *vehicles) happened(h model.Happening, at time.Duration) {
	c, ok := v.byNumber[h.Vehicle]
	if !ok {
		return
	}
	// What the lane did by itself is stamped with when it was due, the board's
	// doings with when they were done, which may be later.
	us := max(at.Microseconds(), c.Timeline.Presented)
	switch h.Kind {
	case model.Arrived:
		c.Timeline.Arrived = us
	case model.Shown:
		c.Timeline.Presented = us
	case model.Commanded:
		c.Timeline.OpenCommand = us
		if c.Timeline.Presented == 0 { // who waits has shown nothing
			return
		}
		c.CredentialToOpen = us - c.Timeline.Presented
		v.measure(sample{us: c.CredentialToOpen, gate: c.gate.index, button: c.credential == ""})
	case model.ArmOpen:
		c.Timeline.ArmOpen = us
	case model.Entered:
		c.Timeline.Entered = us
	case model.Cleared:
		c.Timeline.Cleared = us
		v.finish(c, h, Passed)
		v.move(c)
	case model.BackedOut:
		if h.Text != "" {
			v.finish(c, h, Refused)
		} else {
			v.finish(c, h, BackedOut)
		}
	case model.InputsChanged:
	}
}

func (v *vehicles) measure(s sample) {
	if len(v.samples) < keptSamples {
		v.samples = append(v.samples, s)
	} else {
		v.samples[v.taken%keptSamples] = s
	}
	v.taken++
}

func (v *vehicles) finish(c *Vehicle, h model.Happening, o Outcome) {
	c.Outcome, c.Display, c.Ticket = o, h.Text, h.Ticket
	v.outcomes[o]++
	v.finished = append(v.finished, c.number)
	if len(v.finished) > keptVehicles {
		delete(v.byNumber, v.finished[0])
		v.finished = v.finished[1:]
	}
	close(c.done)
}

// move takes a car that has passed into the parking or out of it.
func (v *vehicles) move(c *Vehicle) {
	shows := c.credential
	if c.Ticket != "" {
		shows = c.Ticket
	}
	if c.gate.Exit {
		if i := slices.IndexFunc(v.inside, func(in Inside) bool { return in.Credential == shows || in.Credential == "" && in.Plate == c.Plate }); i >= 0 {
			v.inside = slices.Delete(v.inside, i, i+1)
		}
		return
	}
	if len(v.inside) == keptInside {
		v.inside = slices.Delete(v.inside, 0, 1)
	}
	v.inside = append(v.inside, Inside{Plate: c.Plate, Credential: shows, Since: c.Timeline.Cleared})
}

// recent are the visits that ended last, newest first.
func (v *vehicles) recent() []Vehicle {
	out := []Vehicle{}
	for i := len(v.finished) - 1; i >= 0 && len(out) < shownRecent; i-- {
		out = append(out, *v.byNumber[v.finished[i]])
	}
	return out
}
