package booking_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/hours"
	"github.com/openlot/openlot/protocol/timerange"
)

// opening is from 8 to 20 each day, with a day that is closed.
func opening(closed string) *hours.Hours {
	h := &hours.Hours{}
	for d := range 7 {
		h.Week.Put(time.Weekday(d), []hours.Span{{From: 8 * 60, To: 20 * 60}})
	}
	if closed != "" {
		t, _ := time.Parse(time.DateOnly, closed)
		h.Exceptions = []hours.Exception{{Date: hours.Date(t.Unix() / 86400)}}
	}
	return h
}

// It is 10:07 in Berlin on 11 June. Nothing is quoted or sold that begins or ends while
// the parking is closed; what goes on over the night is, and so is what ends when it
// closes. The refusal says when it opens.
func TestNothingIsSoldThatBeginsOrEndsWhileClosed(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, 5)
	lot, _ := s.world.Parking(t.Context(), altmarkt)
	lot.Policy.Hours = opening("2026-06-13")
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 6, day, hour, minute, 0, 0, berlin) }
	for name, c := range map[string]struct {
		from, to time.Time
		field    string // that is wrong; empty: it is sold
		opens    time.Time
	}{
		"by day":                       {at(11, 12, 0), at(11, 15, 0), "", time.Time{}},
		"up to the close":              {at(11, 12, 0), at(11, 20, 0), "", time.Time{}},
		"over the night":               {at(11, 19, 0), at(12, 8, 0), "", time.Time{}},
		"over the day that is closed":  {at(12, 19, 0), at(14, 9, 0), "", time.Time{}},
		"from before it opens":         {at(12, 7, 45), at(12, 10, 0), "from", at(12, 8, 0)},
		"until after it closes":        {at(11, 12, 0), at(11, 20, 1), "to", at(12, 8, 0)},
		"by night":                     {at(11, 23, 0), at(12, 2, 0), "from", at(12, 8, 0)},
		"until the day that is closed": {at(12, 12, 0), at(13, 12, 0), "to", at(14, 8, 0)},
		"from when it closes":          {at(11, 20, 0), at(12, 9, 0), "from", at(12, 8, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			req := s.request(strings.ReplaceAll(name, " ", "-"), bookingtest.OK)
			req.From, req.To = c.from, c.to
			_, quoted := s.Quote(t.Context(), req.Parking, req.SpaceType, c.from, c.to)
			_, sold := s.Reserve(t.Context(), req)
			for _, err := range []error{quoted, sold} {
				if c.field == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				f := fault.From(err)
				if f.Code != parking.CodeClosed || f.Kind != fault.Invalid || f.Fields[c.field] == "" || f.Fields["opens_at"] != c.opens.Format(time.RFC3339) {
					t.Errorf("%v %v", err, f.Fields)
				}
			}
		})
	}
	check(t, s.world)
}

// What was sold stays when the hours change: it may be shortened and kept, and is
// refused only an end, or a begin, that would be new and outside of them.
func TestWhatIsSoldIsKeptWhenTheHoursChange(t *testing.T) {
	s := open(t, 5)
	req := s.request("k", bookingtest.OK) // from 11:07 to 13:07 there
	v, err := s.Reserve(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	lot, _ := s.world.Parking(t.Context(), altmarkt)
	h := &hours.Hours{}
	for d := range 7 {
		h.Week.Put(time.Weekday(d), []hours.Span{{From: 12 * 60, To: 13 * 60}})
	}
	lot.Policy.Hours = h
	if again, err := s.Reserve(t.Context(), req); err != nil || again.Reservation.ID != v.Reservation.ID {
		t.Fatalf("the same request again: %v", err)
	}
	ask := booking.ChangeRequest{Key: "a-key-that-is-long-2", To: req.To.Add(time.Hour)}
	_, err = s.Extend(t.Context(), v.Reservation.ID, ask)
	wantCode(t, err, parking.CodeClosed)
	now, err := s.Get(t.Context(), v.Reservation.ID)
	if err != nil || !now.Reservation.Window.To.Equal(v.Reservation.Window.To) || now.Reservation.State != v.Reservation.State {
		t.Fatalf("%+v, %v", now.Reservation, err)
	}
	check(t, s.world)
}

// A parking whose hours are gone through by a change of the clocks sells by its clock.
func TestHoursGoByTheParkingsClock(t *testing.T) {
	h := &hours.Hours{}
	h.Week.Sunday = []hours.Span{{From: 150, To: 5 * 60}} // 02:30 to 05:00
	p := bookingtest.Parking(altmarkt, 1)
	p.Policy.Hours = h
	z, err := p.Location()
	if err != nil {
		t.Fatal(err)
	}
	for text, open := range map[string]bool{
		"2026-03-29T00:59:00Z": false, "2026-03-29T01:00:00Z": true, // the clock goes on at three
		"2026-10-25T00:29:00Z": false, "2026-10-25T00:30:00Z": true, // the first half past two
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := !parking.Against(h, window(at, time.Hour), z).Begins; got != open {
			t.Errorf("%s: open %t", text, got)
		}
	}
}

func window(from time.Time, d time.Duration) timerange.Range {
	return timerange.Range{From: from, To: from.Add(d)}
}
