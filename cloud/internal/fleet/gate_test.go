package fleet

import (
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// An edge of minor version 2 is told hashes and no plate, and the gate's policy; an
// older one what it knew.
func TestWhatAnEdgeIsToldOfTheGateByItsVersion(t *testing.T) {
	now := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	r := &reservation.Reservation{
		ID: id.New[id.Reservation](now), Parking: "altmarkt", Version: 3, State: reservation.Confirmed, Generation: 2, SpaceType: id.Standard,
		Window: timerange.Range{From: now, To: now.Add(time.Hour)}, NoShowAt: now.Add(time.Hour), Plate: "DDOL123",
	}
	p := parking.DefaultPolicy()
	p.EntryPassback, p.PassbackAfter, p.PayFirst = parking.PassbackTimed, 30*time.Minute, time.Hour
	p.Offline = &parking.Offline{Stages: []parking.OfflineStage{
		{After: 0, Allow: []parking.Permission{parking.AllowWalkins, parking.AllowUnknown, parking.AllowUnsigned, parking.AllowCloudUses}},
		{After: 30, Allow: []parking.Permission{parking.AllowUnknown}},
	}}
	g := Gate{Key: credential.Key{9}, Notes: map[id.Reservation]Note{r.ID: {Cards: []credential.Hash{{1}}, Neutral: now}}}
	s := Snapshot{Revision: 7, Reservations: []*reservation.Reservation{r}, Policy: p, Gate: g}
	c := Changes{Through: 7, Reservations: s.Reservations, Policy: &p, Gate: g}
	for _, minor := range []uint8{0, 1, 2} {
		all, err := s.messages(minor)
		if err != nil {
			t.Fatal(err)
		}
		delta, err := c.message(6, minor)
		if err != nil {
			t.Fatal(err)
		}
		for kind, m := range map[string]*wire.Sync{"snapshot": all[0], "delta": delta} {
			if _, err := wire.Marshal(m); err != nil {
				t.Fatalf("%s for 1.%d: %v", kind, minor, err)
			}
			e := m.Entries[0]
			if minor < 2 {
				if e.Plate != "DDOL123" || len(e.Credentials) != 0 || e.Neutral != 0 || m.GateKey != nil || m.Policy.EntryPassback != 0 || len(m.Policy.Stages) != 0 || m.Policy.PayFirst != 0 {
					t.Errorf("%s: an edge of 1.%d is told %+v by %+v", kind, minor, e, m.Policy)
				}
				continue
			}
			want := []credential.Hash{g.Key.PIN(g.Key.Code(r.ID, 2)), g.Key.Plate("DDOL123"), {1}}
			if e.Plate != "" || !slices.Equal(e.Credentials, want) || e.Neutral != now.UnixMilli() || credential.Key(m.GateKey) != g.Key {
				t.Errorf("%s: %+v", kind, e)
			}
			stages := []wire.Stage{{After: 0, Allow: 15}, {After: 1800, Allow: wire.AllowUnknown}}
			if m.Policy.EntryPassback != wire.PassbackTimed || m.Policy.ExitPassback != 0 || m.Policy.PassbackMinutes != 30 || m.Policy.PayFirst != 3600 || !slices.Equal(m.Policy.Stages, stages) {
				t.Errorf("%s: %+v", kind, m.Policy)
			}
		}
	}
}

// Whom nobody asked who he was pays for no stay that was ended in his place.
func TestWhoIsLetOutByHandStandsInAsByTheButton(t *testing.T) {
	for _, r := range wire.Reasons() {
		want := r == wire.AdmitPolicy || r == wire.AdmitSoftPassback || r == wire.AdmitManual || r == wire.AdmitEmergency
		if standsIn(r) != want {
			t.Errorf("%s", r)
		}
	}
}
