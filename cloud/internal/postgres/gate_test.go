package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// What an operator says about a reservation at the gate reaches its edge as a delta
// and in a snapshot, and nothing but a hash of a card is kept.
func TestTheEdgeIsToldWhatStandsForAReservation(t *testing.T) {
	n := newNumbered(t, "1", "2")
	r := n.sold(0, 2)
	gate, key := postgres.NewGate(n.db), gateKeyOf(t, n.db, "north")
	if other := func() credential.Key {
		postgrestest.Import(t, n.db, time.Now(), postgrestest.Parking("south", 1))
		return gateKeyOf(t, n.db, "south")
	}(); other == key || key == (credential.Key{}) {
		t.Fatal("two parkings have one gate key")
	}
	changed := func() *fleet.Changes {
		t.Helper()
		s, err := n.db.Snapshot(t.Context(), "north", time.Now(), true)
		if err != nil {
			t.Fatal(err)
		}
		c, err := n.db.Changes(t.Context(), "north", s.Revision-1, 100, 10, true)
		if err != nil {
			t.Fatal(err)
		}
		if s.Key != key || c.Key != key || !same(s.Notes[r.ID], c.Notes[r.ID]) || len(c.Reservations) != 1 || c.Reservations[0].ID != r.ID {
			t.Fatalf("a delta tells %+v of %+v, a snapshot %+v", c.Notes, c.Reservations, s.Notes)
		}
		return c
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(gate.Card(t.Context(), "north", r.ID, " 04a2b3c4d5e6f7\n", true))
	if got := changed().Notes[r.ID]; !slices.Equal(got.Cards, []credential.Hash{key.Card("04a2b3c4d5e6f7")}) || !got.Neutral.IsZero() {
		t.Errorf("%+v", got)
	}
	at := time.Now().Truncate(time.Microsecond)
	do(gate.Neutral(t.Context(), "north", r.ID, "Eva", "he swears it is in the garage at home", at))
	if got := changed().Notes[r.ID]; len(got.Cards) != 1 || !got.Neutral.Equal(at) {
		t.Errorf("%+v", got)
	}
	do(gate.Card(t.Context(), "north", r.ID, "04a2b3c4d5e6f7", true)) // twice is once
	do(gate.Card(t.Context(), "north", r.ID, "04a2b3c4d5e6f7", false))
	if got := changed().Notes[r.ID]; len(got.Cards) != 0 || !got.Neutral.Equal(at) {
		t.Errorf("%+v", got)
	}
	for i := range 7 {
		err := gate.Card(t.Context(), "north", r.ID, strings.Repeat("x", i+1), true)
		if (fault.Code(err) == postgres.CodeTooManyCards) != (i == 6) {
			t.Errorf("card %d: %v", i+1, err)
		}
	}
	for code, err := range map[string]error{
		postgres.CodeReservationNotFound: gate.Card(t.Context(), "south", r.ID, "x", true),
		postgres.CodeCardInvalid:         gate.Card(t.Context(), "north", r.ID, "  ", true),
	} {
		if fault.Code(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	if fault.Code(gate.Neutral(t.Context(), "north", id.New[id.Reservation](at), "Eva", "x", at)) != postgres.CodeReservationNotFound {
		t.Error("a reservation that there is not is neutral")
	}
	var kept int
	if err := n.owner.QueryRow(t.Context(), `select count(*) from reservation_gate g, event e where g::text ~ '04a2b3c4' or e.body::text ~ '04a2b3c4'`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("the token is kept in %d places: %v", kept, err)
	}
}

func same(a, b fleet.Note) bool { return slices.Equal(a.Cards, b.Cards) && a.Neutral.Equal(b.Neutral) }

func gateKeyOf(t *testing.T, db *postgres.DB, at id.Parking) credential.Key {
	t.Helper()
	k, err := postgres.NewBooking(db).GateKey(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What the owner says about the gate reaches the edge, too.
func TestTheEdgeIsToldTheGatesPolicy(t *testing.T) {
	n := newNumbered(t, "1")
	_, err := postgres.NewCapacity(n.db).ChangePolicy(t.Context(), capacity.PolicyEdit{At: "north", Today: time.Now()}, func(p parking.Policy) (parking.Policy, error) {
		p.EntryPassback = parking.PassbackSoft
		p.Offline = &parking.Offline{Stages: []parking.OfflineStage{{Allow: []parking.Permission{parking.AllowUnknown}}}}
		return p, p.Validate()
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.db.Snapshot(t.Context(), "north", time.Now(), true)
	if err != nil {
		t.Fatal(err)
	}
	c, err := n.db.Changes(t.Context(), "north", s.Revision-1, 100, 10, true)
	if err != nil || c.Policy == nil || c.Policy.EntryPassback != parking.PassbackSoft || len(c.Policy.Offline.Stages) != 1 || c.Key != s.Key {
		t.Errorf("%+v %v", c, err)
	}
}
