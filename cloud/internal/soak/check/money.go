package check

import "slices"

// ended reports a reservation that holds nothing any more.
func ended(state string) bool {
	switch state {
	case "held", "confirmed", "active":
		return false
	}
	return true
}

// fits says which states the payment of a reservation may be in. Who cancels when
// the place is not kept any longer pays like who does not come.
func fits(reservation string, late bool, payment string) bool {
	if reservation == "cancelled" && late && (payment == "capture_requested" || payment == "captured") {
		return true
	}
	return slices.Contains(map[string][]string{
		// Declined, it may be kept for another card; a hold that comes after all is given back.
		"held":      {"requested", "requires_action", "unknown", "declined", "void_requested", "voided"},
		"confirmed": {"authorized", "lapsed", "method_saved"},
		// One that was a no-show and came late after all has been asked for before.
		"active":    {"authorized", "lapsed", "method_saved", "capture_requested", "captured", "void_requested", "voided"},
		"completed": {"capture_requested", "captured", "void_requested", "voided", "lapsed", "method_saved"},
		"no_show":   {"capture_requested", "captured", "void_requested", "voided", "lapsed", "method_saved"},
		"expired":   {"declined", "void_requested", "voided"},
		"cancelled": {"declined", "void_requested", "voided", "lapsed"},
		"walked":    {"declined", "void_requested", "voided", "lapsed"},
		"voided":    {"declined", "void_requested", "voided", "lapsed"},
	}[reservation], payment)
}

// live reports a payment that takes, or may yet take, a driver's money.
func live(state string) bool {
	switch state {
	case "declined", "void_requested", "voided", "lapsed":
		return false
	}
	return true
}

// under reports a payment of a debt that is under way.
func under(state string) bool {
	return slices.Contains([]string{"requested", "requires_action", "unknown", "capture_requested"}, state)
}

// held reports a payment whose hold stands in the books.
func held(state string) bool {
	switch state {
	case "authorized", "capture_requested", "void_requested":
		return true
	}
	return false
}

// payments checks that each reservation has its payment, in a state that fits,
// and no other one that is live, but for that of a pending change.
func (out *Report) payments(r *Rows) {
	byID := make(map[ID]*Payment, len(r.Payments))
	alive := map[ID][]*Payment{} // by reservation
	for i := range r.Payments {
		p := &r.Payments[i]
		byID[p.ID] = p
		if awaited := p.Debt && under(p.State); (p.Awaited == 1) != awaited || p.Awaited > 1 {
			out.Add(Payments, "%s: payment %x (of a debt: %t) is %s, and %d stays wait for it", p.Parking, p.ID, p.Debt, p.State, p.Awaited)
		}
		if live(p.State) && !p.Debt {
			alive[p.Reservation] = append(alive[p.Reservation], p)
		}
		if p.Captured > p.Authorized || p.Asked > p.Authorized || p.Captured < 0 || (p.State == "captured") != (p.Captured > 0) ||
			p.Refunded < 0 || p.Refunded > p.Captured {
			out.Add(Payments, "%s: payment %x is %s: %d authorised, %d to capture, %d captured, %d given back", p.Parking, p.ID, p.State, p.Authorized, p.Asked, p.Captured, p.Refunded)
		}
		if p.State == "authorized" && p.Authorized <= 0 {
			out.Add(Payments, "%s: payment %x is authorised for nothing", p.Parking, p.ID)
		}
	}
	out.look("payments", len(r.Payments))
	known := make(map[ID]bool, len(r.Reservations))
	for i := range r.Reservations {
		x := &r.Reservations[i]
		known[x.ID] = true
		p := byID[x.Payment]
		switch {
		case p == nil || p.Reservation != x.ID || p.Parking != x.Parking:
			out.Add(Payments, "%s: reservation %x has no payment of its own", x.Parking, x.ID)
		case !fits(x.State, x.Late, p.State):
			out.Add(Payments, "%s: reservation %x is %s and its payment %s", x.Parking, x.ID, x.State, p.State)
		}
		own, pending := 0, 0
		for _, p := range alive[x.ID] {
			if x.Pending != nil && p.ID == x.Pending.Payment {
				pending++
			} else {
				own++
			}
		}
		if own > 1 || pending > 1 {
			out.Add(Holds, "%s: reservation %x (%s) has %d live holds, its pending change %d", x.Parking, x.ID, x.State, own, pending)
		}
	}
	out.changes(r, byID)
	for i := range r.Payments {
		if p := &r.Payments[i]; !known[p.Reservation] {
			out.Add(Payments, "%s: payment %x is of no reservation", p.Parking, p.ID)
		}
	}
}

// changes checks that what is sold is secured, and that a change waits only where
// there is something to change, for a payment of its own of the whole new price.
func (out *Report) changes(r *Rows, byID map[ID]*Payment) {
	for i := range r.Reservations {
		x := &r.Reservations[i]
		stands := x.State == "confirmed" || x.State == "active"
		if p := byID[x.Payment]; stands && p != nil && p.Authorized < x.Price && p.State != "method_saved" {
			out.Add(Payments, "%s: reservation %x is %s for %d, %d is held", x.Parking, x.ID, x.State, x.Price, p.Authorized)
		}
		if x.Pending == nil {
			continue
		}
		out.look("pending changes", 1)
		p := byID[x.Pending.Payment]
		if !stands || p == nil || p.Reservation != x.ID || p.ID == x.Payment || p.Amount != x.Pending.Price ||
			!slices.Contains([]string{"requested", "requires_action", "unknown"}, p.State) {
			out.Add(Payments, "%s: reservation %x is %s, and its change for %d waits for what does not fit it", x.Parking, x.ID, x.State, x.Pending.Price)
		}
	}
}

// ledger checks the sums, and that the books hold of each payment what it says
// of itself.
func (out *Report) ledger(r *Rows) {
	for _, u := range r.Unbalanced {
		out.Add(Ledger, "%s sums to %d", u.What, u.Sum)
	}
	for i := range r.Payments {
		p := &r.Payments[i]
		want := Book{Provider: p.Captured - p.Refunded}
		if held(p.State) {
			want.Held = p.Authorized
		}
		if b := r.Books[p.ID]; b != want {
			out.Add(Ledger, "%s: payment %x is %s with %d authorised and %d captured, the books say %d held and %d taken",
				p.Parking, p.ID, p.State, p.Authorized, p.Captured, b.Held, b.Provider)
		}
	}
	out.look("payments in the ledger", len(r.Books))
}

// feeds checks revisions, idempotency keys and journals: each number once.
func (out *Report) feeds(r *Rows) {
	for _, f := range r.Feeds {
		out.look("events", int(f.Events))
		if f.Events != f.Head || f.Distinct != f.Head || f.Head > 0 && (f.First != 1 || f.Last != f.Head) {
			out.Add(Revisions, "%s: its head is at %d, there are %d events with %d revisions from %d to %d", f.Parking, f.Head, f.Events, f.Distinct, f.First, f.Last)
		}
	}
	for _, k := range r.Keys {
		if !k.Exists {
			out.Add(Keys, "key %q of %s names reservation %x, which is not there", k.Key, k.Principal, k.Reservation)
		}
	}
	out.look("keys", len(r.Keys))
	for _, j := range r.Journals {
		out.look("edge events", int(j.Applied))
		if j.Applied != j.Seq || j.Distinct != j.Seq || j.Seq > 0 && (j.First != 1 || j.Last != j.Seq) {
			out.Add(Journals, "%s: events 1 to %d of epoch %d are applied, there are %d, %d different, from %d to %d",
				j.Parking, j.Seq, j.Epoch, j.Applied, j.Distinct, j.First, j.Last)
		}
	}
}
