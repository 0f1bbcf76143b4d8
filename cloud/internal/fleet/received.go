package fleet

import (
	"slices"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/wire"
)

// received books where a payment came from: a cash box, a terminal, a shop that owes it,
// or a slip that was given for another stay.
func received(w *commit.Work, s *session.Session, e *wire.Event, amount money.Amount, now time.Time) error {
	switch e.Method {
	case wire.Card:
		return w.Book(ledger.CardTaken(s.Reservation, s.ID, amount))
	case wire.ShopPays:
		return w.Book(ledger.ShopTaken(s.Reservation, s.ID, amount))
	case wire.CreditPays:
		return redeemed(w, s, e, amount, now)
	default:
		return w.Book(ledger.CashTaken(s.Reservation, s.ID, amount))
	}
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
