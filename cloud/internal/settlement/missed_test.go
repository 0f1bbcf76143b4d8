package settlement_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/money"
)

// A guest who came after having been declared absent has paid already, whether
// the capture is through, on its way, or has become a debt.
func TestALateArrivalDoesNotPayTwice(t *testing.T) {
	for _, state := range []payment.State{payment.CaptureRequested, payment.Captured, payment.Voided} {
		for name, x := range map[string]struct {
			left      time.Duration
			due, owed int64
			tax       int64 // of what is owed
		}{
			"in time": {2 * time.Hour, 400, 0, 0},
			"late":    {2*time.Hour + 16*time.Minute, 600, 200, 32},
		} {
			r, p := reserved()
			p.State, p.CaptureAmount, p.CaptureTax = state, 400, 64
			if state == payment.Captured {
				p.Captured = 400
			}
			s := settlement.AtExit(settlement.ExitInput{Parking: altmarkt(), Reservation: r, Payment: p, EnteredAt: eight.Add(90 * time.Minute), ExitedAt: eight.Add(x.left)})
			if s.Due.Minor != x.due || s.Owed.Minor != x.owed || s.OwedTax.Minor != x.tax || s.Capture.Minor != 0 || s.Void || s.Problem != nil {
				t.Errorf("%s, %s: %+v", name, state, s)
			}
			want := x.owed
			if state == payment.Voided { // the hold was gone when it was to be captured: on the books as owed
				want += 400
			}
			if s.Debt() != money.New(want, "EUR") {
				t.Errorf("%s, %s: the driver owes %s", name, state, s.Debt())
			}
			if s.Ask(p, eight) || p.State != state {
				t.Errorf("%s, %s: the payment was asked for again: %s", name, state, p.State)
			}
		}
	}
}

func TestANoShowPaysWhatPolicySaysAndNeverMoreThanIsHeld(t *testing.T) {
	for name, x := range map[string]struct {
		percent         int
		held            int64
		capture, tax    int64
		requested, void bool
	}{
		"the quote":                {100, 400, 400, 64, true, false},
		"half of it":               {50, 400, 200, 32, true, false},
		"rounded for the driver":   {33, 401, 132, 21, true, false},
		"nothing":                  {0, 400, 0, 0, false, true},
		"less than nothing":        {-5, 400, 0, 0, false, true},
		"never more than all":      {250, 900, 400, 64, true, false},
		"never more than was held": {100, 150, 150, 24, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			lot := altmarkt()
			lot.Policy.NoShowCharge = x.percent
			r, p := reserved()
			p.Authorized = x.held
			s := settlement.AtNoShow(lot, r, p)
			if s.Due.Minor != x.capture || s.Capture.Minor != x.capture || s.CaptureTax.Minor != x.tax || s.Owed.Minor != 0 || s.Void != x.void {
				t.Fatalf("%+v", s)
			}
			if !s.Ask(p, eight) || (p.State == payment.CaptureRequested) != x.requested || (p.State == payment.VoidRequested) != x.void || p.CaptureAmount != x.capture {
				t.Fatalf("%+v", p)
			}
		})
	}
	r, p := reserved()
	p.Amount.Currency = "CHF"
	if s := settlement.AtNoShow(altmarkt(), r, p); !s.Void || s.Problem == nil || s.Capture.Minor != 0 {
		t.Errorf("a hold in another currency: %+v", s)
	}
}

func TestAnUnwatchedReservationPaysItsQuote(t *testing.T) {
	lot := altmarkt()
	lot.Policy.NoShowCharge = 0 // is about those who did not come
	r, p := reserved()
	s := settlement.AtElapse(r, p)
	if s.Due.Minor != 400 || s.Capture.Minor != 400 || s.CaptureTax.Minor != 64 || s.Owed.Minor != 0 || len(s.Lines) != len(r.Quote.Lines) {
		t.Fatalf("%+v", s)
	}
	p.State = payment.Captured
	if s := settlement.AtElapse(r, p); s.Ask(p, eight) || s.Capture.Minor != 0 || s.Owed.Minor != 0 {
		t.Fatalf("charged again: %+v", s)
	}
}

// Whatever a no-show cost: who comes after all pays for the stay once, and the
// parts add up to the minor unit, tax included.
func TestAReinstatedStayAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lot := altmarkt()
		lot.Policy.NoShowCharge = rapid.IntRange(-10, 120).Draw(t, "percent")
		r, p := reserved()
		r.Quote.Total.Minor = rapid.Int64Range(0, 5000).Draw(t, "quote")
		r.Quote.Tax.Minor = rapid.Int64Range(0, r.Quote.Total.Minor).Draw(t, "tax")
		p.Authorized = rapid.Int64Range(0, 5000).Draw(t, "held")
		missed := settlement.AtNoShow(lot, r, p)
		if missed.Capture.Minor > p.Authorized || missed.Capture.Minor > r.Quote.Total.Minor || missed.CaptureTax.Minor > missed.Capture.Minor ||
			missed.Owed.Minor != 0 || missed.Void != missed.Capture.IsZero() {
			t.Fatalf("%+v", missed)
		}
		missed.Ask(p, eight)
		if p.State == payment.CaptureRequested {
			p.State = rapid.SampledFrom([]payment.State{payment.CaptureRequested, payment.Captured, payment.Voided}).Draw(t, "state")
			if p.State == payment.Captured {
				p.Captured = p.CaptureAmount
			}
		}
		s := settlement.AtExit(settlement.ExitInput{
			Parking: lot, Reservation: r, Payment: p, EnteredAt: eight,
			ExitedAt: eight.Add(time.Duration(rapid.Int64Range(0, 3000).Draw(t, "out")) * time.Minute),
		})
		if s.Capture.Minor != 0 || s.Paid.Minor+s.Lost.Minor != missed.Capture.Minor || s.Paid.Minor+s.Lost.Minor+s.Owed.Minor != s.Due.Minor {
			t.Fatalf("missed %+v, left %+v", missed, s)
		}
		if booked := missed.CaptureTax.Minor; s.OwedTax.Minor < 0 || s.OwedTax.Minor > s.Owed.Minor || s.OwedTax.Minor+min(booked, s.Tax.Minor) > s.Tax.Minor {
			t.Fatalf("tax: missed %+v, left %+v", missed, s)
		}
	})
}
