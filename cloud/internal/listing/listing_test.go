package listing_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/sse"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// TestNumbersFollowTheModel plays random events, some lost and some repeated,
// and time, and compares every number with a naive recount: in the list, for a
// window, and as clients of streams have folded it.
func TestNumbersFollowTheModel(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playModel(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func playModel(t *testing.T, r *rand.Rand) {
	names := []id.Parking{"alpha", "beta", "gamma"}
	m := newModel(garage("alpha", 3), garage("beta", 5), garage("gamma", 0))
	b := start(t, m, listing.Options{})
	defer b.stop()
	list := watch(t, b.Parkings, "/parkings", "")
	defer list.close()
	one := watch(t, b.Parking, "/parking?id=alpha", "")
	defer one.close()

	type claim struct {
		p id.Parking
		d inventory.Delta
	}
	var claims []claim
	var inside []id.Session
	for range 12 {
		for range r.IntN(20) {
			p := names[r.IntN(2)]
			kind, body := feed.ReservationHeld, feed.Body{}
			typ := []id.SpaceType{id.Standard, "ev"}[r.IntN(2)]
			switch r.IntN(9) {
			case 0, 1, 2: // also beyond what is free: a claim by presence
				from := timerange.Floor(time.Now()) + timerange.Q(r.IntN(12))
				d := inventory.Delta{Type: typ, From: from, To: from + 1 + timerange.Q(r.IntN(100)), N: 1}
				claims = append(claims, claim{p, d})
				body.Claims = []inventory.Delta{d}
			case 3, 4:
				if len(claims) == 0 {
					continue
				}
				i := r.IntN(len(claims))
				p, body.Claims = claims[i].p, []inventory.Delta{claims[i].d}
				body.Claims[0].N = -1
				body.Claims[0].From = max(body.Claims[0].From, timerange.Floor(time.Now()))
				claims = slices.Delete(claims, i, i+1)
				if body.Claims[0].From >= body.Claims[0].To {
					continue
				}
			case 5:
				s := feed.Session{ID: id.New[id.Session](time.Now()), SpaceType: typ, Allotted: r.IntN(2) == 0, Inside: true}
				kind, body.Session = feed.SessionOpened, &s
				inside = append(inside, s.ID)
			case 6:
				if len(inside) == 0 {
					continue
				}
				kind, body.Session = feed.SessionClosed, &feed.Session{ID: inside[0], SpaceType: typ, Allotted: true}
				inside = inside[1:]
			case 7:
				kind, body.Allotment = feed.AllotmentChanged, &feed.Allotment{SpaceType: typ, Units: int16(r.IntN(3))}
			case 8:
				kind, body.Link = feed.EdgeLink, &feed.Link{Live: r.IntN(3) > 0, Since: time.Now().UTC()}
			}
			e := m.event(p, time.Now(), kind, body)
			switch r.IntN(12) {
			case 0: // lost; a later one shows the gap
				b.Handle([]feed.Event{m.event(p, time.Now(), feed.PaymentChanged, feed.Body{})})
			case 1:
				b.Handle([]feed.Event{e, e})
			default:
				b.Handle([]feed.Event{e})
			}
		}
		if r.IntN(6) == 0 {
			m.mu.Lock()
			m.lots["beta"].parking.Name = fmt.Sprint("beta ", r.IntN(1000))
			m.mu.Unlock()
			b.Handle([]feed.Event{m.event("beta", time.Now(), feed.ParkingImported, feed.Body{})})
		}
		if r.IntN(6) == 0 { // also below what is claimed
			m.mu.Lock()
			types := slices.Clone(m.lots["alpha"].parking.SpaceTypes)
			types[0].Capacity = int16(r.IntN(8))
			m.lots["alpha"].parking.SpaceTypes = types
			m.mu.Unlock()
			b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.CapacityChanged, feed.Body{Capacity: &feed.Capacity{SpaceType: id.Standard}})})
		}
		time.Sleep(time.Duration(r.IntN(20)) * time.Minute)
		time.Sleep(time.Second) // past the tick
		synctest.Wait()
		compareWithModel(t, b, m, list, one)
	}
}

func compareWithModel(t *testing.T, b bed, m *model, list, one *watcher) {
	t.Helper()
	var p page
	b.get("/parkings", &p)
	window := timerange.Range{From: time.Now().Add(20 * time.Minute), To: time.Now().Add(7 * time.Hour)}
	var during page
	b.get("/parkings?from="+stamp(window.From)+"&to="+stamp(window.To), &during)
	if len(p.Parkings) != len(m.lots) || len(during.Parkings) != len(m.lots) {
		t.Fatalf("%d and %d of %d parkings", len(p.Parkings), len(during.Parkings), len(m.lots))
	}
	for i, s := range p.Parkings {
		l := m.lots[id.Parking(s.ID)]
		want := shown{ID: s.ID, Name: l.parking.Name, Version: l.revision, Status: "unknown", SpaceTypes: []shownType{}}
		total, all := 0, 0
		if len(l.parking.SpaceTypes) > 0 {
			capacity := l.parking.Capacity()
			want.Capacity = &capacity
		}
		for _, kind := range l.parking.SpaceTypes {
			n, w := l.now(kind, time.Now()), l.free(kind, timerange.Floor(window.From), timerange.Ceil(window.To))
			total, all = total+n, all+w
			st := shownType{Type: string(kind.ID), Capacity: int(kind.Capacity)}
			if l.link == nil || l.link.Live {
				st.AvailableNow = &n
			}
			want.SpaceTypes = append(want.SpaceTypes, st)
		}
		if len(l.parking.SpaceTypes) > 0 && (l.link == nil || l.link.Live) {
			want.AvailableNow = &total
			want.Status = map[bool]string{true: "full", false: "open"}[total == 0]
		}
		same(t, "list", want, s)
		same(t, "stream", want, list.seen()[s.ID])
		if s.ID == "alpha" {
			same(t, "detail stream", want, one.seen()[s.ID])
		}
		if got := during.Parkings[i].Available; got == nil || *got != all {
			t.Errorf("%s: available %v, want %d", s.ID, text(got), all)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// same compares what a model knows about.
func same(t *testing.T, where string, want, got shown) {
	t.Helper()
	got.AsOf, got.PriceFrom = time.Time{}, nil
	if w, g := text(want), text(got); w != g {
		t.Errorf("%s\nwant %s\ngot  %s", where, w, g)
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func stamp(t time.Time) string { return url.QueryEscape(t.UTC().Format(time.RFC3339)) }

func TestQuarterBoundaryChangesNumbersAndTellsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(5 * time.Minute) // the bubble starts at midnight
		m := newModel(garage("alpha", 1))
		q := timerange.Floor(time.Now())
		// The whole place is promised in an hour and a half, for one quarter.
		m.event("alpha", time.Now(), feed.ReservationHeld, feed.Body{Claims: []inventory.Delta{
			{Type: id.Standard, From: q + 6, To: q + 7, N: 1}, {Type: "ev", From: q + 6, To: q + 7, N: 2},
		}})
		b := start(t, m, listing.Options{})
		defer b.stop()
		list := watch(t, b.Parkings, "/parkings", "")
		defer list.close()
		one := watch(t, b.Parking, "/parking?id=alpha", "")
		defer one.close()
		at := func(when timerange.Q, off time.Duration, status string, free int) {
			t.Helper()
			time.Sleep(time.Until(when.Time().Add(off)))
			synctest.Wait()
			for name, w := range map[string]*watcher{"list": list, "detail": one} {
				s := w.seen()["alpha"]
				if s.Status != status || s.AvailableNow == nil || *s.AvailableNow != free {
					t.Errorf("%s stream at %s: %s %v, want %s %d", name, time.Now().Format("15:04:05"), s.Status, text(s.AvailableNow), status, free)
				}
			}
		}
		at(q, 6*time.Minute, "open", 3)
		at(q+2, -time.Millisecond, "open", 3)
		at(q+2, time.Second, "full", 0) // within the hour that walk-ins must leave free
		at(q+7, -time.Millisecond, "full", 0)
		at(q+7, time.Second, "open", 3)
		if n := len(list.events()); n != 3 {
			t.Errorf("%d events for two changes and a snapshot: %v", n, list.events())
		}
	})
}

func TestStreamSaysThatItIsAliveAndEndsWithTheListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(garage("alpha", 1))
		b := start(t, m, listing.Options{Streams: sse.NewPlain(sse.Options{Max: 1})})
		list := watch(t, b.Parkings, "/parkings", "")
		time.Sleep(46 * time.Second)
		synctest.Wait()
		if list.comments != 3 {
			t.Errorf("%d signs of life in 46 s", list.comments)
		}
		refused := watch(t, b.Parkings, "/parkings", "")
		<-refused.done
		if refused.status != http.StatusServiceUnavailable || refused.header.Get("Retry-After") == "" {
			t.Errorf("a stream too many: %d %v", refused.status, refused.header)
		}
		b.stop()
		<-list.done
	})
}

func TestDetailStreamWaitsUntilItIsAsNewAsTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(garage("alpha", 1))
		b := start(t, m, listing.Options{})
		defer b.stop()
		one := watch(t, b.Parking, "/parking?id=alpha", "3") // told by another process
		defer one.close()
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.PaymentChanged, feed.Body{})})
		synctest.Wait()
		if n := len(one.events()); n != 0 {
			t.Errorf("%d events before the version that the client has", n)
		}
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.PaymentChanged, feed.Body{})})
		synctest.Wait()
		if s := one.seen()["alpha"]; s.Version != 3 {
			t.Errorf("version %d", s.Version)
		}
	})
}

// TestAListThatComesBackWaitsForWhatWasCommittedBefore comes with the id of another
// process, which was ahead of this one.
func TestAListThatComesBackWaitsForWhatWasCommittedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(garage("alpha", 1), garage("beta", 1))
		f := &feedTime{at: time.Now(), moved: make(chan struct{})}
		time.Sleep(100 * time.Millisecond) // time passes since the feed was read
		b := run(t, listing.New(m, f.current, time.Now, quiet(), listing.Options{Moved: f.further}))
		defer b.stop()
		fresh := watch(t, b.Parkings, "/parkings", "")
		defer fresh.close()
		back := watch(t, b.Parkings, "/parkings", "77")
		defer back.close()
		synctest.Wait()
		if len(fresh.events()) != 1 || len(back.events()) != 0 {
			t.Fatalf("%d events for who is new, %d for who may have seen more", len(fresh.events()), len(back.events()))
		}
		time.Sleep(300 * time.Millisecond)
		b.Handle([]feed.Event{m.event("beta", time.Now(), feed.PaymentChanged, feed.Body{})})
		synctest.Wait() // the lists have just had their tick
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.PaymentChanged, feed.Body{})})
		f.move(time.Now())
		synctest.Wait() // the next tick is still to come
		if s := back.seen()["alpha"]; s.Version != 2 {
			t.Errorf("it is shown version %d", s.Version)
		}

		// A feed that stands still is not waited for for ever.
		time.Sleep(time.Minute)
		again := watch(t, b.Parkings, "/parkings", "78")
		defer again.close()
		time.Sleep(4900 * time.Millisecond)
		if synctest.Wait(); len(again.events()) != 0 {
			t.Error("it is shown what may be old at once")
		}
		time.Sleep(200 * time.Millisecond)
		if synctest.Wait(); len(again.events()) != 1 {
			t.Error("it is shown nothing")
		}
	})
}

// TestWhatIsOlderThanAClientHasIsNotShownWhileTheFeedIsNotRead moves a client to a process
// that lost the database a moment before the other one.
func TestWhatIsOlderThanAClientHasIsNotShownWhileTheFeedIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(garage("alpha", 1))
		f := &feedTime{at: time.Now(), moved: make(chan struct{})}
		b := run(t, listing.New(m, f.current, time.Now, quiet(), listing.Options{Moved: f.further}))
		defer b.stop()
		shows := func(w *watcher, want uint64) {
			t.Helper()
			synctest.Wait()
			if got := w.seen()["alpha"].Version; got != want {
				t.Errorf("version %d after %v, want %d", got, time.Since(f.current()), want)
			}
		}
		time.Sleep(time.Second)
		moved := watch(t, b.Parking, "/parking?id=alpha", "2") // this process knows 1
		defer moved.close()
		time.Sleep(20 * time.Second)
		shows(moved, 0)
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.PaymentChanged, feed.Body{})})
		f.move(time.Now())
		shows(moved, 2)

		// The database was put back: once it is read, it is the truth.
		time.Sleep(20 * time.Second)
		back := watch(t, b.Parking, "/parking?id=alpha", "9")
		defer back.close()
		time.Sleep(10 * time.Second)
		shows(back, 0)
		f.move(time.Now())
		time.Sleep(4900 * time.Millisecond)
		shows(back, 0)
		time.Sleep(200 * time.Millisecond)
		shows(back, 2)

		// Nobody reads it: beyond a minute there are no numbers that could be older.
		never := watch(t, b.Parking, "/parking?id=alpha", "9")
		defer never.close()
		time.Sleep(50 * time.Second)
		shows(never, 0)
		time.Sleep(16 * time.Second)
		shows(never, 2)
		if s := never.seen()["alpha"]; s.AvailableNow != nil {
			t.Errorf("%s free a minute after the feed was read", text(s))
		}
	})
}

// feedTime is how far a feed was read.
type feedTime struct {
	mu    sync.Mutex
	at    time.Time
	moved chan struct{}
}

func (f *feedTime) current() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *feedTime) further() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved
}

func (f *feedTime) move(to time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = to
	close(f.moved)
	f.moved = make(chan struct{})
}

func TestEventsBeforeAndDuringLoadingAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(garage("alpha", 4))
		m.fail = true
		ready := make(chan struct{})
		close(ready)
		b := bed{t: t, Listing: listing.New(m, time.Now, time.Now, quiet(), listing.Options{})}
		done := make(chan error, 1)
		ctx, cancel := contextWithCancel()
		go func() { done <- b.Run(ctx, ready) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		if w := b.get("/parkings", nil); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%d before the parkings are known", w.Code)
		}
		q := timerange.Floor(time.Now())
		claim := feed.Body{Claims: []inventory.Delta{{Type: id.Standard, From: q, To: q + 4, N: 1}}}
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.ReservationHeld, claim)})
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.ReservationHeld, claim)})
		time.Sleep(time.Minute)
		m.mu.Lock()
		m.fail = false
		m.mu.Unlock()
		<-b.Loaded()
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.ReservationHeld, claim)})
		time.Sleep(time.Second)
		synctest.Wait()
		var p page
		b.get("/parkings", &p)
		if got := *p.Parkings[0].SpaceTypes[0].AvailableNow; got != 1 || p.Parkings[0].Version != 4 {
			t.Errorf("%d of 4 free after three claims, version %d", got, p.Parkings[0].Version)
		}
	})
}

func TestNewParkingAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(garage("beta", 4))
		b := start(t, m, listing.Options{})
		defer b.stop()
		list := watch(t, b.Parkings, "/parkings", "")
		defer list.close()
		synctest.Wait()
		m.mu.Lock()
		m.lots["alpha"] = newModel(garage("alpha", 9)).lots["alpha"]
		m.lots["alpha"].revision = 0
		m.mu.Unlock()
		b.Handle([]feed.Event{m.event("alpha", time.Now(), feed.ParkingImported, feed.Body{})})
		time.Sleep(time.Second)
		synctest.Wait()
		if s := list.seen()["alpha"]; s.AvailableNow == nil || *s.AvailableNow != 11 {
			t.Errorf("the stream shows %s", text(s))
		}
	})
}
