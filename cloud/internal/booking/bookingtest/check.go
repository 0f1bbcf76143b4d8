package bookingtest

import (
	"fmt"
	"slices"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
)

// slot is a quarter of a space type of a parking.
type slot struct {
	p id.Parking
	t id.SpaceType
	q timerange.Q
}

// Check returns what is wrong with the whole: free − over = cap − claims in
// every quarter, with the claims recomputed from what each reservation, its
// pending change and its stay hold, each quarter once, and also when they are
// summed from the feed; the ledger holds exactly what stands authorised, and what each stay owes; payments
// and reservations agree, and a reservation has one hold that is to stand.
func (w *World) Check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	claims, told := w.claims(), map[slot]int16{}
	for _, e := range w.events {
		for _, d := range e.Body.Claims {
			for q := d.From; q < d.To; q++ {
				told[slot{e.Parking, d.Type, q}] += d.N
			}
		}
	}
	for p, days := range w.days {
		for k, d := range days {
			for i := range d.Free {
				s := slot{p, k.Type, timerange.DayStart(k.Day) + timerange.Q(i)}
				if d.Free[i] < 0 || d.Free[i]-d.Over[i] != d.Cap-claims[s] || claims[s] != told[s] {
					return fmt.Errorf("%v: free %d over %d cap %d, claims %d, told %d", s, d.Free[i], d.Over[i], d.Cap, claims[s], told[s])
				}
			}
		}
	}
	return w.money()
}

// claims sums what is held, of each reservation every quarter once.
func (w *World) claims() map[slot]int16 {
	sum := map[slot]int16{}
	for _, r := range w.reservations {
		held := map[slot]bool{}
		note := func(t id.SpaceType, from, to timerange.Q) {
			for q := from; q < to; q++ {
				held[slot{r.Parking, t, q}] = true
			}
		}
		note(r.SpaceType, r.Claim.From, r.Claim.To)
		if c := r.Pending; c != nil {
			note(c.SpaceType, c.Claim.From, c.Claim.To)
		}
		if s := w.sessions[r.Session]; s != nil && !s.Allotted && s.ClaimTo > 0 {
			note(s.SpaceType, timerange.Floor(s.EnteredAt), s.ClaimTo)
		}
		for s := range held {
			sum[s]++
		}
	}
	return sum
}

func (w *World) money() error {
	held, taken := map[id.Payment]int64{}, map[id.Payment]int64{}
	owed := map[id.Session]int64{}
	sums := map[money.Currency]int64{}
	for _, e := range w.entries {
		stay := e.Session
		if r := w.reservations[e.Reservation]; stay.IsZero() && r != nil {
			stay = r.Session // it was owed before its driver came after all
		}
		for _, x := range e.Postings {
			sums[x.Amount.Currency] += x.Amount.Minor
			if x.Account == ledger.Held {
				held[e.Payment] += x.Amount.Minor
			}
			if x.Account == ledger.Provider {
				taken[e.Payment] += x.Amount.Minor
			}
			if x.Account == ledger.Receivable {
				owed[stay] += x.Amount.Minor
			}
		}
	}
	for c, sum := range sums {
		if sum != 0 {
			return fmt.Errorf("the ledger sums to %d %s", sum, c)
		}
	}
	for _, p := range w.payments {
		if r := p.Raise; r.State == payment.RaiseAsked || r.State == payment.RaiseMade && p.State == payment.CaptureRequested {
			owed[r.Session] -= r.Amount
		}
	}
	for i, s := range w.sessions {
		if p := w.payments[s.Paying]; p != nil {
			owed[i] -= p.SetAside()
		}
		if s.Owed != nil && s.Owed.Minor != owed[i] {
			return fmt.Errorf("stay %s owes %s, and the ledger says %d beyond what is being taken for it", i, s.Owed, owed[i])
		}
	}
	for i, p := range w.payments {
		stands := p.Authorized
		if p.State == payment.Captured || p.State == payment.Voided || p.State == payment.Lapsed {
			stands = 0
		}
		if held[i] != stands || p.Captured > p.Authorized || p.CaptureAmount > p.Authorized {
			return fmt.Errorf("payment %s (%s): %d authorised, %d captured, the ledger holds %d", i, p.State, p.Authorized, p.Captured, held[i])
		}
		if taken[i] != p.Captured-p.Refunded || p.Refunded < 0 || p.Refunded > p.Captured {
			return fmt.Errorf("payment %s (%s): %d captured, %d given back, the ledger has %d with the provider", i, p.State, p.Captured, p.Refunded, taken[i])
		}
		var back int64
		for _, r := range p.Refunds {
			if r.State.Given() {
				back += r.Amount
			}
		}
		if back != p.Refunded {
			return fmt.Errorf("payment %s: %d is given back by its refunds, %d in all", i, back, p.Refunded)
		}
		r := w.reservations[p.Reservation]
		if r == nil {
			return fmt.Errorf("payment %s is of no reservation", i)
		}
		if p.ForDebt() {
			if err := debt(p, w.sessions[p.Debt.Session]); err != nil {
				return err
			}
			continue
		}
		former := p.ID != r.Payment && (r.Pending == nil || r.Pending.Payment != p.ID)
		if gone := p.State == payment.VoidRequested || p.State == payment.Voided || p.State == payment.Declined || p.State == payment.Lapsed; former && !gone {
			return fmt.Errorf("payment %s, which stands for nothing, is %s", i, p.State)
		}
	}
	for _, r := range w.reservations {
		if err := agree(r, w.payments[r.Payment], w.payments); err != nil {
			return err
		}
	}
	return nil
}

// debt checks that a stay waits for a payment of what it owed exactly while that is
// under way.
func debt(p *payment.Payment, s *session.Session) error {
	open := []payment.State{payment.Requested, payment.Unknown, payment.RequiresAction, payment.CaptureRequested}
	if s == nil || (s.Paying == p.ID) != slices.Contains(open, p.State) {
		return fmt.Errorf("payment %s of a debt is %s, and its stay waits for %+v", p.ID, p.State, s)
	}
	return nil
}

func agree(r *reservation.Reservation, p *payment.Payment, all map[id.Payment]*payment.Payment) error {
	asking := []payment.State{payment.Requested, payment.Unknown, payment.RequiresAction}
	lives := r.State == reservation.Confirmed || r.State == reservation.Active
	switch {
	case p == nil:
		return fmt.Errorf("%s has no payment", r.ID)
	case r.State == reservation.Confirmed && p.State != payment.Authorized && p.State != payment.Lapsed && p.State != payment.MethodKept, p.State == payment.Authorized && !lives,
		r.State == reservation.Confirmed && r.ConfirmedRevision == 0, r.State.Final() && slices.Contains(asking, p.State):
		return fmt.Errorf("%s is %s (revision %d) and its payment %s", r.ID, r.State, r.ConfirmedRevision, p.State)
	case p.State == payment.Authorized && p.Authorized < r.Quote.Total.Minor:
		return fmt.Errorf("%s costs %s and %d is authorised", r.ID, r.Quote.Total, p.Authorized)
	case r.Pending == nil:
		return nil
	case !lives:
		return fmt.Errorf("%s is %s and changes", r.ID, r.State)
	}
	if next := all[r.Pending.Payment]; next == nil || !slices.Contains(asking, next.State) || next.ID == p.ID {
		return fmt.Errorf("%s waits for a payment %+v", r.ID, next)
	}
	return nil
}

// PutWatermark plants a parking's watermark, as an edge's hello leaves it.
func (w *World) PutWatermark(at id.Parking, m commit.Watermark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks[at] = &m
}

// Payments are the stored payments.
func (w *World) Payments() []payment.Payment {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []payment.Payment
	for _, p := range w.payments {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b payment.Payment) int { return a.ID.Compare(b.ID) })
	return out
}
