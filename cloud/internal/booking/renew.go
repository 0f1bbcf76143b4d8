package booking

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// A hold does not stand for ever. Before it lapses, another one of the same price
// is placed beside it, as a change of the reservation that changes nothing but the
// payment; the commit that books it makes it the reservation's and asks for the
// old one to be given back. So only one of the two can ever be captured, and while
// the new one is not there the old one is. Where only a method is saved, the first
// hold is placed in the same way.

// Timing of renewals. Banks punish who asks again and again: there are at most
// twice renewTries for one hold.
const (
	renewBefore = 24 * time.Hour // before it lapses, or before a stay begins that has none; at most half of the hold's life
	renewTries  = 6              // in that time, and again after it has lapsed
	renewLate   = 4 * time.Hour  // between tries after it has lapsed
	renewSlack  = time.Hour      // after the stay, for its exit to be heard of and taken from the hold
	renewLatest = time.Hour      // before a stay begins that has no hold
)

// renewal says whether a hold is to be placed in the place of a reservation's
// payment now, and the how-manieth try it is. life is how long the provider's
// holds stand at the least; 0: they do not lapse. It is a pure rule.
func renewal(r *reservation.Reservation, p *payment.Payment, grace, life time.Duration, now time.Time) (try uint32, due bool) {
	if r.State != reservation.Confirmed && r.State != reservation.Active || r.Quote.Total.Minor <= 0 {
		return 0, false
	}
	end := r.Window.To.Add(grace)
	if r.State == reservation.Active && now.After(end) {
		end = now
	}
	end = end.Add(renewSlack)
	var opens, closes time.Time
	var step time.Duration
	switch p.State {
	case payment.Authorized:
		if p.CaptureBefore.IsZero() || !p.CaptureBefore.Before(end) {
			return 0, false
		}
		margin := min(renewBefore, max(p.CaptureBefore.Sub(p.UpdatedAt)/2, 0))
		opens, closes, step = p.CaptureBefore.Add(-margin), p.CaptureBefore, margin/renewTries
	case payment.Lapsed:
		opens, step = p.UpdatedAt, renewLate
		closes = opens.Add(renewTries * step)
		try = renewTries
	case payment.MethodKept:
		from := r.Window.From
		opens = from.Add(-renewBefore)
		if covers := end.Add(-life); life > 0 && covers.After(opens) {
			opens = covers
		}
		if latest := from.Add(-renewLatest); opens.After(latest) {
			opens = latest
		}
		closes, step = from, from.Sub(opens)/renewTries
	default:
		return 0, false
	}
	if now.Before(opens) || !now.Before(closes) || step <= 0 {
		return 0, false
	}
	return try + uint32(now.Sub(opens)/step), true
}

// saves says whether a method is saved in the place of a hold: the hold would lapse
// before the stay is over, and there is time to place one before it begins. It is a
// pure rule.
func saves(w timerange.Range, life time.Duration, now time.Time) bool {
	return life > 0 && w.To.Add(renewSlack).After(now.Add(life)) && w.From.Sub(now) > renewBefore
}

// Renew places a hold in the place of a reservation's payment, if the rule says
// so: it puts the payment that is to be asked for. Applied again it finds it.
type Renew struct {
	Target
	Lives map[string]time.Duration // of the holds of each provider that can be asked, at the least; payments of others are left alone

	// Set by Apply.
	After Snapshot
	About *payment.Payment // that is to be asked for; nil: none
}

// Prefetch implements commit.Op.
func (o *Renew) Prefetch(r *commit.Rows) {
	r.Reservations = append(r.Reservations, o.ID)
	if o.Known != nil {
		r.Payments = append(r.Payments, o.Known.Payment.ID)
	}
}

// Apply implements commit.Op.
func (o *Renew) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	o.About = nil
	life, asked := o.Lives[c.p.Provider]
	try, due := renewal(c.r, c.p, w.Parking.Policy.ExitGrace, life, now)
	fresh := renewed(c.r.ID, c.p.ID, try)
	if due && asked && c.pending == nil {
		known, err := w.Payment(fresh)
		if err != nil {
			return err
		}
		if known == nil {
			c.renew(fresh)
		}
	}
	o.After = c.after()
	if c.pending != nil && c.pending.p.ID == fresh && c.pending.p.State == payment.Requested {
		p := c.pending.stored()
		o.About = &p
	}
	return nil
}

// renew puts a payment that is to take the place of the reservation's.
func (c *change) renew(i id.Payment) {
	r := c.r
	p := &payment.Payment{
		ID: i, Reservation: r.ID, State: payment.Requested, Provider: c.p.Provider, Method: payable(c.p),
		Amount: r.Quote.Total, UpdatedAt: c.now,
	}
	c.pending = &hand{w: c.w, now: c.now, p: p}
	c.pending.tellPayment()
	r.Pending = &reservation.Change{
		Window: r.Window, SpaceType: r.SpaceType, Claim: r.Claim, Quote: r.Quote, Payment: i,
		Until: c.now.Add(c.w.Parking.Policy.HoldTTL), Renews: true,
	}
	c.touch()
}

// payable is the method that another payment of the reservation is paid with.
func payable(p *payment.Payment) string {
	if p.State == payment.MethodKept {
		return p.Ref // as which it was saved
	}
	return p.Method
}

// waitsUntil is until when a renewal waits for its driver's second step.
func (c *change) waitsUntil() time.Time {
	var until time.Time
	switch c.p.State {
	case payment.Authorized:
		until = c.p.CaptureBefore
	case payment.MethodKept:
		until = c.r.Window.From
	default:
		until = c.r.Window.To
	}
	if least := c.now.Add(c.w.Parking.Policy.HoldTTL); until.Before(least) {
		return least
	}
	return until
}

// swap makes a payment that has been secured the reservation's. Nothing else
// about the reservation changes, and its pass stays good.
func (c *change) swap() error {
	old := c.hand
	if err := old.giveBack(); err != nil {
		return err
	}
	c.hand, c.pending = *c.pending, nil
	c.r.Pending, c.r.Payment = nil, c.p.ID
	c.touch()
	return nil
}

// abandon drops a pending change and tells it; a renewal was never told.
func (c *change) abandon() error {
	renews := c.r.Pending != nil && c.r.Pending.Renews
	if err := c.drop(); err != nil {
		return err
	}
	if renews {
		c.touch()
	} else {
		c.tellReservation(feed.ChangeDropped)
	}
	return nil
}

// Renew places a hold in the place of one that lapses too early, or where only a
// method is saved, if it is time to. A decline is no error: the next try is the
// rule's.
func (s *Service) Renew(ctx context.Context, at id.Parking, r id.Reservation) error {
	op := &Renew{Target: Target{In: at, ID: r}, Lives: map[string]time.Duration{}}
	for _, p := range s.providers() {
		if can := p.Capabilities(); can.Secures {
			op.Lives[p.Name()] = can.HoldLife
		}
	}
	if _, err := s.Commits.Commit(ctx, op); err != nil || op.About == nil {
		return err
	}
	taken, err := s.takenByHand(ctx, op.After)
	if err == nil && !taken {
		_, err = s.hold(ctx, op.After, *op.About)
	}
	if fault.Code(err) == CodeDeclined {
		return nil
	}
	return err
}

// takenByHand reports whether the hold that is to be replaced was captured, and
// not by us: then there is nothing to renew, and another hold would be taken as
// well. It puts that on record and drops the renewal.
func (s *Service) takenByHand(ctx context.Context, at Snapshot) (bool, error) {
	old := at.Payment
	if old.State != payment.Authorized {
		return false, nil
	}
	with, err := s.providerOf(&old)
	if err != nil {
		return false, err
	}
	out, err := s.try(ctx, func(ctx context.Context) (payment.Outcome, error) { return with.Find(ctx, old.Key(payment.CallHold)) })
	switch {
	case errors.Is(err, payment.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at the hold that is to be renewed: %w", err)
	case out.State != payment.Captured:
		return false, nil
	}
	if _, err := s.Commits.Commit(ctx, settlement.RecordTaken{At: at.Reservation.Parking, Payment: old.ID, Incident: id.New[id.Incident](s.Now())}); err != nil {
		return true, err
	}
	_, err = s.record(ctx, &RecordHold{
		Target: TargetOf(at), Payment: at.Change.ID, Outcome: payment.Outcome{State: payment.Declined, DeclineCode: settlement.TakenElsewhere},
	})
	return true, err
}

// saver keeps the method of a payment that is not to be held yet; nil: it is held.
func (s *Service) saver(r *reservation.Reservation, p *payment.Payment) payment.Saver {
	with, err := s.providerOf(p)
	if err != nil || p.ForDebt() {
		return nil
	}
	can := with.Capabilities()
	saver, is := with.(payment.Saver)
	window := r.Window
	if c := r.Pending; c != nil && c.Payment == p.ID {
		if c.Renews {
			return nil
		}
		window = c.Window
	}
	if !is || !can.SaveMethod || p.Amount.Minor == 0 || !saves(window, can.HoldLife, s.Now()) {
		return nil
	}
	return saver
}

// renewed is the payment of one try to take the place of another payment. It
// follows from both, so that a try that is made again finds itself.
func renewed(r id.Reservation, of id.Payment, try uint32) id.Payment {
	h := sha256.New()
	h.Write([]byte("renewal-payment-1:"))
	h.Write(r.Bytes())
	h.Write(of.Bytes())
	h.Write(binary.BigEndian.AppendUint32(nil, try))
	return derived(r, h.Sum(nil))
}
