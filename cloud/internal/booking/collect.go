package booking

import (
	"context"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// How long a payment of a debt waits for its driver's second step: one that he asked
// for himself, and one that a mail tells him of.
const (
	PayWithin     = 30 * time.Minute
	PayAwayWithin = 72 * time.Hour
)

// collectable reports whether what a stay owes is to be asked for at the bank while
// its driver is away: it has ended, its reservation with it, and there is no hold
// any more that could pay. It is a pure rule.
func collectable(r *reservation.Reservation, p *payment.Payment, s *session.Session) bool {
	if r.State != reservation.Completed || r.Session != s.ID || s.Owed == nil || s.Owed.Minor <= 0 ||
		s.Owed.Currency != p.Amount.Currency || !s.Paying.IsZero() {
		return false
	}
	switch p.State {
	case payment.Captured, payment.Voided, payment.Lapsed, payment.MethodKept:
		return true
	default:
		return false
	}
}

// Collect asks for what a stay owes on the card that its reservation was paid with,
// once for each stay, if the rule says so: it puts the payment that is to be asked
// for. Applied again it finds it.
type Collect struct {
	Target
	Able map[string]bool // providers that can be asked while a driver is away

	// Set by Apply.
	After Snapshot
	About *payment.Payment // that is to be asked for; nil: none
}

// Prefetch implements commit.Op.
func (o *Collect) Prefetch(r *commit.Rows) { r.Reservations = append(r.Reservations, o.ID) }

// Apply implements commit.Op.
func (o *Collect) Apply(w *commit.Work, now time.Time) error {
	o.About = nil
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	o.After = c.after()
	if c.r.Session.IsZero() {
		return nil
	}
	s, err := w.Session(c.r.Session)
	if err != nil || s == nil {
		return err
	}
	i := debtPayment(c.r.ID, "by the clock", s.ID.Bytes())
	known, err := w.Payment(i)
	switch {
	case err != nil:
		return err
	case known != nil && known.State == payment.Requested:
		o.About = known
	case known == nil && o.Able[c.p.Provider] && collectable(c.r, c.p, s):
		o.About = c.owing(s, &payment.Payment{ID: i, Provider: c.p.Provider, Method: payable(c.p), Debt: payment.Debt{Away: true}})
	}
	return nil
}

// Collect asks for what a stay owes while its driver is away, if it is time to. That
// the bank says no, or asks for its driver, is no error: he is told.
func (s *Service) Collect(ctx context.Context, at id.Parking, r id.Reservation) error {
	op := &Collect{Target: Target{In: at, ID: r}, Able: map[string]bool{}}
	for _, p := range s.providers() {
		can := p.Capabilities()
		op.Able[p.Name()] = can.Secures && can.SaveMethod
	}
	if _, err := s.Commits.Commit(ctx, op); err != nil || op.About == nil {
		return err
	}
	_, err := s.hold(ctx, op.After, *op.About)
	if code := fault.Code(err); code == CodeDeclined || code == CodePaymentGone {
		return nil
	}
	return err
}

// DropDebt gives up a payment of a debt whose driver did not take its second step in
// time; the debt is on the stay again.
type DropDebt struct {
	In      id.Parking
	Payment id.Payment
}

// Parking implements commit.Op.
func (o DropDebt) Parking() id.Parking { return o.In }

// Prefetch implements commit.Op.
func (o DropDebt) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o DropDebt) Apply(w *commit.Work, now time.Time) error {
	p, err := w.Payment(o.Payment)
	if err != nil || p == nil || !p.ForDebt() || p.State != payment.RequiresAction {
		return err
	}
	within := PayWithin
	if p.Debt.Away {
		within = PayAwayWithin
	}
	if now.Before(p.UpdatedAt.Add(within)) {
		return nil
	}
	h := &hand{w: w, now: now, p: p}
	return h.callOff()
}

// DropDebt gives up a payment of a debt whose second step was not taken in time;
// before that it changes nothing.
func (s *Service) DropDebt(ctx context.Context, at id.Parking, p id.Payment) error {
	_, err := s.Commits.Commit(ctx, DropDebt{In: at, Payment: p})
	return err
}
