package listing_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// haversine is the way over the sphere, by the book.
func haversine(lat1, lng1, lat2, lng2 float64) float64 {
	rad := math.Pi / 180
	sin2 := func(x float64) float64 { s := math.Sin(x / 2); return s * s }
	h := sin2((lat2-lat1)*rad) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*sin2((lng2-lng1)*rad)
	return 2 * 6_371_008.8 * math.Asin(math.Sqrt(min(h, 1)))
}

// town places parkings in clusters: in a city, on the date line, at the poles,
// and some on one spot.
func town(r *rand.Rand, n int) []parking.Parking {
	clusters := [][3]float64{{51.05, 13.74, 0.1}, {-17, 179.99, 0.5}, {89.9, 0, 0.2}, {-89.95, 90, 0.1}, {0, 0, 40}, {48.1, 11.6, 0}}
	cities := []string{"Dresden", "Münster", "Århus", "Köln am Rhein", "Łódź"}
	streets := []string{"Wilsdruffer Straße", "Am Markt", "Værkmestergade", "Ringstraße", "Zz 7"}
	all := make([]parking.Parking, n)
	for i := range all {
		c := clusters[r.IntN(len(clusters))]
		lat := min(max(c[0]+r.NormFloat64()*c[2], -90), 90)
		lng := math.Mod(c[1]+r.NormFloat64()*c[2]*2+540, 360) - 180
		if c[0] > 89 || c[0] < -89 {
			lng = r.Float64()*360 - 180
		}
		all[i] = placed(fmt.Sprintf("p%04d", r.IntN(10)*1000+i), fmt.Sprintf("Haus %d", i%17), cities[r.IntN(len(cities))], streets[r.IntN(len(streets))], lat, lng)
		if r.IntN(4) == 0 {
			all[i].SpaceTypes = all[i].SpaceTypes[:1]
		}
	}
	return all
}

// question is a query and what the naive search makes of it.
type question struct {
	query string
	fits  func(p parking.Parking) bool
	near  *[2]float64
}

func ask(r *rand.Rand) question {
	q := question{fits: func(parking.Parking) bool { return true }}
	and := func(f func(parking.Parking) bool) {
		before := q.fits
		q.fits = func(p parking.Parking) bool { return before(p) && f(p) }
	}
	at := [][2]float64{{51.05, 13.74}, {-17, -179.99}, {90, 0}, {-89.9, 10}, {3, -4}, {48.1, 11.6}}[r.IntN(6)]
	if r.IntN(2) == 0 {
		at[0] = min(max(at[0]+r.NormFloat64()*0.05, -90), 90)
		q.near = &at
		q.query += fmt.Sprintf("&near=%v,%v", at[0], at[1])
		if r.IntN(2) == 0 {
			within := math.Exp(r.Float64()*12) + 1
			q.query += fmt.Sprintf("&radius=%v", within)
			and(func(p parking.Parking) bool { return haversine(at[0], at[1], p.Latitude, p.Longitude) <= within })
		}
	}
	if r.IntN(3) == 0 {
		south, north := at[0]-r.Float64()*3, at[0]+r.Float64()*3
		south, north = max(south, -90), min(north, 90)
		west, east := at[1]-r.Float64()*5, at[1]+r.Float64()*5
		if west < -180 {
			west += 360
		}
		if east > 180 {
			east -= 360
		}
		q.query += fmt.Sprintf("&bbox=%v,%v,%v,%v", west, south, east, north)
		and(func(p parking.Parking) bool {
			in := west <= p.Longitude && p.Longitude <= east
			if west > east {
				in = p.Longitude >= west || p.Longitude <= east
			}
			return in && south <= p.Latitude && p.Latitude <= north
		})
	}
	if r.IntN(2) == 0 {
		// What is typed, and what it must be found in as it is written.
		of := [][2]string{{"dresden", "Dresden"}, {"MUNSTER", "Münster"}, {"muenster", "Münster"}, {"aarhus", "Århus"}, {"lodz", "Łódź"}, {"asse", "traße"}, {"am", ""}, {"haus 3", ""}, {"7", ""}, {"zz", "Zz 7"}, {"nowhere", "nowhere"}, {"haus dresden", "Dresden"}, {"ring haus", "Ringstraße"}}[r.IntN(13)]
		q.query += "&q=" + url.QueryEscape(of[0])
		and(func(p parking.Parking) bool {
			text := p.Name + "\n" + p.Address + "\n" + p.City + "\n" + string(p.ID)
			if of[1] != "" {
				return strings.Contains(text, of[1])
			}
			text = strings.ToLower(text)
			for w := range strings.FieldsSeq(of[0]) {
				if !strings.Contains(text, w) && !strings.Contains(strings.ReplaceAll(text, "å", "aa"), w) {
					return false
				}
			}
			return true
		})
	}
	if r.IntN(4) == 0 {
		q.query += "&space_type=ev"
		and(func(p parking.Parking) bool { return len(p.SpaceTypes) > 1 })
	}
	return q
}

// everything reads all pages of a query. between is called between two of them.
func (b bed) everything(query string, limit int, between func()) []shown {
	b.t.Helper()
	var all []shown
	for cursor := ""; ; {
		var p page
		b.get(fmt.Sprintf("/parkings?limit=%d%s%s", limit, query, cursor), &p)
		if all = append(all, p.Parkings...); p.NextCursor == nil {
			return all
		}
		if len(p.Parkings) != limit {
			b.t.Fatalf("a page of %d with another after it", len(p.Parkings))
		}
		cursor = "&cursor=" + *p.NextCursor
		between()
	}
}

// TestSearchFindsWhatANaiveOneFinds asks random questions of random towns, some of
// which was described after the index was made.
func TestSearchFindsWhatANaiveOneFinds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := town(r, 30+r.IntN(500))
		m := newModel(all[:len(all)*2/3]...)
		b := start(t, m, listing.Options{})
		m.describe(b, all...)
		for range 5 { // one that moves, and one that is named anew
			i, j := r.IntN(len(all)), r.IntN(len(all))
			all[i].Latitude, all[i].Longitude = 51.05, 13.74
			all[j].City = "Dresden"
			m.describe(b, all[i], all[j])
		}
		found := 0
		for range 150 {
			q := ask(r)
			want := map[string]bool{}
			for _, p := range all {
				if q.fits(p) {
					want[string(p.ID)] = true
				}
			}
			got := b.everything(q.query, 1+r.IntN(60), func() {})
			found += len(got)
			last, lastID := -1.0, ""
			for _, s := range got {
				i := slices.IndexFunc(all, func(p parking.Parking) bool { return string(p.ID) == s.ID })
				if !want[s.ID] {
					t.Errorf("%s: %s is found (twice?)", q.query, s.ID)
				}
				delete(want, s.ID)
				if q.near == nil {
					if s.ID <= lastID {
						t.Errorf("%s: %s after %s", q.query, s.ID, lastID)
					}
					lastID = s.ID
					continue
				}
				d := haversine(q.near[0], q.near[1], all[i].Latitude, all[i].Longitude)
				if d < last-1e-3 || math.Abs(d-float64(*s.Distance)) > 0.6+d*1e-6 {
					t.Errorf("%s: %s at %d m, is %.1f m away, after %.1f", q.query, s.ID, *s.Distance, d, last)
				}
				last = d
			}
			if len(want) > 0 {
				t.Errorf("%s: not found: %v", q.query, want)
			}
		}
		if found < 500 {
			t.Errorf("seed %d: the questions found %d", seed, found)
		}
		b.stop()
	}
}

// describe changes the descriptions of parkings and waits until they are listed.
func (m *model) describe(b bed, list ...parking.Parking) {
	b.t.Helper()
	var events []feed.Event
	want := map[id.Parking]uint64{}
	for _, p := range list {
		m.mu.Lock()
		if m.lots[p.ID] == nil {
			m.lots[p.ID] = newModel(p).lots[p.ID]
			m.lots[p.ID].revision = 0
		}
		m.lots[p.ID].parking = p
		m.mu.Unlock()
		e := m.event(p.ID, time.Now(), feed.ParkingImported, feed.Body{})
		events, want[p.ID] = append(events, e), e.Revision
	}
	b.Handle(events)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		behind := false
		for p, revision := range want {
			var s shown
			if w := b.get("/parking?id="+string(p), nil); w.Code == http.StatusOK {
				if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
					b.t.Fatal(err)
				}
			}
			if s.Version < revision {
				behind = true
				break
			}
			delete(want, p)
		}
		if !behind {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatal("descriptions are not listed")
		}
	}
}

// Whatever changes between two pages, each parking that fits all the time is on
// exactly one of them: counts, names, new parkings, and ones whose place is put
// right, ahead of the reader or behind him, also when an index is made meanwhile.
func TestPagesNeitherSkipNorRepeatWhileThingsChange(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 2))
		all := town(r, 100)
		m := newModel(all...)
		b := start(t, m, listing.Options{})
		for _, query := range []string{"", "&near=51,13.7", "&near=-17,180", "&q=haus", "&q=haus&near=0,0", "&bbox=-180,-90,180,90"} {
			before := map[string]int{}
			for p := range m.lots {
				before[string(p)] = 0
			}
			pages := 0
			for _, s := range b.everything(query, 10, func() {
				if pages++; pages > 8 {
					return // or new ones come faster than they are read
				}
				var changed []parking.Parking
				for range 3 {
					i := r.IntN(len(all))
					other := all[r.IntN(len(all))]
					all[i].Latitude, all[i].Longitude = other.Latitude, other.Longitude
					j := r.IntN(len(all))
					all[j].Name = fmt.Sprintf("Haus %d neu", r.IntN(100))
					changed = append(changed, all[i], all[j])
				}
				for range 12 { // more than an index may be behind, after some pages
					p := town(r, 1)[0]
					p.ID = id.Parking(fmt.Sprintf("n%d", r.IntN(1e9)))
					changed = append(changed, p)
				}
				m.describe(b, changed...)
				from := timerange.Floor(time.Now())
				b.Handle([]feed.Event{m.event(all[0].ID, time.Now(), feed.ReservationHeld, feed.Body{Claims: []inventory.Delta{{Type: id.Standard, From: from, To: from + 2, N: 1}}})})
			}) {
				if _, there := before[s.ID]; there {
					before[s.ID]++
				}
			}
			for p, n := range before {
				if n != 1 {
					t.Errorf("seed %d%s: %s is on %d of %d pages", seed, query, p, n, pages)
				}
			}
		}
		b.stop()
	}
}

// Numbers are shown for a minute after the database was heard of last, then they
// are not known. Streams are told, and told again when it is back.
func TestNumbersThatAreTooOldAreNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(garage("alpha", 4))
		var heard atomic.Int64 // when the feed was read last, once it is not any more; 0: it is read
		current := func() time.Time {
			if at := heard.Load(); at != 0 {
				return time.Unix(0, at)
			}
			return time.Now()
		}
		b := startWith(t, m, current)
		defer b.stop()
		list := watch(t, b.Parkings, "/parkings", "")
		defer list.close()
		one := watch(t, b.Parking, "/parking?id=alpha", "")
		defer one.close()
		synctest.Wait()
		since := time.Now()
		heard.Store(since.UnixNano())
		shows := func(after time.Duration, known bool) {
			t.Helper()
			time.Sleep(time.Until(since.Add(after)))
			synctest.Wait()
			from := time.Now().Add(time.Hour)
			var p page
			b.get("/parkings?from="+stamp(from)+"&to="+stamp(from.Add(time.Hour)), &p)
			s := p.Parkings[0]
			if (s.AvailableNow != nil) != known || (s.Available != nil) != known || (s.SpaceTypes[0].Available != nil) != known || (s.Status == "open") != known {
				t.Errorf("after %s: %s", after, text(s))
			}
			if heard.Load() != 0 && !s.AsOf.Equal(since.Truncate(time.Millisecond)) {
				t.Errorf("after %s: as of %s, not %s", after, s.AsOf, since)
			}
			for name, w := range map[string]*watcher{"list": list, "detail": one} {
				if told := w.seen()["alpha"]; (told.AvailableNow != nil) != known || (told.Status == "unknown") == known {
					t.Errorf("after %s the %s stream shows %s", after, name, text(told))
				}
			}
		}
		shows(0, true)
		shows(59*time.Second, true)
		shows(62*time.Second, false)
		heard.Store(0)
		shows(64*time.Second, true)
	})
}

// A parking whose events do not fit and that cannot be read again says how old its
// numbers are, and after a minute that they are not known; the others go on.
func TestAParkingThatCannotBeReadAgainGetsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(garage("alpha", 4), garage("beta", 4))
		b := start(t, m, listing.Options{})
		defer b.stop()
		list := watch(t, b.Parkings, "/parkings", "")
		defer list.close()
		synctest.Wait()
		m.mu.Lock()
		m.fail = true
		m.mu.Unlock()
		since := time.Now()
		m.event("alpha", since, feed.PaymentChanged, feed.Body{})
		b.Handle([]feed.Event{m.event("alpha", since, feed.PaymentChanged, feed.Body{})})
		for _, c := range []struct {
			after time.Duration
			known bool
		}{{30 * time.Second, true}, {62 * time.Second, false}} {
			time.Sleep(time.Until(since.Add(c.after)))
			synctest.Wait()
			var p page
			b.get("/parkings", &p)
			alpha, beta := p.Parkings[0], p.Parkings[1]
			if (alpha.AvailableNow != nil) != c.known || !alpha.AsOf.Equal(since.Truncate(time.Millisecond)) {
				t.Errorf("after %s: %s", c.after, text(alpha))
			}
			if beta.AvailableNow == nil || time.Since(beta.AsOf) > time.Second {
				t.Errorf("after %s the other: %s", c.after, text(beta))
			}
			if told := list.seen()["alpha"]; (told.AvailableNow != nil) != c.known {
				t.Errorf("after %s the stream shows %s", c.after, text(told))
			}
		}
		m.mu.Lock()
		m.fail = false
		m.mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if told := list.seen()["alpha"]; told.AvailableNow == nil || told.Version != 3 {
			t.Errorf("read again, the stream shows %s", text(told))
		}
	})
}
