package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// on is what an account holds.
func (w *world) on(a ledger.Account) (n int64) {
	for _, e := range w.out.Entries {
		for _, p := range e.Postings {
			if p.Account == a {
				n += p.Amount.Minor
			}
		}
	}
	return n
}

// What a shop's code takes off is the shop's debt and none of the driver's.
func TestAShopOwesWhatItsCodeTookOff(t *testing.T) {
	w, j := start(t, 2)
	s := j.enterAs(t, noon.Add(-90*time.Minute), none, wire.AdmitWalkin)
	w.allot(t)
	one := id.New[id.Payment](noon)
	for range 2 { // told again
		j.add(t, noon, wire.Event{
			Kind: wire.Paid, Lane: "kiosk-1", Session: s, Payment: one, Amount: 250, Currency: "EUR", Method: wire.ShopPays, Shop: 3, Serial: 17, Until: noon.UnixMilli(),
		})
	}
	j.pay(t, noon, s, id.New[id.Payment](noon), 150, wire.Cash)
	j.exit(t, noon, s, none)
	j.applyAll(t, w)
	w.balance(t)
	w.books(t, 0, 150, 0, 0)
	if got := w.on(ledger.Shops); got != 250 {
		t.Errorf("the shops owe %d", got)
	}
	if p := w.rows.Sessions[s].Payments; len(p) != 2 || p[0].Shop != 3 || p[0].Serial != 17 {
		t.Errorf("%+v", p)
	}
	w.raised(t)
}

// A code that is told of under two payments, of two stays or of one, in one batch or later,
// and also when all of it is told anew, counts for each driver and is billed to its shop once;
// whoever looks after the parking hears which stay had it first and what was decided.
func TestACodeThatIsToldOfTwiceIsBilledOnce(t *testing.T) {
	for _, batches := range []int{1, 2} {
		w, j := start(t, 2)
		in := noon.Add(-90 * time.Minute) // costs 400
		first, second := j.enterAs(t, in, none, wire.AdmitWalkin), j.enterAs(t, in, none, wire.AdmitWalkin)
		w.allot(t)
		code := func(s id.Session, p id.Payment, serial uint32, minor int64) {
			j.add(t, noon, wire.Event{
				Kind: wire.Paid, Lane: "kiosk-1", Session: s, Payment: p, Amount: minor, Currency: "EUR", Method: wire.ShopPays, Shop: 3, Serial: serial, Until: noon.UnixMilli(),
			})
		}
		one, other := id.New[id.Payment](noon), id.New[id.Payment](noon)
		code(first, one, 17, 250)
		if batches == 2 {
			j.applyAll(t, w)
		}
		code(second, other, 17, 250)
		code(second, other, 17, 250) // told again
		code(first, one, 17, 250)
		code(second, id.New[id.Payment](noon), 18, 150) // another code of the shop
		for _, s := range []id.Session{first, second} {
			j.exit(t, noon, s, none)
		}
		j.applyAll(t, w)
		w.balance(t)
		w.books(t, 150, 0, 0, 0) // the second had two codes, of which one counts though nobody pays it
		if shops, lost := w.on(ledger.Shops), w.on(ledger.Adjustments); shops != 400 || lost != 250 {
			t.Errorf("the shop owes %d, and %d are given up", shops, lost)
		}
		w.raised(t, ClassCode)
		for _, i := range w.out.Incidents {
			if i.Session != second || !strings.Contains(i.Detail, first.String()) || !strings.Contains(i.Detail, "not billed") {
				t.Errorf("%+v", i)
			}
		}
		if p := w.rows.Sessions[second].Payments; len(p) != 2 || !p[0].Again || p[0].Serial != 17 || p[1].Again {
			t.Errorf("%+v", p)
		}
	}
}

// A slip pays nothing of the stay that it was given for, and of another one as much as is
// in it, once; what is left of it is a slip again. One that is used again is on record,
// counts for the driver, and is nobody's debt.
func TestASlipPaysOnceWhereverItIsUsed(t *testing.T) {
	w, j := start(t, 40)
	slip := func(s id.Session, p id.Payment, minor int64) {
		j.add(t, noon, wire.Event{Kind: wire.Paid, Lane: "kiosk-1", Session: s, Payment: p, Amount: minor, Currency: "EUR", Method: wire.Cash, Note: wire.NoteSlip})
	}
	redeem := func(s id.Session, of id.Payment, from id.Session, as id.Payment, minor int64, note string) {
		j.add(t, noon, wire.Event{
			Kind: wire.Paid, Lane: "kiosk-1", Session: s, Payment: as, Amount: minor, Currency: "EUR", Method: wire.CreditPays, Credit: of, CreditOf: from, Note: note,
		})
	}
	in := noon.Add(-90 * time.Minute) // costs 400
	first, second, third := j.enterAs(t, in, none, wire.AdmitWalkin), j.enterAs(t, in, none, wire.AdmitWalkin), j.enterAs(t, in, none, wire.AdmitWalkin)
	w.allot(t)
	j.pay(t, noon, first, id.New[id.Payment](noon), 300, wire.Cash)
	c, rest := id.New[id.Payment](noon), id.New[id.Payment](noon)
	slip(first, c, 500)
	j.exit(t, noon, first, none)
	j.applyAll(t, w)
	w.books(t, 100, 800, 0, 500) // 100 are owed though 500 are kept: the slip is in the driver's hand
	redeem(second, c, first, id.New[id.Payment](noon), 400, "")
	redeem(second, c, first, rest, 100, wire.NoteSlip)
	j.exit(t, noon, second, none)
	j.applyAll(t, w)
	w.balance(t)
	w.books(t, 100, 800, 0, 100)
	w.raised(t)
	redeem(third, rest, second, id.New[id.Payment](noon), 100, "")
	redeem(third, c, first, id.New[id.Payment](noon), 300, "") // by an edge that has lost its memory
	j.exit(t, noon, third, none)
	j.applyAll(t, w)
	w.balance(t)
	w.books(t, 100, 800, 0, 0)
	if got := w.on(ledger.Adjustments); got != 300 {
		t.Errorf("%d are given up", got)
	}
	w.raised(t, "X9")
}
