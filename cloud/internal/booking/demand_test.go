package booking_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/tariff"
)

// busy charges 130 % from half full on, 180 % when it is nearly full, and a tenth
// less a week ahead.
func busy(t *testing.T, s *shop) *parking.Parking {
	t.Helper()
	lot, err := s.world.Parking(t.Context(), altmarkt)
	if err != nil {
		t.Fatal(err)
	}
	lot.Policy.Dynamic = &parking.DynamicPrice{
		MinPercent: 90, MaxPercent: 150,
		Occupancy: []parking.OccupancyStep{{From: 50, Add: 30}, {From: 75, Add: 80}}, Lead: []parking.LeadStep{{From: 7 * 24 * 60, Add: -20}},
	}
	return lot
}

// The price moves with how full the window is and how far ahead it is, within
// the owner's bounds, is one line of the quote, and is the same for who reserves
// without asking first.
func TestTheQuoteMovesWithDemand(t *testing.T) {
	s := open(t, 4)
	busy(t, s)
	req := s.request("k", bookingtest.OK)
	quote := func(to time.Time) booking.Quote {
		t.Helper()
		q, err := s.Quote(t.Context(), req.Parking, req.SpaceType, req.From, to)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	want := []struct {
		total   int64
		percent int
	}{{400, 100}, {400, 100}, {520, 130}, {600, 150}} // 180 is above the owner's bound
	for i, w := range want {
		q := quote(req.To)
		if q.Price.Total.Minor != w.total || q.Price.DemandPercent() != w.percent {
			t.Fatalf("with %d sold: %+v", i, q.Price)
		}
		if d := q.Price.Demand; d != nil {
			if last := q.Price.Lines[len(q.Price.Lines)-1]; last.Rule != tariff.RuleDemand || last.Amount.Minor != w.total-400 || d.Occupancy != 25*i || d.Lead <= 0 {
				t.Fatalf("%+v, %+v", last, d)
			}
		}
		if q.Price.Tax.Minor != (w.total*1900+11900/2)/11900 {
			t.Fatalf("%s tax in %s", q.Price.Tax, q.Price.Total)
		}
		again := req
		again.Key = "a-key-that-is-long-" + string(rune('a'+i))
		v, err := s.Reserve(t.Context(), again)
		if err != nil || !reflect.DeepEqual(v.Reservation.Quote, q.Price) {
			t.Fatalf("reserved at %+v, quoted %+v: %v", v.Reservation.Quote, q.Price, err)
		}
	}
	// Another window of the same day is empty; a week ahead it is less, but not less
	// than the owner's bound.
	req.From, req.To = req.From.AddDate(0, 0, 8), req.To.AddDate(0, 0, 8)
	if q := quote(req.To); q.Price.Total.Minor != 360 || q.Price.DemandPercent() != 90 {
		t.Fatalf("%+v", q.Price)
	}
}

// What was sold keeps its price: a quote stands whatever happens after it, and an
// extension is priced as the reservation was, neither by today's demand nor by a
// tariff that was raised since. Another window is another price.
func TestWhatWasSoldIsNotRepriced(t *testing.T) {
	s := open(t, 4)
	lot := busy(t, s)
	req := s.request("k", bookingtest.OK)
	q, err := s.Quote(t.Context(), req.Parking, req.SpaceType, req.From, req.To)
	if err != nil {
		t.Fatal(err)
	}
	var dear booking.View
	for i := range 3 {
		other := req
		other.Key = "a-key-that-is-long-" + string(rune('a'+i))
		if dear, err = s.Reserve(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	req.Quote = q.ID.String()
	v, err := s.Reserve(t.Context(), req)
	if err != nil || v.Reservation.Quote.Total.Minor != 400 {
		t.Fatalf("%+v %v", v.Reservation.Quote, err)
	}
	s.world.Earlier = map[id.Parking][]tariff.Tariff{altmarkt: {lot.Tariff}}
	lot.Tariff.Rate, lot.Tariff.Version = 900, 8
	longer, err := s.Extend(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: "extend-0123456789", To: req.To.Add(time.Hour)})
	if err != nil || longer.Reservation.Quote.Total.Minor != 600 || longer.Reservation.Quote.TariffVersion != 7 {
		t.Fatalf("%+v %v", longer.Reservation.Quote, err)
	}
	dear, err = s.Extend(t.Context(), dear.Reservation.ID, booking.ChangeRequest{Key: "extend-9876543210", To: req.To.Add(time.Hour)})
	if err != nil || dear.Reservation.Quote.Total.Minor != 780 || dear.Reservation.Quote.DemandPercent() != 130 {
		t.Fatalf("%+v %v", dear.Reservation.Quote, err)
	}
	moved, err := s.Modify(t.Context(), v.Reservation.ID, booking.ChangeRequest{Key: "modify-0123456789", From: req.From.AddDate(0, 0, 2), To: req.To.AddDate(0, 0, 2)})
	if err != nil || moved.Reservation.Quote.Total.Minor != 1800 || moved.Reservation.Quote.Demand != nil {
		t.Fatalf("%+v %v", moved.Reservation.Quote, err)
	}
}
