package fleet

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// reprice has the parking go over to an edition that costs rate per started hour.
func (w *world) reprice(at time.Time, rate int64) {
	p := *w.parking
	if len(w.rows.Tariffs) == 0 {
		w.rows.Tariffs = []parking.Edition{{Tariff: p.Tariff, Adopted: noon.Add(-365 * 24 * time.Hour)}}
	}
	p.Tariff.Version++
	p.Tariff.Rate, p.TariffSince = rate, at
	w.rows.Tariffs = append([]parking.Edition{{Tariff: p.Tariff, Adopted: at}}, w.rows.Tariffs...)
	w.parking = &p
}

func (j *journal) passOffline(t testing.TB, at time.Time, k wire.EventKind, s id.Session, r id.Reservation) {
	j.add(t, at, wire.Event{Kind: k, Lane: "lane-1", Session: s, Reservation: r, SpaceType: id.Standard, Offline: true, Generation: generation(r)})
}

// X11: a walk-in pays the edition of the tariff in force when he went in, however
// often it was changed since, and whenever the cloud hears of it.
func TestAWalkInPaysTheTariffOfHisEntry(t *testing.T) {
	for name, told := range map[string]bool{"told at once": true, "told after the change": false} {
		t.Run(name, func(t *testing.T) {
			w, j := start(t, 9)
			type stay struct {
				in, out time.Duration
				due     int64
				s       id.Session
			}
			// 200 until noon, 500 for an hour, then 300.
			stays := []stay{
				{in: -90 * time.Minute, out: 90 * time.Minute, due: 3 * 200},
				{in: -time.Minute, out: 30 * time.Minute, due: 200},
				{in: 0, out: 90 * time.Minute, due: 2 * 500},
				{in: 59 * time.Minute, out: 110 * time.Minute, due: 500},
				{in: time.Hour, out: 110 * time.Minute, due: 300},
			}
			kind := map[bool]wire.EventKind{true: wire.Entered, false: wire.Exited}
			for at := -2 * time.Hour; at <= 2*time.Hour; at += time.Minute {
				w.now = noon.Add(at)
				if rate, changes := map[time.Duration]int64{0: 500, time.Hour: 300}[at]; changes {
					w.reprice(w.now, rate)
				}
				for i := range stays {
					for _, enters := range []bool{true, false} {
						if enters && stays[i].in == at {
							stays[i].s = id.New[id.Session](w.now)
						} else if enters || stays[i].out != at {
							continue
						}
						j.passOffline(t, w.now, kind[enters], stays[i].s, none)
					}
				}
				if told {
					j.applyAll(t, w)
				}
			}
			j.applyAll(t, w)
			w.balance(t)
			x11 := 0
			for _, c := range w.classes() {
				if c == "X11" {
					x11++
				}
			}
			if x11 != 4 {
				t.Errorf("%d stays are on record as priced by another edition than the present: %v", x11, w.classes())
			}
			for _, x := range stays {
				if got := w.rows.Sessions[x.s]; got.Due.Minor != x.due || got.Owed.Minor != x.due {
					t.Errorf("in at %s, out at %s: %v by edition %d, not %d", x.in, x.out, got.Due, got.TariffVersion, x.due)
				}
			}
		})
	}
}

// What goes beyond a reservation's window is priced by the edition of its quote.
func TestWhoStaysBeyondHisWindowPaysTheTariffOfHisQuote(t *testing.T) {
	for _, rate := range []int64{100, 900} {
		w, j := start(t, 2)
		r := w.reserve(t, noon.Add(-2*time.Hour), noon) // 400
		w.reprice(noon.Add(-time.Hour), rate)
		s := j.enter(t, noon.Add(-30*time.Minute), r.ID)
		j.exit(t, noon.Add(time.Hour), s, r.ID)
		w.later(time.Hour)
		j.applyAll(t, w)
		w.balance(t)
		// Three started hours, less the grace, at 200.
		if got := w.rows.Sessions[s]; got.Due.Minor != 600 || got.Owed.Minor != 200 {
			t.Errorf("at %d now: %v, %v owed", rate, got.Due, got.Owed)
		}
	}
}

// Who comes and goes by the present edition makes the cloud read no other.
func TestThePresentEditionIsNotRead(t *testing.T) {
	w, j := start(t, 4)
	w.reprice(noon.Add(-time.Hour), 500)
	r := w.reserve(t, noon.Add(-time.Hour), noon.Add(time.Hour))
	a, b := j.enter(t, noon.Add(-time.Hour), r.ID), j.enter(t, noon, none)
	j.exit(t, noon, a, r.ID)
	j.exit(t, noon, b, none)
	j.applyAll(t, w)
	if w.editions != 0 {
		t.Fatalf("read %d times", w.editions)
	}
	j.enter(t, noon.Add(-2*time.Hour), none)
	j.applyAll(t, w)
	if w.editions != 1 {
		t.Fatal("an entry from before was not looked up")
	}
}
