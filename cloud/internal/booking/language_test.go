package booking_test

import (
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
)

// What a driver is written to in stays whatever becomes of his booking.
func TestTheLanguageStaysWhenTheTimeChanges(t *testing.T) {
	s := open(t, 1)
	ask := s.request("k", bookingtest.OK)
	ask.Accepts = "fr, de-CH;q=0.8, en;q=0.5"
	v, err := s.Reserve(t.Context(), ask)
	if err != nil || v.Reservation.Quote.Language != "de" {
		t.Fatalf("%q, %v", v.Reservation.Quote.Language, err)
	}
	got, err := s.Modify(t.Context(), v.Reservation.ID, shifted(v, "1", time.Hour))
	if err != nil || got.Reservation.Generation != 2 || got.Reservation.Quote.Language != "de" {
		t.Fatalf("%+v, %v", got.Reservation, err)
	}
	// The same wish of a page in another language is the same wish.
	ask.Accepts, ask.Language = "en", "en"
	again, err := s.Reserve(t.Context(), ask)
	if err != nil || again.Reservation.ID != v.Reservation.ID || again.Reservation.Quote.Language != "de" {
		t.Fatalf("%+v, %v", again.Reservation, err)
	}
}
