package gatehouse

import (
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Incident is a conflict and how it was settled.
type Incident struct {
	ID          string     `json:"id"`
	Parking     id.Parking `json:"parking_id"`
	Class       string     `json:"class"`
	Detail      string     `json:"detail"`
	At          time.Time  `json:"at"`
	Reservation string     `json:"reservation_id,omitempty"`
	Session     string     `json:"session_id,omitempty"`
	ReadAt      *time.Time `json:"read_at,omitempty"`
	ReadBy      string     `json:"read_by,omitempty"`
	ReadNote    string     `json:"read_note,omitempty"`
}

// Rule is by what an incident was settled.
type Rule struct {
	Code    string `json:"code"`
	Title   string `json:"title"`
	Settled string `json:"settled"`
}

// Moment is one thing that happened around an incident.
type Moment struct {
	At        time.Time `json:"at"`
	Source    string    `json:"source"` // gate or cloud
	Code      string    `json:"code"`
	Detail    string    `json:"detail"`
	Decisive  bool      `json:"decisive"`
	Uncertain *int64    `json:"uncertain_ms,omitempty"`
}

// Booking is the reservation that an incident is about.
type Booking struct {
	ID    string    `json:"id"`
	State string    `json:"state"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// Stay is the session that an incident is about.
type Stay struct {
	ID      string     `json:"id"`
	Entered time.Time  `json:"entered_at"`
	Left    *time.Time `json:"left_at"`
}

// Money is one movement of the driver's money.
type Money struct {
	Kind    string       `json:"kind"`
	Amount  money.Amount `json:"amount"`
	At      time.Time    `json:"at"`
	Payment string       `json:"payment_id,omitempty"`
}

// Told is a message to the driver.
type Told struct {
	At       time.Time `json:"at"`
	Channel  string    `json:"channel"`
	Template string    `json:"template"`
}

// Whole is an incident with all that belongs to it.
type Whole struct {
	Incident    Incident `json:"incident"`
	Rule        Rule     `json:"rule"`
	Timeline    []Moment `json:"timeline"`
	Reservation *Booking `json:"reservation,omitempty"`
	Session     *Stay    `json:"session,omitempty"`
	Money       []Money  `json:"money,omitempty"`
	Told        []Told   `json:"told"`
}

// RuleOf is the rule of a class of incident.
func RuleOf(class string) Rule {
	r, known := rules[class]
	if !known {
		r = [2]string{"Something that a person should look at", "It is on record; nothing was settled by it."}
	}
	return Rule{class, r[0], r[1]}
}

// rules are titles and what was settled, by class.
var rules = map[string][2]string{
	"X1":        {"Came in with a booking that was cancelled", "What happened at the gate counts: the stay is there, at the lower of the booked and the walk-in price, from the hold if it still stands."},
	"X2":        {"Came in time, booked as a no-show", "The gate's fact wins: the driver pays for the real stay, nothing else."},
	"X3":        {"Came with the pass of an earlier change", "The newest booking of the same guest counts, if it covers the time; else it is a walk-in."},
	"X4":        {"One pass, two places", "The first by corrected time keeps the booking; the second is a walk-in to be looked at."},
	"X5":        {"More walk-ins than were granted", "The count wins: nothing more is sold until it has drained."},
	"X6":        {"A stay with an end missing", "The missing end is concluded; the driver pays no more than there is evidence for."},
	"X7":        {"The gate's clock was in doubt", "The fact counts, its time is marked as uncertain, and the doubt is priced in the driver's favour."},
	"X8":        {"The same event came twice", "It counts once."},
	"X9":        {"Paid at the machine what was settled already", "The payment is given back, or kept as a credit."},
	"X10":       {"An edge came back with an old store", "Its old journal is refused, and it has begun a new one."},
	"X11":       {"The price changed while the gate was offline", "The price that was quoted, or that was in force at the entry, stands."},
	"lane":      {"A lane told of something", "It is on record; who passed was counted."},
	"count":     {"Somebody counted who is inside", "The count was corrected; no vehicle passed."},
	"overfull":  {"More inside than there is room for", "What is inside counts; nothing more is sold until it has drained."},
	"cash":      {"A machine's cash is not what the books say", "The difference is booked on an account of its own; who counted is on record."},
	"shop_code": {"A shop's code was used twice", "It counts for both drivers; the shop is billed for it once, and the rest is given up."},
	"unapplied": {"The gate told what cannot be booked", "Its words are kept as they came, and block nothing behind them."},
	"retired":   {"An edge was declared dead", "An operator's word; what it held was given back."},
}
