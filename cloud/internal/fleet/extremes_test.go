package fleet

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// The latest time that an event can carry.
const lastWall = 1<<43 - 1

// Whatever an edge's clock says, its passages count once, in their order; nobody
// pays for a time that cannot be, nothing is claimed for ever, and a wrong clock
// does not move the watermark's trusted time.
func TestTimesAtTheirExtremes(t *testing.T) {
	for name, x := range map[string]struct {
		in, out int64 // wall
		at      []string
	}{
		"both at zero":           {0, 0, []string{"X7", "X7"}},
		"both at the end":        {lastWall, lastWall, []string{"X7", "X7"}},
		"in at the end":          {lastWall, noon.UnixMilli(), []string{"X7"}},
		"out at zero":            {noon.Add(-time.Hour).UnixMilli(), 0, []string{"X7"}},
		"out at the end":         {noon.Add(-time.Hour).UnixMilli(), lastWall, []string{"X7"}},
		"out before in":          {noon.UnixMilli(), noon.Add(-2 * time.Hour).UnixMilli(), nil},
		"as old as is believed":  {noon.Add(-memory).UnixMilli(), noon.Add(-memory).UnixMilli(), nil},
		"older than is believed": {noon.Add(-memory).UnixMilli() - 1, noon.UnixMilli(), []string{"X7"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := start(t, 3)
			w.allot(t)
			s := id.New[id.Session](noon)
			for _, e := range []wire.Event{
				{Kind: wire.Entered, Wall: x.in, Reason: wire.AdmitWalkin},
				{Kind: wire.Exited, Wall: x.out, Reason: wire.AdmitWalkin},
			} {
				e.Lane, e.Session, e.SpaceType, e.TrustedLo = "lane-1", s, id.Standard, e.Wall
				j.add(t, time.UnixMilli(e.Wall), e)
			}
			j.applyAll(t, w)
			w.balance(t)
			got := w.rows.Sessions[s]
			if got.State != session.Left || got.ExitedAt.Before(got.EnteredAt) || got.ExitedAt.After(noon) {
				t.Fatalf("%+v", got)
			}
			if got.Due.Minor != 0 || got.Owed.Minor != 0 {
				t.Fatalf("%v is due", got.Due)
			}
			if m := w.rows.Watermark; m.Seq != 2 || m.TrustedLo.After(noon) {
				t.Fatalf("%+v", m)
			}
			w.raised(t, x.at...)
			if w.inside().Allotted[id.Standard] != 0 {
				t.Fatal("his unit is taken for ever")
			}
		})
	}
}

// The cloud's own clock may be anything, too: no event is lost by it, and nobody
// is charged for a gap between two clocks.
func TestTheCloudsClockAtItsExtremes(t *testing.T) {
	for name, now := range map[string]time.Time{
		"the year 1": {}, "1970": time.Unix(0, 0).UTC(), "2200": time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), "9999": time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			w, j := start(t, 3)
			w.now = now
			s := j.enter(t, noon.Add(-time.Hour), none)
			j.exit(t, noon, s, none)
			j.pay(t, noon, s, id.New[id.Payment](noon), 100, wire.Cash)
			j.applyAll(t, w)
			got := w.rows.Sessions[s]
			if got == nil || got.State != session.Left || got.Due.Minor != 0 || got.Credit != 100 {
				t.Fatalf("%+v", got)
			}
			if w.rows.Watermark.Seq != 3 {
				t.Fatalf("%+v", w.rows.Watermark)
			}
		})
	}
}
