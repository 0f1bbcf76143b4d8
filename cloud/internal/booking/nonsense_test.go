package booking_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
)

// bent answers a call for a hold with what cannot be true.
type bent struct{ payment.Provider }

func (b bent) Authorize(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	o, err := b.Provider.Authorize(ctx, r)
	o.Authorized.Minor++
	return o, err
}

// More is said to be held than was asked for: that confirms nothing, is in the
// log, and is resolved by asking.
func TestAHoldThatMakesNoSenseIsUnknown(t *testing.T) {
	s := open(t, 2)
	var log strings.Builder
	s.Provider = bent{s.provider}
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	v := s.reserve(t, "bent", "pm_ok")
	if v.Reservation.State != reservation.Held || v.Payment.State != payment.Unknown || v.Payment.Authorized != 0 || v.Pass != "" {
		t.Fatalf("%+v", v)
	}
	if said := log.String(); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "makes no sense") {
		t.Fatalf("it is not reported: %s", said)
	}
	found, err := s.provider.Find(t.Context(), v.Payment.Key(payment.CallHold))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecordHold(t.Context(), altmarkt, v.Reservation.ID, v.Payment.ID, found); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Get(t.Context(), v.Reservation.ID); err != nil || now.Reservation.State != reservation.Confirmed {
		t.Fatalf("%+v, %v", now, err)
	}
}
