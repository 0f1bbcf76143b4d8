package booking_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/money"
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

// Whoever says what he was shown is charged that or nothing, also when the demand
// grew in between; who says nothing is charged what it costs.
func TestNobodyIsChargedWhatHeWasNotShown(t *testing.T) {
	s := open(t, 4)
	busy(t, s)
	v := s.reserve(t, "mine", bookingtest.OK)
	c := shifted(v, "1", 48*time.Hour)
	said, err := s.PriceOf(t.Context(), v.Reservation.ID, c)
	if err != nil {
		t.Fatal(err)
	}
	other := s.request("other", bookingtest.OK)
	for i := range 3 {
		other.Key, other.From, other.To = "a-key-that-is-long-"+string(rune('a'+i)), c.From, c.To
		if _, err := s.Reserve(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	before := stored(t, s.world, v.Reservation.ID)
	c.Price = &said.Total
	_, err = s.Modify(t.Context(), v.Reservation.ID, c)
	wantCode(t, err, booking.CodePriceChanged)
	now, again := s.PriceOf(t.Context(), v.Reservation.ID, c)
	if f := fault.From(err); again != nil || now.Total.Minor <= said.Total.Minor || f.Fields["price"] != fmt.Sprintf("is %d EUR now, in minor units", now.Total.Minor) {
		t.Fatalf("%+v; it costs %+v, %v", f, now.Total, again)
	}
	if after := stored(t, s.world, v.Reservation.ID); !reflect.DeepEqual(after, before) {
		t.Fatalf("it changed: %+v", after)
	}
	// The end alone is priced as agreed, whatever the demand.
	e := longer(v, "2", time.Hour)
	e.Price = &money.Amount{Minor: 1, Currency: "EUR"}
	_, err = s.Extend(t.Context(), v.Reservation.ID, e)
	wantCode(t, err, booking.CodePriceChanged)
	if said, err = s.PriceOf(t.Context(), v.Reservation.ID, e); err != nil {
		t.Fatal(err)
	}
	e.Key, e.Price = e.Key+"-again", &said.Total
	long, err := s.Extend(t.Context(), v.Reservation.ID, e)
	if err != nil || long.Reservation.Quote.Total != said.Total {
		t.Fatalf("%+v, %v", long.Reservation.Quote, err)
	}
	if again, err := s.Extend(t.Context(), v.Reservation.ID, e); err != nil || again.Reservation.Version != long.Reservation.Version {
		t.Fatalf("the same again: %+v, %v", again.Reservation, err)
	}
	// Without a price it costs what it costs; with the one of now it is the one that was shown.
	c.Key, c.Price = c.Key+"-any", nil
	moved, err := s.Modify(t.Context(), v.Reservation.ID, c)
	if err != nil || moved.Reservation.Quote.Total != now.Total {
		t.Fatalf("%+v, %v; want %v", moved.Reservation.Quote.Total, err, now.Total)
	}
	check(t, s.world)
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
