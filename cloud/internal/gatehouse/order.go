package gatehouse

import (
	"strings"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// State is where an order stands.
type State string

// The states of an order.
const (
	Sent    State = "sent"    // the edge has not answered yet
	Done    State = "done"    // it stands in the edge's journal
	Refused State = "refused" // the edge would not, or the lane did not
	Expired State = "expired" // no answer in time; one that comes late is the truth
)

// Where a command was given.
const (
	Dashboard = "dashboard"
	Machine   = "machine"
)

// Life is how long an order is good for, and AnswerWithin how long after that its
// answer is waited for before it counts as expired.
const (
	Life         = 10 * time.Second
	AnswerWithin = 5 * time.Second
)

// Order is a command to a lane, from a dashboard or given at the machine.
type Order struct {
	ID      string     `json:"id"`
	Parking id.Parking `json:"parking_id"`
	Lane    id.Lane    `json:"lane"`
	Command string     `json:"command"`
	Count   *int       `json:"count,omitempty"`
	Why     string     `json:"why"`
	By      string     `json:"by"`
	At      time.Time  `json:"at"`
	Expires *time.Time `json:"expires_at,omitempty"`
	State   State      `json:"state"`
	Code    string     `json:"code,omitempty"`
	Detail  string     `json:"detail,omitempty"`
	Settled *time.Time `json:"settled_at,omitempty"`
	Source  string     `json:"source"`

	Journal id.Journal `json:"-"` // that its giver saw: an edge with another one drops it
}

// Answer is what the edge's journal says of an order.
type Answer struct {
	Refused bool
	Code    string
	At      time.Time
}

// AnswerOf reads an event; false: it answers no order.
func AnswerOf(e *wire.Event) (id.Order, Answer, bool) {
	if e.Kind != wire.Commanded || e.Order.IsZero() {
		return id.Order{}, Answer{}, false
	}
	return e.Order, Answer{Refused: strings.HasSuffix(e.Note, wire.NoteRefused), Code: e.Code, At: e.Time()}, true
}

// Answered is the order after an answer of the edge; false: it changes nothing. A
// refusal is the last word: an order that was journalled and then not carried out is
// answered twice. Nothing is the answer's to change after that, and a late answer wins
// over the lack of one.
func (o Order) Answered(a Answer) (Order, bool) {
	next := Done
	if a.Refused {
		next = Refused
	}
	if o.State == Refused || o.State == next {
		return o, false
	}
	at := a.At
	o.State, o.Code, o.Settled = next, a.Code, &at
	return o, true
}

// Overdue is the order when nobody has answered by now; false: it changes nothing.
func (o Order) Overdue(now time.Time) (Order, bool) {
	if o.State != Sent || o.Expires == nil || now.Before(o.Expires.Add(AnswerWithin)) {
		return o, false
	}
	o.State, o.Settled = Expired, &now
	return o, true
}

// details are the refusals' codes in words.
var details = map[string]string{ //nolint:gosec // words, and no credentials
	"order_late":      "The edge got it too late.",
	"clock_untrusted": "The edge does not know the time well enough to say whether the order is still good.",
	"order_invalid":   "The edge knows no such command.",
	"order_not_now":   "The lane did not do it.",
	"lane_unknown":    "The edge has no such lane.",
	"lane_unlinked":   "The lane's board gives no answer.",
	"lane_stopped":    "The lane is stopped: nothing may be asked of its barrier.",
	"lane_not_empty":  "The lane is not empty with its arm down.",
	"loop_occupied":   "Something stands under the arm. It is not let down on it.",
	"loop_unknown":    "The loop under the arm gives no answer. The arm is never moved over what cannot be seen.",
	"vehicle_passing": "A vehicle is passing just now.",
	"not_reversible":  "The lane leads one way only.",
	"fire_active":     "The fire input is still active.",
	"count_far_off":   "The count differs too much from what is known.",
	"already_so":      "It is so already.",
	"edge_away":       "The edge has no line.",
	"edge_too_old":    "The edge's program takes no orders from afar.",
}

// Detail is a code in words; empty for one that is not known.
func Detail(code string) string { return details[code] }
