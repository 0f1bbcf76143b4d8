package receipt_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/capacity"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/cash"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/timerange"
	"github.com/openlot/openlot/protocol/wire"
)

// promised is a stay on a promise to pay at the machine.
type promised struct {
	*house
	v booking.View
	s id.Session
}

func (h *house) promise(from time.Time) promised {
	h.t.Helper()
	v := h.reserveBy(cash.Method, from, 2*time.Hour)
	if v.Reservation.State != reservation.Confirmed || v.Pass == "" || v.Payment.State != payment.Authorized || v.Payment.Authorized != 0 || v.Payment.Provider != cash.Name || !v.Promised {
		h.t.Fatalf("%+v", v)
	}
	return promised{h, v, id.New[id.Session](from)}
}

func (p promised) event(k wire.EventKind, at time.Time) {
	p.t.Helper()
	p.at(at.Add(time.Second))
	p.see(wire.Event{Kind: k, Session: p.s, Reservation: p.v.Reservation.ID, Generation: 1, SpaceType: id.Standard}, at)
	p.settled(p.v)
}

// pays puts money into a machine, which gives change as far as it can.
func (p promised) pays(minor int64, at time.Time) {
	p.t.Helper()
	p.at(at.Add(time.Second))
	p.see(wire.Event{Kind: wire.Paid, Session: p.s, Payment: id.New[id.Payment](at), Amount: minor, Currency: "EUR", Method: wire.Cash}, at)
}

func (p promised) receipt(owed, cash, credit int64) receipt.Receipt {
	p.t.Helper()
	r := p.sound(p.v, bill.Quoted)
	if r.Bill.Due.Minor != 480 || r.Sums.Owed.Minor != owed || r.Sums.Cash.Minor != cash || r.Sums.Credit.Minor != credit || r.Sums.Held.Minor != 0 || r.Sums.Captured.Minor != 0 || r.Sums.Charged.Minor != 480 {
		p.t.Errorf("owed %d, cash %d, credit %d: %+v", owed, cash, credit, r.Sums)
	}
	return r
}

// A promise confirms a reservation and secures nothing. Whoever pays at the
// machine before he leaves owes nothing then; who does not leaves all the same,
// owes it, and may pay later; and what the machine could not give back is kept for
// him, on the books and in the shift.
func TestAPromiseIsPaidAtTheMachineOrOwed(t *testing.T) {
	h := newHouse(t)
	from := timerange.Floor(time.Now()).Time().Add(time.Hour)
	before, after, never := h.promise(from), h.promise(from), h.promise(from)
	for i, p := range []promised{before, after, never} {
		p.event(wire.Entered, from.Add(time.Duration(i+1)*time.Minute))
	}
	before.pays(500, from.Add(80*time.Minute))
	before.event(wire.Exited, from.Add(85*time.Minute))
	before.receipt(0, 500, 20)
	after.event(wire.Exited, from.Add(90*time.Minute))
	after.receipt(480, 0, 0)
	after.pays(200, from.Add(95*time.Minute))
	after.receipt(280, 200, 0)
	after.pays(280, from.Add(100*time.Minute))
	after.receipt(0, 480, 0)
	never.event(wire.Exited, from.Add(110*time.Minute))
	r := never.receipt(480, 0, 0)
	if len(r.Payments) != 1 || r.Payments[0].State != payment.Voided || r.Payments[0].Provider != cash.Name {
		t.Errorf("%+v", r.Payments)
	}

	shift, err := postgres.NewBooks(h.db).Shift(t.Context(), place, map[money.Currency]int64{"EUR": 980}, "Ada", h.now())
	h.must(shift, err)
	stands := map[ledger.Account]int64{}
	for _, b := range shift.Balances {
		stands[b.Account] = b.Running
	}
	if stands[ledger.Cash] != 980 || stands[ledger.ChangeCredit] != -20 || len(shift.Counts) != 1 || shift.Counts[0] != (books.Count{Currency: "EUR", Expected: 980, Counted: 980}) {
		t.Errorf("%+v %+v", stands, shift.Counts)
	}
}

// Who promised and does not come, or gives it up, owes nothing; an extension is
// another promise; and a parking that takes none says so, whatever it had taken.
func TestAPromiseThatIsNotKept(t *testing.T) {
	h := newHouse(t)
	from := timerange.Floor(time.Now()).Time().Add(time.Hour)
	gone, missed, longer := h.promise(from), h.promise(from), h.promise(from)
	if c := missed.v.Reservation.Quote.NoShowCharge; c == nil || *c != 0 {
		t.Errorf("it says that not to come costs %v", c)
	}
	cancelled, err := h.booking.Cancel(t.Context(), gone.v.Reservation.ID)
	h.must(cancelled, err)
	h.settled(gone.v)
	if r := h.sound(gone.v, bill.Cancelled); r.Sums.Owed.Minor != 0 || r.Payments[0].State != payment.Voided {
		t.Errorf("%+v", r)
	}
	v, err := h.booking.Extend(t.Context(), longer.v.Reservation.ID, booking.ChangeRequest{Key: "extend-0123456789", To: from.Add(3 * time.Hour)})
	h.must(v, err)
	if v.Reservation.State != reservation.Confirmed || v.Reservation.Quote.Total.Minor != 720 || v.Payment.ID == longer.v.Payment.ID || v.Payment.Provider != cash.Name || v.Payment.Amount.Minor != 720 {
		t.Errorf("%+v", v)
	}
	h.at(missed.v.Reservation.NoShowAt.Add(time.Hour))
	h.see(wire.Event{Kind: wire.TimeMark}, h.now())
	h.must(nil, h.booking.Miss(t.Context(), place, missed.v.Reservation.ID))
	h.settled(missed.v)
	if r := h.sound(missed.v, bill.Missed); r.Bill.Due.Minor != 0 || r.Sums.Owed.Minor != 0 {
		t.Errorf("%+v", r)
	}

	edited, err := postgres.NewCapacity(h.db).ChangePolicy(t.Context(), capacity.PolicyEdit{At: place, Today: h.now()}, func(p parking.Policy) (parking.Policy, error) {
		p.PayAtMachine = false
		return p, nil
	})
	h.must(edited, err)
	if edited.After.PayAtMachine {
		t.Fatal("still")
	}
	later := timerange.Floor(h.now()).Time().Add(time.Hour)
	_, err = h.booking.Reserve(t.Context(), booking.Request{
		Key: "another-0123456789", Parking: string(place), SpaceType: string(id.Standard), From: later, To: later.Add(time.Hour), Method: cash.Method, Email: "jana@posteo.example",
	})
	if f := fault.From(err); f == nil || f.Code != booking.CodeNotAtMachine || f.Kind != fault.Invalid || f.Fields["payment_method"] == "" {
		t.Errorf("%v", err)
	}
	h.reserve(later, time.Hour) // by card as before
}

// A stay whose saved method was never held from is owed, and its receipt is sound.
func TestAStayOnASavedMethodHasASoundReceipt(t *testing.T) {
	h := newHouseWith(t, 7*24*time.Hour)
	from := timerange.Floor(time.Now()).Time().Add(10 * 24 * time.Hour)
	v := h.reserve(from, 2*time.Hour)
	if v.Payment.State != payment.MethodKept {
		t.Fatalf("%+v", v.Payment)
	}
	p := promised{h, v, id.New[id.Session](from)}
	for _, x := range []struct {
		kind wire.EventKind
		at   time.Time
	}{{wire.Entered, from.Add(time.Minute)}, {wire.Exited, from.Add(time.Hour)}} {
		p.at(x.at.Add(time.Second))
		p.see(wire.Event{Kind: x.kind, Session: p.s, Reservation: v.Reservation.ID, Generation: 1, SpaceType: id.Standard}, x.at)
	}
	p.receipt(480, 0, 0)
}
