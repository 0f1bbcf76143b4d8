package settlement_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openlot/openlot/cloud/internal/parking"
	"github.com/openlot/openlot/cloud/internal/payment"
	"github.com/openlot/openlot/cloud/internal/reservation"
	"github.com/openlot/openlot/cloud/internal/settlement"
	"github.com/openlot/openlot/protocol/money"
	"github.com/openlot/openlot/protocol/tariff"
	"github.com/openlot/openlot/protocol/timerange"
)

var eight = time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)

// altmarkt costs 2.00 per started hour, 19 % tax included.
func altmarkt() *parking.Parking {
	return &parking.Parking{
		ID: "altmarkt", Timezone: "Europe/Berlin", Policy: parking.DefaultPolicy(),
		Tariff: tariff.Tariff{Format: 1, Version: 1, Currency: "EUR", Rate: 200, IntervalMinutes: 60, TaxBasisPoints: 1900},
	}
}

// reserved is a stay from 8 to 10 quoted at 4.00 and held in full.
func reserved() (*reservation.Reservation, *payment.Payment) {
	r := &reservation.Reservation{
		Window: timerange.Range{From: eight, To: eight.Add(2 * time.Hour)},
		Quote:  reservation.Quote{Total: money.New(400, "EUR"), Tax: money.New(64, "EUR")},
	}
	return r, &payment.Payment{State: payment.Authorized, Amount: money.New(400, "EUR"), Authorized: 400}
}

func TestReservationPaysItsQuoteWithinGrace(t *testing.T) {
	for name, left := range map[string]time.Time{
		"early":           eight.Add(30 * time.Minute),
		"on time":         eight.Add(2 * time.Hour),
		"end of grace":    eight.Add(2*time.Hour + 15*time.Minute),
		"before it began": eight.Add(-time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			r, p := reserved()
			s := settlement.AtExit(settlement.ExitInput{Parking: altmarkt(), Reservation: r, Payment: p, EnteredAt: eight, ExitedAt: left})
			if s.Due.Minor != 400 || s.Capture.Minor != 400 || s.CaptureTax.Minor != 64 || s.Owed.Minor != 0 || s.Void || s.Late || s.Problem != nil {
				t.Fatalf("%+v", s)
			}
		})
	}
}

func TestLateReservationPaysTheTariffAndOwesTheRest(t *testing.T) {
	r, p := reserved()
	s := settlement.AtExit(settlement.ExitInput{
		Parking: altmarkt(), Reservation: r, Payment: p, EnteredAt: eight.Add(time.Hour), ExitedAt: eight.Add(2*time.Hour + 16*time.Minute),
	})
	// Three started hours from the beginning of the reservation: 6.00, 0.96 tax.
	if s.Due.Minor != 600 || s.Tax.Minor != 96 || s.Capture.Minor != 400 || s.CaptureTax.Minor != 64 || s.Owed.Minor != 200 || s.OwedTax.Minor != 32 || !s.Late {
		t.Fatalf("%+v", s)
	}
}

// The minutes of grace are forgiven to who exceeds them, too.
func TestGraceIsForgivenToWhoExceedsIt(t *testing.T) {
	for late, want := range map[time.Duration]int64{
		15 * time.Minute: 400, 16 * time.Minute: 600, 75 * time.Minute: 600, 76 * time.Minute: 800,
	} {
		r, p := reserved()
		s := settlement.AtExit(settlement.ExitInput{Parking: altmarkt(), Reservation: r, Payment: p, EnteredAt: eight, ExitedAt: r.Window.To.Add(late)})
		if s.Due.Minor != want {
			t.Errorf("%v late: %v, want %d", late, s.Due, want)
		}
	}
}

// A space type with a factor costs its part, reserved or not.
func TestADearerSpaceCostsMore(t *testing.T) {
	lot := altmarkt()
	lot.Tariff.Factors = map[string]int{"ev": 15_000}
	walkIn := settlement.AtExit(settlement.ExitInput{Parking: lot, SpaceType: "ev", EnteredAt: eight, ExitedAt: eight.Add(61 * time.Minute)})
	r, p := reserved()
	r.SpaceType = "ev"
	late := settlement.AtExit(settlement.ExitInput{Parking: lot, SpaceType: "ev", Reservation: r, Payment: p, EnteredAt: eight, ExitedAt: r.Window.To.Add(16 * time.Minute)})
	if walkIn.Due.Minor != 600 || late.Due.Minor != 900 {
		t.Errorf("walk-in %v, late %v", walkIn.Due, late.Due)
	}
}

func TestLateReservationNeverPaysLessThanItsQuote(t *testing.T) {
	lot := altmarkt()
	lot.Tariff.Rate = 1 // the tariff has become cheaper since
	r, p := reserved()
	s := settlement.AtExit(settlement.ExitInput{Parking: lot, Reservation: r, Payment: p, EnteredAt: eight, ExitedAt: eight.Add(9 * time.Hour)})
	if s.Due.Minor != 400 || s.Owed.Minor != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestWithoutAStandingHoldEverythingIsOwed(t *testing.T) {
	for _, state := range payment.States() {
		if state == payment.Authorized {
			continue
		}
		r, p := reserved()
		p.State = state
		s := settlement.AtExit(settlement.ExitInput{Parking: altmarkt(), Reservation: r, Payment: p, EnteredAt: eight, ExitedAt: eight.Add(time.Hour)})
		if s.Capture.Minor != 0 || s.Void || s.Owed.Minor != 400 || s.OwedTax.Minor != 64 {
			t.Fatalf("%s: %+v", state, s)
		}
		if s.Ask(p, eight) || p.State != state {
			t.Fatalf("%s: a payment without a hold was asked for money", state)
		}
	}
}

func TestFreeReservationGivesItsHoldBack(t *testing.T) {
	r, p := reserved()
	r.Quote = reservation.Quote{Total: money.New(0, "EUR"), Tax: money.New(0, "EUR")}
	s := settlement.AtExit(settlement.ExitInput{Parking: altmarkt(), Reservation: r, Payment: p, EnteredAt: eight, ExitedAt: eight.Add(time.Hour)})
	if !s.Void || s.Due.Minor != 0 || !s.Ask(p, eight) || p.State != payment.VoidRequested {
		t.Fatalf("%+v, payment %s", s, p.State)
	}
}

func TestWalkInPaysTheTariff(t *testing.T) {
	s := settlement.AtExit(settlement.ExitInput{Parking: altmarkt(), EnteredAt: eight, ExitedAt: eight.Add(61 * time.Minute)})
	if s.Due.Minor != 400 || s.Owed.Minor != 400 || s.OwedTax.Minor != 64 || s.Capture.Minor != 0 || len(s.Lines) == 0 {
		t.Fatalf("%+v", s)
	}
}

func TestDoubtfulClocksFavourTheDriver(t *testing.T) {
	walkIn := func(entry, exit time.Time, entryDoubt, exitDoubt time.Duration) settlement.Settlement {
		return settlement.AtExit(settlement.ExitInput{Parking: altmarkt(), EnteredAt: entry, ExitedAt: exit, EntryDoubt: entryDoubt, ExitDoubt: exitDoubt})
	}
	if s := walkIn(eight, eight.Add(61*time.Minute), time.Minute, 0); s.Due.Minor != 200 {
		t.Errorf("a doubtful entry was priced as seen: %+v", s)
	}
	if s := walkIn(eight, eight.Add(61*time.Minute), 0, time.Minute); s.Due.Minor != 200 {
		t.Errorf("a doubtful exit was priced as seen: %+v", s)
	}
	if s := walkIn(eight, eight.Add(-24*time.Hour), 0, 0); s.Due.Minor != 0 || s.Problem != nil {
		t.Errorf("a reversed stay costs something: %+v", s)
	}
	if s := walkIn(time.Time{}, eight, 0, 0); s.Due.Minor != 0 || s.Problem != nil {
		t.Errorf("an exit without an entry costs something: %+v", s)
	}
	if s := walkIn(eight.AddDate(-2, 0, 0), eight, 0, 0); s.Due.Minor != 400*24*200 || s.Problem != nil {
		t.Errorf("a stay beyond all measure: %+v", s)
	}
	r, p := reserved()
	late := eight.Add(2*time.Hour + 20*time.Minute)
	s := settlement.AtExit(settlement.ExitInput{Parking: altmarkt(), Reservation: r, Payment: p, EnteredAt: eight, ExitedAt: late, ExitDoubt: 5 * time.Minute})
	if s.Late || s.Due.Minor != 400 {
		t.Errorf("a doubtful exit counts as late: %+v", s)
	}
}

func TestAnUnreadableTariffIsNotTheDriversProblem(t *testing.T) {
	lot := altmarkt()
	lot.Tariff = tariff.Tariff{Currency: "EUR"}
	if s := settlement.AtExit(settlement.ExitInput{Parking: lot, EnteredAt: eight, ExitedAt: eight.Add(time.Hour)}); s.Problem == nil || s.Due.Minor != 0 {
		t.Errorf("walk-in: %+v", s)
	}
	r, p := reserved()
	s := settlement.AtExit(settlement.ExitInput{Parking: lot, Reservation: r, Payment: p, EnteredAt: eight, ExitedAt: eight.Add(9 * time.Hour)})
	if s.Problem == nil || s.Due.Minor != 400 || s.Capture.Minor != 400 {
		t.Errorf("reservation: %+v", s)
	}
}

// Whatever the clocks say, nothing is negative, no hold is exceeded, and the
// parts add up to the whole, tax included.
func TestAnySettlementAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lot := altmarkt()
		lot.Tariff.Rate = rapid.Int64Range(0, 5000).Draw(t, "rate")
		lot.Tariff.TaxBasisPoints = rapid.IntRange(0, 10_000).Draw(t, "tax")
		minutes := rapid.Int64Range(-3000, 30_000)
		in := settlement.ExitInput{
			Parking:    lot,
			EnteredAt:  eight.Add(time.Duration(minutes.Draw(t, "in")) * time.Minute),
			ExitedAt:   eight.Add(time.Duration(minutes.Draw(t, "out")) * time.Minute),
			EntryDoubt: time.Duration(minutes.Draw(t, "entry doubt")) * time.Minute,
			ExitDoubt:  time.Duration(minutes.Draw(t, "exit doubt")) * time.Minute,
		}
		if rapid.Bool().Draw(t, "reserved") {
			in.Reservation, in.Payment = reserved()
			in.Payment.State = rapid.SampledFrom(payment.States()).Draw(t, "state")
			in.Payment.Authorized = rapid.Int64Range(0, 1000).Draw(t, "authorized")
		}
		s := settlement.AtExit(in)
		for name, a := range map[string]money.Amount{"due": s.Due, "tax": s.Tax, "capture": s.Capture, "capture tax": s.CaptureTax, "owed": s.Owed, "owed tax": s.OwedTax} {
			if a.Minor < 0 || a.Currency != "EUR" {
				t.Fatalf("%s is %s", name, a)
			}
		}
		if s.Capture.Minor+s.Owed.Minor != s.Due.Minor || s.CaptureTax.Minor+s.OwedTax.Minor != s.Tax.Minor {
			t.Fatalf("parts do not add up: %+v", s)
		}
		if s.CaptureTax.Minor > s.Capture.Minor || s.OwedTax.Minor > s.Owed.Minor {
			t.Fatalf("more tax than amount: %+v", s)
		}
		if in.Payment != nil && s.Capture.Minor > in.Payment.Authorized {
			t.Fatalf("captures %d of %d", s.Capture.Minor, in.Payment.Authorized)
		}
		if in.Reservation != nil && s.Due.Minor < in.Reservation.Quote.Total.Minor {
			t.Fatalf("due %d is below the quote", s.Due.Minor)
		}
	})
}
