package ledger_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

var now = time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)

func eur(minor int64) money.Amount { return money.New(minor, "EUR") }

// sums adds entries up by account, in minor units.
func sums(entries ...ledger.Entry) map[ledger.Account]int64 {
	out := map[ledger.Account]int64{}
	for _, e := range entries {
		for _, p := range e.Postings {
			out[p.Account] += p.Amount.Minor
		}
	}
	return out
}

// Each movement balances, is of its own kind, and moves what it says and no
// other account.
func TestEveryMovementBalancesAndMovesWhatItSays(t *testing.T) {
	r, s, p := id.New[id.Reservation](now), id.New[id.Session](now), id.New[id.Payment](now)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<52).Draw(t, "amount")
		tax := rapid.Int64Range(0, n).Draw(t, "tax")
		a := eur(n)
		type moved = map[ledger.Account]int64
		kinds := map[ledger.Kind]bool{}
		for _, x := range []struct {
			entry ledger.Entry
			kind  ledger.Kind
			want  moved
		}{
			{ledger.HoldPlaced(r, p, a), "hold", moved{"held": n, "held_contra": -n}},
			{ledger.HoldReleased(r, p, a), "release", moved{"held": -n, "held_contra": n}},
			{ledger.Captured(r, s, p, a, eur(tax)), "capture", moved{"held": -n, "held_contra": n, "provider": n, "revenue": tax - n, "tax_payable": -tax}},
			{ledger.Refunded(r, s, p, a, eur(tax)), "refund", moved{"provider": -n, "revenue": n - tax, "tax_payable": tax}},
			{ledger.DisputeMoved(r, s, p, a, eur(0)), "dispute", moved{"provider": -n, "disputed": n, "adjustments": 0}},
			{ledger.DisputeMoved(r, s, p, a.Neg(), a), "dispute", moved{"provider": 0, "disputed": -n, "adjustments": n}},
			{ledger.FeeKept(r, p, a), "fee", moved{"provider": -n, "fees": n}},
			{ledger.StayOwed(r, s, a, eur(tax)), "owed", moved{"receivable": n, "revenue": tax - n, "tax_payable": -tax}},
			{ledger.CashTaken(r, s, a), "cash_in", moved{"cash": n, "receivable": -n}},
			{ledger.CardTaken(r, s, a), "card_in", moved{"terminal": n, "receivable": -n}},
			{ledger.ShopTaken(r, s, a), "shop_in", moved{"shops": n, "receivable": -n}},
			{ledger.ShopSettled(a), "shop_paid", moved{"shops": -n, "bank": n}},
			{ledger.ShopSettled(a.Neg()), "shop_paid", moved{"shops": n, "bank": -n}},
			{ledger.CreditUsed(r, s, a), "credit_used", moved{"change_credit": n, "receivable": -n}},
			{ledger.ChangeGiven(r, s, a), "change", moved{"cash": -n, "receivable": n}},
			{ledger.ChangeKept(r, s, a), "change_credit", moved{"change_credit": -n, "receivable": n}},
			{ledger.WrittenOff(r, s, a), "write_off", moved{"adjustments": n, "receivable": -n}},
			{ledger.PaidOut(ledger.Provider, a), "payout", moved{"provider": -n, "bank": n}},
			{ledger.CashFilled(a), "cash_filled", moved{"cash": n, "safe": -n}},
			{ledger.CashFilled(a.Neg()), "cash_filled", moved{"cash": -n, "safe": n}},
			{ledger.BoxEmptied(eur(tax), a), "cash_emptied", moved{"cash": -n, "safe": tax, "cash_difference": n - tax}},
			{ledger.CashDiffers(a), "cash_difference", moved{"cash": n, "cash_difference": -n}},
			{ledger.PaidOut(ledger.Safe, a), "payout", moved{"safe": -n, "bank": n}},
			{ledger.PaidOut(ledger.Cash, a), "payout", moved{"cash": -n, "bank": n}},
		} {
			if err := x.entry.Check(); err != nil || x.entry.Kind != x.kind {
				t.Fatalf("%s: %v", x.entry.Kind, err)
			}
			if got := sums(x.entry); !maps.Equal(got, x.want) {
				t.Fatalf("%s moves %v, want %v", x.kind, got, x.want)
			}
			kinds[x.kind] = true
		}
		if len(kinds) != len(ledger.Kinds()) {
			t.Fatalf("%d kinds", len(kinds))
		}
	})
}

// A stay of 4.60 that is paid with a tenner at a machine that has only a fiver
// left: everything ends where it belongs.
func TestNobodyLosesACentToTheMachine(t *testing.T) {
	var none id.Reservation
	s := id.New[id.Session](now)
	got := sums(ledger.StayOwed(none, s, eur(460), eur(73)), ledger.CashTaken(none, s, eur(1000)),
		ledger.ChangeGiven(none, s, eur(500)), ledger.ChangeKept(none, s, eur(40)))
	want := map[ledger.Account]int64{"receivable": 0, "cash": 500, "change_credit": -40, "revenue": -387, "tax_payable": -73}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWhatDoesNotBalanceIsRefused(t *testing.T) {
	for name, e := range map[string]ledger.Entry{
		"nothing":        {},
		"one side":       {Postings: []ledger.Posting{{Account: ledger.Cash, Amount: eur(0)}}},
		"too little":     {Postings: []ledger.Posting{{Account: ledger.Cash, Amount: eur(2)}, {Account: ledger.Bank, Amount: eur(-1)}}},
		"two currencies": {Postings: []ledger.Posting{{Account: ledger.Cash, Amount: eur(2)}, {Account: ledger.Bank, Amount: money.New(-2, "CHF")}}},
	} {
		if err := e.Check(); !errors.Is(err, ledger.ErrUnbalanced) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The chart names every account once.
func TestTheChartIsComplete(t *testing.T) {
	var names []ledger.Account
	for _, a := range ledger.Chart() {
		if a.Holds == "" || a.Class == "" {
			t.Errorf("%s is not explained", a.Account)
		}
		names = append(names, a.Account)
	}
	for _, e := range []ledger.Entry{
		ledger.HoldPlaced(id.Reservation{}, id.Payment{}, eur(1)), ledger.Captured(id.Reservation{}, id.Session{}, id.Payment{}, eur(1), eur(0)),
		ledger.FeeKept(id.Reservation{}, id.Payment{}, eur(1)), ledger.ChangeKept(id.Reservation{}, id.Session{}, eur(1)),
		ledger.WrittenOff(id.Reservation{}, id.Session{}, eur(1)), ledger.PaidOut(ledger.Cash, eur(1)),
	} {
		for _, p := range e.Postings {
			if !slices.Contains(names, p.Account) {
				t.Errorf("%s is not in the chart", p.Account)
			}
		}
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		t.Error("an account is in the chart twice")
	}
}
