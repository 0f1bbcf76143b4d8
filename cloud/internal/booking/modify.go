package booking

import (
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// Fault codes of changing a reservation. They are part of the API.
const (
	CodeVersionConflict = "version_conflict"    // it is not the version any more that the caller has seen
	CodeNotExtended     = "end_not_later"       // an extension must end later
	CodePriceChanged    = "price_changed"       // it costs other than the caller was shown
	CodeChangeLapsed    = "change_not_in_force" // a repeated change that came to nothing, or was followed by another
)

// ErrMoved is the answer to a Modify that was made from what the reservation is
// not any more: it has to be made again from what is stored.
var ErrMoved = errors.New("the reservation has changed since it was read")

// Modify gives a reservation another window or space type, or finds what its
// key did before. When what is authorised covers the new price, the change
// takes place at once. Otherwise it is claimed beside the reservation, with a
// payment of the whole new price to be asked for, and takes place when
// RecordHold hears that it is authorised.
type Modify struct {
	Target
	Key         commit.Key
	RequestHash [32]byte
	PaymentID   id.Payment // always the same for the same key
	Extend      bool       // Window must end later than the reservation does, and Window.From was read from it
	Window      timerange.Range
	SpaceType   id.SpaceType // none: as it is
	Quote       reservation.Quote
	Version     int64         // that the caller has seen; 0: any
	Refusal     error         // of the request by what was read, in case that the key is new; nil: none
	Life        time.Duration // of the provider's holds, at the least; 0: they do not lapse
	Shown       *money.Amount // what the caller was shown that Quote comes to; nil: any

	ran bool

	// Set by Apply.
	After     Snapshot
	About     *payment.Payment // that this key has asked for; nil when it needed none
	Replayed  bool             // the key was used before
	Confirmed bool             // this run made the change take place, with its last event
}

// Prefetch implements commit.Op.
func (o *Modify) Prefetch(r *commit.Rows) {
	r.Keys = append(r.Keys, o.Key)
	r.Payments = append(r.Payments, o.PaymentID)
	o.Target.Prefetch(r)
	if o.Refusal != nil || o.Known == nil {
		return
	}
	known := &o.Known.Reservation
	if !known.Session.IsZero() {
		r.Sessions = append(r.Sessions, known.Session)
	}
	r.Quarters(o.spaceType(known), o.Window.Claim())
}

func (o *Modify) spaceType(r *reservation.Reservation) id.SpaceType {
	if o.SpaceType == "" {
		return r.SpaceType
	}
	return o.SpaceType
}

// Apply implements commit.Op. Its faults are CodeKeyReused, CodeVersionConflict,
// CodeChangePending, CodeNotChangeable, CodeNotExtended, CodePriceChanged, those of windows and of
// claiming, and those of the transition table for reservation.Modify; ErrMoved is
// none of them.
func (o *Modify) Apply(w *commit.Work, now time.Time) error {
	record, err := w.Key(o.Key)
	if err != nil {
		return err
	}
	if record != nil && (record.RequestHash != o.RequestHash || record.Reservation != o.ID) {
		return errKeyReused()
	}
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	o.About, o.Confirmed = nil, false
	if record != nil {
		p, err := w.Payment(o.PaymentID)
		if err != nil {
			return err
		}
		o.After, o.About, o.Replayed = c.after(), p, !o.ran
		return nil
	}
	if c.lapsed() || c.r.Pending != nil && c.r.Pending.Renews { // what is asked for makes a renewal idle
		if err := c.abandon(); err != nil {
			return err
		}
	}
	if err := o.refuse(c, now); err != nil {
		return err
	}
	if err := o.change(c, now); err != nil {
		return err
	}
	w.PutKey(o.Key, &commit.KeyRecord{RequestHash: o.RequestHash, Parking: o.In, Reservation: o.ID})
	o.After, o.Replayed, o.Confirmed, o.ran = c.after(), false, c.confirmed, true
	if c.pending != nil {
		p := c.pending.stored()
		o.About = &p
	}
	return nil
}

// refuse says why the change cannot be made now, or nothing.
func (o *Modify) refuse(c *change, now time.Time) error {
	version := c.r.Version
	if c.w.Moved(c.r.ID) {
		version++
	}
	switch {
	case o.Version != 0 && o.Version != version:
		return fault.Newf(fault.Conflict, CodeVersionConflict, "The reservation has changed: it is at version %d now. Look at it again.", version).
			WithField("version", "is not the present one")
	case o.Extend && !o.Window.From.Equal(c.r.Window.From):
		return ErrMoved
	}
	if err := changeable(c.r, o.Window, o.spaceType(c.r), o.Extend, c.w.Parking, now); err != nil {
		return err
	}
	if o.Refusal != nil { // which was found on what the reservation was
		return ErrMoved
	}
	if c.r.Pending != nil {
		return fault.New(fault.Conflict, CodeChangePending, "Another change of this reservation waits for its payment. Go on with that one, or wait until it has lapsed.")
	}
	if c.p.State != payment.Authorized && c.p.State != payment.Lapsed && c.p.State != payment.MethodKept {
		return fault.New(fault.Conflict, CodeNotChangeable, "The payment of this reservation does not stand any more, so that it cannot be changed.")
	}
	return asShown("price", o.Shown, o.Quote.Total)
}

// asShown refuses what costs other than the caller was shown, if he says what that
// was: nobody is charged what nobody has seen.
func asShown(field string, shown *money.Amount, costs money.Amount) error {
	if shown == nil || *shown == costs {
		return nil
	}
	return fault.Newf(fault.Conflict, CodePriceChanged, "This costs %s by now, and not what was shown. Nothing was changed.", costs).
		WithField(field, fmt.Sprintf("is %d %s now, in minor units", costs.Minor, costs.Currency))
}

// changeable says why a reservation cannot have another window or space type
// now, or nothing. It is a pure rule.
func changeable(r *reservation.Reservation, to timerange.Range, t id.SpaceType, extend bool, p *parking.Parking, now time.Time) error {
	if o := reservation.Next(r.State, reservation.Modify); o.Refusal != "" {
		again := *r
		_, err := again.Apply(reservation.Modify, now)
		return err
	}
	if _, err := sold(p, t); err != nil {
		return err
	}
	begun := to.From.Equal(r.Window.From)
	switch {
	case r.State == reservation.Confirmed && !now.Before(r.Window.To):
		return fault.New(fault.Conflict, reservation.CodeFinished, "The time of this reservation is over.")
	case r.State == reservation.Confirmed && !now.Before(r.NoShowAt):
		// Or no no-show would have to pay: he moves the window to another day.
		return fault.New(fault.Conflict, CodeNotChangeable, "The place of this reservation is not kept any longer, so that it cannot be changed. Its pass still lets you in when there is room.")
	case r.State == reservation.Active && !begun:
		return fault.New(fault.Conflict, reservation.CodeAlreadyInside, "The vehicle is inside: only the end can be changed.").
			WithField("from", "cannot change any more")
	case r.State == reservation.Active && t != r.SpaceType:
		return fault.New(fault.Conflict, reservation.CodeAlreadyInside, "The vehicle is inside: only the end can be changed.").
			WithField("space_type", "cannot change any more")
	case extend && !to.To.After(r.Window.To):
		return errNotExtended()
	case !to.To.After(now):
		return fault.New(fault.Invalid, CodeWindowInPast, "The window would be over already.").WithField("to", "has passed")
	}
	if !begun {
		return checkWindow(to, p, now)
	}
	// A beginning that stays may have passed, or be near.
	stays := p.Policy
	stays.MinLead = 0
	if err := stays.CheckWindow(to, now); err != nil || to.To.Equal(r.Window.To) {
		return err
	}
	return checkHours(to, p, true)
}

func sameWindow(a, b timerange.Range) bool { return a.From.Equal(b.From) && a.To.Equal(b.To) }

func errNotExtended() error {
	return fault.New(fault.Invalid, CodeNotExtended, "An extension ends later than the reservation does now.").
		WithField("to", "is not after the present end")
}

// change claims what the new window needs and swaps, now or once it is paid.
func (o *Modify) change(c *change, now time.Time) error {
	r, t := c.r, o.spaceType(c.r)
	if t == r.SpaceType && sameWindow(o.Window, r.Window) {
		return nil
	}
	to := &reservation.Change{
		Window: o.Window, SpaceType: t, Claim: o.Window.Claim(), Quote: o.Quote, Payment: o.PaymentID,
		Until: now.Add(c.w.Parking.Policy.HoldTTL),
	}
	if to.OnlyTheEnd(r) {
		to.Claim.From = r.Claim.From // which may be later than the window's
	}
	if err := c.reach(reservation.Run{Type: t, Quarters: to.Claim}); err != nil {
		return err
	}
	switch {
	case c.p.State == payment.MethodKept && o.Quote.Total.Currency == c.p.Amount.Currency && saves(o.Window, o.Life, now):
		// Nothing is held yet: the new price is, when it is time to. What begins
		// sooner is held first, as it would be if it were booked now.
		c.p.Amount = o.Quote.Total
		c.tellPayment()
		return c.take(to)
	case c.p.State == payment.Authorized && o.Quote.Total.Currency == c.p.Amount.Currency && o.Quote.Total.Minor <= c.p.Authorized:
		return c.take(to)
	}
	p := &payment.Payment{
		ID: o.PaymentID, Reservation: r.ID, State: payment.Requested, Provider: c.p.Provider, Method: payable(c.p),
		Amount: o.Quote.Total, UpdatedAt: now,
	}
	known, err := c.w.Payment(p.ID)
	if err != nil {
		return err
	}
	if known != nil { // the key was used so long ago that it has been forgotten
		return errKeyReused()
	}
	c.w.PutPayment(p)
	c.pending = &hand{w: c.w, now: now, p: p, movedPayment: true}
	r.Pending = to
	c.tellReservation(feed.ChangeHeld)
	return nil
}
