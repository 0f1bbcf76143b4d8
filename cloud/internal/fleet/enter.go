package fleet

import (
	"errors"
	"time"

	"github.com/openlot/openlot/cloud/internal/bay"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// entered opens the stay of a vehicle that is inside.
func (a *ApplyEvents) entered(w *commit.Work, e *wire.Event, m moment, now time.Time) error {
	known, err := w.Session(e.Session)
	if err != nil || known != nil && known.State != session.OnlyPaid {
		return err // a session that has begun, or even ended, does not begin again
	}
	s := &session.Session{
		ID: e.Session, SpaceType: spaceType(e), State: session.Inside, EnteredAt: m.latest(now),
		EntryLane: e.Lane, EntryReason: e.Reason, Inferred: e.Inferred,
	}
	if err := begin(w, s, known); err != nil {
		return err
	}
	a.anew = timerange.Quarters{From: timerange.Floor(s.EnteredAt), To: timerange.Floor(s.EnteredAt) + 1}
	if e.Reservation.IsZero() {
		err = a.walkIn(w, s, e, now)
	} else {
		err = a.guest(w, s, e, m, now)
	}
	if err != nil {
		return err
	}
	return a.overfull(w, s, e, now)
}

// begin gives a stay the edition of the tariff that it pays, whatever comes into
// force while it lasts (X11), and what was paid for it before it was known.
func begin(w *commit.Work, s, paid *session.Session) error {
	t, err := w.TariffAt(s.EnteredAt)
	if err != nil {
		return err
	}
	s.TariffVersion = t.Version
	if paid != nil {
		s.Version, s.Payments, s.Credit = paid.Version, paid.Payments, paid.Credit
	}
	return nil
}

// guest opens the stay of a vehicle that was let in on a reservation.
func (a *ApplyEvents) guest(w *commit.Work, s *session.Session, e *wire.Event, m moment, now time.Time) error {
	r, err := w.Reservation(e.Reservation)
	if err != nil {
		return err
	}
	if r == nil {
		return a.stranger(w, s, e, now, "X3", "a vehicle went in on a reservation that is not known; it counts as a walk-in")
	}
	s.SpaceType = r.SpaceType
	if o := reservation.Next(r.State, reservation.CheckIn); o.Refusal == "" {
		if e.Generation != 0 && e.Generation < r.Generation && !covers(w.Parking.Policy, r, m) {
			return a.stranger(w, s, e, now, "X3",
				"a vehicle went in on a pass that had been replaced, outside of what is reserved now; it counts as a walk-in")
		}
		return a.checkIn(w, s, r, e, m, now)
	}
	before, err := stay(w, r, session.Inside)
	if err != nil {
		return err
	}
	switch {
	case before != nil:
		return a.stranger(w, s, e, now, "X4", "a vehicle went in on a reservation whose vehicle is inside; it counts as a walk-in")
	case r.State == reservation.Completed:
		return a.stranger(w, s, e, now, "X4", "a vehicle went in on a reservation whose vehicle has been in and out; it counts as a walk-in")
	default:
		s.Reservation, r.Session = r.ID, s.ID
		w.PutReservation(r)
		return a.stranger(w, s, e, now, "X1", "a vehicle went in on a reservation that is "+string(r.State))
	}
}

// covers reports whether a reservation is for the time of an entry. A clock
// that cannot be trusted speaks for the driver.
func covers(p parking.Policy, r *reservation.Reservation, m moment) bool {
	return m.wrong || !m.at.Add(m.doubt).Before(r.Window.From.Add(-p.EarlyEntry)) && m.at.Add(-m.doubt).Before(r.Window.To)
}

// stay is the stay of a reservation if it is in that state, otherwise nil.
func stay(w *commit.Work, r *reservation.Reservation, in session.State) (*session.Session, error) {
	if r.Session.IsZero() {
		return nil, nil
	}
	s, err := w.Session(r.Session)
	if err != nil || s == nil || s.State != in {
		return nil, err
	}
	return s, nil
}

// checkIn is the entry on a reservation that stands, or that stands again. Its
// claim keeps the place; who comes before it begins is counted from now on.
//
// Who comes on one that was given up as missed stands where the edge put him:
// on a unit of the allotment when it knew of that; otherwise his place is
// claimed again, free or not. If he had come in time he was wronged by what the
// cloud could not know (X2).
func (a *ApplyEvents) checkIn(w *commit.Work, s *session.Session, r *reservation.Reservation, e *wire.Event, m moment, now time.Time) error {
	missed := r.State == reservation.NoShow
	from := timerange.Floor(s.EnteredAt)
	held, dropped := booking.EnterOn(w, r, from, now)
	if errors.Is(dropped, commit.ErrMissing) {
		return dropped
	}
	var problem error
	switch own := r.Window.Claim(); {
	case missed && a.onUnit(w, s, e):
	case missed && from < own.To:
		problem = a.reclaim(w, s, r, from)
	case from >= own.To: // after its end
		s.ClaimTo = max(keep(now), from+1)
		problem = a.claimAnew(w, s, timerange.Quarters{From: from, To: s.ClaimTo})
	default:
		s.ClaimTo = held
		problem = a.claimAnew(w, s, timerange.Quarters{From: from, To: r.Claim.From}) // early
	}
	if errors.Is(problem, commit.ErrMissing) {
		return problem
	}
	problem = errors.Join(problem, dropped)
	if _, err := r.Apply(reservation.CheckIn, now); err != nil {
		return err // the caller has asked for the transition before
	}
	s.Reservation, r.Session = r.ID, s.ID
	unclear, err := bay.Fix(w, r, e.Bay, now)
	if err != nil {
		return err
	}
	w.PutReservation(r)
	open(w, s, r)
	if unclear != "" {
		raise(w, "bay", e, unclear, now)
	}
	if problem != nil {
		raise(w, "unapplied", e, "not all of its place is counted: "+safe(problem), now)
	}
	if missed && (m.wrong || m.at.Add(-m.doubt).Before(r.NoShowAt)) {
		raise(w, "X2", e, "a vehicle that came in time had been given up as missing; its reservation stands, and what was taken for missing counts toward its stay", now)
	}
	if e.Generation != 0 && e.Generation != r.Generation {
		raise(w, "X3", e, "the pass that was shown had been replaced; it was taken as the reservation's", now)
	}
	return nil
}

// reclaim claims the place of a reservation that was given up, from the quarter
// of the entry to the end of its window, whether or not it is free. What it had
// kept of the time before stays its own.
func (a *ApplyEvents) reclaim(w *commit.Work, s *session.Session, r *reservation.Reservation, from timerange.Q) error {
	own := r.Window.Claim()
	if r.Claim.Empty() {
		r.Claim = timerange.Quarters{From: max(from, own.From), To: max(from, own.From)}
	}
	again := timerange.Quarters{From: r.Claim.To, To: own.To}
	if err := a.claimAnew(w, s, again); err != nil {
		return err
	}
	s.ClaimTo, r.Claim.To = own.To, own.To
	return a.claimAnew(w, s, timerange.Quarters{From: from, To: r.Claim.From}) // early
}

// walkIn takes a unit of the allotment, or is counted by itself when there is
// none left.
func (a *ApplyEvents) walkIn(w *commit.Work, s *session.Session, e *wire.Event, now time.Time) error {
	idle, err := a.idle(w, s.SpaceType)
	if err != nil {
		return err
	}
	if idle <= 0 {
		return a.stranger(w, s, e, now, "X5", "a walk-in beyond the allotment went in; it is counted, and sales stop until there is room")
	}
	a.take(s)
	open(w, s, nil)
	return nil
}

// idle is how many units of the allotment of a type nobody stands on.
func (a *ApplyEvents) idle(w *commit.Work, t id.SpaceType) (int16, error) {
	al, err := w.Allotment(t)
	if err != nil || al == nil {
		return 0, err
	}
	return al.Units - a.After.Allotted[t], nil
}

func (a *ApplyEvents) take(s *session.Session) {
	s.Allotted, s.ClaimTo = true, 0
	a.After.Allotted[s.SpaceType]++
}

// onUnit puts somebody with a reservation on a unit of the allotment when the
// edge has done so and there is one left. The allotments are loaded: Prefetch
// names them.
func (a *ApplyEvents) onUnit(w *commit.Work, s *session.Session, e *wire.Event) bool {
	if e.Reason != wire.AdmitWalkin || e.Reservation.IsZero() {
		return false
	}
	idle, err := a.idle(w, s.SpaceType)
	if err != nil || idle <= 0 {
		return false
	}
	a.take(s)
	return true
}

// stranger is inside without a place that was kept for it. It is counted from
// now on, an incident is on record, and the stay is extended while it lasts.
func (a *ApplyEvents) stranger(w *commit.Work, s *session.Session, e *wire.Event, now time.Time, class, detail string) error {
	if !a.onUnit(w, s, e) {
		from := timerange.Floor(s.EnteredAt)
		s.ClaimTo = max(keep(now), from+1)
		problem := a.claimAnew(w, s, timerange.Quarters{From: from, To: s.ClaimTo})
		if errors.Is(problem, commit.ErrMissing) {
			return problem
		}
		if problem != nil {
			s.ClaimTo = 0
			detail += "; it is not counted: " + safe(problem)
			if corrects(e) {
				class = "unapplied"
			}
		}
	}
	open(w, s, nil)
	raise(w, class, e, detail, now)
	return nil
}

// overfull puts on record that a vehicle came in when nothing was left: in the
// quarter of its entry, or where it was counted anew, more is claimed than there
// is, and no unit of the allotment is idle. It is the last resort of a guest
// whose place an overstayer keeps: he is inside, nothing is sold until there is
// room, and staff find him a space or walk him to another parking.
func (a *ApplyEvents) overfull(w *commit.Work, s *session.Session, e *wire.Event, now time.Time) error {
	al, err := w.Allotment(s.SpaceType)
	if err != nil {
		return err
	}
	lent, idle := a.anew.From, int16(0)
	if al != nil {
		lent, idle = max(al.Until, lent), max(al.Units-a.After.Allotted[s.SpaceType], 0)
	}
	near, errNear := w.Over(s.SpaceType, timerange.Quarters{From: a.anew.From, To: min(lent, a.anew.To)})
	far, errFar := w.Over(s.SpaceType, timerange.Quarters{From: lent, To: a.anew.To})
	if err := errors.Join(errNear, errFar); errors.Is(err, commit.ErrMissing) {
		return err
	}
	// What is not counted has nothing over, and is never full.
	if near > idle || far > 0 {
		raise(w, "overfull", e, "a vehicle went in when nothing was left: staff have to find it a space, or another parking", now)
	}
	return nil
}

// claimAnew counts what stands there.
func (a *ApplyEvents) claimAnew(w *commit.Work, s *session.Session, q timerange.Quarters) error {
	if q.Empty() {
		return nil
	}
	a.anew = timerange.Quarters{From: min(a.anew.From, q.From), To: max(a.anew.To, q.To)}
	return w.ClaimPresence(s.SpaceType, q, 1)
}

func open(w *commit.Work, s *session.Session, r *reservation.Reservation) {
	w.PutSession(s)
	w.Emit(feed.SessionOpened, feed.Body{Session: tell(s, s.EnteredAt), Reservation: tellReservation(r)})
}

func tell(s *session.Session, at time.Time) *feed.Session {
	return &feed.Session{
		ID: s.ID, Reservation: s.Reservation, SpaceType: s.SpaceType, Allotted: s.Allotted, Inside: s.State == session.Inside, Presumed: s.State == session.Presumed, At: at,
	}
}

func tellReservation(r *reservation.Reservation) *feed.Reservation {
	if r == nil {
		return nil
	}
	return &feed.Reservation{
		ID: r.ID, State: string(r.State), Version: r.Version + 1, Generation: r.Generation, SpaceType: r.SpaceType,
		From: r.Window.From, To: r.Window.To, Space: r.Space,
	}
}
