// Package feed is the cloud's append-only record of what changed, and the only
// way by which any part of it tells another.
//
// Every commit takes the parking's next revisions from its locked head row, so
// that a parking's events are ordered and gapless. A consumer keeps the
// revision it has seen of each parking; a coalesced NOTIFY hints that there is
// more, and a cursor over transaction ids below the oldest running one sweeps
// everything once a second, so that a lost hint costs a second and never an
// event.
package feed

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// Kind says what happened.
type Kind string

// The kinds of event.
const (
	ParkingImported      Kind = "parking.imported" // its description or capacity is new: read it again
	ParkingChanged       Kind = "parking.changed"  // its policy is new: read it again
	CapacityChanged      Kind = "capacity.changed" // of a space type: read the parking and its days again
	CapacityBlocked      Kind = "capacity.blocked" // bays are out of use
	CapacityUnblocked    Kind = "capacity.unblocked"
	ReservationHeld      Kind = "reservation.held"
	ReservationConfirmed Kind = "reservation.confirmed"
	ReservationExpired   Kind = "reservation.expired"
	ReservationCancelled Kind = "reservation.cancelled"
	ReservationChanged   Kind = "reservation.changed" // another window or space type, and a pass of the next generation
	ChangeHeld           Kind = "change.held"         // a change is claimed beside the reservation, and not paid for yet
	ChangeDropped        Kind = "change.dropped"      // it came to nothing; the reservation is as it was
	ReservationNoShow    Kind = "reservation.no_show"
	ReservationCompleted Kind = "reservation.completed" // its window ended where no gate could see anybody; others end with session.closed
	ReservationWalked    Kind = "reservation.walked"
	ReservationVoided    Kind = "reservation.voided"
	ReservationBound     Kind = "reservation.bound" // to another bay, or to none; nothing else about it changed
	ReservationGate      Kind = "reservation.gate"  // what stands for it at the gate is new, or what an operator says of its pass there
	ReservationEndsSoon  Kind = "reservation.ends_soon"
	PaymentChanged       Kind = "payment.changed"
	RefundRequested      Kind = "refund.requested" // something that a payment took, or is taking, is to be given back
	RefundGiven          Kind = "refund.given"     // the provider has accepted it
	RefundArrived        Kind = "refund.arrived"   // the driver has it
	RefundFailed         Kind = "refund.failed"    // the money is with us again, or never left
	SessionOpened        Kind = "session.opened"
	SessionClosed        Kind = "session.closed"
	StayRebilled         Kind = "session.rebilled" // what an ended stay costs has changed by what was heard later
	ClaimExtended        Kind = "claim.extended"   // a vehicle inside, or an allotment, claims more time
	AllotmentChanged     Kind = "allotment.changed"
	EdgeLink             Kind = "edge.link" // the edge's lease began or lapsed
	IncidentRaised       Kind = "incident.raised"
	TillChanged          Kind = "till.changed" // of the cash of a machine; the database keeps it from here
	ShiftClosed          Kind = "shift.closed" // the cash of a machine was counted; the database keeps it from here
	ShopPaid             Kind = "shop.paid"    // a shop has paid of what it owes; the database keeps it from here
	ShopPaymentReversed  Kind = "shop.payment_reversed"
)

// Describes reports whether the parking must be read again after an event of
// this kind.
func (k Kind) Describes() bool {
	return k == ParkingImported || k == ParkingChanged || k == CapacityChanged
}

// Event is one fact about a parking.
type Event struct {
	Parking  id.Parking
	Revision uint64
	At       time.Time // of the commit
	Kind     Kind
	Body     Body
}

// Body is what consumers need to know without asking the database. Personal
// data is not in it.
type Body struct {
	Claims      []inventory.Delta `json:"claims,omitempty"`
	Reservation *Reservation      `json:"reservation,omitempty"`
	Payment     *Payment          `json:"payment,omitempty"`
	Session     *Session          `json:"session,omitempty"`
	Allotment   *Allotment        `json:"allotment,omitempty"`
	Link        *Link             `json:"link,omitempty"`
	Incident    *Incident         `json:"incident,omitempty"`
	Capacity    *Capacity         `json:"capacity,omitempty"`
	Block       *Block            `json:"block,omitempty"`
	Bill        *bill.Bill        `json:"bill,omitempty"` // with what ends a stay, or a reservation without one; the database keeps it from here
	Till        *Till             `json:"till,omitempty"`
	ShopPayment *ShopPayment      `json:"shop_payment,omitempty"`
	By          string            `json:"by,omitempty"`    // who changed a capacity or a block: an account's id, or what a command calls itself
	Why         string            `json:"why,omitempty"`   // in their own words
	Trace       string            `json:"trace,omitempty"` // W3C traceparent of what the event was committed for, when that is traced
}

// Reservation is a reservation after the event.
type Reservation struct {
	ID         id.Reservation `json:"id"`
	State      string         `json:"state"`
	Version    int64          `json:"version"`
	Generation uint16         `json:"generation"`
	SpaceType  id.SpaceType   `json:"space_type"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Space      string         `json:"space,omitempty"` // its bay
}

// Payment is a payment after the event.
type Payment struct {
	ID          id.Payment     `json:"id"`
	Reservation id.Reservation `json:"reservation"`
	State       string         `json:"state"`
	Version     int64          `json:"version"`
	Away        bool           `json:"away,omitempty"` // of a debt that was asked for while its driver was away
}

// Session is a stay after the event.
type Session struct {
	ID          id.Session     `json:"id"`
	Reservation id.Reservation `json:"reservation,omitzero"`
	SpaceType   id.SpaceType   `json:"space_type"`
	Allotted    bool           `json:"allotted"`
	Inside      bool           `json:"inside"`
	Presumed    bool           `json:"presumed,omitempty"` // nobody saw it leave
	At          time.Time      `json:"at"`                 // of the passage, by the edge's clock
}

// Allotment is an allotment after the event.
type Allotment struct {
	SpaceType id.SpaceType `json:"space_type"`
	Version   int64        `json:"version"`
	Units     int16        `json:"units"`   // claimed in the inventory
	Granted   int16        `json:"granted"` // what the edge is told
	Until     time.Time    `json:"until"`
}

// Capacity is a type's capacity after the event. The database stores it from
// here, with the event.
type Capacity struct {
	SpaceType id.SpaceType `json:"space_type"`
	FromDay   int32        `json:"from_day"` // UTC days since the epoch: this day and all after it
	Capacity  int16        `json:"capacity"`
	Was       int16        `json:"was"` // on that day
}

// Block is a block after the event. The database stores it from here, with the
// event; what it claims or gives back is in the event's Claims.
type Block struct {
	ID        id.Block     `json:"id"`
	SpaceType id.SpaceType `json:"space_type"`
	From      timerange.Q  `json:"from_q"`
	To        timerange.Q  `json:"to_q"`
	N         int16        `json:"n"`
	Reason    string       `json:"reason"`
	At        time.Time    `json:"at"`
}

// Till is the cash of a machine after the event, or a shift of it that was closed.
type Till struct {
	Machine  id.Lane   `json:"machine"`
	State    string    `json:"state,omitempty"` // JSON: what package fleet has followed of it
	Shift    id.Shift  `json:"shift,omitzero"`
	Scope    string    `json:"scope,omitempty"` // and seq: its place in the list of shifts
	Seq      int64     `json:"seq,omitempty"`
	MadeAt   time.Time `json:"made_at,omitzero"`
	Document string    `json:"document,omitempty"` // JSON of a books.Closing
}

// ShopPayment is what a shop has paid, after the event. The database stores it from here,
// with the event.
type ShopPayment struct {
	ID     id.ShopPayment `json:"id"`
	Shop   int            `json:"shop"`
	PaidOn string         `json:"paid_on"`
	Amount money.Amount   `json:"amount"`
	Way    string         `json:"way"`
	Note   string         `json:"note,omitempty"`
	At     time.Time      `json:"at"`
}

// Link is the state of the edge's lease.
type Link struct {
	Live  bool      `json:"live"`
	Since time.Time `json:"since"`
}

// Incident is a conflict and how it was settled.
type Incident struct {
	ID     id.Incident `json:"id"`
	Class  string      `json:"class"`
	Detail string      `json:"detail"`
}
