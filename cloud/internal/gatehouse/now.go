package gatehouse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Line is the edge's line to the cloud.
type Line struct {
	State string     `json:"state"` // live, away or none
	Since *time.Time `json:"since"`
	Heard *time.Time `json:"last_word_at"`
}

// The states of a line.
const (
	Live = "live"
	Away = "away"
	None = "none"
)

// SpaceType is a kind of space and how many of it are free.
type SpaceType struct {
	Type         id.SpaceType `json:"type"`
	Class        string       `json:"class"`
	Label        string       `json:"label"`
	Capacity     int          `json:"capacity"`
	AvailableNow *int         `json:"available_now"`
}

// Parking is a parking now.
type Parking struct {
	ID            id.Parking  `json:"id"`
	Name          string      `json:"name"`
	Operator      id.Operator `json:"operator"`
	Timezone      string      `json:"timezone"`
	Capacity      int         `json:"capacity"`
	Status        string      `json:"status"`
	AvailableNow  *int        `json:"available_now"`
	AsOf          time.Time   `json:"as_of"`
	Inside        *int        `json:"inside"`
	SpaceTypes    []SpaceType `json:"space_types"`
	Edge          Line        `json:"edge"`
	FreedLastHour int         `json:"freed_last_hour"`
}

// Todo is something that somebody has to look at.
type Todo struct {
	ID       string     `json:"id"`
	Parking  id.Parking `json:"parking_id"`
	Kind     string     `json:"kind"`
	Level    string     `json:"level"`
	Code     string     `json:"code"`
	At       time.Time  `json:"at"`
	Lane     id.Lane    `json:"lane,omitempty"`
	Detail   string     `json:"detail"`
	Incident string     `json:"incident_id,omitempty"`
}

// Overview is all that somebody looks after.
type Overview struct {
	AsOf     time.Time `json:"as_of"`
	Parkings []Parking `json:"parkings"`
	Todo     []Todo    `json:"todo"`
}

// Decision is one entry of a gate's journal as people read it.
type Decision struct {
	At          time.Time `json:"at"`
	Lane        id.Lane   `json:"lane"`
	Kind        string    `json:"kind"`
	Reason      string    `json:"reason,omitempty"`
	Note        string    `json:"note,omitempty"`
	By          string    `json:"by,omitempty"`
	Why         string    `json:"why,omitempty"`
	Reservation string    `json:"reservation_id,omitempty"`
	Session     string    `json:"session_id,omitempty"`
	Offline     bool      `json:"offline"`
	Uncertain   *int64    `json:"uncertain_ms"`
}

// kinds are the kinds of event that are decisions.
var kinds = map[wire.EventKind]string{
	wire.Admitted: "admitted", wire.Released: "released", wire.Refused: "refused", wire.Entered: "entered", wire.Exited: "exited",
	wire.BackedOut: "backed_out", wire.Commanded: "commanded", wire.LaneFault: "fault",
}

// DecisionOf reads an event; false: it is none.
func DecisionOf(e *wire.Event) (Decision, bool) {
	kind, is := kinds[e.Kind]
	d := Decision{
		At: e.Time(), Lane: e.Lane, Kind: kind, Reason: string(e.Reason), Note: e.Note, By: e.By, Why: e.Why,
		Reservation: e.Reservation.String(), Session: e.Session.String(), Offline: e.Offline, Uncertain: Uncertain(e),
	}
	return d, is
}

// Uncertain is by how many milliseconds an event's time may be off; nil: its clock was
// never set.
func Uncertain(e *wire.Event) *int64 {
	if e.Uncertainty == wire.Uncertain {
		return nil
	}
	n := int64(e.Uncertainty)
	return &n
}

// One is one parking with its lanes.
type One struct {
	AsOf      time.Time  `json:"as_of"`
	Parking   Parking    `json:"parking"`
	Lanes     []Lane     `json:"lanes"`
	Kiosks    []Kiosk    `json:"kiosks"`
	Decisions []Decision `json:"decisions"`
	Orders    []Order    `json:"orders"`
}

// Said is what an edge last said of itself.
type Said struct {
	Lanes       []wire.LaneStatus
	Machines    []wire.MachineStatus
	Minor       uint8
	Software    string
	Journal     id.Journal
	LastSeq     uint64
	Revision    uint64
	Uncertainty uint32
	Heard       time.Time
	LanesAt     time.Time
}

// Against is why no command can be given to an edge; empty: some may.
func Against(line Line, s *Said) string {
	switch {
	case line.State != Live, s == nil:
		return "edge_away"
	case s.Minor < wire.OrderSince:
		return "edge_too_old"
	}
	return ""
}

// levels are how urgent things are.
var levels = map[string]int{"wrong": 0, "warn": 1, "info": 2}

// incidentLevel is how urgent an incident is.
func incidentLevel(name string) string {
	if c, known := classes[name]; known {
		return c.level
	}
	return "info"
}

// Todos are what has to be looked at, the most urgent first.
func Todos(ps []Parking, said map[id.Parking]*Said, unread []Incident, calls []Call) []Todo {
	out := []Todo{}
	for _, c := range calls {
		out = append(out, c.todo())
	}
	for _, p := range ps {
		s := said[p.ID]
		if p.Edge.State == Away {
			at := p.AsOf
			if p.Edge.Since != nil {
				at = *p.Edge.Since
			}
			out = append(out, Todo{
				ID: fmt.Sprintf("edge:%s", p.ID), Parking: p.ID, Kind: "edge_away", Level: "wrong", Code: "edge_away", At: at,
				Detail: "No word from the edge. The gate decides by itself; counts are not shown.",
			})
		}
		if p.Edge.State != Live || s == nil {
			continue
		}
		for _, l := range s.Lanes {
			for _, f := range l.Faults {
				out = append(out, Todo{
					ID: fmt.Sprintf("fault:%s:%s:%s", p.ID, l.Lane, f), Parking: p.ID, Kind: "lane_fault", Level: "wrong", Code: f, At: s.LanesAt, Lane: l.Lane,
					Detail: fmt.Sprintf("%s: %s.", l.Lane, faultSays(f)),
				})
			}
			if l.Linked && l.SafetyUnknown {
				out = append(out, Todo{
					ID: fmt.Sprintf("fault:%s:%s:loop_unknown", p.ID, l.Lane), Parking: p.ID, Kind: "lane_fault", Level: "wrong", Code: "loop_unknown", At: s.LanesAt, Lane: l.Lane,
					Detail: fmt.Sprintf("%s: the loop under the arm gives no answer. The arm stays up once it is up.", l.Lane),
				})
			}
		}
	}
	for _, i := range unread {
		out = append(out, Todo{
			ID: i.ID, Parking: i.Parking, Kind: "incident", Level: incidentLevel(i.Class), Code: i.Class, At: i.At, Detail: i.Detail, Incident: i.ID,
		})
	}
	slices.SortStableFunc(out, func(a, b Todo) int {
		return cmp.Or(cmp.Compare(levels[a.Level], levels[b.Level]), b.At.Compare(a.At), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func faultSays(f string) string {
	if says, known := faults[f]; known {
		return says
	}
	return f
}

var faults = map[string]string{
	"board_lost": "the board gives no answer", "not_opening": "the barrier does not open", "not_closing": "the barrier does not close",
	"obstructed": "something has stood under the arm for long", "fire": "a fire alarm holds it open", "sensor_fault": "the limit switches contradict each other",
}
