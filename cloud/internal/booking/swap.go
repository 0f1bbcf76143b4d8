package booking

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/bay"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/timerange"
)

// This file is what a change of a reservation does to capacity and to its row,
// whenever its payment is secured. A change first takes what the new window
// needs beyond what is held, and gives back what it does not need when it takes
// the place of the old one: a quarter of both is never let go of.
//
// While the vehicle is inside, its stay keeps the place up to its own ClaimTo,
// which the clock extends when it overstays. What a change adds is the stay's
// from the beginning, so that no quarter is claimed by both.

// CodeNotChangeable says that a reservation cannot be changed any more although
// it has not ended: its stay or its payment does not stand on it.
const CodeNotChangeable = "not_changeable"

// lapsed reports whether a change was not paid for in time.
func (c *change) lapsed() bool { return c.r.Pending != nil && !c.now.Before(c.r.Pending.Until) }

// stay is the stay of an active reservation, which stands on its claim; nil
// when the vehicle is not inside.
func (c *change) stay() (*session.Session, error) {
	if c.r.State != reservation.Active {
		return nil, nil
	}
	s, err := c.w.Session(c.r.Session)
	if err != nil {
		return nil, err
	}
	if s == nil || s.State != session.Inside || s.Allotted || s.SpaceType != c.r.SpaceType || c.r.Claim.Empty() ||
		s.ClaimTo < c.r.Claim.To || timerange.Floor(s.EnteredAt) > c.r.Claim.To {
		return nil, fault.New(fault.Conflict, CodeNotChangeable, "The vehicle does not stand on this reservation's time. Leave through the exit; the stay is settled there.")
	}
	return s, nil
}

// reach claims what to needs beyond what the reservation holds. Its faults are
// CodeSoldOut, CodeBeyondHorizon and CodeNotChangeable.
func (c *change) reach(to reservation.Run) error {
	s, err := c.stay()
	if err != nil {
		return err
	}
	held := reservation.Run{Type: c.r.SpaceType, Quarters: c.r.Claim}
	if s != nil {
		held.Quarters.To = max(held.Quarters.To, s.ClaimTo)
	}
	for _, more := range reservation.Beyond(to, held) {
		if err := claimed(c.w.Claim(more.Type, more.Quarters, 1)); err != nil {
			return err
		}
	}
	if s != nil && to.Quarters.To > s.ClaimTo {
		s.ClaimTo = to.Quarters.To
		c.w.PutSession(s)
	}
	return nil
}

// drop ends a pending change: what it holds beyond the reservation is free
// again, and its payment is given back. The caller tells the reservation.
func (c *change) drop() error {
	if c.r.Pending == nil {
		return nil
	}
	if !c.r.Pending.Renews {
		if err := c.letGo(); err != nil {
			return fmt.Errorf("drop the change of %s: %w", c.r.ID, err)
		}
	}
	if err := c.pending.giveBack(); err != nil {
		return err
	}
	c.r.Pending, c.pending = nil, nil
	return nil
}

// letGo releases what the pending change holds beyond the reservation, but not
// what the vehicle inside stands on.
func (c *change) letGo() error {
	s, err := c.stay()
	if err != nil && fault.Code(err) != CodeNotChangeable {
		return err
	}
	if s == nil {
		for _, x := range c.r.Extra() {
			if err := c.w.Release(x.Type, x.Quarters, 1); err != nil {
				return err
			}
		}
		return nil
	}
	// As far as the clock keeps the place of a vehicle that may stay on.
	stands := max(c.r.Claim.To, min(s.ClaimTo, timerange.Floor(c.now)+2))
	if rest := (timerange.Quarters{From: stands, To: s.ClaimTo}); !rest.Empty() {
		if err := c.w.Release(s.SpaceType, rest, 1); err != nil {
			return err
		}
		s.ClaimTo = stands
		c.w.PutSession(s)
	}
	return nil
}

// adopt makes the pending change, whose payment has been secured, take the
// place of the reservation as it was. The old payment is given back. A change
// that the vehicle has overtaken, by going in on the old window, is dropped.
func (c *change) adopt() error {
	to := c.r.Pending
	if to.Renews {
		return c.swap()
	}
	_, err := c.stay()
	switch overtaken := c.r.State == reservation.Active && !to.OnlyTheEnd(c.r) || fault.Code(err) == CodeNotChangeable; {
	case overtaken:
		if err := c.drop(); err != nil {
			return err
		}
		c.tellReservation(feed.ChangeDropped)
		return nil
	case err != nil:
		return err
	}
	old := c.hand
	if err := old.giveBack(); err != nil {
		return err
	}
	c.hand, c.pending = *c.pending, nil
	c.r.Pending, c.r.Payment = nil, c.p.ID
	return c.take(to)
}

// take gives the reservation the window of a change, of which it holds all, and
// a pass of the next generation. It tells it with its last event.
func (c *change) take(to *reservation.Change) error {
	s, err := c.stay()
	if err != nil {
		return err
	}
	next := reservation.Run{Type: to.SpaceType, Quarters: to.Claim}
	if s == nil {
		for _, less := range reservation.Beyond(reservation.Run{Type: c.r.SpaceType, Quarters: c.r.Claim}, next) {
			if err := c.w.Release(less.Type, less.Quarters, 1); err != nil {
				return fmt.Errorf("release %s: %w", c.r.ID, err)
			}
		}
	} else if to.Claim.To < c.r.Claim.To {
		if err := c.w.Release(s.SpaceType, timerange.Quarters{From: to.Claim.To, To: s.ClaimTo}, 1); err != nil {
			return fmt.Errorf("release %s: %w", c.r.ID, err)
		}
		s.ClaimTo = to.Claim.To
		c.w.PutSession(s)
	}
	r := c.r
	switch {
	case s == nil:
		r.NoShowAt = noShowAt(to.Window, c.w.Parking.Policy, r.CreatedAt)
		if to.SpaceType != r.SpaceType {
			r.Space = ""
		}
	case r.NoShowAt.After(to.Window.To): // of no account any more, but never after the window
		r.NoShowAt = to.Window.To
	}
	language := r.Quote.Language
	r.Window, r.SpaceType, r.Claim, r.Quote = to.Window, to.SpaceType, to.Claim, to.Quote
	r.Quote.Language = language
	r.Generation++
	r.RemindedAt = time.Time{}
	if err := bay.Rebind(c.w, r.SpaceType, r, c.now); err != nil {
		return err
	}
	c.tellReservation(feed.ReservationChanged)
	// The new pass says that an edge must have heard of this very commit to know it.
	c.w.ConfirmedByLastEvent(r.ID)
	c.confirmed = true
	return nil
}

// EnterOn prepares the reservation, which is not inside yet, for a vehicle that
// goes in during the quarter from: a pending change of more than the end, or of
// an end that had passed, is dropped. It returns up to where the place is held.
// The caller puts the reservation and tells it.
func EnterOn(w *commit.Work, r *reservation.Reservation, from timerange.Q, now time.Time) (timerange.Q, error) {
	if p := r.Pending; p != nil && (!p.OnlyTheEnd(r) || from >= r.Claim.To || r.Claim.Empty()) {
		pending, err := take(w, now, r, p.Payment)
		if err != nil {
			return r.HeldTo(), err
		}
		c := &change{hand: hand{w: w, now: now}, r: r, pending: pending}
		if err := c.drop(); err != nil {
			return r.HeldTo(), err
		}
	}
	return r.HeldTo(), nil
}

// LeaveOn drops a pending change of a reservation whose vehicle has left. All
// that the stay held has been released by the caller, who also puts the
// reservation and tells it.
func LeaveOn(w *commit.Work, r *reservation.Reservation, now time.Time) error {
	if r.Pending == nil {
		return nil
	}
	pending, err := take(w, now, r, r.Pending.Payment)
	if err != nil {
		return err
	}
	if err := pending.giveBack(); err != nil {
		return err
	}
	r.Pending = nil
	return nil
}
