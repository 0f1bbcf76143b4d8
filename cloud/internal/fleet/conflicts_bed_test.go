package fleet

import (
	"slices"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/inventory"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// miss declares a no-show: the rest of the claim is free, the quote is charged.
func (w *world) miss(t testing.TB, i id.Reservation) {
	t.Helper()
	w.must(t, does{func(work *commit.Work) error {
		r, err := work.Reservation(i)
		if err != nil || reservation.Next(r.State, reservation.Miss).To == r.State || reservation.Next(r.State, reservation.Miss).Refusal != "" {
			return err
		}
		p, err := work.Payment(r.Payment)
		if err != nil {
			return err
		}
		from := min(max(timerange.Floor(w.now), r.Claim.From), r.Claim.To)
		if from < r.Claim.To {
			if err := work.Release(r.SpaceType, timerange.Quarters{From: from, To: r.Claim.To}, 1); err != nil {
				return err
			}
		}
		r.Claim.To = from
		if _, err := r.Apply(reservation.Miss, w.now); err != nil {
			return err
		}
		work.PutReservation(r)
		p.State, p.CaptureAmount, p.CaptureTax = payment.CaptureRequested, r.Quote.Total.Minor, r.Quote.Tax.Minor
		work.PutPayment(p)
		work.Emit("test", feed.Body{})
		return nil
	}})
}

// owed is what the ledger says drivers owe.
func (w *world) owed() int64 {
	sum := int64(0)
	for _, e := range w.out.Entries {
		for _, p := range e.Postings {
			if p.Account == ledger.Receivable {
				sum += p.Amount.Minor
			}
		}
	}
	return sum
}

// over is what is claimed beyond the capacity at a time.
func (w *world) over(at time.Time) int {
	q := timerange.Floor(at)
	return int(w.rows.Days[inventory.Key{Type: id.Standard, Day: q.Day()}].Over[q.Slot()])
}

// trySell reports whether a place can be sold.
func (w *world) trySell(t testing.TB, from, to time.Time) bool {
	t.Helper()
	op := &sale{from: from, to: to}
	_, err := w.Commit(t.Context(), does{op.apply})
	return err == nil
}

func (w *world) raised(t testing.TB, want ...string) {
	t.Helper()
	if !slices.Equal(w.classes(), want) {
		t.Fatalf("incidents %+v, want %v", w.out.Incidents, want)
	}
}

func (w *world) later(d time.Duration) { w.now = w.now.Add(d) }

// gone fails unless the session has left and nothing is claimed any more.
func (w *world) gone(t testing.TB, s id.Session, due, owed int64) {
	t.Helper()
	w.balance(t)
	got := w.rows.Sessions[s]
	if got == nil || got.State != session.Left || got.Due == nil || got.Due.Minor != due || got.Owed.Minor != owed || w.owed() != owed {
		t.Fatalf("session %+v, due %v, owed %v; the ledger says %d", got, got.Due, got.Owed, w.owed())
	}
	for at := w.now; at.Before(w.now.Add(6 * time.Hour)); at = at.Add(timerange.Quarter) {
		if n := w.claimed(at); n != 0 {
			t.Fatalf("%d claimed at %s", n, at)
		}
	}
}

// deadline gives a reservation the time from which it counts as missed.
func (w *world) deadline(t testing.TB, i id.Reservation, at time.Time) {
	t.Helper()
	w.change(t, i, func(_ *commit.Work, r *reservation.Reservation) error { r.NoShowAt = at; return nil })
}

// modify moves a reservation to another window under a new generation.
func (w *world) modify(t testing.TB, i id.Reservation, from, to time.Time) {
	t.Helper()
	w.change(t, i, func(work *commit.Work, r *reservation.Reservation) error {
		if err := work.Release(r.SpaceType, r.Claim, 1); err != nil {
			return err
		}
		r.Generation++
		r.Window = timerange.Range{From: from, To: to}
		r.Claim = r.Window.Claim()
		return work.Claim(r.SpaceType, r.Claim, 1)
	})
}

func (w *world) change(t testing.TB, i id.Reservation, do func(*commit.Work, *reservation.Reservation) error) {
	t.Helper()
	w.must(t, does{func(work *commit.Work) error {
		r, err := work.Reservation(i)
		if err != nil {
			return err
		}
		if err := do(work, r); err != nil {
			return err
		}
		work.PutReservation(r)
		work.Emit("test", feed.Body{})
		return nil
	}})
}

func (j *journal) enterAs(t testing.TB, at time.Time, r id.Reservation, reason wire.Reason) id.Session {
	s := id.New[id.Session](at)
	j.add(t, at, wire.Event{Kind: wire.Entered, Lane: "entry-1", Session: s, Reservation: r, SpaceType: id.Standard, Generation: generation(r), Reason: reason})
	return s
}
