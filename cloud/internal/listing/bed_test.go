package listing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/listing"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// model is what the database would hold, kept in the most naive way: a count of
// claims for each quarter.
type model struct {
	mu   sync.Mutex
	lots map[id.Parking]*modelLot
	fail bool // reading does
	read int  // how often a reading succeeded
}

type modelLot struct {
	parking    parking.Parking
	revision   uint64
	claims     map[id.SpaceType]map[timerange.Q]int
	allotments map[id.SpaceType]int16
	allotted   map[id.Session]id.SpaceType
	link       *feed.Link
}

func newModel(parkings ...parking.Parking) *model {
	m := &model{lots: map[id.Parking]*modelLot{}}
	for _, p := range parkings {
		m.lots[p.ID] = &modelLot{
			parking: p, revision: 1, claims: map[id.SpaceType]map[timerange.Q]int{},
			allotments: map[id.SpaceType]int16{}, allotted: map[id.Session]id.SpaceType{},
		}
	}
	return m
}

func garage(name string, capacity int16) parking.Parking {
	p := parking.Parking{
		ID: id.Parking(name), Name: name, City: "Dresden", Address: "Am Platz 1", Latitude: 51.05, Longitude: 13.74,
		Timezone: "Europe/Berlin", Kind: parking.Underground, Policy: parking.DefaultPolicy(),
		Tariff: tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", Rate: 200, IntervalMinutes: 60, TaxBasisPoints: 1900},
	}
	if capacity > 0 {
		p.SpaceTypes = []parking.SpaceType{
			{ID: id.Standard, Class: parking.ClassStandard, Label: "Standard", Capacity: capacity},
			{ID: "ev", Class: parking.ClassEV, Label: "Charging", Capacity: 2},
		}
	}
	return p
}

// event moves the model and returns the event that tells it.
func (m *model) event(p id.Parking, at time.Time, k feed.Kind, b feed.Body) feed.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.lots[p]
	l.revision++
	for _, c := range b.Claims {
		of := l.claims[c.Type]
		if of == nil {
			of = map[timerange.Q]int{}
			l.claims[c.Type] = of
		}
		for q := c.From; q < c.To; q++ {
			of[q] += int(c.N)
		}
	}
	if s := b.Session; s != nil {
		delete(l.allotted, s.ID)
		if s.Inside && s.Allotted {
			l.allotted[s.ID] = s.SpaceType
		}
	}
	if a := b.Allotment; a != nil {
		l.allotments[a.SpaceType] = a.Units
	}
	if b.Link != nil {
		l.link = b.Link
	}
	return feed.Event{Parking: p, Revision: l.revision, At: at, Kind: k, Body: b}
}

// Parkings implements listing.Source.
func (m *model) Parkings(_ context.Context, only []id.Parking, today int32) ([]listing.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail {
		return nil, errors.New("the database is away")
	}
	m.read++
	var out []listing.Snapshot
	for p, l := range m.lots {
		if only != nil && !slices.Contains(only, p) {
			continue
		}
		s := listing.Snapshot{
			Parking: l.parking, Revision: l.revision, Link: l.link, Days: map[inventory.Key]*inventory.Day{},
			Allotments: maps.Clone(l.allotments), Allotted: maps.Clone(l.allotted),
		}
		s.Parking.SpaceTypes = slices.Clone(l.parking.SpaceTypes)
		for t, of := range l.claims {
			kind, _ := l.parking.SpaceType(t)
			for q, n := range of {
				k := inventory.Key{Type: t, Day: q.Day()}
				if q.Day() < today {
					continue
				}
				if s.Days[k] == nil {
					s.Days[k] = inventory.NewDay(kind.Capacity)
				}
				s.Days[k].Free[q.Slot()] = int16(max(int(kind.Capacity)-n, 0))
				s.Days[k].Over[q.Slot()] = int16(max(n-int(kind.Capacity), 0))
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func (l *modelLot) free(t parking.SpaceType, from, to timerange.Q) int {
	least := int(t.Capacity)
	for q := from; q < to; q++ {
		least = min(least, int(t.Capacity)-l.claims[t.ID][q])
	}
	return max(least, 0)
}

// now is the naive available_now of a type.
func (l *modelLot) now(t parking.SpaceType, now time.Time) int {
	inside := 0
	for _, of := range l.allotted {
		if of == t.ID {
			inside++
		}
	}
	lastMoment := (timerange.Floor(now) + 1).Time().Add(-1)
	return l.free(t, timerange.Floor(now), timerange.Ceil(lastMoment.Add(l.parking.Policy.WalkinProtects))) +
		max(int(l.allotments[t.ID])-inside, 0)
}

// shown is a parking as the API tells it.
type shown struct {
	ID           string      `json:"id"`
	Name         string      `json:"name"`
	Capacity     *int        `json:"capacity"`
	Status       string      `json:"status"`
	AvailableNow *int        `json:"available_now"`
	Available    *int        `json:"available"`
	AsOf         time.Time   `json:"as_of"`
	Version      uint64      `json:"version"`
	SpaceTypes   []shownType `json:"space_types"`
	Price        *shownPrice `json:"price"`
	PriceFrom    *shownPrice `json:"price_from"`
	Distance     *int        `json:"distance_m"`
}

type shownType struct {
	Type         string `json:"type"`
	Capacity     int    `json:"capacity"`
	AvailableNow *int   `json:"available_now"`
	Available    *int   `json:"available"`
}

type shownPrice struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

type page struct {
	Parkings   []shown `json:"parkings"`
	NextCursor *string `json:"next_cursor"`
}

// bed is a listing over a model.
type bed struct {
	t *testing.T
	*listing.Listing
	stop func()
}

// start runs a listing. It must be stopped, in a bubble before the bubble ends.
func start(t *testing.T, m *model, o listing.Options) bed {
	t.Helper()
	return run(t, listing.New(m, time.Now, time.Now, quiet(), o))
}

// startWith runs a listing that is told how far it is complete.
func startWith(t *testing.T, m *model, current func() time.Time) bed {
	t.Helper()
	return run(t, listing.New(m, current, time.Now, quiet(), listing.Options{}))
}

func run(t *testing.T, l *listing.Listing) bed {
	t.Helper()
	ready := make(chan struct{})
	close(ready)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx, ready); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-l.Loaded():
	case <-time.After(10 * time.Second):
		t.Fatal("not loaded")
	}
	return bed{t, l, func() { cancel(); <-done }}
}

// get asks for a list (a path without id) or one parking.
func (b bed) get(path string, into any) *httptest.ResponseRecorder {
	b.t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		b.t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
	if strings.HasSuffix(u.Path, "/parkings") {
		b.Parkings(w, r)
	} else {
		b.Parking(w, r)
	}
	if into != nil {
		if w.Code != http.StatusOK {
			b.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			b.t.Fatalf("%s: %v in %s", path, err, w.Body)
		}
	}
	return w
}

// watcher is a client of a stream that folds what it is told.
type watcher struct {
	t        *testing.T
	mu       sync.Mutex
	header   http.Header
	status   int
	rest     []byte
	frames   []string // names of events
	comments int
	id       string
	retries  int
	lots     map[string]shown
	told     map[string]int // changes, by parking
	end      func()
	done     chan struct{}
}

// watch opens a stream against a handler.
func watch(t *testing.T, serve http.HandlerFunc, path, lastID string) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{t: t, header: http.Header{}, lots: map[string]shown{}, end: cancel, done: make(chan struct{})}
	r := httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx)
	r.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	go func() {
		defer close(w.done)
		serve(w, r)
	}()
	return w
}

func (w *watcher) close() {
	w.end()
	<-w.done
}

func (w *watcher) Header() http.Header { return w.header }
func (w *watcher) WriteHeader(s int)   { w.status = s }
func (w *watcher) Flush()              {}

func (w *watcher) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, b...)
	for {
		frame, rest, ok := bytes.Cut(w.rest, []byte("\n\n"))
		if !ok {
			return len(b), nil
		}
		w.rest = rest
		w.take(string(frame))
	}
}

func (w *watcher) take(frame string) {
	name, data := "", ""
	for line := range strings.SplitSeq(frame, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "event":
			name = value
		case "data":
			data = value
		case "id":
			w.id = value
		case "retry":
			w.retries++
		case "":
			w.comments++
		}
	}
	if name == "" {
		return
	}
	w.frames = append(w.frames, name)
	var got []shown
	var err error
	switch name {
	case "snapshot":
		var p page
		err = json.Unmarshal([]byte(data), &p)
		got = p.Parkings
		before := w.lots
		w.lots = map[string]shown{}
		for _, s := range got {
			w.older(before[s.ID], s)
			w.lots[s.ID] = s
		}
	case "parking":
		var s shown
		err = json.Unmarshal([]byte(data), &s)
		w.older(w.lots[s.ID], s)
		w.lots[s.ID] = s
	case "availability":
		err = json.Unmarshal([]byte(data), &got)
		if w.told == nil {
			w.told = map[string]int{}
		}
		for _, s := range got {
			w.told[s.ID]++
			was, known := w.lots[s.ID]
			if !known {
				w.t.Errorf("a change of %s, which is not in the snapshot", s.ID)
			}
			w.older(was, s)
			was.Status, was.AvailableNow, was.Available, was.AsOf, was.Version, was.SpaceTypes = s.Status, s.AvailableNow, s.Available, s.AsOf, s.Version, s.SpaceTypes
			w.lots[s.ID] = was
		}
	default:
		err = fmt.Errorf("event %q", name)
	}
	if err != nil {
		w.t.Errorf("%v in %s", err, frame)
	}
}

func (w *watcher) older(was, is shown) {
	if is.Version < was.Version {
		w.t.Errorf("%s went from version %d back to %d", is.ID, was.Version, is.Version)
	}
}

func (w *watcher) seen() map[string]shown {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.lots)
}

func (w *watcher) events() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.frames)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func contextWithCancel() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

func mustURL(t *testing.T, path string) *url.URL {
	t.Helper()
	before, query, _ := strings.Cut(path, "?")
	return &url.URL{Path: before, RawQuery: query}
}
