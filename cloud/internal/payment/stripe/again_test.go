package stripe_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/stripe/stripetest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

// The card of a page belongs to a customer once a hold was placed on it. Asked again
// for the same hold Stripe sees another owner, and refuses the key; it is the same hold
// all the same, and only one. Another amount under the key is refused.
func TestAHoldOnACardThatWasKeptMeanwhileIsTheSame(t *testing.T) {
	a := open(t, 0)
	p := &payment.Payment{ID: id.New[id.Payment](time.Now())}
	r := payment.Request{
		Key: p.Key(payment.CallHold), Parking: "altmarkt", Reservation: id.New[id.Reservation](time.Now()),
		Amount: money.New(1000, "EUR"), Method: a.at.Browser(stripetest.OK),
	}
	first, err := a.Authorize(t.Context(), r)
	if err != nil || first.State != payment.Authorized {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, r.Present = range []bool{false, true} {
		again, err := a.Authorize(t.Context(), r)
		if err != nil || again.Ref != first.Ref || again.State != payment.Authorized {
			t.Errorf("%+v, %v: the hold is %s", again, err, first.Ref)
		}
	}
	r.Amount.Minor++
	if o, err := a.Authorize(t.Context(), r); !errors.Is(err, payment.ErrRefused) {
		t.Errorf("another amount under the key: %+v, %v", o, err)
	}
}
