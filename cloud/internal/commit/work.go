package commit

import (
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

// Work is the state of one parking under an op's hands. Its methods hand out
// copies; what is not put back is not changed.
type Work struct {
	Parking *parking.Parking // read only

	rows      tables
	sheet     *inventory.Sheet
	missing   Rows
	out       Output
	mark      mark
	confirmed []confirmation // by the running op
}

// Output is what the ops of a batch added to the append-only tables.
type Output struct {
	Events       []feed.Event // revisions are given by the commit
	Entries      []ledger.Entry
	Incidents    []Incident
	Observations []Observation
	Confirmed    map[id.Reservation]int // by which of the events, counted from 1
}

type confirmation struct {
	reservation id.Reservation
	event       int
}

type mark struct{ events, entries, incidents, observations int }

// NewWork starts a unit of work on rows that Load then fills.
func NewWork(p *parking.Parking) *Work {
	sheet := inventory.NewSheet(map[inventory.Key]*inventory.Day{})
	if p != nil {
		sheet.KeepBack(p.Policy.OverstayBuffer)
	}
	return &Work{Parking: p, sheet: sheet}
}

// Try runs one op: what it did stays when it returns nil, and is undone
// otherwise. With ErrMissing, Missing names what to load.
func (w *Work) Try(op Op, now time.Time) error {
	w.sheet.Save()
	w.mark = mark{len(w.out.Events), len(w.out.Entries), len(w.out.Incidents), len(w.out.Observations)}
	w.missing = Rows{}
	w.confirmed = w.confirmed[:0]
	err := op.Apply(w, now)
	if err == nil && !w.missing.Empty() {
		err = ErrMissing
	}
	if err == nil && w.sheet.Untold() {
		err = ErrUntold
	}
	if err != nil {
		w.sheet.Restore()
		w.rows.undo()
		w.out.Events = w.out.Events[:w.mark.events]
		w.out.Entries = w.out.Entries[:w.mark.entries]
		w.out.Incidents = w.out.Incidents[:w.mark.incidents]
		w.out.Observations = w.out.Observations[:w.mark.observations]
		return err
	}
	w.rows.keep()
	for _, c := range w.confirmed {
		if w.out.Confirmed == nil {
			w.out.Confirmed = map[id.Reservation]int{}
		}
		w.out.Confirmed[c.reservation] = c.event
	}
	return nil
}

// Missing is what the last op asked for in vain.
func (w *Work) Missing() Rows { return w.missing }

// Reservation returns a copy of a reservation, nil when there is none.
func (w *Work) Reservation(i id.Reservation) (*reservation.Reservation, error) {
	return find(&w.rows.reservations, i, &w.missing.Reservations)
}

// PutReservation stores a reservation.
func (w *Work) PutReservation(r *reservation.Reservation) { w.rows.reservations.set(r.ID, r) }

// Payment returns a copy of a payment, nil when there is none.
func (w *Work) Payment(i id.Payment) (*payment.Payment, error) {
	return find(&w.rows.payments, i, &w.missing.Payments)
}

// PutPayment stores a payment.
func (w *Work) PutPayment(p *payment.Payment) { w.rows.payments.set(p.ID, p) }

// Session returns a copy of a session, nil when there is none.
func (w *Work) Session(i id.Session) (*session.Session, error) {
	return find(&w.rows.sessions, i, &w.missing.Sessions)
}

// PutSession stores a session.
func (w *Work) PutSession(s *session.Session) { w.rows.sessions.set(s.ID, s) }

// Key returns what an idempotency key was used for, nil when it is new.
func (w *Work) Key(k Key) (*KeyRecord, error) {
	return find(&w.rows.keys, k, &w.missing.Keys)
}

// PutKey records what a new idempotency key is used for.
func (w *Work) PutKey(k Key, r *KeyRecord) { w.rows.keys.set(k, r) }

// Watermark returns a copy of the edge's watermark, nil before its first
// journal.
func (w *Work) Watermark() (*Watermark, error) {
	m, known := w.rows.watermark.get(struct{}{})
	if !known {
		w.missing.Watermark = true
		return nil, ErrMissing
	}
	return copied(m), nil
}

// PutWatermark stores the edge's watermark.
func (w *Work) PutWatermark(m *Watermark) { w.rows.watermark.set(struct{}{}, m) }

// Allotment returns a copy of the allotment of a type, nil when there is none.
func (w *Work) Allotment(t id.SpaceType) (*Allotment, error) {
	a, known := w.rows.allotments.get(t)
	if !known && !w.rows.hasAllots {
		w.missing.Allotments = true
		return nil, ErrMissing
	}
	return copied(a), nil
}

// PutAllotment stores an allotment.
func (w *Work) PutAllotment(a *Allotment) { w.rows.allotments.set(a.SpaceType, a) }

// Tariff returns the edition of the parking's tariff with a version; the present
// one, which is no row to be loaded, when there is none of it.
func (w *Work) Tariff(version uint32) (*tariff.Tariff, error) {
	if version == 0 || version == w.Parking.Tariff.Version {
		return &w.Parking.Tariff, nil
	}
	all, err := w.editions()
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Tariff.Version == version {
			return &all[i].Tariff, nil
		}
	}
	return &w.Parking.Tariff, nil
}

// TariffAt returns the edition that was in force at an instant, the first one
// before there was any. An instant since the present one was adopted needs no
// row.
func (w *Work) TariffAt(at time.Time) (*tariff.Tariff, error) {
	if !at.Before(w.Parking.TariffSince) {
		return &w.Parking.Tariff, nil
	}
	all, err := w.editions()
	if err != nil {
		return nil, err
	}
	found := &w.Parking.Tariff
	for i := range all {
		found = &all[i].Tariff
		if !at.Before(all[i].Adopted) {
			break
		}
	}
	return found, nil
}

func (w *Work) editions() ([]parking.Edition, error) {
	if !w.rows.hasTariffs {
		w.missing.Tariffs = true
		return nil, ErrMissing
	}
	return w.rows.tariffs, nil
}

// Block returns a copy of a block, nil when there is none.
func (w *Work) Block(i id.Block) (*Block, error) {
	return find(&w.rows.blocks, i, &w.missing.Blocks)
}

// AddBlock takes the units of a block, whether or not they are free, and tells
// it with who asked for it, which stores both.
func (w *Work) AddBlock(b *Block, by parking.Author) error {
	if err := w.need(b.SpaceType, b.Claim); err != nil {
		return err
	}
	if err := w.sheet.Block(b.SpaceType, b.Claim, b.N); err != nil {
		return err
	}
	w.rows.blocks.set(b.ID, b)
	w.tellBlock(feed.CapacityBlocked, b, b.CreatedAt, by)
	return nil
}

// RemoveBlock ends a block at a quarter, gives its units back from there on,
// and tells it with who asked for it, which stores both.
func (w *Work) RemoveBlock(b *Block, end timerange.Q, now time.Time, by parking.Author) error {
	ahead := timerange.Quarters{From: min(max(end, b.Claim.From), b.Claim.To), To: b.Claim.To}
	if !ahead.Empty() {
		if err := w.need(b.SpaceType, ahead); err != nil {
			return err
		}
		if err := w.sheet.Unblock(b.SpaceType, ahead, b.N); err != nil {
			return err
		}
	}
	b.Claim.To, b.RemovedAt = ahead.From, now
	w.rows.blocks.set(b.ID, b)
	w.tellBlock(feed.CapacityUnblocked, b, now, by)
	return nil
}

func (w *Work) tellBlock(k feed.Kind, b *Block, at time.Time, by parking.Author) {
	w.Emit(k, feed.Body{By: by.Name, Why: by.Why, Block: &feed.Block{
		ID: b.ID, SpaceType: b.SpaceType, From: b.Claim.From, To: b.Claim.To, N: b.N, Reason: b.Reason, At: at,
	}})
}

// SetCapacity gives the days [from, to) of a type that exist another capacity
// and tells it with who asked for it, which stores both for the days to come. It returns what the first
// of them had, whether there is any, and how many were changed; when none was,
// it tells nothing.
func (w *Work) SetCapacity(t id.SpaceType, from, to int32, capacity int16, by parking.Author) (was int16, seeded bool, changed int, err error) {
	if err := w.need(t, timerange.Quarters{From: timerange.DayStart(from), To: timerange.DayStart(to)}); err != nil {
		return 0, false, 0, err
	}
	for day := from; day < to && !seeded; day++ {
		was, seeded = w.sheet.Capacity(t, day)
	}
	if changed, err = w.sheet.SetCapacity(t, from, to, capacity); err != nil || changed == 0 {
		return was, seeded, changed, err
	}
	w.Emit(feed.CapacityChanged, feed.Body{By: by.Name, Why: by.Why, Capacity: &feed.Capacity{SpaceType: t, FromDay: from, Capacity: capacity, Was: was}})
	return was, seeded, changed, nil
}

// Claim takes n units if they are free; the errors are those of
// inventory.Sheet.
func (w *Work) Claim(t id.SpaceType, q timerange.Quarters, n int16) error {
	if err := w.need(t, q); err != nil {
		return err
	}
	return w.sheet.Claim(t, q, n)
}

// ClaimPresence takes n units whether or not they are free.
func (w *Work) ClaimPresence(t id.SpaceType, q timerange.Quarters, n int16) error {
	if err := w.need(t, q); err != nil {
		return err
	}
	return w.sheet.ClaimPresence(t, q, n)
}

// Release gives n units back.
func (w *Work) Release(t id.SpaceType, q timerange.Quarters, n int16) error {
	if err := w.need(t, q); err != nil {
		return err
	}
	return w.sheet.Release(t, q, n)
}

// Available is what could be claimed in all of the run.
func (w *Work) Available(t id.SpaceType, q timerange.Quarters) (int16, error) {
	if err := w.need(t, q); err != nil {
		return 0, err
	}
	return w.sheet.Available(t, q)
}

// Over is the most that is claimed beyond the capacity in a quarter of the run.
func (w *Work) Over(t id.SpaceType, q timerange.Quarters) (int16, error) {
	if err := w.need(t, q); err != nil {
		return 0, err
	}
	return w.sheet.Over(t, q)
}

// Overs are the quarters of the days of a type that the ops have changed, with what is
// claimed there beyond the capacity, 0 where nothing is.
func (w *Work) Overs(t id.SpaceType) map[timerange.Q]int16 {
	out := map[timerange.Q]int16{}
	for k, d := range w.sheet.Changed {
		if k.Type != t {
			continue
		}
		for i, n := range d.Over {
			out[timerange.DayStart(k.Day)+timerange.Q(i)] = n
		}
	}
	return out
}

// Emit appends an event. Claims that changed since the op's last event are
// added to it.
func (w *Work) Emit(k feed.Kind, b feed.Body) {
	if claims := w.sheet.TakeDeltas(); b.Claims == nil {
		b.Claims = claims
	} else {
		b.Claims = append(b.Claims, claims...)
	}
	w.out.Events = append(w.out.Events, feed.Event{Parking: w.Parking.ID, Kind: k, Body: b})
}

// ConfirmedByLastEvent gives the reservation the revision of the event that
// was emitted last as its ConfirmedRevision.
func (w *Work) ConfirmedByLastEvent(i id.Reservation) {
	w.confirmed = append(w.confirmed, confirmation{i, len(w.out.Events)})
}

// Book appends a ledger entry; it returns ledger.ErrUnbalanced for one that
// does not balance.
func (w *Work) Book(e ledger.Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	w.out.Entries = append(w.out.Entries, e)
	return nil
}

// Raise records an incident and tells it in the feed.
func (w *Work) Raise(i Incident) {
	w.out.Incidents = append(w.out.Incidents, i)
	w.Emit(feed.IncidentRaised, feed.Body{Incident: &feed.Incident{ID: i.ID, Class: i.Class, Detail: i.Detail}})
}

// Observe keeps an applied journal event.
func (w *Work) Observe(o Observation) { w.out.Observations = append(w.out.Observations, o) }

func (w *Work) need(t id.SpaceType, q timerange.Quarters) error {
	known := true
	for k := range inventory.Touched(t, q) {
		if !w.sheet.Has(k) {
			w.missing.Days = append(w.missing.Days, k)
			known = false
		}
	}
	if !known {
		return fmt.Errorf("%w: days of %s", ErrMissing, t)
	}
	return nil
}

func find[K comparable, V any](rows *table[K, V], k K, missing *[]K) (*V, error) {
	v, known := rows.get(k)
	if !known {
		*missing = append(*missing, k)
		return nil, ErrMissing
	}
	return copied(v), nil
}

func copied[V any](v *V) *V {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}
