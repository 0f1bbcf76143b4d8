package app

import (
	"cmp"
	"slices"
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/kiosk"
	"github.com/openlot/openlot/edge/internal/lane"
	"github.com/openlot/openlot/protocol/credential"
)

// sightingKept is how long a plate that was read at an entry is that of who takes a ticket
// there.
const sightingKept = 2 * time.Minute

// sighting is the plate that a lane's camera read last, hashed, of who is no guest.
type sighting struct {
	plate admission.Sighting
	at    time.Time
}

// sees keeps what a camera read of somebody who is not let in by it.
func (g *gate) sees(c admission.Credential) {
	if c.Kind != admission.Plate || g.lane.Direction != admission.Entry {
		return
	}
	g.rec.View(func(s *admission.State) {
		if p, ok := s.Sight(c.Text); ok {
			g.sight = sighting{p, time.Now()}
		}
	})
}

// sighted is the plate of who stands at the lane, the zero value when it was not read.
func (g *gate) sighted() admission.Sighting {
	if time.Since(g.sight.at) > sightingKept {
		return admission.Sighting{}
	}
	return g.sight.plate
}

// leaves forgets the plate of who has left the arming loop: the next one has another.
func (g *gate) leaves(before lane.Level) {
	if before == lane.On && g.state.Inputs.Arming != lane.On {
		g.sight = sighting{}
	}
}

// findPlate looks for the stays of a plate as it was typed: of the guests whose it is,
// and of walk-ins whose plate was read as that; else of walk-ins that a camera may have
// misread.
func (k *takings) findPlate(text string) ([]kiosk.Found, kiosk.Refusal) {
	plate, ok := credential.NormalPlate(text)
	if !ok {
		return nil, kiosk.NotFound
	}
	var sight admission.Sighting
	k.a.rec.View(func(s *admission.State) { sight, ok = s.Sight(plate) })
	if !ok {
		return nil, kiosk.NotFound
	}
	typed := func(f *kiosk.Found) { f.Plate = plate }
	found := k.inside(func(s *admission.State, ses admission.Session) bool {
		e, known := s.Entries[ses.Reservation]
		return sight.Is(ses.Plate) || known && slices.ContainsFunc(e.Credentials, sight.Is)
	}, typed)
	if len(found) == 0 {
		found = k.inside(func(_ *admission.State, ses admission.Session) bool { return sight.Like(ses.Plate) }, typed)
	}
	return found, ""
}

// lostAround is how far from what somebody remembers a stay may have begun.
const lostAround = time.Hour

// lost looks for the walk-in whose plate it is; else for those who came in about then,
// those first that fit best.
func (k *takings) lost(a *kiosk.Action) ([]kiosk.Found, kiosk.Refusal) {
	if a.Plate != "" {
		found, _ := k.findPlate(a.Plate)
		found = slices.DeleteFunc(found, func(f kiosk.Found) bool { return !f.Reservation.IsZero() })
		for i := range found {
			found[i].Lost = true
		}
		if len(found) > 0 {
			return found[:min(len(found), maxLost)], ""
		}
		if a.EnteredAt == "" {
			return nil, kiosk.NotFound
		}
	}
	at, err := time.Parse(time.RFC3339, a.EnteredAt)
	if err != nil {
		return nil, kiosk.PlateAndTime
	}
	off := func(f kiosk.Found) time.Duration { return f.EnteredAt.Sub(at).Abs() }
	found := k.inside(func(_ *admission.State, ses admission.Session) bool {
		return ses.Reservation.IsZero() && time.UnixMilli(ses.Entered).Sub(at).Abs() <= lostAround
	}, func(f *kiosk.Found) { f.Lost = true })
	slices.SortFunc(found, func(x, y kiosk.Found) int { return cmp.Compare(off(x), off(y)) })
	return found[:min(len(found), maxLost)], ""
}

// maxLost is how many stays somebody without a ticket is asked about.
const maxLost = 6
