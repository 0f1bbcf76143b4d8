package fleet

import (
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
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
	if s != nil {
		return a.leave(w, s, r, e, m, now)
	}
	return a.orphan(w, r, e, m, now)
}

// orphan is an exit whose entry was not seen under this session.
func (a *ApplyEvents) orphan(w *commit.Work, r *reservation.Reservation, e *wire.Event, m moment, now time.Time) error {
	s := &session.Session{
		ID: e.Session, SpaceType: spaceType(e), State: session.Inside, EnteredAt: m.at, Inferred: true,
	}
	if r != nil {
		other, err := inside(w, r)
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
	var p *payment.Payment
	if r != nil && !r.Payment.IsZero() {
		var err error
		if p, err = w.Payment(r.Payment); err != nil {
			return err
		}
	}
	due := settle(w, s, r, p, at, m.doubt)
	repriced := e.Offline && r != nil && r.Session == s.ID && r.State == reservation.Active &&
		r.Quote.TariffVersion != 0 && r.Quote.TariffVersion != w.Parking.Tariff.Version
	stoodIn := s.Reservation.IsZero() && (e.Reason == wire.AdmitPolicy || e.Reason == wire.AdmitSoftPassback)
	if stoodIn {
		// Some vehicle went out that could not say which it was, and this stay was
		// closed in its place. Its driver is not charged for that.
		none := money.New(0, w.Parking.Tariff.Currency)
		due = settlement.Settlement{Basis: bill.NotSeen, Due: none, Tax: none, Paid: none, Lost: none, Capture: none, CaptureTax: none, Owed: none, OwedTax: none}
	}

	out := timerange.Floor(at)
	problem := a.release(w, s, r, out, now)
	if errors.Is(problem, commit.ErrMissing) {
		return problem
	}
	if r != nil && r.Session == s.ID && r.State == reservation.Active {
		dropped := booking.LeaveOn(w, r, now)
		if errors.Is(dropped, commit.ErrMissing) {
			return dropped
		}
		problem = errors.Join(problem, dropped)
		if _, err := r.Apply(reservation.CheckOut, now); err != nil {
			return err // Active can be checked out
		}
		r.Claim.To = max(r.Claim.From, min(r.Claim.To, out))
		w.PutReservation(r)
	} else {
		r = nil // it was left as it is
	}
	if s.Allotted {
		a.After.Allotted[s.SpaceType]--
	}
	s.State, s.ExitedAt, s.ExitLane, s.ExitReason = session.Left, at, e.Lane, e.Reason
	s.ClaimTo = min(s.ClaimTo, out)
	s.Inferred = s.Inferred || e.Inferred || stoodIn
	debt := due.Debt()
	s.Due, s.Owed = &due.Due, &debt
	w.PutSession(s)
	w.Emit(feed.SessionClosed, feed.Body{Session: tell(s, at), Reservation: tellReservation(r), Bill: due.Bill(s.Reservation, s.ID)})
	if due.Ask(p, now) {
		w.PutPayment(p)
		w.Emit(feed.PaymentChanged, feed.Body{Payment: &feed.Payment{
			ID: p.ID, Reservation: p.Reservation, State: string(p.State), Version: p.Version + 1,
		}})
	}
	if due.Owed.Minor > 0 {
		if err := w.Book(ledger.StayOwed(s.Reservation, s.ID, due.Owed, due.OwedTax)); err != nil {
			return err // StayOwed balances by construction
		}
	}
	if stoodIn {
		raise(w, "X6", e, "a vehicle went out without a credential of its own; the oldest walk-in was closed in its place, and nothing is charged", now)
	}
	if repriced {
		raise(w, "X11", e, "the tariff was changed while the edge was offline; what was quoted stands", now)
	}
	if problem != nil {
		raise(w, "unapplied", e, "capacity could not be given back: "+safe(problem), now)
	}
	if due.Problem != nil {
		raise(w, "unapplied", e, "the tariff could not price the stay, in the driver's favour: "+due.Problem.Error(), now)
	}
	return nil
}

// release gives back what keeps the vehicle's place from the quarter out on: the
// claim that was extended for it, or that of its reservation when that one was
// extended since.
func (a *ApplyEvents) release(w *commit.Work, s *session.Session, r *reservation.Reservation, out timerange.Q, now time.Time) error {
	if s.Allotted {
		return nil // the unit stays with the allotment
	}
	if s.Reservation.IsZero() && s.ClaimTo > keep(now) {
		return restore(w, s)
	}
	stands := r != nil && r.Session == s.ID && r.State == reservation.Active
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

// settle prices the stay. A reservation that had ended before the vehicle came
// is not held against its driver: what is due is the lower of its quote and
// what a walk-in pays.
func settle(w *commit.Work, s *session.Session, r *reservation.Reservation, p *payment.Payment, at time.Time, doubt time.Duration) settlement.Settlement {
	in := settlement.ExitInput{
		Parking: w.Parking, Reservation: r, Payment: p, EnteredAt: s.EnteredAt, ExitedAt: at,
		ExitDoubt: doubt, SpaceType: s.SpaceType,
	}
	if s.Inferred && s.EnteredAt.Equal(at) {
		in.EnteredAt = time.Time{}
	}
	if r == nil || s.Reservation != r.ID {
		in.Reservation, in.Payment = nil, nil
		return settlement.AtExit(in)
	}
	quoted := settlement.AtExit(in)
	if r.State == reservation.Active {
		return quoted
	}
	in.Reservation = nil
	if walkIn := settlement.AtExit(in); walkIn.Due.Currency == quoted.Due.Currency && walkIn.Due.Minor < quoted.Due.Minor {
		return walkIn
	}
	return quoted
}
