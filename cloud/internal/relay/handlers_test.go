package relay_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/notify"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/relay"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
)

// hands does everything with one result and notes what it was asked.
type hands struct {
	asked []string
	err   error
}

func (h *hands) note(what string, of fmt.Stringer) error {
	h.asked = append(h.asked, what+" "+of.String())
	return h.err
}

func (h *hands) Capture(_ context.Context, _ id.Parking, p id.Payment) error {
	return h.note("capture", p)
}

func (h *hands) Void(_ context.Context, _ id.Parking, p id.Payment) error { return h.note("void", p) }

func (h *hands) Refund(_ context.Context, _ id.Parking, p id.Payment) error {
	return h.note("refund", p)
}

func (h *hands) Resolve(_ context.Context, _ id.Parking, p id.Payment) error {
	return h.note("resolve", p)
}

func (h *hands) Heed(_ context.Context, provider, event string) error {
	h.asked = append(h.asked, "heed "+provider+" "+event)
	return h.err
}

func (h *hands) Notify(_ context.Context, by notify.Channel, k notify.Kind, _ id.Parking, r id.Reservation) error {
	return h.note(string(by)+" "+string(k), r)
}

func TestEachKindOfJobIsDoneByItsHand(t *testing.T) {
	r, p := id.New[id.Reservation](time.Now()), id.New[id.Payment](time.Now())
	for kind, want := range map[relay.Kind]string{
		relay.Capture: "capture " + p.String(), relay.Void: "void " + p.String(), relay.Resolve: "resolve " + p.String(), relay.Refund: "refund " + p.String(),
		relay.MailRefunded: "mail refunded " + r.String(), relay.MailRefundFailed: "mail refund_failed " + r.String(),
		relay.MailConfirmation: "mail confirmation " + r.String(), relay.MailCancellation: "mail cancellation " + r.String(),
		relay.MailChanged: "mail changed " + r.String(),
		relay.MailNoShow:  "mail no_show " + r.String(), relay.MailWalked: "mail walked " + r.String(),
		relay.MailVoided: "mail voided " + r.String(), relay.MailEndsSoon: "mail ends_soon " + r.String(),
		relay.SMSEndsSoon: "sms ends_soon " + r.String(), relay.MailReceipt: "mail receipt " + r.String(),
		relay.MailUnsecured: "mail unsecured " + r.String(),
		relay.MailOwing:     "mail owing " + r.String(),
		relay.Heed:          "heed sandbox evt_1",
	} {
		h := &hands{}
		if err := relay.Handlers(h, h, h, h)[kind](t.Context(), relay.Job{Kind: kind, Parking: "a", Reservation: r, Payment: p, Provider: "sandbox", Event: "evt_1"}); err != nil {
			t.Fatal(err)
		}
		if len(h.asked) != 1 || h.asked[0] != want {
			t.Errorf("%s: did %v", kind, h.asked)
		}
	}
}

func TestOnlyWhatMayHelpIsDoneAgain(t *testing.T) {
	for _, c := range []struct {
		err        error
		stop, wait bool
	}{
		{payment.ErrTemporary, false, false},
		{payment.ErrNoAnswer, false, false},
		{fault.New(fault.Unavailable, "database_unavailable", ""), false, false},
		{fmt.Errorf("void: %w", settlement.ErrTooSoon), false, true},
		{fmt.Errorf("capture: %w", settlement.ErrDefinite), true, false},
		{fmt.Errorf("mail: %w", notify.ErrPermanent), true, false},
		{fault.New(fault.NotFound, "payment_not_found", ""), true, false},
	} {
		h := &hands{err: c.err}
		err := relay.Handlers(h, h, h, h)[relay.Void](t.Context(), relay.Job{})
		var stop relay.Stop
		var wait relay.Wait
		if !errors.Is(err, c.err) || errors.As(err, &stop) != c.stop || errors.As(err, &wait) != c.wait {
			t.Errorf("%v became %#v", c.err, err)
		}
	}
}

func (h *hands) Mail(_ context.Context, link string) error {
	h.asked = append(h.asked, "letter "+link)
	return h.err
}
