// Package bookingtest is what tests of selling stand on: the store and the
// committer in memory, with the real unit of work, and a payment provider that
// can be told how to behave.
package bookingtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Parking is a parking with standard spaces, at 2.00 EUR per started hour.
func Parking(slug id.Parking, capacity int16) *parking.Parking {
	return &parking.Parking{
		ID: slug, Name: string(slug), Timezone: "Europe/Berlin", Kind: parking.Underground, Policy: parking.DefaultPolicy(),
		SpaceTypes: []parking.SpaceType{{ID: id.Standard, Class: parking.ClassStandard, Label: "Standard", Capacity: capacity}},
		Tariff:     tariff.Tariff{Format: 1, Version: 7, Currency: "EUR", Rate: 200, IntervalMinutes: 60, TaxBasisPoints: 1900},
	}
}

// World keeps rows as the database would.
type World struct {
	Now   func() time.Time
	Twice bool // every op is applied twice, as when the answer to its commit is lost
	// Earlier are editions of tariffs that parkings had before.
	Earlier map[id.Parking][]tariff.Tariff
	// Ahead may name an op that is committed in one batch with op, before it.
	Ahead func(op commit.Op) commit.Op

	mu           sync.Mutex
	parkings     map[id.Parking]*parking.Parking
	days         map[id.Parking]map[inventory.Key]*inventory.Day
	reservations map[id.Reservation]*reservation.Reservation
	payments     map[id.Payment]*payment.Payment
	sessions     map[id.Session]*session.Session
	marks        map[id.Parking]*commit.Watermark
	incidents    []commit.Incident
	keys         map[commit.Key]*commit.KeyRecord
	quotes       map[id.Quote]booking.Quote
	revisions    map[id.Parking]uint64
	events       []feed.Event
	entries      []ledger.Entry
	watches      map[chan struct{}]id.Parking
	down         error
}

var (
	_ commit.Committer = (*World)(nil)
	_ booking.Store    = (*World)(nil)
)

// NewWorld seeds the horizon of the parkings.
func NewWorld(now func() time.Time, list ...*parking.Parking) *World {
	w := &World{
		Now: now, parkings: map[id.Parking]*parking.Parking{}, days: map[id.Parking]map[inventory.Key]*inventory.Day{},
		reservations: map[id.Reservation]*reservation.Reservation{}, payments: map[id.Payment]*payment.Payment{},
		keys: map[commit.Key]*commit.KeyRecord{}, quotes: map[id.Quote]booking.Quote{}, revisions: map[id.Parking]uint64{},
		watches: map[chan struct{}]id.Parking{}, sessions: map[id.Session]*session.Session{}, marks: map[id.Parking]*commit.Watermark{},
	}
	today := timerange.Floor(now()).Day()
	for _, p := range list {
		w.parkings[p.ID], w.days[p.ID] = p, map[inventory.Key]*inventory.Day{}
		for _, t := range p.SpaceTypes {
			for d := range int32(p.Policy.HorizonDays) + 1 {
				w.days[p.ID][inventory.Key{Type: t.ID, Day: today + d}] = inventory.NewDay(t.Capacity)
			}
		}
	}
	return w
}

// Down makes everything fail with err until it is called with nil.
func (w *World) Down(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = err
}

// Commit implements commit.Committer.
func (w *World) Commit(ctx context.Context, op commit.Op) (commit.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return commit.Receipt{}, w.down
	}
	if err := ctx.Err(); err != nil {
		return commit.Receipt{}, fault.Wrap(err, fault.Unavailable, "database_unavailable", "The answer took too long.")
	}
	receipt, err := w.commit(op)
	if w.Twice && err == nil {
		return w.commit(op)
	}
	return receipt, err
}

func (w *World) commit(op commit.Op) (commit.Receipt, error) {
	p := w.parkings[op.Parking()]
	if p == nil {
		return commit.Receipt{}, fault.New(fault.NotFound, booking.CodeParkingNotFound, "There is no such parking.")
	}
	work, now := commit.NewWork(p), w.Now().UTC()
	if w.Ahead != nil {
		if first := w.Ahead(op); first != nil {
			if err := w.try(work, first, now); err != nil {
				return commit.Receipt{}, err
			}
		}
	}
	if err := w.try(work, op, now); err != nil {
		return commit.Receipt{}, err
	}
	return w.write(p.ID, work.Writes(), now), nil
}

// try loads what the op wants until it has run.
func (w *World) try(work *commit.Work, op commit.Op, now time.Time) error {
	var rows commit.Rows
	op.Prefetch(&rows)
	for {
		work.Load(rows, commit.Loaded{
			Days: w.days[op.Parking()], Reservations: w.reservations, Payments: w.payments,
			Keys: w.keys, Sessions: w.sessions, Watermark: w.marks[op.Parking()], Allotments: map[id.SpaceType]*commit.Allotment{},
		})
		err := work.Try(op, now)
		if rows = work.Missing(); err == nil || rows.Empty() {
			return err
		}
	}
}

func (w *World) write(at id.Parking, x commit.Writes, now time.Time) commit.Receipt {
	base := w.revisions[at]
	for _, d := range x.Days {
		stored := *d.Day
		stored.Version++
		w.days[at][d.Key] = &stored
	}
	for _, r := range x.Reservations {
		stored := *r
		stored.Version++
		if n := x.Confirmed[r.ID]; n > 0 {
			stored.ConfirmedRevision = base + uint64(n)
		}
		w.reservations[r.ID] = &stored
	}
	for _, p := range x.Payments {
		stored := *p
		stored.Version++
		w.payments[p.ID] = &stored
	}
	for _, s := range x.Sessions {
		stored := *s
		stored.Version++
		w.sessions[s.ID] = &stored
	}
	if x.Watermark != nil {
		stored := *x.Watermark
		stored.Version++
		w.marks[at] = &stored
	}
	w.incidents = append(w.incidents, x.Incidents...)
	for _, k := range x.Keys {
		w.keys[k.Key] = k.KeyRecord
	}
	for i, e := range x.Events {
		e.Revision, e.At = base+uint64(i)+1, now
		w.events = append(w.events, e)
	}
	w.entries = append(w.entries, x.Entries...)
	w.revisions[at] = base + uint64(len(x.Events))
	for c, p := range w.watches {
		if p == at && len(x.Events) > 0 {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
	return commit.Receipt{Revision: w.revisions[at]}
}

// WatchReservation is Watch: it wakes for more than it must.
func (w *World) WatchReservation(p id.Parking, _ id.Reservation) (<-chan struct{}, func()) {
	return w.Watch(p)
}

// Watch wakes its channel after each commit about the parking.
func (w *World) Watch(p id.Parking) (<-chan struct{}, func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan struct{}, 1)
	w.watches[c] = p
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watches, c)
	}
}

// Watches is the number of channels that Watch has given out and that were not
// given back.
func (w *World) Watches() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.watches)
}

// Parking implements booking.Store.
func (w *World) Parking(_ context.Context, p id.Parking) (*parking.Parking, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.parkings[p], w.down
}

// Reservation implements booking.Store.
func (w *World) Reservation(_ context.Context, i id.Reservation) (*booking.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.reservations[i]
	if r == nil || w.down != nil {
		return nil, w.down
	}
	s := w.snapshot(r)
	return &s, nil
}

func (w *World) snapshot(r *reservation.Reservation) booking.Snapshot {
	s := booking.Snapshot{Reservation: *r, Payment: *w.payments[r.Payment]}
	if r.Pending != nil {
		p := *w.payments[r.Pending.Payment]
		s.Change = &p
	}
	stay := w.sessions[r.Session]
	if stay == nil {
		return s
	}
	s.Owed, s.Entered = stay.Owed, stay.EnteredAt
	for _, p := range w.payments {
		if p.Debt.Session == stay.ID && s.Debt.Older(p, stay.Paying) {
			s.Debt = new(*p)
		}
	}
	return s
}

// Quote implements booking.Store.
func (w *World) Quote(_ context.Context, p id.Parking, i id.Quote) (*booking.Quote, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if q, ok := w.quotes[i]; ok && q.Parking == p {
		return &q, w.down
	}
	return nil, w.down
}

// InsertQuote implements booking.Store.
func (w *World) InsertQuote(_ context.Context, q booking.Quote) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down == nil {
		w.quotes[q.ID] = q
	}
	return w.down
}

// Days implements booking.Store.
func (w *World) Days(_ context.Context, at id.Parking, t id.SpaceType, q timerange.Quarters) (map[inventory.Key]*inventory.Day, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[inventory.Key]*inventory.Day{}
	for k := range inventory.Touched(t, q) {
		if d := w.days[at][k]; d != nil {
			day := *d
			out[k] = &day
		}
	}
	return out, w.down
}

// Tariff implements booking.Store: each edition that the world has had.
func (w *World) Tariff(_ context.Context, at id.Parking, version uint32) (*tariff.Tariff, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.Earlier[at] {
		if t.Version == version {
			return &t, w.down
		}
	}
	return nil, w.down
}

// All are the stored reservations with their payments.
func (w *World) All() []booking.Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []booking.Snapshot
	for _, r := range w.reservations {
		out = append(out, w.snapshot(r))
	}
	return out
}

// Events are the events of a parking so far.
func (w *World) Events(p id.Parking) []feed.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []feed.Event
	for _, e := range w.events {
		if e.Parking == p {
			out = append(out, e)
		}
	}
	return out
}

// Watched gives the parking an edge whose journal was applied up to an instant.
func (w *World) Watched(p id.Parking, trusted time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := commit.Watermark{Journal: id.New[id.Journal](trusted), Epoch: 1}
	if known := w.marks[p]; known != nil {
		m = *known
	}
	m.Version, m.TrustedLo = m.Version+1, trusted
	w.marks[p] = &m
}

// Retired takes the parking's edge out of use, which was last heard of at an
// instant.
func (w *World) Retired(p id.Parking, trusted time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks[p] = &commit.Watermark{Version: w.marks[p].Version + 1, Epoch: 1, TrustedLo: trusted}
}

// Watermark is how far the parking's edge has been applied, nil without one.
func (w *World) Watermark(p id.Parking) *commit.Watermark {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.marks[p]
}

// Session is a stay, nil when there is none.
func (w *World) Session(i id.Session) *session.Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sessions[i]
}

// Incidents are the classes of the incidents so far.
func (w *World) Incidents() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, i := range w.incidents {
		out = append(out, i.Class)
	}
	return out
}

// Entries is the ledger.
func (w *World) Entries() []ledger.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.entries)
}

// Free is what is free of a type in a quarter.
func (w *World) Free(p id.Parking, t id.SpaceType, q timerange.Q) int16 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.days[p][inventory.Key{Type: t, Day: q.Day()}].Free[q.Slot()]
}
