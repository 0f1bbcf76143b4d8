package httpapi

import (
	"encoding/hex"
	"iter"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/books"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/lookup"
	"github.com/openlot/openlot/protocol/money"
)

func (s *server) getMoney(c *gin.Context, p account.Principal, _ account.Login) error {
	scope, _, err := s.numberScope(c, p, true)
	if err != nil {
		return err
	}
	if err := days(c, &scope, true, moneyDays); err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	sums, err := s.Numbers.Sums(ctx, scope)
	if err != nil {
		return err
	}
	a := api.MoneyAnswer{From: string(scope.From), To: string(scope.To), Currencies: []api.CurrencySums{}}
	if sums.ClosedUntil != nil {
		a.ClosedUntil = new(sums.ClosedUntil.UTC())
	}
	var all []money.Currency
	for _, b := range sums.Standing {
		all = append(all, b.Currency)
	}
	slices.Sort(all)
	for _, currency := range slices.Compact(all) {
		a.Currencies = append(a.Currencies, currencySums(&sums, currency))
	}
	answer(c, http.StatusOK, a)
	return nil
}

func currencySums(sums *lookup.Sums, currency money.Currency) api.CurrencySums {
	of := func(n int64) api.Amount { return amount(money.New(n, currency)) }
	moved := func(account ledger.Account, kinds ...ledger.Kind) (n int64) {
		for _, m := range sums.Moved {
			if m.Currency == currency && m.Account == account && slices.Contains(kinds, m.Kind) {
				n += m.Debit - m.Credit
			}
		}
		return n
	}
	standing := func(account ledger.Account) (n int64) {
		for _, b := range sums.Standing {
			if b.Currency == currency && b.Account == account {
				n += b.Moved
			}
		}
		return n
	}
	a := api.CurrencySums{
		Currency: string(currency), Accounts: []api.AccountSum{},
		Captured: of(moved(ledger.Provider, ledger.Capture)), Refunded: of(-moved(ledger.Provider, ledger.Refund)),
		Cash: of(moved(ledger.Cash, ledger.CashIn, ledger.Change)), Terminal: of(moved(ledger.Terminal, ledger.CardIn)),
		Fees: of(moved(ledger.Fees, ledger.Fee)), WrittenOff: of(moved(ledger.Adjustments, ledger.WriteOff)), PaidOut: of(moved(ledger.Bank, ledger.Payout)),
		Disputed: of(standing(ledger.Disputed)), Receivable: of(standing(ledger.Receivable)), Held: of(standing(ledger.Held)),
	}
	for _, e := range ledger.Chart() {
		x := api.AccountSum{Account: api.LedgerAccount(e.Account), Class: api.AccountSumClass(e.Class), Balance: of(standing(e.Account))}
		var in, out int64
		for _, m := range sums.Moved {
			if m.Currency == currency && m.Account == e.Account {
				in, out = in+m.Debit, out+m.Credit
			}
		}
		x.In, x.Out = of(in), of(out)
		a.Accounts = append(a.Accounts, x)
	}
	return a
}

func (s *server) listLedger(c *gin.Context, p account.Principal, _ account.Login) error {
	scope, _, err := s.numberScope(c, p, true)
	if err != nil {
		return err
	}
	if err := days(c, &scope, false, 0); err != nil {
		return err
	}
	accounts := []string{}
	for _, e := range ledger.Chart() {
		accounts = append(accounts, string(e.Account))
	}
	of, err := onlyOf(c, "account", accounts...)
	if err != nil {
		return err
	}
	part, limit, err := page(c)
	if err != nil {
		return err
	}
	if accepts(c, "text/csv") {
		rows, err := s.Numbers.Ledger(c.Request.Context(), scope)
		if err != nil {
			return err
		}
		asFile(c, "ledger.csv")
		_, _, err = books.WriteCSV(c.Writer, accountOnly(rows, ledger.Account(of)))
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	rows, err := s.Numbers.Postings(ctx, scope, of, "", part)
	if err != nil {
		return err
	}
	list := api.LedgerPage{Postings: []api.LedgerPosting{}}
	rows, list.NextCursor = cut(rows, limit, lookup.PostingPlace)
	for i := range rows {
		list.Postings = append(list.Postings, posting(&rows[i]))
	}
	answer(c, http.StatusOK, list)
	return nil
}

// accountOnly leaves out what is not of an account, if one is named.
func accountOnly(rows iter.Seq2[books.Row, error], of ledger.Account) iter.Seq2[books.Row, error] {
	return func(yield func(books.Row, error) bool) {
		for r, err := range rows {
			if (err != nil || of == "" || r.Account == of) && !yield(r, err) {
				return
			}
		}
	}
}

func posting(r *books.Row) api.LedgerPosting {
	return api.LedgerPosting{
		At: r.At.UTC(), ParkingId: string(r.Parking), Transaction: r.Transaction.String(), Line: r.Line, Kind: api.LedgerPostingKind(r.Kind),
		Account: api.LedgerAccount(r.Account), Amount: amount(r.Amount),
		ReservationId: given(r.Reservation.String()), SessionId: given(r.Session.String()), PaymentId: given(r.Payment.String()),
	}
}

func (s *server) listPayouts(c *gin.Context, p account.Principal, _ account.Login) error {
	scope, _, err := s.numberScope(c, p, true)
	if err != nil {
		return err
	}
	if err := days(c, &scope, false, 0); err != nil {
		return err
	}
	part, limit, err := page(c)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	rows, err := s.Numbers.Postings(ctx, scope, string(ledger.Bank), string(ledger.Payout), part)
	if err != nil {
		return err
	}
	list := api.PayoutPage{Payouts: []api.PayoutRow{}}
	rows, list.NextCursor = cut(rows, limit, lookup.PostingPlace)
	for _, r := range rows {
		list.Payouts = append(list.Payouts, api.PayoutRow{At: r.At.UTC(), ParkingId: string(r.Parking), Transaction: r.Transaction.String(), Amount: amount(r.Amount)})
	}
	answer(c, http.StatusOK, list)
	return nil
}

func (s *server) listReceivables(c *gin.Context, p account.Principal, _ account.Login) error {
	scope, _, err := s.numberScope(c, p, true)
	if err != nil {
		return err
	}
	if err := days(c, &scope, false, 0); err != nil {
		return err
	}
	state, err := onlyOf(c, "state", "open", "settled", "written_off")
	if err != nil {
		return err
	}
	part, limit, err := page(c)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	rows, err := s.Numbers.Receivables(ctx, scope, state, part)
	if err != nil {
		return err
	}
	list := api.ReceivablePage{Receivables: []api.ReceivableRow{}}
	rows, list.NextCursor = cut(rows, limit, (*lookup.Receivable).Place)
	for i := range rows {
		r := &rows[i]
		of := func(n int64) api.Amount { return amount(money.New(n, r.Currency)) }
		list.Receivables = append(list.Receivables, api.ReceivableRow{
			Since: r.Since.UTC(), LastAt: new(r.Last.UTC()), ParkingId: string(r.Parking), State: api.ReceivableState(r.State()),
			SessionId: given(r.Session.String()), ReservationId: given(r.Reservation.String()),
			Owed: of(r.Owed), Paid: of(r.Owed - r.WrittenOff - r.Open), WrittenOff: of(r.WrittenOff), Open: of(r.Open),
		})
	}
	answer(c, http.StatusOK, list)
	return nil
}

func (s *server) listClosings(c *gin.Context, p account.Principal) error {
	rows, next, err := s.sealed(c, p, false)
	if err != nil {
		return err
	}
	list := api.ClosingPage{Closings: []api.ClosingRow{}, NextCursor: next}
	for i := range rows {
		x := &rows[i]
		row := api.ClosingRow{
			Operator: x.Operator.String(), Seq: x.Seq, Day: string(x.Day), MadeAt: x.MadeAt.UTC(), Transactions: x.Transactions,
			Hash: hex.EncodeToString(x.Hash[:]), Balances: []api.AccountSum{},
		}
		for _, b := range x.Balances {
			row.Balances = append(row.Balances, balance(&b))
		}
		list.Closings = append(list.Closings, row)
	}
	answer(c, http.StatusOK, list)
	return nil
}

func balance(b *books.Balance) api.AccountSum {
	of := func(n int64) api.Amount { return amount(money.New(n, b.Currency)) }
	a := api.AccountSum{Account: api.LedgerAccount(b.Account), In: of(b.Debit), Out: of(b.Credit), Balance: of(b.Running)}
	for _, e := range ledger.Chart() {
		if e.Account == b.Account {
			a.Class = api.AccountSumClass(e.Class)
		}
	}
	return a
}

func (s *server) listShifts(c *gin.Context, p account.Principal) error {
	rows, next, err := s.sealed(c, p, true)
	if err != nil {
		return err
	}
	list := api.ShiftPage{Shifts: []api.ShiftRow{}, NextCursor: next}
	for i := range rows {
		x := &rows[i]
		row := api.ShiftRow{Operator: x.Operator.String(), Seq: x.Seq, MadeAt: x.MadeAt.UTC(), By: x.By, Counts: []api.ShiftCount{}}
		if x.Machine != "" {
			row.Machine, row.OpenedBy, row.Payments, row.Note = new(string(x.Machine)), given(x.OpenedBy), new(x.Payments), given(x.Note)
		}
		if len(x.Spans) > 0 {
			row.ParkingId, row.Until = string(x.Spans[0].Parking), x.Spans[0].To.UTC()
			if x.Spans[0].From != nil {
				row.From = new(x.Spans[0].From.UTC())
			}
		}
		for _, n := range x.Counts {
			of := func(minor int64) api.Amount { return amount(money.New(minor, n.Currency)) }
			row.Counts = append(row.Counts, api.ShiftCount{Expected: of(n.Expected), Counted: of(n.Counted), Difference: of(n.Difference)})
		}
		list.Shifts = append(list.Shifts, row)
	}
	answer(c, http.StatusOK, list)
	return nil
}

// sealed is a page of closings: of days, or of shifts.
func (s *server) sealed(c *gin.Context, p account.Principal, shifts bool) ([]books.Sealed, *string, error) {
	scope, _, err := s.numberScope(c, p, true)
	if err != nil {
		return nil, nil, err
	}
	part, limit, err := page(c)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := bounded(c)
	defer cancel()
	rows, err := s.Numbers.Closings(ctx, scope, shifts, part)
	if err != nil {
		return nil, nil, err
	}
	rows, next := cut(rows, limit, lookup.SealedPlace)
	return rows, next, nil
}
