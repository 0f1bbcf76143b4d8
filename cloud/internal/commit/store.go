package commit

import (
	"maps"
	"slices"

	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
)

// This file is the committer's side of Work: filling it with stored rows and
// taking out what is to be written.

// Loaded is what a load found. Rows that were asked for and are not in it do
// not exist.
type Loaded struct {
	Days         map[inventory.Key]*inventory.Day
	Reservations map[id.Reservation]*reservation.Reservation
	Payments     map[id.Payment]*payment.Payment
	Sessions     map[id.Session]*session.Session
	Blocks       map[id.Block]*Block
	Keys         map[Key]*KeyRecord
	Watermark    *Watermark
	Allotments   map[id.SpaceType]*Allotment
	Tariffs      []parking.Edition // the newest first
	ShopPayments map[id.ShopPayment]*ShopPayment
	ShopCodes    map[ShopCode]*ShopCodeUse
}

// Load adds stored rows to a work on which no op has run, or that has not
// touched them.
func (w *Work) Load(asked Rows, l Loaded) {
	for _, k := range asked.Days {
		if !w.sheet.Has(k) {
			w.sheet.Add(k, l.Days[k])
		}
	}
	w.rows.reservations.fill(asked.Reservations, l.Reservations)
	w.rows.payments.fill(asked.Payments, l.Payments)
	w.rows.sessions.fill(asked.Sessions, l.Sessions)
	w.rows.blocks.fill(asked.Blocks, l.Blocks)
	w.rows.keys.fill(asked.Keys, l.Keys)
	w.rows.shopPayments.fill(asked.ShopPayments, l.ShopPayments)
	w.rows.shopCodes.fill(asked.ShopCodes, l.ShopCodes)
	if asked.Watermark {
		w.rows.watermark.fill([]struct{}{{}}, map[struct{}]*Watermark{{}: l.Watermark})
	}
	if len(asked.Bound) > 0 {
		w.rows.reservations.fill(slices.Collect(maps.Keys(l.Reservations)), l.Reservations)
		w.rows.sessions.fill(slices.Collect(maps.Keys(l.Sessions)), l.Sessions)
		w.rows.blocks.fill(slices.Collect(maps.Keys(l.Blocks)), l.Blocks)
		if w.rows.bound == nil {
			w.rows.bound = map[id.SpaceType]bool{}
		}
		for _, t := range asked.Bound {
			w.rows.bound[t] = true
		}
	}
	if asked.Allotments && !w.rows.hasAllots {
		w.rows.hasAllots = true
		w.rows.allotments.fill(slices.Collect(maps.Keys(l.Allotments)), l.Allotments)
	}
	if asked.Tariffs && !w.rows.hasTariffs {
		w.rows.tariffs, w.rows.hasTariffs = l.Tariffs, true
	}
}

// LoadDay adds one day that exists; what ops change is a copy of it.
func (w *Work) LoadDay(k inventory.Key, d *inventory.Day) {
	if !w.sheet.Has(k) {
		w.sheet.Add(k, d)
	}
}

// AssumeNew adds keys as if they were known not to exist.
func (w *Work) AssumeNew(keys []Key) { w.rows.keys.fill(keys, nil) }

// Writes is everything a batch changed in one parking. The version of each row
// is the one that was read: the commit compares it, and stores the next. 0
// inserts.
type Writes struct {
	Days         []Day
	Reservations []*reservation.Reservation
	Payments     []*payment.Payment
	Sessions     []*session.Session
	Allotments   []*Allotment
	Watermark    *Watermark
	Keys         []NewKey
	Output
}

// Day is a day that was changed, and which. It is the receiver's.
type Day struct {
	Key inventory.Key
	*inventory.Day
}

// NewKey is an idempotency key that was put.
type NewKey struct {
	Key
	*KeyRecord
}

// Writes collects what the ops of the batch left behind. The work is not used
// after it.
func (w *Work) Writes() Writes {
	out := Writes{Output: w.out}
	for k, d := range w.sheet.Changed {
		out.Days = append(out.Days, Day{k, d})
	}
	out.Reservations = w.rows.reservations.written()
	out.Payments = w.rows.payments.written()
	out.Sessions = w.rows.sessions.written()
	out.Allotments = w.rows.allotments.written()
	if m := w.rows.watermark.written(); len(m) > 0 {
		out.Watermark = m[0]
	}
	for i := range w.rows.keys.rows {
		if e := &w.rows.keys.rows[i]; e.touched {
			out.Keys = append(out.Keys, NewKey{e.key, e.base})
		}
	}
	return out
}

// Empty reports whether there is nothing to write.
func (x *Writes) Empty() bool {
	return len(x.Days)+len(x.Reservations)+len(x.Payments)+len(x.Sessions)+len(x.Allotments)+
		len(x.Events)+len(x.Entries)+len(x.Incidents)+len(x.Observations)+len(x.Keys) == 0 && x.Watermark == nil
}

// Moved reports whether an earlier op of the batch put the reservation: then
// its stored version is about to be the next one, which its row does not say.
func (w *Work) Moved(i id.Reservation) bool {
	at := w.rows.reservations.find(i)
	return at >= 0 && w.rows.reservations.rows[at].touched
}

// Events is the number of events that the ops so far have emitted.
func (w *Work) Events() int { return len(w.out.Events) }
