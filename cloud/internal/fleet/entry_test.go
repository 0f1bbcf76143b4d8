package fleet

import (
	"testing"

	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/wire"
)

// An edge is told of every state that concerns its gate.
func TestEveryStateHasItsEntry(t *testing.T) {
	want := map[reservation.State]wire.EntryState{
		reservation.Confirmed: wire.EntryConfirmed, reservation.Active: wire.EntryActive, reservation.Completed: wire.EntryDone,
		reservation.Expired: wire.EntryRevoked, reservation.Cancelled: wire.EntryRevoked, reservation.NoShow: wire.EntryNoShow,
		reservation.Walked: wire.EntryRevoked, reservation.Voided: wire.EntryRevoked,
	}
	for _, s := range reservation.States() {
		e, ok := entry(&reservation.Reservation{State: s})
		if ok != (s != reservation.Held) || ok && e.State != want[s] {
			t.Errorf("%s: entry %d, %v", s, e.State, ok)
		}
	}
}
