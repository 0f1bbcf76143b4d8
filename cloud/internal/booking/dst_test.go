package booking_test

import (
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/booking"
	"github.com/openlot/openlot/cloud/internal/booking/bookingtest"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/timerange"
)

// Where clocks are put forward or back a window is as long as it really is: on the
// quote, in what it claims, in the price, on the pass, and at the exit.
func TestWindowsAcrossAChangeOfTheClocks(t *testing.T) {
	for _, c := range []struct {
		zone, from, to string
		minutes        int
	}{
		{"Europe/Berlin", "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", 60},
		{"Europe/Berlin", "2026-10-25T01:30:00+02:00", "2026-10-25T03:30:00+01:00", 180},
		{"America/New_York", "2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00", 60},
		{"America/New_York", "2026-11-01T00:30:00-04:00", "2026-11-01T02:30:00-05:00", 180},
		{"Australia/Lord_Howe", "2026-10-04T01:00:00+10:30", "2026-10-04T03:00:00+11:00", 90},
		{"Australia/Lord_Howe", "2026-04-05T01:00:00+11:00", "2026-04-05T03:00:00+10:30", 150},
		{"Asia/Kolkata", "2026-03-29T01:30:00+05:30", "2026-03-29T03:30:00+05:30", 120},
	} {
		t.Run(c.zone+" "+c.from, func(t *testing.T) {
			from, err := time.Parse(time.RFC3339, c.from)
			if err != nil {
				t.Fatal(err)
			}
			to, err := time.Parse(time.RFC3339, c.to)
			if err != nil {
				t.Fatal(err)
			}
			lot := bookingtest.Parking(altmarkt, 1)
			lot.Timezone, lot.Tariff.IntervalMinutes, lot.Tariff.Rate = c.zone, 15, 50
			zone, err := lot.Location()
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range []struct{ at, says string }{{from.In(zone).Format(time.RFC3339), c.from}, {to.In(zone).Format(time.RFC3339), c.to}} {
				if x.at != x.says {
					t.Fatalf("the vector is wrong: %s is %s there", x.says, x.at)
				}
			}
			k := &clock{at: from.Add(-24 * time.Hour).UTC()}
			w := bookingtest.NewWorld(k.now, lot)
			tokens, err := booking.NewTokens([]byte(strings.Repeat("s", 32)))
			if err != nil {
				t.Fatal(err)
			}
			key, err := pass.NewSigningKey()
			if err != nil {
				t.Fatal(err)
			}
			s := &shop{world: w, provider: bookingtest.NewProvider(), key: key, clock: k}
			s.Service = booking.NewService(booking.Config{
				Store: w, Commits: w, Provider: s.provider, Tokens: tokens, Passes: booking.Passes{Key: key}, Log: slog.New(slog.DiscardHandler), Now: k.now,
			})
			costs := int64(50 * c.minutes / 15)
			q, err := s.Quote(t.Context(), string(altmarkt), "standard", from, to)
			if err != nil || q.Price.Total.Minor != costs || to.Sub(from) != time.Duration(c.minutes)*time.Minute {
				t.Fatalf("quoted %+v, %v, not %d", q.Price.Total, err, costs)
			}
			req := s.request("k", bookingtest.OK)
			req.From, req.To, req.Quote = from, to, q.ID.String()
			v, err := s.Reserve(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			r := &v.Reservation
			if n := int(r.Claim.To - r.Claim.From); n != c.minutes/15 || r.Quote.Total.Minor != costs || !r.Window.From.Equal(from) || !r.Window.To.Equal(to) {
				t.Fatalf("%d quarters claimed, %s", n, r.Quote.Total)
			}
			for at := from.Add(-timerange.Quarter); !at.After(to); at = at.Add(timerange.Quarter) {
				want := int16(1)
				if !at.Before(from) && at.Before(to) {
					want = 0
				}
				if got := w.Free(altmarkt, id.Standard, timerange.Floor(at)); got != want {
					t.Fatalf("%d free at %s", got, at.In(zone))
				}
			}
			verifier, err := pass.NewVerifier([]pass.PublicKey{key.Public()})
			if err != nil {
				t.Fatal(err)
			}
			if p, err := verifier.Verify(v.Pass); err != nil || !p.From.Equal(from) || !p.To.Equal(to) {
				t.Fatalf("%+v, %v", p, err)
			}
			// Who leaves a quarter beyond the grace pays for just that; a walk-in for
			// the same time pays the same.
			lateBy := lot.Policy.ExitGrace + timerange.Quarter
			in := settlement.ExitInput{Parking: lot, Reservation: r, SpaceType: id.Standard, EnteredAt: from, ExitedAt: to.Add(lateBy)}
			if late := settlement.AtExit(in); late.Due.Minor != costs+50 {
				t.Fatalf("late: %s", late.Due)
			}
			in.Reservation, in.ExitedAt = nil, to
			if walkIn := settlement.AtExit(in); walkIn.Due.Minor != costs {
				t.Fatalf("a walk-in: %s", walkIn.Due)
			}
			check(t, w)
		})
	}
}

// However wrong the cloud's own clock is, a request gets an answer and nothing is
// sold that is not there.
func TestTheClockAtItsExtremes(t *testing.T) {
	s := open(t, 1)
	good := s.request("k", bookingtest.OK)
	for name, x := range map[string]struct {
		now        time.Time
		code, here string
	}{
		"the year 1":      {time.Time{}, booking.CodeBeyondHorizon, booking.CodeBeyondHorizon},
		"before all":      {time.Unix(math.MinInt64/4, 0), booking.CodeBeyondHorizon, booking.CodeWindowInPast},
		"the year 9999":   {time.Date(9999, 12, 31, 12, 0, 0, 0, time.UTC), booking.CodeWindowInPast, booking.CodeBeyondHorizon},
		"the last second": {time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), booking.CodeWindowInPast, booking.CodeBeyondHorizon},
		"the year 200000": {time.Unix(1<<42, 0), booking.CodeWindowInPast, booking.CodeBeyondHorizon},
	} {
		s.clock.at = x.now
		_, err := s.Reserve(t.Context(), good)
		if fault.Code(err) != x.code {
			t.Errorf("%s: %v", name, err)
		}
		here := good
		here.From, here.To = x.now.Add(time.Hour), x.now.Add(2*time.Hour)
		if _, err := s.Reserve(t.Context(), here); fault.Code(err) != x.here {
			t.Errorf("%s: a window of its own: %v", name, err)
		}
	}
	if len(s.world.All()) != 0 || s.provider.Calls() != 0 {
		t.Fatal("something was left behind")
	}
}
