package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/fleet"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
	"github.com/openlot/openlot/cloud/internal/shop"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/till"
	"github.com/openlot/openlot/protocol/wire"
)

// A shop is added once, told to an edge with a machine, and gives codes that this edge
// reads; a batch is made once, whoever asks again or at once; and the history says who.
func TestAShopAndItsCodes(t *testing.T) {
	db, _ := postgrestest.New(t)
	now := time.Now().UTC().Truncate(time.Second)
	postgrestest.Import(t, db, now, postgrestest.Parking("north", 3), postgrestest.Parking("south", 3))
	s := &shop.Service{Store: postgres.NewShops(db), Now: func() time.Time { return now }}
	by := parking.Author{Name: "acc_1"}
	kino := shop.Shop{Name: "Kino", Gives: shop.Minutes, Value: 60, Most: 500, GoodUntil: now.Add(time.Hour)}
	refused := func(code string, err error) {
		t.Helper()
		if fault.Code(err) != code {
			t.Errorf("refused with %v, want %s", err, code)
		}
	}
	for _, bad := range []shop.Shop{
		{},
		{Name: "x", Gives: "all", Value: 1, GoodUntil: now},
		{Name: "x", Gives: shop.Percent, Value: 101, GoodUntil: now},
		{Name: " x", Gives: shop.Amount, Value: 1, GoodUntil: now},
		{Name: "x", Gives: shop.Amount, Value: 1, GoodUntil: now.Add(10 * 366 * 24 * time.Hour)},
		{Name: "x", Gives: shop.Amount, Value: 1, Most: -1, GoodUntil: now},
	} {
		_, err := s.Add(t.Context(), "north", bad, by)
		refused(shop.CodeInvalid, err)
	}
	for range 2 { // the same again
		if got, err := s.Add(t.Context(), "north", kino, by); err != nil || got.Number != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	other := kino
	other.Value = 90
	_, err := s.Add(t.Context(), "north", other, by)
	refused(shop.CodeExists, err)
	other.Name = "Oper"
	if got, err := s.Add(t.Context(), "north", other, by); err != nil || got.Number != 2 {
		t.Fatalf("%+v, %v", got, err)
	}

	// Many ask for the first batch at once: each gets the same, and it is one.
	var all sync.WaitGroup
	batches := make([][]string, 4)
	for i := range batches {
		all.Go(func() {
			var err error
			if _, batches[i], err = s.Codes(t.Context(), "north", 1, 0, 50, by); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	snap, err := db.Snapshot(t.Context(), "north", now, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, code := range batches[0] {
		n, serial, ok := till.ParseShopCode(snap.Key, code)
		if !ok || n != 1 || serial != uint32(i+1) || batches[3][i] != code {
			t.Fatalf("code %d is %q: %d %d %v", i, code, n, serial, ok)
		}
	}
	_, _, err = s.Codes(t.Context(), "north", 1, 0, 20, by)
	refused(shop.CodeMoved, err)
	_, _, err = s.Codes(t.Context(), "north", 9, 0, 20, by)
	refused(shop.CodeNotFound, err)
	_, _, err = s.Codes(t.Context(), "north", 1, 50, 1001, by)
	refused(shop.CodeInvalid, err)

	if len(snap.Till.Shops) != 2 || snap.Till.Shops[0].Name != "Kino" {
		t.Fatalf("the edge is told of %+v", snap.Till.Shops)
	}
	if w, ok := snap.Till.Shops[0].Wire(now); !ok || w.Gives != wire.GivesMinutes || w.Value != 60 || w.Most != 500 || w.Until != kino.GoodUntil.Unix() {
		t.Errorf("%+v", w)
	}
	over := now.Add(-time.Second)
	if _, err := s.Change(t.Context(), "north", 1, shop.Change{GoodUntil: &over}, by); err != nil {
		t.Fatal(err)
	}
	name := "Oper"
	_, err = s.Change(t.Context(), "north", 1, shop.Change{Name: &name}, by)
	refused(shop.CodeExists, err)
	c, err := db.Changes(t.Context(), "north", snap.Revision, 100, 10, true)
	if err != nil || c.Till == nil || len(c.Till.Shops) != 1 || c.Till.Shops[0].Name != "Oper" {
		t.Fatalf("after the end of one the edge is told %+v, %v", c.Till, err)
	}
	list, err := s.List(t.Context(), "north")
	if err != nil || len(list) != 2 || list[0].Issued != 50 || list[0].Uses != 0 || list[0].Owed.Currency == "" {
		t.Fatalf("%+v, %v", list, err)
	}
	if away, err := s.List(t.Context(), "south"); err != nil || len(away) != 0 {
		t.Fatalf("%+v, %v", away, err)
	}
}

// What a shop owes is what its codes took off on the real store: each payment once, also
// when the edge tells it again; and a slip that pays for another stay leaves the sum as
// it was.
func TestWhatAShopOwesIsWhatItsCodesTookOff(t *testing.T) {
	db, dsn := postgrestest.New(t)
	owner := postgrestest.Owner(t, dsn)
	clock := &shown{}
	began := clock.now().UTC().Truncate(time.Second)
	postgrestest.Import(t, db, began, postgrestest.Parking("north", 20))
	s := &shop.Service{Store: postgres.NewShops(db), Now: clock.now}
	if _, err := s.Add(t.Context(), "north", shop.Shop{Name: "Kino", Gives: shop.Amount, Value: 150, GoodUntil: began.Add(time.Hour)}, parking.Author{}); err != nil {
		t.Fatal(err)
	}
	g := newGate(t, db, committerAt(t, db, clock.now), clock, "north")
	g.must(&fleet.Allot{Lot: "north", Inside: g.inside()})
	first, second := g.enters(began), g.enters(began)
	clock.forward(50 * time.Minute)
	pay := func(at id.Session, e wire.Event) id.Payment {
		e.Kind, e.Session, e.Currency = wire.Paid, at, "EUR"
		if e.Payment.IsZero() {
			e.Payment = id.New[id.Payment](began)
		}
		g.tell(began.Add(30*time.Minute), e)
		return e.Payment
	}
	code := wire.Event{Amount: 150, Method: wire.ShopPays, Shop: 1, Serial: 7, Payment: id.New[id.Payment](began)}
	pay(first, code)
	pay(first, code)
	slip := pay(first, wire.Event{Amount: 300, Method: wire.Cash, Note: wire.NoteSlip})
	pay(second, wire.Event{Amount: 90, Method: wire.ShopPays, Shop: 1, Serial: 8})
	pay(second, wire.Event{Amount: 20, Method: wire.ShopPays, Shop: 1, Serial: 7}) // that was used before
	pay(second, wire.Event{Amount: 300, Method: wire.CreditPays, Credit: slip, CreditOf: first})
	for _, one := range []id.Session{first, second} {
		g.tell(began.Add(31*time.Minute), wire.Event{Kind: wire.Exited, Session: one, Reason: wire.AdmitWalkin})
	}
	list, err := s.List(t.Context(), "north")
	if err != nil || len(list) != 1 || list[0].Uses != 2 || list[0].Owed.Minor != 240 {
		t.Fatalf("%+v, %v", list, err)
	}
	for query, want := range map[string]int{
		`select sum(amount)::int from ledger_entry where account = 'shops'`:                                 240,
		`select sum(amount)::int from ledger_entry`:                                                         0,
		`select (p->>'used')::int from session, jsonb_array_elements(payments) p where p ? 'used'`:          300,
		`select count(*)::int from shop_use where serial in (7, 8) and number = 1 and currency = 'EUR'`:     2,
		`select count(*)::int from incident where detail like '%slip%'`:                                     0,
		`select count(*)::int from incident where class = 'shop_code' and detail like '%code 7 of shop 1%'`: 1,
		`select sum(amount)::int from ledger_entry where account = 'adjustments'`:                           20,
	} {
		if n := count(t, owner, query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
}
