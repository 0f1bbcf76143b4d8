package stripe_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/payment/stripe"
	"github.com/openlot/openlot/cloud/internal/payment/stripe/stripetest"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/money"
)

func request(method string) payment.Request {
	p := payment.Payment{ID: id.New[id.Payment](time.Now())}
	return payment.Request{
		Key: p.Key(payment.CallHold), Parking: "altmarkt", Reservation: id.New[id.Reservation](time.Now()), Amount: money.New(1500, "EUR"), Method: method,
	}
}

// heard is what a webhook of today with one header says.
func (a account) heard(header string, body []byte) (payment.Notice, error) {
	return a.Notice(func(name string) string {
		if strings.EqualFold(name, "Stripe-Signature") {
			return header
		}
		return ""
	}, body, time.Now())
}

func TestOnlyStripesWebhooksAreBelieved(t *testing.T) {
	a := open(t, 0)
	now := time.Now()
	body := stripetest.Happened("evt_1", "payment_intent.canceled", now, map[string]any{"object": "payment_intent", "id": "pi_1"})
	changed := []byte(strings.Replace(string(body), "pi_1", "pi_2", 1))
	sign := func(secret string, at time.Time) string {
		return stripetest.Sign([]byte(secret), body, at)["Stripe-Signature"]
	}
	right := stripetest.Signature(secret, body, now)
	for name, c := range map[string]struct {
		header string
		body   []byte
		want   error
	}{
		"signed":                      {sign(string(secret), now), body, nil},
		"in the midst of others":      {fmt.Sprintf("t=%d, v0=00, v1=%s", now.Unix(), right), body, nil},
		"while a secret is replaced":  {fmt.Sprintf("t=%d,v1=%s,v1=%s", now.Unix(), stripetest.Signature([]byte("old"), body, now), right), body, nil},
		"the new secret's first":      {fmt.Sprintf("t=%d,v1=%s,v1=%s", now.Unix(), right, stripetest.Signature([]byte("old"), body, now)), body, nil},
		"two signatures, both wrong":  {fmt.Sprintf("t=%d,v1=%s,v1=00", now.Unix(), stripetest.Signature([]byte("old"), body, now)), body, payment.ErrForged},
		"another secret":              {sign("guessed", now), body, payment.ErrForged},
		"no secret":                   {sign("", now), body, payment.ErrForged},
		"altered":                     {sign(string(secret), now), changed, payment.ErrForged},
		"not signed":                  {"", body, payment.ErrForged},
		"no signature":                {fmt.Sprintf("t=%d", now.Unix()), body, payment.ErrForged},
		"of a scheme that is too old": {fmt.Sprintf("t=%d,v0=%s", now.Unix(), right), body, payment.ErrForged},
		"another time":                {fmt.Sprintf("t=%d,v1=%s", now.Unix()+1, right), body, payment.ErrForged},
		"a second time":               {fmt.Sprintf("t=%d,t=%d,v1=%s", now.Unix()-900, now.Unix()+1, right), body, payment.ErrForged},
		"kept by somebody":            {sign(string(secret), now.Add(-6*time.Minute)), body, payment.ErrStale},
		"from the future":             {sign(string(secret), now.Add(6*time.Minute)), body, payment.ErrStale},
	} {
		if n, err := a.heard(c.header, c.body); !errors.Is(err, c.want) || err == nil && (n.Event != "evt_1" || n.Ref != "pi_1") {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	deaf := account{Provider: stripe.New(stripe.Options{Key: stripetest.Key})}
	if n, err := deaf.heard(sign("", now), body); !errors.Is(err, payment.ErrForged) {
		t.Errorf("an account without a secret believes %+v, %v", n, err)
	}
}

func TestWebhooksSayWhatTheyAreAbout(t *testing.T) {
	a := open(t, 0)
	held := request(stripetest.OK)
	o, err := a.Authorize(t.Context(), held)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Capture(t.Context(), o.Ref, held.Amount, "c"); err != nil {
		t.Fatal(err)
	}
	back, err := a.Refund(t.Context(), payment.RefundRequest{Key: "r", Ref: o.Ref, Amount: money.New(100, "EUR"), Reason: "goodwill"})
	if err != nil {
		t.Fatal(err)
	}
	save := payment.SaveRequest{Key: held.Key + "-save", Parking: "altmarkt", Reservation: held.Reservation, Method: stripetest.SecondFactor}
	s, err := a.SaveMethod(t.Context(), save)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]payment.Notice{
		"payment_intent.succeeded":     {Key: held.Key, Parking: "altmarkt", Ref: o.Ref},
		"setup_intent.requires_action": {Key: save.Key, Parking: "altmarkt", Ref: s.Ref},
		"refund.updated":               {Key: "r", Ref: o.Ref, About: payment.AboutRefund},
	} {
		ref := want.Ref
		if want.About == payment.AboutRefund {
			ref = back.Ref
		}
		event, body, err := a.at.Event(kind, ref)
		if err != nil {
			t.Fatal(err)
		}
		a.says(t, body, event, kind, want)
	}
	dispute := map[string]any{
		"object": "dispute", "id": "dp_1", "payment_intent": o.Ref, "amount": 1500, "currency": "eur", "reason": "fraudulent", "status": "needs_response",
	}
	disputed := payment.Notice{
		Ref: o.Ref, About: payment.AboutDispute, Dispute: payment.Dispute{Ref: "dp_1", Amount: money.New(1500, "EUR"), Reason: "fraudulent"},
	}
	for status, want := range map[string]payment.DisputeState{
		"needs_response": payment.DisputeOpen, "under_review": payment.DisputeOpen, "warning_needs_response": payment.DisputeAsked, "something_new": payment.DisputeOpen,
		"won": payment.DisputeWon, "warning_closed": payment.DisputeWon, "lost": payment.DisputeLost,
	} {
		dispute["status"], disputed.Dispute.State = status, want
		a.says(t, stripetest.Happened("evt_1", "charge.dispute.updated", time.Now(), dispute), "evt_1", "charge.dispute.updated", disputed)
	}
	for what, c := range map[string]struct {
		about any
		want  payment.Notice
	}{
		"charge.captured": {map[string]any{
			"object": "charge", "id": "ch_1", "payment_intent": map[string]any{"id": o.Ref}, "metadata": map[string]any{"openlot_key": held.Key, "openlot_parking": "altmarkt"},
		}, payment.Notice{Key: held.Key, Parking: "altmarkt", Ref: o.Ref}},
		"charge.failed":    {map[string]any{"object": "charge", "id": "ch_1", "payment_intent": nil}, payment.Notice{}},
		"refund.created":   {map[string]any{"object": "refund", "id": "re_1", "payment_intent": o.Ref}, payment.Notice{Ref: o.Ref, About: payment.AboutRefund}},
		"customer.created": {map[string]any{"object": "customer", "id": "cus_1"}, payment.Notice{}},
	} {
		a.says(t, stripetest.Happened("evt_1", what, time.Now(), c.about), "evt_1", what, c.want)
	}
}

func (a account) says(t *testing.T, body []byte, event, kind string, want payment.Notice) {
	t.Helper()
	got, err := a.heard(stripetest.Sign(secret, body, time.Now())["Stripe-Signature"], body)
	want.Event, want.Kind, want.At = event, kind, got.At
	if err != nil || got != want || got.Sense() != nil || time.Since(got.At).Abs() > time.Minute {
		t.Errorf("%s says %+v, %v; not %+v", kind, got, err, want)
	}
}
