package fleet

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/bay"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Allot fits the allotments of a parking to the walk-ins inside and makes their
// claims reach Policy.WalkinAhead from now. It does nothing for a parking whose
// edge has never said hello, or was retired. It returns ErrStale when Inside is of another
// watermark.
type Allot struct {
	Lot    id.Parking
	Inside Inside
}

var _ commit.Op = (*Allot)(nil)

// Parking implements commit.Op.
func (a *Allot) Parking() id.Parking { return a.Lot }

// Prefetch implements commit.Op.
func (a *Allot) Prefetch(r *commit.Rows) { r.Watermark, r.Allotments = true, true }

// Apply implements commit.Op.
func (a *Allot) Apply(w *commit.Work, now time.Time) error {
	m, err := w.Watermark()
	if err != nil || !m.InUse() {
		return err
	}
	if a.Inside.At != markOf(m) {
		return ErrStale
	}
	var missing error
	for _, t := range w.Parking.SpaceTypes {
		if t.Class != parking.ClassStandard {
			continue
		}
		if err := fit(w, t, a.Inside.Allotted[t.ID], now); err != nil {
			if !errors.Is(err, commit.ErrMissing) {
				return err
			}
			missing = err
		}
	}
	return missing
}

// Headroom is how many walk-ins an allotment has room for when it is as it
// should be: the owner's share of the capacity, at least 2, never more than
// there is.
func Headroom(capacity int16, share int) int16 {
	n := (int(capacity)*share + 99) / 100
	return int16(min(max(n, 2), int(capacity)))
}

// fit fits one allotment. It grows when less than half of the headroom is left,
// and shrinks when there is half again as much as wanted; in between it stays,
// so that not every car moves it. While more is claimed than there is, because
// somebody stays too long or because what is lent reaches into time that is
// sold, it gives back what no walk-in stands on and grows no more: walk-ins stop
// before a guest finds no space.
func fit(w *commit.Work, t parking.SpaceType, inside int16, now time.Time) error {
	stored, err := w.Allotment(t.ID)
	if err != nil {
		return err
	}
	current := timerange.Floor(now)
	al := commit.Allotment{SpaceType: t.ID, Until: current}
	if stored != nil {
		al = *stored
	}
	before := al
	lack, err := roll(w, &al, current, now)
	if err != nil {
		return err
	}

	headroom := Headroom(t.Capacity, w.Parking.Policy.AllotmentShare)
	wanted := max(inside, min(inside+headroom, t.Capacity))
	room := al.Granted - inside
	switch {
	case lack > 0:
		al.Granted = min(al.Granted, max(inside, al.Units-lack))
	case 2*room < headroom && al.Granted < wanted:
		if err := grow(w, &al, wanted, current); err != nil {
			return err
		}
	case 2*room > 3*headroom:
		al.Granted = min(wanted, al.Granted)
	}
	if al == before {
		return nil
	}
	w.PutAllotment(&al)
	emitAllotment(w, &al, al.Units != before.Units || al.Granted != before.Granted)
	return nil
}

// roll makes an allotment's claim reach as far ahead as the policy says: what is
// lent stays claimed, and what is not free there goes into over. It returns how
// many units are missing somewhere in the allotment's time.
func roll(w *commit.Work, al *commit.Allotment, current timerange.Q, now time.Time) (int16, error) {
	short := int16(0)
	until := max(timerange.Floor(now.Add(w.Parking.Policy.WalkinAhead)), current+1)
	if from := max(al.Until, current); from < until {
		ahead := timerange.Quarters{From: from, To: until}
		free, err := w.Available(al.SpaceType, ahead)
		if err != nil {
			return 0, err
		}
		short = max(al.Units-free, 0)
		if al.Units > 0 {
			if err := w.ClaimPresence(al.SpaceType, ahead, al.Units); err != nil {
				return 0, err
			}
		}
		al.Until = until
	}
	over, err := w.Over(al.SpaceType, timerange.Quarters{From: current, To: al.Until})
	return max(short, over), err
}

// grow grants up to wanted units: first what is claimed and not granted, then
// what is free in all of the allotment's time.
func grow(w *commit.Work, al *commit.Allotment, wanted int16, current timerange.Q) error {
	if more := wanted - al.Units; more > 0 {
		run := timerange.Quarters{From: current, To: al.Until}
		free, err := w.Available(al.SpaceType, run)
		if err != nil {
			return err
		}
		if more = min(more, free); more > 0 {
			if err := w.Claim(al.SpaceType, run, more); err != nil {
				return err
			}
			al.Units += more
		}
	}
	al.Granted = max(al.Granted, min(wanted, al.Units))
	return nil
}

// emitAllotment tells an allotment that was put.
func emitAllotment(w *commit.Work, al *commit.Allotment, changed bool) {
	k := feed.ClaimExtended
	if changed {
		k = feed.AllotmentChanged
	}
	w.Emit(k, feed.Body{Allotment: &feed.Allotment{
		SpaceType: al.SpaceType, Version: al.Version + 1, Units: al.Units, Granted: al.Granted, Until: al.Until.Time(),
	}})
}

// Extend makes the claims of vehicles that are still inside reach past the next
// quarter. Sessions that have left, that stand on an allotment, or whose claim
// reaches far enough are left alone.
type Extend struct {
	Lot      id.Parking
	Sessions []id.Session
}

var _ commit.Op = (*Extend)(nil)

// Parking implements commit.Op.
func (x *Extend) Parking() id.Parking { return x.Lot }

// Prefetch implements commit.Op.
func (x *Extend) Prefetch(r *commit.Rows) { r.Sessions = append(r.Sessions, x.Sessions...) }

// Apply implements commit.Op.
func (x *Extend) Apply(w *commit.Work, now time.Time) error {
	to := keep(now)
	var missing error
	longer := map[id.SpaceType]bool{}
	for _, i := range x.Sessions {
		s, err := w.Session(i)
		if err != nil {
			missing = err
			continue
		}
		if s == nil || s.State != session.Inside || s.Allotted || s.ClaimTo == 0 || s.ClaimTo >= to {
			continue
		}
		reach, err := reserved(w, s)
		if err != nil {
			missing = err
			continue
		}
		s.ClaimTo = max(s.ClaimTo, reach)
		if s.ClaimTo >= to {
			w.PutSession(s) // its reservation was extended
			continue
		}
		err = w.ClaimPresence(s.SpaceType, timerange.Quarters{From: s.ClaimTo, To: to}, 1)
		switch {
		case errors.Is(err, commit.ErrMissing):
			missing = err
			continue
		case errors.Is(err, inventory.ErrUnseeded):
			continue // a type or a day that is no longer counted
		case err != nil:
			return err
		}
		s.ClaimTo = to
		w.PutSession(s)
		w.Emit(feed.ClaimExtended, feed.Body{Session: tell(s, s.EnteredAt)})
		longer[s.SpaceType] = true
	}
	// Whoever is to stand where it still does is bound to another bay.
	for _, t := range slices.Sorted(maps.Keys(longer)) {
		if err := bay.Rebind(w, t, nil, now); err != nil {
			missing = err
		}
	}
	return missing
}

// reserved is up to where the reservation that a stay stands on claims its
// place; 0 without one.
func reserved(w *commit.Work, s *session.Session) (timerange.Q, error) {
	if s.Reservation.IsZero() {
		return 0, nil
	}
	r, err := w.Reservation(s.Reservation)
	if err != nil || r == nil || r.Session != s.ID || r.State != reservation.Active {
		return 0, err
	}
	return r.Claim.To, nil
}
