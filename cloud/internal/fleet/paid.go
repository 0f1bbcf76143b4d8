package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// paid counts what a machine took for a stay, once for each payment of the
// machine. It is the driver's until the stay ends; then it pays what no hold
// covers, and what is left of it stays his (X9). So the order in which the
// payment and the exit come does not matter, and nothing is lost when the cloud
// had closed the stay before.
func paid(w *commit.Work, e *wire.Event, m moment, now time.Time) error {
	s, err := w.Session(e.Session)
	if err != nil {
		return err
	}
	if s == nil {
		s = &session.Session{ID: e.Session, SpaceType: spaceType(e), State: session.OnlyPaid, EnteredAt: m.at, ExitedAt: m.at, Inferred: true}
	}
	if slices.ContainsFunc(s.Payments, func(p session.Paid) bool { return p.ID == e.Payment }) {
		return nil
	}
	amount := money.New(e.Amount, e.Currency)
	again, err := received(w, s, e, amount, now)
	if err != nil {
		return err
	}
	s.Payments = append(slices.Clip(s.Payments), session.Paid{
		ID: e.Payment, Amount: amount, Method: e.Method, Kiosk: e.Lane, At: m.at, Until: pricedUntil(e, m), Shop: e.Shop, Serial: e.Serial, Again: again, Slip: e.Note == wire.NoteSlip,
	})
	if err := w.Book(ledger.ChangeKept(s.Reservation, s.ID, amount)); err != nil {
		return err
	}
	if e.Currency != w.Parking.Tariff.Currency {
		w.PutSession(s)
		raise(w, "X9", e, fmt.Sprintf("%s was paid at a machine, which is not the parking's money; it is kept for the driver", amount), now)
		return nil
	}
	if e.Note == wire.NoteSlip { // whoever has the slip pays with it, for this stay or another
		w.PutSession(s)
		return nil
	}
	before := *s
	before.Payments = s.Payments[:len(s.Payments)-1]
	s.Credit += e.Amount
	if s.Owed != nil {
		if err := reprice(w, &before, s, now); err != nil {
			return err
		}
	}
	if err := settlement.Offset(w, s); err != nil {
		return err
	}
	w.PutSession(s)
	if before.Credit == 0 && s.Credit > 0 && (s.Owed != nil || s.State == session.OnlyPaid) {
		overpaid(w, s, now)
	}
	return nil
}

// overpaid puts a credit on record.
func overpaid(w *commit.Work, s *session.Session, now time.Time) {
	detail := "more was paid at machines than the stay cost beyond its hold; the rest is kept for the driver"
	if s.State == session.OnlyPaid {
		detail = "a machine was paid for a stay that is not known; it is kept for the driver"
	}
	w.Raise(commit.Incident{
		ID: id.New[id.Incident](now), Class: "X9", Reservation: s.Reservation, Session: s.ID, At: s.ExitedAt, Detail: detail,
	})
}

// pricedUntil is up to when a payment's stay was priced, if it says so and its time
// is to be trusted.
func pricedUntil(e *wire.Event, m moment) time.Time {
	if e.Until == 0 || m.wrong {
		return time.Time{}
	}
	return time.UnixMilli(e.Until).UTC()
}

// charged is when the time ends that is charged: at the exit, the earliest that
// it can have been, or at a payment when the exit came within the time that the
// tariff gives to reach it.
func charged(w *commit.Work, s *session.Session, at time.Time, doubt time.Duration) time.Time {
	paid := make([]till.Payment, len(s.Payments))
	for i, p := range s.Payments {
		paid[i] = till.Payment{At: p.At, Until: p.Until, Slip: p.Slip}
	}
	return till.Charged(s.EnteredAt, at.Add(-max(doubt, 0)), at, w.Parking.Grace().ExitAfterPayment, paid)
}

// reprice changes what an ended stay costs by what a payment tells of which the
// cloud hears after the end: of a stay that is presumed to have ended, that it
// lasted until then; of another, that it need not pay for the way to the exit.
func reprice(w *commit.Work, before, s *session.Session, now time.Time) error {
	if s.State == session.Left && s.Reservation.IsZero() && standsIn(s.ExitReason) && s.Due.Minor == 0 {
		return nil // its driver is not charged; who followed another one out may be
	}
	from, to := s.ExitedAt, s.ExitedAt
	if s.State == session.Presumed {
		from, to = before.Seen(), s.Seen()
		s.ExitedAt = to
	}
	r, err := reservationOf(w, s)
	if err != nil {
		return err
	}
	was, err := settle(w, before, r, nil, from, 0, s.State != session.Presumed)
	if err != nil {
		return err
	}
	is, err := settle(w, s, r, nil, to, 0, s.State != session.Presumed)
	if err != nil {
		return err
	}
	p, err := paymentOf(w, r)
	if err != nil {
		return err
	}
	if err := rebill(w, s, p, was, is, now); err != nil {
		return err
	}
	w.Emit(feed.StayRebilled, feed.Body{Bill: is.Bill(s.Reservation, s.ID)})
	return nil
}

// rebill books the difference of two prices of a stay that has ended. What its
// hold took beyond the new price is given back; what it is owed less than nothing
// then is for Offset.
func rebill(w *commit.Work, s *session.Session, p *payment.Payment, was, is settlement.Settlement, now time.Time) error {
	more := max(is.Due.Minor-was.Due.Minor, -s.Due.Minor)
	priced := is.Problem == nil
	if more == 0 || !priced {
		return nil
	}
	tax := min(max(is.Tax.Minor-was.Tax.Minor, min(more, 0)), max(more, 0))
	c := s.Due.Currency
	if p != nil && p.Amount.Currency == c {
		back := min(p.Left()-(s.Due.Minor+more), -more, -more-s.Owed.Minor)
		if back > 0 {
			if err := settlement.ReturnUndue(w, p, back, now); err != nil {
				return err
			}
			less := money.New(s.Due.Minor-back, c)
			s.Due, more = &less, more+back
			if tax += p.Refunds[len(p.Refunds)-1].Tax; more == 0 {
				return nil
			}
			tax = max(min(tax, 0), more)
		}
	}
	due, owed := money.New(s.Due.Minor+more, c), money.New(s.Owed.Minor+more, c)
	s.Due, s.Owed = &due, &owed
	return w.Book(ledger.StayOwed(s.Reservation, s.ID, money.New(more, c), money.New(tax, c)))
}

// reservationOf is the reservation of a stay, nil without one.
func reservationOf(w *commit.Work, s *session.Session) (*reservation.Reservation, error) {
	if s.Reservation.IsZero() {
		return nil, nil
	}
	return w.Reservation(s.Reservation)
}

// standsIn reports whether somebody who could not say who he was, or was not asked,
// left for this reason.
func standsIn(r wire.Reason) bool {
	switch r {
	case wire.AdmitPolicy, wire.AdmitSoftPassback, wire.AdmitManual, wire.AdmitEmergency:
		return true
	default:
		return false
	}
}
