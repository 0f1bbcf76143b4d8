package fleet

import (
	"errors"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// entered opens the stay of a vehicle that is inside.
func (a *ApplyEvents) entered(w *commit.Work, e *wire.Event, at, now time.Time) error {
	known, err := w.Session(e.Session)
	if err != nil || known != nil {
		return err // a session that has begun, or even ended, does not begin again
	}
	s := &session.Session{
		ID: e.Session, SpaceType: spaceType(e), State: session.Inside, EnteredAt: at,
		EntryLane: e.Lane, EntryReason: e.Reason, Inferred: e.Inferred,
	}
	if e.Reservation.IsZero() {
		return a.walkIn(w, s, e, now)
	}
	r, err := w.Reservation(e.Reservation)
	if err != nil {
		return err
	}
	if r == nil {
		return stranger(w, s, e, now, "X3", "a vehicle went in on a reservation that is not known; it counts as a walk-in")
	}
	s.SpaceType = r.SpaceType
	if o := reservation.Next(r.State, reservation.CheckIn); o.Refusal == "" {
		return checkIn(w, s, r, e, now)
	}
	before, err := inside(w, r)
	if err != nil {
		return err
	}
	switch {
	case before != nil:
		return stranger(w, s, e, now, "X4", "a vehicle went in on a reservation whose vehicle is inside; it counts as a walk-in")
	case r.State == reservation.Completed:
		return stranger(w, s, e, now, "X4", "a vehicle went in on a reservation whose vehicle has been in and out; it counts as a walk-in")
	default:
		s.Reservation, r.Session = r.ID, s.ID
		w.PutReservation(r)
		return stranger(w, s, e, now, "X1", "a vehicle went in on a reservation that is "+string(r.State))
	}
}

// inside is the running stay of a reservation, nil when there is none.
func inside(w *commit.Work, r *reservation.Reservation) (*session.Session, error) {
	if r.Session.IsZero() {
		return nil, nil
	}
	s, err := w.Session(r.Session)
	if err != nil || s == nil || s.State != session.Inside {
		return nil, err
	}
	return s, nil
}

// checkIn is the ordinary entry on a reservation. Its claim keeps the place;
// who comes before it begins is counted from now on.
func checkIn(w *commit.Work, s *session.Session, r *reservation.Reservation, e *wire.Event, now time.Time) error {
	from := timerange.Floor(s.EnteredAt)
	held, dropped := booking.EnterOn(w, r, from, now)
	if errors.Is(dropped, commit.ErrMissing) {
		return dropped
	}
	extra := timerange.Quarters{From: from, To: r.Claim.From} // early
	s.ClaimTo = held
	if from >= r.Claim.To || r.Claim.Empty() { // after its end
		extra.To = max(keep(now), from+1)
		s.ClaimTo = extra.To
	}
	problem := presence(w, s, extra)
	if errors.Is(problem, commit.ErrMissing) {
		return problem
	}
	problem = errors.Join(problem, dropped)
	if _, err := r.Apply(reservation.CheckIn, now); err != nil {
		return err // the caller has asked for the transition before
	}
	s.Reservation, r.Session = r.ID, s.ID
	w.PutReservation(r)
	open(w, s, r)
	if problem != nil {
		raise(w, "unapplied", e, "not all of its place is counted: "+safe(problem), now)
	}
	if e.Generation != 0 && e.Generation != r.Generation {
		raise(w, "X3", e, "the pass that was shown had been replaced; it was taken as the reservation's", now)
	}
	return nil
}

// walkIn takes a unit of the allotment, or is counted by itself when there is
// none left.
func (a *ApplyEvents) walkIn(w *commit.Work, s *session.Session, e *wire.Event, now time.Time) error {
	al, err := w.Allotment(s.SpaceType)
	if err != nil {
		return err
	}
	if al == nil || a.After.Allotted[s.SpaceType] >= al.Units {
		return stranger(w, s, e, now, "X5", "a walk-in beyond the allotment went in; it is counted, and sales stop until there is room")
	}
	s.Allotted = true
	a.After.Allotted[s.SpaceType]++
	open(w, s, nil)
	return nil
}

// stranger is inside without a place that was kept for it. It is counted from
// now on, an incident is on record, and the stay is extended while it lasts.
func stranger(w *commit.Work, s *session.Session, e *wire.Event, now time.Time, class, detail string) error {
	from := timerange.Floor(s.EnteredAt)
	s.ClaimTo = max(keep(now), from+1)
	problem := presence(w, s, timerange.Quarters{From: from, To: s.ClaimTo})
	if errors.Is(problem, commit.ErrMissing) {
		return problem
	}
	if problem != nil {
		s.ClaimTo = 0
		detail += "; it is not counted: " + safe(problem)
	}
	open(w, s, nil)
	raise(w, class, e, detail, now)
	return nil
}

func presence(w *commit.Work, s *session.Session, q timerange.Quarters) error {
	if q.Empty() {
		return nil
	}
	return w.ClaimPresence(s.SpaceType, q, 1)
}

func open(w *commit.Work, s *session.Session, r *reservation.Reservation) {
	w.PutSession(s)
	w.Emit(feed.SessionOpened, feed.Body{Session: tell(s, s.EnteredAt), Reservation: tellReservation(r)})
}

func tell(s *session.Session, at time.Time) *feed.Session {
	return &feed.Session{
		ID: s.ID, Reservation: s.Reservation, SpaceType: s.SpaceType, Allotted: s.Allotted, Inside: s.State == session.Inside, At: at,
	}
}

func tellReservation(r *reservation.Reservation) *feed.Reservation {
	if r == nil {
		return nil
	}
	return &feed.Reservation{
		ID: r.ID, State: string(r.State), Version: r.Version + 1, Generation: r.Generation, SpaceType: r.SpaceType,
		From: r.Window.From, To: r.Window.To,
	}
}
