package booking_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
)

// What is said before a change is what the change then costs.
func TestThePriceOfAChangeIsWhatItCosts(t *testing.T) {
	s := open(t, 2)
	v := s.reserve(t, "1", bookingtest.OK)
	c := longer(v, "1", time.Hour)
	said, err := s.PriceOf(t.Context(), v.Reservation.ID, c)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := s.Get(t.Context(), v.Reservation.ID); err != nil || after.Reservation.Version != v.Reservation.Version {
		t.Fatalf("asking changed it: %+v, %v", after, err)
	}
	changed, err := s.Extend(t.Context(), v.Reservation.ID, c)
	if err != nil || changed.Reservation.Quote.Total != said.Total || said.Total == v.Reservation.Quote.Total {
		t.Fatalf("%+v, %v; said %+v", changed.Reservation.Quote, err, said.Total)
	}
	c.To = s.Now().Add(-time.Hour)
	if _, err := s.PriceOf(t.Context(), v.Reservation.ID, c); fault.From(err).Code != "window_empty" && fault.From(err).Code != "window_in_past" {
		t.Fatal(err)
	}
}

// With no end it is what leaving now costs: by the tariff where less is due then,
// else what was agreed.
func TestThePriceOfLeavingNow(t *testing.T) {
	n := func(percent int) *int { return &percent }
	for name, x := range map[string]struct {
		early *int
		after time.Duration
		due   int64
	}{
		"nothing was agreed":        {nil, 30 * time.Minute, 400},
		"half of it is used":        {n(0), 30 * time.Minute, 200},
		"less is used than is kept": {n(60), 30 * time.Minute, 240},
		"the last hour was begun":   {n(0), 61 * time.Minute, 400},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := stays(t, x.early)
			w.c.at = w.c.at.Add(x.after)
			q, err := w.sell.PriceOf(t.Context(), r.ID, booking.ChangeRequest{})
			if err != nil || q.Total.Minor != x.due {
				t.Fatalf("%+v, %v; want %d", q.Total, err, x.due)
			}
			apply(t, w.World, w.gate.leave(t, r.ID, w.c.at))
			if _, err := w.sell.PriceOf(t.Context(), r.ID, booking.ChangeRequest{}); fault.From(err).Code != reservation.CodeFinished {
				t.Fatal(err)
			}
		})
	}
}
