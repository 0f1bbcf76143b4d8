package admission

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Whatever happens, in whatever order, a reservation's stays are those that walking
// through everybody inside finds.
func TestStaysOfAreThoseThatAWalkFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(1_800_000_000, 0)
		reservations := []id.Reservation{{}, id.New[id.Reservation](at), id.New[id.Reservation](at)}
		var sessions []id.Session
		for range 4 {
			sessions = append(sessions, id.New[id.Session](at))
		}
		s := NewState()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			kind := rapid.SampledFrom([]wire.EventKind{wire.Admitted, wire.Entered, wire.BackedOut, wire.Released, wire.Exited, wire.Dismissed}).Draw(t, "kind")
			which := rapid.IntRange(0, len(sessions)-1).Draw(t, "session")
			e := wire.Event{Kind: kind, Session: sessions[which], Reservation: reservations[which%len(reservations)], Wall: at.UnixMilli()}
			s.Apply(Fact{Event: e, Again: rapid.Bool().Draw(t, "again")}, &Changes{})
			for _, r := range reservations[1:] {
				want, got := map[id.Session]Session{}, map[id.Session]Session{}
				for _, ses := range s.Sessions {
					if ses.Reservation == r {
						want[ses.ID] = ses
					}
				}
				for ses := range s.staysOf(r) {
					got[ses.ID] = ses
				}
				if !maps.EqualFunc(got, want, func(x, y Session) bool { return reflect.DeepEqual(x, y) }) {
					t.Fatalf("%v: %v, and a walk finds %v", r, got, want)
				}
			}
		}
	})
}
