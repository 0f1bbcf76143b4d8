package settlement

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// Fault codes of this package.
const (
	CodeUnknownPayment = "payment_not_found"    // no such payment in this parking
	CodeWrongState     = "payment_wrong_state"  // the payment does not ask for this
	CodeMismatch       = "payment_mismatch"     // the provider did something else than it was asked for
	CodeNoProvider     = "provider_unavailable" // this process has no access to the payment's provider
)

// HoldLost is the class of incident raised when a hold turned out to be gone
// at the time of the capture.
const HoldLost = "hold_lost"

// RecordCapture records that the provider took money from a hold: the payment
// is captured, the taking and the release of the rest are booked. What was taken by
// hand beyond what was to be taken is given back.
type RecordCapture struct {
	At       id.Parking
	Payment  id.Payment
	Outcome  payment.Outcome // Captured
	Incident id.Incident     // of another amount than was to be taken
}

// Parking implements commit.Op.
func (o RecordCapture) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordCapture) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o RecordCapture) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil || p.State == payment.Captured {
		return err
	}
	taken := o.Outcome.Captured
	switch {
	case p.State != payment.CaptureRequested:
		return wrongState(p, "captured")
	case o.Outcome.State != payment.Captured || taken.Currency != p.Amount.Currency || taken.Minor <= 0 || taken.Minor > p.Authorized:
		return mismatch(p, o.Outcome)
	}
	stay, err := stayOf(w, p.Reservation)
	if err != nil {
		return err
	}
	p.State, p.Captured = payment.Captured, taken.Minor
	p.UpdatedAt = now
	if err := earn(w, p, stay); err != nil {
		return err
	}
	if rest := p.Authorized - taken.Minor; rest > 0 {
		if err := w.Book(ledger.HoldReleased(p.Reservation, p.ID, money.New(rest, taken.Currency))); err != nil {
			return err
		}
	}
	shrink(p)
	if err := o.byHand(w, p, stay, now); err != nil {
		return err
	}
	tell(w, p)
	if p.Returns() { // it was asked for before there was anything to give back
		w.Emit(feed.RefundRequested, feed.Body{Payment: told(p)})
	}
	return nil
}

// byHand has what was taken beyond what was to be taken given back, and raises an
// incident about any other amount: we never take one, so somebody has at the provider.
func (o RecordCapture) byHand(w *commit.Work, p *payment.Payment, stay id.Session, now time.Time) error {
	if p.Captured == p.CaptureAmount {
		return nil
	}
	what := "What is missing is not asked for again."
	if more := p.Captured - p.CaptureAmount; more > 0 {
		what = "What is more is given back."
		// No tax: it was earned by nothing.
		if _, err := p.GiveBack(payment.Refunding{Reason: payment.ReasonByHand, Amount: more, At: now}); err != nil {
			return err
		}
	}
	c := p.Amount.Currency
	w.Raise(commit.Incident{
		ID: o.Incident, Class: TakenElsewhere, Reservation: p.Reservation, Session: stay, At: now,
		Detail: fmt.Sprintf("%s was captured at the payment provider, and not by us, where %s was to be taken. %s", money.New(p.Captured, c), money.New(p.CaptureAmount, c), what),
	})
	return nil
}

// earn books what a captured payment has taken.
func earn(w *commit.Work, p *payment.Payment, stay id.Session) error {
	if p.ForDebt() {
		return paid(w, p)
	}
	due, tax, err := collect(w, p)
	if err != nil {
		return err
	}
	return w.Book(ledger.Captured(p.Reservation, stay, p.ID, due, tax))
}

// RecordVoid records that a hold was given back, or that there never was one:
// the payment is voided, and what stood booked as held is released.
type RecordVoid struct {
	At      id.Parking
	Payment id.Payment
	Ref     string // of the hold that was given back; empty when there was none
}

// Parking implements commit.Op.
func (o RecordVoid) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordVoid) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o RecordVoid) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil || p.State == payment.Voided {
		return err
	}
	if p.State != payment.VoidRequested {
		return wrongState(p, "voided")
	}
	if p.Ref == "" { // so that a late answer about this hold is known to be settled
		p.Ref = o.Ref
	}
	return void(w, p, now)
}

// RecordLost records that a hold was gone when it was to be captured: what it
// should have covered is owed by the driver, and an incident tells it.
type RecordLost struct {
	At       id.Parking
	Payment  id.Payment
	Incident id.Incident
}

// Parking implements commit.Op.
func (o RecordLost) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordLost) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o RecordLost) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil || p.State == payment.Voided {
		return err
	}
	if p.State != payment.CaptureRequested {
		return wrongState(p, "recorded as lost")
	}
	r, err := w.Reservation(p.Reservation)
	if err != nil {
		return err
	}
	if p.ForDebt() {
		return o.debtLost(w, p, now)
	}
	if err := lower(w, p); err != nil {
		return err
	}
	// What was to be given back need not be taken.
	p.CaptureAmount, p.CaptureTax = charged(p)
	p.Refunds = nil
	lost := money.New(p.CaptureAmount, p.Amount.Currency)
	var stay id.Session
	if r != nil && !r.Session.IsZero() {
		stay = r.Session
		s, err := w.Session(stay)
		if err != nil {
			return err
		}
		if s != nil {
			owed := lost
			if s.Owed != nil {
				if owed, err = s.Owed.Add(lost); err != nil {
					return fmt.Errorf("add what a lost hold leaves owed: %w", err)
				}
			}
			s.Owed = &owed
			if err := Offset(w, s); err != nil {
				return err
			}
			w.PutSession(s)
		}
	}
	if !lost.IsZero() {
		if err := w.Book(ledger.StayOwed(p.Reservation, stay, lost, money.New(p.CaptureTax, lost.Currency))); err != nil {
			return err
		}
	}
	w.Raise(commit.Incident{
		ID: o.Incident, Class: HoldLost, Reservation: p.Reservation, Session: stay, At: now,
		Detail: fmt.Sprintf("The hold was gone when %s was to be taken from it. The driver owes it.", lost),
	})
	return void(w, p, now)
}

// debtLost puts a debt whose hold was gone back on its stay.
func (o RecordLost) debtLost(w *commit.Work, p *payment.Payment, now time.Time) error {
	if err := PutBack(w, p); err != nil {
		return err
	}
	w.Raise(commit.Incident{
		ID: o.Incident, Class: HoldLost, Reservation: p.Reservation, Session: p.Debt.Session, At: now,
		Detail: fmt.Sprintf("The hold was gone when %s was to be taken from it for what the stay owes. The driver owes it still.", money.New(p.CaptureAmount, p.Amount.Currency)),
	})
	return void(w, p, now)
}

func load(w *commit.Work, i id.Payment) (*payment.Payment, error) {
	p, err := w.Payment(i)
	if err == nil && p == nil {
		err = fault.New(fault.NotFound, CodeUnknownPayment, "There is no such payment.")
	}
	return p, err
}

func mismatch(p *payment.Payment, o payment.Outcome) error {
	return fault.Wrap(fmt.Errorf("%s of %s %d: asked for %d, the provider says %s %s", p.ID, p.Amount.Currency, p.Authorized, p.CaptureAmount, o.State, o.Captured),
		fault.Internal, CodeMismatch, "The payment provider took something else than it was asked for.")
}

func void(w *commit.Work, p *payment.Payment, now time.Time) error {
	return release(w, p, payment.Voided, now)
}

// release ends a payment and releases what is booked as held. A payment has
// Authorized above zero exactly when its hold is in the ledger.
func release(w *commit.Work, p *payment.Payment, to payment.State, now time.Time) error {
	p.State = to
	p.UpdatedAt = now
	if p.Authorized > 0 {
		if err := w.Book(ledger.HoldReleased(p.Reservation, p.ID, money.New(p.Authorized, p.Amount.Currency))); err != nil {
			return err
		}
	}
	tell(w, p)
	return nil
}

func tell(w *commit.Work, p *payment.Payment) {
	w.PutPayment(p)
	w.Emit(feed.PaymentChanged, feed.Body{Payment: told(p)})
}

func told(p *payment.Payment) *feed.Payment {
	return &feed.Payment{ID: p.ID, Reservation: p.Reservation, State: string(p.State), Version: p.Version + 1, Away: p.Debt.Away}
}

func wrongState(p *payment.Payment, what string) error {
	return fault.Newf(fault.Conflict, CodeWrongState, "A payment that is %s cannot be %s.", p.State, what)
}
