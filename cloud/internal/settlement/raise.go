package settlement

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// What a stay owes beyond its hold is taken with the hold, where the provider can
// raise it. While it is asked for, the debt is off the stay, so that neither a
// machine nor a write-off pays it as well; it stays a receivable until it is
// taken. What is not taken goes back on the stay.

// WantMore makes a payment whose hold is to be taken ask for what the stay owes
// beyond it. The caller puts the payment.
func (s Settlement) WantMore(p *payment.Payment, stay id.Session) {
	if p.State == payment.CaptureRequested && s.Owed.Minor > 0 {
		p.Raise = payment.Raising{State: payment.RaiseWanted, Session: stay, Amount: s.Owed.Minor, Tax: s.OwedTax.Minor}
	}
}

// AskRaise sets a debt aside to be taken with the hold: what is still owed of it.
type AskRaise struct {
	At      id.Parking
	Payment id.Payment
}

// Parking implements commit.Op.
func (o AskRaise) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o AskRaise) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o AskRaise) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil || p.State != payment.CaptureRequested || p.Raise.State != payment.RaiseWanted {
		return err
	}
	s, err := w.Session(p.Raise.Session)
	if err != nil {
		return err
	}
	p.UpdatedAt = now
	if s == nil || s.Owed == nil || s.Owed.Currency != p.Amount.Currency || s.Owed.Minor <= 0 {
		p.Raise.State = payment.RaiseRefused // it is paid, or given up
		w.PutPayment(p)
		return nil
	}
	owed := *s.Owed
	amount := min(p.Raise.Amount, owed.Minor)
	p.Raise.State, p.Raise.Amount, p.Raise.Tax = payment.RaiseAsked, amount, bill.Share(p.Raise.Tax, amount, p.Raise.Amount)
	owed.Minor -= amount
	s.Owed = &owed
	w.PutPayment(p)
	w.PutSession(s)
	return nil
}

// RecordRaise records the provider's last word about raising a hold.
type RecordRaise struct {
	At      id.Parking
	Payment id.Payment
	Made    bool
}

// Parking implements commit.Op.
func (o RecordRaise) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordRaise) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o RecordRaise) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil || p.State != payment.CaptureRequested || p.Raise.State != payment.RaiseAsked {
		return err
	}
	p.UpdatedAt = now
	if !o.Made {
		err := lower(w, p)
		w.PutPayment(p)
		return err
	}
	more := p.Raise.Amount
	p.Raise.State = payment.RaiseMade
	p.Authorized, p.CaptureAmount, p.CaptureTax = p.Authorized+more, p.CaptureAmount+more, p.CaptureTax+p.Raise.Tax
	w.PutPayment(p)
	return w.Book(ledger.HoldPlaced(p.Reservation, p.ID, money.New(more, p.Amount.Currency)))
}

// lower takes a debt out of what a payment is to take and puts it back on the
// stay. What is booked as held stays so.
func lower(w *commit.Work, p *payment.Payment) error {
	more := p.Raise.Amount
	switch p.Raise.State {
	case payment.RaiseMade:
		p.CaptureAmount, p.CaptureTax = p.CaptureAmount-more, p.CaptureTax-p.Raise.Tax
	case payment.RaiseAsked:
	default:
		return nil
	}
	p.Raise.State = payment.RaiseRefused
	return owe(w, p, more)
}

// collect books what of a captured payment paid a debt, and returns the rest of it
// with its tax. What was due without the debt is taken first.
func collect(w *commit.Work, p *payment.Payment) (due, tax money.Amount, err error) {
	taken, c := p.Captured, p.Amount.Currency
	whole, contained := p.CaptureAmount, p.CaptureTax
	if p.Raise.State == payment.RaiseMade {
		whole, contained = whole-p.Raise.Amount, contained-p.Raise.Tax
		paid := min(max(taken-whole, 0), p.Raise.Amount)
		taken -= paid
		if paid > 0 {
			err = w.Book(ledger.Collected(p.Reservation, p.Raise.Session, p.ID, money.New(paid, c)))
		}
		if err == nil && paid < p.Raise.Amount {
			err = owe(w, p, p.Raise.Amount-paid)
			p.Raise.Amount, p.Raise.Tax = paid, bill.Share(p.Raise.Tax, paid, p.Raise.Amount)
		}
	}
	if taken != whole {
		contained = bill.Share(contained, min(taken, whole), whole)
	}
	return money.New(taken, c), money.New(contained, c), err
}

// owe puts a debt that was not taken back on its stay, without what of it was to
// be given back anyway.
func owe(w *commit.Work, p *payment.Payment, amount int64) error {
	before := p.Returning()
	shrink(p)
	spared := min(before-p.Returning(), amount)
	s, err := w.Session(p.Raise.Session)
	if err != nil {
		return err
	}
	if s == nil || s.Owed == nil {
		return fmt.Errorf("payment %s was to pay for stay %s, which owes nothing", p.ID, p.Raise.Session)
	}
	owed := money.New(s.Owed.Minor+amount-spared, s.Owed.Currency)
	s.Owed = &owed
	if spared > 0 {
		less := money.New(-spared, p.Amount.Currency)
		if err := w.Book(ledger.StayOwed(p.Reservation, s.ID, less, money.New(-bill.Share(p.Raise.Tax, spared, p.Raise.Amount), less.Currency))); err != nil {
			return err
		}
	}
	err = Offset(w, s)
	w.PutSession(s)
	return err
}

// raise has the hold raised by what the stay owes, once, and returns the payment as
// it is then. Until the provider has said yes or no, nothing is taken.
func (s *Service) raise(ctx context.Context, at id.Parking, p *payment.Payment, provider payment.Provider) (*payment.Payment, error) {
	raiser, able := provider.(payment.Incrementer)
	if !able || !provider.Capabilities().Increment {
		return p, nil
	}
	i := p.ID
	commits := func(op commit.Op) error {
		_, err := s.committer.Commit(ctx, op)
		if err == nil {
			p, _, err = s.find(ctx, at, i)
		}
		return err
	}
	if p.Raise.State == payment.RaiseWanted {
		if err := commits(AskRaise{At: at, Payment: i}); err != nil {
			return nil, err
		}
	}
	if p.State != payment.CaptureRequested || p.Raise.State != payment.RaiseAsked {
		return p, nil
	}
	to := money.New(p.Authorized+p.Raise.Amount, p.Amount.Currency)
	out, err := call(ctx, func(ctx context.Context) (payment.Outcome, error) {
		return raiser.Increment(ctx, p.Ref, to, p.Key(payment.CallRaise))
	})
	if refused(err) {
		// It may have been raised before: a provider forgets its keys.
		if out, err = s.hold(ctx, provider, p); errors.Is(err, payment.ErrNotFound) {
			out, err = payment.Outcome{State: payment.Voided, Ref: p.Ref}, nil
		}
	}
	if err == nil {
		err = s.sense(p, out)
	}
	if err == nil {
		err = commits(RecordRaise{At: at, Payment: i, Made: out.State == payment.Authorized && out.Authorized == to})
	}
	if err != nil {
		return nil, fmt.Errorf("raise the hold of %s: %w", i, err)
	}
	return p, nil
}
