package listing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// many are parkings over a country.
func many(n int) []Snapshot {
	r := rand.New(rand.NewPCG(5, 6))
	out := make([]Snapshot, n)
	for i := range out {
		out[i] = Snapshot{
			Parking: parking.Parking{
				ID: id.Parking(fmt.Sprintf("p%06d", i)), Name: fmt.Sprintf("Parking %d", i), Latitude: 45 + 10*r.Float64(), Longitude: 15 * r.Float64(),
				Timezone: "Europe/Berlin", Policy: parking.DefaultPolicy(),
				SpaceTypes: []parking.SpaceType{{ID: id.Standard, Capacity: 9}, {ID: "ev", Capacity: 2}},
			},
			Revision: 1, Days: map[inventory.Key]*inventory.Day{}, Allotments: map[id.SpaceType]int16{}, Allotted: map[id.Session]id.SpaceType{},
		}
	}
	return out
}

// settled is a listing of parkings that no Run has, at one moment.
func settled(found []Snapshot) *Listing {
	now := func() time.Time { return time.Date(2026, 6, 11, 8, 7, 0, 0, time.UTC) }
	l := New(nil, now, now, slog.New(slog.DiscardHandler), Options{})
	close(l.loaded)
	l.installAll(found)
	return l
}

// grow lets a parking tell more than before: its allotment, and so what is free.
func (l *Listing) grow(p id.Parking, units int16) {
	x := l.lots[p]
	l.Handle([]feed.Event{{
		Parking: p, Revision: x.Revision + 1, At: l.now(), Kind: feed.AllotmentChanged,
		Body: feed.Body{Allotment: &feed.Allotment{SpaceType: id.Standard, Units: units}},
	}})
}

// A face shows its lot, in each index that answers are made from, whatever was
// drawn over or outgrew its place, and wherever it was moved to.
func TestAFaceShowsItsLotWhereverItStands(t *testing.T) {
	found := many(2*atOnce + 10)
	l, r := settled(found), rand.New(rand.NewPCG(7, 8))
	check := func(what string) {
		t.Helper()
		m := newMoment(l.now(), l.current())
		for rank, x := range l.index.lots {
			if l.index.faces[rank] != x.face {
				t.Fatalf("%s: the index shows another face of %s", what, x.Parking.ID)
			}
			if f, _ := x.draw(&m, nil); !bytes.Equal(f.json, x.face.json) || f.sum != x.face.sum {
				t.Fatalf("%s: %s shows\n%s, it is\n%s", what, x.Parking.ID, x.face.json, f.json)
			}
		}
	}
	somebody := func() id.Parking { return found[r.IntN(len(found))].Parking.ID }
	check("at first")
	for i := range 40 {
		for range 50 {
			l.grow(somebody(), int16(r.IntN(30_000)))
		}
		check("after events")
		// A description longer than the room that a face has, or a shorter one.
		told := found[r.IntN(len(found))]
		x := l.lots[told.Parking.ID]
		told.Parking.Name, told.Revision = strings.Repeat("long ", r.IntN(40)), x.Revision+1
		l.installAll([]Snapshot{told})
		check("after a description")
		lots := make([]*lot, 0, len(l.lots))
		for _, x := range l.lots {
			lots = append(lots, x)
		}
		fresh := newIndex(lots)
		l.settle(fresh)
		l.grow(somebody(), int16(i))
		check("settled, in the index before")
		l.index = fresh
		check("settled")
	}
}

// What a stream keeps is what it was told, whatever is drawn since.
func TestAStreamKeepsItsBytes(t *testing.T) {
	l := settled(many(3))
	x := l.lots["p000001"]
	shown := x.render(l.now(), l.current(), nil)
	was := string(shown.moving)
	l.grow("p000001", 7)
	if string(shown.moving) != was {
		t.Errorf("it was told\n%s and has now\n%s", was, shown.moving)
	}
	if fresh := string(x.render(l.now(), l.current(), nil).moving); fresh == was {
		t.Errorf("nothing was drawn: %s", fresh)
	}
}

// Answers are whole while faces are drawn over and moved: with -race nothing of them is
// read outside the lock.
func TestAnswersAreWholeWhileFacesMove(t *testing.T) {
	found := many(3 * fewLoose)
	l := settled(found)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for _, path := range []string{"/parkings?near=50,8&limit=200", "/parkings?limit=200", "/parking?id=p000001"} {
		readers.Go(func() {
			for {
				w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
				if strings.HasPrefix(path, "/parkings") {
					l.Parkings(w, r)
				} else {
					l.Parking(w, r)
				}
				var got struct{ Parkings []json.RawMessage }
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
					t.Errorf("%s: %d %v in %s", path, w.Code, err, w.Body)
					return
				}
				if n := len(got.Parkings); strings.HasPrefix(path, "/parkings") && n != len(found) {
					t.Errorf("%s: %d parkings", path, n)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for round := range 10 {
		for i, s := range found {
			l.grow(s.Parking.ID, int16(round*1000+i))
		}
		for i := range found { // all are loose: a new index is made
			x := l.lots[found[i].Parking.ID]
			found[i].Parking.Name, found[i].Revision = fmt.Sprint(strings.Repeat("long ", round), i), x.Revision+1
		}
		l.installAll(found)
	}
	close(done)
	readers.Wait()
}

// What was worked out ahead is what the days say: before midnight and after it, from the
// first day to where it ends and beyond, and with more inside than there is room for.
func TestWhatIsLeftAheadIsWhatTheDaysSay(t *testing.T) {
	midnight := time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC)
	over := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 9))
		now := midnight.Add(time.Duration(r.IntN(60)-30) * time.Minute)
		today, capacity := timerange.Floor(now).Day(), int16(r.IntN(40))
		l := &lot{Snapshot: Snapshot{
			Parking: parking.Parking{SpaceTypes: []parking.SpaceType{{ID: "ev", Capacity: 3}, {ID: id.Standard, Capacity: capacity}}, Policy: parking.DefaultPolicy()},
			Days:    map[inventory.Key]*inventory.Day{},
		}}
		l.Parking.Policy.OverstayBuffer = r.IntN(60)
		for day := today - 1; day < today+6; day++ {
			if r.IntN(3) == 0 {
				continue
			}
			d := inventory.NewDay(int16(r.IntN(40)))
			for q := range d.Free {
				if r.IntN(4) == 0 {
					d.Free[q] = int16(r.IntN(int(d.Cap) + 1))
				}
				if r.IntN(50) == 0 {
					d.Over[q] = 2 // of a capacity that came later: there can be free ones, too
				}
			}
			l.Days[inventory.Key{Type: id.Standard, Day: day}] = d
		}
		n := l.count(now, false)
		for i := range n.types {
			ahead := &n.types[i]
			slow := *ahead
			slow.left = nil
			if len(ahead.left) != nextQuarters || ahead.from.Time() != now.Truncate(24*time.Hour) {
				t.Fatalf("seed %d: %d quarters from %s are ahead", seed, len(ahead.left), ahead.from.Time())
			}
			for range 300 {
				from := timerange.DayStart(today) + timerange.Q(r.IntN(6*96)-96)
				run := timerange.Quarters{From: from, To: from + 1 + timerange.Q(r.IntN(4))*timerange.Q(r.IntN(60))}
				want := slow.free(run)
				if got := ahead.free(run); got != want {
					t.Fatalf("seed %d: %d are left in %v, the days say %d", seed, got, run, want)
				}
				if want > 0 && run.From >= ahead.from && int(run.To-ahead.from) > nextQuarters {
					over++
				}
			}
		}
	}
	if over == 0 {
		t.Error("no window went beyond")
	}
}
