package settlement

import (
	"fmt"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/session"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// What a stay owes after its end is paid by a payment of its own: a hold that is
// taken as soon as it stands. While that is under way the debt is off the stay, so
// that no machine, no write-off and no second payment pays it as well; it stays a
// receivable until it is taken.

// AskDebt sets all that a stay owes aside, to be paid by a payment of that amount,
// and stores and tells both. The stay owes something and no other payment of it is
// under way.
func AskDebt(w *commit.Work, s *session.Session, p *payment.Payment) {
	rest := money.New(s.Owed.Minor-p.Amount.Minor, s.Owed.Currency)
	s.Owed, s.Paying = &rest, p.ID
	w.PutSession(s)
	tell(w, p)
}

// PutBack puts the debt of a payment that came to nothing back on its stay, where
// what was paid at a machine meanwhile pays it. It does nothing for one that has
// paid, and the second time.
func PutBack(w *commit.Work, p *payment.Payment) error {
	s, err := debtor(w, p)
	if err != nil || s == nil {
		return err
	}
	return putBack(w, s, p.SetAside())
}

func putBack(w *commit.Work, s *session.Session, minor int64) error {
	owed := money.New(s.Owed.Minor+minor, s.Owed.Currency)
	s.Owed, s.Paying = &owed, id.Payment{}
	err := Offset(w, s)
	w.PutSession(s)
	return err
}

// ToTake is what of a debt is to be taken from its hold, in minor units: what was
// paid at a machine since it was asked for pays first. At 0 the stay waits for the
// payment no longer.
func ToTake(w *commit.Work, p *payment.Payment) (int64, error) {
	s, err := debtor(w, p)
	if err != nil {
		return 0, err
	}
	if s == nil {
		return 0, fmt.Errorf("payment %s pays for stay %s, which does not wait for it", p.ID, p.Debt.Session)
	}
	used := min(s.Credit, p.Amount.Minor)
	if used <= 0 {
		return p.Amount.Minor, nil
	}
	s.Credit -= used
	if used == p.Amount.Minor {
		s.Paying = id.Payment{}
	}
	w.PutSession(s)
	return p.Amount.Minor - used, w.Book(ledger.CreditUsed(s.Reservation, s.ID, money.New(used, p.Amount.Currency)))
}

// paid books that a debt was taken. What is more was taken by hand, and is the
// operator's until it is given back.
func paid(w *commit.Work, p *payment.Payment) error {
	s, err := debtor(w, p)
	switch {
	case err != nil:
		return err
	case s == nil:
		return fmt.Errorf("payment %s has paid for stay %s, which does not wait for it", p.ID, p.Debt.Session)
	}
	c := p.Amount.Currency
	owed := min(p.Captured, p.CaptureAmount)
	if err := w.Book(ledger.Collected(p.Reservation, s.ID, p.ID, money.New(owed, c))); err != nil {
		return err
	}
	if more := p.Captured - owed; more > 0 {
		if err := w.Book(ledger.Captured(p.Reservation, s.ID, p.ID, money.New(more, c), money.New(0, c))); err != nil {
			return err
		}
	}
	return putBack(w, s, p.CaptureAmount-owed)
}

// debtor is the stay that waits for a payment of its debt; nil when it does not, or
// not any more.
func debtor(w *commit.Work, p *payment.Payment) (*session.Session, error) {
	if !p.ForDebt() {
		return nil, nil
	}
	s, err := w.Session(p.Debt.Session)
	if err != nil || s == nil || s.Paying != p.ID {
		return nil, err
	}
	if s.Owed == nil {
		return nil, fmt.Errorf("stay %s owes nothing and has payment %s under way", s.ID, p.ID)
	}
	return s, nil
}
