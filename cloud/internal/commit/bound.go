package commit

import (
	"bytes"
	"slices"

	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
)

// Bound is what holds, or may hold, a bay of a space type.
type Bound struct {
	Reservations []*reservation.Reservation // confirmed and active
	Sessions     []*session.Session         // inside
	Blocks       []*Block                   // not removed
}

// Bound returns copies of what holds or may hold a bay of a type, each in the
// order of their ids, and perhaps more that does not: what else the batch has
// read or ended. It reads all of the type's reservations that stand, so it is
// for types with bays only.
func (w *Work) Bound(t id.SpaceType) (Bound, error) {
	if !w.rows.bound[t] {
		w.missing.Bound = append(w.missing.Bound, t)
		return Bound{}, ErrMissing
	}
	out := Bound{
		Reservations: w.rows.reservations.every(func(r *reservation.Reservation) bool { return r.SpaceType == t }),
		Sessions:     w.rows.sessions.every(func(s *session.Session) bool { return s.SpaceType == t }),
		Blocks:       w.rows.blocks.every(func(b *Block) bool { return b.SpaceType == t }),
	}
	slices.SortFunc(out.Reservations, func(a, b *reservation.Reservation) int { return order(a.ID.UUID(), b.ID.UUID()) })
	slices.SortFunc(out.Sessions, func(a, b *session.Session) int { return order(a.ID.UUID(), b.ID.UUID()) })
	slices.SortFunc(out.Blocks, func(a, b *Block) int { return order(a.ID.UUID(), b.ID.UUID()) })
	return out, nil
}

func order(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

// every is a copy of each known row that is wanted, as the running op sees it.
func (t *table[K, V]) every(want func(*V) bool) []*V {
	var out []*V
	for i := range t.rows {
		v := t.rows[i].over
		if v == nil {
			v = t.rows[i].base
		}
		if v != nil && want(v) {
			c := *v
			out = append(out, &c)
		}
	}
	return out
}
