package fleet

import (
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/bay"
	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// exited ends the stay of a vehicle that is outside.
func (a *ApplyEvents) exited(w *commit.Work, e *wire.Event, m moment, now time.Time) error {
	s, err := w.Session(e.Session)
	if err != nil {
		return err
	}
	if s != nil && s.State == session.Left {
		return nil
	}
	about := e.Reservation
	if s != nil {
		about = s.Reservation
	}
	var r *reservation.Reservation
	if !about.IsZero() {
		if r, err = w.Reservation(about); err != nil {
			return err
		}
	}
	switch {
	case s == nil || s.State == session.OnlyPaid:
		return a.orphan(w, s, r, e, m, now)
	case s.State == session.Presumed:
		return a.appeared(w, s, r, e, m, now)
	default:
		return a.leave(w, s, r, e, m, now)
	}
}

// orphan is an exit whose entry was not seen under this session.
// paid is what is known of payments for it, nil when there were none.
func (a *ApplyEvents) orphan(w *commit.Work, paid *session.Session, r *reservation.Reservation, e *wire.Event, m moment, now time.Time) error {
	s := &session.Session{
		ID: e.Session, SpaceType: spaceType(e), State: session.Inside, EnteredAt: m.at, Inferred: true,
	}
	if err := begin(w, s, paid); err != nil {
		return err
	}
	if r != nil {
		other, err := stay(w, r, session.Inside)
		if err != nil {
			return err
		}
		if other != nil {
			if err := a.leave(w, other, r, e, m, now); err != nil {
				return err
			}
			raise(w, "X6", e, "a vehicle went out under another session than it came in; both are taken as one", now)
			return nil
		}
		gone, err := stay(w, r, session.Presumed)
		if err != nil {
			return err
		}
		if gone != nil {
			return a.appeared(w, gone, r, e, m, now)
		}
		if reservation.Next(r.State, reservation.CheckIn).Refusal == "" {
			// It went in unseen and stood on its reservation.
			s.SpaceType = r.SpaceType
			if err := a.checkIn(w, s, r, e, m, now); err != nil {
				return err
			}
			if err := a.leave(w, s, r, e, m, now); err != nil {
				return err
			}
			raise(w, "X6", e, "a vehicle went out whose entry was not seen; it was settled by its reservation", now)
			return nil
		}
	}
	s.State, s.ExitedAt, s.ExitLane, s.ExitReason = session.Left, m.at, e.Lane, e.Reason
	w.PutSession(s)
	raise(w, "X6", e, "a vehicle went out whose entry was not seen; nothing is charged", now)
	return nil
}

// leave closes a stay: capacity from the quarter of the exit on is free again,
// the reservation is completed and the money is asked for.
func (a *ApplyEvents) leave(w *commit.Work, s *session.Session, r *reservation.Reservation, e *wire.Event, m moment, now time.Time) error {
	at := m.at
	if at.Before(s.EnteredAt) {
		at = s.EnteredAt
	}
	p, err := paymentOf(w, r)
	if err != nil {
		return err
	}
	due, err := settle(w, s, r, p, at, m.doubt, true)
	if err != nil {
		return err
	}
	agreed, moved := s.TariffVersion, r
	if owns(r, s) {
		agreed = r.Quote.TariffVersion
	} else {
		moved = nil // it is left as it is
	}
	repriced := e.Offline && agreed != 0 && agreed != w.Parking.Tariff.Version
	stoodIn := s.Reservation.IsZero() && standsIn(e.Reason)
	followed := stoodIn && e.Note == wire.NoteTailgate
	billed := followed && w.Parking.Policy.Tailgates == parking.TailgatesBill
	if stoodIn && !billed {
		// Some vehicle went out that could not say which it was, and this stay was
		// closed in its place. Its driver is not charged for that.
		none := money.New(0, w.Parking.Tariff.Currency)
		due = settlement.Settlement{Basis: bill.NotSeen, Due: none, Tax: none, Paid: none, Lost: none, Capture: none, CaptureTax: none, Back: none, Owed: none, OwedTax: none}
	}

	problem, err := vacate(w, s, r, reservation.CheckOut, timerange.Floor(at), now)
	if err != nil {
		return err
	}
	if s.Allotted {
		a.After.Allotted[s.SpaceType]--
	}
	s.State, s.ExitedAt, s.ExitLane, s.ExitReason = session.Left, at, e.Lane, e.Reason
	s.Inferred = s.Inferred || e.Inferred || stoodIn
	if err := charge(w, s, moved, p, due, now); err != nil {
		return err
	}
	switch {
	case billed:
		raise(w, "X6", e, fmt.Sprintf("a vehicle followed another one out; the oldest walk-in was closed in its place, and of its price of %s, %s is owed", *s.Due, *s.Owed), now)
	case followed:
		raise(w, "X6", e, "a vehicle followed another one out; the oldest walk-in was closed in its place, and nothing is charged", now)
	case stoodIn:
		raise(w, "X6", e, "a vehicle went out without a credential of its own; the oldest walk-in was closed in its place, and nothing is charged", now)
	}
	if repriced {
		raise(w, "X11", e, "the tariff was changed while the edge was offline; the stay is priced by the edition that was quoted, or in force when it began", now)
	}
	if problem != nil {
		raise(w, "unapplied", e, "capacity could not be given back: "+safe(problem), now)
	}
	if due.Problem != nil {
		raise(w, "unapplied", e, "the tariff could not price the stay, in the driver's favour: "+due.Problem.Error(), now)
	}
	return nil
}

// vacate gives back what keeps the vehicle's place from the quarter out on and,
// when the stay is its reservation's, ends that by an event that moves it. A
// problem with the capacity keeps nobody inside: it is for the record.
func vacate(w *commit.Work, s *session.Session, r *reservation.Reservation, end reservation.Event, out timerange.Q, now time.Time) (problem, err error) {
	problem = release(w, s, r, out, now)
	if errors.Is(problem, commit.ErrMissing) {
		return nil, problem
	}
	if owns(r, s) {
		dropped := booking.LeaveOn(w, r, now)
		if errors.Is(dropped, commit.ErrMissing) {
			return nil, dropped
		}
		problem = errors.Join(problem, dropped)
		if _, err := r.Apply(end, now); err != nil {
			return nil, err // Active can be left
		}
		r.Claim.To = max(r.Claim.From, min(r.Claim.To, out))
		w.PutReservation(r)
		if err := bay.Rebind(w, r.SpaceType, nil, now); err != nil { // whoever has none may get this one
			return nil, err
		}
	}
	s.ClaimTo = min(s.ClaimTo, out)
	return problem, nil
}

// owns reports whether a stay is that of an active reservation.
func owns(r *reservation.Reservation, s *session.Session) bool {
	return r != nil && r.Session == s.ID && r.State == reservation.Active
}

// charge stores a stay that has ended with what it costs, tells it with the
// reservation that ended by it, and asks for the money: from the hold, from what was paid at machines, and the rest from
// the driver.
func charge(w *commit.Work, s *session.Session, r *reservation.Reservation, p *payment.Payment, due settlement.Settlement, now time.Time) error {
	debt := due.Debt()
	s.Due, s.Owed = &due.Due, &debt
	if due.Owed.Minor > 0 {
		if err := w.Book(ledger.StayOwed(s.Reservation, s.ID, due.Owed, due.OwedTax)); err != nil {
			return err // StayOwed balances by construction
		}
	}
	if err := settlement.Offset(w, s); err != nil {
		return err
	}
	w.PutSession(s)
	w.Emit(feed.SessionClosed, feed.Body{Session: tell(s, s.ExitedAt), Reservation: tellReservation(r), Bill: due.Bill(s.Reservation, s.ID)})
	if due.Ask(p, now) {
		due.WantMore(p, s.ID)
		w.PutPayment(p)
		w.Emit(feed.PaymentChanged, feed.Body{Payment: &feed.Payment{
			ID: p.ID, Reservation: p.Reservation, State: string(p.State), Version: p.Version + 1,
		}})
	}
	if due.Back.Minor > 0 {
		if err := settlement.ReturnUndue(w, p, due.Back.Minor, now); err != nil {
			return err
		}
	}
	if s.Credit > 0 {
		overpaid(w, s, now)
	}
	return nil
}

// paymentOf is the payment of a reservation, nil without one.
func paymentOf(w *commit.Work, r *reservation.Reservation) (*payment.Payment, error) {
	if r == nil || r.Payment.IsZero() {
		return nil, nil
	}
	return w.Payment(r.Payment)
}

// release gives back what keeps the vehicle's place from the quarter out on: the
// claim that was extended for it, or that of its reservation when that one was
// extended since.
func release(w *commit.Work, s *session.Session, r *reservation.Reservation, out timerange.Q, now time.Time) error {
	if s.Allotted {
		return nil // the unit stays with the allotment
	}
	if s.Reservation.IsZero() && s.ClaimTo > keep(now) {
		return restore(w, s)
	}
	stands := owns(r, s)
	to := s.ClaimTo // 0: nothing was counted
	if stands {
		to = max(to, r.Claim.To)
	}
	err := w.Release(s.SpaceType, timerange.Quarters{From: out, To: to}, 1)
	if err == nil || errors.Is(err, commit.ErrMissing) || !stands {
		return err
	}
	// The time before the window may not have been counted at the entry.
	own := timerange.Quarters{From: max(out, r.Claim.From), To: r.Claim.To}
	if again := w.Release(s.SpaceType, own, 1); again != nil {
		return err
	}
	return nil
}

// restore gives the unit of a walk-in who came under an earlier journal back to
// the allotment: no other claim of a walk-in reaches as far. Somebody whose entry
// is further on in the journal may have stood on it since. What is not granted
// of it is free again when the edge adopts, which it does after all that.
func restore(w *commit.Work, s *session.Session) error {
	al, err := w.Allotment(s.SpaceType)
	if err != nil {
		return err
	}
	if al == nil { // there was one when the claim became the stay's
		return fmt.Errorf("no allotment of %s", s.SpaceType)
	}
	if err := w.ClaimPresence(s.SpaceType, timerange.Quarters{From: s.ClaimTo, To: al.Until}, 1); err != nil {
		return err
	}
	al.Units++
	w.PutAllotment(al)
	emitAllotment(w, al, true)
	return nil
}

// settle prices the stay: what was quoted by the edition of the quote, anything
// else by the one that was in force at the entry. A reservation that had ended
// before the vehicle came is not held against its driver: what is due is the
// lower of its quote and what a walk-in pays. seen says whether somebody saw it leave.
func settle(w *commit.Work, s *session.Session, r *reservation.Reservation, p *payment.Payment, at time.Time, doubt time.Duration, seen bool) (settlement.Settlement, error) {
	walkIn, err := w.Tariff(s.TariffVersion)
	if err != nil {
		return settlement.Settlement{}, err
	}
	end := charged(w, s, at, doubt)
	in := settlement.ExitInput{
		Parking: w.Parking, Tariff: walkIn, EnteredAt: s.EnteredAt, ExitedAt: end, SpaceType: s.SpaceType, Unseen: !seen,
	}
	priced := func() settlement.Settlement {
		due := settlement.AtExit(in)
		if !end.Equal(at.Add(-max(doubt, 0))) {
			due.Until = &end
		}
		return due
	}
	if s.Inferred && s.EnteredAt.Equal(at) {
		in.EnteredAt = time.Time{}
	}
	if r == nil || s.Reservation != r.ID {
		return priced(), nil
	}
	in.Payment = p
	unreserved := priced()
	in.Reservation = r
	if in.Tariff, err = w.Tariff(r.Quote.TariffVersion); err != nil {
		return settlement.Settlement{}, err
	}
	quoted := priced()
	stands := r.State == reservation.Active || r.State == reservation.Completed && r.Session == s.ID
	if !stands && unreserved.Due.Currency == quoted.Due.Currency && unreserved.Due.Minor < quoted.Due.Minor {
		return unreserved, nil
	}
	return quoted, nil
}
