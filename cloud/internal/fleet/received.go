package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// received books where a payment came from: a cash box, a terminal, a shop that owes it,
// or a slip that was given for another stay; again says that the shop's code had paid before.
func received(w *commit.Work, s *session.Session, e *wire.Event, amount money.Amount, now time.Time) (again bool, err error) {
	switch e.Method {
	case wire.Card:
		return false, w.Book(ledger.CardTaken(s.Reservation, s.ID, amount))
	case wire.ShopPays:
		return shopPays(w, s, e, amount, now)
	case wire.CreditPays:
		return false, redeemed(w, s, e, amount, now)
	default:
		return false, w.Book(ledger.CashTaken(s.Reservation, s.ID, amount))
	}
}

// ClassCode is the class of incident that a shop's code was told of under two payments.
const ClassCode = "shop_code"

// shopPays books what a code took off as owed by its shop, once for each code: an edge takes
// each once, but two that did not know of each other (a new one beside the old, a machine
// that was restored) may tell of the same. The driver has been let go by it, so that it
// counts for him; the shop gave it once and owes it once, and the rest is given up, on record.
func shopPays(w *commit.Work, s *session.Session, e *wire.Event, amount money.Amount, now time.Time) (again bool, err error) {
	code := commit.ShopCode{Shop: e.Shop, Serial: e.Serial}
	before, err := w.ShopCodeUse(code)
	if err != nil {
		return false, err
	}
	if before == nil {
		w.UseShopCode(code, &commit.ShopCodeUse{Payment: e.Payment, Session: s.ID, At: when(e, now).at})
		return false, w.Book(ledger.ShopTaken(s.Reservation, s.ID, amount))
	}
	raise(w, ClassCode, e, fmt.Sprintf("code %d of shop %d was used at %s for the stay %s, and is told of again, for %s of the stay %s: it counts for the driver, and the shop is not billed for it again",
		e.Serial, e.Shop, before.At.UTC().Format(time.RFC3339), before.Session, amount, s.ID), now)
	return true, w.Book(ledger.WrittenOff(s.Reservation, s.ID, amount))
}

// redeemed takes an amount out of what a slip was given for. The edge has let its driver
// go by it, so what is not there is given up, on record, and nobody's debt.
func redeemed(w *commit.Work, s *session.Session, e *wire.Event, amount money.Amount, now time.Time) error {
	from := s
	if e.CreditOf != e.Session {
		var err error
		if from, err = w.Session(e.CreditOf); err != nil {
			return err
		}
	}
	part := money.New(0, amount.Currency)
	if from != nil {
		i := slices.IndexFunc(from.Payments, func(p session.Paid) bool { return p.ID == e.Credit && p.Slip && p.Amount.Currency == amount.Currency })
		if i >= 0 {
			p := from.Payments[i]
			part.Minor = min(amount.Minor, p.Amount.Minor-p.Used)
			p.Used += part.Minor
			from.Payments = slices.Clone(from.Payments)
			from.Payments[i] = p
		}
	}
	if part.Minor > 0 {
		if from != s {
			w.PutSession(from)
		}
		if err := w.Book(ledger.CreditUsed(from.Reservation, from.ID, part)); err != nil {
			return err
		}
	}
	missing := money.New(amount.Minor-part.Minor, amount.Currency)
	if missing.Minor == 0 {
		return nil
	}
	raise(w, "X9", e, "a slip was used of which "+missing.String()+" were not there any more; it counts for the driver", now)
	return w.Book(ledger.WrittenOff(s.Reservation, s.ID, missing))
}
