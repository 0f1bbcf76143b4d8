package commit

import (
	"maps"

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
}

// Load adds stored rows to a work on which no op has run, or that has not
// touched them.
func (w *Work) Load(asked Rows, l Loaded) {
	for _, k := range asked.Days {
		if _, known := w.days[k]; known {
			continue
		}
		w.days[k] = l.Days[k]
		if d := l.Days[k]; d != nil {
			w.sheet.Add(k, d)
		}
	}
	fill(w.base.reservations, asked.Reservations, l.Reservations)
	fill(w.base.payments, asked.Payments, l.Payments)
	fill(w.base.sessions, asked.Sessions, l.Sessions)
	fill(w.base.blocks, asked.Blocks, l.Blocks)
	fill(w.base.keys, asked.Keys, l.Keys)
	if asked.Watermark && !w.base.hasWatermark {
		w.base.watermark, w.base.hasWatermark = l.Watermark, true
	}
	if asked.Allotments && !w.base.hasAllots {
		w.base.hasAllots = true
		maps.Copy(w.base.allotments, l.Allotments)
	}
	if asked.Tariffs && !w.base.hasTariffs {
		w.base.tariffs, w.base.hasTariffs = l.Tariffs, true
	}
}

// ForgetKey takes back that the key is new, unless an op has put it; the next
// Load may fill it. It reports whether it did.
func (w *Work) ForgetKey(k Key) bool {
	if r, known := w.base.keys[k]; !known || r != nil {
		return false
	}
	delete(w.base.keys, k)
	return true
}

func fill[K comparable, V any](into map[K]*V, asked []K, found map[K]*V) {
	for _, k := range asked {
		if _, known := into[k]; !known {
			into[k] = found[k]
		}
	}
}

// Writes is everything a batch changed in one parking. The version of each row
// is the one that was read: the commit compares it, and stores the next. 0
// inserts.
type Writes struct {
	Days         map[inventory.Key]*inventory.Day
	Reservations []*reservation.Reservation
	Payments     []*payment.Payment
	Sessions     []*session.Session
	Allotments   []*Allotment
	Watermark    *Watermark
	Output
}

// Writes collects what the ops of the batch left behind.
func (w *Work) Writes() Writes {
	out := Writes{Days: map[inventory.Key]*inventory.Day{}, Output: w.out}
	maps.Insert(out.Days, w.sheet.Changed)
	for i, r := range w.base.reservations {
		if w.touched.reservations[i] {
			out.Reservations = append(out.Reservations, r)
		}
	}
	for i, p := range w.base.payments {
		if w.touched.payments[i] {
			out.Payments = append(out.Payments, p)
		}
	}
	for i, s := range w.base.sessions {
		if w.touched.sessions[i] {
			out.Sessions = append(out.Sessions, s)
		}
	}
	for t, a := range w.base.allotments {
		if w.touched.allotments[t] {
			out.Allotments = append(out.Allotments, a)
		}
	}
	if w.touched.watermark {
		out.Watermark = w.base.watermark
	}
	return out
}

// Empty reports whether there is nothing to write.
func (x *Writes) Empty() bool {
	return len(x.Days)+len(x.Reservations)+len(x.Payments)+len(x.Sessions)+len(x.Allotments)+
		len(x.Events)+len(x.Entries)+len(x.Incidents)+len(x.Observations)+len(x.Output.Keys) == 0 && x.Watermark == nil
}

// touched remembers which rows the ops put.
type touched struct {
	reservations map[id.Reservation]bool
	payments     map[id.Payment]bool
	sessions     map[id.Session]bool
	allotments   map[id.SpaceType]bool
	watermark    bool
}

func newTouched() touched {
	return touched{map[id.Reservation]bool{}, map[id.Payment]bool{}, map[id.Session]bool{}, map[id.SpaceType]bool{}, false}
}

// merge makes what the op put part of the base.
func (w *Work) merge() {
	move(w.over.reservations, w.base.reservations, w.touched.reservations)
	move(w.over.payments, w.base.payments, w.touched.payments)
	move(w.over.sessions, w.base.sessions, w.touched.sessions)
	move(w.over.allotments, w.base.allotments, w.touched.allotments)
	maps.Copy(w.base.blocks, w.over.blocks)
	for k, r := range w.over.keys {
		w.base.keys[k] = r
		w.out.Keys[k] = r
	}
	if w.over.hasWatermark {
		w.base.watermark, w.base.hasWatermark = w.over.watermark, true
		w.touched.watermark = true
	}
	maps.Copy(w.out.Confirmed, w.confirmed)
	clear(w.confirmed)
	w.over = newState()
}

func move[K comparable, V any](from, to map[K]*V, mark map[K]bool) {
	for k, v := range from {
		to[k] = v
		mark[k] = true
	}
}

// Moved reports whether an earlier op of the batch put the reservation: then
// its stored version is about to be the next one, which its row does not say.
func (w *Work) Moved(i id.Reservation) bool { return w.touched.reservations[i] }

// Events is the number of events that the ops so far have emitted.
func (w *Work) Events() int { return len(w.out.Events) }
