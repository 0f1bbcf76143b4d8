package settlement

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/openlot/openlot/cloud/internal/bill"
	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/feed"
	"github.com/openlot/openlot/cloud/internal/ledger"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// RefundFailed is the class of incident raised when money could not be given
// back, or came back to us.
const RefundFailed = "refund_failed"

// GiveBack asks for an amount in minor units of what a payment took, or is taking,
// to be given back, with the tax in it: once for each reason, and never more than
// is left. The provider is asked by whoever works on the event. It reports
// whether that is new; the errors are those of payment.GiveBack.
func GiveBack(w *commit.Work, p *payment.Payment, reason string, minor int64, now time.Time) (bool, error) {
	r := payment.Refunding{Reason: reason, Amount: minor, At: now}
	if left, tax := charged(p); minor > 0 && minor <= left {
		r.Tax = bill.Share(tax, minor, left)
	}
	changed, err := p.GiveBack(r)
	if err != nil || !changed {
		return false, err
	}
	p.UpdatedAt = now
	w.PutPayment(p)
	w.Emit(feed.RefundRequested, feed.Body{Payment: told(p)})
	return true, nil
}

// ReturnUndue asks for what a payment took beyond what is due to be given back,
// under a reason of its own each time.
func ReturnUndue(w *commit.Work, p *payment.Payment, minor int64, now time.Time) error {
	reason := payment.ReasonLessDue
	for n := 2; ; n++ {
		if _, there := p.Refunding(reason); !there {
			break
		}
		reason = payment.ReasonLessDue + "-" + strconv.Itoa(n)
	}
	_, err := GiveBack(w, p, reason, minor, now)
	return err
}

// RecordRefund records how far giving something back has come. What has left us
// is booked once, and booked back when it returns; then, and when it never left,
// an incident asks for a person.
type RecordRefund struct {
	At       id.Parking
	Payment  id.Payment
	Reason   string
	State    payment.RefundState // RefundPending, RefundSucceeded or RefundFailed
	Ref      string              // the provider's name for it, once known
	Incident id.Incident
}

// Parking implements commit.Op.
func (o RecordRefund) Parking() id.Parking { return o.At }

// Prefetch implements commit.Op.
func (o RecordRefund) Prefetch(r *commit.Rows) { r.Payments = append(r.Payments, o.Payment) }

// Apply implements commit.Op.
func (o RecordRefund) Apply(w *commit.Work, now time.Time) error {
	p, err := load(w, o.Payment)
	if err != nil {
		return err
	}
	before, _ := p.Refunding(o.Reason)
	changed, given, err := p.MoveRefund(o.Reason, o.State, o.Ref, now)
	if err != nil {
		return fmt.Errorf("payment %s: %w", p.ID, err)
	}
	if !changed {
		if before.State == payment.RefundPending && o.State == payment.RefundPending {
			p.UpdatedAt = now // it was looked at
			w.PutPayment(p)
		}
		return nil
	}
	stay, err := stayOf(w, p.Reservation)
	if err != nil {
		return err
	}
	amount, tax := money.New(before.Amount, p.Amount.Currency), money.New(before.Tax, p.Amount.Currency)
	kind := feed.RefundArrived
	switch {
	case given > 0:
		kind = feed.RefundGiven
		err = w.Book(ledger.Refunded(p.Reservation, stay, p.ID, amount, tax))
	case given < 0:
		err = w.Book(ledger.RefundReturned(p.Reservation, stay, p.ID, amount, tax))
	}
	if err != nil {
		return err
	}
	if o.State == payment.RefundFailed {
		kind = feed.RefundFailed
		w.Raise(commit.Incident{
			ID: o.Incident, Class: RefundFailed, Reservation: p.Reservation, Session: stay, At: now,
			Detail: fmt.Sprintf("%s could not be given back (%s): the money is still with the operator, or is there again. Give it back in another way, or once more for another reason.", amount, before.Reason),
		})
	}
	p.UpdatedAt = now
	w.PutPayment(p)
	w.Emit(kind, feed.Body{Payment: told(p)})
	return nil
}

// stayOf is the stay of a reservation, zero without one.
func stayOf(w *commit.Work, i id.Reservation) (id.Session, error) {
	r, err := w.Reservation(i)
	if err != nil || r == nil {
		return id.Session{}, err
	}
	return r.Session, nil
}

// shrink makes what is to be given back no more than what was taken in the end.
func shrink(p *payment.Payment) {
	refunds := make([]payment.Refunding, 0, len(p.Refunds))
	left := p.Charged()
	for _, r := range p.Refunds {
		if r.State != payment.RefundFailed {
			r.Amount = min(r.Amount, left)
			r.Tax = min(r.Tax, r.Amount)
			left -= r.Amount
		}
		if r.Amount > 0 {
			refunds = append(refunds, r)
		}
	}
	p.Refunds = refunds
}

// Refund gives back what is to be given back of a payment and records it. It
// returns ErrTooSoon while a refusal may be an answer to a call that is still on
// its way. What the provider refuses for good has failed.
func (s *Service) Refund(ctx context.Context, at id.Parking, i id.Payment) error {
	p, provider, err := s.find(ctx, at, i)
	if err != nil || !p.Returns() {
		return err
	}
	refunder, able := provider.(payment.Refunder)
	var failed []error
	for _, r := range p.Refunds {
		if !r.State.Open() {
			continue
		}
		got := payment.Refund{State: payment.RefundFailed}
		if able {
			if got, err = s.refund(ctx, refunder, p, r); err != nil {
				failed = append(failed, fmt.Errorf("refund %s of %s: %w", r.Reason, i, err))
				continue
			}
		}
		if got.State == payment.RefundFailed {
			s.log.Error("money could not be given back", "parking_id", at, "payment_id", i, "reason", r.Reason, "able", able)
		}
		op := RecordRefund{At: at, Payment: i, Reason: r.Reason, State: got.State, Ref: got.Ref, Incident: id.New[id.Incident](s.now())}
		if _, err := s.committer.Commit(ctx, op); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// ReviewRefund asks the provider how a refund stands, when something says that it
// has changed: a bank may send back what had arrived.
func (s *Service) ReviewRefund(ctx context.Context, at id.Parking, i id.Payment, reason string) error {
	p, provider, err := s.find(ctx, at, i)
	if err != nil {
		return err
	}
	r, known := p.Refunding(reason)
	switch {
	case !known || r.State == payment.RefundFailed:
		return nil
	case r.State.Open():
		return s.Refund(ctx, at, i)
	}
	refunder, able := provider.(payment.Refunder)
	if !able {
		return nil
	}
	got, err := s.refund(ctx, refunder, p, r)
	if err != nil || got.State != payment.RefundFailed {
		return err
	}
	s.log.Error("money that was given back has come back", "parking_id", at, "payment_id", i, "reason", reason)
	_, err = s.committer.Commit(ctx, RecordRefund{At: at, Payment: i, Reason: reason, State: got.State, Ref: got.Ref, Incident: id.New[id.Incident](s.now())})
	return err
}

// refund is the provider's word about one refund. What it knows nothing of, long
// after it was asked for, has failed.
func (s *Service) refund(ctx context.Context, refunder payment.Refunder, p *payment.Payment, r payment.Refunding) (payment.Refund, error) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	key := p.Key(payment.CallRefund(r.Reason))
	amount := money.New(r.Amount, p.Amount.Currency)
	var got payment.Refund
	err := payment.ErrRefused
	if r.State == payment.RefundRequested {
		got, err = refunder.Refund(ctx, payment.RefundRequest{Key: key, Ref: p.Ref, Amount: amount, Reason: r.Reason})
	}
	if refused(err) {
		why := err
		got, err = refunder.FindRefund(ctx, p.Ref, key)
		if errors.Is(err, payment.ErrNotFound) {
			if s.now().Sub(r.At) < Quiet {
				return got, fmt.Errorf("%w: %w", ErrTooSoon, why)
			}
			return payment.Refund{State: payment.RefundFailed}, nil
		}
	}
	if err == nil && (got.Amount != amount || got.State != payment.RefundPending && got.State != payment.RefundSucceeded && got.State != payment.RefundFailed) {
		err = fmt.Errorf("%w: %s was to be given back, %s is said to be %q", payment.ErrNonsense, amount, got.Amount, got.State)
		s.log.Error("the provider's answer makes no sense", "payment_id", p.ID, "provider", p.Provider, "err", err)
	}
	return got, err
}
