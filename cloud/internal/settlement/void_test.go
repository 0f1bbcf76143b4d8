package settlement_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/sandbox"
)

// That a hold was given back is believed only of an answer that says so.
func TestAHoldIsNotTakenForGivenBackByAnAnswerThatSaysOtherwise(t *testing.T) {
	w := newWorld(t)
	v := w.reserve(sandbox.OK)
	if _, err := w.booking.Cancel(t.Context(), v.Reservation.ID); err != nil {
		t.Fatal(err)
	}
	before := w.payment(v)
	for name, bend := range map[string]func(*payment.Outcome){
		"it stands":        func(o *payment.Outcome) { o.State = payment.Authorized },
		"it was taken":     func(o *payment.Outcome) { o.State, o.Captured = payment.Captured, o.Authorized },
		"an unknown state": func(o *payment.Outcome) { o.State = "processing" },
		"no name":          func(o *payment.Outcome) { o.Ref = "" },
	} {
		w.provider.after["void"] = func(o payment.Outcome, err error) (payment.Outcome, error) {
			bend(&o)
			return o, err
		}
		if err := w.settle.Void(t.Context(), here, v.Payment.ID); !errors.Is(err, payment.ErrNonsense) {
			t.Fatalf("%s: %v", name, err)
		}
		if after := w.payment(v); !reflect.DeepEqual(after, before) {
			t.Fatalf("%s: %+v", name, after)
		}
	}
	if err := w.settle.Void(t.Context(), here, v.Payment.ID); err != nil || w.payment(v).State != payment.Voided {
		t.Fatalf("%v, %+v", err, w.payment(v))
	}
}
