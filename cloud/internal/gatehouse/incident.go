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
func RuleOf(name string) Rule {
	c, known := classes[name]
	if !known {
		c = class{"info", "Something that a person should look at", "It is on record; nothing was settled by it."}
	}
	return Rule{name, c.title, c.settled}
}

// class is what is known of a kind of incident: how urgent it is, its title, and by what
// it was settled.
type class struct{ level, title, settled string }

// classes are all that is raised, by what the rest of the program calls them: info has
// settled itself, warn is to be looked at soon, wrong cannot wait.
var classes = map[string]class{
	"X1":                 {"info", "Came in with a booking that was cancelled", "What happened at the gate counts: the stay is there, at the lower of the booked and the walk-in price, from the hold if it still stands."},
	"X2":                 {"info", "Came in time, booked as a no-show", "The gate's fact wins: the driver pays for the real stay, nothing else."},
	"X3":                 {"info", "Came with the pass of an earlier change", "The newest booking of the same guest counts, if it covers the time; else it is a walk-in."},
	"X4":                 {"info", "One pass, two places", "The first by corrected time keeps the booking; the second is a walk-in to be looked at."},
	"X5":                 {"warn", "More walk-ins than were granted", "The count wins: nothing more is sold until it has drained."},
	"X6":                 {"info", "A stay with an end missing", "The missing end is concluded; the driver pays no more than there is evidence for."},
	"X7":                 {"info", "The gate's clock was in doubt", "The fact counts, its time is marked as uncertain, and the doubt is priced in the driver's favour."},
	"X8":                 {"info", "The same event came twice", "It counts once."},
	"X9":                 {"info", "Paid at the machine what was settled already", "The payment is given back, or kept as a credit."},
	"X10":                {"warn", "An edge came back with an old store", "Its old journal is refused, and it has begun a new one."},
	"X11":                {"info", "The price changed while the gate was offline", "The price that was quoted, or that was in force at the entry, stands."},
	"lane":               {"warn", "A lane told of something", "It is on record; who passed was counted."},
	"count":              {"info", "Somebody counted who is inside", "The count was corrected; no vehicle passed."},
	"overfull":           {"wrong", "More inside than there is room for", "What is inside counts; nothing more is sold until it has drained."},
	"cash":               {"warn", "A machine's cash is not what the books say", "The difference is booked on an account of its own; who counted is on record."},
	"shop_code":          {"info", "A shop's code was used twice", "It counts for both drivers; the shop is billed for it once, and the rest is given up."},
	"unapplied":          {"wrong", "The gate told what cannot be booked", "Its words are kept as they came, and block nothing behind them."},
	"edge_retired":       {"warn", "An edge was declared dead", "An operator's word; what it held was given back."},
	"bay":                {"info", "The wrong bay was taken", "The guest got another bay where there was one; it is on record."},
	"unpriced":           {"warn", "A no-show could not be charged", "What its parking's policy says could not be worked out; the driver is not charged for it."},
	"walked":             {"info", "A guest found no space", "What was held is given back in full, and the driver was told."},
	"voided":             {"info", "A booking was taken back", "It is as if it had never been; what was held is given back."},
	"refunded":           {"info", "Money was given back", "By an operator's word; who and why is on record."},
	"refunded_elsewhere": {"info", "Money was given back at the provider", "Our books do not have it: compare, and book it."},
	"refund_failed":      {"wrong", "Money could not be given back", "It is still with the operator, or is there again: give it back in another way, or once more."},
	"taken_elsewhere":    {"info", "Money was taken at the provider, and not by us", "Its detail says what became of it: compare the provider's books."},
	"hold_lost":          {"warn", "The money that was held is gone", "The driver owes what was to be taken from it, and can pay it."},
	"disputed":           {"warn", "A payment is disputed", "What the bank took back, or gave back, is booked once. Evidence can be made to answer it."},
	"written_off":        {"info", "What was owed is given up", "By an operator's word; who and why is on record."},
	"payout_sent_back":   {"wrong", "A payout came back", "The provider pays it again with its next payout: look at the bank account that it has."},
	"books_differ":       {"wrong", "The provider's books are not ours", "Nothing was changed: compare, and book what is missing."},
}
