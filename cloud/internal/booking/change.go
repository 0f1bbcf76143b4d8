package booking

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// Snapshot is a reservation with its payments, as stored.
type Snapshot struct {
	Reservation reservation.Reservation
	Payment     payment.Payment
	Change      *payment.Payment // the one of its pending change; nil when none is pending

	// As stored; ops leave them out.
	Entered time.Time        // when its vehicle drove in; zero: it has not, or was not seen
	Owed    *money.Amount    // what its stay owes and no payment is under way for; nil before the end of one
	Debt    *payment.Payment // of what its stay owed, that is under way, else the newest; nil: none
}

// CodeReservationNotFound is the fault code for a reservation that does not
// exist or is not the caller's: the two are never told apart.
const CodeReservationNotFound = "reservation_not_found"

func errNotFound() error {
	return fault.New(fault.NotFound, CodeReservationNotFound, "There is no such reservation, or its token is not right.")
}

// Target names the reservation that an op works on.
type Target struct {
	In    id.Parking
	ID    id.Reservation
	Known *Snapshot // what the caller has read, if anything: it only says what to load
}

// TargetOf is the target of a reservation that was read.
func TargetOf(s Snapshot) Target {
	return Target{In: s.Reservation.Parking, ID: s.Reservation.ID, Known: &s}
}

// Parking implements commit.Op.
func (t Target) Parking() id.Parking { return t.In }

// Prefetch implements commit.Op.
func (t Target) Prefetch(r *commit.Rows) {
	r.Reservations = append(r.Reservations, t.ID)
	if t.Known != nil {
		r.Payments = append(r.Payments, t.Known.Payment.ID)
		if t.Known.Change != nil {
			r.Payments = append(r.Payments, t.Known.Change.ID)
		}
		for _, h := range t.Known.Reservation.Holds() {
			r.Quarters(h.Type, h.Quarters)
		}
	}
}

// change is a reservation and its payments under an op's hands.
type change struct {
	hand      // its payment
	r         *reservation.Reservation
	pending   *hand // the payment of its pending change; nil when none is pending
	moved     bool
	bill      *bill.Bill // what its end is charged; told with it
	confirmed bool       // this run gave it a pass, with its last event
}

// hand is a payment under an op's hands.
type hand struct {
	w   *commit.Work
	now time.Time
	p   *payment.Payment

	movedPayment bool
}

func (t Target) load(w *commit.Work, now time.Time) (*change, error) {
	r, err := w.Reservation(t.ID)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, errNotFound()
	}
	c := &change{r: r}
	own, err := take(w, now, r, r.Payment)
	if err != nil {
		return nil, err
	}
	c.hand = *own
	if r.Pending != nil {
		if c.pending, err = take(w, now, r, r.Pending.Payment); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func take(w *commit.Work, now time.Time, r *reservation.Reservation, i id.Payment) (*hand, error) {
	p, err := w.Payment(i)
	if err != nil {
		return nil, err
	}
	if p == nil || p.Reservation != r.ID {
		return nil, fmt.Errorf("reservation %s has no payment %s", r.ID, i)
	}
	return &hand{w: w, now: now, p: p}, nil
}

// pay moves the payment and tells it.
func (c *hand) pay(to payment.State) error {
	if !c.p.State.CanBecome(to) {
		return fmt.Errorf("payment %s cannot go from %s to %s", c.p.ID, c.p.State, to)
	}
	c.p.State = to
	c.tellPayment()
	return nil
}

// tellPayment stores the payment as it is and tells it.
func (c *hand) tellPayment() {
	c.p.UpdatedAt = c.now
	c.movedPayment = true
	c.w.PutPayment(c.p)
	c.w.Emit(feed.PaymentChanged, feed.Body{Payment: paymentBody(c.p)})
}

// giveBack asks for the payment's hold to be given back, whether or not there
// is one already: the completer finds out. A payment that is settled stays.
func (c *hand) giveBack() error {
	if c.p.State == payment.MethodKept { // there is nothing that anybody could give back
		return c.pay(payment.Voided)
	}
	if !c.p.State.CanBecome(payment.VoidRequested) {
		return nil
	}
	return c.pay(payment.VoidRequested)
}

// tellReservation stores the reservation as it is and tells it.
func (c *change) tellReservation(k feed.Kind) {
	c.r.UpdatedAt = c.now
	c.moved = true
	c.w.PutReservation(c.r)
	c.w.Emit(k, feed.Body{Reservation: reservationBody(c.r), Bill: c.bill})
}

// free are the ends that cost nothing, once the reservation was confirmed.
var free = map[reservation.State]bill.Basis{
	reservation.Cancelled: bill.Cancelled, reservation.Walked: bill.Walked, reservation.Voided: bill.Voided,
}

// end applies an event that ends the reservation, releases what it still holds
// from the current quarter on, and tells it. The quarters of its claim that have
// passed stay on record as claimed: nobody can buy them any more. A pending
// change comes to nothing.
func (c *change) end(e reservation.Event, k feed.Kind) error {
	secured := c.r.State != reservation.Held
	changed, err := c.r.Apply(e, c.now)
	if err != nil || !changed {
		return err
	}
	if basis, free := free[c.r.State]; free && secured && c.bill == nil {
		nothing := bill.Nothing(basis, c.r.Quote.Total.Currency)
		nothing.Reservation = c.r.ID
		c.bill = &nothing
	}
	if err := c.drop(); err != nil {
		return err
	}
	ahead := c.r.Claim
	ahead.From = min(max(ahead.From, timerange.Floor(c.now)), ahead.To)
	if !ahead.Empty() {
		if err := c.w.Release(c.r.SpaceType, ahead, 1); err != nil {
			return fmt.Errorf("release %s: %w", c.r.ID, err)
		}
	}
	c.r.Claim.To, c.r.Space = ahead.From, ""
	c.tellReservation(k)
	return nil
}

// after is the snapshot as the commit will store it.
func (c *change) after() Snapshot {
	s := Snapshot{Reservation: *c.r, Payment: c.stored()}
	if c.moved {
		s.Reservation.Version++
	}
	if c.pending != nil {
		p := c.pending.stored()
		s.Change = &p
	}
	return s
}

// stored is the payment as the commit will store it.
func (c *hand) stored() payment.Payment {
	p := *c.p
	if c.movedPayment {
		p.Version++
	}
	return p
}

func reservationBody(r *reservation.Reservation) *feed.Reservation {
	return &feed.Reservation{
		ID: r.ID, State: string(r.State), Version: r.Version + 1, Generation: r.Generation,
		SpaceType: r.SpaceType, From: r.Window.From, To: r.Window.To, Space: r.Space,
	}
}

func paymentBody(p *payment.Payment) *feed.Payment {
	return &feed.Payment{ID: p.ID, Reservation: p.Reservation, State: string(p.State), Version: p.Version + 1, Away: p.Debt.Away}
}
