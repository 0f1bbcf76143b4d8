package settlement

import (
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/money"
)

// Offset pays what a stay owes out of what was paid at machines and not used. A
// debt below zero, because less is due than was thought, becomes a credit. The
// caller puts the session. A stay that has not ended owes nothing yet.
func Offset(w *commit.Work, s *session.Session) error {
	if s.Owed == nil {
		return nil
	}
	owed := *s.Owed
	amount := money.New(min(s.Credit, owed.Minor), owed.Currency)
	s.Credit -= amount.Minor
	owed.Minor -= amount.Minor
	s.Owed = &owed
	switch {
	case amount.Minor > 0:
		return w.Book(ledger.CreditUsed(s.Reservation, s.ID, amount))
	case amount.Minor < 0:
		return w.Book(ledger.ChangeKept(s.Reservation, s.ID, amount.Neg()))
	default:
		return nil
	}
}
