package postgres_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
)

// An edge with a machine is told the editions of the tariff, the newest first, the zone
// and what covers each reservation; when it is asked for, and the same by a delta.
func TestAnEdgeWithAMachineIsToldPrices(t *testing.T) {
	n := newNumbered(t, "1")
	r := n.sold(0, 2)
	snapshot := func(priced bool) *fleet.Snapshot {
		t.Helper()
		s, err := n.db.Snapshot(t.Context(), "north", time.Now(), priced)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	delta := func(s *fleet.Snapshot) *fleet.Till {
		t.Helper()
		c, err := n.db.Changes(t.Context(), "north", s.Revision-1, 100, 10, true)
		if err != nil || c.Till == nil {
			t.Fatalf("%+v, %v", c, err)
		}
		return c.Till
	}
	if s := snapshot(false); s.Till != nil {
		t.Errorf("an edge without a machine is told %+v", s.Till)
	}
	s := snapshot(true)
	p := s.Till.Payments[r.ID]
	if p == nil || p.ID != r.Payment || s.Till.Name == "" || s.Till.Zone == "" || len(s.Till.Editions) != 1 {
		t.Fatalf("%+v", s.Till)
	}
	if d := delta(s); d.Payments[r.ID] == nil || d.Payments[r.ID].Authorized != p.Authorized || len(d.Editions) != 0 {
		t.Errorf("a delta about the reservation tells %+v", d)
	}
	next := s.Till.Editions[0].Tariff
	next.Version++
	next.Rate += 50
	if _, err := postgres.NewTariffs(n.db).Adopt(t.Context(), "north", next, parking.Author{}); err != nil {
		t.Fatal(err)
	}
	s = snapshot(true)
	for _, told := range []*fleet.Till{s.Till, delta(s)} {
		if e := told.Editions; len(e) != 2 || e[0].Tariff.Version != next.Version || e[0].Tariff.Rate != next.Rate || !e[1].Adopted.Before(e[0].Adopted) {
			t.Errorf("after a change: %+v", told.Editions)
		}
	}
}
