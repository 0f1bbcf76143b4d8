package bay

import (
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Rebind gives everybody who has a claim on the type a bay, in the op's commit,
// and moves nobody who is inside, and nobody else without need. own is the
// reservation that the op has in hand, nil when it has none: its Space is set, and
// the op itself puts and tells it. What becomes of others is told here. For a
// type without bays nothing is read. It returns commit.ErrMissing.
func Rebind(w *commit.Work, t id.SpaceType, own *reservation.Reservation, now time.Time) error {
	st, ok := w.Parking.SpaceType(t)
	if !ok || len(st.Bays) == 0 {
		return nil
	}
	all, err := w.Bound(t)
	if err != nil {
		return err
	}
	stays := map[id.Session]*session.Session{}
	for _, s := range all.Sessions {
		stays[s.ID] = s
	}
	var who []*reservation.Reservation
	var taken []Taken
	add := func(r *reservation.Reservation) {
		if r.State != reservation.Confirmed && r.State != reservation.Active {
			return
		}
		x := Taken{Claim: r.Claim, Bay: r.Space, Pinned: r.State == reservation.Active}
		if s := stays[r.Session]; x.Pinned && s != nil {
			x.Claim.To = max(x.Claim.To, s.ClaimTo)
		}
		who, taken = append(who, r), append(taken, x)
	}
	if own != nil && own.SpaceType == t {
		add(own)
	}
	for _, r := range all.Reservations {
		if own == nil || r.ID != own.ID {
			add(r)
		}
	}
	for _, b := range all.Blocks {
		if b.RemovedAt.IsZero() {
			for range b.N {
				taken = append(taken, Taken{Claim: b.Claim, High: true})
			}
		}
	}
	for i, b := range Pack(st.Bays, taken, timerange.Floor(now))[:len(who)] {
		r := who[i]
		if r.Space == b || r.State == reservation.Active {
			continue
		}
		r.Space = b
		if r != own {
			tell(w, r, now)
		}
	}
	return nil
}

// Fix is the check-in of a reservation that the op has in hand: it stands in the
// bay that the edge named. Whoever else is said to stand there does not, for the
// edge sends nobody to a bay where it knows of somebody. When it named none, the
// reservation keeps its tentative bay unless somebody stands there. It returns
// what has to be put on record, empty when all went well, and commit.ErrMissing.
func Fix(w *commit.Work, r *reservation.Reservation, named string, now time.Time) (problem string, _ error) {
	st, ok := w.Parking.SpaceType(r.SpaceType)
	if !ok || len(st.Bays) == 0 {
		return "", nil
	}
	all, err := w.Bound(r.SpaceType)
	if err != nil {
		return "", err
	}
	if named != "" {
		r.Space = named
	}
	for _, other := range all.Reservations {
		if other.ID == r.ID || other.State != reservation.Active || other.Space == "" || other.Space != r.Space {
			continue
		}
		if named == "" {
			r.Space = ""
			break
		}
		other.Space = ""
		tell(w, other, now)
		problem = "a vehicle was sent to a bay in which another was thought to stand; where that one stands is not known"
	}
	if r.Space == "" {
		problem = "a vehicle went in while no bay was free that it could be sent to: staff have to find it a space"
	}
	return problem, Rebind(w, r.SpaceType, r, now)
}

// tell stores a reservation that has got another bay and tells it.
func tell(w *commit.Work, r *reservation.Reservation, now time.Time) {
	r.UpdatedAt = now
	w.PutReservation(r)
	w.Emit(feed.ReservationBound, feed.Body{Reservation: &feed.Reservation{
		ID: r.ID, State: string(r.State), Version: r.Version + 1, Generation: r.Generation, SpaceType: r.SpaceType,
		From: r.Window.From, To: r.Window.To, Space: r.Space,
	}})
}
