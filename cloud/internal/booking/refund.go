package booking

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openlot/openlot/cloud/internal/commit"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// ClassRefunded is the class of incident that puts on record that the operator
// gives money back.
const ClassRefunded = "refunded"

// Fault codes of refunds.
const (
	CodeNothingTaken  = "nothing_taken"   // there is nothing to give back
	CodeMoreThanTaken = "more_than_taken" // less is left than is to be given back
	CodeRefundDiffers = "refund_differs"  // another amount is given back for that reason
	CodeRefundFailed  = "refund_failed"   // it could not be given back for that reason
)

// Refund gives back what was taken for a reservation, or some of it, because its
// operator says so. What is due stays on the bill; the receipt shows both. The
// same again, for the same reason, changes nothing; one that failed is tried again
// for another reason.
type Refund struct {
	Target
	Of     id.Payment // that paid a debt of the stay; zero: the reservation's own
	Minor  *int64     // minor units; nil: all that is left
	By     string     // who decides it
	Reason string     // for the record, by the operator; nothing personal

	After  Snapshot     // set by Apply
	Amount money.Amount // that is given back for the reason; set by Apply
}

// Prefetch implements commit.Op.
func (o *Refund) Prefetch(r *commit.Rows) {
	o.Target.Prefetch(r)
	if !o.Of.IsZero() {
		r.Payments = append(r.Payments, o.Of)
	}
}

// word is the name under which the provider gives back for the reason.
func (o *Refund) word() string {
	sum := sha256.Sum256([]byte(o.Reason))
	return payment.ByOperator + hex.EncodeToString(sum[:8])
}

// Apply implements commit.Op. Its faults are CodeNothingTaken, CodeMoreThanTaken,
// CodeRefundDiffers and CodeRefundFailed.
func (o *Refund) Apply(w *commit.Work, now time.Time) error {
	c, err := o.load(w, now)
	if err != nil {
		return err
	}
	h := &c.hand
	if !o.Of.IsZero() {
		if h, err = take(w, now, c.r, o.Of); err != nil {
			return err
		}
	}
	before, again := h.p.Refunding(o.word())
	amount := money.New(h.p.Left(), h.p.Amount.Currency)
	switch {
	case o.Minor != nil:
		amount.Minor = *o.Minor
	case again:
		amount.Minor = before.Amount
	}
	if again && before.State == payment.RefundFailed {
		return fault.New(fault.Conflict, CodeRefundFailed, "It could not be given back for this reason. Give another reason to try again.")
	}
	changed, err := settlement.GiveBack(w, h.p, o.word(), amount.Minor, now)
	switch {
	case errors.Is(err, payment.ErrOtherRefund):
		return fault.Newf(fault.Conflict, CodeRefundDiffers, "%s is given back for this reason already. Give another reason for more.", money.New(before.Amount, amount.Currency))
	case errors.Is(err, payment.ErrTooMuchBack) && h.p.Left() == 0:
		return fault.New(fault.Conflict, CodeNothingTaken, "Nothing was taken for this reservation that is not given back.")
	case errors.Is(err, payment.ErrTooMuchBack):
		return fault.Newf(fault.Invalid, CodeMoreThanTaken, "%s can be given back: some of it, or all.", money.New(h.p.Left(), amount.Currency))
	case err != nil:
		return err
	}
	if changed {
		h.movedPayment = true
		c.raise(ClassRefunded, fmt.Sprintf("%s of %s is given back by %s: %s", amount, money.New(h.p.Charged(), amount.Currency), o.By, o.Reason))
	}
	o.After, o.Amount = c.after(), amount
	return nil
}

// Refund gives back an amount in minor units of what was taken for a reservation, or
// with debt of what its stay still owed and a card paid later, nil for all that is
// left, and returns how much it is. Its faults are CodeInvalidReason,
// CodeReservationNotFound, also for a reservation of another parking, and those of
// the op.
func (o Operator) Refund(ctx context.Context, p id.Parking, r id.Reservation, debt bool, minor *int64, by, reason string) (money.Amount, error) {
	at, err := o.find(ctx, p, r, reason)
	if err != nil {
		return money.Amount{}, err
	}
	if by = strings.TrimSpace(by); by == "" || len(by) > maxReason {
		return money.Amount{}, fault.New(fault.Invalid, CodeInvalidReason, "Say who gives it back.").WithField("by", "is empty or too long")
	}
	op := &Refund{Target: TargetOf(at), Minor: minor, By: by, Reason: reason}
	if debt {
		if at.Debt == nil {
			return money.Amount{}, fault.New(fault.Conflict, CodeNothingTaken, "No card has paid what the stay owed.")
		}
		op.Of = at.Debt.ID
	}
	_, err = o.Commits.Commit(ctx, op)
	return op.Amount, err
}

// returnAll has everything given back that was taken and is not.
func (c *change) returnAll(reason string) error {
	left := c.p.Left()
	if left == 0 {
		return nil
	}
	changed, err := settlement.GiveBack(c.w, c.p, reason, left, c.now)
	c.movedPayment = c.movedPayment || changed
	return err
}
