package wire

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// EventKind says what a journal event is about.
type EventKind uint8

// The kinds of journal event. Numbers are never reused.
const (
	Admitted         EventKind = 1  // an entry was decided; journalled before the barrier is told to open
	Entered          EventKind = 2  // the vehicle is inside: it left the last loop inward
	BackedOut        EventKind = 3  // it left again without passing; the decision is void
	Released         EventKind = 4  // an exit was decided; journalled before the barrier is told to open
	Exited           EventKind = 5  // the vehicle is outside
	Refused          EventKind = 6  // a credential or a walk-in was refused
	TimeMark         EventKind = 7  // nothing happened up to TrustedLo
	AllotmentAdopted EventKind = 8  // the edge admits walk-ins by this version of its allotment
	Started          EventKind = 9  // the agent started; Inferred says that the last run did not end cleanly
	LaneFault        EventKind = 10 // a barrier or sensor is out of order, or is again in order
	Paid             EventKind = 11 // a machine took money for a session; the lane is the machine's id
	Dismissed        EventKind = 12 // a walk-in that the cloud says is gone takes no unit of the allotment any more
	Commanded        EventKind = 13 // the staff has a lane do something; journalled before it does

	// Since 1.6, of a machine that takes money: see till.go.
	CashMoved   EventKind = 20 // coins or notes are in the machine, or gone, without a payment
	ShiftOpened EventKind = 21 // staff answers for the machine's cash from here on
	ShiftClosed EventKind = 22 // staff has counted and emptied the box
	HelpCalled  EventKind = 23 // somebody at the machine calls for help, or what became of a call
)

// Method is how a machine was paid.
type Method string

// The methods.
const (
	Cash Method = "cash" // coins or notes, less the change that was given
	Card Method = "card" // by the machine's terminal

	ShopPays   Method = "shop"   // a code that a shop gave; the shop owes it (since 1.6)
	CreditPays Method = "credit" // a credit that a machine gave instead of change; no money moves (since 1.6)
)

// Uncertain is the Uncertainty of a clock that has never been set.
const Uncertain = ^uint32(0)

// Event is one entry of an edge's journal. Seq counts from 1 without gaps in
// one journal. Boot and Mono order events and measure durations whatever the
// wall clock does.
type Event struct {
	Seq         uint64         `cbor:"1,keyasint"`
	Boot        id.Boot        `cbor:"2,keyasint"` // of the machine, as far as the agent can tell; until 1.1 of the agent
	Mono        uint64         `cbor:"3,keyasint"` // milliseconds since the boot, sleep included
	Wall        int64          `cbor:"4,keyasint"` // Unix milliseconds by the edge's best estimate
	Uncertainty uint32         `cbor:"5,keyasint"` // the true time is within Wall ± this many milliseconds
	Kind        EventKind      `cbor:"6,keyasint"`
	Lane        id.Lane        `cbor:"7,keyasint,omitempty"`
	Session     id.Session     `cbor:"8,keyasint,omitempty"`  // minted by the edge when it admits
	Reservation id.Reservation `cbor:"9,keyasint,omitempty"`  // none for a walk-in
	Generation  uint16         `cbor:"10,keyasint,omitempty"` // of the pass that was shown
	Reason      Reason         `cbor:"11,keyasint,omitempty"`
	SpaceType   id.SpaceType   `cbor:"12,keyasint,omitempty"`
	Offline     bool           `cbor:"13,keyasint,omitempty"` // no live link to the cloud when it happened
	Inferred    bool           `cbor:"14,keyasint,omitempty"` // concluded, not seen
	TrustedLo   int64          `cbor:"15,keyasint,omitempty"` // Unix milliseconds: it is surely this late
	Version     uint64         `cbor:"16,keyasint,omitempty"` // of the allotment adopted
	Units       uint16         `cbor:"17,keyasint,omitempty"` // of the allotment adopted
	Note        string         `cbor:"18,keyasint,omitempty"` // a fault's or a command's name; never a person's data
	Payment     id.Payment     `cbor:"19,keyasint,omitempty"` // minted by the machine; each is counted once
	Amount      int64          `cbor:"20,keyasint,omitempty"` // minor units that the machine kept
	Currency    money.Currency `cbor:"21,keyasint,omitempty"` // of Amount
	Method      Method         `cbor:"22,keyasint,omitempty"` // of the payment
	Bay         string         `cbor:"23,keyasint,omitempty"` // Admitted, Entered: where the driver was sent; none: no bay was free, or there are none
	By          string         `cbor:"24,keyasint,omitempty"` // Commanded: who of the staff, as the operator names them
	Why         string         `cbor:"25,keyasint,omitempty"` // Commanded: for the record
	Order       id.Order       `cbor:"26,keyasint,omitempty"` // Commanded: the order of the cloud that it answers (since 1.4)
	Code        string         `cbor:"27,keyasint,omitempty"` // Commanded: why the order was refused; the note says that it was (since 1.4)
	Until       int64          `cbor:"28,keyasint,omitempty"` // Paid: Unix milliseconds up to which it was priced; 0: until it was paid (since 1.5)

	Shop   uint16     `cbor:"32,keyasint,omitempty"` // Paid by a shop: its number (since 1.6)
	Serial uint32     `cbor:"33,keyasint,omitempty"` // Paid by a shop: of its code (since 1.6)
	Credit id.Payment `cbor:"34,keyasint,omitempty"` // Paid out of a credit: the payment that it was given as (since 1.6)

	CreditOf id.Session `cbor:"35,keyasint,omitempty"` // Paid out of a credit: the stay that it was given for (since 1.6)
	// Since 1.6, of a machine's cash.
	Shift    id.Shift `cbor:"40,keyasint,omitempty"` // ShiftOpened, ShiftClosed; CashMoved within one
	Expected int64    `cbor:"41,keyasint,omitempty"` // ShiftClosed: what should have been in the box, in minor units
	Taken    int64    `cbor:"42,keyasint,omitempty"` // ShiftClosed: what the machine kept in the shift
	Given    int64    `cbor:"43,keyasint,omitempty"` // ShiftClosed: what it paid out as change
	Stays    int64    `cbor:"44,keyasint,omitempty"` // ShiftClosed: what is in the hoppers afterwards
	Payments uint32   `cbor:"45,keyasint,omitempty"` // ShiftClosed: how many were made in cash
}

// NoteSlip is the note of a payment that is change which could not be given, and for which
// a slip was printed (since 1.6): it pays nothing of its own stay, and is used once, by the
// slip.
const NoteSlip = "credit_slip"

// Time is Wall as an instant.
func (e *Event) Time() time.Time { return time.UnixMilli(e.Wall).UTC() }

// Validate checks what each kind must carry.
func (e *Event) Validate() error {
	if err := errors.Join(
		check(e.Seq > 0, "an event's seq starts at 1"),
		check(!e.Boot.IsZero(), "an event names its boot"),
		check(e.Wall >= 0 && e.Wall < 1<<43, "wall time out of range"),
		check(e.TrustedLo >= 0 && e.TrustedLo < 1<<43, "trusted time out of range"),
		text("note", e.Note),
		text("by", e.By),
		text("why", e.Why),
		check(e.By == "" && e.Why == "" || e.Kind == Commanded || e.Kind.ofCash(), "only a command, or staff at a machine's cash, names who and why"),
		e.cash(),
		check(e.Order.IsZero() || e.Kind == Commanded, "only a command answers an order"),
		check(e.Code == "" || !e.Order.IsZero(), "only the answer to an order has a code"),
		short("code", e.Code, MaxCommand),
		check(e.Until == 0 || e.Kind == Paid && e.Until > 0 && e.Until < 1<<43, "only a payment says until when it was priced"),
		short("bay", e.Bay, MaxBay),
		check(e.Bay == "" || e.Kind == Admitted || e.Kind == Entered, "only an entry names a bay"),
		check(e.Reason == "" || e.Reason.Known(), "unknown reason code"),
		e.validatePaid(),
	); err != nil {
		return err
	}
	if e.Lane != "" {
		if err := lane(e.Lane); err != nil {
			return err
		}
	}
	if e.SpaceType != "" {
		if err := spaceType(e.SpaceType); err != nil {
			return err
		}
	}
	needSession := check(!e.Session.IsZero() && e.Lane != "", "event kind %d names its session and lane", e.Kind)
	switch e.Kind {
	case Admitted:
		return errors.Join(needSession, spaceType(e.SpaceType), check(e.Reason.Admits(), "an admission has an admitting reason"))
	case Entered, BackedOut:
		return needSession
	case Released:
		return errors.Join(needSession, check(e.Reason.Admits(), "a release has an admitting reason"))
	case Exited:
		return needSession
	case Refused:
		return errors.Join(check(e.Lane != "", "a refusal names its lane"), check(e.Reason.Refuses(), "a refusal has a refusing reason"))
	case TimeMark:
		return check(e.TrustedLo > 0, "a time mark carries the trusted time")
	case AllotmentAdopted:
		return errors.Join(spaceType(e.SpaceType), check(e.Version > 0, "an adoption names its version"))
	case Started:
		return nil
	case Paid:
		return errors.Join(needSession,
			check(!e.Payment.IsZero(), "a payment has an id"),
			check(e.Amount > 0 && e.Amount <= MaxAmount, "an amount is 1 to %d minor units", MaxAmount),
			currency(e.Currency),
			check(e.Method == Cash || e.Method == Card || e.Method == ShopPays || e.Method == CreditPays, "a payment is cash, card, shop or credit"))
	case Dismissed:
		return errors.Join(needSession, spaceType(e.SpaceType))
	case Commanded:
		return check(e.Lane != "" && e.Note != "" && e.By != "" && e.Why != "", "a command names its lane, itself, who and why")
	case CashMoved, ShiftOpened, ShiftClosed, HelpCalled:
		return e.till()
	case LaneFault:
		return check(e.Lane != "" && e.Note != "", "a fault names its lane and itself")
	default:
		return check(false, "unknown event kind %d", e.Kind)
	}
}

// Hash is the running hash of a journal: SHA-256 over the hash before it and
// the encoded event. The hash of the empty journal is all zero.
type Hash [sha256.Size]byte

// Next is the hash after one more encoded event.
func (h Hash) Next(event []byte) Hash {
	s := sha256.New()
	s.Write(h[:])
	s.Write(event)
	var n Hash
	s.Sum(n[:0])
	return n
}

// EventBatch carries a gapless run of encoded events, oldest first. The bytes
// of each event are those that were journalled: the running hash is over them.
type EventBatch struct {
	Journal id.Journal   `cbor:"1,keyasint"`
	Epoch   uint32       `cbor:"2,keyasint"`
	First   uint64       `cbor:"3,keyasint"` // seq of the first event
	Events  [][]byte     `cbor:"4,keyasint"`
	Mark    []byte       `cbor:"5,keyasint,omitempty"` // a time mark that comes later in the journal and says when events of the batch were (since 1.2)
	Traces  []EventTrace `cbor:"6,keyasint,omitempty"` // in which some of the events came to be (since 1.3); of those that are traced, the first MaxTraces
}

// Validate checks the envelope; Decode checks the events.
func (b *EventBatch) Validate() error {
	err := errors.Join(
		check(!b.Journal.IsZero(), "a batch names its journal"),
		check(b.Epoch > 0, "a batch carries the epoch it was welcomed with"),
		check(b.First > 0, "a batch starts at seq 1 or later"),
		check(len(b.Events) > 0 && len(b.Events) <= MaxBatch, "a batch has 1 to %d events", MaxBatch),
	)
	for _, e := range b.Events {
		if err == nil {
			err = check(len(e) > 0 && len(e) <= MaxEvent, "an event has 1 to %d bytes", MaxEvent)
		}
	}
	if err == nil {
		err = eventTraces(b.Traces, len(b.Events))
	}
	return errors.Join(err, check(len(b.Mark) <= MaxEvent, "an event has at most %d bytes", MaxEvent))
}

// DecodeMark decodes the mark ahead of its place in the journal; nil when there is
// none.
func (b *EventBatch) DecodeMark() (*Event, error) {
	if len(b.Mark) == 0 {
		return nil, nil
	}
	e, err := Unmarshal[Event](b.Mark)
	if err != nil {
		return nil, err
	}
	if err := check(e.Kind == TimeMark && e.Seq >= b.First+uint64(len(b.Events)), "the mark of a batch is a time mark after it"); err != nil {
		return nil, err
	}
	return &e, nil
}

// Decode decodes the events of a batch and checks that their numbers run on
// from First.
func (b *EventBatch) Decode() ([]Event, error) {
	out := make([]Event, len(b.Events))
	for i := range b.Events {
		e, err := b.DecodeAt(i)
		if err != nil {
			return nil, err
		}
		out[i] = e
	}
	return out, nil
}

// DecodeAt decodes the event at a place of the batch and checks that its seq is
// First plus that place. The cloud decodes one by one: a malformed event
// becomes an incident and does not block those behind it.
func (b *EventBatch) DecodeAt(place int) (Event, error) {
	e, err := Unmarshal[Event](b.Events[place])
	if err != nil {
		return Event{}, err
	}
	if err := check(e.Seq == b.First+uint64(place), "event %d of the batch has seq %d", place, e.Seq); err != nil {
		return Event{}, err
	}
	return e, nil
}
