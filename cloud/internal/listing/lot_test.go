package listing

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Memory holds the days of which something is claimed and no others, however
// much was claimed and given back.
func TestOnlyDaysThatDifferAreKept(t *testing.T) {
	const days = 396
	r := rand.New(rand.NewPCG(1, 2))
	l := &lot{Snapshot: Snapshot{
		Parking: parking.Parking{SpaceTypes: []parking.SpaceType{{ID: id.Standard, Capacity: 3}}, Policy: parking.DefaultPolicy()},
		Days:    map[inventory.Key]*inventory.Day{},
	}}
	tell := func(c inventory.Delta, k feed.Kind) {
		t.Helper()
		e := feed.Event{Revision: l.Revision + 1, Kind: k, Body: feed.Body{Claims: []inventory.Delta{c}}}
		if err := l.apply(e); err != nil {
			t.Fatal(err)
		}
	}
	var held []inventory.Delta
	for range 2000 {
		if len(held) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(held))
			c := held[i]
			c.N = -c.N
			tell(c, feed.CapacityUnblocked)
			held[i] = held[len(held)-1]
			held = held[:len(held)-1]
		} else {
			from := timerange.Q(r.IntN((days - 3) * 96))
			c := inventory.Delta{Type: id.Standard, From: from, To: from + 1 + timerange.Q(r.IntN(200)), N: int16(1 + r.IntN(2))}
			tell(c, feed.CapacityBlocked)
			held = append(held, c)
		}
		want := map[int32]bool{}
		for _, c := range held {
			for q := c.From; q < c.To; q++ {
				want[q.Day()] = true
			}
		}
		if len(l.Days) != len(want) {
			t.Fatalf("%d days are kept, claims are in %d", len(l.Days), len(want))
		}
	}
	each := int(unsafe.Sizeof(inventory.Key{}) + unsafe.Sizeof(&inventory.Day{}) + unsafe.Sizeof(inventory.Day{}))
	t.Logf("a day is %d bytes; a parking with one type whose every day differs: %d KB for 90 days, %d KB for %d; none differs: 0", each, 92*each>>10, (days+2)*each>>10, days)
	if each > 512 {
		t.Errorf("a day has become %d bytes", each)
	}
}

// A price that moves is told with what changed; one that does not is told once.
func TestAPriceThatMovesIsTold(t *testing.T) {
	now := time.Date(2026, 6, 11, 8, 7, 0, 0, time.UTC)
	from := timerange.Floor(now) + 8
	w := &Window{Range: timerange.Range{From: from.Time(), To: (from + 8).Time()}}
	lotOf := func(d *parking.DynamicPrice) *lot {
		p := parking.Parking{
			ID: "altmarkt", Timezone: "Europe/Berlin", SpaceTypes: []parking.SpaceType{{ID: id.Standard, Capacity: 2}}, Policy: parking.DefaultPolicy(),
			Tariff: tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", IntervalMinutes: 60, Rate: 200},
		}
		p.Policy.Dynamic = d
		return newLot(Snapshot{Parking: p, Days: map[inventory.Key]*inventory.Day{}})
	}
	dynamic := &parking.DynamicPrice{MinPercent: 100, MaxPercent: 150, Occupancy: []parking.OccupancyStep{{From: 50, Add: 25}}}
	for l, prices := range map[*lot][2]string{lotOf(dynamic): {`"price":{"minor":400,`, `"price":{"minor":500,`}, lotOf(nil): {"", ""}} {
		for i, want := range prices {
			f := l.fixed(w)
			told := string(change(nil, f, l.render(now, now, w)))
			if !strings.Contains(told, want) || want == "" && strings.Contains(told, "price") {
				t.Errorf("%d: %s", i, told)
			}
			if all := string(whole(nil, f, l.render(now, now, w), -1, false)); strings.Count(all, `"price":`) != 1 {
				t.Errorf("%d: %s", i, all)
			}
			e := feed.Event{Revision: l.Revision + 1, Body: feed.Body{Claims: []inventory.Delta{{Type: id.Standard, From: from, To: from + 1, N: 1}}}}
			if err := l.apply(e); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What is shown as free in a window is what would be sold in it: also where the
// capacity changes on the way, a share of it is kept back, or more stands there
// than fits.
func TestWhatIsShownAsFreeIsWhatIsSold(t *testing.T) {
	now := time.Date(2026, 6, 11, 8, 7, 0, 0, time.UTC)
	today := timerange.Floor(now).Day()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		capacity := int16(1 + r.IntN(40))
		l := &lot{Snapshot: Snapshot{
			Parking: parking.Parking{SpaceTypes: []parking.SpaceType{{ID: "ev", Capacity: 3}, {ID: id.Standard, Capacity: capacity}}, Policy: parking.DefaultPolicy()},
			Days:    map[inventory.Key]*inventory.Day{},
		}}
		l.Parking.Policy.OverstayBuffer = r.IntN(60)
		stored := map[inventory.Key]*inventory.Day{}
		for day := today; day < today+5; day++ {
			k := inventory.Key{Type: id.Standard, Day: day}
			stored[k] = inventory.NewDay(capacity)
			if r.IntN(3) == 0 {
				continue // the listing does not keep it
			}
			d := inventory.NewDay(int16(1 + r.IntN(40)))
			for q := range d.Free {
				if r.IntN(4) == 0 {
					d.Free[q] = int16(r.IntN(int(d.Cap) + 1))
				}
				if r.IntN(150) == 0 {
					d.Free[q], d.Over[q] = 0, 2
				}
			}
			stored[k], l.Days[k] = d, d
		}
		sheet := inventory.NewSheet(stored)
		sheet.KeepBack(l.Parking.Policy.OverstayBuffer)
		n := l.count(now, false)
		for range 40 {
			from := timerange.Floor(now) + timerange.Q(r.IntN(200))
			run := timerange.Quarters{From: from, To: from + 1 + timerange.Q(r.IntN(100))}
			want, err := sheet.Available(id.Standard, run)
			if err != nil {
				t.Fatal(err)
			}
			if got := n.types[1].free(run); got != int(want) {
				t.Fatalf("seed %d: %d are shown in %v, %d can be sold", seed, got, run, want)
			}
		}
	}
}
