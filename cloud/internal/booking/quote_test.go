package booking_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
)

func TestAQuoteFreezesThePrice(t *testing.T) {
	s := open(t, 5)
	req := s.request("k", bookingtest.OK)
	q, err := s.Quote(t.Context(), req.Parking, req.SpaceType, req.From, req.To)
	if err != nil || q.Price.Total.Minor != 400 || len(q.Price.Lines) == 0 || !q.ExpiresAt.After(s.clock.at.Add(9*time.Minute)) {
		t.Fatalf("%+v, %v", q, err)
	}
	lot, _ := s.world.Parking(t.Context(), altmarkt)
	lot.Tariff.Rate, lot.Tariff.Version = 900, 8 // the owner raises it

	req.Quote = q.ID.String()
	v, err := s.Reserve(t.Context(), req)
	if err != nil || v.Reservation.Quote.Total.Minor != 400 || v.Reservation.Quote.TariffVersion != 7 {
		t.Fatalf("%+v, %v", v.Reservation.Quote, err)
	}
	other := req
	other.Key, other.To = "a-key-that-is-long-2", req.To.Add(time.Hour)
	_, err = s.Reserve(t.Context(), other)
	wantCode(t, err, booking.CodeQuoteMismatch)
	s.clock.at = q.ExpiresAt
	late := req
	late.Key = "a-key-that-is-long-3"
	_, err = s.Reserve(t.Context(), late)
	wantCode(t, err, booking.CodeQuoteExpired)
	// The first request may still be repeated.
	if again, err := s.Reserve(t.Context(), req); err != nil || again.Reservation.ID != v.Reservation.ID {
		t.Fatal(err)
	}
	late.Quote = ""
	if v, err := s.Reserve(t.Context(), late); err != nil || v.Reservation.Quote.Total.Minor != 1800 {
		t.Fatalf("%+v, %v", v, err)
	}
}

func TestADearerSpaceIsQuotedAtItsPrice(t *testing.T) {
	s := open(t, 5)
	lot, _ := s.world.Parking(t.Context(), altmarkt)
	lot.Tariff.Factors = map[string]int{"standard": 12_500}
	req := s.request("k", bookingtest.OK)
	q, err := s.Quote(t.Context(), req.Parking, req.SpaceType, req.From, req.To)
	if err != nil || q.Price.Total.Minor != 500 {
		t.Fatalf("%+v, %v", q, err)
	}
	if v, err := s.Reserve(t.Context(), req); err != nil || v.Reservation.Quote.Total.Minor != 500 {
		t.Fatalf("%+v, %v", v.Reservation.Quote, err)
	}
}
